// Goal: whatever is done to the processes, in the end the tables are what the platforms have. Method: all tables of all
// platforms, sync processes that are killed at random moments while another client changes records, and a comparison field
// by field by a witness that knows nothing of ours. `npm run sync:kill` is the same with a large account.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { runKills } from '../sync-kill/kill.ts'

let cluster: TestCluster

before(async () => {
  cluster = await testCluster()
})
after(async () => {
  await cluster?.stop()
})

test('sync processes that are killed again and again leave every table as its platform is', async () => {
  const said: string[] = []
  const options = { records: 5_000, kills: 5, seed: 20, say: (what: string) => said.push(what) }
  const { compared, changes, differs } = await runKills(cluster, options)
  assert.deepEqual(compared.differences, [], said.join('\n'))
  assert.ok(compared.tables >= 40 && compared.records > 5_000, JSON.stringify(compared))
  assert.ok(changes.made > 0 && changes.changed > 0 && changes.deleted > 0, JSON.stringify(changes))
  // the witness can tell
  assert.deepEqual(differs.tables, compared.tables)
  assert.ok(differs.differences.length > 0, 'a change that nobody followed is no difference')
})
