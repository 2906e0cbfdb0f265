// Room session: logging into the customer's Postgres. It promises a session that is ready for its first query, or one
// error that says why not, within the time given; and that no password is sent to a server that must not see it.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { AddressGuard } from '../lib/addresses.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import type { Fault } from '../mutation/fault.ts'
import { encodeCancelRequest, encodeStartupMessage } from '../wire/startup.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { createIntake } from './handshake-intake.ts'
import { authenticate, isAuthentication } from './login-authenticate.ts'
import type { AuthenticateOptions, AuthenticationState } from './login-authenticate.ts'
import { createConversation } from './login-conversation.ts'
import type { Conversation } from './login-conversation.ts'
import { createLine, dial, DialFailure, isLoopback } from './login-dial.ts'
import type { Line, Wire } from './login-dial.ts'
import type { Tunnels } from './tunnel.ts'

export { DatabaseRefused, loginFrameSizeMax, loginSizeMax } from './login-conversation.ts'

/** What it takes to cancel what a session is doing. */
export interface CancelKey {
  readonly pid: number
  readonly secret: Uint8Array
  /** The server's own address: a name may stand for several servers, and only one has the session. */
  readonly remoteAddress?: string
}

/** A session on the customer's Postgres, ready for its first query. */
export interface DatabaseLink {
  /** A net.Socket or TLSSocket, paused and with no listener for data: call `resume` after adding one. */
  readonly socket: Duplex
  /** Bytes that came after ReadyForQuery; before anything that the socket gives. */
  readonly rest: Uint8Array
  /** The ParameterStatus and NoticeResponse messages of the login, to forward as they are. */
  readonly greeting: Uint8Array
  /** ParameterStatus: name → value. */
  readonly parameters: Map<string, string>
  readonly key: CancelKey | null
}

export interface LoginOptions {
  /** Parameters of the StartupMessage; user and database are those of the address. */
  readonly parameters: ReadonlyMap<string, string>
  /** For the whole login, in milliseconds. */
  readonly waitMs: number
  /** Gives up when aborted, and rejects with its reason. */
  readonly signal?: AbortSignal
  readonly log: Log
  readonly random?: (size: number) => Uint8Array
  readonly approach?: Approach
}

/** How the customers' databases are approached. */
export interface Approach {
  /** Where connections may go; anywhere when absent. */
  readonly guard?: AddressGuard
  /** Through which bastions are passed; those of the process when absent. */
  readonly tunnels?: Tunnels
  /** Send the password in clear text or as md5, if asked, to a server that nothing has proved to be the right one. */
  readonly allowCleartext?: boolean
  /** How long Postgres may take over one step of a mutation, in milliseconds; two minutes when absent. */
  readonly stepWaitMs?: number
}

/**
 * Logs in, with protocol 3.0: SCRAM-SHA-256; md5 or a password in clear text only where the server's certificate was
 * verified or the server is on this machine; and without any only there, or where the address has no password.
 * Resolves after ReadyForQuery. Rejects with DatabaseRefused when the server says no, with the fault
 * `database_unreachable` when no session comes about otherwise, with the signal's reason when aborted.
 */
export async function loginDatabase(
  address: DatabaseAddress,
  options: LoginOptions,
): Promise<DatabaseLink> {
  options.signal?.throwIfAborted()
  const line = createLine()
  try {
    return await bound(login(address, { line, options }), options)
  } catch (error) {
    line.close()
    const failure = explain(error, address)
    options.log.warn('database login failed', {
      host: address.host,
      port: address.port,
      error: failure instanceof Error ? failure.message : 'aborted',
    })
    throw failure
  }
}

