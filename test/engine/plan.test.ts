// Goal: what Postgres reports becomes a mutation, or a fault that says why not. Method: reports by hand, at the limits
// and beyond, for each operation.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlanReport } from '../../src/database/index.ts'
import { makePlan, reportLimit } from '../../src/engine/plan.ts'
import { Fault, type FaultCode } from '../../src/mutation/fault.ts'
import { rowLimits } from '../../src/mutation/limits.ts'
import {
  type Column,
  operations,
  platforms,
  type SyncedTable,
  tableKey,
} from '../../src/mutation/table.ts'

const column = (name: string, insertable = true, updatable = true): Column => ({
  name,
  field: `F_${name}`,
  type: 'text',
  insertable,
  updatable,
  required: false,
})
const table: SyncedTable = {
  syncId: 'sync_p',
  platform: 'stripe',
  schema: 'hubspot',
  name: 'contacts',
  object: 'contacts',
  columns: [
    column('id', false, false),
    column('email'),
    column('note'),
    column('owner', true, false),
    column('created', false, false),
    column('state', false, true),
  ],
}
const other: SyncedTable = { ...table, name: 'deals' }
const tables = new Map([table, other].map((one) => [tableKey(one.schema, one.name), one]))

const report = (more: Partial<PlanReport> = {}): PlanReport => ({
  schema: 'hubspot',
  table: 'contacts',
  operation: 'insert',
  ordinal: 1,
  id: null,
  row: { id: null, email: null, note: null, owner: null, created: null },
  before: null,
  seal: 'seal',
  ...more,
})
const changed = (
  before: Record<string, string | null>,
  row: Record<string, string | null>,
): PlanReport => {
  const base = { id: '7', email: 'e', note: 'n', owner: 'o', created: 'c' }
  return report({
    operation: 'update',
    id: '7',
    before: { ...base, ...before },
    row: { ...base, ...before, ...row },
  })
}

const plan = (reports: readonly PlanReport[], setColumns: readonly string[] | null = null) =>
  makePlan({ reports, count: reports.length, tables, setColumns })

function refused(code: FaultCode, work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.code, code)
    return error
  }
  assert.fail(`no ${code}`)
}

test('no report is no plan', () => {
  assert.equal(plan([]), null)
})

test('an insert gives the columns that are not null, and columns of a person’s own to nobody', () => {
  const made = plan([report({ row: { id: null, email: 'e', note: '', owner: null, mine: 'x' } })])
  assert.deepEqual(made?.rows, [{ ordinal: 1, id: null, values: { email: 'e', note: '' } }])
  assert.equal(made?.operation, 'insert')
  assert.equal(made?.table, table)
})

test('a column with a name that every object has is given only where it is', () => {
  const odd = { ...table, columns: [...table.columns, column('constructor', false, false)] }
  const { row: { constructor: _none, ...row } } = report({ row: { id: null, email: 'e' } })
  const input = { count: 1, tables: new Map([['hubspot.contacts', odd]]), setColumns: null }
  const insert = makePlan({ ...input, reports: [report({ row })] })
  assert.deepEqual(insert?.rows[0]?.values, { email: 'e' })
  const update = makePlan({ ...input, reports: [changed({}, { email: 'new' })] })
  assert.deepEqual(update?.rows[0]?.values, { email: 'new' })
  const keyed = { ...odd, keyColumns: ['constructor'] }
  const tables = new Map([['hubspot.contacts', keyed]])
  const remove = report({ operation: 'delete', id: '7', before: { id: '7' } })
  const plan = makePlan({ ...input, tables, reports: [remove] })
  assert.deepEqual(plan?.rows[0]?.key, { constructor: null })
})

test('an insert may not give a column that the platform assigns, the id among them', () => {
  for (const [name, detail] of [['id', /assigns the id/], ['created', /F_created/]] as const) {
    const { data } = refused(
      'column_read_only',
      () => plan([report(), report({ ordinal: 2, row: { email: 'e', [name]: 'x' } })]),
    )
    assert.equal(data.column, name)
    assert.equal(data.row, 2)
    assert.match(data.detail ?? '', detail)
  }
})

