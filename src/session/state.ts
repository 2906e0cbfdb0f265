// Room session: what the conversation and the fast path both know of a session: the names that stand for mutations.

import type { SyncedTable } from '../mutation/table.ts'
import type { MutationPortal } from './held.ts'
import type { PreparedStatement } from './statement.ts'

/** A statement that the client has prepared and that is a mutation. */
export interface MutationStatement extends PreparedStatement {
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  /** Text of the PREPARE behind an EXECUTE. */
  readonly prepare: string | null
}

/** What the conversation and the fast path both know of the session. */
export interface SessionState {
  readonly statements: Map<string, MutationStatement>
  readonly portals: Map<string, SessionPortal>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: Set<string>
}

export interface SessionPortal extends MutationPortal {
  readonly statement: MutationStatement
  /** Of the tracker, when it was bound: in another epoch Postgres would know it no more. */
  readonly epoch: number
}
