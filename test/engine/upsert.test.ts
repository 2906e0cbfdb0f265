// Goal: what Postgres reports of an upsert becomes one row for each that was to be inserted, or a fault that says why not.
// Method: reports by hand, as the triggers make them: rows that were met first, then those that were inserted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlanReport } from '../../src/database/index.ts'
import { makeUpsertPlan } from '../../src/engine/upsert.ts'
import { Fault, type FaultCode } from '../../src/mutation/fault.ts'
import { type Column, type SyncedTable, tableKey } from '../../src/mutation/table.ts'

const column = (name: string, insertable = true, updatable = true): Column => ({
  name,
  field: name,
  type: 'text',
  insertable,
  updatable,
  required: false,
})
const table: SyncedTable = {
  syncId: 'sync_u',
  platform: 'airtable',
  schema: 'airtable',
  name: 'contacts',
  object: 'tbl',
  columns: [
    column('id', false, false),
    { ...column('email'), upsert: 'loose' },
    column('name'),
    column('note'),
    column('made', false, false),
    column('once', true, false),
  ],
}
const other = { ...table, name: 'deals' }
const tables = new Map([table, other].map((one) => [tableKey(one.schema, one.name), one]))
const upsert = { by: 'email', columns: ['name', 'email', 'own'] }

const inserted = (ordinal: number, row: Record<string, string | null>): PlanReport => ({
  schema: 'airtable',
  table: 'contacts',
  operation: 'insert',
  ordinal,
  id: null,
  row: { id: null, ...row },
  before: null,
  seal: 'seal',
})
const met = (ordinal: number, id: string, row: Record<string, string | null>): PlanReport => {
  const before = { id, email: row['email'] ?? null, name: 'before', note: 'kept', made: 'then' }
  return {
    ...inserted(ordinal, {}),
    operation: 'update',
    id,
    before,
    row: { ...before, ...row },
  }
}

const plan = (reports: readonly PlanReport[], more: { count?: number; proposed?: number } = {}) =>
  makeUpsertPlan({
    reports,
    count: reports.length,
    proposed: reports.length,
    tables,
    upsert,
    ...more,
  })

function refused(code: FaultCode, work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.code, code)
    return error
  }
  assert.fail(`no ${code}`)
}

test('no report is no plan', () => {
  assert.equal(plan([]), null)
})

test('every row has the columns that the statement names, nulls too, and the id of the row that it met', () => {
  const made = plan([
    met(1, 'recB', { email: 'b', name: null }),
    inserted(1, { email: 'a', own: 'mine' }),
  ])
  assert.deepEqual(made, {
    table,
    operation: 'insert',
    upsertBy: 'email',
    rows: [
      { ordinal: 1, id: null, values: { email: 'a', name: null } },
      { ordinal: 2, id: 'recB', values: { email: 'b', name: null } },
    ],
  })
})

test('rows that were met stand where those inserted leave room, in their order', () => {
  const made = plan([
    met(1, 'r1', { email: '1' }),
    met(2, 'r3', { email: '3' }),
    met(3, 'r6', { email: '6' }),
    inserted(2, { email: '2' }),
    inserted(4, { email: '4' }),
    inserted(5, { email: '5' }),
  ])
  assert.deepEqual(
    made?.rows.map(({ ordinal, id, values }) => [ordinal, id, values['email']]),
    [[1, 'r1', '1'], [2, null, '2'], [3, 'r3', '3'], [4, null, '4'], [5, null, '5'], [
      6,
      'r6',
      '6',
    ]],
  )
})

test('a row that a trigger keeps back or adds is not guessed at', () => {
  refused('form_not_supported', () => plan([met(1, 'r1', { email: '1' })], { proposed: 2 }))
  refused('form_not_supported', () => plan([inserted(2, { email: '1' })]))
  refused('form_not_supported', () => plan([inserted(1, { email: '1' })], { proposed: 0 }))
})

test('a row without a key is refused, row and column named', () => {
  const { data } = refused(
    'required_value_missing',
    () => plan([inserted(1, { email: 'a' }), inserted(2, { email: null, name: 'x' })]),
  )
  assert.deepEqual([data.column, data.row, data.sqlstate], ['email', 2, '23502'])
  assert.match(data.detail ?? '', /^Row 2\. Nothing was sent\.$/)
})

test('a value that the statement does not give is refused: it would be sent for some records only', () => {
  for (
    const one of [
      inserted(1, { email: 'a', note: 'default' }),
      met(1, 'r', { email: 'a', note: 'x' }),
    ]
  ) {
    const { data } = refused('form_not_supported', () => plan([one]))
    assert.equal(data.column, 'note')
    assert.match(data.hint ?? '', /add "note" = EXCLUDED\."note" to SET/)
  }
})

test('what the platform assigns, and what it takes only once, is read-only', () => {
  refused(
    'column_read_only',
    () => plan([{ ...inserted(1, { email: 'a' }), row: { id: 'recX', email: 'a' } }]),
  )
  refused('column_read_only', () => plan([met(1, 'r', { email: 'a', made: 'now' })]))
  const once = { by: 'email', columns: ['email', 'once'] }
  const reports = [inserted(1, { email: 'a', once: 'x' })]
  const input = { reports, count: 1, proposed: 1, tables, upsert: once }
  assert.equal(refused('column_read_only', () => makeUpsertPlan(input)).data.column, 'once')
})

test('ten rows go, eleven are too many, and the message says of what', () => {
  const rows = Array.from({ length: 11 }, (_, at) => inserted(at + 1, { email: `${at}` }))
  assert.equal(plan(rows.slice(1).map((row, at) => ({ ...row, ordinal: at + 1 })))?.rows.length, 10)
  const { data } = refused('too_many_rows', () => plan(rows))
  assert.match(data.message, /11 rows, but airtable takes 10 in one upsert/)
})

test('another table or a DELETE in the statement is another mutation', () => {
  const first = inserted(1, { email: 'a' })
  refused('form_not_supported', () => plan([first, { ...inserted(2, {}), table: 'deals' }]))
  refused('form_not_supported', () => plan([first, { ...met(2, 'r', {}), operation: 'delete' }]))
})

test('an object that the platform does not insert or update is not upserted', () => {
  for (const operation of ['insert', 'update'] as const) {
    const refuses = { [operation]: { detail: 'No.', hint: 'Do otherwise.' } }
    const only = new Map([['airtable.contacts', { ...table, refuses }]])
    const reports = [inserted(1, { email: 'a' })]
    const work = () => makeUpsertPlan({ reports, count: 1, proposed: 1, tables: only, upsert })
    assert.equal(refused('form_not_supported', work).data.hint, 'Do otherwise.')
  }
})