/** Waits for `work`, at most so long and until the signal is given. */
async function bound<T>(
  work: Promise<T>,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
): Promise<T> {
  if (signal === undefined) return await withDeadline(work, { waitMs, what: 'login' })
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await withDeadline(Promise.race([work, aborted]), { waitMs, what: 'login' })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The error to give: an error of ours with no words for a client becomes a fault that has them. */
function explain(error: unknown, address: DatabaseAddress): unknown {
  if (error instanceof DialFailure) {
    const { hint } = error
    return unreachable(address, {
      reason: error.message,
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  if (error instanceof DeadlineExceeded) {
    return unreachable(address, { reason: 'timed out', cause: error })
  }
  if (error instanceof ProtocolViolation) {
    const reason = ['the server does not keep to the protocol', error.message, error.detail]
    return unreachable(address, {
      reason: reason.filter(Boolean).join(': ').replace(/\.$/, ''),
      cause: error,
    })
  }
  return error
}

const unreachableHint = 'Try again. If it stays so, sluice doctor says what is in the way.'

function unreachable(
  { host, port }: DatabaseAddress,
  { reason, cause, hint = unreachableHint }: { reason: string; cause: unknown; hint?: string },
): Fault {
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return fault('database_unreachable', {
    detail: `Cannot connect to ${where}: ${reason}.`,
    hint,
  }, { cause })
}

function waysOf({ guard, tunnels }: Pick<Approach, 'guard' | 'tunnels'>) {
  return {
    ...(guard === undefined ? {} : { guard }),
    ...(tunnels === undefined ? {} : { tunnels }),
  }
}

async function login(
  address: DatabaseAddress,
  { line, options }: { line: Line; options: LoginOptions },
): Promise<DatabaseLink> {
  const { allowCleartext = false, ...approach } = options.approach ?? {}
  const socket = await dial(address, { line, log: options.log, ...waysOf(approach) })
  const parameters = [...options.parameters].filter(([name]) =>
    name !== 'user' && name !== 'database'
  )
  socket.write(encodeStartupMessage({
    major: 3,
    minor: 0,
    parameters: [['user', address.user], ['database', address.database], ...parameters],
  }))
  const conversation = createConversation(socket)
  const known = address.sslmode === 'verify-full' || isLoopback(socket.remoteAddress)
  await prove(conversation, {
    socket,
    options: {
      address,
      clearAllowed: known || allowCleartext,
      proofRequired: !known && address.password !== '',
      random: options.random ?? randomBytes,
    },
  })
  const key = await settle(conversation, socket)
  return { socket, key, ...conversation.finish() }
}

/** From the StartupMessage to AuthenticationOk. */
async function prove(
  conversation: Conversation,
  { socket, options }: { socket: Wire; options: AuthenticateOptions },
): Promise<void> {
  let state: AuthenticationState = { at: 'start' }
  while (state.at !== 'done') {
    const { message } = await conversation.next()
    if (!isAuthentication(message)) {
      throw new ProtocolViolation('unexpected message during authentication')
    }
    const step = await authenticate(state, { message, options })
    if (step.reply !== undefined) socket.write(step.reply)
    state = step.state
  }
}

/** From AuthenticationOk to ReadyForQuery. */
async function settle(conversation: Conversation, socket: Wire): Promise<CancelKey | null> {
  let key: CancelKey | null = null
  for (;;) {
    const { frame, message } = await conversation.next()
    if (message.type === 'ReadyForQuery') return key
    if (message.type === 'ParameterStatus') {
      conversation.keep(frame)
      conversation.parameters.set(message.name, message.value)
    } else if (message.type === 'BackendKeyData') {
      const { pid, secret } = message
      const { remoteAddress } = socket
      key = { pid, secret, ...(remoteAddress === undefined ? {} : { remoteAddress }) }
    } else {
      throw new ProtocolViolation('unexpected message before ReadyForQuery')
    }
  }
}

/**
 * Asks the server to cancel what the session with that key is doing, encrypted where the address asks for it. Resolves
 * when the server has taken the request (it closes then); whether anything was cancelled, nobody says.
 * Rejects with the fault `database_unreachable`, for an address that the guard does not allow, too.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export async function cancelDatabase(
  address: DatabaseAddress,
  key: CancelKey,
  { waitMs, approach = {} }: { waitMs: number; approach?: Pick<Approach, 'guard' | 'tunnels'> },
): Promise<void> {
  const line = createLine()
  const request = async () => {
    const socket = await dial(address, {
      line,
      ...(key.remoteAddress === undefined ? {} : { host: key.remoteAddress }),
      ...waysOf(approach),
    })
    const intake = createIntake(socket)
    socket.write(encodeCancelRequest(key.pid, key.secret))
    // a reset instead of an end means the same here: the request was read
    while (await intake.read().catch(() => null) !== null);
  }
  try {
    await withDeadline(request(), { waitMs, what: 'cancel' })
  } catch (error) {
    throw explain(error, address)
  } finally {
    line.close()
  }
}
