// Room sync: the table of a customer's database that a mutation of the journal is of, and a connection to it.

import { Buffer } from 'node:buffer'
import postgres from 'postgres'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Mutation } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { readDatabase } from '../store/databases.ts'
import { isStoreDown, type Store } from '../store/store.ts'
import { readSync, type Sync } from '../store/syncs.ts'
import { type Dial, openDatabase } from './database.ts'

/** Where a mutation's rows go. */
export interface Target {
  readonly table: SyncedTable
  readonly ticketKey: Uint8Array
  readonly address: DatabaseAddress
}

/** Nothing is under way any more when it is closed; a connection that is lost would be waited for. */
export const closeWaitSeconds = 1

/** The table of a mutation in its sync, which may be disabled by now. Throws an Error that names it. */
export function tableOf(sync: Sync, { schema, table }: Mutation): SyncedTable {
  const found = sync.tables.find((known) => known.schema === schema && known.name === table)
  if (found === undefined) throw new Error(`Cannot find table ${schema}.${table}`)
  return found
}

/** Throws `not_found`, `service_unreachable`, and as `tableOf`. */
export async function readTarget(store: Store, mutation: Mutation): Promise<Target> {
  const sync = await readSync(store, mutation.syncId)
  const table = tableOf(sync, mutation)
  const { address, ticketKey } = await readDatabase(store, sync.databaseId)
  return { table, address, ticketKey: Buffer.from(ticketKey, 'base64') }
}

/** A database that says nothing any more must not keep the work from all the others; its own limits are shorter. */
const workWaitMs = 60_000
/** From the connection to the answer to BEGIN, which waits for nothing: longer than connecting may take. */
const beginWaitMs = 15_000

/**
 * Runs the work in a transaction of its own in the customer's database, reached by `dial`, and commits. It is given up, and
 * the connection closed, after `waitMs` milliseconds (a minute), or when the transaction has not begun after 15 s. Throws
 * what Postgres and `dial` say, and DeadlineExceeded: it may be committed.
 */
export async function within<T>(
  { address, dial, waitMs = workWaitMs }: {
    address: DatabaseAddress
    dial: Dial | undefined
    waitMs?: number
  },
  work: (tx: postgres.TransactionSql) => Promise<T>,
): Promise<T> {
  const sql = openDatabase(address, { dial, name: 'sluice recovery' })
  try {
    const begun = Promise.withResolvers<void>()
    const done = sql.begin('isolation level read committed', (tx) => {
      begun.resolve()
      return work(tx)
    }) as Promise<T>
    const either = Promise.race([begun.promise, done])
    const all = withDeadline(done, { waitMs, what: 'Work in a database' })
    all.catch(() => {}) // where it did not even begin
    await withDeadline(either, { waitMs: Math.min(waitMs, beginWaitMs), what: 'BEGIN' })
    return await all
  } finally {
    await sql.end({ timeout: closeWaitSeconds })
  }
}

/** Did the database neither do the work nor refuse it? */
export function isSilent(error: unknown): boolean {
  return error instanceof DeadlineExceeded
}

/** A statement that took too long (57014) is no reason to leave the others of the same database. */
export function isDatabaseDown(error: unknown): boolean {
  return isStoreDown(error) && (error as { code?: unknown }).code !== '57014'
}

/** For the log: what Postgres says of a value holds the value. */
export function reasonOf(error: unknown): unknown {
  if (!(error instanceof postgres.PostgresError)) return error
  const { name, code, table_name: table, column_name: column, constraint_name: constraint } = error
  return { name, code, table, column, constraint }
}
