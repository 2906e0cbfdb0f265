// Room mutation: one statement that the HTTP door has run for its client, and what came of it.

import type { Trace } from '../lib/trace.ts'
import type { SyncConfig } from './config.ts'
import { Fault, type FaultData } from './fault.ts'
import type { Mutation, Outcome } from './mutation.ts'

/** One statement, to be run on its own in a session of its own. */
export interface StatementRequest {
  readonly sql: string
  /**
   * The parameters as Postgres text, for parameters of these types (OIDs of pg_type). Called before anything runs. Throws
   * a Fault.
   */
  readonly parameters: (types: readonly number[]) => readonly (string | null)[]
  /** A UUID: the mutation's id, should the statement be one. */
  readonly mutationId: string
  /** The place in a trace that the request came from. */
  readonly trace?: Trace | null
  /** Aborted when the client has gone; heeded until a mutation is sent. */
  readonly signal: AbortSignal
}

/** One column of a result. */
export interface StatementField {
  readonly name: string
  /** OID of pg_type. */
  readonly type: number
}

/** A mutation that was handed over; `outcome` null: not known, or not yet. */
export interface SentMutation {
  readonly mutation: Mutation
  readonly outcome: Outcome | null
}

/** What a statement gave. */
export interface StatementAnswer {
  /** First word of the command tag: `INSERT`, `SELECT`, … */
  readonly command: string
  /** Null where the command counts no rows. */
  readonly rowCount: number | null
  readonly fields: readonly StatementField[]
  /** Values as Postgres writes them. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** The statement has written, and returned more than is taken: `rows` are the first ones. */
  readonly truncated: boolean
  /** Null: nothing was sent to a platform. */
  readonly sent: SentMutation | null
}

/** A statement that failed, and the mutation that it had sent. */
export class StatementFailed extends Fault {
  override name = 'StatementFailed'
  readonly sent: SentMutation | null

  constructor(data: FaultData, options: { sent: SentMutation | null; cause?: unknown }) {
    super(data, { cause: options.cause })
    this.sent = options.sent
  }
}

/** Runs statements by the very rules of the SQL door. */
export interface Statements {
  /** Throws StatementFailed, or a Fault where the statement did not begin. */
  run(config: SyncConfig, request: StatementRequest): Promise<StatementAnswer>
  /** Takes no more statements and waits for those under way, at most `graceMs` milliseconds. */
  close(options: { graceMs: number }): Promise<void>
}
