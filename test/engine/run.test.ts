// Goal: whatever fails at whichever step, nothing is sent twice, nothing that the platform accepted is called refused,
// and no transaction is left open. Method: a scripted conduit in place of Postgres that fails at the step of the test's
// choice; every step is tried.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  closeSql,
  lockKeysSql,
  lockSql,
  openSql,
  ourIndexSql,
  plannedSql,
  planSeal,
  proposedSql,
} from '../../src/database/index.ts'
import { type Conduit, ConnectionLost, DatabaseError, type Step } from '../../src/engine/conduit.ts'
import { type EngineDeps, type Ran, runMutation } from '../../src/engine/run.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { type Operation, type SyncedTable, tableKey } from '../../src/mutation/table.ts'

const column = (name: string) => ({
  name,
  field: name,
  type: 'text',
  insertable: name !== 'id',
  updatable: name !== 'id',
  required: false,
})
const table: SyncedTable = {
  syncId: 'sync_r',
  platform: 'salesforce',
  schema: 's',
  name: 't',
  object: 'T',
  columns: [column('id'), column('a')],
}
const id = '11111111-2222-4333-8444-555555555555'
const ticketKey = new Uint8Array(32).fill(1)
const pid = 42

interface Played {
  /** Every step that was put to Postgres, by its first words. */
  readonly log: string[]
  readonly sent: Mutation[]
  readonly applied: string[]
  /** A transaction is open. */
  open: boolean
}

interface Scene {
  readonly operation?: Operation
  readonly rows?: number
  /** What `planned` says; the number of rows when absent. */
  readonly count?: number
  readonly seal?: string
  readonly outcome?: Outcome | 'accept'
  /** Throws what it gives, in the place of the step; `nth`: how often a step of that name has come, from 1. */
  readonly fail?: (step: string, nth: number) => Error | null
  readonly abort?: boolean
  /** Milliseconds; of a clock that stands still when absent. */
  readonly now?: () => number
  readonly task?: 'carry' | 'explain'
  /** The session's sluice.dry_run. */
  readonly dry?: string
  readonly readOnly?: boolean
  /** An upsert: the first row meets one, the others are new. */
  readonly upsert?: boolean
}

const nameOf = (step: Step): string => {
  if (step.kind === 'statement') return step.phase
  if (step.sql.startsWith(openSql)) return `open ${step.parameters[0] ?? ''}`
  if (step.sql === plannedSql) return 'planned'
  if (step.sql === lockSql) return 'lock'
  if (step.sql === lockKeysSql) return 'lock keys'
  if (step.sql === proposedSql) return 'proposed'
  if (step.sql === ourIndexSql) return 'whose index'
  if (step.sql === closeSql) return 'close'
  return step.sql.split(' ')[0]?.toLowerCase() ?? ''
}

const failure = (sqlstate: string, own = false) =>
  new DatabaseError(`failed with ${sqlstate}`, { sqlstate, frame: new Uint8Array(), step: 0, own })

/** The step fails when it comes for the nth time. */
const failsAt = (step: string, at: number, sqlstate: string) => (name: string, nth: number) =>
  name === step && nth === at ? failure(sqlstate) : null

