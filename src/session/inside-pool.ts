// Room session: the sessions of the HTTP door: reused, bounded in number, and waited for in turn, not for ever.

import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { type InsideSession, placeOf } from './inside-session.ts'

export interface PoolOptions {
  readonly open: (config: SyncConfig) => Promise<InsideSession>
  /** Sessions at a time, of all syncs and of one. */
  readonly sessionsMax: number
  readonly perSyncMax: number
  /** Statements that wait for a session. */
  readonly waitersMax: number
  /** How long they wait, and how long a session without a use is kept, in milliseconds. */
  readonly waitMs: number
  readonly idleMs: number
  readonly log: Log
}

/** A session, or the place of one that is being opened. */
interface Slot {
  readonly place: string
  session: InsideSession | null
  /** Runs while nobody uses it. */
  idle: ReturnType<typeof setTimeout> | null
  /** Under way while it is made ready for the next statement. */
  reset: Promise<void> | null
}

interface Waiter {
  readonly config: SyncConfig
  readonly place: string
  readonly timer: ReturnType<typeof setTimeout>
  resolve(taken: Promise<Taken>): void
  reject(error: Error): void
}

/** A session for one statement. */
export interface Taken {
  readonly session: InsideSession
  /** It has not been used before. */
  readonly fresh: boolean
  /** Gives it back. */
  release(): void
}

export class Pool {
  readonly #options: PoolOptions
  readonly #slots = new Set<Slot>()
  #waiters: Waiter[] = []
  #closed = false
  #onEmpty: () => void = () => {}

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** A session of the sync's. Throws `too_many_connections`, `database_unreachable`, `shutting_down`. */
  async take(config: SyncConfig, { fresh = false }: { fresh?: boolean } = {}): Promise<Taken> {
    const place = placeOf(config)
    await this.#becoming(place)
    if (this.#closed) throw stopping()
    const queued = this.#waiters.some((waiter) => waiter.place === place)
    const taken = queued ? null : this.#tryTake(config, { place, fresh })
    return await (taken ?? this.#wait(config, place))
  }

  /** A session that is being made ready is there sooner than a new one. */
  async #becoming(place: string): Promise<void> {
    const idle = [...this.#slots].some((slot) => slot.place === place && slot.idle !== null)
    const resets = [...this.#slots].flatMap((slot) => slot.place === place ? slot.reset ?? [] : [])
    if (!idle && resets.length > 0) await Promise.race(resets)
  }

  /** Takes no more statements; resolves when no session is in use. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.reject(stopping())
    }
    const empty = new Promise<void>((resolve) => this.#onEmpty = resolve)
    for (const slot of this.#slots) if (slot.idle !== null) this.#drop(slot)
    if (this.#slots.size === 0) return
    await empty
  }

  /** Cuts the sessions that are left. */
  destroy(): void {
    for (const { session } of this.#slots) session?.destroy()
  }

  #tryTake(
    config: SyncConfig,
    { place, fresh }: { place: string; fresh: boolean },
  ): Promise<Taken> | null {
    const idle = [...this.#slots].filter((slot) => slot.idle !== null)
    const same = idle.filter((slot) => slot.place === place)
    for (const slot of same) {
      const { session } = slot
      if (session === null || session.dead || fresh) {
        this.#drop(slot)
        continue
      }
      clearTimeout(slot.idle ?? undefined)
      slot.idle = null
      session.configure(config)
      return Promise.resolve(this.#taken(slot, { session, fresh: false }))
    }
    if (!this.#makeRoom(place)) return null
    return this.#open(config, place)
  }

  /** Is there room for one more session, if need be instead of one that has no use? */
  #makeRoom(place: string): boolean {
    const { sessionsMax, perSyncMax } = this.#options
    const mine = [...this.#slots].filter((slot) => slot.place === place)
    if (mine.length >= perSyncMax) return false
    if (this.#slots.size < sessionsMax) return true
    const idle = [...this.#slots].find((slot) => slot.idle !== null)
    if (idle === undefined) return false
    this.#drop(idle)
    return true
  }

  async #open(config: SyncConfig, place: string): Promise<Taken> {
    const slot: Slot = { place, session: null, idle: null, reset: null }
    this.#slots.add(slot)
    try {
      const session = await this.#options.open(config)
      slot.session = session
      return this.#taken(slot, { session, fresh: true })
    } catch (error) {
      this.#drop(slot)
      this.#serve()
      throw error
    }
  }

  #taken(slot: Slot, { session, fresh }: { session: InsideSession; fresh: boolean }): Taken {
    let given = false
    return {
      session,
      fresh,
      release: () => {
        if (given) return
        given = true
        slot.reset = this.#giveBack(slot, session).finally(() => slot.reset = null)
      },
    }
  }

  async #giveBack(slot: Slot, session: InsideSession): Promise<void> {
    const useful = !this.#closed && await session.reset()
    if (!useful || this.#closed) this.#drop(slot)
    else slot.idle = setTimeout(() => this.#drop(slot), this.#options.idleMs)
    this.#serve()
  }

  #drop(slot: Slot): void {
    clearTimeout(slot.idle ?? undefined)
    slot.idle = null
    this.#slots.delete(slot)
    slot.session?.end()
    if (this.#slots.size === 0) this.#onEmpty()
  }

  #wait(config: SyncConfig, place: string): Promise<Taken> {
    const { waitersMax, waitMs } = this.#options
    if (this.#waiters.length >= waitersMax) return Promise.reject(full())
    return new Promise<Taken>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter.timer !== timer)
        reject(full())
      }, waitMs)
      this.#waiters.push({ config, place, timer, resolve, reject })
    })
  }

  /** Serves those who wait, first come first served within a sync. */
  #serve(): void {
    const passed = new Set<string>()
    const waiters = this.#waiters
    for (const waiter of waiters) {
      if (passed.has(waiter.place)) continue
      const taken = this.#tryTake(waiter.config, { place: waiter.place, fresh: false })
      if (taken === null) {
        passed.add(waiter.place)
        continue
      }
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
      clearTimeout(waiter.timer)
      waiter.resolve(taken)
    }
  }
}

function full(): Error {
  return fault('too_many_connections', {
    message: 'too many statements are under way for this sync, nothing was sent',
    detail: 'The HTTP door runs a bounded number of statements at a time.',
    hint: 'Try again in a few seconds, or send fewer at a time.',
  })
}

function stopping(): Error {
  return fault('shutting_down', {
    message: 'mutation service is stopping, nothing was sent',
    hint: 'Try again.',
  })
}
