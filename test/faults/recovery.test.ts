// Goal: recovery never overwrites what is newer, and nothing that it cannot apply keeps it from the rest. Method: a real
// store and a real customer's database; the journal is brought to the states that crashes and late answers leave.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import postgres from 'postgres'
import { applyRows, ensureTable, installDatabase } from '../../src/database/index.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Mutation, Outcome, OutcomeRow } from '../../src/mutation/mutation.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, saveSync, setSyncState } from '../../src/store/syncs.ts'
import { recover } from '../../src/sync/recovery.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { contacts, testStore } from '../store/help.ts'

const cluster = await testCluster()
const [syncId, deadSyncId] = ['sync_recov1', 'sync_dead01'] as const
const table = contacts(syncId)
let store: Store
let journal: Journal
let sql: postgres.Sql
let ticketKey: Uint8Array

const addressOf = (url: string, port: number) => ({
  host: '127.0.0.1',
  port,
  database: new URL(url).pathname.slice(1),
  user: 'postgres',
  password: 'postgres',
  sslmode: 'disable' as const,
})

async function makeSync(id: string, address: ReturnType<typeof addressOf>): Promise<Uint8Array> {
  const random = randomBytes
  const { ticketKey } = await saveDatabase(store, { id: `db_${id}`, address }, { random })
  await saveSync(store, {
    id,
    connectionId: 'acme',
    databaseId: `db_${id}`,
    schema: 'salesforce',
    tables: [contacts(id)],
    users: [],
  })
  return Buffer.from(ticketKey, 'base64')
}

before(async () => {
  store = await testStore(await cluster.createDatabase())
  journal = createJournal(store, { service: 1 })
  const url = await cluster.createDatabase()
  sql = postgres(url, { max: 4, onnotice: () => {} })
  await saveConnection(store, {
    id: 'acme',
    platform: 'salesforce',
    baseUrl: 'http://127.0.0.1:1',
    credential: { kind: 'key', key: 'k' },
  })
  ticketKey = await makeSync(syncId, addressOf(url, cluster.port))
  await makeSync(deadSyncId, addressOf(url, await freePort()))
  await installDatabase(sql, { ticketKey })
  await ensureTable(sql, table)
})