async function play(scene: Scene): Promise<Played & { ran: Ran | null; error: unknown }> {
  const { operation = 'update', rows = 2, outcome = 'accept', fail = () => null } = scene
  const { task = 'carry', dry = null, readOnly = false, upsert = false } = scene
  const met = (index: number) => upsert && index === 0
  const { count = rows, seal = planSeal(ticketKey, { mutationId: id, pid }) } = scene
  const played: Played = { log: [], sent: [], applied: [], open: false }
  const times = new Map<string, number>()
  let lost = false
  const report = (index: number) => ({
    schema: 's',
    table: 't',
    operation: met(index) ? 'update' as const : operation,
    ordinal: index + 1,
    id: operation === 'insert' && !met(index) ? null : `id${index}`,
    row: { id: operation === 'insert' && !met(index) ? null : `id${index}`, a: `new${index}` },
    before: operation === 'insert' && !met(index) ? null : { id: `id${index}`, a: 'old' },
    seal,
  })
  const answer = (step: Step, name: string) => {
    if (name === 'plan') {
      return {
        rows: [],
        reports: Array.from({ length: rows }, (_, at) => report(at)),
      }
    }
    if (name === 'planned' || name === 'proposed') return { rows: [[String(count)]], reports: [] }
    if (name === 'lock') return { rows: [[String(upsert ? 1 : rows)]], reports: [] }
    if (step.kind === 'control' && step.sql.includes('statement_timeout')) {
      return { rows: [['250', dry]], reports: [] }
    }
    return { rows: [], reports: [] }
  }
  const conduit: Conduit = {
    pid,
    serverMajor: 18,
    run: (steps) => {
      if (lost) return Promise.reject(new ConnectionLost('gone'))
      const results = []
      for (const [index, step] of steps.entries()) {
        const name = nameOf(step)
        const nth = (times.get(name) ?? 0) + 1
        times.set(name, nth)
        played.log.push(name)
        const error = fail(name, nth)
        if (error !== null) {
          lost = error instanceof ConnectionLost
          if (error instanceof DatabaseError) Object.defineProperty(error, 'step', { value: index })
          if (lost || name === 'commit') played.open = false
          return Promise.reject(error)
        }
        if (name === 'begin') played.open = true
        if (
          name === 'commit' ||
          (name === 'rollback' && step.kind === 'control' && step.sql === 'ROLLBACK')
        ) {
          played.open = false
        }
        results.push(answer(step, name))
      }
      return Promise.resolve(results)
    },
  }
  const abort = new AbortController()
  if (scene.abort) abort.abort()
  const deps: EngineDeps = {
    send: (mutation, { waitMs }) => {
      assert.equal(waitMs, 250)
      played.sent.push(mutation)
      if (outcome !== 'accept') return Promise.resolve(outcome)
      return Promise.resolve({
        state: 'accepted',
        rows: mutation.rows.map((row) => ({
          ordinal: row.ordinal,
          id: row.id ?? `new${row.ordinal}`,
          values: operation === 'delete' ? null : { a: 'theirs' },
        })),
      })
    },
    applied: (mutationId) => void played.applied.push(mutationId),
    newId: () => id,
    now: scene.now ?? (() => 0),
    login: null,
    ticketKey,
    tables: new Map([[tableKey('s', 't'), table]]),
    log: silentLog,
  }
  const request = {
    task,
    table,
    setColumns: ['a'],
    ...(upsert ? { upsert: { by: 'a', columns: ['a'] } } : {}),
    readOnly,
    signal: abort.signal,
  } as const
  const [ran, error] = await runMutation(conduit, request, deps).then(
    (ran) => [ran, null] as const,
    (thrown: unknown) => [null, thrown] as const,
  )
  return { ...played, open: played.open, ran, error }
}

const codeOf = (error: unknown): string =>
  error instanceof Fault
    ? error.data.sqlstate
    : error instanceof DatabaseError
    ? error.sqlstate
    : error instanceof Error
    ? error.name
    : 'none'

test('a mutation is planned, sent once, applied and told', async () => {
  for (const operation of ['insert', 'update', 'delete'] as const) {
    const { log, sent, applied, error, open } = await play({ operation })
    assert.equal(error, null)
    assert.equal(sent.length, 1)
    assert.equal(sent[0]?.operation, operation)
    assert.deepEqual(applied, [id])
    assert.equal(open, false)
    const lock = operation === 'insert' ? [] : ['open lock', 'lock']
    assert.deepEqual(log, [
      'begin',
      'select',
      'savepoint',
      'open plan',
      'plan',
      'planned',
      'rollback',
      ...lock,
      'savepoint',
      'open apply',
      'apply',
      'close',
      'commit',
    ])
  }
})

test('an upsert locks its keys and the rows that it meets, and is planned again under the locks', async () => {
  const { log, sent, error, open } = await play({ operation: 'insert', upsert: true })
  assert.equal(error, null)
  assert.equal(open, false)
  assert.deepEqual(sent, [{
    id,
    syncId: 'sync_r',
    schema: 's',
    table: 't',
    operation: 'insert',
    upsertBy: 'a',
    rows: [
      { ordinal: 1, id: 'id0', values: { a: 'new0' } },
      { ordinal: 2, id: null, values: { a: 'new1' } },
    ],
  }])
  assert.deepEqual(log, [
    'begin',
    'select',
    'savepoint',
    'open plan',
    'plan',
    'planned',
    'proposed',
    'rollback',
    'open lock',
    'lock keys',
    'lock',
    'savepoint',
    'open plan',
    'plan',
    'rollback',
    'lock', // the record that the platform has for the second row
    'savepoint',
    'open apply',
    'apply',
    'close',
    'commit',
  ])
})

