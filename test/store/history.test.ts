// Goal: what the journal holds can be read, whatever characters it holds. Method: a journal on a real store.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import type { Outcome } from '../../src/mutation/mutation.ts'
import { listMutations, readMutation } from '../../src/store/history.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { announce, type Presence } from '../../src/store/presence.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from './help.ts'

const cluster = await testCluster()
let store: Store
let presence: Presence

before(async () => {
  store = await testStore(await cluster.createDatabase())
  await seed(store)
  presence = await announce(store, { name: 'mine', log: silentLog })
})
after(async () => {
  await presence?.leave()
  await store?.close()
  await cluster.stop()
})

/** A mutation with that outcome. */
async function settled(outcome: Outcome): Promise<string> {
  const journal = createJournal(store, presence)
  const [sync] = await store.sql<{ version: string }[]>`select version from sluice_store.syncs`
  const mutation = update()
  const hash = requestHash(mutation)
  await journal.begin(mutation, { hash, syncVersion: sync?.version ?? '', state: 'sent' })
  await journal.settle(mutation.id, outcome)
  return mutation.id
}

const row = (email: string) => ({ ordinal: 1, id: '003A', values: { email } })

test('values and faults that Postgres text cannot hold are listed and read', async () => {
  const told = faultData('validation_error', { detail: 'not \u0000 and not \ud800' })
  const outcomes: Outcome[] = [
    { state: 'accepted', rows: [row('a\u0000b')] },
    { state: 'accepted', rows: [row('a\ud800b')] },
    { state: 'refused', fault: told },
  ]
  const ids: string[] = []
  for (const outcome of outcomes) ids.push(await settled(outcome))
  const items = await listMutations(store, { syncId: 'sync_test01', limit: 10 })
  assert.deepEqual(items.map(({ id }) => id), ids.toReversed())
  assert.deepEqual(items.map((item) => item.fault), [told, null, null])
  assert.equal('outcome' in (items[0] ?? {}), false, 'a list has no outcomes')
  for (const [index, id] of ids.entries()) {
    const entry = await readMutation(store, { syncId: 'sync_test01', id })
    assert.deepEqual(entry?.outcome, outcomes[index])
  }
})

test('a mutation is read of its own sync, or of any', async () => {
  const id = await settled({ state: 'accepted', rows: [row('x')] })
  assert.equal(await readMutation(store, { syncId: 'sync_other1', id }), null)
  assert.equal((await readMutation(store, { id }))?.id, id)
})

test('times are in UTC, whatever the store is set to', async () => {
  const [item] = await store.sql.begin(async (sql) => {
    await sql`set local timezone = 'Asia/Kathmandu'`
    const ask: Store['ask'] = async (_what, question) =>
      await question(sql as unknown as Store['sql'])
    return await listMutations({ ...store, ask }, { syncId: 'sync_test01', limit: 1 })
  })
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$/
  assert.match(item?.receivedAt ?? '', form)
  assert.ok(Math.abs(Date.parse(item?.receivedAt ?? '') - Date.now()) < 600_000)
  assert.equal(item?.appliedAt, null)
})
