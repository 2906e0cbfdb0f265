// Goal: the line that the log has of a mutation says what became of it, for every end that there is, and no value is in it;
// the metrics agree. Method: the witness by itself, told what the engine tells.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseError } from '../../src/engine/conduit.ts'
import type { EngineEvent } from '../../src/engine/deps.ts'
import { DeadlineExceeded } from '../../src/lib/deadline.ts'
import { createLog, silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import { fault } from '../../src/mutation/fault.ts'
import { reasonOf } from '../../src/session/listener-metrics.ts'
import { DatabaseRefused } from '../../src/session/login.ts'
import { createSessionMetrics } from '../../src/session/metrics.ts'
import { Witness, type WitnessOptions } from '../../src/session/witness.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'
import { readExposition } from '../help/exposition.ts'
import { contacts } from '../help/stage.ts'

type Told = EngineEvent | 'applied'

const begun: Told = { kind: 'begun', id: 'e0c4' }
const planned: Told = { kind: 'planned', operation: 'update', rows: 2, dry: false }
const sent: Told = { kind: 'sent' }
const answered = (state: 'accepted' | 'refused' | 'unknown' | 'partial'): Told => ({
  kind: 'answered',
  state,
  fault: state === 'accepted' ? null : 'validation_error',
})

/** What the log and the metrics have, after these events and this end. */
async function witness(
  events: readonly Told[],
  error: unknown = null,
  options: Partial<WitnessOptions> = {},
) {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>)
  const registry = createMetrics({ log: silentLog })
  let clock = 0
  const one = new Witness({
    task: 'carry',
    operation: 'update',
    statement: { via: 'query', sql: new Uint8Array() },
    table: contacts,
    trace: null,
    log: createLog({ level: 'info', write }),
    metrics: createSessionMetrics(registry),
    login: 'demo',
    now: () => clock += 1000,
    ...options,
  })
  const work = () => {
    for (const event of events) {
      if (event === 'applied') one.applied()
      else one.observe(event)
    }
    if (error !== null) return Promise.reject(error)
    return Promise.resolve({ kind: 'committed' } as const)
  }
  await one.watch(work).catch((thrown: unknown) => assert.equal(thrown, error))
  return { lines, exposed: readExposition(await registry.expose()) }
}

const lost = new DatabaseError('Key (email)=(secret) already exists', {
  sqlstate: '23505',
  step: 0,
  own: true,
  frame: new Uint8Array(),
})

const ends: [state: string, events: readonly Told[], error: unknown][] = [
  ['committed', [begun, planned, sent, answered('accepted'), 'applied'], null],
  ['nothing', [begun, { kind: 'planned', operation: null, rows: 0, dry: false }], null],
  ['not_sent', [begun], lost],
  ['not_sent', [begun, planned], fault('too_many_rows')],
  ['unknown', [begun, planned, sent], new Error('a bug while it was sent')],
  ['refused', [begun, planned, sent, answered('refused')], fault('validation_error')],
  ['unknown', [begun, planned, sent, answered('unknown')], fault('outcome_unknown')],
  ['partial', [begun, planned, sent, answered('partial'), 'applied'], fault('partly_written')],
  ['not_applied', [begun, planned, sent, answered('accepted')], fault('not_yet_applied')],
  ['failed', [begun, planned, sent, answered('accepted'), 'applied'], fault('not_yet_applied')],
]

for (const [state, events, error] of ends) {
  const how = events.map((event) => event === 'applied' ? event : event.kind).join(', ')
  test(`a mutation that ends after ${how} is ${state}`, async () => {
    const { lines, exposed } = await witness(events, error)
    assert.equal(lines.length, 1)
    const [line] = lines
    assert.deepEqual([line?.['event'], line?.['mutation'], line?.['state']], [
      'mutation.done',
      'e0c4',
      state,
    ])
    assert.equal(line?.['level'], 'info')
    assert.equal(exposed.value('sluice_statements_total', { kind: 'update' }), 1)
  })
}

test('the words of Postgres, which can hold values, are not in the log; its SQLSTATE is', async () => {
  const { lines } = await witness([begun], lost)
  assert.equal(lines[0]?.['sqlstate'], '23505')
  assert.doesNotMatch(JSON.stringify(lines), /secret/)
})

test('each phase has its own time', async () => {
  const all = [begun, planned, sent, answered('accepted'), 'applied'] as const
  const { lines: [line], exposed } = await witness(all)
  assert.deepEqual(
    ['planMs', 'sendMs', 'applyMs', 'totalMs'].map((field) => line?.[field]),
    [1000, 1000, 1000, 6000],
  )
  for (const phase of ['plan', 'send', 'apply']) {
    const labels = { phase, platform: 'salesforce', operation: 'update' }
    assert.equal(exposed.value('sluice_statement_phase_seconds_sum', labels), 1, phase)
  }
})

test('a statement is counted by what it is', async () => {
  const dry: Told = { kind: 'planned', operation: 'update', rows: 1, dry: true }
  const copied = { via: 'query', sql: new Uint8Array(), copy: new Uint8Array() } as const
  const kinds: [kind: string, events: readonly Told[], options: Partial<WitnessOptions>][] = [
    ['explain', [begun], { task: 'explain' }],
    ['dry_run', [begun, dry], {}],
    ['copy', [begun], { operation: 'insert', statement: copied }],
    ['upsert', [begun], { operation: 'insert', upsert: {} }],
    ['delete', [begun], { operation: 'delete' }],
  ]
  for (const [kind, events, options] of kinds) {
    const { exposed } = await witness(events, null, options)
    const counted = exposed.series.filter(({ name, value }) =>
      name === 'sluice_statements_total' && value > 0
    )
    assert.deepEqual(counted.map(({ labels }) => labels['kind']), [kind])
  }
})

test('the HTTP door, whose mutations the service tells of, tells of those that it does not', async () => {
  const all = [begun, planned, sent, answered('accepted')] as const
  const quiet = { login: null }
  assert.deepEqual((await witness([...all, 'applied'], null, quiet)).lines, [])
  assert.equal((await witness(all, fault('not_yet_applied'), quiet)).lines.length, 1)
  assert.equal((await witness([begun], lost, quiet)).lines.length, 1)
})

test('a connection that does not become a session has a reason', () => {
  const reasons: [unknown, string][] = [
    [new DeadlineExceeded('x'), 'timeout'],
    [fault('too_many_connections'), 'too_many'],
    [fault('shutting_down'), 'shutting_down'],
    [fault('service_unreachable'), 'unreachable'],
    [fault('sync_disabled'), 'not_allowed'],
    [new ProtocolViolation('x'), 'protocol'],
    [Object.assign(new Error('x'), { data: { sqlstate: '28P01' } }), 'password'],
    [new DatabaseRefused(new Uint8Array(), new Map()), 'database_refused'],
    [fault('bad_request'), 'other'],
    [new Error('x'), 'internal'],
  ]
  for (const [error, reason] of reasons) assert.equal(reasonOf(error), reason)
})
