// Goal: a platform may call an object or a field anything: its name is quoted wherever it becomes SQL, and nothing but the
// name comes of it. Method: names that would do harm unquoted, and any others, through description, table, comments, a
// statement through the proxy with RETURNING, COPY, and a recovery by id.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { applyRows, ensureTable } from '../../src/database/index.ts'
import { nameBytesMax } from '../../src/lib/name.ts'
import { quoteIdent, quoteName } from '../../src/lib/quote.ts'
import type { Column, SyncedTable } from '../../src/mutation/table.ts'
import { nameOfWords, uniqueNames } from '../../src/platforms/names.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { runsOf } from '../help/property.ts'
import { acceptAll, createStage, rawClient, type Stage } from '../help/stage.ts'

let stage: Stage
let count = 0

before(async () => {
  stage = await createStage()
  stage.carry = acceptAll()
  // who has this table has got out of the quotes
  await stage.sql`create table public.canary (x int)`
})
after(() => stage.close())

const hostile = [
  '"',
  '""',
  `a"b`,
  `'`,
  `a'; drop table public.canary; --`,
  `"; drop table public.canary; --`,
  `x" text); drop table public.canary; --`,
  '$$',
  '$1',
  '%',
  '%I%s',
  '\\',
  '\\x',
  '{t}',
  '*/ /*',
  '-- ',
  'a.b',
  ' ',
  '  a  ',
  'a\tb',
  'a\nb',
  'select',
  'table',
  'user',
  'new',
  'old',
  'constructor',
  '__proto__',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'then',
  'length',
  'name',
  'ID',
  'Id',
  'xmin_',
  'İ',
  'ß',
  'é',
  'e\u0301',
  '名前',
  '\u{1f600}',
  '\u202eabc',
  '\ufeff',
  '\ue000',
  'sluice_new',
  'r',
  'ticket',
  'planned',
  'ordinal',
  'most',
  'report',
  'changed',
  'after_statement',
  'c',
  't',
  'at',
  'excluded',
  'tg_op',
  'x'.repeat(63),
  'é'.repeat(31),
] as const

const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  field: name,
  type: 'text',
  insertable: true,
  updatable: true,
  required: false,
  ...more,
})

async function tableOf(name: string, columns: readonly string[]): Promise<SyncedTable> {
  const table: SyncedTable = {
    syncId: stage.config.id,
    platform: 'salesforce',
    schema: `${Array.from(name).slice(0, 10).join('')}_${++count}`,
    name,
    object: `object of ${name}`,
    columns: [
      column('id', { type: 'varchar(18)', insertable: false, updatable: false }),
      ...columns.map((each) => column(each)),
    ],
  }
  await ensureTable(stage.sql, table, { role: stage.role })
  return table
}

async function withClient<T>(
  tables: SyncedTable[],
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { config } = stage
  stage.config = { ...config, tables }
  const client = new pg.Client(stage.through())
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
    stage.config = config
  }
}

/** Every way in which the names of a table become SQL. */
async function exercise(table: SyncedTable): Promise<void> {
  const place = quoteName(table.schema, table.name)
  const names = table.columns.map(({ name }) => name).filter((name) => name !== 'id')
  const list = names.map(quoteIdent).join(', ')
  const values = names.map((_, index) => `v${index}`)
  const [comment] = await stage.sql`
    select obj_description(${place}::regclass, 'pg_class') as about,
      col_description(${place}::regclass, 2) as of`
  assert.ok(String(comment?.['about']).includes(table.object))
  await withClient([table], async (client) => {
    const inserted = await client.query({
      text: `insert into ${place} (${list}) values (${
        names.map((_, at) => `$${at + 1}`).join(', ')
      }) returning *`,
      values,
    })
    const id = String((inserted.rows[0] as { id: string }).id)
    assert.deepEqual(inserted.fields.map(({ name }) => name), ['id', ...names])
    const sent = stage.sent.at(-1)
    assert.deepEqual([sent?.schema, sent?.table], [table.schema, table.name])
    assert.deepEqual(
      Object.entries(sent?.rows[0]?.values ?? {}),
      names.map((name, at) => [name, `v${at}`]),
    )
    const updated = await client.query(
      `update ${place} set ${
        quoteIdent(names[0] ?? '')
      } = 'new' where id = '${id}' returning ${list}`,
    )
    assert.equal(updated.rowCount, 1)
    await applyRows(stage.sql, {
      table,
      operation: 'upsert',
      rows: [{ id, values: Object.fromEntries(names.map((name) => [name, 'by id'])) }],
      ticketKey: Buffer.from(stage.config.ticketKey, 'base64'),
    })
    const read = await client.query({ text: `select ${list} from ${place}`, rowMode: 'array' })
    assert.deepEqual(read.rows, [names.map(() => 'by id')])
    assert.equal((await client.query(`delete from ${place}`)).rowCount, 1)
  })
}

