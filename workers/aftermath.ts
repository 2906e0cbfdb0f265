// Workers: what comes after mutations, in the background: finding out what became of those in doubt, and pruning.

import type { ServiceMetrics } from '../src/service/metrics.ts'
import { inquireDue, type InquiryDeps } from '../src/sync/inquiries.ts'
import { prune } from '../src/sync/prune.ts'
import { ConfigError } from './environment.ts'
import { type Passes, startPasses } from './passes.ts'

export interface AftermathOptions extends Omit<InquiryDeps, 'signal' | 'now'> {
  /** Between two passes over what is in doubt, in milliseconds. */
  readonly everyMs: number
  readonly metrics: Pick<ServiceMetrics, 'inquiries'>
  /** How long the journal keeps what is settled. */
  readonly keepDays: number
}

/** An id can come again for a day (see SPEC.md): what is settled must be kept for longer. */
const keepDaysMin = 2
const dayMs = 24 * 60 * 60_000
const pruneEveryMs = 10 * 60_000

/** Throws ConfigError when `keepDays` is less than two. */
export function startAftermath(options: AftermathOptions): Passes {
  const { everyMs, keepDays, log, metrics } = options
  if (keepDays < keepDaysMin) {
    throw new ConfigError(`SLUICE_JOURNAL_KEEP_DAYS must be at least ${keepDaysMin}`)
  }
  const inquiries = startPasses(
    'inquiries',
    async (signal) => {
      const { settled, open, givenUp } = await inquireDue({ ...options, now: Date.now, signal })
      const counts = { settled, open, given_up: givenUp }
      for (const [result, count] of Object.entries(counts)) {
        metrics.inquiries.add({ at: 'later', result }, count)
      }
    },
    { everyMs, log },
  )
  const pruning = startPasses(
    'pruning',
    (signal) => prune({ ...options, now: Date.now, signal, keepMs: keepDays * dayMs }),
    { everyMs: pruneEveryMs, log },
  )
  return {
    stop: async () => {
      await Promise.all([inquiries.stop(), pruning.stop()])
    },
  }
}
