// Room session: one SSH connection to a bastion: made with the host key that is pinned and no other, shared by many channels,
// and gone for all of them at once. The SSH library is loaded with the first one.

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Algorithms, Client, ClientChannel, ParsedKey, ServerHostKeyAlgorithm } from 'ssh2'
import type { AddressGuard } from '../lib/addresses.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import {
  fingerprintOf,
  type HostKeyPin,
  keyTypeOf,
  parseHostKey,
  privateKeyFlaw,
} from '../lib/ssh-key.ts'
import type { Bastion } from '../mutation/config.ts'
import { connectSocket, createLine, DialFailure, type Line, reasonOf } from './dial-socket.ts'
import { resetError, TunnelStream } from './tunnel-stream.ts'
import {
  BastionRefused,
  loginRefused,
  nameOf,
  noHostKey,
  notForwarded,
  said,
  TunnelLost,
  uselessKey,
  wrongHostKey,
} from './tunnel-words.ts'

/** Bounds, in milliseconds where they are times. */
export interface TunnelLimits {
  /** For an SSH connection, from its first packet until the user is let in. */
  readonly connectWaitMs: number
  /** For the way to the database, once there is one. */
  readonly openWaitMs: number
  /** A bastion that answers nothing for three of these is dead. */
  readonly keepAliveMs: number
  /** A connection that carries nothing is closed after so long. */
  readonly idleMs: number
  /** Channels of one connection; then there is a second. */
  readonly channelsMax: number
  /** Connections to one bastion. */
  readonly connectionsMax: number
}

export interface ConnectOptions {
  /** Where the connection may go. */
  readonly guard: AddressGuard
  readonly limits: TunnelLimits
  /** Hears, once, that the connection is gone, in words. */
  readonly onGone: (connection: TunnelConnection, why: string) => void
  /** Hears that the last channel is closed. */
  readonly onIdle: (connection: TunnelConnection) => void
}

const keepAliveMisses = 3
/** Bytes that wait for the network before channels wait, too. */
const waitingBytesMax = 1024 * 1024

/** Connects and logs in. Rejects with DialFailure: BastionRefused where trying again is in vain. */
export async function connectBastion(
  ssh: Bastion,
  options: ConnectOptions,
): Promise<TunnelConnection> {
  const line = createLine()
  const waitMs = options.limits.connectWaitMs
  try {
    const work = connectLine(ssh, { line, options })
    return await withDeadline(work, { waitMs, what: 'SSH' })
  } catch (error) {
    line.close()
    if (!(error instanceof DeadlineExceeded)) throw error
    throw new DialFailure(`${nameOf(ssh)} did not answer within ${waitMs / 1000} s`, {
      cause: error,
    })
  }
}

async function connectLine(
  ssh: Bastion,
  { line, options }: { line: Line; options: ConnectOptions },
): Promise<TunnelConnection> {
  const { Client, utils } = (await import('ssh2')).default
  const key = readKey(ssh, utils.parseKey)
  const { host, port } = ssh
  const socket = await connectSocket({ host, port, line, guard: options.guard }).catch(
    (error: unknown) => {
      throw new DialFailure(`${nameOf(ssh)} cannot be reached: ${reasonOf(error)}`, {
        cause: error,
      })
    },
  )
  const client = new Client()
  await handshake(client, { ssh, socket, key, limits: options.limits })
  return new TunnelConnection({ ssh, client, socket, options })
}

function readKey(ssh: Bastion, parse: (data: string) => ParsedKey | Error): ParsedKey {
  const flaw = privateKeyFlaw(ssh.privateKey)
  if (flaw !== null) throw uselessKey(ssh, flaw)
  const key = parse(ssh.privateKey)
  if (key instanceof Error) throw uselessKey(ssh, `cannot be read: ${said(key.message)}`)
  return Array.isArray(key) ? key[0] as ParsedKey : key
}

function pinOf(ssh: Bastion): HostKeyPin {
  try {
    return parseHostKey(ssh.hostKey)
  } catch (cause) {
    throw new BastionRefused(`the host key pinned for ${nameOf(ssh)} cannot be read`, { cause })
  }
}

/** No SHA-1. */
const algorithms: Algorithms = {
  compress: ['none'],
  hmac: [
    'hmac-sha2-256-etm@openssh.com',
    'hmac-sha2-512-etm@openssh.com',
    'hmac-sha2-256',
    'hmac-sha2-512',
  ],
}
const rsaKinds: ServerHostKeyAlgorithm[] = ['rsa-sha2-512', 'rsa-sha2-256']
const kindsAll: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  ...rsaKinds,
]

/** Only keys of the pinned kind are asked for: a server with several shows that one. None: it is no kind that we know. */
function kindsOf({ type }: HostKeyPin): ServerHostKeyAlgorithm[] {
  if (type === null) return kindsAll
  return type === 'ssh-rsa' ? rsaKinds : kindsAll.filter((kind) => kind === type)
}

