// Goal: a customer's database that takes a connection and says nothing costs recovery a bounded time. Method: a socket that
// takes everything and answers nothing.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../help/mirror.ts'
import { mute } from '../help/mute.ts'
import { DeadlineExceeded } from '../../src/lib/deadline.ts'
import { isDatabaseDown, isSilent, within } from '../../src/sync/target.ts'

test('work in a database that says nothing is given up, and the database counts as down', async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const address = {
    host: '127.0.0.1',
    port,
    database: 'nowhere',
    user: 'nobody',
    password: 'nothing',
    sslmode: 'disable',
  } as const
  try {
    const work = within({ address, dial: undefined, waitMs: 100 }, () => Promise.resolve(1))
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof DeadlineExceeded)
      return isDatabaseDown(error)
    })
    await eventually(async () => sockets.size, { holds: (count) => count === 1 })
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

test('so is work in a database that logs in and then says nothing', async () => {
  const silent = await mute()
  const { address } = silent
  try {
    const work = within({ address, dial: undefined, waitMs: 300 }, () => assert.fail('begun'))
    await assert.rejects(work, (error) => isSilent(error) && isDatabaseDown(error))
    await eventually(async () => silent.connections(), { holds: (count) => count === 1 })
  } finally {
    silent.close()
  }
})
