// Room session: what the conversation and the fast path both know of a session: the names that stand for mutations.

import type { UpsertRequest } from '../engine/deps.ts'
import type { Operation, SyncedTable } from '../mutation/table.ts'
import type { MutationPortal } from './held.ts'
import { SizedMap } from './sized-map.ts'
import type { PreparedStatement } from './statement.ts'
import { UnreadStatements } from './unread.ts'

/** A mutation as the client has written it. */
export interface Written {
  readonly operation: Operation
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  readonly upsert?: UpsertRequest | undefined
  /** Text of the PREPARE behind an EXECUTE. */
  readonly prepare: string | null
  readonly form: WrittenForm
}

/** explain: `sql` is the statement that is explained, in the client's encoding. */
export type WrittenForm =
  | { readonly kind: 'plain' }
  | { readonly kind: 'copy' }
  | { readonly kind: 'explain'; readonly sql: Uint8Array; readonly rows: boolean }

/** A statement that the client has prepared and that is a mutation. */
export interface MutationStatement extends PreparedStatement, Written {}

/** What the conversation and the fast path both know of the session. */
export interface SessionState {
  readonly statements: SizedMap<MutationStatement>
  readonly portals: SizedMap<SessionPortal>
  readonly unread: UnreadStatements
  /** The most that both take together, in bytes. */
  readonly bytesMax: number
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: Set<string>
  /** Statements may have gone by DEALLOCATE or DISCARD, and their names may have been given to others. */
  deallocated: boolean
}

export interface SessionPortal extends MutationPortal {
  readonly statement: MutationStatement
  /** Of the tracker, when it was bound: in another epoch Postgres would know it no more. */
  readonly epoch: number
}

/** Of a session that has begun. */
export function createState({ bytesMax }: { bytesMax: number }): SessionState {
  return {
    statements: new SizedMap(({ sql, name }) => sql.length + name.length),
    portals: new SizedMap(({ bind }) => bind.length),
    unread: new UnreadStatements(),
    bytesMax,
    prepared: new Set(),
    deallocated: false,
  }
}
