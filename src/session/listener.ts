// Room session: the listener: takes connections, brings each through the handshake, and keeps the sessions.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { Fault, faultData } from '../mutation/fault.ts'
import { encodeFault } from '../wire/fault.ts'
import { type Handshake, handshake } from './handshake.ts'
import { DatabaseRefused, loginDatabase } from './login.ts'
import type { Service } from './service.ts'
import { Session } from './session.ts'
import { loginWaitMs } from './side.ts'
import type { Certificate } from './tls.ts'

export interface ListenerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly tls?: Certificate
  readonly tlsRequired: boolean
  /** Most connections at a time, sessions and handshakes together. */
  readonly connectionsMax: number
  readonly handshakeWaitMs: number
  readonly mockSecret: Uint8Array
  readonly service: Service
  readonly log: Log
}

export interface Listener {
  readonly port: number
  /** Sessions open now. */
  readonly sessions: number
  /** Takes no more connections, lets mutations finish, tells clients 57P01; at most `graceMs` milliseconds. */
  close(options: { graceMs: number }): Promise<void>
}

/** A client that has vanished without a word is noticed by probes after so long. */
const keepAliveMs = 60_000

/** Configurations of open sessions are asked for again so often. */
const configureEveryMs = 5_000

type Accepted = Extract<Handshake, { kind: 'session' }>
type Cancel = Extract<Handshake, { kind: 'cancel' }>

/** Starts to listen. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const keeper = new Keeper(options)
  const sockets = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }
  const server = createServer(sockets, (socket) => keeper.take(socket))
  await listen(server, options)
  const timer = setInterval(() => void keeper.configure(), configureEveryMs)
  timer.unref()
  return {
    port: (server.address() as AddressInfo).port,
    get sessions() {
      return keeper.sessions
    },
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
  readonly syncId: string
  /** The database it is connected to. */
  readonly place: string
}

/** All connections of the listener. */
class Keeper {
  readonly #options: ListenerOptions
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Map<string, Open>()
  #closing = false
  #configuring = false
  #onEmpty: () => void = () => {}

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  get sessions(): number {
    return this.#sessions.size
  }

  take(socket: Socket): void {
    this.#sockets.add(socket)
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
    const shaken = await handshake(socket, {
      ...(tls === undefined ? {} : { tls }),
      tlsRequired,
      waitMs: handshakeWaitMs,
      mockSecret,
      findSync: (syncId) => service.findSync(syncId),
      log,
    })
    switch (shaken.kind) {
      case 'closed':
        return
      case 'cancel':
        return await this.#cancel(shaken)
      case 'session':
        return await this.#open(shaken)
    }
  }

  /** https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS */
  async #cancel({ pid, secret, stream }: Cancel): Promise<void> {
    try {
      await this.#sessions.get(keyOf(pid, secret))?.session.cancel()
    } catch (error) {
      this.#options.log.warn('cancel_failed', { error })
    } finally {
      stream.destroy()
    }
  }

  async #open(accepted: Accepted): Promise<void> {
    const { config, parameters, stream } = accepted
    const log = this.#options.log.with({ sync: config.id, login: accepted.login })
    if (this.#closing) return refuse(stream, encodeFault(faultData('shutting_down'), 'FATAL'))
    if (this.#sockets.size > this.#options.connectionsMax) {
      return refuse(stream, encodeFault(faultData('too_many_connections'), 'FATAL'))
    }
    const login = await this.#login(accepted, log)
    if (login === null) return
    if (stream.destroyed) {
      login.socket.destroy()
      return
    }
    const key = login.key === null
      ? `none:${crypto.randomUUID()}`
      : keyOf(login.key.pid, login.key.secret)
    const session = new Session({
      client: stream,
      rest: accepted.rest,
      parameters,
      config,
      login,
      user: accepted.login,
      service: this.#options.service,
      log,
      onClosed: () => {
        this.#sessions.delete(key)
        this.#checkEmpty()
      },
    })
    this.#sessions.set(key, { session, syncId: config.id, place: placeOf(config) })
    session.start()
    if (this.#closing) session.shutDown()
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
      })
    } catch (error) {
      refuse(stream, loginError(error, log))
      return null
    } finally {
      stream.removeListener('close', onClose)
    }
  }

  /** Brings open sessions up to date with their configurations. Not begun anew while the service keeps one waiting. */
  async configure(): Promise<void> {
    if (this.#configuring) return
    this.#configuring = true
    const ids = new Set([...this.#sessions.values()].map(({ syncId }) => syncId))
    await Promise.all([...ids].map((id) => this.#configureSync(id)))
    this.#configuring = false
  }

  async #configureSync(id: string): Promise<void> {
    const config = await this.#options.service.findSync(id).catch(() => null)
    if (config === null) return
    for (const open of this.#sessions.values()) {
      if (open.syncId !== id) continue
      // what is written to a database that the sync has left is lost to the one it has moved to
      if (open.place === placeOf(config)) open.session.configure(config)
      else open.session.shutDown()
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true
    for (const { session } of this.#sessions.values()) session.shutDown()
    const empty = new Promise<void>((resolve) => this.#onEmpty = resolve)
    this.#checkEmpty()
    try {
      await withDeadline(empty, { waitMs: graceMs, what: 'Closing the sessions' })
    } catch {
      this.#options.log.warn('sessions_cut', { sessions: this.#sessions.size })
      for (const { session } of this.#sessions.values()) session.destroy()
      for (const socket of this.#sockets) socket.destroy()
    }
    await this.#options.service.settle()
  }

  #checkEmpty(): void {
    if (this.#sessions.size === 0 && this.#sockets.size === 0) this.#onEmpty()
  }
}

function placeOf({ database: { host, port, database } }: SyncConfig): string {
  return JSON.stringify([host, port, database])
}

/** A CancelRequest finds its session by these. */
function keyOf(pid: number, secret: Uint8Array): string {
  return `${pid}:${[...secret].join('.')}`
}

function refuse(stream: Accepted['stream'], message: Uint8Array): void {
  stream.on('error', () => {})
  stream.resume() // what the client still sends is not read by anybody, and its end must be seen
  stream.end(message)
}

/** Postgres's own words where it refused the login. */
function loginError(error: unknown, log: Log): Uint8Array {
  if (error instanceof DatabaseRefused) return error.frame
  if (error instanceof Fault) return encodeFault(error.data, 'FATAL')
  log.error('login_failed', { error })
  return encodeFault(faultData('internal_error'), 'FATAL')
}
