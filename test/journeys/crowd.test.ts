// Goal: sessions that change one row at once each wait for their turn, as at Postgres, and none is told to try again.
// Method: twenty sessions of node-postgres against the whole system, with a platform that takes its time.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { startSystem, type System, writesOf } from '../help/system.ts'
import { assertMirrors } from './mirror.ts'

const sessions = 20

let system: System
before(async () => {
  system = await startSystem()
})
after(() => system?.stop())

async function inSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: system.url(), connectionTimeoutMillis: 30_000 })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

test('twenty sessions that raise one number at once have raised it by twenty', async () => {
  await inSession((client) =>
    client.query(
      `insert into salesforce.contacts (last_name, score__c) values ('Counter', 0)`,
    )
  )
  await system.clearExchanges()
  await system.mischief({ kind: 'latency', times: sessions, latencyMs: 50 })
  const raise = `update salesforce.contacts set score__c = score__c + 1 where last_name = 'Counter'`
  const counts = await Promise.all(Array.from(
    { length: sessions },
    () => inSession(async (client) => (await client.query(raise)).rowCount),
  ))
  assert.deepEqual(counts, counts.map(() => 1))
  const { rows } = await inSession((client) =>
    client.query<{ score: string }>(
      `select score__c as score from salesforce.contacts where last_name = 'Counter'`,
    )
  )
  assert.equal(Number(rows[0]?.score), sessions)
  assert.equal(writesOf(await system.exchanges()).length, sessions)
  await assertMirrors(system)
})
