// Room database: forgetting mutations that are in the database for so long that nobody can apply them again.

import type postgres from 'postgres'
import { openSync } from './apply.ts'
import { ownerClause } from './functions.ts'
import { encodeIds } from './rows.ts'

/** A mutation is noted at least for so long, whoever asks, in milliseconds: two days. */
export const notedMinMs = 2 * 24 * 60 * 60_000

/** The newest mutation of each table stays: `sluice.tables` tells its time. */
export const pruneFunctionSql = `
create or replace function sluice.prune(
  mutation uuid, sync_ids text[], keep_ms bigint, kept uuid[], rows_max int
) returns int
language plpgsql ${ownerClause} as $$
#variable_conflict use_variable
declare
  pruned int;
begin
  perform sluice.check_ticket('sync', mutation);
  if keep_ms is null or keep_ms < ${notedMinMs} then
    raise exception 'mutations are noted for two days at least' using errcode = '22023';
  end if;
  delete from sluice.applied a where a.ctid = any (array(
    select d.ctid from sluice.applied d
    where d.applied_at < clock_timestamp() - keep_ms * interval '1 millisecond'
      and d.sync_id = any (sync_ids) and d.id <> all (kept)
      and exists (
        select from sluice.applied n
        where n.schema_name = d.schema_name and n.table_name = d.table_name
          and n.applied_at > d.applied_at
      )
    order by d.applied_at limit rows_max for update skip locked
  ));
  get diagnostics pruned = row_count;
  return pruned;
end
$$;
`

/** What to forget. */
export interface PruneOptions {
  readonly ticketKey: Uint8Array
  /** Only mutations of these syncs. */
  readonly syncIds: readonly string[]
  /** Older than this, in milliseconds; two days at least. */
  readonly keepMs: number
  /** Mutations that may yet be applied: they stay. */
  readonly kept: readonly string[]
  /** At most so many. */
  readonly rowsMax: number
  /** For each statement, in milliseconds. */
  readonly waitMs: number
}

/**
 * Forgets mutations of `sluice.mutations`, in one transaction, and gives how many. Errors are Postgres's own; 42883: the
 * database was set up by an older Sluice.
 */
export async function pruneApplied(sql: postgres.Sql, options: PruneOptions): Promise<number> {
  const { ticketKey, syncIds, keepMs, kept, rowsMax, waitMs } = options
  return await sql.begin(async (tx) => {
    const mutation = await openSync(tx, { ticketKey }, waitMs)
    const [row] = await tx.unsafe(
      `select sluice.prune($1::pg_catalog.text::pg_catalog.uuid,
        $2::pg_catalog.text::pg_catalog.text[], $3::pg_catalog.text::pg_catalog.int8,
        $4::pg_catalog.text::pg_catalog.uuid[], $5::pg_catalog.text::pg_catalog.int4) as pruned`,
      [mutation, encodeIds(syncIds), String(keepMs), encodeIds(kept), String(rowsMax)],
    )
    return Number(row?.['pruned'])
  })
}
