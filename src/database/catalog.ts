// Room database: what the views tell of the synced tables and of the errors, kept up to date. What is as it should be is
// not written again.

import type postgres from 'postgres'
import { catalogue } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { refusalOf, rowsMaxOf } from './comments.ts'
import { inDdlTransaction } from './ddl.ts'

/** Writes the table's row of `sluice.synced`. `made`: the table is new, and so not filled. */
export async function saveTable(
  tx: postgres.TransactionSql,
  table: SyncedTable,
  { made }: { made: boolean },
): Promise<void> {
  await tx.unsafe(saveTableSql, [JSON.stringify(rowOf(table)), String(made)])
}

function rowOf(table: SyncedTable): Record<string, string | number | null> {
  return {
    schema_name: table.schema,
    table_name: table.name,
    sync_id: table.syncId,
    platform: table.platform,
    object: table.object,
    columns: table.columns.length,
    insert_rows: rowsMaxOf(table, 'insert'),
    update_rows: rowsMaxOf(table, 'update'),
    delete_rows: rowsMaxOf(table, 'delete'),
    insert_refused: refusalOf(table, 'insert'),
    update_refused: refusalOf(table, 'update'),
    delete_refused: refusalOf(table, 'delete'),
  }
}

const names = `sync_id, platform, object, columns, insert_rows, update_rows, delete_rows,
  insert_refused, update_refused, delete_refused, filled_at`

// Another sync, or another object, would fill it anew.
const saveTableSql = `
  with given as (
    select r.*, (
      select s.filled_at from sluice.synced s
      where (s.schema_name, s.table_name) = (r.schema_name, r.table_name) and not $2::text::bool
        and (s.sync_id, s.platform, s.object) = (r.sync_id, r.platform, r.object)
    ) as filled
    from jsonb_populate_record(null::sluice.synced, $1::text::jsonb) r
  )
  insert into sluice.synced as s (schema_name, table_name, ${names})
  select schema_name, table_name, ${names.replace('filled_at', 'filled')} from given
  on conflict (schema_name, table_name) do update
  set (${names}) = row(${prefixed('excluded')})
  where (${prefixed('s')}) is distinct from (${prefixed('excluded')})`

function prefixed(from: string): string {
  return names.split(',').map((name) => `${from}.${name.trim()}`).join(', ')
}

/**
 * Forgets the tables that this sync had and has no longer: `sluice.tables` lists them no more. The tables themselves
 * stay, and refuse every mutation. Needs installDatabase first; errors are Postgres's own.
 */
export async function keepTables(
  sql: postgres.Sql,
  { syncId, tables }: { syncId: string; tables: readonly SyncedTable[] },
): Promise<void> {
  const kept = tables.map(({ schema, name }) => ({ schema_name: schema, table_name: name }))
  await inDdlTransaction(sql, async (tx) => {
    await tx.unsafe(
      `delete from sluice.synced s where s.sync_id = $1::text and not exists (
        select from jsonb_populate_recordset(null::sluice.synced, $2::text::jsonb) k
        where (k.schema_name, k.table_name) = (s.schema_name, s.table_name)
      )`,
      [syncId, JSON.stringify(kept)],
    )
  })
}

/** Writes the catalogue of errors. */
export async function saveFaults(tx: postgres.TransactionSql): Promise<void> {
  const faults = Object.entries(catalogue).map(([fault, entry]) => ({ fault, ...entry }))
  await tx.unsafe(
    `with given as (
      select f.* from jsonb_populate_recordset(null::sluice.faults, $1::text::jsonb) f
    ), gone as (
      delete from sluice.faults f where f.fault not in (select g.fault from given g)
    )
    insert into sluice.faults as f select * from given
    on conflict (fault) do update set (sqlstate, http, blame, retry, message, about) =
      row(excluded.sqlstate, excluded.http, excluded.blame, excluded.retry, excluded.message, excluded.about)
    where f is distinct from excluded`,
    [JSON.stringify(faults)],
  )
}
