// Goal: a chore is done by one process at a time, and hastened only where nobody has done it lately. Method: a real Postgres.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { claimChore, hastenChore, putOffChore } from '../../src/store/chores.ts'
import type { Store } from '../../src/store/store.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

const chore = 'webhook'
const minuteMs = 60_000

let cluster: TestCluster
let store: Store

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

test('what is due within the span that is left out stays so, all else is due at once', async () => {
  const spans = [5, 34, 36, 60, 74, 76].map((minutes) => ({
    minutes,
    syncId: `sync_in_${minutes}`,
  }))
  for (const { minutes, syncId } of spans) {
    await seed(store, { id: syncId })
    await store.sql`
      insert into sluice_store.chores (sync_id, chore, due_at) values (${syncId}, ${chore}, now())`
    await putOffChore(store, { chore, syncId, inMs: minutes * minuteMs })
  }
  await seed(store, { id: 'sync_in_new' })
  const unless = { fromMs: 35 * minuteMs, toMs: 75 * minuteMs }
  await hastenChore(store, { chore, unless })
  const claimed: string[] = []
  for (let claims = 0; claims <= spans.length + 1; claims++) {
    const syncId = await claimChore(store, { chore, everyMs: minuteMs })
    if (syncId !== null) claimed.push(syncId)
  }
  assert.deepEqual(claimed.sort(), ['sync_in_34', 'sync_in_5', 'sync_in_76', 'sync_in_new'])
})
