// Room session: a session on the customer's Postgres for a driver of somebody else's. The login is ours, with all that it
// refuses; the driver believes that it logs in itself, and never has the password to send.

import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import { cut } from '../lib/cut.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { authenticationOk, encodeBackendKeyData, encodeReadyForQuery } from '../wire/backend.ts'
import { type DatabaseLink, DatabaseRefused, loginDatabase, type LoginOptions } from './login.ts'

/**
 * Logs in and gives what a driver may take for a socket: its first write, the StartupMessage, is answered from the login
 * (so `parameters` go here), all the rest is Postgres's. Errors have code `CONNECTION_REFUSED`, as those of the driver
 * about a server that cannot be reached, and in `sqlstate` what the server gave as its reason, if it gave one.
 */
export async function dialSession(
  address: DatabaseAddress,
  options: LoginOptions,
): Promise<Duplex> {
  try {
    return new Adopted(await loginDatabase(address, options))
  } catch (cause) {
    const sqlstate = cause instanceof DatabaseRefused ? cause.fields.get('C') : undefined
    const message = `cannot log in to the database: ${reasonOf(cause)}`
    throw Object.assign(new Error(message, { cause }), { code: 'CONNECTION_REFUSED', sqlstate })
  }
}

/** Of what a server says, in characters. */
const wordsMax = 300

function reasonOf(error: unknown): string {
  if (error instanceof DatabaseRefused) {
    return `${cut(error.message, wordsMax)} (${error.fields.get('C') ?? 'no SQLSTATE'})`
  }
  const data = (error as { data?: { detail?: string } }).data
  return data?.detail ?? (error instanceof Error ? error.message : String(error))
}

/** For the end of a connection that the driver has ended: a server that is silent never says so. */
const closeWaitMs = 5_000

class Adopted extends Duplex {
  readonly #link: DatabaseLink
  #greeted = false

  constructor(link: DatabaseLink) {
    super({ allowHalfOpen: true })
    this.#link = link
    const { socket } = link
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error: Error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** As a net.Socket says it. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open'
  }

  override _read(): void {
    if (this.#greeted) this.#link.socket.resume()
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    if (this.#greeted) {
      this.#link.socket.write(chunk, done)
      return
    }
    this.#greeted = true
    const { greeting, key, rest, socket } = this.#link
    const keyData = key === null ? [] : [encodeBackendKeyData(key.pid, key.secret)]
    const words = [authenticationOk, greeting, ...keyData, encodeReadyForQuery('I'), rest]
    // not before the driver's write has returned: what it writes in answer meanwhile, it loses
    setImmediate(() => {
      if (this.destroyed) return
      this.push(Buffer.concat(words))
      socket.resume()
    })
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    const timer = setTimeout(() => this.destroy(), closeWaitMs)
    this.once('close', () => clearTimeout(timer))
    this.#link.socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#link.socket.destroy()
    done(error)
  }
}