async function copyInto(table: SyncedTable): Promise<void> {
  const { config } = stage
  stage.config = { ...config, tables: [table] }
  const client = await rawClient(stage.through())
  try {
    const [, first = { name: '' }] = table.columns
    client.send(
      encodeQuery(
        `copy ${quoteName(table.schema, table.name)} (${quoteIdent(first.name)}) from stdin`,
      ),
    )
    await client.until('GE')
    client.send(
      encodeMessage('d', (writer) => writer.bytes(new TextEncoder().encode('copied\n'))),
      encodeMessage('c', () => {}),
    )
    const frames = await client.until('Z')
    assert.deepEqual(frames.map((frame) => String.fromCharCode(frame[0] ?? 0)), ['C', 'Z'])
    assert.deepEqual(stage.sent.at(-1)?.rows[0]?.values, { [first.name]: 'copied' })
  } finally {
    client.destroy()
    stage.config = config
  }
}

async function unharmed(): Promise<void> {
  assert.equal((await stage.sql`select * from public.canary`).count, 0)
}

test('a table with a column of each hostile name', async () => {
  const table = await tableOf('contacts', hostile)
  await exercise(table)
  await copyInto(table)
  await unharmed()
})

for (const name of hostile) {
  test(`a table called ${JSON.stringify(name)}`, async () => {
    await exercise(await tableOf(name, [name, 'other']))
    await unharmed()
  })
}

test('any names', async () => {
  // U+FFFD stands for what could not be decoded, and a name that holds it is not looked into
  const any = fc.string({ minLength: 1, maxLength: 15, unit: 'binary' })
    .map((text) => text.toWellFormed().replaceAll(/[\0\ufffd]/g, ''))
    .filter((text) =>
      text !== '' && Buffer.byteLength(text) <= nameBytesMax && !['id', '__proto__'].includes(text)
    )
    .filter((text) => !['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'].includes(text))
  await fc.assert(
    fc.asyncProperty(
      any,
      fc.uniqueArray(any, { minLength: 1, maxLength: 5 }),
      async (name, columns) => {
        await exercise(await tableOf(name, columns))
      },
    ),
    runsOf(12),
  )
  await unharmed()
})

test('what a platform calls its fields becomes names that Postgres takes, each its own', async () => {
  const fields = [
    ...hostile,
    ...hostile.map((name) => name.toUpperCase()),
    'id',
    'ctid',
    'x'.repeat(500),
    'a\0b',
    '',
    '1st',
  ]
  const names = uniqueNames([...new Set(fields)], nameOfWords, ['id'])
  const given = [...names.values()]
  assert.equal(new Set(given).size, given.length)
  for (const name of given) {
    assert.ok(Buffer.byteLength(name) <= nameBytesMax && name !== '' && !name.includes('\0'), name)
  }
  await exercise(await tableOf('described', given))
})

test('a name that cannot be one is refused before any SQL', async () => {
  await assert.rejects(tableOf('contacts', ['a\0b']), RangeError)
  await assert.rejects(tableOf('a\0b', ['x']))
  assert.throws(() => quoteIdent('\0'), RangeError)
})
