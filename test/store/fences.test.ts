// Goal: whoever has lost a table takes none of its hints away; a database that has lost commits is noticed by its fence, and
// its table is filled anew. Method: a real store, tables claimed by two processes.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  type Claim,
  claimTable,
  confirmFence,
  noticeTables,
  releaseTable,
} from '../../src/store/claims.ts'
import { dropHintsUntil, newestHint, noteHints, readDueHints } from '../../src/store/hints.ts'
import type { Store } from '../../src/store/store.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

let cluster: TestCluster
let store: Store
const syncId = 'sync_test01'
const without = { connections: [], databases: [], syncs: [] }

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
})
beforeEach(async () => {
  await store.sql`delete from sluice_store.table_states`
  await store.sql`delete from sluice_store.hints`
  await noticeTables(store)
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

async function claim({ leaseMs = 30_000 } = {}): Promise<Claim> {
  const claimed = await claimTable(store, { owner: 'test', leaseMs, without, hinted: false })
  assert.ok(claimed, 'nothing was claimed')
  return claimed
}

const note = async (...ids: string[]) => {
  const hints = ids.map((id) => ({ table: 'contacts', id, keys: {} }))
  await noteHints(store, { syncId, hints })
}

const due = async () =>
  (await readDueHints(store, { syncId, table: 'contacts', rowsMax: 10 })).map(({ id }) => id).sort()

test('hints up to a version are forgotten, and what is noted afterwards stays', async () => {
  const held = await claim()
  await note('1', '2', '3')
  const version = await newestHint(store)
  await note('2', '4')
  await dropHintsUntil(store, held, version)
  assert.deepEqual(await due(), ['2', '4'])
})

test('whoever has lost the table forgets none of its hints', async () => {
  const stalled = await claim({ leaseMs: 0 })
  await note('1')
  const version = await newestHint(store)
  const held = await claim()
  await dropHintsUntil(store, stalled, version)
  assert.deepEqual(await due(), ['1'])
  await dropHintsUntil(store, held, version)
  assert.deepEqual(await due(), [])
})

test('a store that has never had a hint has a version all the same', async () => {
  await store.sql`alter sequence sluice_store.hint_versions restart`
  assert.equal(await newestHint(store), '0')
  await note('1')
  assert.equal(await newestHint(store), '1')
})

test('a fence less than the one that was confirmed asks for a new filling, at once', async () => {
  const first = await claim()
  assert.equal(first.confirmed, null)
  assert.equal(await confirmFence(store, first, null), false, 'nothing was known of the database')
  await releaseTable(store, first, { inMs: 0 })

  const second = await claim()
  assert.equal(second.confirmed, first.fence)
  assert.equal(await confirmFence(store, second, first.fence), false)
  await releaseTable(store, second, { inMs: 0 })

  const third = await claim()
  assert.equal(third.progress.wanted, null)
  assert.equal(await confirmFence(store, third, first.fence), true)
  await releaseTable(store, third, { inMs: 60_000 })
  const fourth = await claim()
  assert.equal(fourth.progress.wanted, 'the database was put back to an earlier state')
  assert.equal(await confirmFence(store, fourth, third.fence), false)
})

test('so does a database that has no fence any more; one that is further than was known does not', async () => {
  const first = await claim()
  await confirmFence(store, first, null)
  await releaseTable(store, first, { inMs: 0 })
  const second = await claim({ leaseMs: 0 }) // has taken the table, and ends before it could say so
  const third = await claim()
  assert.equal(await confirmFence(store, second, first.fence), false, 'it is lost')
  assert.equal(await confirmFence(store, third, second.fence), false)
  await releaseTable(store, third, { inMs: 0 })
  assert.equal(await confirmFence(store, await claim(), null), true)
})
