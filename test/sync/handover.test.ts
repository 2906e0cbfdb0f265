// Goal: a process that stalls or dies at the worst moment takes nothing away from the one that goes on; a database that has
// lost commits is filled anew. Method: a model platform, two engines, one of which stops at a chosen question to the store.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { Buffer } from 'node:buffer'
import { applyRows } from '../../src/database/index.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { readDatabase } from '../../src/store/databases.ts'
import { noteHints } from '../../src/store/hints.ts'
import type { Store } from '../../src/store/store.ts'
import { requestResync } from '../../src/store/tables.ts'
import type { Engine, EngineOptions } from '../../src/sync/engine.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror, takeAway } from '../help/mirror.ts'
import { createModelPlatform, type ModelPlatform } from '../help/model-platform.ts'

let cluster: TestCluster
let mirror: Mirror
let table: SyncedTable
let engines: Engine[] = []
const syncId = 'sync_salesforce'

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  const [first] = await mirror.add('salesforce', ['Contact'])
  assert.ok(first)
  table = first
})
beforeEach(async () => {
  await mirror.store.sql`delete from sluice_store.table_states`
  await mirror.store.sql`delete from sluice_store.hints`
  await mirror.sql.unsafe('delete from sluice.seen')
})
afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.drain({ waitMs: 60_000 })))
  engines = []
})
after(async () => {
  await mirror?.close()
  await cluster?.stop()
})

function run(model: ModelPlatform, options: Partial<EngineOptions> & { store?: Store } = {}) {
  const given = { lookMs: 25, sliceMs: 500, leaseMs: 600_000, ...options }
  const engine = mirror.engine({ adapterFor: () => model.adapter, ...given })
  engines.push(engine)
  return engine
}

interface Stalling {
  readonly store: Store
  isAsleep(): boolean
  wake(): void
}

/** A store that answers nothing from a chosen question on, as for a process that is stopped, until it is woken. */
function stalling(isMoment: (what: string) => boolean | Promise<boolean>): Stalling {
  const woken = Promise.withResolvers<void>()
  let asleep = false
  const ask: Store['ask'] = async (what, work) => {
    if (!asleep && await isMoment(what)) asleep = true
    if (asleep) await woken.promise
    return await mirror.store.ask(what, work)
  }
  return {
    store: { ...mirror.store, ask },
    isAsleep: () => asleep,
    wake: () => woken.resolve(),
  }
}

const idOf = (n: number) => `003${String(n).padStart(12, '0')}AAA`
const contact = (email: string) => ({ last_name: 'Name', email })

function modelOf(count: number): ModelPlatform {
  const model = createModelPlatform()
  for (let n = 0; n < count; n++) model.set(idOf(n), contact('old'), { told: false })
  return model
}

const emailOf = async (id: string) =>
  (await mirror.sql`select email from salesforce.contacts where id = ${id}`)[0]?.['email']
const hints = async () =>
  (await mirror.store.sql`select record_id from sluice_store.hints`).map((row) => row['record_id'])

test('a process that wakes up after another has filled the table takes away none of its hints', async () => {
  const model = modelOf(25)
  const stalled = stalling((what) => what === 'Forgetting all hints')
  run(model, { store: stalled.store })
  await eventually(async () => stalled.isAsleep(), { holds: (asleep) => asleep })
  run(model)
  await takeAway(mirror)
  await eventually(() => mirror.states(), { holds: areQuiet })
  const session = await mirror.sql.reserve()
  try {
    await session`begin`
    await session`select from salesforce.contacts where id = ${idOf(3)} for update` // a mutation
    model.set(idOf(3), contact('new'), { told: false })
    await noteHints(mirror.store, { syncId, hints: [{ table: 'contacts', id: idOf(3), keys: {} }] })
    await eventually(() => mirror.states(), { holds: ([state]) => (state?.hints ?? 0) > 0 })
    stalled.wake()
    await engines[0]?.drain({ waitMs: 60_000 })
    assert.deepEqual(await hints(), [idOf(3)])
  } finally {
    await session`rollback`
    session.release()
    stalled.wake()
  }
  await eventually(() => emailOf(idOf(3)), { holds: (email) => email === 'new' })
})

test('a process that dies at the end of a listing leaves nothing to be read one by one', async () => {
  const model = modelOf(40)
  run(model)
  await eventually(() => mirror.states(), { holds: areQuiet })
  await engines.pop()?.drain({ waitMs: 60_000 })
  await requestResync(mirror.store, { syncId, table: null })
  const isEnd = async (what: string) => {
    if (what !== 'Saving the progress of a table') return false
    const [row] = await mirror.store
      .sql`select pass->>'stage' as stage from sluice_store.table_states`
    return row?.['stage'] === 'unseen'
  }
  const dying = stalling(isEnd)
  try {
    run(model, { store: dying.store })
    await eventually(async () => dying.isAsleep(), { holds: (asleep) => asleep })
    run(model)
    await takeAway(mirror)
    await eventually(() => mirror.states(), { holds: areQuiet })
    assert.equal(model.calls.filter(({ call }) => call === 'read').length, 0)
    assert.equal(model.calls.filter(({ call }) => call === 'page').length, 8, 'listed twice')
  } finally {
    dying.wake()
  }
})

test('a database that has lost what was committed is filled anew', async () => {
  const model = modelOf(20)
  run(model)
  await eventually(() => mirror.states(), { holds: areQuiet })
  const [before] = await mirror.sql`select fence from sluice.synced`
  model.set(idOf(5), contact('new'))
  await eventually(() => emailOf(idOf(5)), { holds: (email) => email === 'new' })
  await eventually(async () => (await mirror.sql`select fence from sluice.synced`)[0]?.['fence'], {
    holds: (fence) => BigInt(fence) > BigInt(before?.['fence']),
  })
  await engines.pop()?.drain({ waitMs: 60_000 })
  // a replica takes its place that had not got the last commits
  const { ticketKey } = await readDatabase(mirror.store, 'database')
  const rows = [{ id: idOf(5), values: contact('old') }]
  const key = Buffer.from(ticketKey, 'base64')
  await applyRows(mirror.sql, { table, operation: 'upsert', rows, ticketKey: key })
  await mirror.sql`update sluice.synced set fence = ${before?.['fence']}`
  run(model)
  await eventually(() => emailOf(idOf(5)), { holds: (email) => email === 'new' })
})
