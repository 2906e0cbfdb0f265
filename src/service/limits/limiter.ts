// Room service: the gates of all connections, and what they need from time to time: while somebody waits, the store is
// looked at four times a second, so that what one process learned from a platform stops the others.

import { setTimeout } from 'node:timers'
import { randomUUID } from 'node:crypto'
import type { Log } from '../../lib/log.ts'
import type { Platform } from '../../mutation/table.ts'
import { watchBuckets } from '../../store/buckets.ts'
import type { Store } from '../../store/store.ts'
import { createStoreClock } from './clock.ts'
import { Gate } from './gate.ts'

export interface LimiterDeps {
  readonly store: Store
  readonly log: Log
  /** A clock that only goes forward, in milliseconds; performance.now when absent. */
  readonly monotonic?: () => number
  /** The part of each limit that work in the background may use, above 0 and below 1; half when absent. */
  readonly backgroundShare?: number
}

/** Of every limit of a platform, mutations have the other half to themselves. */
export const backgroundShareDefault = 0.5

export interface Limiter {
  gate(connection: string, platform: Platform): Gate
  /** How many wait for their turn, by platform. */
  waiting(): ReadonlyMap<Platform, number>
  /** By the gates' clock. */
  now(): number
  /** Gives everything back to the store. Others may go on using the gates, which then take anew. */
  close(): Promise<void>
}

const watchMs = 250
/** Where nobody waits it is enough to look now and then. */
const restingMs = 2_000
const gatesMax = 10_000

export function createLimiter(deps: LimiterDeps): Limiter {
  const { store, log, monotonic, backgroundShare = backgroundShareDefault } = deps
  const now = monotonic ?? (() => performance.now())
  const holder = randomUUID()
  const clock = createStoreClock(now)
  const gates = new Map<string, Gate>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let restedAt = -Infinity
  const tick = async (): Promise<void> => {
    const resting = now() - restedAt >= restingMs
    if (resting) restedAt = now()
    const busy = [...gates].filter(([, gate]) => gate.waiting || (resting && gate.used))
    if (busy.length > 0) {
      const askedAt = now()
      const watched = await watchBuckets(store, busy.map(([connection]) => connection))
      clock.note(watched.now, askedAt)
      for (const each of watched.connections) gates.get(each.connection)?.notice(each)
    }
    for (const gate of gates.values()) await gate.tend({ all: false })
    for (const [connection, gate] of gates) if (!gate.used) gates.delete(connection)
  }
  const start = (): void => {
    if (timer !== undefined) return
    timer = setTimeout(() => {
      void tick().catch((error: unknown) => log.warn('limits.not_watched', { error })).finally(
        () => {
          timer = undefined
          if (gates.size > 0) start()
        },
      )
    }, watchMs)
    timer.unref() // nobody who still waits depends on it alone
  }
  return {
    now,
    waiting: () => {
      const counts = new Map<Platform, number>()
      for (const { platform, waiters } of gates.values()) {
        counts.set(platform, (counts.get(platform) ?? 0) + waiters)
      }
      return counts
    },
    gate: (connection, platform) => {
      const known = gates.get(connection)
      if (known !== undefined) return known
      const oldest = gates.keys().next()
      if (gates.size >= gatesMax && !oldest.done) gates.delete(oldest.value)
      const gate = new Gate({
        store,
        clock,
        connection,
        platform,
        holder,
        backgroundShare,
        log: log.with({ connection }),
        now,
      })
      gates.set(connection, gate)
      start()
      return gate
    },
    close: async () => {
      for (const gate of gates.values()) {
        await gate.tend({ all: true }).catch((error: unknown) =>
          log.warn('limits.not_closed', { error })
        )
      }
    },
  }
}
