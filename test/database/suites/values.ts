// Every value through plan and apply without the loss of a digit.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { encodeTicketRows, ensureTable } from '../../../src/database/index.ts'
import type { OutcomeRow, Values } from '../../../src/mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../../src/mutation/table.ts'
import { quoteIdent } from '../../../src/lib/quote.ts'
import { close, column, openApply, refused } from '../fixture.ts'
import type { Context } from './context.ts'

const zoo: SyncedTable = {
  syncId: 'sync_z',
  platform: 'airtable',
  schema: 'we"ird schema',
  name: 'select "Table"',
  object: "it's \\ odd",
  columns: [
    column('id', 'text'),
    column('we""ird', 'text', { field: `O'Neil "x" \\` }),
    column('select', 'text'),
    column('__proto__', 'text'),
    column('numeric', 'numeric'),
    column('money_amount', 'numeric(38,10)'),
    column('bigint', 'bigint'),
    column('double', 'double precision'),
    column('flag', 'boolean'),
    column('at', 'timestamptz'),
    column('local_at', 'timestamp(3) without time zone'),
    column('day', 'date'),
    column('tags', 'text[]'),
    column('numbers', 'numeric[]'),
    column('doc', 'jsonb'),
  ],
}

/** The platform's text → what Postgres shows as text. */
const cases: Record<string, [string | null, string | null][]> = {
  'we""ird': [
    ['', ''],
    ['null', 'null'],
    ['"', '"'],
    [`'\\'`, `'\\'`],
    ['😀é\u2028\t\n', '😀é\u2028\t\n'],
    [
      '{"a":1}',
      '{"a":1}',
    ],
    ['a\0b', 'a\ufffdb'],
    ['\ud800', '\ufffd'],
    ['\\u0000', '\\u0000'],
    [null, null],
  ],
  'select': [['x', 'x']],
  ['__proto__']: [['y', 'y']],
  'numeric': [
    [
      '123456789012345678901234567890.123456789012345678901234567890',
      '123456789012345678901234567890.123456789012345678901234567890',
    ],
    ['1.10', '1.10'],
    ['-0.000000000000000000000000000001', '-0.000000000000000000000000000001'],
    ['1e3', '1000'],
    ['NaN', 'NaN'],
  ],
  'money_amount': [[
    '1234567890123456789012345678.0123456789',
    '1234567890123456789012345678.0123456789',
  ]],
  'bigint': [['9223372036854775807', '9223372036854775807'], [
    '-9223372036854775808',
    '-9223372036854775808',
  ]],
  'double': [['0.1', '0.1'], ['1.7976931348623157e+308', '1.7976931348623157e+308'], [
    '0.30000000000000004',
    '0.30000000000000004',
  ]],
  'flag': [['true', 'true'], ['false', 'false']],
  'at': [['2026-02-28T23:59:59.123456+05:30', '2026-02-28 18:29:59.123456+00'], [
    'infinity',
    'infinity',
  ]],
  'local_at': [['2026-02-28T23:59:59.123', '2026-02-28 23:59:59.123']],
  'day': [['2026-02-28', '2026-02-28'], ['0044-03-15 BC', '0044-03-15 BC']],
  'tags': [
    ['[]', '{}'],
    ['["a","b,c","d\\"e",null,"","NULL"]', '{a,"b,c","d\\"e",NULL,"","NULL"}'],
    [
      '["\\u0000\\\\u0000"]',
      '{"\ufffd\\\\u0000"}',
    ],
  ],
  'numbers': [['[1.10,123456789012345678901234567890]', '{1.10,123456789012345678901234567890}']],
  'doc': [
    [
      '{"a": 1.10, "b": [12345678901234567890123, null, "\\u00e9\\ud83d\\ude00"]}',
      '{"a": 1.10, "b": [12345678901234567890123, null, "é😀"]}',
    ],
    ['"text"', '"text"'],
    ['[]', '[]'],
    [
      '{"half": "\\ud83d", "nul": "\\u0000", "not": "\\\\u0000"}',
      '{"not": "\\\\u0000", "nul": "\ufffd", "half": "\ufffd"}',
    ],
    ['null', null],
  ],
}

const target = `${quoteIdent(zoo.schema)}.${quoteIdent(zoo.name)}`

