// Room engine: what the engine asks of a database connection. The session implements it on the raw protocol, so that
// the client's own statement runs with the client's own parameters, formats and session.

import type { PlanReport } from '../database/index.ts'

/** One thing to run. All steps of a `run` travel in one round trip and stop at the first error. */
export type Step =
  /** SQL of ours, with text parameters. */
  | {
    readonly kind: 'control'
    readonly sql: string
    readonly parameters: readonly (string | null)[]
  }
  /** The client's statement, verbatim. */
  | { readonly kind: 'statement'; readonly phase: Phase }

/**
 * What becomes of what the statement returns: in plan it is thrown away; in apply it goes to the client, and so it does in
 * show, where nothing of the statement is kept.
 */
export type Phase = 'plan' | 'apply' | 'show'

/** What a step gave. A control step: its rows as text. A statement in plan: the rows its triggers reported. */
export interface StepResult {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly reports: readonly PlanReport[]
}

/** What is known of an error of Postgres's besides its message. */
export interface DatabaseErrorFields {
  readonly sqlstate: string
  /** Its ErrorResponse, to pass on as it is where the client caused it. */
  readonly frame: Uint8Array
  /** Index of the step that failed. */
  readonly step: number
  /** It was the client's own statement that failed, not one of ours. */
  readonly own: boolean
  /** Where it is about a constraint or a unique index. */
  readonly constraint?: { readonly schema: string; readonly name: string } | undefined
  /** A hint of ours, to be told with what Postgres says. */
  readonly hint?: string | undefined
  /** A function has raised it (RAISE), and not Postgres itself. */
  readonly raised?: boolean
}

/** An error that Postgres raised. */
export class DatabaseError extends Error implements DatabaseErrorFields {
  override name = 'DatabaseError'
  readonly sqlstate: string
  readonly frame: Uint8Array
  readonly step: number
  readonly own: boolean
  readonly constraint: DatabaseErrorFields['constraint']
  readonly hint: string | undefined
  readonly raised: boolean

  constructor(message: string, fields: DatabaseErrorFields) {
    super(message)
    this.sqlstate = fields.sqlstate
    this.frame = fields.frame
    this.step = fields.step
    this.own = fields.own
    this.constraint = fields.constraint
    this.hint = fields.hint
    this.raised = fields.raised ?? false
  }

  /** The same error, with something else about it. */
  with(fields: Partial<DatabaseErrorFields>): DatabaseError {
    const { sqlstate, frame, step, own, constraint, hint, raised } = this
    const all = { sqlstate, frame, step, own, constraint, hint, raised, ...fields }
    return new DatabaseError(this.message, all)
  }
}

/** The connection broke: what was under way may or may not have happened. */
export class ConnectionLost extends Error {
  override name = 'ConnectionLost'
}

/** A database connection outside a transaction block, at the engine's disposal for one mutation. */
export interface Conduit {
  /** pg_backend_pid() of the connection; tickets are bound to it. */
  readonly pid: number
  /** Major version of the server. */
  readonly serverMajor: number
  /** Runs the steps in one round trip. Throws DatabaseError or ConnectionLost. */
  run(steps: readonly Step[]): Promise<readonly StepResult[]>
}
