// Room session: what the log and the metrics learn of one mutating statement: a line for each step at `debug`, one for the
// whole at `info`, both under the mutation's id, and the time of each phase.

import { DatabaseError } from '../engine/conduit.ts'
import type { EngineEvent } from '../engine/deps.ts'
import type { Ran } from '../engine/run.ts'
import type { Log, LogFields } from '../lib/log.ts'
import { childOf, type Trace, traceFields } from '../lib/trace.ts'
import { Fault } from '../mutation/fault.ts'
import type { Operation, SyncedTable } from '../mutation/table.ts'
import { readTrace } from '../sql/index.ts'
import type { Link } from './link.ts'
import type { SessionMetrics, sessionPhases, StatementKind } from './metrics.ts'
import type { ClientStatement } from './statement.ts'
import { textKey } from '../wire/text.ts'

export interface WitnessOptions {
  readonly task: 'carry' | 'explain'
  /** As the text says. */
  readonly operation: Operation
  /** Present: an upsert. */
  readonly upsert?: unknown
  readonly statement: ClientStatement
  readonly table: SyncedTable
  readonly trace: Trace | null
  readonly log: Log
  readonly metrics: SessionMetrics | undefined
  /** Null: the service itself, which writes a line of its own for what was handed to it. */
  readonly login: string | null
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

type Phase = typeof sessionPhases[number]

export class Witness {
  /** The place of this process in the trace that the client has named. */
  readonly trace: Trace | null
  readonly #options: WitnessOptions
  readonly #startedAt: number
  readonly #durationsMs: Partial<Record<Phase, number>> = {}
  #log: Log
  #phaseAt: number
  #mutation = ''
  #planned: Extract<EngineEvent, { kind: 'planned' }> | null = null
  #answered: Extract<EngineEvent, { kind: 'answered' }> | null = null
  #sent = false
  #applied = false

  constructor(options: WitnessOptions) {
    this.#options = options
    this.trace = options.trace === null ? null : childOf(options.trace)
    this.#log = options.log
    this.#startedAt = this.#phaseAt = options.now()
  }

  observe(event: EngineEvent): void {
    switch (event.kind) {
      case 'begun': {
        const { table, log } = this.#options
        this.#mutation = event.id
        this.#log = log.with({ mutation: event.id, ...traceFields(this.trace) })
        this.#log.debug('mutation.received', { table: `${table.schema}.${table.name}` })
        this.#phaseAt = this.#options.now()
        return
      }
      case 'planned': {
        this.#planned = event
        const { operation, rows, dry } = event
        this.#log.debug('mutation.planned', { operation, rows, dry, planMs: this.#end('plan') })
        return
      }
      case 'sent':
        this.#sent = true
        this.#log.debug('mutation.sent')
        this.#phaseAt = this.#options.now()
        return
      case 'answered': {
        this.#answered = event
        const { state, fault } = event
        this.#log.debug('mutation.answered', { state, fault, sendMs: this.#end('send') })
        return
      }
    }
  }

  /** The rows are in the database. */
  applied(): void {
    this.#applied = true
    this.#log.debug('mutation.applied', { applyMs: this.#end('apply') })
  }

  /** Sees the whole statement through, and tells what became of it. */
  async watch(work: () => Promise<Ran>): Promise<Ran> {
    try {
      const ran = await work()
      if (ran.kind === 'foreseen') this.#log.debug('mutation.foreseen')
      else this.#close(this.#planned?.operation === null ? 'nothing' : 'committed', {})
      return ran
    } catch (error) {
      this.#failed(error)
      throw error
    } finally {
      this.#options.metrics?.ran(this.#kind)
    }
  }

  get #kind(): Exclude<StatementKind, 'passed'> {
    const { task, statement, operation, upsert } = this.#options
    if (task === 'explain') return 'explain'
    if (this.#planned?.dry === true) return 'dry_run'
    if (statement.copy !== undefined) return 'copy'
    return upsert === undefined ? operation : 'upsert'
  }

  /** Postgres's words can hold values, so they are left out. */
  #failed(error: unknown): void {
    const fault = error instanceof Fault ? error.code : undefined
    const sqlstate = error instanceof Fault
      ? error.data.sqlstate
      : error instanceof DatabaseError
      ? error.sqlstate
      : undefined
    this.#close(this.#stateOfFailure, { fault, sqlstate })
  }

  get #stateOfFailure(): string {
    const { state } = this.#answered ?? {}
    if (state === undefined) return this.#sent ? 'unknown' : 'not_sent'
    if (state !== 'accepted') return state
    return this.#applied ? 'failed' : 'not_applied'
  }

  #close(state: string, fields: LogFields): void {
    if (this.#mutation === '') return
    const { table, now, login } = this.#options
    const { plan, send, apply } = this.#durationsMs
    const told = login === null && this.#sent && !['failed', 'not_applied'].includes(state)
    this.#log[told ? 'debug' : 'info']('mutation.done', {
      platform: table.platform,
      table: `${table.schema}.${table.name}`,
      operation: this.#planned?.operation,
      rows: this.#planned?.rows,
      state,
      ...fields,
      planMs: plan,
      sendMs: send,
      applyMs: apply,
      totalMs: rounded(now() - this.#startedAt),
    })
  }

  /** The phase is over; what comes next begins now. */
  #end(phase: Phase): number {
    const { metrics, table, now } = this.#options
    const at = now()
    const durationMs = at - this.#phaseAt
    this.#phaseAt = at
    const operation = this.#planned?.operation ?? 'none'
    metrics?.phases.observe({ phase, platform: table.platform, operation }, durationMs / 1000)
    return this.#durationsMs[phase] = rounded(durationMs)
  }
}

/** A text that is longer is read after others have had their turn. */
const longText = 65_536

/** The trace that a comment of the statement names. */
export async function traceOf(statement: ClientStatement, link: Link): Promise<Trace | null> {
  const text = textKey(statement.via === 'query' ? statement.sql : statement.prepared.sql)
  if (!text.includes('traceparent')) return null
  if (text.length > longText) await new Promise<void>((resolve) => setImmediate(resolve))
  const conforming = link.parameters.get('standard_conforming_strings')
  return readTrace(text, {
    standardConformingStrings: conforming === undefined ? undefined : conforming === 'on',
  })
}

/** To the microsecond. */
function rounded(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