after(async () => {
  await Promise.allSettled([store?.close(), sql?.end()])
  await cluster.stop()
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.mutations`
  const ids = await sql<{ id: string }[]>`select id from salesforce.contacts`
  const rows = ids.map(({ id }) => ({ id, values: null }))
  await applyRows(sql, { table, operation: 'delete', rows, ticketKey })
})

type Answered = Omit<OutcomeRow, 'ordinal'>

const deps = () => ({ store, journal, log: silentLog, afterMs: 0 })
const emails = async () =>
  (await sql`select email from salesforce.contacts order by id`).map(({ email }) => String(email))
const fill = (rows: readonly Answered[]) =>
  applyRows(sql, { table, operation: 'upsert', rows, ticketKey })

/** Writes a mutation into the journal as sent. */
async function send(answered: readonly Answered[], sync: string = syncId): Promise<Mutation> {
  const mutation: Mutation = {
    id: randomUUID(),
    syncId: sync,
    schema: 'salesforce',
    table: 'contacts',
    operation: 'update',
    rows: answered.map(({ id, values }, index) => ({
      ordinal: index + 1,
      id,
      values: values ?? {},
    })),
  }
  const { version: syncVersion } = await readSync(store, sync)
  await journal.begin(mutation, { hash: requestHash(mutation), syncVersion, state: 'sent' })
  return mutation
}

async function answer({ id }: Mutation, answered: readonly Answered[]): Promise<void> {
  const rows = answered.map((row, index) => ({ ordinal: index + 1, ...row }))
  const outcome: Outcome = { state: 'accepted', rows }
  assert.ok(await journal.settle(id, outcome))
}

async function accepted(answered: readonly Answered[], sync: string = syncId): Promise<Mutation> {
  const mutation = await send(answered, sync)
  await answer(mutation, answered)
  return mutation
}

const row = (email: string, id = 'r1'): Answered => ({ id, values: { email } })

test('a mutation that commits while recovery waits for its row is newer and stays', async () => {
  await fill([row('before')])
  await accepted([row('left behind')])
  const live = await sql.reserve()
  try {
    await live`begin`
    await live`select from salesforce.contacts where id = 'r1' for update`
    const recovering = recover(deps())
    await waiting()
    // the live mutation is answered and applied, as a listener does it, before it lets go of its row
    const mutation = await accepted([row('newer')])
    await journal.applied([mutation.id])
    const begin = (work: (tx: unknown) => Promise<unknown>) => work(live)
    const within = { begin } as unknown as postgres.Sql
    await applyRows(within, { table, operation: 'upsert', rows: [row('newer')], ticketKey })
    await live`commit`
    assert.deepEqual(await recovering, { applied: 1, failed: 0 })
  } finally {
    live.release()
  }
  assert.deepEqual(await emails(), ['newer'])
})

/** Until somebody waits for a row of the customer's database. */
async function waiting(): Promise<void> {
  for (let tries = 0; tries < 6_000; tries++) {
    const [found] = await sql`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`
    if (Number(found?.['count']) > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('Recovery waits for nothing')
}

test('an answer that comes late does not undo what was sent after it', async () => {
  await fill([row('before')])
  const first = await send([row('first')])
  const second = await accepted([row('second')])
  await journal.applied([second.id])
  await fill([row('second')])
  await answer(first, [row('first')])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.deepEqual(await emails(), ['second'])
})

test('text that Postgres cannot hold in one outcome does not keep the others from being applied', async () => {
  await accepted([row('left behind')])
  await accepted([{ id: 'r2', values: { email: 'cut \ud83d and \0', name: null } }])
  assert.deepEqual(await recover(deps()), { applied: 2, failed: 0 })
  assert.deepEqual(await emails(), ['left behind', 'cut \ufffd and \ufffd'])
})

test('a database that is gone, however much is left for it, does not keep recovery from the others', async () => {
  for (let count = 0; count < 101; count++) await accepted([row('nowhere')], deadSyncId)
  await accepted([row('left behind')])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 101 })
  assert.deepEqual(await emails(), ['left behind'])
})

test('recovery that is ended before its commit leaves nothing behind, and is done again', async () => {
  await fill([row('before')])
  await accepted([row('left behind')])
  const live = await sql.reserve()
  try {
    await live`begin`
    await live`select from salesforce.contacts where id = 'r1' for update`
    const recovering = recover(deps())
    await waiting()
    const ended = await sql`
      select pg_cancel_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'sluice recovery'
        and wait_event_type = 'Lock'`
    assert.equal(ended.count, 1)
    assert.deepEqual(await recovering, { applied: 0, failed: 1 })
  } finally {
    await live`rollback`
    live.release()
  }
  assert.deepEqual(await emails(), ['before'])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.deepEqual(await emails(), ['left behind'])
})

test('recovery that is killed after its commit has applied: the next one writes nothing', async () => {
  await fill([row('before')])
  const { id } = await accepted([row('left behind')])
  const killed = { ...journal, applied: () => Promise.reject(new Error('killed')) }
  assert.deepEqual(await recover({ ...deps(), journal: killed }), { applied: 0, failed: 1 })
  assert.deepEqual(await emails(), ['left behind'])
  await fill([row('newer, from the platform')])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.deepEqual(await emails(), ['newer, from the platform'])
  const [state] = await store.sql`select state from sluice_store.mutations where id = ${id}`
  assert.equal(state?.['state'], 'applied')
})

test('what was accepted before its sync was disabled is applied all the same', async () => {
  await accepted([row('left behind')])
  await setSyncState(store, { id: syncId, state: 'disabled' })
  try {
    assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  } finally {
    await setSyncState(store, { id: syncId, state: 'active' })
  }
  assert.deepEqual(await emails(), ['left behind'])
})
