// Room session: a connection to the customer's Postgres, through a bastion or straight, encrypted where the address asks for
// it, before a word of the protocol is spoken.

import type { Duplex } from 'node:stream'
import { type AddressGuard, anyAddress } from '../lib/addresses.ts'
import type { Log } from '../lib/log.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { sslRequest } from '../wire/startup.ts'
import { connectSocket, DialFailure, type Line, reasonOf } from './dial-socket.ts'
import { createIntake } from './handshake-intake.ts'
import { requestTls } from './tls.ts'
import { processTunnels, type Tunnels } from './tunnel.ts'

export { createLine, DialFailure, isLoopback, type Line, reasonOf } from './dial-socket.ts'

/** A connection. `remoteAddress` is not known behind a bastion. */
export type Wire = Duplex & { readonly remoteAddress?: string | undefined }

export interface DialOptions {
  readonly line: Line
  /** Where to connect instead of the address's host, whose name the certificate must bear all the same. */
  readonly host?: string
  /** Where a connection may go; anywhere when absent. */
  readonly guard?: AddressGuard
  /** Those of the process when absent. */
  readonly tunnels?: Tunnels
  readonly log?: Log
}

/**
 * Connects and, unless sslmode is `disable`, encrypts. Rejects with DialFailure. The caller bounds the wait and closes
 * the line.
 */
export async function dial(address: DatabaseAddress, options: DialOptions): Promise<Wire> {
  const { line } = options
  const socket = await connectWire(address, options)
  return address.sslmode === 'disable' ? socket : await encrypt(socket, { address, line })
}

async function connectWire(
  address: DatabaseAddress,
  { line, host = address.host, guard = anyAddress, tunnels = processTunnels, log }: DialOptions,
): Promise<Wire> {
  const { port, ssh } = address
  if (ssh === undefined) return await connectSocket({ host, port, line, guard })
  const stream = await tunnels.open(ssh, { host, port, guard, log })
  line.open(stream)
  return stream
}

// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
async function encrypt(
  socket: Wire,
  { address, line }: { address: DatabaseAddress; line: Line },
): Promise<Wire> {
  const intake = createIntake(socket)
  socket.write(sslRequest)
  const answer = await intake.read().catch((error: Error) => {
    throw new DialFailure(reasonOf(error), { cause: error })
  })
  const more = intake.waiting().length > 0 || (answer?.length ?? 0) > 1
  intake.release()
  const code = answer === null ? '' : String.fromCharCode(answer[0] ?? 0)
  if (code === '') throw new DialFailure('the server closed the connection when asked for TLS')
  if (code === 'N') {
    throw new DialFailure(`the server does not support TLS, but sslmode is ${address.sslmode}`)
  }
  if (code !== 'S') throw new DialFailure('the server gave no valid answer when asked for TLS')
  // CVE-2021-23222: what came in the clear must not pass for something that came encrypted
  if (more) throw new DialFailure('received unencrypted data after SSL response')
  try {
    const secured = await requestTls(socket, {
      host: address.host,
      verify: address.sslmode === 'verify-full',
      ...(address.sslrootcert === undefined ? {} : { ca: address.sslrootcert }),
    })
    line.open(secured)
    secured.once('close', () => socket.destroy()) // what is below goes with it, whatever it is
    return secured
  } catch (error) {
    throw new DialFailure(`TLS failed: ${reasonOf(error)}`, { cause: error })
  }
}
