// Room service: what the log and the metrics learn of one mutation: a line for each step at `debug`, one for the whole at
// `info`, all under the mutation's id.

import type { Log, LogFields } from '../lib/log.ts'
import { childOf, type Trace, traceFields } from '../lib/trace.ts'
import { Fault } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Platform } from '../mutation/table.ts'
import type { MutationState, ServiceMetrics } from './metrics.ts'

export interface WitnessOptions {
  readonly mutation: Mutation
  /** The place that it was sent from. */
  readonly trace: Trace | null
  readonly log: Log
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number
}

export class Witness {
  /** Where the mutation's own lines go; an adapter's too. */
  readonly log: Log
  readonly #options: WitnessOptions
  readonly #steps: Log
  readonly #startedAt: number
  #sentAt: number | null = null
  #platform: Platform | null = null

  constructor(options: WitnessOptions) {
    const { mutation, trace, log, monotonic } = options
    this.#options = options
    this.#startedAt = monotonic()
    this.log = log.with(traceFields(trace === null ? null : childOf(trace)))
    this.#steps = this.log.with({ mutation: mutation.id, sync: mutation.syncId })
    const { operation, rows } = mutation
    this.#steps.debug('mutation.received', { operation, rows: rows.length })
  }

  /** It belongs to a sync of this platform. */
  isOf(platform: Platform): void {
    this.#platform = platform
  }

  /** It is with the adapter, to be sent. */
  sending(): void {
    if (this.#sentAt !== null) return
    this.#sentAt = this.#options.monotonic()
    this.#steps.debug('mutation.sending', { turnMs: rounded(this.#sentAt - this.#startedAt) })
  }

  /** What its sender hears. */
  ended(outcome: Outcome): void {
    const written = outcome.state === 'accepted' || outcome.state === 'partial'
    const replayed = this.#sentAt === null && written
    const fault = outcome.state === 'accepted' ? undefined : outcome.fault.code
    const requests = 'requests' in outcome ? outcome.requests : undefined
    const state = replayed ? 'replayed' : outcome.state
    this.#close(state, { fault, requests })
  }

  /** It was refused before the journal had it. Gives the error. */
  failed<T>(error: T): T {
    const fault = error instanceof Fault ? error.code : 'internal_error'
    this.#close('unsent', { fault })
    return error
  }

  #close(state: MutationState, fields: LogFields & { fault: string | undefined }): void {
    const { mutation, metrics, monotonic } = this.#options
    const { schema, table, operation, rows } = mutation
    const [platform, endedAt] = [this.#platform ?? 'other', monotonic()]
    metrics.mutations.add({ platform, operation, state })
    if (fields.fault !== undefined) metrics.faults.add({ code: fields.fault })
    const turnMs = (this.#sentAt ?? endedAt) - this.#startedAt
    const platformMs = this.#sentAt === null ? undefined : endedAt - this.#sentAt
    metrics.phases.observe({ phase: 'turn', platform, operation }, turnMs / 1000)
    if (platformMs !== undefined) {
      metrics.phases.observe({ phase: 'platform', platform, operation }, platformMs / 1000)
    }
    this.#steps.info('mutation.done', {
      ...(this.#platform === null ? {} : { platform }),
      table: `${schema}.${table}`,
      operation,
      rows: rows.length,
      state,
      ...fields,
      turnMs: rounded(turnMs),
      ...(platformMs === undefined ? {} : { platformMs: rounded(platformMs) }),
    })
  }
}

/** To the microsecond. */
function rounded(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
