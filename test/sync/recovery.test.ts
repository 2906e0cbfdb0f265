// Goal: what the platform accepted and nobody applied is applied by recovery, once, and never over something newer.
// Method: a real store and a real customer's database; the journal is brought to the state that a dead listener leaves.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import postgres from 'postgres'
import { ensureTable, installDatabase } from '../../src/database/index.ts'
import { silentLog } from '../../src/lib/log.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync, saveSync } from '../../src/store/syncs.ts'
import { recover } from '../../src/sync/recovery.ts'
import { createSilences } from '../../src/sync/silences.ts'
import { testCluster } from '../help/cluster.ts'
import { eventually } from '../help/mirror.ts'
import { mute } from '../help/mute.ts'
import { contacts, testStore } from '../store/help.ts'

const cluster = await testCluster()
const syncId = 'sync_recov1'
const table = contacts(syncId)
let store: Store
let journal: Journal
let sql: postgres.Sql

before(async () => {
  store = await testStore(await cluster.createDatabase())
  journal = createJournal(store, { service: 1 })
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
  await installDatabase(sql, { ticketKey: Buffer.from(database.ticketKey, 'base64') })
  await ensureTable(sql, table)
  await saveSync(store, {
    id: syncId,
    connectionId: 'acme',
    databaseId: 'demo',
    schema: 'salesforce',
    tables: [table],
    users: [],
  })
})

