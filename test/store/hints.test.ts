// Goal: a hint is noted once, forgotten only when what it says was done, and bounded. Method: a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { claimTable, noticeTables } from '../../src/store/claims.ts'
import {
  countHints,
  dropHints,
  hintsMax,
  noteHints,
  postponeHints,
  readDueHints,
} from '../../src/store/hints.ts'
import type { Store } from '../../src/store/store.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

let cluster: TestCluster
let store: Store
const syncId = 'sync_test01'
const table = 'contacts'
const hint = (id: string, keys = {}) => ({ table, id, keys })
const due = (rowsMax = 100) => readDueHints(store, { syncId, table, rowsMax })

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
})
beforeEach(async () => {
  await store.sql`delete from sluice_store.hints`
  await store.sql`delete from sluice_store.table_states`
  await noticeTables(store)
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

test('a record noted twice is one hint, and its keys stay known', async () => {
  const hints = [hint('a', { number: '1' }), hint('b'), hint('a')]
  await noteHints(store, { syncId, hints })
  await noteHints(store, { syncId, hints: [hint('a')] })
  const found = [...await due()].sort((x, y) => x.id < y.id ? -1 : 1)
  assert.deepEqual(found.map(({ id, keys }) => [id, keys]), [['a', { number: '1' }], ['b', {}]])
})

test('what was noted again while it was read is not forgotten, nor put off', async () => {
  await noteHints(store, { syncId, hints: [hint('a'), hint('b'), hint('c')] })
  const read = await due()
  await noteHints(store, { syncId, hints: [hint('a'), hint('c')] })
  const [a, b, c] = ['a', 'b', 'c'].map((id) => read.find((each) => each.id === id))
  assert.ok(a && b && c)
  await dropHints(store, { syncId, table, hints: [a, b] })
  await postponeHints(store, { syncId, table, hints: [{ hint: c, why: 'held', inMs: 60_000 }] })
  assert.deepEqual((await due()).map(({ id }) => id).sort(), ['a', 'c'])
})

test('a hint that is put off is not due before, counts its tries, and is due at once when noted again', async () => {
  await noteHints(store, { syncId, hints: [hint('a')] })
  const [a] = await due()
  assert.ok(a)
  await postponeHints(store, { syncId, table, hints: [{ hint: a, why: 'held', inMs: 60_000 }] })
  assert.deepEqual(await due(), [])
  assert.equal(await countHints(store, { syncId, table }), 1)
  await noteHints(store, { syncId, hints: [hint('a')] })
  assert.equal((await due()).length, 1)
})

test('hints for tables that there are not, and ids that nobody can keep, are left out', async () => {
  const odd = [hint(''), hint('a\u0000b'), { table: 'nope', id: 'x', keys: {} }]
  await noteHints(store, { syncId, hints: [...odd, hint('ok')] })
  await noteHints(store, { syncId: 'sync_nope00', hints: [hint('x')] })
  assert.deepEqual((await due()).map(({ id }) => id), ['ok'])
})

test('when too many wait, a listing of all records takes their place', async () => {
  const hints = Array.from({ length: hintsMax + 3_000 }, (_, at) => hint(`r${at}`))
  await noteHints(store, { syncId, hints })
  assert.equal(await countHints(store, { syncId, table }), hintsMax)
  const without = { connections: [], databases: [], syncs: [] }
  const claim = await claimTable(store, { owner: 't', leaseMs: 30_000, without, hinted: true })
  assert.equal(claim?.progress.wanted, 'too many records to read one by one')
})

test('many who note the same at once all succeed', async () => {
  const ids = Array.from({ length: 50 }, (_, at) => `r${at}`)
  await Promise.all(Array.from({ length: 20 }, (_, at) => {
    const mine = at % 2 === 0 ? ids : [...ids].reverse()
    return noteHints(store, { syncId, hints: mine.map((id) => hint(id)) })
  }))
  assert.equal((await due(1_000)).length, 50)
})