function handshake(
  client: Client,
  { ssh, socket, key, limits }: {
    ssh: Bastion
    socket: Socket
    key: ParsedKey
    limits: TunnelLimits
  },
): Promise<void> {
  const pin = pinOf(ssh)
  const kinds = kindsOf(pin)
  if (kinds.length === 0) throw noHostKey(ssh, pin.type ?? '')
  let shown: string | null = null
  const explain = (error: Error): DialFailure => {
    const { level } = error as { level?: string }
    if (shown !== null && !shown.endsWith(pin.fingerprint)) {
      return wrongHostKey(ssh, { shown, pinned: pin.fingerprint })
    }
    if (/no matching host key/.test(error.message)) return noHostKey(ssh, pin.type ?? '')
    if (level === 'client-authentication') return loginRefused(ssh, fingerprintOf(publicOf(key)))
    const words = level === 'client-socket' ? reasonOf(error) : said(error.message)
    return new DialFailure(`${nameOf(ssh)} ended the SSH handshake: ${words}`, { cause: error })
  }
  return new Promise((resolve, reject) => {
    client.on('error', (error: Error) => reject(explain(error)))
    client.on('close', () => reject(explain(new Error('the connection was closed'))))
    client.once('ready', resolve)
    client.connect({
      sock: socket,
      username: ssh.user,
      privateKey: ssh.privateKey,
      authHandler: ['publickey'],
      algorithms: { ...algorithms, serverHostKey: kinds },
      readyTimeout: 0, // the wait is bounded outside
      keepaliveInterval: limits.keepAliveMs,
      keepaliveCountMax: keepAliveMisses,
      hostVerifier: (offered: Buffer) => {
        const fingerprint = fingerprintOf(offered)
        shown = `${keyTypeOf(offered)} ${fingerprint}`
        return fingerprint === pin.fingerprint
      },
    })
  })
}

function publicOf(key: ParsedKey): Uint8Array {
  const blob: unknown = key.getPublicSSH()
  return typeof blob === 'string' ? new TextEncoder().encode(blob) : blob as Uint8Array
}

interface Parts {
  readonly ssh: Bastion
  readonly client: Client
  readonly socket: Socket
  readonly options: ConnectOptions
}

/** A connection whose user is let in. */
export class TunnelConnection {
  /** It may be at an address that another guard does not allow. */
  readonly remoteAddress: string
  readonly #parts: Parts
  readonly #streams = new Set<TunnelStream>()
  readonly #opening = new Set<(error: DialFailure) => void>()
  #relieved: (() => void)[] = []
  #gone: string | null = null
  #silent = false

  constructor(parts: Parts) {
    const { client, socket } = parts
    this.#parts = parts
    this.remoteAddress = socket.remoteAddress ?? ''
    client.on('error', (error: Error) => this.#fail(said(error.message)))
    client.on('end', () => this.#fail('the bastion closed it'))
    client.on('close', () => this.#fail('it was closed'))
    socket.on('drain', () => this.#relieve())
    if (socket.destroyed) this.#fail('it was closed')
  }

  /** Channels that are open or being opened. */
  get channels(): number {
    return this.#streams.size + this.#opening.size
  }

  /** Has it ended? */
  get gone(): boolean {
    return this.#gone !== null
  }

  /** May it be given another channel? */
  get open(): boolean {
    return this.#gone === null && !this.#silent &&
      this.channels < this.#parts.options.limits.channelsMax
  }

  /** A connection of the bastion's to that host and port. Rejects with DialFailure; TunnelLost where another try may do. */
  async forward({ host, port }: { host: string; port: number }): Promise<Duplex> {
    const { ssh, client, socket, options } = this.#parts
    const to = `${host.includes(':') ? `[${host}]` : host}:${port}`
    let giveUp: (error: DialFailure) => void = () => {}
    const asked = new Promise<TunnelStream>((resolve, reject) => {
      giveUp = reject
      this.#opening.add(reject)
      if (this.#gone !== null) return reject(this.#lost())
      client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error) reject(notForwarded(ssh, { to, error }))
        else resolve(this.#adopt(channel))
      })
    })
    const before = socket.bytesRead
    const { openWaitMs } = options.limits
    try {
      return await withDeadline(asked, { waitMs: openWaitMs, what: 'Opening a channel' })
    } catch (error) {
      asked.then((late) => late.destroy(), () => {})
      if (!(error instanceof DeadlineExceeded)) throw error
      // a bastion that has said nothing at all may be gone: the next one asks on a connection of its own
      if (socket.bytesRead === before) this.#silent = true
      const seconds = openWaitMs / 1000
      throw new DialFailure(`${nameOf(ssh)} did not connect to ${to} within ${seconds} s`, {
        cause: error,
      })
    } finally {
      this.#opening.delete(giveUp)
      this.#checkIdle()
    }
  }

  /** Ends it, and what goes through it. */
  close(): void {
    this.#fail('it is no longer needed')
  }

  #adopt(channel: ClientChannel): TunnelStream {
    const stream = new TunnelStream(channel, (done) => {
      if (this.#parts.socket.writableLength < waitingBytesMax) done()
      else this.#relieved.push(done)
    })
    stream.on('error', () => {}) // an error between two owners must not be uncaught
    this.#streams.add(stream)
    stream.once('close', () => {
      this.#streams.delete(stream)
      this.#checkIdle()
    })
    if (this.#gone !== null) stream.destroy(resetError())
    return stream
  }

  #checkIdle(): void {
    if (this.#gone !== null || this.channels > 0) return
    if (this.#silent) this.#fail('it was silent')
    else this.#parts.options.onIdle(this)
  }

  #relieve(): void {
    const waiting = this.#relieved
    this.#relieved = []
    for (const done of waiting) done()
  }

  #lost(): TunnelLost {
    return new TunnelLost(`the SSH connection to ${nameOf(this.#parts.ssh)} ended: ${this.#gone}`)
  }

  #fail(why: string): void {
    if (this.#gone !== null) return
    this.#gone = why
    const { client, socket, options } = this.#parts
    for (const reject of this.#opening) reject(this.#lost())
    for (const stream of this.#streams) stream.destroy(resetError())
    client.end()
    socket.destroy()
    options.onGone(this, why)
  }
}
