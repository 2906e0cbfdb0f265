// Goal: whatever is wrong with a sync is found and said with what to do; where nothing is, nothing is said to be. Method:
// a sync against the sandbox's Stripe, broken in one way at a time.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { createCallers } from '../../src/service/callers.ts'
import { readConnection, revokeConnection, saveConnection } from '../../src/store/connections.ts'
import { readDatabase } from '../../src/store/databases.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { readSync, readSyncConfig, saveTables } from '../../src/store/syncs.ts'
import { createAdministration } from '../../src/sync/setup-administration.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, type SetupStage, setupStage } from './setup-help.ts'

let cluster: TestCluster
let stage: SetupStage
let database: CustomerDatabase
let sync: string

before(async () => {
  cluster = await testCluster()
  stage = await setupStage(cluster)
  database = await stage.database()
  const body = {
    connection: 'shop',
    database: { url: database.url },
    objects: ['customers', 'products'],
  }
  sync = (await stage.admin.create(body)).sync
  await saveListenerKey(stage.store, { id: 'iad', key: 'a key of a listener' })
})
beforeEach(worked)
after(async () => {
  await stage?.close()
  await cluster.stop()
})

/** As if a sync process had just filled every table. */
async function worked(): Promise<void> {
  await stage.store.sql`
    insert into sluice_store.table_states as s (sync_id, name, phase, filled_at, polled_at, fresh_at, fence)
    select sync_id, name, 'following', now(), now(), now(), 1 from sluice_store.tables where sync_id = ${sync}
    on conflict (sync_id, name) do update set phase = 'following', fresh_at = now(), due_at = now(),
      failure = null, fence = 1, polled_at = now()`
}

/** What is not ok, as `level check: about`. */
async function wrong(): Promise<string[]> {
  const findings = await stage.admin.doctor(sync)
  for (const { level, hint } of findings) assert.ok(level === 'ok' || (hint ?? '') !== '')
  return findings.filter(({ level }) => level !== 'ok')
    .map(({ level, check, about }) => `${level} ${check}: ${about}`)
    .filter((line) => !line.startsWith('warn TLS'))
}

async function only(expected: RegExp): Promise<void> {
  const found = await wrong()
  assert.equal(found.length, 1, found.join('\n'))
  assert.match(found[0] ?? '', expected)
}

test('a sync in order has nothing wrong', async () => {
  assert.deepEqual(await wrong(), [])
})

test('a trigger that is off, missing or not ALWAYS is found, and repair puts it back', async () => {
  for (
    const sql of [
      'alter table stripe.customers disable trigger "~sluice_before"',
      'alter table stripe.customers enable trigger "~sluice_before"',
      'drop trigger "~sluice_after_insert" on stripe.customers',
    ]
  ) {
    await database.sql.unsafe(sql)
    await only(/fail table stripe.customers: has 4 of its 5 triggers/)
    await stage.admin.repair(sync)
    assert.deepEqual(await wrong(), [])
  }
})

test('a table that is gone, and rights that were taken, are found and put back', async () => {
  await database.sql`drop table stripe.products`
  assert.ok((await wrong()).some((line) => /fail table stripe.products: is gone/.test(line)))
  await stage.admin.repair(sync)
  assert.deepEqual(await wrong(), [])
  const { database: { user } } = await readSyncConfig(stage.store, sync)
  await database.sql.unsafe(`revoke update on stripe.customers from ${user}`)
  await only(/fail login role .*: lacks rights on customers/)
  await stage.admin.repair(sync)
  assert.deepEqual(await wrong(), [])
})

test('a login role that has been given too much is found', async () => {
  const { database: { user } } = await readSyncConfig(stage.store, sync)
  await database.sql.unsafe(`grant pg_read_all_data to ${user}`)
  await only(/fail role .*: is a member of pg_read_all_data/)
  await database.sql.unsafe(`revoke pg_read_all_data from ${user}`)
})

test('passwords that are wrong by now are found, for the owner and for clients', async () => {
  const { database: { user } } = await readSyncConfig(stage.store, sync)
  const { address, owner } = await readDatabase(
    stage.store,
    (await readSync(stage.store, sync)).databaseId,
  )
  await database.sql.unsafe(`alter role ${user} password 'another'`)
  await only(/fail login role/)
  await database.sql.unsafe(`alter role ${user} password '${address.password}'`)
  await database.sql.unsafe(`alter role ${database.owner} password 'another'`)
  await only(/fail database 127.0.0.1.*: .*password authentication failed for user/)
  const [told] = (await stage.admin.doctor(sync)).filter(({ level }) => level === 'fail')
  assert.equal(told?.hint, 'Look at user and password.')
  await database.sql.unsafe(`alter role ${database.owner} password '${owner?.password}'`)
  assert.deepEqual(await wrong(), [])
})

