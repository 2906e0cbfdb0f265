// Goal: what the platform accepted appears in the table although the database died right then, and the client is told so.
// Method: a client, a listener, a service and a database that is killed between the platform's answer and the commit.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import pg from 'pg'
import postgres from 'postgres'
import { ensureTable, installDatabase } from '../../src/database/index.ts'
import { type Cluster, startCluster } from '../../src/lib/cluster.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { startListener } from '../../src/session/listener.ts'
import { createService } from '../../src/session/service.ts'
import { backlog } from '../../src/store/backlog.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { createJournal } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { saveSync } from '../../src/store/syncs.ts'
import { recover } from '../../src/sync/recovery.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { fakeAdapter, listenerKey, testService, until } from '../service/help.ts'
import { contacts, testStore } from '../store/help.ts'

const stores = await testCluster()
const syncId = 'sync_killed1'
const table = contacts(syncId)
const ends: (() => Promise<unknown>)[] = []
let store: Store
let database: Cluster
let listenerPort: number
/** Called when the platform has accepted, before it says so. */
let onAccepted = () => Promise.resolve()

const folder = mkdtempSync(join(tmpdir(), 'sluice-killed-'))
chmodSync(folder, 0o755)

async function startDatabase(port: number): Promise<Cluster> {
  const settings = { fsync: 'off' }
  return await startCluster({ dataDir: join(folder, 'data'), port, password: 'postgres', settings })
}

async function setUp(): Promise<void> {
  const sql = postgres(database.url('postgres'), { max: 1, onnotice: () => {} })
  try {
    const address = {
      host: '127.0.0.1',
      port: database.port,
      database: 'postgres',
      user: 'postgres',
      password: 'postgres',
      sslmode: 'disable' as const,
    }
    await saveConnection(store, {
      id: 'acme',
      platform: 'salesforce',
      baseUrl: 'http://127.0.0.1:1',
      credential: { kind: 'key', key: 'k' },
    })
    const { ticketKey } = await saveDatabase(store, { id: 'demo', address }, {
      random: randomBytes,
    })
    await installDatabase(sql, { ticketKey: Buffer.from(ticketKey, 'base64') })
    await ensureTable(sql, table)
    await saveSync(store, {
      id: syncId,
      connectionId: 'acme',
      databaseId: 'demo',
      schema: 'salesforce',
      tables: [table],
      users: [{ name: 'demo', verifier: await makeVerifier('demo') }],
    })
  } finally {
    await sql.end()
  }
}

before(async () => {
  const url = await stores.createDatabase()
  store = await testStore(url)
  ends.unshift(() => store.close())
  database = await startDatabase(await freePort())
  ends.unshift(() => database.stop('immediate'))
  await setUp()
  let records = 0
  const write = async ({ rows }: Mutation): Promise<Outcome> => {
    await onAccepted()
    const made = rows.map(({ ordinal, values }) => ({ ordinal, id: `r${++records}`, values }))
    return { state: 'accepted', rows: made }
  }
  const service = await testService(url, fakeAdapter({ write }))
  ends.unshift(() => service.close())
  const server = createAdaptorServer({ fetch: service.app.fetch, overrideGlobalObjects: false })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.unshift(() => new Promise((resolve) => server.close(() => resolve(undefined))))
  const http = createHttp()
  ends.unshift(() => http.close())
  const serviceUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 10,
    handshakeWaitMs: 30_000,
    mockSecret: randomBytes(32),
    service: createService({ url: serviceUrl, listenerKey, http, log: silentLog }),
    log: silentLog,
  })
  ends.unshift(() => listener.close({ graceMs: 2_000 }))
  listenerPort = listener.port
})

after(async () => {
  for (const end of ends) await end()
  await stores.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: listenerPort,
    user: `demo.${syncId}`,
    password: 'demo',
    database: 'postgres',
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

test('the database is killed after the platform accepted: SL001 says that the rows will appear, and they do', async () => {
  const client = await connected()
  onAccepted = () => database.stop('immediate')
  const error: pg.DatabaseError = await client
    .query(`insert into salesforce.contacts (email) values ('a@x.org'), ('b@x.org')`)
    .then(() => assert.fail('it was committed'), (error) => error as pg.DatabaseError)
  await client.end().catch(() => {})
  assert.equal(error.code, 'SL001')
  assert.match(
    error.detail ?? '',
    /^2 rows were accepted by salesforce \(mutation [-0-9a-f]+\)/,
  )
  assert.match(error.detail ?? '', /will appear in salesforce\.contacts/)
  assert.match(error.hint ?? '', /Do not send the statement again/)
  const left = await backlog(store)
  assert.equal(left.notApplied.count, 1)
  const recovery = {
    store,
    journal: createJournal(store, { service: 0 }),
    log: silentLog,
    afterMs: 0,
  }
  assert.deepEqual(await recover(recovery), { applied: 0, failed: 1 })
  onAccepted = () => Promise.resolve()
  database = await startDatabase(database.port)
  // two recoveries at once: the rows come once
  await until(async () => {
    await Promise.all([recover(recovery), recover(recovery)])
    return (await backlog(store)).notApplied.count === 0
  }, 60_000)
  const again = await connected()
  const { rows } = await again.query('select email from salesforce.contacts order by email')
  assert.deepEqual(rows.map((row: { email: string }) => row.email), ['a@x.org', 'b@x.org'])
  const noted = await again.query('select outcome from sluice.mutations')
  assert.deepEqual(noted.rows, [{ outcome: 'recovered' }])
  await again.query(`insert into salesforce.contacts (email) values ('c@x.org')`)
  await again.end()
})
