// Room sync: webhooks that are looked after at the same time: one of each connection, a few in all.

import { createBell } from './bell.ts'

export interface HookLanes {
  readonly size: number
  readonly isFree: boolean
  /** Work has thrown, or `fail` was called: nothing more is to be begun. */
  readonly failed: boolean
  /** Connections that have a lane. */
  busy(): readonly string[]
  run(connectionId: string, work: () => Promise<void>): void
  fail(error: unknown): void
  /** Resolves when a lane has ended, or after a while: something may be due by now. */
  change(): Promise<void>
  /** Waits for all. Throws what the first that failed has thrown. */
  end(): Promise<void>
}

const lanesMax = 8
const lookMs = 250

export function createHookLanes(): HookLanes {
  const running = new Map<string, Promise<void>>()
  const errors: unknown[] = []
  const bell = createBell()
  return {
    get size() {
      return running.size
    },
    get isFree() {
      return running.size < lanesMax
    },
    get failed() {
      return errors.length > 0
    },
    busy: () => [...running.keys()],
    run: (connectionId, work) => {
      const done = work().catch((error: unknown) => void errors.push(error)).finally(() => {
        running.delete(connectionId)
        bell.ring()
      })
      running.set(connectionId, done)
    },
    fail: (error) => void errors.push(error),
    change: () => bell.next({ waitMs: lookMs }),
    end: async () => {
      await Promise.all(running.values())
      if (errors.length > 0) throw errors[0]
    },
  }
}
