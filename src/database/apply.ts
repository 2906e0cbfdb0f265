// Room database: rows that the platform has, written by id: for the sync process and for recovery.

import type postgres from 'postgres'
import { quoteIdent, quoteName } from '../lib/quote.ts'
import type { Values } from '../mutation/mutation.ts'
import { idColumn, type Operation, type SyncedTable } from '../mutation/table.ts'
import { encodeRows } from './rows.ts'
import { type Keyed, keysOf, makeRoom } from './room.ts'
import { openSql, recordSql } from './statements.ts'
import { ticketMac } from './ticket.ts'

/** What to write. */
export interface ApplyOptions {
  readonly table: SyncedTable
  /** upsert: columns that a row does not have stay as they are. delete: `values` are not looked at. */
  readonly operation: 'upsert' | 'delete'
  /** Of rows with the same id the last one counts. */
  readonly rows: readonly { readonly id: string; readonly values: Values | null }[]
  readonly ticketKey: Uint8Array
  /** Notes this mutation for sluice.mutations, as recovered; when it is there already, nothing is done. */
  readonly mutationId?: string
  /** The column of the upsert that wrote these rows: the platform has none of its values in another record. */
  readonly upsertBy?: string | undefined
  /** Goes into sluice.mutations; the table's own when absent. */
  readonly syncId?: string
  /** What the mutation was and how many rows the platform wrote; when absent, `operation` and the number of `rows`. */
  readonly noted?: { readonly operation: Operation; readonly rows: number }
  /** For each statement, waits for locks included, in milliseconds. */
  readonly waitMs?: number
}

const defaultWaitMs = 60_000

/** Rows per statement: keeps a parameter and the memory of both sides within bounds. */
const chunkRowsMax = 500

/**
 * Writes the rows in one transaction in mode `sync` and returns how many changed: a row that is already as given is not
 * written again, and fires no trigger. A row that still has a value of which the platform has only one loses it. Needs the privileges that ensureTable grants, or to be the owner.
 * Errors are Postgres's own (57014 when `waitMs` is over, 42501 for a wrong key); then nothing was written.
 */
export async function applyRows(sql: postgres.Sql, options: ApplyOptions): Promise<number> {
  const { table, operation, mutationId, upsertBy } = options
  const { syncId = table.syncId, waitMs = defaultWaitMs } = options
  const rows = [...new Map(options.rows.map((row) => [row.id, row])).values()]
  const changed = await sql.begin(async (tx) => {
    const mutation = await openSync(tx, options, waitMs)
    if (mutationId !== undefined) {
      const what = options.noted ?? { operation, rows: rows.length }
      const place = [mutation, syncId, quoteName(table.schema, table.name)]
      const [noted] = await tx.unsafe(recordSql, [...place, what.operation, String(what.rows)])
      if (noted?.['record'] !== true) return 0
    }
    if (operation === 'delete') return await remove(tx, table, rows)
    return await upsert(tx, { table, rows, mutation, upsertBy })
  })
  return changed
}

/** Opens mode `sync` and returns the mutation id that it stands under. */
export async function openSync(
  tx: postgres.TransactionSql,
  { ticketKey, mutationId }: Pick<ApplyOptions, 'ticketKey' | 'mutationId'>,
  waitMs: number,
): Promise<string> {
  const [session] = await tx.unsafe(
    `select pg_catalog.pg_backend_pid() as pid, pg_catalog.gen_random_uuid()::pg_catalog.text as id,
      pg_catalog.set_config('statement_timeout', $1::pg_catalog.text, true)`,
    [String(waitMs)],
  )
  const mutation = mutationId ?? String(session?.['id'])
  const pid = Number(session?.['pid'])
  const mac = ticketMac(ticketKey, { mode: 'sync', mutationId: mutation, pid })
  await tx.unsafe(openSql, ['sync', mutation, mac, '0', null])
  return mutation
}

type Rows = ApplyOptions['rows']

