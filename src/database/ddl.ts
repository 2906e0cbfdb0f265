// Room database: the transaction in which anything is made or changed: one at a time in a database, with bounded waits.

import type postgres from 'postgres'

/** How long it may wait for a lock, and how long any of its statements may take, in milliseconds. */
const ddlLockWaitMs = 10_000
const ddlWaitMs = 60_000

export interface DdlWaits {
  /** For a lock, in milliseconds; ten seconds when absent. */
  readonly lockWaitMs?: number
  /** For a statement, in milliseconds; a minute when absent. */
  readonly waitMs?: number
}

/** Runs `work` in a transaction that only one session at a time runs in this database, with bounded waits. */
export async function inDdlTransaction<T>(
  sql: postgres.Sql,
  work: (tx: postgres.TransactionSql) => Promise<T>,
  { lockWaitMs = ddlLockWaitMs, waitMs = ddlWaitMs }: DdlWaits = {},
): Promise<T> {
  const result = await sql.begin(async (tx) => {
    await tx.unsafe(`set local lock_timeout = ${lockWaitMs}`)
    await tx.unsafe(`set local statement_timeout = ${waitMs}`)
    await tx.unsafe('set local client_min_messages = warning')
    await tx.unsafe('set local search_path = pg_catalog, pg_temp') // nothing of theirs stands in for ours
    await tx.unsafe(
      "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('sluice.install'))",
    )
    return await work(tx)
  })
  return result as T
}
