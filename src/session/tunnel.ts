// Room session: the bastions through which databases are reached. One SSH connection for each bastion, user and key, shared
// by all, opened when somebody needs it and closed when nobody has for a while; a second where one is full. A bastion that
// cannot be had is not asked by everybody at once, nor without a pause.

import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { AddressGuard } from '../lib/addresses.ts'
import { type Log, silentLog } from '../lib/log.ts'
import type { Bastion } from '../mutation/config.ts'
import { DialFailure } from './dial-socket.ts'
import { connectBastion, type TunnelConnection, type TunnelLimits } from './tunnel-connection.ts'
import { behindFlaw } from './tunnel-guard.ts'
import { BastionRefused, nameOf, TunnelLost } from './tunnel-words.ts'

/** Where to, behind the bastion. */
export interface TunnelTarget {
  readonly host: string
  readonly port: number
  /** Where a connection may go: the bastion's address has to be allowed; of the host behind it see `behindFlaw`. */
  readonly guard: AddressGuard
  readonly log?: Log | undefined
}

export interface Tunnels {
  /** A connection of the bastion's, as a socket would be. Rejects with DialFailure, within the limits' times. */
  open(ssh: Bastion, target: TunnelTarget): Promise<Duplex>
  /** SSH connections that there are, and channels through them. */
  readonly state: { readonly connections: number; readonly channels: number }
  /** Ends all of them. What is asked for later opens new ones. */
  close(): void
}

export const tunnelLimits: TunnelLimits = {
  connectWaitMs: 8_000,
  openWaitMs: 8_000,
  keepAliveMs: 15_000,
  idleMs: 60_000,
  channelsMax: 500,
  connectionsMax: 20,
}

/** The first pause after a failure doubles with each; what somebody has to mend is asked for less often. */
const pauses = {
  failed: { firstMs: 250, maxMs: 5_000 },
  refused: { firstMs: 2_000, maxMs: 60_000 },
}

interface Failure {
  readonly error: DialFailure
  /** Of `now`. */
  readonly until: number
  readonly count: number
}

/** What there is of one bastion, user and key. */
interface Shared {
  /** With the timer of those that carry nothing. */
  readonly connections: Map<TunnelConnection, ReturnType<typeof setTimeout> | undefined>
  connecting: Promise<void> | null
  failure: Failure | null
}

export interface TunnelsOptions {
  readonly limits?: Partial<TunnelLimits>
  /** Milliseconds, of any clock that does not go back. */
  readonly now?: () => number
}

export function createTunnels({ limits, now }: TunnelsOptions = {}): Tunnels {
  return new Pool({ ...tunnelLimits, ...limits }, now ?? (() => performance.now()))
}

class Pool implements Tunnels {
  readonly #limits: TunnelLimits
  readonly #now: () => number
  readonly #all = new Map<string, Shared>()

