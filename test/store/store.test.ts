// Goal: migrations, configuration, key rotation, and a store that is not there. Method: a real Postgres.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  changeConnection,
  leaseConnection,
  readConnection,
  releaseConnection,
  renewConnection,
  revokeConnection,
  saveConnection,
} from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { readListenerKeys, revokeListenerKey, saveListenerKey } from '../../src/store/keys.ts'
import { migrate, migrations } from '../../src/store/migrations.ts'
import { reseal } from '../../src/store/reseal.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSync, readSyncConfig, saveSync, setSyncState } from '../../src/store/syncs.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { address, contacts, keyring, seed, testStore } from './help.ts'

let url: string
let store: Store
const cluster = await testCluster()

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})

after(async () => {
  await store?.close()
  await cluster.stop()
})

const connection = {
  id: 'rotating',
  platform: 'salesforce',
  baseUrl: 'http://127.0.0.1:1',
  tokenUrl: 'http://127.0.0.1:1/token',
  clientId: 'client',
  credential: { kind: 'oauth', refreshToken: 'first' },
} as const

function oauth(id: string) {
  return { ...connection, id }
}

function read(id: string, from: Store = store) {
  return readConnection(from, id)
}

test('many processes migrate one store at once, and each step is taken once', async () => {
  const fresh = await cluster.createDatabase()
  const stores = [1, 2, 3].map(() =>
    openStore({ url: fresh, keyring, connectionsMax: 2, waitMs: 60_000 })
  )
  const taken = await Promise.all(stores.map((each) => migrate(each)))
  assert.deepEqual(taken.flat().sort((a, b) => a - b), migrations.map(({ id }) => id))
  assert.deepEqual(await migrate(stores[0] ?? assert.fail()), [])
  await Promise.all(stores.map((each) => each.close()))
})

test('a store that is not there is a fault within its wait', async () => {
  const port = await freePort()
  const none = openStore({ url: `postgres://a:b@127.0.0.1:${port}/none`, keyring, waitMs: 3_000 })
  await assert.rejects(none.ask('Asking', (sql) => sql`select 1`), {
    code: 'service_unreachable',
    message: "mutation service's store is unreachable, nothing was sent",
  })
  await none.close()
})

test('a question that takes too long is a fault, and a wrong question is not', async () => {
  const hasty = openStore({ url, keyring, waitMs: 1_000 })
  const slow = hasty.ask('Asking', (sql) => sql`select pg_sleep(10)`)
  await assert.rejects(slow, { code: 'service_unreachable' })
  await hasty.close()
  await assert.rejects(store.ask('Asking', (sql) => sql`select 1 / 0`), { code: '22012' })
})

test('a listener is told every table of the active syncs in its database, and no credential', async () => {
  await seed(store, { id: 'sync_aaaaaa', credential: { kind: 'key', key: 'platform secret' } })
  const other = { ...contacts('sync_bbbbbb'), schema: 'second' }
  await saveSync(store, {
    id: 'sync_bbbbbb',
    connectionId: 'connection of sync_aaaaaa',
    databaseId: 'database of sync_aaaaaa',
    schema: 'second',
    tables: [other],
    users: [],
  })
  const config = await readSyncConfig(store, 'sync_aaaaaa')
  assert.deepEqual(config.tables, [contacts('sync_aaaaaa'), other])
  assert.deepEqual(Object.keys(config.users), ['demo'])
  assert.deepEqual(config.database, address)
  assert.equal(Buffer.from(config.ticketKey, 'base64').length, 32)
  assert.doesNotMatch(JSON.stringify(config), /platform secret/)
  await setSyncState(store, { id: 'sync_bbbbbb', state: 'disabled' })
  assert.equal((await readSyncConfig(store, 'sync_aaaaaa')).tables.length, 1)
  assert.equal((await readSyncConfig(store, 'sync_bbbbbb')).state, 'disabled')
})

test('a sync that is saved again has exactly the new tables and users', async () => {
  const table = await seed(store, { id: 'sync_cccccc' })
  const { version } = await readSync(store, 'sync_cccccc')
  await saveSync(store, {
    id: 'sync_cccccc',
    connectionId: 'connection of sync_cccccc',
    databaseId: 'database of sync_cccccc',
    schema: 'salesforce',
    tables: [{ ...table, name: 'people' }],
    users: [{ name: 'other', verifier: 'v' }],
  })
  const config = await readSyncConfig(store, 'sync_cccccc')
  assert.deepEqual(config.tables.map(({ name }) => name), ['people'])
  assert.deepEqual(config.users, { other: 'v' })
  assert.notEqual((await readSync(store, 'sync_cccccc')).version, version)
})

