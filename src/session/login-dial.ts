// Room session: a connection to the customer's Postgres, encrypted where the address asks for it, before a word of the
// protocol is spoken.

import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import {
  type AddressGuard,
  AddressNotAllowed,
  anyAddress,
  guardedLookup,
} from '../lib/addresses.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { sslRequest } from '../wire/startup.ts'
import { createIntake } from './handshake-intake.ts'
import { requestTls } from './tls.ts'

/** Why there is no usable connection: words for the DETAIL of a fault. Never holds a password. */
export class DialFailure extends Error {
  override name = 'DialFailure'
}

/** What is open, so that whoever stops waiting can close it. */
export interface Line {
  open(socket: Socket): void
  close(): void
}

/** Keeps the sockets of one attempt. What is opened after `close` is closed at once. */
export function createLine(): Line {
  const sockets: Socket[] = []
  let closed = false
  return {
    open: (socket) => {
      sockets.push(socket)
      if (closed) socket.destroy()
    },
    close: () => {
      closed = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

const keepAliveMs = 30_000

export interface DialOptions {
  readonly line: Line
  /** Where to connect instead of the address's host, whose name the certificate must bear all the same. */
  readonly host?: string
  /** Where a connection may go; anywhere when absent. */
  readonly guard?: AddressGuard
}

/**
 * Connects and, unless sslmode is `disable`, encrypts. Rejects with DialFailure. The caller bounds the wait and closes
 * the line.
 */
export async function dial(
  address: DatabaseAddress,
  { line, host = address.host, guard = anyAddress }: DialOptions,
): Promise<Socket> {
  const socket = await connectSocket({ host, port: address.port, line, guard })
  return address.sslmode === 'disable' ? socket : await encrypt(socket, { address, line })
}

function connectSocket(
  { host, port, line, guard }: { host: string; port: number; line: Line; guard: AddressGuard },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (isIP(host) !== 0 && !guard.allows(host)) return reject(notAllowed(host))
    const socket = connect({
      host,
      port,
      ...(guard === anyAddress ? {} : { lookup: guardedLookup(guard) }),
    })
    line.open(socket)
    const onError = (error: Error) => reject(new DialFailure(reasonOf(error), { cause: error }))
    const onClose = () => reject(new DialFailure('the connection was closed'))
    socket.on('error', () => {}) // stays: an error between two owners must not be uncaught
    socket.once('error', onError).once('close', onClose)
    socket.once('connect', () => {
      socket.off('error', onError).off('close', onClose)
      const { remoteAddress = '' } = socket
      if (!guard.allows(remoteAddress)) {
        socket.destroy()
        return reject(notAllowed(remoteAddress))
      }
      socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
      resolve(socket)
    })
  })
}

function notAllowed(address: string): DialFailure {
  const cause = new AddressNotAllowed(address)
  return new DialFailure(cause.message, { cause })
}

// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
async function encrypt(
  socket: Socket,
  { address, line }: { address: DatabaseAddress; line: Line },
): Promise<Socket> {
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
    return secured
  } catch (error) {
    throw new DialFailure(`TLS failed: ${reasonOf(error)}`, { cause: error })
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the server',
  EPIPE: 'connection reset by the server',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name cannot be looked up at present',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EADDRNOTAVAIL: 'address is not available',
}

/** An error of a socket in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const known = typeof code === 'string' ? reasons[code] : undefined
  return known ?? (typeof message === 'string' && message !== '' ? message : 'unknown reason')
}

/** Is the other end on this machine? Then nobody listens on the way. */
export function isLoopback(remoteAddress: string | undefined): boolean {
  const address = (remoteAddress ?? '').replace(/^::ffff:/i, '')
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}
