// Goal: a sync ends without a loss: nothing new is taken, what was accepted is applied first, tables stay or go as they
// were told to. Method: the sandbox's Stripe, real stores and databases; mutations as the journal has them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Fault } from '../../src/mutation/fault.ts'
import { createAdministration } from '../../src/sync/setup-administration.ts'
import { listDatabases } from '../../src/store/databases.ts'
import { saveWebhook } from '../../src/store/webhooks.ts'
import { readSync, readSyncConfig } from '../../src/store/syncs.ts'
import { findToken, makeToken, saveToken } from '../../src/store/tokens.ts'
import { hashKey } from '../../src/store/keys.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { type CustomerDatabase, runAs, type SetupStage, setupStage, until } from './setup-help.ts'

let cluster: TestCluster
let stage: SetupStage

before(async () => {
  cluster = await testCluster()
  stage = await setupStage(cluster)
})
after(async () => {
  await stage?.close()
  await cluster.stop()
})

async function create(database: CustomerDatabase, schema = 'stripe'): Promise<string> {
  const body = {
    connection: 'shop',
    database: { url: database.url },
    schema,
    objects: ['customers'],
  }
  const { sync, made, findings } = await stage.admin.create(body)
  assert.ok(made, JSON.stringify(findings))
  return sync
}

/** A mutation as the journal has it in that state. */
async function note(syncId: string, state: 'sent' | 'accepted'): Promise<string> {
  const id = randomUUID()
  await stage.store.sql`
    insert into sluice_store.mutations (id, sync_id, schema_name, table_name, operation, rows, request,
      request_hash, state, outcome, service)
    values (${id}, ${syncId}, 'stripe', 'customers', 'insert', 1, '{}', '\\x00', ${state},
      ${state === 'accepted' ? '{}' : null}::text::json, 0)`
  return id
}

test('tables that are kept are plain tables, with their rows, indexes and views of people', async () => {
  const database = await stage.database()
  const sync = await create(database)
  const { database: { user } } = await readSyncConfig(stage.store, sync)
  await database.sql.unsafe(`
    alter table stripe.customers disable trigger all; insert into stripe.customers (id, email) values ('cus_1', 'a@b.c');
    alter table stripe.customers enable trigger all; create view public.mails as select email from stripe.customers`)
  const findings = await stage.admin.drop({ syncId: sync, tables: 'keep' })
  assert.ok(findings.some(({ about }) => about.includes('plain tables now')))
  assert.match(findings.at(-1)?.about ?? '', /DROP SCHEMA sluice CASCADE/)
  await assert.rejects(readSync(stage.store, sync), { code: 'not_found' })
  await database.sql`insert into stripe.customers (id, email) values ('cus_2', 'd@e.f')`
  assert.equal((await database.sql`select * from public.mails`).length, 2)
  const [row] = await database.sql`
    select (select count(*)::int from pg_trigger where tgrelid = 'stripe.customers'::regclass) as triggers,
      (select count(*)::int from sluice.synced) as synced,
      (select count(*)::int from pg_roles where rolname = ${user}) as roles,
      obj_description('stripe.customers'::regclass) as about,
      (select string_agg(col_description(attrelid, attnum), ', ' order by attnum) from pg_attribute
        where attrelid = 'stripe.customers'::regclass and attname in ('id', 'email', 'created')) as columns`
  assert.deepEqual([row?.['triggers'], row?.['synced'], row?.['roles']], [0, 0, 0])
  assert.equal(row?.['columns'], 'id, created, email')
  assert.match(
    String(row?.['about']),
    /^was a table of sync_\w+ until \d{4}-\d\d-\d\d; a plain table since$/,
  )
})

test('after the last sync its owner takes schema sluice away with one statement, which the README has, and may begin anew', async () => {
  const database = await stage.database()
  const sync = await create(database)
  await database.sql.unsafe(`
    alter table stripe.customers disable trigger all; insert into stripe.customers (id, email) values ('cus_1', 'a@b.c');
    alter table stripe.customers enable trigger all`)
  const findings = await stage.admin.drop({ syncId: sync, tables: 'keep' })
  const [statement = ''] = /DROP SCHEMA [^;]+;/.exec(findings.at(-1)?.about ?? '') ?? []
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  assert.ok(statement !== '' && readme.includes(`\`${statement}\``), statement)
  await runAs(database.url, statement)
  const [left] = await database.sql`
    select to_regnamespace('sluice') as schema, (select count(*)::int from stripe.customers) as rows,
      (select count(*)::int from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname not in ('pg_catalog', 'information_schema')) as functions,
      (select count(*)::int from pg_event_trigger) as events`
  assert.deepEqual({ ...left }, { schema: null, rows: 1, functions: 0, events: 0 })
  await database.sql`update stripe.customers set email = 'x' where id = 'cus_1'`
  await create(database, 'anew')
})

test('tables that are removed take the schema with them, and what stands on them stands against it', async () => {
  const database = await stage.database()
  const sync = await create(database)
  await database.sql`create view public.mails as select email from stripe.customers`
  await assert.rejects(stage.admin.drop({ syncId: sync, tables: 'remove' }), (error: Error) => {
    const { data } = error as unknown as { data: { message: string; hint: string } }
    return /mails|depend/.test(data.message) && data.hint.includes('--keep-tables')
  })
  assert.equal((await readSync(stage.store, sync)).state, 'disabled')
  await database.sql`drop view public.mails`
  await stage.admin.drop({ syncId: sync, tables: 'remove' })
  const [row] = await database.sql`select to_regnamespace('stripe') as schema`
  assert.equal(row?.['schema'], null)
})