test('an upsert whose key another one is writing starts over, before anything is sent', async () => {
  for (const [step, nth] of [['lock keys', 1], ['plan', 2]] as const) {
    const { log, sent, error } = await play({
      operation: 'insert',
      upsert: true,
      fail: (name, time) => name === step && time === nth ? failure('40001', true) : null,
    })
    assert.equal(error, null)
    assert.equal(sent.length, 1)
    assert.equal(log.filter((name) => name === 'begin').length, 2)
  }
})

test('what Postgres says of an upsert without an index, and of an older database, is said with the way out', async () => {
  const cases = [['plan', '42P10', true, /^column "a" has no unique index/], [
    'lock keys',
    '42883',
    false,
    /^the database was set up by a Sluice that has no upsert$/,
  ]] as const
  for (const [step, sqlstate, own, message] of cases) {
    for (const upsert of [true, false]) {
      const { error, sent } = await play({
        operation: upsert ? 'insert' : 'update',
        upsert,
        fail: (name) => name === (upsert ? step : 'plan') ? failure(sqlstate, own) : null,
      })
      assert.equal(codeOf(error), upsert ? '0A000' : sqlstate)
      if (upsert) assert.match((error as Fault).data.message, message)
      assert.equal(sent.length, 0)
    }
  }
  const task = 'explain'
  const { error } = await play({
    operation: 'insert',
    upsert: true,
    task,
    fail: (name) => name === 'show' ? failure('42P10', true) : null,
  })
  assert.equal(codeOf(error), '0A000')
})

test('an error of Postgres’s about an index keeps its words where nobody can be asked whose the index is', async () => {
  for (const answer of [null, failure('42501'), new ConnectionLost('gone')]) {
    const { sqlstate, frame, step, own } = failure('23505', true)
    const constraint = { schema: 's', name: 'i' }
    const fields = { sqlstate, frame, step, own, constraint }
    const violation = new DatabaseError('duplicate key', fields)
    const played = await play({
      fail: (name, nth) =>
        name === 'plan' ? violation : name === 'whose index' && nth === 1 ? answer : null,
    })
    assert.ok(played.log.includes('whose index'))
    assert.equal(played.error, violation)
    assert.equal(played.sent.length, 0)
  }
})

test('no rows: nothing is sent, nothing is told, and the statement runs where nothing can be written', async () => {
  const { log, sent, applied, error } = await play({ rows: 0 })
  assert.equal(error, null)
  assert.equal(sent.length + applied.length, 0)
  assert.deepEqual(log.slice(-3), ['open lock', 'apply', 'commit'])
})

test('an error at any step before the send sends nothing and ends the transaction', async () => {
  const whole = await play({})
  const steps = whole.log.slice(0, whole.log.lastIndexOf('savepoint'))
  for (const [index] of steps.entries()) {
    for (const error of [failure('22012', true), new ConnectionLost('gone')]) {
      let count = 0
      const played = await play({ fail: () => count++ === index ? error : null })
      assert.equal(played.error, error)
      assert.equal(played.sent.length, 0)
      assert.equal(played.open, false)
    }
  }
})

test('rows that others change are planned again, so often and no more', async () => {
  for (
    const [sqlstate, step] of [['40001', 'lock'], ['40P01', 'plan'], ['40001', 'plan']] as const
  ) {
    const third = await play({
      fail: (name, nth) => name === step && nth < 3 ? failure(sqlstate) : null,
    })
    assert.equal(third.error, null)
    assert.equal(third.sent.length, 1)
    assert.equal(third.log.filter((name) => name === 'begin').length, 3)
    const fail = (name: string) => name === step ? failure(sqlstate) : null
    const never = await play({ fail, now: () => 0 })
    assert.equal(codeOf(never.error), sqlstate)
    assert.match((never.error as DatabaseError).hint ?? '', /Nothing was sent; try again/)
    let ms = 0
    const late = await play({ fail, now: () => ms += 100 })
    assert.equal(codeOf(late.error), '57014', 'its statement_timeout is over')
    const begins = [never, late].map(({ log }) => log.filter((name) => name === 'begin').length)
    assert.deepEqual(begins, [1_000, 3])
    for (const { sent, open } of [never, late]) assert.deepEqual([sent.length, open], [0, false])
  }
})

test('what a function says that it cannot be serialized is not tried for ever, nor what is cancelled', async () => {
  const raised = failure('40001', true).with({ raised: true })
  const said = await play({ fail: (name) => name === 'plan' ? raised : null, now: () => 0 })
  assert.equal(codeOf(said.error), '40001')
  assert.equal((said.error as DatabaseError).hint, undefined, 'nobody has got ahead')
  assert.equal(said.log.filter((name) => name === 'begin').length, 10)
  const fail = (name: string) => name === 'plan' ? failure('40001') : null
  const cancelled = await play({ fail, abort: true })
  assert.equal(codeOf(cancelled.error), '57014')
  assert.equal(cancelled.log.filter((name) => name === 'begin').length, 1)
})

