// Room service: where the mutations of the HTTP door go: the very runner that serves the listeners, called directly.

import type { Log } from '../lib/log.ts'
import { Fault, faultData } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Quote } from '../mutation/quote.ts'
import type { Journal } from '../store/journal.ts'
import { faultFor } from './problem.ts'
import type { Runner, RunOptions } from './runner.ts'

export interface Carrier {
  /** Hands a mutation over. Never throws: what went wrong is an outcome. */
  send(mutation: Mutation, options: RunOptions): Promise<Outcome>
  /**
   * Finds out what became of a mutation that is in the journal and in doubt; it is not sent again. Null: that cannot be
   * said now. Never throws.
   */
  lookAgain(mutation: Mutation): Promise<Outcome | null>
  /** What a mutation would send. Throws a Fault where it would be refused. */
  quote(mutation: Mutation): Promise<Quote>
  /** Gives a mutation up that waits for its turn; one that is being sent goes on. */
  cancel(mutationId: string): Promise<void>
  /** Records that a mutation is committed; failures are logged: recovery finds out by itself. */
  applied(mutationId: string): void
  /** Resolves when the mutation's outcome, if it is under way here, is in the journal. */
  settled(mutationId: string): Promise<void>
  /** Waits until what `applied` has begun is over. */
  settle(): Promise<void>
}

export interface CarrierDeps {
  readonly runner: Runner
  readonly journal: Journal
  readonly log: Log
  readonly newId: () => string
}

export function createCarrier(deps: CarrierDeps): Carrier {
  const { runner, journal, log } = deps
  const telling = new Set<Promise<void>>()
  const tell = async (id: string): Promise<void> => {
    try {
      await runner.settled(id)
      const applied = await journal.applied([id])
      for (const mutation of applied) log.debug('mutation.applied', { mutation })
    } catch (error) {
      log.warn('applied_not_told', { mutations: [id], error })
    }
  }
  return {
    send: async (mutation, options) => {
      try {
        return await runner.run({ by: 'HTTP API', ...mutation }, options)
      } catch (error) {
        return failed(mutation, { error, deps })
      }
    },
    lookAgain: async (mutation) => {
      try {
        const outcome = await runner.run(mutation, { waitMs: requestWaitMs })
        return outcome.state === 'unknown' ? null : outcome
      } catch (error) {
        log.warn('mutation.not_looked_at', { mutation: mutation.id, error })
        return null
      }
    },
    quote: (mutation) => runner.quote(mutation),
    cancel: async (id) => {
      await runner.cancel(id).catch((error: unknown) => {
        log.warn('mutation_not_cancelled', { mutation: id, error })
      })
    },
    applied: (id) => {
      const told = tell(id).finally(() => telling.delete(told))
      telling.add(told)
    },
    settled: (id) => runner.settled(id),
    settle: async () => {
      await Promise.all(telling)
    },
  }
}

/** The runner throws a Fault when nothing was sent; of anything else nobody knows what it has done. */
function failed(
  mutation: Mutation,
  { error, deps }: { error: unknown; deps: CarrierDeps },
): Outcome {
  const fault = faultFor(error, deps)
  if (error instanceof Fault) return { state: 'refused', fault }
  const { schema, table } = mutation
  const detail = `The service's log has more: ${fault.message}.`
  return { state: 'unknown', fault: faultData('outcome_unknown', { schema, table, detail }) }
}
