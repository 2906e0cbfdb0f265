// Goal: what the store keeps of each table: claims with fences, progress, wishes. Method: a real Postgres, two claimants.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  type Claim,
  claimTable,
  noticeTables,
  type PassState,
  releaseTable,
  renewClaim,
  saveProgress,
} from '../../src/store/claims.ts'
import { noteHints } from '../../src/store/hints.ts'
import type { Store } from '../../src/store/store.ts'
import { setSyncState } from '../../src/store/syncs.ts'
import { isFilled, listTableStates, paceOf, requestResync } from '../../src/store/tables.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

let cluster: TestCluster
let store: Store
const syncId = 'sync_test01'
const without = { connections: [], databases: [], syncs: [] }
const options = { owner: 'test', leaseMs: 30_000, without, hinted: false }

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
})
beforeEach(async () => {
  await store.sql`delete from sluice_store.table_states`
  await store.sql`delete from sluice_store.hints`
  await setSyncState(store, { id: syncId, state: 'active' })
  await noticeTables(store)
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

async function claim(given: Partial<typeof options> = {}): Promise<Claim> {
  const claimed = await claimTable(store, { ...options, ...given })
  assert.ok(claimed, 'nothing was claimed')
  return claimed
}

test('a table that nobody has looked at is waiting, and is claimed once', async () => {
  await store.sql`delete from sluice_store.table_states`
  const [state] = await listTableStates(store, { syncId })
  assert.equal(state?.phase, 'waiting')
  assert.equal(state?.dueAt, null)
  assert.equal(await claimTable(store, options), null)
  await Promise.all([noticeTables(store), noticeTables(store)])
  const both = await Promise.all([claimTable(store, options), claimTable(store, options)])
  assert.equal(both.filter((each) => each !== null).length, 1)
})

test('a lease that has ended goes to another with a greater fence, and the first can change nothing', async () => {
  const first = await claim({ leaseMs: 0 })
  const second = await claim()
  assert.ok(BigInt(second.fence) > BigInt(first.fence))
  assert.equal(await renewClaim(store, first, 30_000), false)
  const progress = { ...first.progress, phase: 'following' as const }
  assert.equal(await saveProgress(store, first, { progress }), false)
  await releaseTable(store, first, { inMs: 0 })
  assert.equal(await claimTable(store, options), null, 'the second lost its claim')
  assert.equal(await saveProgress(store, second, { progress }), true)
  assert.equal(await renewClaim(store, second, 30_000), true)
})

test('a table that was taken out and put back has a greater fence than before', async () => {
  const first = await claim()
  await store.sql`delete from sluice_store.table_states`
  await noticeTables(store)
  assert.ok(BigInt((await claim()).fence) > BigInt(first.fence))
})

test('progress comes back as it was saved, to the last letter of a cursor', async () => {
  const first = await claim()
  const pass: PassState = {
    why: 'fill',
    by: 'pages',
    pass: { xid: '742', before: true },
    start: 'a "start" \u0000\ud83d',
    stage: 'pages',
    cursor: '{"after":"ü\\u0000"}',
    after: null,
    pages: 3,
    rows: 250,
    total: 1000,
    startedAt: 1_700_000_000_123,
    restarts: 0,
  }
  const failure = { code: 'rate_limited', message: 'too many', hint: null, at: 7 } as const
  const progress = {
    ...first.progress,
    phase: 'backfill',
    pass,
    failure,
    tries: 2,
    asked: 12,
    sampled: 100,
    differing: 1,
    sampledAt: 1_700_000_000_001,
    freshAt: 1_700_000_000_002,
  } as const
  assert.equal(await saveProgress(store, first, { progress }), true)
  await releaseTable(store, first, { inMs: 0 })
  const [state] = await listTableStates(store, { syncId: null })
  assert.deepEqual(state?.pass, {
    why: 'fill',
    pages: 3,
    rows: 250,
    total: 1000,
    startedAt: 1_700_000_000_123,
  })
  assert.deepEqual(state?.failure, failure)
  assert.deepEqual(state?.agreement, { sampled: 100, differing: 1, at: 1_700_000_000_001 })
  assert.equal(state?.freshAt, 1_700_000_000_002)
  const second = await claim()
  assert.deepEqual(second.progress, progress)
})

test('a table is due when it was let go for, and at once when a hint or a wish comes meanwhile', async () => {
  await releaseTable(store, await claim(), { inMs: 600_000 })
  assert.equal(await claimTable(store, options), null)
  await noteHints(store, { syncId, hints: [{ table: 'contacts', id: '003A', keys: {} }] })
  const hinted = await claim({ hinted: true })
  await requestResync(store, { syncId, table: 'contacts' }) // while somebody has it
  await releaseTable(store, hinted, { inMs: 600_000 })
  const wanted = await claim()
  assert.equal(wanted.progress.wanted, 'asked for')
  const { progress } = wanted
  await saveProgress(store, wanted, { progress, granted: 'asked for' })
  await store.sql`delete from sluice_store.hints`
  await releaseTable(store, wanted, { inMs: 600_000 })
  assert.equal(await claimTable(store, options), null)
  assert.equal(await claimTable(store, { ...options, hinted: true }), null)
})

test('what is left alone is not claimed, and a paused table once, to be told of', async () => {
  const connections = [`connection of ${syncId}`]
  const databases = [`database of ${syncId}`]
  for (const left of [{ connections }, { databases }, { syncs: [syncId] }]) {
    assert.equal(await claimTable(store, { ...options, without: { ...without, ...left } }), null)
  }
  await setSyncState(store, { id: syncId, state: 'disabled' })
  assert.equal(await claimTable(store, { ...options, hinted: true }), null)
  const told = await claim()
  await saveProgress(store, told, { progress: { ...told.progress, phase: 'paused' } })
  await releaseTable(store, told, { inMs: 0 })
  assert.equal(await claimTable(store, options), null)
  assert.equal(isFilled(await listTableStates(store, { syncId })), true)
  await setSyncState(store, { id: syncId, state: 'active' })
  assert.equal(isFilled(await listTableStates(store, { syncId })), false)
  await claim()
})

test('a resync is asked for by table or for all, and what there is not gives nothing', async () => {
  assert.deepEqual(await requestResync(store, { syncId, table: null }), ['contacts'])
  assert.deepEqual(await requestResync(store, { syncId, table: 'nope' }), [])
  assert.deepEqual(await requestResync(store, { syncId: 'sync_nope00', table: null }), [])
})

test('the pace of a listing says how long it will go on', () => {
  const pass = { why: 'fill', pages: 10, rows: 1000, total: 3000, startedAt: 0 } as const
  assert.deepEqual(paceOf(pass, 2_000), { rowsPerSecond: 500, leftMs: 4_000 })
  assert.deepEqual(paceOf({ ...pass, total: null }, 2_000), { rowsPerSecond: 500, leftMs: null })
  assert.deepEqual(paceOf({ ...pass, rows: 0 }, 2_000), { rowsPerSecond: null, leftMs: null })
})
