// Room sync: a bell that whoever waits hears, and a ring that came while nobody waited is heard by the next who does.

import { setTimeout } from 'node:timers'

export interface Bell {
  ring(): void
  /** Resolves at the next ring since this was called, or after `waitMs` milliseconds. */
  next(options: { waitMs: number }): Promise<void>
}

export function createBell(): Bell {
  let wake = new Set<() => void>()
  return {
    ring: () => {
      const waiting = wake
      wake = new Set()
      for (const each of waiting) each()
    },
    next: ({ waitMs }) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          wake.delete(done)
          resolve()
        }
        const timer = setTimeout(done, waitMs)
        wake.add(done)
      }),
  }
}