test('a field that came or went is told as drift', async () => {
  const { tables, version } = await readSync(stage.store, sync)
  const [customers, ...rest] = tables
  assert.ok(customers)
  const columns = customers.columns.filter(({ name }) => name !== 'email')
  const changed = [{ ...customers, columns }, ...rest]
  assert.ok(await saveTables(stage.store, { id: sync, version, tables: changed, retired: {} }))
  await only(/warn fields of customers: new columns email/)
  await stage.admin.repair(sync)
  await worked()
  assert.deepEqual(await wrong(), [])
})

test('tables that nobody looks at, that are late or that fail are told, with what to do', async () => {
  await stage.store.sql`delete from sluice_store.table_states where sync_id = ${sync}`
  await only(/fail sync process: nobody has looked at any table yet/)
  await worked()
  await stage.store
    .sql`update sluice_store.table_states set due_at = now() - interval '1 hour' where name = 'products'`
  await only(/fail sync of products: nobody has looked at it for 60 min/)
  await worked()
  await stage.store
    .sql`update sluice_store.table_states set fresh_at = now() - interval '2 days' where name = 'products'`
  await only(/warn sync of products: 2 d behind/)
  await worked()
  const failure = JSON.stringify({
    code: 'not_permitted',
    message: 'no read of products',
    hint: 'give it',
    at: 0,
  })
  await stage.store
    .sql`update sluice_store.table_states set phase = 'failed', failure = ${failure}::text::json where name = 'products'`
  await only(/fail sync of products: no read of products/)
  await worked()
})

test('a credential that was refused, a paused sync and a clock that is wrong are told', async () => {
  await revokeConnection(stage.store, { id: 'shop' })
  assert.ok((await wrong()).some((line) => /fail connection shop: stripe has refused/.test(line)))
  const { baseUrl } = { baseUrl: `${stage.sandboxUrl}/stripe` }
  const credential = { kind: 'key', key: 'sandbox' } as const
  await saveConnection(stage.store, { id: 'shop', platform: 'stripe', baseUrl, credential }, {
    replace: true,
  })
  await stage.admin.setState(sync, 'paused')
  await only(/warn sync: is paused/)
  await stage.admin.setState(sync, 'active')
  const ahead = createAdministration({ ...stage.deps, now: () => Date.now() + 600_000 })
  const clocks = (await ahead.doctor(sync)).filter(({ check, level }) =>
    check === 'clock' && level === 'warn'
  )
  assert.equal(clocks.length, 2, JSON.stringify(clocks))
})

test('a key that is given to the connection of another platform is sent nowhere', async () => {
  const sent: string[] = []
  const http: AdminDeps['http'] = {
    ...stage.deps.http,
    send: (request) => {
      sent.push(request.url)
      return Promise.reject(new Error('This test sends nothing'))
    },
  }
  const admin = createAdministration({ ...stage.deps, http })
  await assert.rejects(
    admin.giveConnection('shop', { platform: 'hubspot', key: 'pat-of-hubspot' }),
    { code: 'bad_request', message: /connection "shop" belongs to stripe/ },
  )
  assert.deepEqual(sent, [])
  assert.equal((await readConnection(stage.store, 'shop')).platform, 'stripe')
})

test('a key that the platform refuses is not kept, and is one finding where it was', async () => {
  const baseUrl = `${stage.sandboxUrl}/stripe`
  const give = (key: string, url = baseUrl) =>
    stage.admin.giveConnection('shop', { platform: 'stripe', baseUrl: url, key })
  await assert.rejects(give('rk_test_of_nobody'), /stripe refuses this key/)
  assert.deepEqual(await wrong(), [])
  assert.deepEqual(await give('sandbox'), {
    level: 'ok',
    check: 'credential',
    about: 'stripe takes it',
  })
  assert.equal((await give('sandbox', 'http://127.0.0.1:1')).level, 'warn')
  await saveConnection(stage.store, {
    id: 'shop',
    platform: 'stripe',
    baseUrl,
    credential: { kind: 'key', key: 'rk_test_of_nobody' },
  })
  // as another process, which has no token in mind
  const { store, http, adapterFor } = stage.deps
  const callers = createCallers({ store, http, adapterFor, log: silentLog })
  const callerFor: AdminDeps['callerFor'] = (id, options) => callers.callerFor(id, options)
  try {
    const found = await createAdministration({ ...stage.deps, callerFor }).doctor(sync)
    const failed = found.filter(({ level }) => level === 'fail').map(({ check }) => check)
    assert.deepEqual(failed, ['credential'])
  } finally {
    await callers.close()
  }
  await give('sandbox')
  assert.deepEqual(await wrong(), [])
})

test('a platform that cannot be reached is one finding', async () => {
  const credential = { kind: 'key', key: 'sandbox' } as const
  await saveConnection(stage.store, {
    id: 'shop',
    platform: 'stripe',
    baseUrl: 'http://127.0.0.1:1',
    credential,
  })
  await only(/fail stripe: /)
})
