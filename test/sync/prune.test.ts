// Goal: the journal and the note of what is applied are bounded by age, and nothing is forgotten that is still needed.
// Method: a real store and a real customer's database whose rows are made older.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import postgres from 'postgres'
import { applyRows, ensureTable, installDatabase, pruneApplied } from '../../src/database/index.ts'
import { silentLog } from '../../src/lib/log.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import { announce, type Presence } from '../../src/store/presence.ts'
import { pruneMutations } from '../../src/store/prune.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { prune } from '../../src/sync/prune.ts'
import { recover } from '../../src/sync/recovery.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts, testStore } from '../store/help.ts'

const cluster = await testCluster()
const syncId = 'sync_prune1'
const table = contacts(syncId)
const dayMs = 86_400_000
let store: Store
let presence: Presence
let journal: Journal
let sql: postgres.Sql
let ticketKey: Uint8Array

before(async () => {
  store = await testStore(await cluster.createDatabase())
  presence = await announce(store, { name: 'mine', log: silentLog })
  journal = createJournal(store, presence)
  const url = await cluster.createDatabase()
  sql = postgres(url, { max: 2, onnotice: () => {} })
  const address = {
    host: '127.0.0.1',
    port: cluster.port,
    database: new URL(url).pathname.slice(1),
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
  const database = await saveDatabase(store, { id: 'demo', address }, { random: randomBytes })
  ticketKey = Buffer.from(database.ticketKey, 'base64')
  await installDatabase(sql, { ticketKey })
  await ensureTable(sql, table)
  await ensureTable(sql, { ...table, name: 'accounts' })
  await saveSync(store, {
    id: syncId,
    connectionId: 'acme',
    databaseId: 'demo',
    schema: 'salesforce',
    tables: [table, { ...table, name: 'accounts' }],
    users: [],
  })
})

after(async () => {
  await presence?.leave()
  await Promise.allSettled([store?.close(), sql?.end()])
  await cluster.stop()
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.mutations`
  await sql`delete from sluice.applied`
})

const deps = (keepDays = 30) => ({
  store,
  log: silentLog,
  keepMs: keepDays * dayMs,
  now: Date.now,
  signal: new AbortController().signal,
})

const accepted: Outcome = {
  state: 'accepted',
  rows: [{ ordinal: 1, id: 'r1', values: { email: 'a@x.org' } }],
}

async function mutated(outcome: Outcome | null, { table = 'contacts' } = {}): Promise<string> {
  const mutation: Mutation = {
    id: randomUUID(),
    syncId,
    schema: 'salesforce',
    table,
    operation: 'update',
    rows: [{ ordinal: 1, id: 'r1', values: { email: 'a@x.org' } }],
  }
  const { version: syncVersion } = await readSync(store, syncId)
  await journal.begin(mutation, { hash: requestHash(mutation), syncVersion, state: 'sent' })
  if (outcome !== null) await journal.settle(mutation.id, outcome)
  return mutation.id
}

async function applied(options = {}): Promise<string> {
  const id = await mutated(accepted, options)
  await journal.applied([id])
  return id
}

/** As if everything in both databases had been done so many days ago. */
async function age(days: number): Promise<void> {
  await store.sql`
    update sluice_store.mutations set received_at = received_at - ${days} * interval '1 day',
      sent_at = sent_at - ${days} * interval '1 day',
      answered_at = answered_at - ${days} * interval '1 day',
      applied_at = applied_at - ${days} * interval '1 day'`
  await sql`update sluice.applied set applied_at = applied_at - ${days} * interval '1 day'`
}

const ids = async () =>
  (await store.sql`select id from sluice_store.mutations`).map(({ id }) => String(id)).sort()

test('what was settled long ago is forgotten; what is open never is', async () => {
  const refused: Outcome = { state: 'refused', fault: faultData('duplicate') }
  const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
  const gone = [await applied(), await mutated(refused)]
  const closed = await mutated(lost)
  await store.sql`update sluice_store.mutations set next_inquiry_at = null where id = ${closed}`
  const open = [
    await mutated(accepted, { table: 'accounts' }),
    await mutated(lost),
    await mutated(null),
  ]
  await age(29)
  assert.deepEqual(await prune(deps()), { mutations: 0, noted: 0 })
  await age(2)
  const fresh = await applied()
  assert.equal((await prune(deps())).mutations, gone.length + 1)
  assert.deepEqual(await ids(), [...open, fresh].sort())
})

test('what recovery has to know to be newer stays until the older one is applied', async () => {
  const older = await mutated(accepted)
  const newer = await applied()
  const elsewhere = await applied({ table: 'accounts' })
  await age(31)
  assert.equal((await prune(deps())).mutations, 1)
  assert.deepEqual(await ids(), [older, newer].sort())
  assert.ok(!(await ids()).includes(elsewhere))
  await journal.applied([older])
  await age(31)
  assert.equal((await prune(deps())).mutations, 2)
})

test('at most so many are forgotten at a time, of all syncs', async () => {
  for (let count = 0; count < 5; count++) await applied()
  await store.sql`update sluice_store.mutations set sync_id = 'sync_other1'
    where id = (select id from sluice_store.mutations limit 1)`
  await age(31)
  const options = { keepMs: 30 * dayMs, rowsMax: 3 }
  assert.equal(await pruneMutations(store, options), 3)
  assert.equal(await pruneMutations(store, options), 2)
  assert.equal(await pruneMutations(store, options), 0)
})

test('the note of what is applied goes by age, but for what may be applied again and the newest', async () => {
  const note = async (id: string) => {
    const rows = [{ id: 'r1', values: { email: 'a@x.org' } }]
    const options = { table, operation: 'upsert', rows, ticketKey, mutationId: id } as const
    await applyRows(sql, options)
  }
  const done = await applied()
  // applied by the listener, which could not say so
  const untold = await mutated(accepted)
  for (const id of [done, untold]) await note(id)
  await age(40)
  const newest = randomUUID()
  await note(newest)
  await sql`update sluice.applied set applied_at = now() - interval '35 days' where id = ${newest}`
  assert.deepEqual(await prune(deps()), { mutations: 0, noted: 1 })
  const noted = (await sql`select id from sluice.applied`).map(({ id }) => String(id))
  assert.deepEqual(noted.sort(), [untold, newest].sort())
  const before = await sql`select xmin::text from salesforce.contacts`
  assert.deepEqual(
    await recover({ store, journal, log: silentLog, afterMs: 0 }),
    { applied: 1, failed: 0 },
  )
  assert.deepEqual([...await sql`select xmin::text from salesforce.contacts`], [...before])
  await prune(deps())
  assert.equal((await sql`select from sluice.applied`).count, 1)
})

test('a database that takes all the time of a pass does not take it from the same others each time', async () => {
  const otherId = 'sync_prune2'
  const other = {
    host: '127.0.0.1',
    port: 1,
    user: 'u',
    password: 'p',
    sslmode: 'disable',
  } as const
  await saveDatabase(store, { id: 'other', address: { ...other, database: 'other' } }, {
    random: randomBytes,
  })
  await saveSync(store, {
    id: otherId,
    connectionId: 'acme',
    databaseId: 'other',
    schema: 'salesforce',
    tables: [{ ...table, syncId: otherId }],
    users: [],
  })
  try {
    const passes: string[][] = []
    for (const start of [0, 1_000, 2_000]) {
      let now = start
      const dialled: string[] = []
      const dial = ({ database }: { database: string }) => {
        dialled.push(database)
        now += 61_000
        const code = 'CONNECTION_REFUSED'
        return Promise.reject(Object.assign(new Error('slow to say no'), { code }))
      }
      await prune({ ...deps(), now: () => now, dial })
      passes.push(dialled)
    }
    assert.deepEqual(passes.map((each) => each.length), [1, 1, 1])
    const [first, second, third] = passes.flat()
    assert.notEqual(first, second)
    assert.equal(first, third)
  } finally {
    await store.sql`delete from sluice_store.syncs where id = ${otherId}`
  }
})

test('what is applied is noted for two days whoever asks, and only a ticket opens the door', async () => {
  const options = { ticketKey, syncIds: [syncId], kept: [], rowsMax: 10, waitMs: 5_000 }
  await assert.rejects(pruneApplied(sql, { ...options, keepMs: dayMs }), { code: '22023' })
  await assert.rejects(
    pruneApplied(sql, { ...options, ticketKey: randomBytes(32), keepMs: 30 * dayMs }),
    { code: '42501' },
  )
  const call = `select sluice.prune(gen_random_uuid(), '{${syncId}}', ${3 * dayMs}, '{}', 10)`
  await assert.rejects(sql.unsafe(call), { code: '42501' })
})

test('processes that ended long ago are forgotten, those that live or left something are not', async () => {
  const names = ['gone', 'left something', 'alive']
  const [gone, left, alive] = await Promise.all(
    names.map((name) => announce(store, { name, log: silentLog })),
  )
  assert.ok(gone !== undefined && left !== undefined && alive !== undefined)
  const id = await mutated(null)
  await store.sql`update sluice_store.mutations set service = ${left.service} where id = ${id}`
  await Promise.all([gone.leave(), left.leave()])
  await store.sql`update sluice_store.services set started_at = now() - interval '31 days'`
  await prune(deps())
  const rows = await store.sql`select name from sluice_store.services order by id`
  const found = rows.map(({ name }) => String(name)).sort()
  assert.deepEqual(found, ['alive', 'left something', 'mine'])
  await alive.leave()
})
