// Room session: the listener: takes connections, brings each through the handshake, and keeps the sessions.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { createMetrics } from '../lib/metrics.ts'
import { Fault, fault, faultData } from '../mutation/fault.ts'
import { encodeFault } from '../wire/fault.ts'
import { Cancelling, keyText } from './cancelling.ts'
import { Doorway, type Visit } from './doorway.ts'
import type { ThrottleOptions } from './throttle.ts'
import { type Handshake, handshake, keepAliveDefaultMs, lingerMs } from './handshake.ts'
import { type ListenerLimits, listenerLimits } from './limits.ts'
import { type Approach, DatabaseRefused, loginDatabase } from './login.ts'
import {
  type ConnectionState,
  createListenerMetrics,
  type ListenerMetrics,
  reasonOf,
} from './listener-metrics.ts'
import { namedAfter } from './peer.ts'
import type { Peers } from './peers.ts'
import type { SessionKey } from './peers-question.ts'
import type { Service } from './service.ts'
import { Session } from './session.ts'
import { loginWaitMs } from './side.ts'
import type { Certificate } from './tls.ts'
import { type Entry, entryOf, whyUnwelcome } from './welcome.ts'

export interface ListenerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly tls?: Certificate
  readonly tlsRequired: boolean
  /** Most sessions at a time; connections that are not logged in are counted apart. */
  readonly connectionsMax: number
  /** What differs from the defaults. */
  readonly limits?: Partial<ListenerLimits>
  /** Ranges of addresses of the proxies in front, which must send a PROXY header; none when absent. */
  readonly proxyFrom?: readonly string[]
  /** What differs from the defaults of the throttle of failed logins. */
  readonly throttle?: Partial<ThrottleOptions>
  /** The clock by which those wait who are not logged in, in milliseconds; the system's when absent. */
  readonly now?: () => number
  /** How long a session that is no longer welcome may finish what it is at, 30 s when absent, in milliseconds. */
  readonly expelWaitMs?: number
  /** Silence after which a client is probed, in milliseconds. */
  readonly keepAliveMs?: number
  /** Tell the database the client's address at the end of application_name; off when absent. */
  readonly nameClients?: boolean
  /** Where this listener is: `SHOW sluice.region` says so. Absent: there is no such setting. */
  readonly region?: string
  readonly handshakeWaitMs: number
  readonly mockSecret: Uint8Array
  readonly service: Service
  readonly log: Log
  readonly approach?: Approach
  /** Where a session may be that a client cancels and that is not here; there are none when absent. */
  readonly peers?: Peers
  /** Counts for nobody when absent. */
  readonly metrics?: ListenerMetrics
}

export interface Listener {
  readonly port: number
  /** Sessions open now. */
  readonly sessions: number
  /** Cancels what the session with this key does; null: it is not here. Rejects when the database cannot be asked. */
  cancel(key: SessionKey): Promise<void> | null
  /** Takes no more connections, lets mutations finish, tells clients 57P01; at most `graceMs` milliseconds. */
  close(options: { graceMs: number }): Promise<void>
}

/** A setting that Postgres does not know and keeps all the same, as any with a dot in its name. */
const regionName = 'sluice.region'

/** Configurations of open sessions are asked for again so often. */
const configureEveryMs = 5_000

/** A session that is no longer welcome may finish what it is at for so long; a mutation is always finished. */
const expelDefaultMs = 30_000

/** A connection that is not logged in when the listener closes has so long to become a session and be told. */
const lobbyWaitMs = 1_000

type Accepted = Extract<Handshake, { kind: 'session' }>

/** Starts to listen. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const keeper = new Keeper(options)
  const server = createServer({ noDelay: true }, (socket) => keeper.take(socket))
  await listen(server, options)
  const timer = setInterval(() => void keeper.configure(), configureEveryMs)
  timer.unref()
  void keeper.configure()
  return {
    port: (server.address() as AddressInfo).port,
    get sessions() {
      return keeper.sessions
    },
    cancel: (key) => keeper.cancel(key),
    close: async ({ graceMs }) => {
      clearInterval(timer)
      server.close()
      await keeper.close(graceMs)
    },
  }
}

function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
}

interface Open {
  readonly session: Session
  readonly entry: Entry
  /** When it is cut, unless a mutation runs, and no other may begin; null: it is welcome. */
  endBy: number | null
}