test('a table that its owner has renamed is let go with the others, and stays', async () => {
  for (const tables of ['keep', 'remove'] as const) {
    const database = await stage.database()
    const sync = await create(database)
    await create(database, 'other')
    await database.sql.unsafe('alter table stripe.customers rename to "Old ones"')
    await stage.admin.repair(sync)
    const write = (table: string) =>
      database.sql.unsafe(`insert into ${table} (id) values ('cus_mine')`)
    await assert.rejects(write('stripe."Old ones"'), { code: 'SL002' })
    const findings = await stage.admin.drop({ syncId: sync, tables })
    const about = findings.find(({ check }) => check === 'tables')?.about ?? ''
    assert.equal(about.includes('Old ones'), tables === 'keep', about)
    await write('stripe."Old ones"')
    await assert.rejects(write('other.customers'), { code: 'SL002' })
  }
})

test('another sync of the database keeps the role, the tables and the entry', async () => {
  const database = await stage.database()
  const [one, two] = [await create(database), await create(database, 'other')]
  await stage.admin.drop({ syncId: one, tables: 'remove' })
  const { database: { user } } = await readSyncConfig(stage.store, two)
  const [row] = await database.sql`select count(*)::int as n from pg_roles where rolname = ${user}`
  assert.equal(row?.['n'], 1)
  assert.ok((await listDatabases(stage.store)).some(({ syncs }) => syncs.includes(two)))
  await stage.admin.drop({ syncId: two, tables: 'remove' })
  assert.ok(!(await listDatabases(stage.store)).some(({ owner }) => owner?.user === database.owner))
})

test('mutations under way are waited for, and nothing new is taken meanwhile', async () => {
  const sync = await create(await stage.database())
  const id = await note(sync, 'accepted')
  const dropping = stage.admin.drop({ syncId: sync, tables: 'keep', waitMs: 300_000 })
  await until(async () => (await readSync(stage.store, sync)).state === 'disabled')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await readSync(stage.store, sync)).id, sync)
  await stage.store.sql`update sluice_store.mutations set state = 'applied' where id = ${id}`
  await dropping
  await assert.rejects(readSync(stage.store, sync), { code: 'not_found' })
  const [kept] = await stage.store.sql`select state from sluice_store.mutations where id = ${id}`
  assert.equal(kept?.['state'], 'applied')
})

test('a sync whose mutations are not settled is not dropped unless by force', async () => {
  const sync = await create(await stage.database())
  await note(sync, 'sent')
  await assert.rejects(
    stage.admin.drop({ syncId: sync, tables: 'keep', waitMs: 300 }),
    ({ message, data }: Fault) =>
      /not settled/.test(message) && /with --force/.test(data.hint ?? ''),
  )
  const config = await readSyncConfig(stage.store, sync)
  assert.deepEqual([config.state, Object.keys(config.users)], ['disabled', ['app']])
  const findings = await stage.admin.drop({ syncId: sync, tables: 'keep', waitMs: 0, force: true })
  assert.ok(findings.some(({ level, check }) => level === 'warn' && check === 'mutations'))
})

test('a database that is gone keeps nobody from dropping a sync by force', async () => {
  const database = await stage.database()
  const sync = await create(database)
  await database.sql.unsafe(`alter role ${database.owner} nologin`)
  await assert.rejects(stage.admin.drop({ syncId: sync, tables: 'keep' }), (error: Fault) => {
    // as `repair` of the same sync says it, so that the commands end alike
    assert.equal(error.code, 'database_unreachable')
    assert.match(error.data.message, /^cannot let go of the tables of/)
    assert.match(
      error.data.detail ?? '',
      /The sync is paused and its logins and tokens are revoked; /,
    )
    assert.match(error.data.hint ?? '', /drop it again, or with --force \(HTTP: force=true\)/)
    return true
  })
  await assert.rejects(stage.admin.repair(sync), { code: 'database_unreachable' })
  const config = await readSyncConfig(stage.store, sync)
  assert.deepEqual([config.state, config.users], ['disabled', {}])
  const findings = await stage.admin.drop({ syncId: sync, tables: 'keep', force: true })
  assert.ok(findings.some(({ level, check }) => level === 'warn' && check === 'tables'))
  await assert.rejects(readSync(stage.store, sync), { code: 'not_found' })
})

test('tokens, logins and the webhook end with the sync; a webhook that cannot be ended is told of', async () => {
  const sync = await create(await stage.database())
  const token = makeToken(stage.deps.random)
  await saveToken(stage.store, { id: 'mine', syncId: sync, name: '', token })
  const registration = { secret: 's', state: {}, renewAt: null }
  await saveWebhook(stage.store, { syncId: sync, url: 'https://x/webhooks', registration })
  const ended: string[] = []
  const admin = createAdministration({
    ...stage.deps,
    endWebhook: (id) => {
      ended.push(id)
      return Promise.reject(new Error('the platform is down'))
    },
  })
  const findings = await admin.drop({ syncId: sync, tables: 'keep' })
  assert.deepEqual(ended, [sync])
  assert.match(
    findings.find(({ check }) => check === 'webhook')?.about ?? '',
    /still at the platform: the platform is down/,
  )
  assert.equal(await findToken(stage.store, hashKey(token)), null)
})
