// Goal: a store that is there and says nothing costs neither memory without bound nor a wait without end. Method: a
// socket that takes everything and answers nothing; a real store for what races.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Fault } from '../../src/mutation/fault.ts'
import { readListenerKeys, saveListenerKey } from '../../src/store/keys.ts'
import { openStore } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { keyring, testStore } from '../store/help.ts'

const isDown = (error: unknown) => error instanceof Fault && error.code === 'service_unreachable'

test('questions that were given up are bounded: one more fails at once', async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `postgres://nobody:nothing@127.0.0.1:${port}/nowhere`
  const store = openStore({ url, keyring, connectionsMax: 1, waitMs: 30, questionsMax: 2 })
  let put = 0
  const ask = () =>
    store.ask('Asking', (sql) => {
      put += 1
      return sql`select 1`
    })
  try {
    for (let count = 0; count < 4; count++) await assert.rejects(ask(), isDown)
    assert.equal(put, 2)
  } finally {
    await store.sql.end({ timeout: 0 })
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

test('processes that save the same key at the same moment all succeed', async () => {
  const cluster = await testCluster()
  const store = await testStore(await cluster.createDatabase())
  try {
    for (let round = 0; round < 10; round++) {
      const key = { id: `key ${round}`, key: `secret ${round}` }
      await Promise.all(Array.from({ length: 6 }, () => saveListenerKey(store, key)))
    }
    assert.equal((await readListenerKeys(store)).length, 10)
  } finally {
    await store.close()
    await cluster.stop()
  }
})