test('a cancel before the send sends nothing', async () => {
  const { error, sent, open } = await play({ abort: true })
  assert.equal(codeOf(error), '57014')
  assert.equal(sent.length, 0)
  assert.equal(open, false)
})

test('a refusal and an unknown outcome are told as they are, even when the connection is lost after them', async () => {
  for (const state of ['refused', 'unknown'] as const) {
    const fault = faultData(state === 'refused' ? 'duplicate' : 'outcome_unknown')
    for (const broken of [null, new ConnectionLost('gone'), failure('XX000')]) {
      const { error, sent, applied, log } = await play({
        outcome: { state, fault },
        // the first rollback is the one to the savepoint
        fail: (name, nth) => name === 'rollback' && nth > 1 ? broken : null,
      })
      assert.equal(codeOf(error), fault.sqlstate)
      assert.equal(sent.length, 1)
      assert.equal(applied.length, 0)
      assert.ok(!log.includes('open apply'))
    }
  }
})

test('a cancel that meets the ROLLBACK does not leave the transaction open', async () => {
  const { error, open } = await play({
    outcome: { state: 'refused', fault: faultData('duplicate') },
    fail: (name, nth) => name === 'rollback' && nth === 2 ? failure('57014') : null,
  })
  assert.equal(codeOf(error), '23505')
  assert.equal(open, false)
})

test('accepted, and the statement fails: the rows are written by id under the same locks, and the client knows', async () => {
  const whole = await play({})
  const steps = whole.log.slice(whole.log.indexOf('open apply'), -1)
  assert.deepEqual(steps, ['open apply', 'apply', 'close'])
  for (const step of steps) {
    for (const sqlstate of ['53100', '40001', '23505']) {
      const played = await play({
        fail: (name, time) => name === step && time === 1 ? failure(sqlstate) : null,
      })
      assert.equal(codeOf(played.error), 'SL001', step)
      assert.match((played.error as Fault).data.hint ?? '', /The rows are in s\.t/)
      assert.equal(played.sent.length, 1)
      assert.deepEqual(played.applied, [id])
      // one transaction: locks given up could be taken by somebody who then writes what is newer
      assert.equal(played.log.filter((name) => name === 'begin').length, 1)
      assert.deepEqual(played.log.slice(-4), ['rollback', 'open apply', 'close', 'commit'])
      assert.equal(played.open, false)
    }
  }
})

test('accepted, and the locks are lost with the transaction: nothing is written by id, recovery decides', async () => {
  const operation = 'insert'
  const upsert = { operation, upsert: true, fail: failsAt('lock', 2, '40001') } as const
  for (const scene of [{ fail: failsAt('commit', 1, '23503') }, upsert]) {
    const played = await play(scene)
    assert.equal(codeOf(played.error), 'SL001')
    assert.match((played.error as Fault).data.hint ?? '', /will appear/)
    assert.equal(played.sent.length, 1)
    assert.deepEqual(played.applied, [])
    assert.deepEqual(played.log.slice(-4), ['rollback', 'begin', 'open apply', 'rollback'])
    assert.equal(played.open, false)
  }
})

test('accepted in part, and the database fails: the rows that were written are written by id, or will appear', async () => {
  const told = faultData('partly_written')
  const rows = [{ ordinal: 1, id: 'id0', values: { a: 'theirs' } }]
  const outcome: Outcome = { state: 'partial', rows, others: [], fault: told }
  const again = await play({ outcome, fail: failsAt('close', 1, '40P01') })
  assert.deepEqual([codeOf(again.error), (again.error as Fault).data.hint], ['SL003', told.hint])
  assert.deepEqual(again.applied, [id])
  assert.deepEqual(again.log.slice(-4), ['rollback', 'open apply', 'close', 'commit'])
  const never = await play({
    outcome,
    fail: (name) => name === 'close' ? failure('53100') : null,
  })
  assert.match((never.error as Fault).data.hint ?? '', /will appear/)
  assert.deepEqual(never.applied, [])
  assert.equal(never.open, false)
})

test('accepted, and recovery was there first: the client hears that the rows are there', async () => {
  // the snapshot of the plan does not show it
  const played = await play({
    fail: (name, time) =>
      name === 'apply' || (name === 'close' && time === 1)
        ? failure('23505')
        : name === 'open apply' && time === 3
        ? failure('SLDUP')
        : null,
  })
  assert.match((played.error as Fault).data.hint ?? '', /The rows are in s\.t/)
  assert.deepEqual(played.applied, [])
  assert.equal(played.open, false)
})

