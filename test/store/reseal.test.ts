// Goal: after a rotation no value needs an older key, whatever tables there are. Method: the catalogue of a real store.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { readConnection } from '../../src/store/connections.ts'
import { migrate } from '../../src/store/migrations.ts'
import { readOAuthApp, saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { saveAuthorization, takeAuthorization } from '../../src/store/oauth-states.ts'
import { reseal, sealedColumns } from '../../src/store/reseal.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { readSyncConfig } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { address, seed } from '../store/help.ts'

const cluster = await testCluster()
const stores: Store[] = []
const oldKey = `old:${randomBytes(32).toString('base64')}`
const newKey = `new:${randomBytes(32).toString('base64')}`
const nextKey = `next:${randomBytes(32).toString('base64')}`

after(async () => {
  await Promise.all(stores.map((each) => each.close()))
  await cluster.stop()
})

/** A store of its own, opened with whatever keys. */
async function newStore(): Promise<(keys: string) => Store> {
  const url = await cluster.createDatabase()
  const at = (keys: string): Store => {
    const store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 2 })
    stores.push(store)
    return store
  }
  await migrate(at(oldKey))
  return at
}

const authorization = {
  platform: 'salesforce',
  connectionId: 'connection of sync_test01',
  given: '',
  verifier: 'the verifier',
  cookieHash: '',
  redirectUri: '',
  tokenUrl: '',
  clientId: '',
  anyAccount: false,
} as const

async function fill(store: Store): Promise<void> {
  await seed(store)
  await saveOAuthApp(store, { platform: 'github', clientId: 'id', clientSecret: 'the secret' })
  await saveAuthorization(store, authorization, { state: 'state', waitMs: 60_000 })
}

async function keysUsed(store: Store): Promise<string[]> {
  const used = new Set<string>()
  for (const { table } of sealedColumns) {
    const rows = await store.sql`select distinct key_id from sluice_store.${store.sql(table)}`
    for (const { key_id: key } of rows) used.add(String(key))
  }
  return [...used]
}

test('every sealed column of the store is known to the rotation', async () => {
  const store = (await newStore())(oldKey)
  const rows = await store.sql<{ table: string; column: string }[]>`
    select c.table_name as "table", c.column_name as "column"
    from information_schema.columns c
    where c.table_schema = 'sluice_store' and c.data_type = 'bytea' and exists (
      select from information_schema.columns k
      where k.table_schema = c.table_schema and k.table_name = c.table_name
        and k.column_name = 'key_id')`
  const names = (columns: readonly { table: string; column: string }[]) =>
    columns.map(({ table, column }) => `${table}.${column}`).sort()
  assert.deepEqual(names([...rows]), names(sealedColumns))
})

test('a rotation seals everything with the new key, and the old one can go', async () => {
  const at = await newStore()
  await fill(at(oldKey))
  const during = at(`${newKey},${oldKey}`)
  assert.deepEqual(await keysUsed(during), ['old'])
  assert.equal(await reseal(during), 4)
  assert.deepEqual(await keysUsed(during), ['new'])
  assert.equal(await reseal(during), 0)
  const afterwards = at(newKey)
  const { credential } = await readConnection(afterwards, 'connection of sync_test01')
  assert.deepEqual(credential, { kind: 'key', key: 'the key' })
  assert.deepEqual((await readSyncConfig(afterwards, 'sync_test01')).database, address)
  assert.equal((await readOAuthApp(afterwards, 'github')).clientSecret, 'the secret')
  assert.equal((await takeAuthorization(afterwards, 'state'))?.verifier, 'the verifier')
  assert.equal(await takeAuthorization(afterwards, 'state'), null)
})

test('a rotation without the key of some value says which, and seals the others', async () => {
  const at = await newStore()
  await fill(at(oldKey))
  await saveOAuthApp(at(newKey), { platform: 'github', clientId: 'id', clientSecret: 'secret' })
  await assert.rejects(reseal(at(`${nextKey},${newKey}`)), {
    name: 'SealError',
    message:
      'Cannot open connections.credential of "connection of sync_test01": key "old" is not in the keyring',
  })
  await assert.doesNotReject(reseal(at(`${nextKey},${newKey},${oldKey}`)))
  assert.deepEqual(await keysUsed(at(nextKey)), ['next'])
})

test('values that others change at the same moment keep the change', async () => {
  const at = await newStore()
  const [old, writer] = [at(oldKey), at(`${newKey},${oldKey}`)]
  const ids = Array.from({ length: 30 }, (_, number) => `sync_many${number}`)
  for (const id of ids) await seed(old, { id })
  const change = async () => {
    for (const id of ids) await seed(writer, { id, credential: { kind: 'key', key: `new ${id}` } })
  }
  await Promise.all([reseal(writer), change()])
  await reseal(writer)
  const fresh = at(newKey)
  for (const id of ids) {
    const { credential } = await readConnection(fresh, `connection of ${id}`)
    assert.deepEqual(credential, { kind: 'key', key: `new ${id}` })
  }
})

test('a rotation does not end while a process still seals with the old key', async () => {
  const at = await newStore()
  const [old, ring] = [at(oldKey), at(`${newKey},${oldKey}`)]
  const disturbed: Store = {
    ...ring,
    ask: async (what, work) => {
      const answer = await ring.ask(what, work)
      await saveOAuthApp(old, { platform: 'github', clientId: 'id', clientSecret: 'secret' })
      return answer
    },
  }
  await assert.rejects(reseal(disturbed), {
    name: 'SealError',
    message: /oauth_apps.secret of "github" is sealed with key "old" again: a process has/,
  })
  assert.ok(await reseal(ring) > 0)
})
