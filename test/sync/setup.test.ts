// Goal: from nothing to a mutation that is at the platform. Method: the Salesforce adapter against the sandbox, a real
// store, a real customer's database.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { SyncConfig } from '../../src/mutation/config.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import type { Store } from '../../src/store/store.ts'
import { fillTable } from '../../src/sync/fill.ts'
import { createSync, type SetupDeps, type SetupOptions } from '../../src/sync/setup.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { testCluster } from '../help/cluster.ts'
import { headers, post, type TestService, testService } from '../service/help.ts'
import { address, testStore, update } from '../store/help.ts'

const cluster = await testCluster()
let sandbox: Sandbox
let http: Http
let store: Store
let service: TestService
let sql: postgres.Sql
let options: SetupOptions

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  const url = await cluster.createDatabase()
  store = await testStore(url)
  service = await testService(url, adapterFor('salesforce'), { http })
  sql = postgres(await cluster.createDatabase(), { max: 3, onnotice: () => {} })
  const role = `listener_${randomBytes(4).toString('hex')}`
  await sql.unsafe(`create role ${role} login`)
  const baseUrl = sandbox.platformUrl('salesforce')
  options = {
    id: 'sync_sales1',
    connection: {
      id: 'acme',
      platform: 'salesforce',
      baseUrl,
      tokenUrl: `${baseUrl}/services/oauth2/token`,
      clientId: 'sandbox',
      credential: { kind: 'oauth', refreshToken: 'sandbox', clientSecret: 'sandbox' },
    },
    database: { id: 'demo', address },
    schema: 'salesforce',
    objects: ['Contact', 'Account'],
    users: [{ name: 'demo', verifier: await makeVerifier('demo') }],
    role,
  }
})

after(async () => {
  await Promise.allSettled([service?.close(), store?.close(), sql?.end(), http?.close()])
  await sandbox?.close()
  await cluster.stop()
})

function setup(changes: Partial<SetupOptions> = {}) {
  const deps = { store, adapterFor, sql, random: randomBytes, now: Date.now }
  const callerFor: SetupDeps['callerFor'] = (id, options) => service.callerFor(id, options)
  return createSync({ ...deps, callerFor }, { ...options, ...changes })
}

async function readConfig(): Promise<SyncConfig> {
  const response = await service.app.request('/internal/syncs/sync_sales1', { headers })
  return await response.json() as SyncConfig
}

test('a sync is set up, and set up again without a change', async () => {
  const first = await setup()
  assert.deepEqual(first.tables.map(({ name }) => name).sort(), ['accounts', 'contacts'])
  const config = await readConfig()
  const { tables, database } = await setup()
  assert.deepEqual({ tables, database }, { tables: first.tables, database: first.database })
  assert.deepEqual(await readConfig(), config)
  const [triggers] = await sql`
    select count(*)::int from pg_trigger where tgrelid = 'salesforce.contacts'::regclass`
  assert.equal(triggers?.['count'], 5)
  const [granted] = await sql`
    select has_table_privilege(${options.role}, 'salesforce.contacts', 'select, insert') as granted`
  assert.equal(granted?.['granted'], true)
})

test('the table becomes what the sandbox has, and a mutation changes the sandbox', async () => {
  const { tables, database } = await setup()
  const table = tables.find(({ name }) => name === 'contacts') ?? assert.fail()
  const filled = await fillTable({
    adapter: adapterFor('salesforce'),
    caller: ({ deadline }) => service.callerFor('acme', { deadline }),
    sql,
    store,
    ticketKey: Buffer.from(database.ticketKey, 'base64'),
    log: silentLog,
    now: Date.now,
  }, table)
  const [row] = await sql`select count(*)::int, min(id) as id from salesforce.contacts`
  assert.ok(filled.rows > 0)
  assert.equal(row?.['count'], filled.rows)
  const rows = [{ ordinal: 1, id: row?.['id'], values: { email: 'paul@dune.co' } }]
  const { body } = await post(service, update({ syncId: 'sync_sales1', rows }))
  assert.equal(body.state, 'accepted')
  assert.equal('requests' in body ? body.requests : null, 1)
  const caller = await service.callerFor('acme', { deadline: deadlineIn(10_000) })
  const page = await adapterFor('salesforce').page(table, null, caller)
  const changed = page.rows.find(({ id }) => id === row?.['id'])
  assert.equal(changed?.values['email'], 'paul@dune.co')
})

test('sluice.tables lists what the sync has now', async () => {
  const listed = async () =>
    (await sql`select api_object from sluice.tables order by 1`)
      .map(({ api_object }) => String(api_object))
  await setup()
  assert.deepEqual(await listed(), ['Account', 'Contact'])
  await setup({ objects: ['Contact'] })
  assert.deepEqual(await listed(), ['Contact'])
  await setup()
  assert.deepEqual(await listed(), ['Account', 'Contact'])
})

test('a value that the platform refuses is its fault with the column', async () => {
  await setup()
  const [row] = await sql`select min(id) as id from salesforce.contacts`
  const rows = [{ ordinal: 1, id: row?.['id'], values: { email: 'pauldune.co' } }]
  const { status, body } = await post(service, update({ syncId: 'sync_sales1', rows }))
  assert.deepEqual([status, body.state, body.fault?.sqlstate], [200, 'refused', '23514'])
})

test('tokens that the platform expires are refreshed with the rotated grant', async () => {
  await setup()
  const refreshes = () =>
    service.lines.filter((line) => line.includes('credential.refreshed')).length
  const before = refreshes()
  for (let times = 0; times < 3; times++) {
    const expire = { platform: 'salesforce', kind: 'expire-token', times: 1 }
    const body = JSON.stringify(expire)
    const url = `${sandbox.url}/_mischief`
    const contentType = { 'content-type': 'application/json' }
    await http.send({ method: 'POST', url, headers: contentType, body, waitMs: 5_000 })
    const [row] = await sql`select min(id) as id from salesforce.contacts`
    const rows = [{ ordinal: 1, id: row?.['id'], values: { email: `paul${times}@dune.co` } }]
    assert.equal(
      (await post(service, update({ syncId: 'sync_sales1', rows }))).body.state,
      'accepted',
    )
  }
  assert.equal(refreshes() - before, 3)
})

test('what cannot be set up is refused, and listeners do not hear of it', async () => {
  const config = await readConfig()
  await assert.rejects(setup({ id: 'nothing' }), { code: 'bad_request' })
  await assert.rejects(setup({ objects: ['Contact', 'Nothing__c'] }), { name: 'Fault' })
  assert.deepEqual(await readConfig(), config)
})
