// Room engine: what the engine is given: the world outside the connection, and one request.

import type { Log } from '../lib/log.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'

/** What the engine needs besides the connection. */
export interface EngineDeps {
  /** Hands the mutation to the platform. Never throws for what happened there: that is an outcome. */
  send(mutation: Mutation, options: { waitMs: number }): Promise<Outcome>
  /** Called when the mutation is committed in the database; not awaited. */
  applied(mutationId: string): void
  /** A new UUID. */
  newId(): string
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** The login on whose behalf, for sluice.mutations; null: there is none. */
  readonly login: string | null
  readonly ticketKey: Uint8Array
  readonly tables: ReadonlyMap<string, SyncedTable>
  readonly log: Log
}

/** What the engine is to do with a statement. explain: say what carrying it out would send. */
export interface EngineRequest {
  readonly task: 'carry' | 'explain'
  /** The synced table the statement names. */
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  /** Begin the transaction READ ONLY, because the client's own is. */
  readonly readOnly: boolean
  /** Aborted when the client cancels; heeded until the mutation is sent. */
  readonly signal: AbortSignal
}