async function remove(
  tx: postgres.TransactionSql,
  table: SyncedTable,
  rows: Rows,
): Promise<number> {
  let changed = 0
  for (const chunk of chunks(rows)) {
    const gone = await tx.unsafe(deleteSql(table), [JSON.stringify(chunk.map(({ id }) => id))])
    changed += gone.count
  }
  return changed
}

function deleteSql(table: SyncedTable): string {
  const target = quoteName(table.schema, table.name)
  return `delete from only ${target} t
    using pg_catalog.jsonb_array_elements_text($1::pg_catalog.text::pg_catalog.jsonb) gone(id),
    pg_catalog.jsonb_populate_record(null::${target}, pg_catalog.jsonb_build_object('id', gone.id)) g
    where t.${quoteIdent(idColumn)} operator(pg_catalog.=) g.${quoteIdent(idColumn)}`
}

async function upsert(
  tx: postgres.TransactionSql,
  { table, rows: given, mutation, upsertBy }: Omit<Keyed, 'keys'>,
): Promise<number> {
  const keys = await keysOf(tx, table, upsertBy)
  const rows = withoutTwins(given, keys)
  let changed = 0
  for (const { names, rows: alike } of groupByColumns(table, rows)) {
    for (const chunk of chunks(alike)) {
      const json = encodeRows(table, chunk)
      if (keys.some((key) => names.includes(key))) {
        await makeRoom(tx, { table, keys, rows: chunk, mutation, upsertBy })
      }
      changed += (await tx.unsafe(upsertSql(table, names), [json])).count
    }
  }
  return changed
}

/** A value that should be there once and is not: the last row has it, since of the others one is out of date. */
export function withoutTwins<Row extends Rows[number]>(
  rows: readonly Row[],
  keys: readonly string[],
): readonly Row[] {
  let left = rows
  for (const key of keys) {
    const last = new Map(left.map(({ id, values }) => [values?.[key] ?? null, id]))
    if (last.size === left.length) continue
    left = left.map((row) => {
      const value = row.values?.[key] ?? null
      if (value === null || last.get(value) === row.id) return row
      return { ...row, values: { ...row.values, [key]: null } }
    })
  }
  return left
}

interface Group {
  readonly names: readonly string[]
  readonly rows: Rows[number][]
}

/** Rows that have the same columns go in one statement. */
function groupByColumns(table: SyncedTable, rows: Rows): Group[] {
  const groups = new Map<string, Group>()
  for (const row of rows) {
    const values = row.values ?? {}
    const names = table.columns.map(({ name }) => name)
      .filter((name) => name !== idColumn && Object.hasOwn(values, name))
    const key = JSON.stringify(names)
    const group = groups.get(key) ?? { names, rows: [] }
    group.rows.push(row)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function upsertSql(table: SyncedTable, names: readonly string[]): string {
  const target = quoteName(table.schema, table.name)
  const columns = [idColumn, ...names].map(quoteIdent)
  const fields = names.map(quoteIdent)
  const insert = `insert into ${target} as t (${columns.join(', ')})
    select ${columns.map((column) => `r.${column}`).join(', ')}
    from pg_catalog.jsonb_populate_recordset(null::${target}, $1::pg_catalog.text::pg_catalog.jsonb) r
    on conflict (${quoteIdent(idColumn)}) do`
  if (fields.length === 0) return `${insert} nothing`
  return `${insert} update
    set ${fields.map((field) => `${field} = excluded.${field}`).join(', ')}
    where ${changedSql(names)}`
}

/** Compared by what is stored (`*<>`), since not every type has an `=`, and 1.0 is not 1.00. */
function changedSql(names: readonly string[]): string {
  const record = (from: string) =>
    `row(${names.map((name) => `${from}.${quoteIdent(name)}`).join(', ')})::pg_catalog.record`
  return `${record('t')} operator(pg_catalog.*<>) ${record('excluded')}`
}

function chunks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / chunkRowsMax)
  return Array.from(
    { length: count },
    (_, index) => items.slice(index * chunkRowsMax, (index + 1) * chunkRowsMax),
  )
}
