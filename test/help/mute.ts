// A customer's Postgres that logs everybody in, without a password, and then says nothing any more.

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { DatabaseAddress } from '../../src/mutation/config.ts'
import { authenticationOk, encodeReadyForQuery } from '../../src/wire/backend.ts'

export interface Mute {
  readonly address: DatabaseAddress
  /** How many have connected. */
  connections(): number
  /** How many of the connections are open at this side, which ends none itself. */
  open(): number
  close(): void
}

export async function mute(): Promise<Mute> {
  const sockets = new Set<Socket>()
  let connections = 0
  // the end of the other side is not answered either
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', () => {
      socket.write(Buffer.concat([authenticationOk, encodeReadyForQuery('I')]))
      socket.resume()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: {
      host: '127.0.0.1',
      port,
      database: 'nowhere',
      user: 'nobody',
      password: '',
      sslmode: 'disable',
    },
    connections: () => connections,
    open: () => sockets.size,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