test('what makes a table different is kept, and told to listener and service', async () => {
  const table = await seed(store, { id: 'sync_dddddd' })
  const traits = {
    keyColumns: ['name'],
    rowsMax: { insert: 7 },
    refuses: { delete: { detail: 'There is no such call.', hint: 'Archive it.' } },
  }
  const saved = { ...table, ...traits }
  await saveSync(store, {
    id: 'sync_dddddd',
    connectionId: 'connection of sync_dddddd',
    databaseId: 'database of sync_dddddd',
    schema: 'salesforce',
    tables: [saved],
    users: [],
  })
  assert.deepEqual((await readSyncConfig(store, 'sync_dddddd')).tables, [saved])
  assert.deepEqual((await readSync(store, 'sync_dddddd')).tables, [saved])
})

test('settings of a connection are read with its syncs, and a change makes these be read again', async () => {
  await seed(store, { id: 'sync_eeeeee' })
  const before = await readSync(store, 'sync_eeeeee')
  assert.deepEqual(before.settings, {})
  const { id, platform, baseUrl, credential, tokenUrl, clientId } = await read(before.connectionId)
  const settings = { dailyLimit: 15_000, nested: { list: ['a', 1, null] } }
  const given = {
    id,
    platform,
    baseUrl,
    credential,
    tokenUrl: tokenUrl ?? '',
    clientId: clientId ?? '',
  }
  await saveConnection(store, { ...given, settings })
  const after = await readSync(store, 'sync_eeeeee')
  assert.deepEqual(after.settings, settings)
  assert.notEqual(after.version, before.version)
  assert.deepEqual((await read(id)).settings, settings)
  await saveConnection(store, given)
  assert.deepEqual((await read(id)).settings, {})
})

test('a sync that is not there is not found', async () => {
  await assert.rejects(readSyncConfig(store, 'sync_nothere'), { code: 'not_found' })
  await assert.rejects(readSync(store, 'sync_nothere'), { code: 'not_found' })
  const change = setSyncState(store, { id: 'sync_nothere', state: 'disabled' })
  await assert.rejects(change, { code: 'not_found' })
})

test('a database keeps its ticket key when its address changes', async () => {
  const one = await saveDatabase(store, { id: 'db', address }, { random: randomBytes })
  const changed = { ...address, port: 1 }
  const two = await saveDatabase(store, { id: 'db', address: changed }, { random: randomBytes })
  assert.equal(two.ticketKey, one.ticketKey)
  assert.equal(two.address.port, 1)
})

test('setting a connection up again keeps the tokens that were rotated since', async () => {
  await saveConnection(store, connection)
  const renewal = {
    credential: { kind: 'oauth', refreshToken: 'second', accessToken: 'token' },
    baseUrl: connection.baseUrl,
  } as const
  const { id } = connection
  const before = await leaseConnection(store, { id, lease: 'ours', waitMs: 60_000 }) ??
    assert.fail('nobody has the lease')
  assert.equal(await leaseConnection(store, { id, lease: 'theirs', waitMs: 60_000 }), null)
  assert.equal(await renewConnection(store, { before, renewal }), true)
  // as after a commit whose answer was lost
  assert.equal(await renewConnection(store, { before, renewal }), true)
  await saveConnection(store, connection)
  assert.deepEqual((await read(connection.id)).credential, renewal.credential)
  const anew = { ...connection, credential: { kind: 'oauth', refreshToken: 'third' } } as const
  await saveConnection(store, anew)
  assert.deepEqual((await read(connection.id)).credential, anew.credential)
})

test('tokens are saved after the lease was lost and the connection revoked, unless the credential is another', async () => {
  const credential = { kind: 'oauth', refreshToken: 'grant 0' } as const
  const connection = { ...oauth('renewed late'), credential }
  const { id } = connection
  await saveConnection(store, connection)
  const before = await leaseConnection(store, { id, lease: 'ours', waitMs: 0 }) ?? assert.fail()
  await leaseConnection(store, { id, lease: 'theirs', waitMs: 60_000 })
  await revokeConnection(store, { id, lease: 'theirs' })
  const grant = (refreshToken: string) => ({
    before,
    renewal: { baseUrl: before.baseUrl, credential: { ...credential, refreshToken } },
  })
  assert.equal(await renewConnection(store, grant('grant 1')), true)
  const saved = await readConnection(store, id)
  assert.deepEqual([saved.state, saved.credential], ['active', {
    ...credential,
    refreshToken: 'grant 1',
  }])
  assert.equal(await renewConnection(store, grant('grant 2')), false)
  assert.deepEqual(await readConnection(store, id), saved)
})

