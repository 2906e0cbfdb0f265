// Room engine: what the engine is given: the world outside the connection, and one request.

import type { Log } from '../lib/log.ts'
import type { FaultCode } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Operation, SyncedTable } from '../mutation/table.ts'

/** What has happened to a mutation, for whoever watches. planned: `operation` null: no row would change. */
export type EngineEvent =
  | { readonly kind: 'begun'; readonly id: string }
  | {
    readonly kind: 'planned'
    readonly operation: Operation | null
    readonly rows: number
    readonly dry: boolean
  }
  | { readonly kind: 'sent' }
  | {
    readonly kind: 'answered'
    readonly state: Outcome['state']
    readonly fault: FaultCode | null
  }

/** What the engine needs besides the connection. */
export interface EngineDeps {
  /** Hands the mutation to the platform. Never throws for what happened there: that is an outcome. */
  send(mutation: Mutation, options: { waitMs: number }): Promise<Outcome>
  /** Called when the mutation is committed in the database; not awaited. */
  applied(mutationId: string): void
  /** Hears of each step; must not throw. */
  readonly observe?: (event: EngineEvent) => void
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

/** What an upsert asks of the platform. */
export interface UpsertRequest {
  /** The column in ON CONFLICT, by which the platform finds the record. */
  readonly by: string
  /** The columns of the table that the platform is to write, `by` among them: as `EXCLUDED` has them. */
  readonly columns: readonly string[]
}

/** What the engine is to do with a statement. explain: say what carrying it out would send. */
export interface EngineRequest {
  readonly task: 'carry' | 'explain'
  /** The synced table the statement names. */
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  /** An INSERT … ON CONFLICT DO UPDATE. */
  readonly upsert?: UpsertRequest | undefined
  /** Begin the transaction READ ONLY, because the client's own is. */
  readonly readOnly: boolean
  /** Aborted when the client cancels; heeded until the mutation is sent. */
  readonly signal: AbortSignal
}