/** All connections of the listener. */
class Keeper {
  readonly #options: ListenerOptions
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Map<string, Open>()
  readonly #metrics: ListenerMetrics
  readonly #limits: ListenerLimits
  readonly #doorway: Doorway
  readonly #cancelling: Cancelling
  #closing = false
  #configuring = false
  #onEmpty: () => void = () => {}

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#limits = { ...listenerLimits, ...options.limits }
    this.#doorway = new Doorway({
      limits: this.#limits,
      connectionsMax: options.connectionsMax,
      proxyFrom: options.proxyFrom ?? [],
      throttle: options.throttle ?? {},
      now: options.now ?? (() => performance.now()),
    })
    this.#metrics = options.metrics ?? createListenerMetrics(createMetrics(options))
    this.#metrics.watch(() => this.#states())
    this.#cancelling = new Cancelling({
      cancel: (key) => this.cancel(key),
      peers: options.peers ?? null,
      count: (result) => this.#metrics.cancels.add({ result }),
      log: options.log,
      now: () => performance.now(),
    })
  }

  #states(): ReadonlyMap<ConnectionState, number> {
    const states = new Map<ConnectionState, number>()
    const add = (state: ConnectionState, count: number) =>
      void states.set(state, (states.get(state) ?? 0) + count)
    for (const { session } of this.#sessions.values()) add(session.state, 1)
    add('handshake', Math.max(0, this.#sockets.size - this.#sessions.size))
    return states
  }

  get sessions(): number {
    return this.#sessions.size
  }

  take(socket: Socket): void {
    this.#sockets.add(socket)
    this.#metrics.accepted.add({})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#checkEmpty()
    })
    this.#serve(socket).catch((error: unknown) => {
      this.#options.log.error('connection_failed', { error })
      socket.destroy()
    })
  }

  async #serve(socket: Socket): Promise<void> {
    const { tls, tlsRequired, handshakeWaitMs, mockSecret, service, log } = this.#options
    const { keepAliveMs = keepAliveDefaultMs } = this.#options
    const visit = this.#doorway.enter(socket)
    if (visit === null) return this.#turnAway(socket)
    const shaken = await handshake(socket, {
      ...visit,
      ...(tls === undefined ? {} : { tls }),
      startupBytesMax: this.#limits.startupBytesMax,
      keepAliveMs,
      tlsRequired,
      waitMs: handshakeWaitMs,
      mockSecret,
      findSync: (syncId, patience) => service.findSync(syncId, patience),
      log,
      failed: (error) => this.#metrics.refused.add({ reason: reasonOf(error) }),
    })
    switch (shaken.kind) {
      case 'closed':
        return
      case 'cancel':
        await this.#cancelling.pass(shaken, shaken.peer)
        return void shaken.stream.destroy()
      case 'session':
        return await this.#enter(shaken, visit)
    }
  }

  /** The lobby is full of connections that are new: a last word, and no waiting for it to be read. */
  #turnAway(socket: Socket): void {
    const refusal = fault('too_many_connections')
    this.#metrics.refused.add({ reason: reasonOf(refusal) })
    socket.on('error', () => {})
    socket.write(encodeFault(refusal.data, 'FATAL'))
    socket.destroySoon()
  }

  /** Null: there is no such session. */
  cancel(key: SessionKey): Promise<void> | null {
    return this.#sessions.get(keyText(key))?.session.cancel() ?? null
  }

  /** From the lobby to a session's place, which is left when the session is over or never begins. */
  async #enter(accepted: Accepted, visit: Visit): Promise<void> {
    const { config: { id }, stream } = accepted
    if (this.#closing) return this.#refuse(stream, fault('shutting_down'))
    let leave: () => void
    try {
      leave = this.#doorway.takeSession(id)
    } catch (error) {
      return this.#refuse(stream, error as Fault)
    }
    visit.leave()
    const opened = await this.#open({ ...accepted, parameters: this.#named(accepted) }, leave)
      .catch(
        (error: unknown) => {
          leave()
          throw error
        },
      )
    if (!opened) leave()
  }

  /** What the database is told of the client and of this listener, beside what the client says itself. */
  #named({ peer, parameters }: Accepted): ReadonlyMap<string, string> {
    const { nameClients, region } = this.#options
    const named = nameClients === true ? namedAfter(peer, parameters) : parameters
    return region === undefined ? named : new Map([...named, [regionName, region]])
  }

  /** False: there is no session. */
  async #open(accepted: Accepted, leave: () => void): Promise<boolean> {
    const { config, parameters, stream, peer: { address } } = accepted
    const log = this.#options.log.with({
      sync: config.id,
      login: accepted.login,
      client: address,
    })
    const login = await this.#login(accepted, log)
    if (login === null) return false
    if (stream.destroyed) {
      login.socket.destroy()
      this.#metrics.refused.add({ reason: 'gone' })
      return false
    }
    const key = login.key === null ? `none:${crypto.randomUUID()}` : keyText(login.key)
    const entry = entryOf(config, { login: accepted.login, address })
    const session: Session = new Session({
      client: stream,
      rest: accepted.rest,
      parameters,
      config,
      login,
      approach: this.#options.approach ?? {},
      user: accepted.login,
      service: this.#options.service,
      log,
      metrics: this.#metrics,
      limits: this.#limits,
      enter: () => this.#takeMutation(open),
      onClosed: () => {
        leave()
        this.#sessions.delete(key)
        this.#checkEmpty()
      },
    })
    const open: Open = { session, entry, endBy: null }
    this.#sessions.set(key, open)
    this.#metrics.opened.add({})
    session.start()
    if (this.#closing) session.shutDown()
    return true
  }

  #refuse(stream: Accepted['stream'], refusal: Fault): void {
    this.#metrics.refused.add({ reason: reasonOf(refusal) })
    refuse(stream, encodeFault(refusal.data, 'FATAL'))
  }

  /** Null when it failed: the client has been told why. */
  async #login({ config, parameters, stream }: Accepted, log: Log) {
    const gone = new AbortController()
    const onClose = () => gone.abort(new Error('the client has gone'))
    stream.once('close', onClose)
    try {
      return await loginDatabase(config.database, {
        parameters,
        waitMs: loginWaitMs,
        signal: gone.signal,
        log,
        approach: this.#options.approach ?? {},
      })
    } catch (error) {
      this.#metrics.refused.add({ reason: gone.signal.aborted ? 'gone' : reasonOf(error) })
      refuse(stream, loginError(error, log))
      return null
    } finally {
      stream.removeListener('close', onClose)
    }
  }

  /**
   * Brings open sessions up to date with their configurations, and finds out, for the log, whether the service takes the key.
   * Not begun anew while the service keeps one waiting.
   */
  async configure(): Promise<void> {
    if (this.#configuring) return
    this.#configuring = true
    this.#cutOverdue()
    const ids = new Set([...this.#sessions.values()].map(({ entry }) => entry.syncId))
    const { service } = this.#options
    await Promise.all([service.state?.(), ...[...ids].map((id) => this.#configureSync(id))])
    this.#configuring = false
  }

  async #configureSync(id: string): Promise<void> {
    // a service that cannot be asked ends nothing
    const config = await this.#options.service.findSync(id).catch(() => undefined)
    if (config === undefined) return
    for (const open of this.#sessions.values()) {
      if (open.entry.syncId !== id) continue
      const why = whyUnwelcome(open.entry, config)
      if (why !== null) this.#expel(open, why)
      else if (config !== null) open.session.configure(config)
    }
  }

  #expel(open: Open, detail: string): void {
    if (open.endBy !== null) return
    open.endBy = performance.now() + (this.#options.expelWaitMs ?? expelDefaultMs)
    const { syncId: sync, login, address: client } = open.entry
    this.#options.log.info('session_not_welcome', { sync, login, client, reason: detail })
    open.session.shutDown(faultData('shutting_down', { detail }))
  }

  #cutOverdue(): void {
    for (const open of this.#sessions.values()) {
      if (isOverdue(open) && !open.session.mutating) open.session.destroy()
    }
  }

  /** Where one mutation follows the other there would never be a moment to cut the session. */
  #takeMutation(open: Open): () => void {
    if (isOverdue(open)) throw fault('shutting_down', { detail: 'Nothing was sent.' })
    return this.#doorway.takeMutation(open.entry.syncId)
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true
    for (const { session } of this.#sessions.values()) session.shutDown()
    const empty = new Promise<void>((resolve) => this.#onEmpty = resolve)
    this.#checkEmpty()
    const lobby = setTimeout(() => this.#doorway.empty(), Math.min(lobbyWaitMs, graceMs))
    try {
      await withDeadline(empty, { waitMs: graceMs, what: 'Closing the sessions' })
    } catch {
      const cut = [...this.#sessions.values()].filter(({ session }) => !session.told)
      if (cut.length > 0) this.#options.log.warn('sessions_cut', { sessions: cut.length })
      for (const { session } of this.#sessions.values()) session.destroy()
      for (const socket of this.#sockets) socket.destroy()
    } finally {
      clearTimeout(lobby)
    }
    await this.#options.service.settle()
  }

  #checkEmpty(): void {
    if (this.#sessions.size === 0 && this.#sockets.size === 0) this.#onEmpty()
  }
}

function isOverdue({ endBy }: Open): boolean {
  return endBy !== null && performance.now() > endBy
}

function refuse(stream: Accepted['stream'], message: Uint8Array): void {
  stream.on('error', () => {})
  stream.resume() // what the client still sends is not read by anybody, and its end must be seen
  stream.end(message)
  const timer = setTimeout(() => stream.destroy(), lingerMs)
  stream.once('close', () => clearTimeout(timer))
}

/** Postgres's own words where it refused the login. */
function loginError(error: unknown, log: Log): Uint8Array {
  if (error instanceof DatabaseRefused) return error.frame
  if (error instanceof Fault) return encodeFault(error.data, 'FATAL')
  log.error('login_failed', { error })
  return encodeFault(faultData('internal_error'), 'FATAL')
}