test('a renewal takes the place of its own credential only, and not of a base URL changed meanwhile', async () => {
  const connection = oauth('moved meanwhile')
  const { id } = connection
  await saveConnection(store, connection)
  const before = await readConnection(store, id)
  await changeConnection(store, { id, baseUrl: 'https://elsewhere' })
  const credential = { kind: 'oauth', refreshToken: 'fresh' } as const
  const renewal = { baseUrl: before.baseUrl, credential, account: 'acme' }
  assert.equal(await renewConnection(store, { before, renewal }), true)
  const { baseUrl, account } = await readConnection(store, id)
  assert.deepEqual([baseUrl, account], ['https://elsewhere', 'acme'])
})

test("another credential is another account's, unless it says which", async () => {
  const connection = { ...oauth('swapped'), account: '111' }
  const { id } = connection
  const account = async () => (await readConnection(store, id)).account
  await saveConnection(store, connection)
  await saveConnection(store, oauth('swapped'), { replace: true })
  assert.equal(await account(), '111')
  const { platform, baseUrl } = connection
  const key = { id, platform, baseUrl, credential: { kind: 'key', key: 'of another' } } as const
  await saveConnection(store, key, { replace: true })
  assert.equal(await account(), undefined)
})

test('a lease that is over or was given back can be had by another', async () => {
  const id = 'leased'
  await saveConnection(store, { ...connection, id })
  const lease = (lease: string, waitMs: number) => leaseConnection(store, { id, lease, waitMs })
  assert.notEqual(await lease('one', 0), null)
  assert.notEqual(await lease('two', 60_000), null)
  await releaseConnection(store, { id, lease: 'one' })
  assert.equal(await lease('three', 60_000), null)
  await releaseConnection(store, { id, lease: 'two' })
  assert.notEqual(await lease('three', 60_000), null)
})

test('an oauth connection without a token endpoint is refused', async () => {
  const { tokenUrl: _, ...rest } = connection
  await assert.rejects(saveConnection(store, { ...rest, id: 'no url' }), { code: 'bad_request' })
})

test('no secret stands in the store in the clear', async () => {
  await saveConnection(store, { ...connection, id: 'sealed' })
  await saveDatabase(store, { id: 'sealed', address }, { random: randomBytes })
  const rows = await store.sql`
    select c::text as text from sluice_store.connections c
    union all select d::text from sluice_store.databases d`
  const hex = (text: string) => Buffer.from(text).toString('hex')
  for (const { text } of rows) {
    for (const secret of ['first', address.password]) {
      assert.ok(!text.includes(secret) && !text.includes(hex(secret)))
    }
  }
})

test('after resealing the old key is no longer needed', async () => {
  const fresh = await cluster.createDatabase()
  const old = `old:${randomBytes(32).toString('base64')}`
  const current = `new:${randomBytes(32).toString('base64')}`
  const at = (keys: string) =>
    openStore({ url: fresh, keyring: parseKeyring(keys), connectionsMax: 2 })
  const [before, during, afterwards] = [at(old), at(`${current},${old}`), at(current)]
  await migrate(before)
  await seed(before)
  await assert.rejects(read('connection of sync_test01', afterwards), { name: 'SealError' })
  assert.equal(await reseal(during), 2)
  assert.equal(await reseal(during), 0)
  const { credential } = await read('connection of sync_test01', afterwards)
  assert.deepEqual(credential, { kind: 'key', key: 'the key' })
  assert.deepEqual((await readSyncConfig(afterwards, 'sync_test01')).database, address)
  await Promise.all([before, during, afterwards].map((each) => each.close()))
})

test('of a listener key only the hash is kept, and a revoked one is gone', async () => {
  await saveListenerKey(store, { id: 'iad', key: 'listener key' })
  const [key] = await readListenerKeys(store)
  assert.equal(key?.id, 'iad')
  assert.ok(!Buffer.from(key.sha256).includes('listener key'))
  await revokeListenerKey(store, 'iad')
  assert.deepEqual(await readListenerKeys(store), [])
  await saveListenerKey(store, { id: 'iad', key: 'another' })
  assert.equal((await readListenerKeys(store)).length, 1)
})