export function valuesSuite(context: Context): void {
  before(async () => {
    const { owner, role } = context.fixture
    await ensureTable(owner.sql, zoo, { role })
  })

  for (const [name, values] of Object.entries(cases)) {
    test(`apply stores ${findColumn(zoo, name)?.type} ${JSON.stringify(name)} as the platform gave it`, async () => {
      const { client } = context.fixture
      for (const [given, stored] of values) {
        await client.run('rollback; begin')
        await client.run(`set local timezone = 'UTC'`)
        const rows: OutcomeRow[] = [{
          ordinal: 1,
          id: 'rec1',
          values: Object.fromEntries([[name, given]]),
        }]
        await openApply(client, { table: zoo, operation: 'insert', rows })
        const [row] = await client.run(
          `insert into ${target} default values returning ${quoteIdent(name)}::text as it`,
        )
        assert.equal(row?.['it'], stored)
        await client.run('rollback')
      }
    })
  }

  test('plan reports what apply can store again, under any setting of the session', async () => {
    const { client } = context.fixture
    const whole: Values = Object.fromEntries([
      ['id', 'rec1'],
      ...Object.entries(cases).map(([name, values]) => [name, values[0]?.[0] ?? null]),
    ])
    for (
      const settings of [
        [],
        [
          `extra_float_digits = -15`,
          `timezone = 'Asia/Kolkata'`,
          `datestyle = 'German'`,
          `bytea_output = 'escape'`,
        ],
      ]
    ) {
      await client.run('rollback; begin')
      for (const setting of settings) await client.run(`set local ${setting}`)
      await openApply(client, {
        table: zoo,
        operation: 'insert',
        rows: [{ ordinal: 1, id: 'rec1', values: { ...whole, double: '0.30000000000000004' } }],
      })
      await client.run(`insert into ${target} default values`)
      await close(client, { table: zoo, operation: 'insert', rows: 1 })
      const original = await client.run(`select t::text as it from ${target} t`)
      const { reports } = await client.plan(`update ${target} set id = id`)
      const row = reports[0]?.row ?? {}
      assert.equal(row['numeric'], '123456789012345678901234567890.123456789012345678901234567890')
      assert.equal(row['bigint'], '9223372036854775807')
      assert.equal(row['double'], '0.30000000000000004')
      assert.equal(row['__proto__'], 'y')
      assert.equal(Object.keys(row).length, zoo.columns.length)
      assert.match(String(row['at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.123456[+-]\d\d:\d\d$/)
      const other = { mutationId: 'aaaaaaaa-0000-4000-8000-00000000000f' }
      await client.open('apply', {
        ...other,
        rows: encodeTicketRows(zoo, 'update', [{ ordinal: 1, id: 'rec1', values: row }]),
      })
      await client.run(`update ${target} set numeric = 0, "select" = 'no', doc = null, double = 0`)
      const again = await client.run(`select t::text as it from ${target} t`)
      assert.deepEqual([...again], [...original])
      await client.run('rollback')
    }
  })

  test('an update that keeps columns keeps every digit of them', async () => {
    const { client } = context.fixture
    await client.run('rollback; begin')
    await client.run('set local extra_float_digits = -15')
    await client.open('sync')
    await client.run(`insert into ${target} (id, "double", "numeric", tags)
      values ('rec1', 0.30000000000000004, 1.10, '{a,NULL}')`)
    await openApply(client, {
      table: zoo,
      operation: 'update',
      rows: [{ ordinal: 1, id: 'rec1', values: { select: 's' } }],
    })
    await client.run(
      `update ${target} set "double" = 1, "numeric" = 2, tags = null, "select" = 'x'`,
    )
    await client.run('set local extra_float_digits = 1')
    const [row] = await client.run(
      `select "double"::text as d, "numeric"::text as n, tags::text as t, "select" as s from ${target}`,
    )
    assert.deepEqual(row, { d: '0.30000000000000004', n: '1.10', t: '{a,NULL}', s: 's' })
    await client.run('rollback')
  })

  test('a value that does not fit its column is an error of Postgres, and nothing is written', async () => {
    const { client } = context.fixture
    await client.run('rollback; begin')
    await openApply(client, {
      table: zoo,
      operation: 'insert',
      rows: [{ ordinal: 1, id: 'rec1', values: { bigint: '9223372036854775808' } }],
    })
    await refused(client.run(`insert into ${target} default values`), '22003')
    await client.run('rollback')
  })

  test('comments hold the names of the platform', async () => {
    const { owner } = context.fixture
    const [table] = await owner.run(
      `select obj_description($1::text::regclass, 'pg_class') as it`,
      [target],
    )
    assert.equal(
      table?.['it'],
      "airtable object it's \\ odd, sync sync_z. Most rows per statement: INSERT 10, UPDATE 10, DELETE 10.",
    )
    const [field] = await owner.run(`select col_description($1::text::regclass, 2) as it`, [target])
    assert.equal(field?.['it'], `O'Neil "x" \\`)
  })
}
