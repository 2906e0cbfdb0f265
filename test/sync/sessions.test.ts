// Goal: sessions are kept between two pieces of work and end in time, though nobody comes for them. Method: a real store and a
// real database that is asked who is there.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { silentLog } from '../../src/lib/log.ts'
import { installDatabase } from '../../src/database/index.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import type { Store } from '../../src/store/store.ts'
import { createSessions, type Sessions } from '../../src/sync/sessions.ts'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { eventually } from '../help/mirror.ts'
import { testStore } from '../store/help.ts'

let cluster: TestCluster
let store: Store
let sql: postgres.Sql
let sessions: Sessions | undefined

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  const url = await cluster.createDatabase()
  sql = postgres(url, { max: 1, onnotice: () => {} })
  await installDatabase(sql, { ticketKey: randomBytes(32) })
  const address = parseDatabaseUrl(url)
  await saveDatabase(store, { id: 'demo', address, owner: address }, { random: randomBytes })
})
after(async () => {
  await sessions?.close()
  await Promise.allSettled([store?.close(), sql?.end()])
  await cluster?.stop()
})

async function there(): Promise<number> {
  const rows = await sql`
    select from pg_stat_activity where application_name like '%sluice sync%'
      and datname = current_database()`
  return rows.length
}

function open(keptMs: number): Sessions {
  sessions = createSessions({ store, log: silentLog, now: Date.now, keptMs })
  return sessions
}

const pidOf = async (own: postgres.Sql) => (await own.unsafe('select pg_backend_pid() as pid'))[0]

test('a session is taken again, and all end with the process', async () => {
  const own = open(600_000)
  const first = await own.take('demo')
  const pid = await pidOf(first.sql)
  await first.release({ broken: false })
  const again = await own.take('demo')
  assert.deepEqual(await pidOf(again.sql), pid)
  const other = await own.take('demo')
  assert.notDeepEqual(await pidOf(other.sql), pid)
  await again.release({ broken: false })
  await own.close()
  await eventually(there, { holds: (count) => count === 0 })
})

test('a session that nobody comes for ends by itself, one that somebody has does not', async () => {
  const own = open(250)
  const [idle, taken] = [await own.take('demo'), await own.take('demo')]
  await idle.release({ broken: false })
  await eventually(there, { holds: (count) => count === 1 })
  assert.ok(await pidOf(taken.sql))
  await taken.release({ broken: false })
  await eventually(there, { holds: (count) => count === 0 })
})
