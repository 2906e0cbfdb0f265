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
import { mockVerifier, parseVerifier } from '../wire/scram.ts'
import type { ScramVerifier } from '../wire/scram.ts'
import { newestProtocol } from '../wire/startup.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { proveClient } from './handshake-authenticate.ts'
import { Gone, openChannel } from './handshake-channel.ts'
import type { Channel, Request } from './handshake-channel.ts'
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
  /** The configuration of a sync, or null if there is none; rejects with a Fault when it cannot be known. */
  findSync(syncId: string): Promise<SyncConfig | null>
  readonly log: Log
  readonly random?: (size: number) => Uint8Array
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
  }
  | {
    readonly kind: 'cancel'
    readonly pid: number
    readonly secret: Uint8Array
    /** Still open: the client waits for its end to know that the request was passed on. */
    readonly stream: Duplex
  }
  /** The connection is closed; there is nothing left to do. */
  | { readonly kind: 'closed' }

/** How long a client may take to read why it was refused, in milliseconds. */
export const lingerMs = 2000

/** Refused, in words for the client. */
class Refusal extends Error {
  override name = 'Refusal'
  readonly data: FaultLike

  constructor(data: FaultLike) {
    super(data.message)
    this.data = data
  }
}

/**
 * Takes a fresh connection up to AuthenticationOk, which is the last thing sent. Never rejects: what goes wrong is told
 * to the client where it can be told, logged, and ends as `closed`.
 */
export async function handshake(socket: Socket, options: HandshakeOptions): Promise<Handshake> {
  const { log, waitMs } = options
  const deadline = deadlineIn(waitMs)
  let channel: Channel | undefined
  socket.on('error', () => {}) // stays: an error between two owners must not be uncaught
  socket.setNoDelay(true).setKeepAlive(true, 30_000)
  try {
    const work = shakeHands(socket, { options, onChannel: (now) => channel = now })
    return await withDeadline(work, { waitMs, what: 'handshake' })
  } catch (error) {
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
    log.debug('handshake ended', { reason: error.message, error: error.cause })
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

async function shakeHands(
  socket: Socket,
  { options, onChannel }: { options: HandshakeOptions; onChannel: (channel: Channel) => void },
): Promise<Handshake> {
  const context = options.tls === undefined ? null : serverContext(options.tls)
  const { channel, request } = await openChannel(socket, { context, onChannel })
  if (request.type === 'CancelRequest') {
    channel.intake.release()
    return { kind: 'cancel', pid: request.pid, secret: request.secret, stream: channel.stream }
  }
  if (options.tlsRequired === true && !channel.encrypted) {
    throw new Refusal({
      sqlstate: '28000',
      message: 'connection requires TLS',
      hint: 'Connect with sslmode=require.',
    })
  }
  return await openSession(channel, { request, options })
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
  { request, options }: { request: StartupMessage; options: HandshakeOptions },
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
  const account = await findAccount(user, options)
  const { verifier, login, config } = account
  const proof = await proveClient(channel, { verifier, random: options.random ?? randomBytes })
  if (!proof.right || config === null) {
    throw new Refusal({
      sqlstate: '28P01',
      message: `password authentication failed for user "${user}"`,
    })
  }
  const parameters = admit({ config, sent, user })
  stream.write(proof.final)
  stream.write(authenticationOk)
  const rest = proof.rest()
  intake.release()
  const protocol = { major, minor }
  return { kind: 'session', stream, rest, parameters, login, config, protocol, encrypted }
}

interface Account {
  readonly login: string
  readonly verifier: ScramVerifier
  /** null: there is no such user, and no password fits the verifier. */
  readonly config: SyncConfig | null
}

const userForm = /^([^.]+)\.([A-Za-z0-9_-]{1,64})$/

/** Who `login.sync` is. Whoever does not exist gets a verifier all the same. */
async function findAccount(user: string, options: HandshakeOptions): Promise<Account> {
  const [, login = '', syncId] = userForm.exec(user) ?? []
  const config = syncId === undefined ? null : await options.findSync(syncId)
  const stored = config !== null && Object.hasOwn(config.users, login)
    ? config.users[login]
    : undefined
  const verifier = stored === undefined ? null : parseVerifier(stored)
  if (stored !== undefined && verifier === null) {
    options.log.error('verifier is not valid', { user })
  }
  return verifier === null
    ? { login, verifier: mockVerifier(user, options.mockSecret), config: null }
    : { login, verifier, config }
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
  if (asked !== '' && asked !== user && asked !== database) {
    throw new Refusal({ sqlstate: '3D000', message: `database "${asked}" does not exist` })
  }
  return new Map([...sent, ['database', database]])
}
