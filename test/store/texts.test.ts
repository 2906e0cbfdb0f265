// Goal: the store's driver never puts a question of its own, whose failure nobody hears; lists of texts come and go whole.
// Method: a real store behind a link that cuts off whoever asks for types.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openStore, type Store } from '../../src/store/store.ts'
import { readTexts, writeTexts } from '../../src/store/texts.ts'
import { openDatabase } from '../../src/sync/database.ts'
import { testCluster } from '../help/cluster.ts'
import { keyring } from './help.ts'
import { type Link, startLink } from './link.ts'

const cluster = await testCluster()
let link: Link
let store: Store
let database: string

before(async () => {
  link = await startLink(cluster.port, { cutAt: 'typarray' })
  const url = new URL(await cluster.createDatabase())
  database = url.pathname.slice(1)
  url.port = String(link.port)
  store = openStore({ url: url.href, keyring, connectionsMax: 1, waitMs: 30_000 })
})
after(async () => {
  await store?.close()
  await link?.close()
  await cluster.stop()
})

const lists: (string | null)[][] = [
  [],
  ['plain'],
  ['', ' ', 'a,b', '{}', '"', '\\', '\\"', 'NULL', 'null', "it's", 'Zürich\n\t'],
  [null, 'NULL', null],
]

test('a list of texts comes back from the store as it went there', async () => {
  for (const list of lists) {
    const [row] = await store.ask('Asking', (sql) => sql`select ${list}::text[] as list`)
    assert.deepEqual(row?.['list'], list)
    assert.deepEqual(readTexts(writeTexts(list)), list)
  }
})

test('recovery asks a customer’s database for nothing but its work', async () => {
  const address = { host: '127.0.0.1', user: 'postgres', password: 'postgres', database }
  const sql = openDatabase({ ...address, port: link.port, sslmode: 'disable' }, {
    dial: undefined,
    name: 'test',
  })
  try {
    assert.deepEqual([...await sql`select 1 as one`], [{ one: 1 }])
  } finally {
    await sql.end({ timeout: 1 })
  }
})
