// Room session: the beginning of one client's connection: TLS, protocol version, who it is and which sync it means. It
// promises that the connection is a session of a known user of an enabled sync, or closed, within the time given.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP

import { randomBytes, randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { DeadlineExceeded, deadlineIn, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { Fault, faultData } from '../mutation/fault.ts'
import { authenticationOk, encodeNegotiateProtocolVersion } from '../wire/backend.ts'
import { encodeFault } from '../wire/fault.ts'
import type { FaultLike } from '../wire/fault.ts'
import { newestProtocol, startupSizeMax } from '../wire/startup.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { findAccount } from './handshake-account.ts'
import { proveClient } from './handshake-authenticate.ts'
import { Gone, openChannel } from './handshake-channel.ts'
import type { Channel, Request } from './handshake-channel.ts'
import { addressKey, type Peer } from './peer.ts'
import type { Attempt, Throttle } from './throttle.ts'
import { isPhysical } from './replication.ts'
import { createServerContext } from './tls.ts'
import type { Certificate } from './tls.ts'

export interface HandshakeOptions {
  /** PEM. Keep the same object for every connection: its context is made once. */
  readonly tls?: Certificate
  /** Refuse sessions without TLS. */
  readonly tlsRequired?: boolean
  /** For the whole handshake, in milliseconds. */
  readonly waitMs: number
  /** Lasts as long as the deployment: unknown users get their salts from it. */
  readonly mockSecret: Uint8Array
  /** The configuration of a sync, or null if there is none; rejects with a Fault when it cannot be known in time. */
  findSync(syncId: string, options: { readonly waitMs: number }): Promise<SyncConfig | null>
  readonly log: Log
  readonly random?: (size: number) => Uint8Array
  /** Hears why a connection does not become a session; for the metrics. */
  failed?(error: unknown): void
  /** The other end is a proxy that must say in a PROXY header whom it speaks for. */
  readonly proxied?: boolean
  /** The longest startup packet, in bytes, without its length field; Postgres's own bound when absent. */
  readonly startupBytesMax?: number
  /** Silence after which the client is probed, in milliseconds. */
  readonly keepAliveMs?: number
  /** Holds back who fails; nobody when absent. */
  readonly throttle?: Throttle
  /** Hears who the client is before it is read from. False: there is no room for it. */
  readonly admit?: (peer: Peer) => boolean
}

export type Handshake =
  | {
    readonly kind: 'session'
    /** The socket or the TLSSocket on it, paused and with no listener for data: call `resume` after adding one. */
    readonly stream: Duplex
    /** Bytes that the client has sent already; before anything that the stream gives. */
    readonly rest: Uint8Array
    /** Of the StartupMessage; `database` is always set, to the name of the database. */
    readonly parameters: ReadonlyMap<string, string>
    /** The name before the dot. */
    readonly login: string
    readonly config: SyncConfig
    readonly protocol: { readonly major: number; readonly minor: number }
    readonly encrypted: boolean
    /** The client, as the proxy tells where there is one. */
    readonly peer: Peer
  }
  | {
    readonly kind: 'cancel'
    readonly pid: number
    readonly secret: Uint8Array
    /** Still open: the client waits for its end to know that the request was passed on. */
    readonly stream: Duplex
    /** The client, as the proxy tells where there is one. */
    readonly peer: Peer
  }
  /** The connection is closed; there is nothing left to do. */
  | { readonly kind: 'closed' }

/** How long a client may take to read why it was refused, in milliseconds. */
export const lingerMs = 2000

/** Silence after which a client is probed, in milliseconds. */
export const keepAliveDefaultMs = 30_000

/** How much of the time that is left may go into finding the sync: then whoever is refused still hears why. */
const findShare = 2 / 3

/** Time that is left for the last words when an attempt has been held back, in milliseconds. */
const wordsMs = 500

/** Refused, in words for the client. */
class Refusal extends Error {
  override name = 'Refusal'
  readonly data: FaultLike

  constructor(data: FaultLike) {
    super(data.message)
    this.data = data
  }
}

/** The address or the user has failed too often: the password was not looked at. */
export class Throttled extends Refusal {
  override name = 'Throttled'
}

/**
 * Takes a fresh connection up to AuthenticationOk, which is the last thing sent. Never rejects: what goes wrong is told
 * to the client where it can be told, logged, and ends as `closed`.
 */
export async function handshake(socket: Socket, options: HandshakeOptions): Promise<Handshake> {
  const { waitMs, keepAliveMs = keepAliveDefaultMs } = options
  const deadline = deadlineIn(waitMs)
  let channel: Channel | undefined
  let log = options.log
  socket.on('error', () => {}) // stays: an error between two owners must not be uncaught
  socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
  try {
    const work = shakeHands(socket, {
      options,
      deadline,
      onChannel: (now) => channel = now,
      onPeer: ({ address }) => log = log.with({ client: address }),
    })
    return await withDeadline(work, { waitMs, what: 'handshake' })
  } catch (error) {
    options.failed?.(error)
    const data = wordsOf(error, log)
    if (data !== null && channel !== undefined) {
      await sayFarewell(channel, { message: encodeFault(data, 'FATAL'), deadline })
    }
    channel?.stream.destroy()
    socket.destroy()
    return { kind: 'closed' }
  }
}

/** What the client hears, or null if nothing. */
function wordsOf(error: unknown, log: Log): FaultLike | null {
  if (error instanceof Gone) {
    // port scanners and health checks end here, so this is not for the ordinary log
    log[error.level]('handshake ended', { reason: error.message, error: error.cause })
    return null
  }
  if (error instanceof DeadlineExceeded) {
    log.info('handshake ended', { reason: error.message })
    return null
  }
  const data = refusalOf(error)
  if (data !== null) {
    log.info('handshake refused', { sqlstate: data.sqlstate, reason: data.message })
    return data
  }
  const id = randomUUID()
  log.error('handshake failed', { id, error })
  return faultData('internal_error', { detail: `The log has more under ${id}.` })
}

function refusalOf(error: unknown): FaultLike | null {
  if (error instanceof Refusal || error instanceof Fault) return error.data
  if (!(error instanceof ProtocolViolation)) return null
  const { sqlstate, message, detail } = error
  return { sqlstate, message, ...(detail === undefined ? {} : { detail }) }
}

/** Sends the last message and waits, not for long, until the client has closed: a reset would take it away unread. */
async function sayFarewell(
  { stream, intake }: Channel,
  { message, deadline }: { message: Uint8Array; deadline: Deadline },
): Promise<void> {
  if (stream.destroyed) return
  intake.release()
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.end(message)
  stream.resume()
  const waitMs = Math.min(lingerMs, remainingMs(deadline))
  await withDeadline(closed, { waitMs, what: 'farewell' }).catch(() => {})
}

interface Shaking {
  readonly options: HandshakeOptions
  readonly deadline: Deadline
  readonly onChannel: (channel: Channel) => void
  readonly onPeer: (peer: Peer) => void
}

async function shakeHands(
  socket: Socket,
  { options, deadline, onChannel, onPeer }: Shaking,
): Promise<Handshake> {
  let peer: Peer = { address: '', port: 0 }
  const { channel, request } = await openChannel(socket, {
    context: options.tls === undefined ? null : serverContext(options.tls),
    proxied: options.proxied ?? false,
    startupBytesMax: options.startupBytesMax ?? startupSizeMax,
    onChannel,
    onPeer: (known) => {
      onPeer(peer = known)
      if (options.admit?.(peer) === false) throw new Refusal(crowded())
    },
  })
  if (request.type === 'CancelRequest') {
    channel.intake.release()
    const { pid, secret } = request
    return { kind: 'cancel', pid, secret, stream: channel.stream, peer }
  }
  if (options.tlsRequired === true && !channel.encrypted) {
    throw new Refusal({
      sqlstate: '28000',
      message: 'connection requires TLS',
      hint: 'Connect with sslmode=require.',
    })
  }
  const log = options.log.with({ client: peer.address })
  return await openSession(channel, { request, options: { ...options, log }, deadline, peer })
}

function crowded(): FaultLike {
  return faultData('too_many_connections', {
    message: 'too many connections that are not logged in yet',
    hint: 'Try again in a moment.',
  })
}

const contexts = new WeakMap<Certificate, SecureContext>()

function serverContext(certificate: Certificate): SecureContext {
  const known = contexts.get(certificate)
  if (known !== undefined) return known
  const made = createServerContext(certificate)
  contexts.set(certificate, made)
  return made
}

type StartupMessage = Extract<Request, { type: 'StartupMessage' }>

async function openSession(
  channel: Channel,
  { request, options, deadline, peer }: {
    request: StartupMessage
    options: HandshakeOptions
    deadline: Deadline
    peer: Peer
  },
): Promise<Handshake> {
  const { stream, intake, encrypted } = channel
  const { major, options: unknown, parameters: sent } = request
  const minor = Math.min(request.minor, newestProtocol.minor)
  if (request.minor > minor || unknown.length > 0) {
    stream.write(encodeNegotiateProtocolVersion({ major, minor, options: unknown }))
  }
  const user = sent.get('user') ?? ''
  if (user === '') {
    throw new Refusal({
      sqlstate: '28000',
      message: 'no PostgreSQL user name specified in startup packet',
    })
  }
  const { address } = peer
  const { verifier, login, config, failure } = await findAccount(user, {
    ...options,
    address,
    findSync: (id) => options.findSync(id, { waitMs: remainingMs(deadline) * findShare }),
  })
  const attempt = { address: addressKey(address), user }
  const proof = await proveClient(channel, {
    verifier,
    random: options.random ?? randomBytes,
    turn: () => takeTurn(channel, { attempt, options, deadline }),
  })
  if (failure !== null) throw failure.error
  if (!proof.right || config === null) {
    options.throttle?.failed(attempt)
    // for the operator: the client must not be able to tell the two apart
    const known = config !== null
    options.log.warn('login_refused', { user, address, known, proof: proof.right })
    throw new Refusal(wrongPassword(user, address))
  }
  options.throttle?.succeeded(attempt)
  const parameters = admit({ config, sent, user })
  stream.write(proof.final)
  stream.write(authenticationOk)
  const rest = proof.rest()
  intake.release()
  const protocol = { major, minor }
  return { kind: 'session', stream, rest, parameters, login, config, protocol, encrypted, peer }
}

/** The same for a wrong password, a user and a sync that do not exist, and an address that the sync does not take. */
function wrongPassword(user: string, address: string): FaultLike {
  return {
    sqlstate: '28P01',
    message: `password authentication failed for user "${user}"`,
    hint: `The password is wrong, or the sync takes no connections from ${address}.`,
  }
}

/** Waits until the throttle lets the proof be looked at. */
async function takeTurn(
  { stream }: Channel,
  { attempt, options, deadline }: {
    attempt: Attempt
    options: HandshakeOptions
    deadline: Deadline
  },
): Promise<void> {
  const waitMaxMs = Math.max(0, remainingMs(deadline) - wordsMs)
  const turn = options.throttle?.take(attempt, { waitMaxMs })
  if (turn === undefined || (turn.kind === 'wait' && turn.waitMs === 0)) return
  options.log.warn('login_held_back', { ...turn, user: attempt.user })
  if (turn.kind === 'refuse') throw new Throttled(heldBack(turn.waitMs))
  await pause(turn.waitMs, stream)
  if (stream.destroyed) throw new Gone('the client left while it was held back')
}

function heldBack(waitMs: number): FaultLike {
  return {
    sqlstate: '28000',
    message: 'too many failed attempts to log in',
    detail: 'The password was not looked at.',
    hint: `Try again in ${Math.ceil(waitMs / 1000)} s.`,
  }
}

/** Waits so long, or until the stream is closed. */
function pause(waitMs: number, stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      stream.off('close', end)
      resolve()
    }
    const timer = setTimeout(end, waitMs)
    stream.once('close', end)
  })
}

/** Everything that is told only to whoever knows the password. Returns the parameters of the session. */
function admit(
  { config, sent, user }: { config: SyncConfig; sent: ReadonlyMap<string, string>; user: string },
): ReadonlyMap<string, string> {
  if (config.state === 'disabled') {
    throw new Refusal(faultData('sync_disabled', { hint: 'Resume the sync to connect.' }))
  }
  const { database } = config.database
  const asked = sent.get('database') ?? ''
  if (asked !== '' && asked !== user && asked !== database && !isPhysical(sent)) {
    throw new Refusal({ sqlstate: '3D000', message: `database "${asked}" does not exist` })
  }
  return new Map([...sent, ['database', database]])
}