test('accepted, and the database fails for good: the rows will appear, and the service is not told', async () => {
  const apply = (name: string) => name === 'open apply'
  for (const error of [failure('53100'), new ConnectionLost('gone')]) {
    const played = await play({ fail: (name) => apply(name) ? error : null })
    assert.equal(codeOf(played.error), 'SL001')
    assert.match((played.error as Fault).data.hint ?? '', /will appear/)
    assert.equal(played.sent.length, 1)
    assert.equal(played.applied.length, 0)
    assert.equal(played.open, false)
  }
})

test('what Postgres counts and what it reports must agree: a function could forge either', async () => {
  const { error, sent, open } = await play({ rows: 2, count: 3 })
  assert.equal(codeOf(error), '0A000')
  assert.match((error as Fault).data.detail ?? '', /planned 3 rows and reported 2/)
  assert.equal(sent.length, 0)
  assert.equal(open, false)
})

test('a report without the seal of this mutation is none', async () => {
  const { error, sent } = await play({ rows: 1, seal: 'forged' })
  assert.equal(codeOf(error), '0A000')
  assert.match((error as Fault).data.detail ?? '', /planned 1 rows and reported 0/)
  assert.equal(sent.length, 0)
})

test('under dry_run the statement is run again for its rows, and rolled back; nothing is sent', async () => {
  for (const dry of ['on', 'true', 'YES', 'y', '1', 't']) {
    const { log, sent, applied, error, open, ran } = await play({ dry })
    assert.equal(error, null, dry)
    assert.equal(sent.length + applied.length, 0)
    assert.equal(open, false)
    assert.deepEqual(log.slice(-4), ['rollback', 'open plan', 'show', 'rollback'])
    assert.ok(ran?.kind === 'foreseen')
    assert.deepEqual(ran.mutation?.rows.map((row) => row.id), ['id0', 'id1'])
  }
  for (const dry of ['off', 'false', 'NO', '0', '', 'f']) {
    assert.deepEqual((await play({ dry })).ran, { kind: 'committed' }, dry)
  }
  for (const dry of ['o', 'perhaps', '2', 'onn']) {
    const { error, sent, open } = await play({ dry })
    assert.equal(codeOf(error), '22023', dry)
    assert.equal(sent.length, 0)
    assert.equal(open, false)
  }
})

test('under dry_run a statement that changes no row is rehearsed too', async () => {
  const { log, ran } = await play({ dry: 'on', rows: 0 })
  assert.deepEqual(log.slice(-3), ['open plan', 'show', 'rollback'])
  assert.deepEqual(ran, { kind: 'foreseen', mutation: null })
})

test('EXPLAIN is shown first, then what it explains is planned, and all is rolled back', async () => {
  const { log, sent, error, open, ran } = await play({ task: 'explain', readOnly: true })
  assert.equal(error, null)
  assert.equal(sent.length, 0)
  assert.equal(open, false)
  assert.deepEqual(log, ['begin', 'select', 'show', 'open plan', 'plan', 'planned', 'rollback'])
  assert.ok(ran?.kind === 'foreseen' && ran.mutation?.rows.length === 2)
})

test('an error at any step of what is only shown leaves no transaction open', async () => {
  for (const scene of [{ dry: 'on' }, { task: 'explain' }] as const) {
    const whole = await play(scene)
    for (const [index, step] of whole.log.entries()) {
      if (step === 'rollback') continue
      let count = 0
      const failed = failure('22012', true)
      const played = await play({ ...scene, fail: () => count++ === index ? failed : null })
      assert.equal(played.error, failed, step)
      assert.equal(played.open, false)
      assert.equal(played.sent.length, 0)
    }
  }
})

test('where our ticket meets a READ ONLY transaction, Postgres is asked for its words on the statement', async () => {
  const own = failure('25006', true)
  const readOnly = await play({
    readOnly: true,
    fail: (step) => step === 'open plan' ? failure('25006') : step === 'plan' ? own : null,
  })
  assert.equal(readOnly.error, own)
  assert.equal(readOnly.open, false)
  assert.equal(readOnly.sent.length, 0)
  assert.deepEqual(readOnly.log.slice(-3), ['begin', 'plan', 'rollback'])
  const ours = failure('25006')
  const silent = await play({ fail: (step) => step === 'open plan' ? ours : null })
  assert.equal(silent.error, ours)
  assert.equal(silent.open, false)
})
