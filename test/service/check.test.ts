// Goal: the service checks by itself what the listener has checked, and believes no outcome that speaks of other rows
// than were sent. Method: mutations and outcomes by hand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, type FaultCode, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { checkMutation, isOutcomeOf } from '../../src/service/check.ts'
import type { Sync } from '../../src/store/syncs.ts'

const table: SyncedTable = {
  syncId: 'sync_check1',
  platform: 'github',
  schema: 'github',
  name: 'labels',
  object: 'labels',
  columns: ['id', 'name', 'repository'].map((name) => ({
    name,
    field: name,
    type: 'text',
    insertable: name !== 'id',
    updatable: name === 'name',
    required: false,
  })),
}

const syncOf = (more: Partial<SyncedTable> = {}): Sync => ({
  id: table.syncId,
  state: 'active',
  version: '1',
  connectionId: 'c',
  databaseId: 'd',
  platform: 'github',
  baseUrl: 'http://127.0.0.1:1',
  settings: {},
  schema: 'github',
  tables: [{ ...table, ...more }],
})

const mutation = (more: Partial<Mutation> = {}): Mutation => ({
  id: '00000000-0000-4000-8000-000000000001',
  syncId: table.syncId,
  schema: 'github',
  table: 'labels',
  operation: 'delete',
  rows: [{ ordinal: 1, id: 'a', values: {} }, { ordinal: 2, id: 'b', values: {} }],
  ...more,
})

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

test('an operation that the platform does not have is refused', () => {
  const refuses = { delete: { detail: 'No.', hint: 'Do otherwise.' } }
  const thrown = refused('form_not_supported', () => checkMutation(mutation(), syncOf({ refuses })))
  assert.equal(thrown.data.hint, 'Do otherwise.')
  assert.equal(checkMutation(mutation(), syncOf()).name, 'labels')
})

test('rows without what the platform addresses them by are refused', () => {
  const sync = syncOf({ keyColumns: ['repository', 'name'] })
  const key = { repository: 'o/r', name: null }
  const [first, second] = mutation().rows
  assert.ok(first && second)
  const thrown = refused(
    'bad_request',
    () => checkMutation(mutation({ rows: [{ ...first, key }, second] }), sync),
  )
  assert.match(thrown.data.message, /row 2 lacks repository, name/)
  const whole = mutation({ rows: [{ ...first, key }, { ...second, key }] })
  assert.equal(checkMutation(whole, sync).name, 'labels')
})

test('an id may be given where the platform takes one, and only with an INSERT', () => {
  const [id, ...others] = table.columns
  assert.ok(id)
  const columns = [{ ...id, insertable: true, updatable: true }, ...others]
  const row = { ordinal: 1, id: null, values: { id: 'mine', name: 'x' } }
  const insert = mutation({ operation: 'insert', rows: [row] })
  assert.equal(checkMutation(insert, syncOf({ columns })).name, 'labels')
  const assigned = refused('column_read_only', () => checkMutation(insert, syncOf()))
  assert.equal(assigned.data.column, 'id')
  const update = mutation({ operation: 'update', rows: [{ ...row, id: 'a' }] })
  refused('column_read_only', () => checkMutation(update, syncOf({ columns })))
})

test('an upsert goes by a column that the platform finds records by, with a value in every row', () => {
  const [id, ...others] = table.columns
  assert.ok(id)
  const column = (name: string, more: object = {}) => ({
    ...id,
    name,
    insertable: true,
    updatable: true,
    ...more,
  })
  const columns = [
    id,
    ...others,
    column('key', { upsert: 'unique' }),
    column('plain'),
    column('once', { updatable: false }),
  ]
  const sync = (platform: 'salesforce' | 'github'): Sync => {
    const of = syncOf({ platform, columns })
    return { ...of, platform }
  }
  const row = (ordinal: number, values: Record<string, string | null>) => ({
    ordinal,
    id: null,
    values,
  })
  const upsert = (values: Record<string, string | null>, more: Partial<Mutation> = {}) =>
    mutation({ operation: 'insert', upsertBy: 'key', rows: [row(1, values)], ...more })
  const met = upsert({ key: 'k', plain: null }, { rows: [{ ...row(1, { key: 'k' }), id: 'a' }] })
  assert.equal(checkMutation(met, sync('salesforce')).name, 'labels')
  refused('form_not_supported', () => checkMutation(met, sync('github')))
  const other = upsert({ plain: 'k' }, { upsertBy: 'plain' })
  refused('form_not_supported', () => checkMutation(other, sync('salesforce')))
  for (const values of [{ key: null, plain: 'x' }, { plain: 'x' }]) {
    const thrown = refused(
      'required_value_missing',
      () => checkMutation(upsert(values), sync('salesforce')),
    )
    assert.deepEqual([thrown.data.column, thrown.data.row], ['key', 1])
  }
  refused(
    'column_read_only',
    () => checkMutation(upsert({ key: 'k', once: 'x' }), sync('salesforce')),
  )
  const many = Array.from({ length: 201 }, (_, at) => row(at + 1, { key: `k${at}` }))
  refused('too_many_rows', () => checkMutation(upsert({}, { rows: many }), sync('salesforce')))
  checkMutation(upsert({}, { rows: many.slice(1) }), sync('salesforce'))
})

test('an upsert’s outcome may name another record than the table had', () => {
  const rows = [{ ordinal: 1, id: 'a', values: { name: 'x' } }]
  const upsert = mutation({ operation: 'insert', upsertBy: 'name', rows })
  const outcome = (id: string, values: Record<string, string> | null): Outcome => ({
    state: 'accepted',
    rows: [{ ordinal: 1, id, values }],
  })
  assert.equal(isOutcomeOf(upsert, outcome('a', {})), true)
  assert.equal(isOutcomeOf(upsert, outcome('b', {})), true)
  assert.equal(isOutcomeOf(upsert, outcome('', {})), false)
  assert.equal(isOutcomeOf(upsert, outcome('b', null)), false)
})

test('a table’s own limit of rows counts', () => {
  refused('too_many_rows', () => checkMutation(mutation(), syncOf({ rowsMax: { delete: 1 } })))
})

test('an outcome in part is believed when its rows and the others are those of the mutation', () => {
  const fault = faultData('partly_written')
  const written = { ordinal: 1, id: 'a', values: null }
  const unsent = { state: 'unsent', ordinal: 2, id: 'b' } as const
  const good: Outcome = { state: 'partial', rows: [written], others: [unsent], fault }
  assert.equal(isOutcomeOf(mutation(), good), true)
  const bad: Outcome[] = [
    { ...good, others: [] },
    { ...good, rows: [], others: [unsent] },
    { ...good, rows: [], others: [{ ...unsent, ordinal: 1 }, unsent] },
    { ...good, others: [{ ...unsent, ordinal: 1 }] },
    { ...good, rows: [{ ...written, id: 'z' }] },
    { ...good, rows: [written, { ...written, ordinal: 2 }] },
  ]
  for (const outcome of bad) assert.equal(isOutcomeOf(mutation(), outcome), false)
})
