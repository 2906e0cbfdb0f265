// Goal: what an organization adds to the schema: custom objects, duplicate rules, records that are locked, and whose fault
// it was that all rows were rolled back. Method: the whole adapter against the sandbox, by its values for it
// (src/sandbox/salesforce/rules.ts).

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Outcome, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'

let sandbox: Sandbox
let http: Http
let contacts: SyncedTable
let projects: SyncedTable

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  const shapes = await salesforce.describe(['Contact', 'Project__c'], caller())
  const [one, other] = shapes.map((shape) => ({
    ...shape,
    syncId: 'sync_test',
    platform: 'salesforce' as const,
    schema: 'salesforce',
  }))
  assert.ok(one && other)
  contacts = one
  projects = other
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.reset())

function caller(more: Partial<Caller> = {}): Caller {
  return {
    baseUrl: sandbox.platformUrl('salesforce'),
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  }
}

interface Row {
  readonly id?: string
  readonly values?: Values
}

interface What extends Partial<Caller> {
  readonly table?: SyncedTable
}

function mutate(
  operation: Operation,
  rows: readonly Row[],
  { table = contacts, ...more }: What = {},
): Promise<Outcome> {
  const planned = rows.map(({ id, values = {} }, i) => ({
    ordinal: i + 1,
    id: id ?? null,
    values,
  }))
  const { name, schema } = table
  const head = { id: crypto.randomUUID(), syncId: 'sync_test', schema, table: name }
  return salesforce.write({ ...head, operation, rows: planned }, table, caller(more))
}

function acceptedRows(outcome: Outcome) {
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  return outcome.rows
}

function refusal(outcome: Outcome) {
  assert.ok(outcome.state === 'refused', JSON.stringify(outcome))
  return outcome.fault
}

async function heard(): Promise<number> {
  const { body } = await http.send({
    method: 'GET',
    url: `${sandbox.url}/_exchanges`,
    waitMs: 60_000,
  })
  return body.split('\n').filter((line) => line !== '').length
}

async function namesOf(table: SyncedTable): Promise<readonly (string | null | undefined)[]> {
  const { rows } = await salesforce.page(table, null, caller())
  return rows.map(({ values }) => values['last_name'] ?? values['name'])
}

test('rows of a custom object are inserted, updated, read and deleted', async () => {
  assert.equal(projects.name, 'project__c')
  const drafts = [{ values: { name: 'Dune', budget__c: '12345678901234.56' } }, {
    values: { name: 'Arrakis', budget__c: null },
  }]
  const rows = acceptedRows(await mutate('insert', drafts, { table: projects }))
  assert.deepEqual(rows.map(({ values }) => values?.['budget__c']), [
    '12345678901234.56',
    undefined,
  ])
  const changes = rows.map(({ id }) => ({ id, values: { budget__c: '0.5' } }))
  const changed = acceptedRows(await mutate('update', changes, { table: projects }))
  assert.deepEqual(changed.map(({ values }) => values?.['budget__c']), ['0.5', '0.5'])
  const listed = await namesOf(projects)
  assert.ok(['Dune', 'Arrakis'].every((name) => listed.includes(name)))
  acceptedRows(await mutate('delete', rows.map(({ id }) => ({ id })), { table: projects }))
  assert.ok(!(await namesOf(projects)).includes('Dune'))
})

test('a duplicate rule refuses with the ids of the records that it found, and writes nothing', async () => {
  const values = { last_name: 'Idaho', email: 'duncan@duplicate.example' }
  const [first] = acceptedRows(await mutate('insert', [{ values }]))
  const fault = refusal(
    await mutate('insert', [{ values: { last_name: 'Innocent' } }, { values }]),
  )
  assert.equal(fault.sqlstate, '23505')
  assert.equal(fault.row, 2)
  assert.equal(fault.constraint, 'DUPLICATES_DETECTED')
  assert.ok(fault.detail?.includes(`(id ${first?.id})`), fault.detail)
  assert.match(fault.hint ?? '', /duplicate rule/)
  assert.ok(!(await namesOf(contacts)).includes('Innocent'))
})

test('a locked record is waited for and the rows are written once', async () => {
  const rows = [{ values: { last_name: 'Free' } }, {
    values: { last_name: 'Busy', department: 'lock 2 once' },
  }]
  assert.equal(acceptedRows(await mutate('insert', rows)).length, 2)
  assert.equal(await heard(), 3)
  const names = await namesOf(contacts)
  assert.equal(names.filter((name) => name === 'Free').length, 1)
  assert.equal(names.filter((name) => name === 'Busy').length, 1)
})

test('a record that stays locked refuses the statement after four requests', async () => {
  const fault = refusal(
    await mutate('insert', [{ values: { last_name: 'Busy', department: 'lock 9 ever' } }]),
  )
  assert.equal(fault.sqlstate, '55P03')
  assert.equal(fault.row, 1)
  assert.equal(await heard(), 4)
})

test('a lock is not waited for past the deadline, nor when the statement was cancelled', async () => {
  const rows = [{ values: { last_name: 'Busy', department: 'lock 9 late' } }]
  const attempt = () => mutate('insert', rows, { deadline: deadlineIn(1_000) })
  const isLocked = (outcome: Outcome) =>
    outcome.state === 'refused' && outcome.fault.sqlstate === '55P03'
  let late = await attempt()
  // a machine that stands still may take the second before the lock is met
  for (let tries = 1; tries < 10 && !isLocked(late); tries += 1) {
    sandbox.reset()
    late = await attempt()
  }
  assert.equal(refusal(late).sqlstate, '55P03')
  const before = await heard()
  assert.ok(before < 4, 'the fourth would be a second after the third')
  const cancel = new AbortController()
  const cancelling: Http = {
    close: () => http.close(),
    send: async (request) => {
      const response = await http.send(request)
      // within the pause before the second, and due before it however late timers are
      setTimeout(() => cancel.abort(), 20)
      return response
    },
  }
  const cancelled = await mutate('insert', rows, { signal: cancel.signal, http: cancelling })
  assert.equal(cancel.signal.aborted, true)
  assert.equal(refusal(cancelled).sqlstate, '55P03')
  assert.equal(await heard(), before + 1)
})

test('with another fault beside the lock nothing is sent again, and the fault is told', async () => {
  const rows = [
    { values: { last_name: 'Innocent' } },
    { values: { last_name: 'Wrong', email: 'nobody' } },
    { values: { last_name: 'Busy', department: 'lock 9 mixed' } },
  ]
  const fault = refusal(await mutate('insert', rows))
  assert.equal(fault.sqlstate, '23514')
  assert.equal(fault.row, 2)
  assert.equal(fault.column, 'email')
  assert.match(fault.detail ?? '', /1 more row is at fault/)
  assert.equal(await heard(), 1)
})