after(async () => {
  await Promise.allSettled([store?.close(), sql?.end()])
  await cluster.stop()
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.mutations`
})

const deps = () => ({ store, journal, log: silentLog, afterMs: 0 })
const rows = () => sql`select id, email, name from salesforce.contacts order by id`

function update(rows: Mutation['rows']): Mutation {
  const place = { syncId, schema: 'salesforce', table: 'contacts' }
  return { id: randomUUID(), ...place, operation: 'update', rows }
}

async function accepted(
  operation: Mutation['operation'],
  answered: { id: string; values: Record<string, string | null> | null }[],
  sync = syncId,
): Promise<string> {
  const mutation: Mutation = {
    id: randomUUID(),
    syncId: sync,
    schema: 'salesforce',
    table: 'contacts',
    operation,
    rows: answered.map(({ id, values }, index) => ({
      ordinal: index + 1,
      id: operation === 'insert' ? null : id,
      values: values ?? {},
    })),
  }
  const { version: syncVersion } = await readSync(store, sync)
  const options = { hash: requestHash(mutation), syncVersion, state: 'sent' } as const
  assert.deepEqual(await journal.begin(mutation, options), { kind: 'begun', state: 'sent' })
  const outcome: Outcome = {
    state: 'accepted',
    rows: answered.map((row, index) => ({ ordinal: index + 1, ...row })),
  }
  assert.ok(await journal.settle(mutation.id, outcome))
  return mutation.id
}

const stateOf = async (id: string) =>
  (await store.sql`select state from sluice_store.mutations where id = ${id}`)[0]?.['state']

test('an accepted insert that nobody applied is applied once', async () => {
  const id = await accepted('insert', [{ id: 'r1', values: { email: 'a@x.org', name: 'A' } }])
  assert.deepEqual(await recover({ ...deps(), afterMs: 60_000 }), { applied: 0, failed: 0 })
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.deepEqual([...await rows()], [{ id: 'r1', email: 'a@x.org', name: 'A' }])
  assert.equal(await stateOf(id), 'applied')
  assert.deepEqual(
    [...await sql`select operation, rows, outcome from sluice.mutations where id = ${id}`],
    [{ operation: 'insert', rows: 1, outcome: 'recovered' }],
  )
  assert.deepEqual(await recover(deps()), { applied: 0, failed: 0 })
})

test('what the listener did apply, and could not tell, is not applied again', async () => {
  const id = await accepted('update', [{ id: 'r1', values: { email: 'old@x.org' } }])
  await sql`insert into sluice.applied (id, sync_id, schema_name, table_name, operation, rows, outcome)
    values (${id}, ${syncId}, 'salesforce', 'contacts', 'update', 1, 'accepted')`
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.equal((await rows())[0]?.['email'], 'a@x.org')
  assert.equal(await stateOf(id), 'applied')
})

test('a later mutation of the same row is newer and stays', async () => {
  await accepted('update', [
    { id: 'r1', values: { email: 'first@x.org' } },
    { id: 'r2', values: { email: 'two@x.org' } },
  ])
  await accepted('update', [{ id: 'r1', values: { email: 'second@x.org' } }])
  assert.deepEqual(await recover(deps()), { applied: 2, failed: 0 })
  assert.deepEqual((await rows()).map(({ email }) => email), ['second@x.org', 'two@x.org'])
})

test('a later mutation that was carried out in part is newer only for the rows that it wrote', async () => {
  const older = await accepted('update', [
    { id: 'r1', values: { email: 'third@x.org' } },
    { id: 'r2', values: { email: 'three@x.org' } },
  ])
  const row = (ordinal: number, id: string) => ({ ordinal, id, values: { email: 'x@x.org' } })
  const newer = update([row(1, 'r2'), row(2, 'r1')])
  const sync = await readSync(store, syncId)
  const begun = { hash: requestHash(newer), syncVersion: sync.version, state: 'sent' } as const
  assert.equal((await journal.begin(newer, begun)).kind, 'begun')
  // a value that Postgres cannot take out of JSON, and words that only look like the others
  const email = 'four\u0000@x.org","others":[{"id":"r1"}]'
  assert.ok(
    await journal.settle(newer.id, {
      state: 'partial',
      rows: [{ ordinal: 1, id: 'r2', values: { email } }],
      others: [{ ordinal: 2, id: 'r1', state: 'unsent' }],
      fault: faultData('partly_written'),
    }),
  )
  await store.sql`update sluice_store.mutations set state = 'applied' where id = ${newer.id}`
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.equal(await stateOf(older), 'applied')
  assert.deepEqual((await rows()).map(({ email }) => email), ['third@x.org', 'two@x.org'])
})

test('deleted records go, those the platform has meanwhile lost in an update too', async () => {
  await accepted('delete', [{ id: 'r2', values: null }])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.deepEqual((await rows()).map(({ id }) => id), ['r1'])
  await accepted('update', [{ id: 'r1', values: null }])
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.equal((await rows()).length, 0)
})

test('a database that does not answer is left for the next pass', async () => {
  const id = await accepted('insert', [{ id: 'r9', values: { email: 'nine@x.org' } }])
  await sql.unsafe('alter table salesforce.contacts rename to hidden')
  assert.deepEqual(await recover(deps()), { applied: 0, failed: 1 })
  assert.equal(await stateOf(id), 'accepted')
  await sql.unsafe('alter table salesforce.hidden rename to contacts')
  assert.deepEqual(await recover(deps()), { applied: 1, failed: 0 })
  assert.equal((await rows())[0]?.['id'], 'r9')
})

test('a database that logs in and then says nothing keeps recovery a bounded time, and then none', async () => {
  const silent = await mute()
  const mutedId = 'sync_recov2'
  let now = 0
  const silences = createSilences({ now: () => now })
  const given = { ...deps(), silences, now: () => now }
  const isTried = (times: number) =>
    eventually(async () => silent.connections(), {
      holds: (connections) => connections === times,
    })
  try {
    await saveDatabase(store, { id: 'muted', address: silent.address }, { random: randomBytes })
    await saveSync(store, {
      id: mutedId,
      connectionId: 'acme',
      databaseId: 'muted',
      schema: 'salesforce',
      tables: [{ ...table, syncId: mutedId }],
      users: [],
    })
    const muted = await accepted('insert', [{ id: 'r8', values: { email: 'b@x.org' } }], mutedId)
    const id = await accepted('insert', [{ id: 'r9', values: { email: 'a@x.org' } }])
    // the other one has time enough on a slow machine, too
    assert.deepEqual(await recover({ ...given, workWaitMs: 8_000 }), { applied: 1, failed: 1 })
    assert.deepEqual([await stateOf(muted), await stateOf(id)], ['accepted', 'applied'])
    await isTried(1)
    const briefly = { ...given, workWaitMs: 300 }
    assert.deepEqual(await recover(briefly), { applied: 0, failed: 1 })
    assert.equal(silent.connections(), 1, 'it is left alone')
    now += 61_000
    assert.deepEqual(await recover(briefly), { applied: 0, failed: 1 })
    await isTried(2)
    now += 61_000
    await recover(briefly)
    assert.equal(silent.connections(), 2, 'and left alone for longer')
  } finally {
    silent.close()
    await store.sql`delete from sluice_store.mutations`
    await store.sql`delete from sluice_store.syncs where id = ${mutedId}`
  }
})

test('a pass ends after five minutes, and the next one goes on', async () => {
  const ids = [1, 2, 3].map((at) => [{ id: `p${at}`, values: { email: `p${at}@x.org` } }])
  for (const each of ids) await accepted('insert', each)
  let now = 0
  const slow = () => (now += 100_000)
  assert.deepEqual(await recover({ ...deps(), now: slow }), { applied: 2, failed: 0 })
  assert.deepEqual(await recover({ ...deps(), now: slow }), { applied: 1, failed: 0 })
})
