// Room database: the word that a table has all that the platform has.

import type postgres from 'postgres'
import { quoteName } from '../lib/quote.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { openSync } from './apply.ts'
import { filledSql } from './statements.ts'

/** What was filled. */
export interface FilledOptions {
  readonly table: SyncedTable
  readonly ticketKey: Uint8Array
  /** For each statement, in milliseconds. */
  readonly waitMs: number
}

/** Notes for `sluice.tables` that the table was filled now. Errors are Postgres's own. */
export async function noteFilled(
  sql: postgres.Sql,
  { table, ticketKey, waitMs }: FilledOptions,
): Promise<void> {
  await sql.begin(async (tx) => {
    const mutation = await openSync(tx, { ticketKey }, waitMs)
    await tx.unsafe(filledSql, [mutation, quoteName(table.schema, table.name)])
  })
}
