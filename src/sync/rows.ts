// Room sync: writing rows that the platform has, beside mutations that are under way: under the rows' locks, and never
// over what is newer.

import type postgres from 'postgres'
import { applyRows, encodeIds } from '../database/index.ts'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import type { Operation } from '../mutation/table.ts'
import { idColumn, type SyncedTable } from '../mutation/table.ts'
import type { Values } from '../mutation/mutation.ts'
import type { NewHint } from '../store/hints.ts'
import type { Target } from './target.ts'

/** A row as the platform has it; `values` null: it has none of that id. */
export interface PlatformRow {
  readonly id: string
  readonly values: Values | null
}

/**
 * The rows as hints, to be noted after they are written: they are as they were when somebody read them, and a process of
 * the sync may have read and written them since.
 */
export function hintsOf(table: SyncedTable, rows: readonly PlatformRow[]): NewHint[] {
  const names = table.keyColumns ?? []
  return rows.map(({ id, values }) => {
    const known = names.filter((name) => values !== null && Object.hasOwn(values, name))
    const keys = Object.fromEntries(known.map((name) => [name, values?.[name] ?? null]))
    return { table: table.name, id, keys }
  })
}

const applyWaitMs = 30_000
/** For a row that a mutation holds; the next pass tries again. */
const lockWaitMs = 5_000

/** The journal says `applied` afterwards and for good, so the commit must be on disk. */
const settingsSql = `
  select pg_catalog.set_config('lock_timeout', '${lockWaitMs}', true),
    pg_catalog.set_config('statement_timeout', '${applyWaitMs}', true),
    case pg_catalog.current_setting('synchronous_commit') when 'off'
      then pg_catalog.set_config('synchronous_commit', 'on', true) end`

/** Takes the rows' locks: a mutation that holds one is in the journal, answered, before it lets go. */
export async function lockRows(
  tx: postgres.TransactionSql,
  table: SyncedTable,
  ids: readonly string[],
): Promise<void> {
  await tx.unsafe(settingsSql)
  await tx.unsafe(lockSql(table), [encodeIds(ids)])
}

function lockSql(table: SyncedTable): string {
  const id = `t.${quoteIdent(idColumn)}`
  // without the length: a cast to varchar(18) would cut an id that is longer and lock another row
  const type = (table.columns[0]?.type ?? 'text').replace(
    /^(varchar|character varying) ?\(.*\)$/,
    '$1',
  )
  return `select from only ${quoteName(table.schema, table.name)} t
    where ${id} operator(pg_catalog.=) any ($1::text::${type}[]) order by ${id} for update`
}

/** The mutation to note with the rows, in `sluice.mutations`. */
export interface Noted {
  readonly mutationId: string
  readonly operation: Operation
  readonly rows: number
  /** The column of an upsert. */
  readonly upsertBy?: string | undefined
}

/**
 * Writes the rows in this transaction, in mode `sync`, and gives how many changed. With `noted`: the mutation is noted, and
 * where it has been before nothing is written.
 */
export async function writeRows(
  tx: postgres.TransactionSql,
  { table, ticketKey }: Target,
  { rows, noted }: { rows: readonly PlatformRow[]; noted?: Noted },
): Promise<number> {
  const kept = rows.filter(({ values }) => values !== null)
  const gone = rows.filter(({ values }) => values === null)
  // applyRows begins a transaction; ours is open already, and the row locks are in it
  const begin = (work: (sql: unknown) => Promise<unknown>) => work(tx)
  const sql = { begin } as unknown as postgres.Sql
  const upsertBy = noted?.upsertBy
  const common = { table, ticketKey, waitMs: applyWaitMs, syncId: table.syncId, upsertBy }
  const note = noted === undefined ? {} : { mutationId: noted.mutationId, noted }
  // the first of the two notes the mutation, and only one that finds it new goes on
  const first = kept.length > 0 ? 'upsert' : 'delete'
  const options = {
    ...common,
    ...note,
    operation: first,
    rows: kept.length > 0 ? kept : gone,
  } as const
  const changed = await applyRows(sql, options)
  if (kept.length === 0 || gone.length === 0) return changed
  return changed + await applyRows(sql, { ...common, operation: 'delete', rows: gone })
}
