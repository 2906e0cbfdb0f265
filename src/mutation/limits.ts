// Room mutation: how many rows one statement may change, by platform and operation.

import type { Mutation } from './mutation.ts'
import type { Operation, Platform, SyncedTable } from './table.ts'

/** Rows per statement. */
export const rowLimits: Readonly<Record<Platform, Readonly<Record<Operation, number>>>> = {
  salesforce: { insert: 200, update: 200, delete: 200 },
  hubspot: { insert: 1, update: 100, delete: 100 },
  airtable: { insert: 10, update: 10, delete: 10 },
  stripe: { insert: 100, update: 100, delete: 100 },
  github: { insert: 100, update: 100, delete: 100 },
}

/** Rows per statement of this table: its own limit, else its platform's. */
export function rowLimitOf(
  table: Pick<SyncedTable, 'platform' | 'rowsMax'>,
  operation: Operation,
): number {
  return table.rowsMax?.[operation] ?? rowLimits[table.platform][operation]
}

/** Rows per upsert: what one request takes. null: the platform has none. */
export const upsertLimits: Readonly<Record<Platform, number | null>> = {
  salesforce: 200,
  hubspot: 100,
  airtable: 10,
  stripe: null,
  github: null,
}

/** Rows per statement of a mutation of this table; 0: it has no upsert. */
export function rowLimitFor(
  table: Pick<SyncedTable, 'platform' | 'rowsMax'>,
  { operation, upsertBy }: Pick<Mutation, 'operation' | 'upsertBy'>,
): number {
  return upsertBy === undefined ? rowLimitOf(table, operation) : upsertLimits[table.platform] ?? 0
}

/** How long a request to a platform may take once its turn has come, in milliseconds, unless statement_timeout says less. */
export const requestWaitMs = 30_000

/** The longest that the platform may take over a statement, in milliseconds: its turns in the buckets, and the requests. */
export const statementWaitMaxMs = 150_000

/**
 * The longest answer of a platform, and the longest outcome made of one, in bytes. A Salesforce statement answers 200
 * records whole, each with up to 1.6 million characters in its long texts; longer than this no string should get.
 */
export const answerBytesMax = 256 * 1024 * 1024
