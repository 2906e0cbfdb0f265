// Workers: work in the background that is done again and again, one pass after the other.

import { setTimeout } from 'node:timers'
import type { Log } from '../src/lib/log.ts'

export interface Passes {
  /** Begins no more passes, aborts the signal of the one under way, and resolves when that has ended. */
  stop(): Promise<void>
}

/** The first pass `everyMs` from now, the next ones `everyMs` after the end of each. What fails is in the log. */
export function startPasses(
  name: string,
  pass: (signal: AbortSignal) => Promise<unknown>,
  { everyMs, log }: { everyMs: number; log: Log },
): Passes {
  const stopping = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let running = Promise.resolve()
  const wait = (): void => {
    timer = setTimeout(() => {
      running = Promise.resolve().then(() => pass(stopping.signal))
        .then(() => {}, (error: unknown) => log.error(`${name}.not_run`, { error }))
        .then(() => stopping.signal.aborted ? undefined : wait())
    }, everyMs)
  }
  wait()
  return {
    stop: async () => {
      stopping.abort()
      clearTimeout(timer)
      await running
    },
  }
}