  constructor(limits: TunnelLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  get state(): Tunnels['state'] {
    const all = [...this.#all.values()].flatMap(({ connections }) => [...connections.keys()])
    const channels = all.reduce((sum, connection) => sum + connection.channels, 0)
    return { connections: all.length, channels }
  }

  async open(ssh: Bastion, target: TunnelTarget): Promise<Duplex> {
    const flaw = behindFlaw(target.host, { guard: target.guard, bastion: ssh.host })
    if (flaw !== null) throw new DialFailure(`address not allowed: ${target.host} ${flaw}`)
    try {
      return await this.#through(ssh, target)
    } catch (error) {
      // nothing was said through it yet; it may have ended long ago, which nobody noticed
      if (!(error instanceof TunnelLost)) throw error
      return await this.#through(ssh, target)
    }
  }

  close(): void {
    const all = [...this.#all.values()].flatMap(({ connections }) => [...connections.keys()])
    this.#all.clear()
    for (const connection of all) connection.close()
  }

  async #through(ssh: Bastion, target: TunnelTarget): Promise<Duplex> {
    const shared = this.#sharedOf(ssh)
    for (let round = 0; round <= this.#limits.connectionsMax; round += 1) {
      const ready = [...shared.connections.keys()].find(({ open }) => open)
      if (ready === undefined) {
        await (shared.connecting ?? this.#begin(shared, { ssh, target }))
        continue
      }
      if (!target.guard.allows(ready.remoteAddress)) {
        throw new DialFailure(`address not allowed: ${nameOf(ssh)} is at ${ready.remoteAddress}`)
      }
      return await ready.forward(target)
    }
    throw full(ssh)
  }

  #sharedOf(ssh: Bastion): Shared {
    const { host, port, user, privateKey, hostKey } = ssh
    const parts = JSON.stringify([host, port, user, privateKey, hostKey])
    const key = createHash('sha256').update(parts).digest('base64')
    const known = this.#all.get(key)
    if (known !== undefined) return known
    this.#forget()
    const shared: Shared = { connections: new Map(), connecting: null, failure: null }
    this.#all.set(key, shared)
    return shared
  }

  /** Bastions of which there is nothing to know any more. */
  #forget(): void {
    const now = this.#now()
    for (const [key, { connections, connecting, failure }] of this.#all) {
      const idle = connections.size === 0 && connecting === null
      if (idle && (failure === null || failure.until < now)) this.#all.delete(key)
    }
  }

  /** All who need it meanwhile wait for the same attempt. */
  #begin(shared: Shared, how: { ssh: Bastion; target: TunnelTarget }): Promise<void> {
    const work = this.#connect(shared, how).finally(() => {
      shared.connecting = null
    })
    shared.connecting = work
    return work
  }

  async #connect(
    shared: Shared,
    { ssh, target: { guard, log = silentLog } }: { ssh: Bastion; target: TunnelTarget },
  ): Promise<void> {
    const about = { bastion: ssh.host, port: ssh.port, user: ssh.user }
    this.#checkPause(shared)
    if (shared.connections.size >= this.#limits.connectionsMax) throw full(ssh)
    const connection = await connectBastion(ssh, {
      guard,
      limits: this.#limits,
      onIdle: (idle) => this.#rest(shared, idle),
      onGone: (gone, why) => {
        clearTimeout(shared.connections.get(gone))
        shared.connections.delete(gone)
        log.info('tunnel.closed', { ...about, why })
      },
    }).catch((error: unknown) => {
      shared.failure = this.#failureOf(shared.failure, error)
      const { message } = shared.failure.error
      log.warn('tunnel.failed', { ...about, error: message })
      throw shared.failure.error
    })
    shared.failure = null
    log.info('tunnel.opened', about)
    if (connection.gone) throw new TunnelLost(`${nameOf(ssh)} ended the SSH connection at once`)
    this.#rest(shared, connection)
    if (![...this.#all.values()].includes(shared)) connection.close()
  }

  /** It carries nothing: closed when it still does not after a while. */
  #rest(shared: Shared, connection: TunnelConnection): void {
    clearTimeout(shared.connections.get(connection))
    const timer = setTimeout(() => {
      if (connection.channels === 0) connection.close()
    }, this.#limits.idleMs)
    shared.connections.set(connection, timer)
  }

  #checkPause({ failure }: Shared): void {
    const leftMs = failure === null ? 0 : failure.until - this.#now()
    if (failure === null || leftMs <= 0) return
    const { message, hint } = failure.error
    const again = `${message}; it is asked again in ${Math.ceil(leftMs / 1000)} s`
    throw new DialFailure(again, { cause: failure.error, ...(hint === undefined ? {} : { hint }) })
  }

  #failureOf(before: Failure | null, error: unknown): Failure {
    const known = error instanceof DialFailure
      ? error
      : new DialFailure('the tunnel failed', { cause: error })
    const count = (before?.count ?? 0) + 1
    const { firstMs, maxMs } = pauses[known instanceof BastionRefused ? 'refused' : 'failed']
    const pauseMs = Math.min(firstMs * 2 ** (count - 1), maxMs)
    return { error: known, count, until: this.#now() + pauseMs }
  }
}

function full(ssh: Bastion): DialFailure {
  return new DialFailure(`${nameOf(ssh)} carries as many connections as it may`)
}

/** Those of this process: nothing is opened, and no library loaded, before somebody needs one. */
export const processTunnels: Tunnels = createTunnels()
