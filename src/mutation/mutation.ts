// Room mutation: a mutation, its rows, and what the platform answered.

import type { Operation } from './table.ts'
import type { FaultData } from './fault.ts'

/**
 * Column name → value. Values are text, exactly as Postgres writes them in JSON: numbers keep every digit, timestamps
 * are ISO 8601 with offset, booleans are `true`/`false`; a column of type jsonb or an array is its JSON text. null is
 * SQL's NULL. A column that is not a key was not given.
 */
export type Values = Readonly<Record<string, string | null>>

/** One row that a mutation would change. */
export interface PlannedRow {
  /** Position in the statement, from 1. */
  readonly ordinal: number
  /** The record's id; null for an insert. upsert: the id of the row with that key; null where the table has none. */
  readonly id: string | null
  /**
   * insert: the columns given. upsert: every column that the statement names; the one it goes by is among them and not
   * null. update: the columns set, with their new values. delete: none.
   */
  readonly values: Values
  /** update, delete: the table's `keyColumns` as they were before the statement; absent where the table has none. */
  readonly key?: Values
}

/** One statement's change to one synced table: one operation, many rows. */
export interface Mutation {
  /** A UUID made by whoever took the statement; the same id is never carried out twice. */
  readonly id: string
  readonly syncId: string
  readonly schema: string
  readonly table: string
  readonly operation: Operation
  /**
   * An insert that is an upsert: the column by whose value the platform finds a record to update, or makes a new one. The
   * row in the outcome has the record's id, whatever the row here had.
   */
  readonly upsertBy?: string
  /** Who sent it: a login's name, `HTTP API`; for people to read. It makes no other mutation of it. */
  readonly by?: string
  readonly rows: readonly PlannedRow[]
}

/** A row as the platform has it now. */
export interface OutcomeRow {
  readonly ordinal: number
  readonly id: string
  /**
   * Every column the platform answered, or null for a deleted record. A column that an insert's row lacks is null, one
   * that an update's lacks is as it was.
   */
  readonly values: Values | null
}

/** A row that the platform did not write, or perhaps did. `id`: null for an insert. */
export type UnwrittenRow =
  | {
    readonly state: 'refused' | 'unknown'
    readonly ordinal: number
    readonly id: string | null
    readonly fault: FaultData
  }
  | { readonly state: 'unsent'; readonly ordinal: number; readonly id: string | null }

/**
 * What the platform answered.
 * accepted: every row is written. refused: surely nothing is written. unknown: the reply was lost or unreadable.
 * partial: `rows` are written (one at least), `others` are not, or perhaps are; together they are the mutation's rows.
 * Its fault is `partly_written`, or `outcome_unknown` where one of the others is unknown.
 * requests: how many were made to the platform, reads included; absent where nobody counted.
 */
export type Outcome =
  | {
    readonly state: 'accepted'
    readonly rows: readonly OutcomeRow[]
    readonly requests?: number
  }
  | {
    readonly state: 'partial'
    readonly rows: readonly OutcomeRow[]
    readonly requests?: number
    readonly others: readonly UnwrittenRow[]
    readonly fault: FaultData
  }
  | { readonly state: 'refused'; readonly fault: FaultData }
  | { readonly state: 'unknown'; readonly fault: FaultData }

/** For a HINT: where it is told what is known of a mutation. */
export function whereToLook(id: string): string {
  return `sluice mutations show ${id} tells what is known of it.`
}
