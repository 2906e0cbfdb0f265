// Goal: a value that goes in by COPY is the value that goes in as JSON, whatever is in it. Method: both ways into a real
// table with columns of many types; values drawn at random.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import postgres from 'postgres'
import { encodeCopy } from '../../src/database/copy.ts'
import { encodeRows } from '../../src/database/rows.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { reserveSession, type Session } from '../../src/sync/writer-session.ts'
import { testCluster } from '../help/cluster.ts'
import { runsOf } from '../help/property.ts'
import { column } from './fixture.ts'

const types = {
  words: 'text',
  short: 'varchar(80)',
  figure: 'numeric',
  ratio: 'float8',
  count: 'bigint',
  flag: 'boolean',
  moment: 'timestamptz',
  day: 'date',
  document: 'jsonb',
  list: 'text[]',
  figures: 'numeric[]',
  documents: 'jsonb[]',
}

const table: SyncedTable = {
  syncId: 'sync_copy01',
  platform: 'salesforce',
  schema: 'public',
  name: 'kinds',
  object: 'Kind',
  columns: [
    column('id', 'text'),
    ...Object.entries(types).map(([name, type]) => column(name, type)),
  ],
}

const cluster = await testCluster()
let sql: postgres.Sql
let session: Session

before(async () => {
  sql = postgres(await cluster.createDatabase(), { max: 2, onnotice: () => {} })
  const columns = table.columns.map(({ name, type }) => `${name} ${type}`).join(', ')
  await sql.unsafe(`create table kinds (${columns}); create table copied (${columns})`)
  session = await reserveSession(sql)
})

after(async () => {
  session?.release()
  await sql?.end({ timeout: 2 })
  await cluster.stop()
})

const digits = fc.tuple(fc.bigInt(), fc.nat(999_999)).map(([whole, part]) => `${whole}.${part}`)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '\\N',
    '\\.',
    '\t',
    '\r\n',
    '\\',
    '\\\\n',
    '\u0000',
    '\ud800x',
    '"',
    '{}',
    'NULL',
    '',
    ' ',
  ),
)
const json = fc.oneof(
  fc.json(),
  text.map((one) => JSON.stringify({ [one]: one })),
  digits.map((one) => `{"n": ${one}}`),
)
const listOf = (item: fc.Arbitrary<string>) =>
  fc.array(fc.oneof(item, fc.constant('null')), { minLength: 1 }).map((items) =>
    `[ ${items.join(' , ')}]`
  )
const orNull = (value: fc.Arbitrary<string>) => fc.option(value, { nil: null })

const values = fc.record({
  words: orNull(text),
  short: orNull(fc.string({ unit: 'grapheme', maxLength: 20 })),
  figure: orNull(digits),
  ratio: orNull(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
  count: orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  flag: orNull(fc.constantFrom('true', 'false')),
  moment: orNull(fc.constantFrom('2026-01-05T08:00:00.123456+02:00', 'infinity')),
  day: orNull(fc.constantFrom('2026-02-28', '0001-01-01 BC')),
  document: orNull(json),
  list: orNull(listOf(text.map((one) => JSON.stringify(one)))),
  figures: orNull(listOf(digits)),
  documents: orNull(
    listOf(fc.jsonValue().filter((one) => !Array.isArray(one)).map((one) => JSON.stringify(one))),
  ),
})

test('both ways give the same row', async () => {
  const rows = fc.array(values, { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(rows, text, async (given, odd) => {
      const all = given.map((values, at) => ({ id: `${at}${odd}`, values }))
      await sql.unsafe('truncate kinds; truncate copied')
      await sql.unsafe(
        'insert into kinds select * from jsonb_populate_recordset(null::kinds, $1::text::jsonb)',
        [encodeRows(table, all)],
      )
      await session.copy('copy copied from stdin', encodeCopy(table, all, { before: () => [] }))
      const differing = await sql`
        select kinds::text as "as JSON", copied::text as "by COPY" from kinds full join copied using (id)
        where kinds *<> copied or kinds.id is null or copied.id is null`
      assert.deepEqual([...differing], [])
    }),
    runsOf(60),
  )
})

test('what is no JSON is refused, and its place named', () => {
  const rows = [{ id: '1', values: { list: '[1' } }]
  assert.throws(() => encodeCopy(table, rows, { before: () => [] }), {
    name: 'RangeError',
    message: 'Cannot read the value of public.kinds.list as JSON',
  })
})
