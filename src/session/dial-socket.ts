// Room session: a plain connection, to addresses that it may go to, and why there is none in words.

import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type AddressGuard,
  AddressNotAllowed,
  anyAddress,
  guardedLookup,
} from '../lib/addresses.ts'

/** Why there is no usable connection: words for the DETAIL of a fault. Never holds a password or a key. */
export class DialFailure extends Error {
  override name = 'DialFailure'
  /** What to do about it, where that is known. */
  readonly hint: string | undefined

  constructor(message: string, { hint, ...options }: ErrorOptions & { hint?: string } = {}) {
    super(message, options)
    this.hint = hint
  }
}

/** What is open, so that whoever stops waiting can close it. */
export interface Line {
  open(socket: Duplex): void
  close(): void
}

/** Keeps the sockets of one attempt. What is opened after `close` is closed at once. */
export function createLine(): Line {
  const sockets: Duplex[] = []
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

/** Connects, where the guard allows it. Rejects with DialFailure. The caller bounds the wait and closes the line. */
export function connectSocket(
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