test('an update gives the columns set, changed or not, and those that a trigger changed besides', () => {
  const set = (...names: string[]) => plan([changed({}, { note: 'm' })], names)?.rows[0]?.values
  assert.deepEqual(set('note'), { note: 'm' })
  assert.deepEqual(set('email', 'note'), { email: 'e', note: 'm' })
  assert.deepEqual(set('email'), { email: 'e', note: 'm' })
  assert.deepEqual(set('mine'), { note: 'm' })
})

test('an update whose SET list is not known gives the columns that changed, null too', () => {
  const made = plan([
    changed({}, { email: null }),
    changed({ id: '8', note: null }, { note: 'n' }),
  ])
  assert.deepEqual(made?.rows.map(({ id, values }) => ({ id, values })), [
    { id: '7', values: { email: null } },
    { id: '8', values: { note: 'n' } },
  ])
})

test('an update that changes nothing sends no column that is read-only', () => {
  assert.deepEqual(plan([changed({}, {})], ['owner', 'created'])?.rows[0]?.values, {})
})

test('an update may not change a column that cannot be updated', () => {
  for (const name of ['id', 'owner', 'created']) {
    const { data } = refused('column_read_only', () => plan([changed({}, { [name]: 'x' })], [name]))
    assert.equal(data.column, name)
    assert.equal(data.schema, 'hubspot')
  }
})

test('a column that only an INSERT gives, or only an UPDATE sets, is called so, and not computed', () => {
  const insert =
    refused('column_read_only', () => plan([report({ row: { state: 'closed' } })])).data
  const update = refused('column_read_only', () => plan([changed({}, { owner: 'x' })])).data
  assert.deepEqual(
    [insert.sqlstate, insert.message, insert.detail, insert.hint],
    [
      '428C9',
      'column "state" cannot be given in an INSERT',
      'At stripe field F_state can only be set by an UPDATE.',
      'INSERT without it, then UPDATE.',
    ],
  )
  assert.deepEqual(
    [update.sqlstate, update.message, update.detail, update.hint],
    [
      '428C9',
      'column "owner" cannot be changed',
      'At stripe field F_owner can only be given in an INSERT.',
      'Leave the column out of the statement; only a new row can have another value.',
    ],
  )
  const neither = refused('column_read_only', () => plan([changed({}, { created: 'x' })])).data
  assert.deepEqual(
    [neither.message, neither.detail],
    ['column "created" is read-only', 'stripe computes or assigns field F_created.'],
  )
  const state = changed({ state: 'open' }, { state: 'closed' })
  assert.deepEqual(plan([state], ['state'])?.rows[0]?.values, { state: 'closed' })
})

test('a row that would be changed twice is refused by its id', () => {
  const one = changed({}, { note: 'm' })
  for (const operation of ['update', 'delete'] as const) {
    const reports = [{ ...one, operation }, { ...one, operation, ordinal: 2, id: '7' }]
    const { data } = refused('form_not_supported', () => plan(reports))
    assert.deepEqual([data.sqlstate, data.message, data.row], [
      '0A000',
      'a statement may change a row once',
      2,
    ])
    assert.equal(data.detail, 'It would change the row with the id "7" twice. Nothing was sent.')
    assert.match(data.hint ?? '', /one statement for each change/)
  }
  const other = { ...one, ordinal: 2, id: '8', before: { ...one.before, id: '8' } }
  assert.equal(plan([one, { ...other, row: { ...one.row, id: '8' } }])?.rows.length, 2)
})

test('a delete gives the ids', () => {
  const gone = report({
    operation: 'delete',
    id: '9',
    before: { id: '9', email: 'e' },
    row: { id: '9' },
  })
  assert.deepEqual(plan([gone])?.rows, [{ ordinal: 1, id: '9', values: {} }])
})

test('two tables, or two operations, are two mutations', () => {
  for (const second of [report({ table: 'deals' }), changed({}, {})]) {
    const { data } = refused('form_not_supported', () => plan([report(), second]))
    assert.equal(data.message, 'two mutations in one statement are not supported')
  }
})

test('a table that belongs to no sync is told by its name', () => {
  const { data } = refused('form_not_supported', () => plan([report({ table: 'gone' })]))
  assert.match(data.detail ?? '', /hubspot\.gone/)
})

test('each platform’s limit holds to the row', () => {
  for (const platform of platforms) {
    for (const operation of operations) {
      const one = { ...table, platform }
      const limit = rowLimits[platform][operation]
      const only = new Map([[tableKey('hubspot', 'contacts'), one]])
      const row = { ...changed({}, {}), operation }
      const reports = Array.from({ length: limit }, (_, index) => ({
        ...row,
        ordinal: index + 1,
        before: { ...row.before, id: `${index}` },
        row: operation === 'insert' ? { email: 'e' } : { ...row.row, id: `${index}` },
      }))
      const input = { reports, tables: only, setColumns: null }
      assert.equal(makePlan({ ...input, count: limit })?.rows.length, limit)
      const { data } = refused('too_many_rows', () => makePlan({ ...input, count: limit + 1 }))
      assert.match(
        data.message,
        new RegExp(`${limit + 1} rows, but ${platform} takes ${limit} in one`),
      )
    }
  }
})

test('the triggers report as many rows as any operation may change', () => {
  assert.equal(reportLimit({ ...table, platform: 'hubspot' }), 100)
  assert.equal(reportLimit({ ...table, platform: 'airtable' }), 10)
})

test('an operation that the platform does not have is refused in its table’s words', () => {
  const refusal = { detail: 'Stripe keeps prices.', hint: 'Set active to false.' }
  const kept = { ...table, refuses: { delete: refusal } }
  const input = {
    reports: [{ ...changed({}, {}), operation: 'delete' as const }],
    count: 1,
    tables: new Map([[tableKey('hubspot', 'contacts'), kept]]),
    setColumns: null,
  }
  const { data } = refused('form_not_supported', () => makePlan(input))
  assert.equal(data.sqlstate, '0A000')
  assert.equal(data.message, 'stripe has no delete for contacts')
  assert.equal(data.detail, refusal.detail)
  assert.equal(data.hint, refusal.hint)
  assert.equal(makePlan({ ...input, reports: [changed({}, { note: 'm' })] })?.operation, 'update')
})

test('a table’s own limit goes before its platform’s', () => {
  const one = { ...table, rowsMax: { insert: 1 } }
  const only = new Map([[tableKey('hubspot', 'contacts'), one]])
  const input = { reports: [report({ row: { email: 'e' } })], tables: only, setColumns: null }
  assert.equal(makePlan({ ...input, count: 1 })?.rows.length, 1)
  refused('too_many_rows', () => makePlan({ ...input, count: 2 }))
})

test('what the platform addresses a record by travels as it was before the statement', () => {
  const keyed = { ...table, keyColumns: ['owner', 'note'] }
  const only = new Map([[tableKey('hubspot', 'contacts'), keyed]])
  const rowOf = (one: PlanReport) =>
    makePlan({ reports: [one], count: 1, tables: only, setColumns: null })?.rows[0]
  const update = changed({ note: null }, { note: 'new', email: 'f' })
  assert.deepEqual(rowOf(update)?.key, { owner: 'o', note: null })
  assert.deepEqual(rowOf({ ...update, operation: 'delete' })?.key, { owner: 'o', note: null })
  assert.equal(rowOf(report({ row: { email: 'e' } }))?.key, undefined)
  assert.equal(plan([update])?.rows[0]?.key, undefined)
})
