// Room store: forgetting mutations that were settled long ago. What is accepted and not applied, and what is still inquired
// about, stays however old it is.

import { waitLongestMs } from './doubts.ts'
import { presenceClass } from './presence.ts'
import type { Sql, Store } from './store.ts'

/**
 * Forgets at most `rowsMax` mutations that were settled more than `keepMs` ago, and gives how many. A mutation of a table
 * of which an older one waits to be applied stays too: it is what recovery knows to be newer. Throws
 * `service_unreachable`.
 */
export async function pruneMutations(
  store: Store,
  { keepMs, rowsMax }: { keepMs: number; rowsMax: number },
): Promise<number> {
  const pruned = await store.ask('Pruning the journal', (sql) =>
    sql`
      with recursive syncs as (
        (select sync_id from sluice_store.mutations order by sync_id limit 1)
        union all
        select (select m.sync_id from sluice_store.mutations m where m.sync_id > s.sync_id
          order by m.sync_id limit 1)
        from syncs s where s.sync_id is not null
      )
      delete from sluice_store.mutations where id in (
        select old.id from syncs s cross join lateral (
          select m.id from sluice_store.mutations m
          where m.sync_id = s.sync_id and m.received_at < ${ago(sql, keepMs)}
            and greatest(m.answered_at, m.applied_at) < ${ago(sql, keepMs)}
            and m.state in ('refused', 'unknown', 'applied') and m.next_inquiry_at is null
            and not exists (
              select from sluice_store.mutations o
              where o.state = 'accepted' and o.sync_id = m.sync_id
                and o.schema_name = m.schema_name and o.table_name = m.table_name
                and o.received_at < m.received_at + ${waitLongestMs} * interval '1 millisecond'
            )
          order by m.received_at limit ${rowsMax}
        ) old limit ${rowsMax})`)
  return pruned.count
}

/** Forgets processes that ended long ago and left nothing open, and gives how many. Throws `service_unreachable`. */
export async function pruneServices(store: Store, { keepMs }: { keepMs: number }): Promise<number> {
  const pruned = await store.ask('Pruning the processes', (sql) =>
    sql`
      delete from sluice_store.services s
      where s.started_at < ${ago(sql, keepMs)}
        and not exists (
          select from pg_locks l where l.locktype = 'advisory' and l.classid = ${presenceClass}
            and l.objid = s.id
            and l.database = (select oid from pg_database where datname = current_database())
        )
        and not exists (
          select from sluice_store.mutations m
          where m.service = s.id and m.state in ('received', 'sent')
        )`)
  return pruned.count
}

function ago(sql: Sql, keepMs: number) {
  return sql`now() - ${keepMs} * interval '1 millisecond'`
}

/** A customer's database and the syncs in it. */
export interface SyncsOfDatabase {
  readonly databaseId: string
  readonly syncIds: readonly string[]
}

/** Every database that a sync is in. Throws `service_unreachable`. */
export async function listDatabases(store: Store): Promise<SyncsOfDatabase[]> {
  const rows = await store.ask('Reading the databases', (sql) =>
    sql<SyncsOfDatabase[]>`
      select database_id as "databaseId", array_agg(id order by id) as "syncIds"
      from sluice_store.syncs group by database_id order by database_id`)
  return [...rows]
}

/**
 * Ids of mutations of these syncs that may yet be applied; null: there are more than `rowsMax`. Throws
 * `service_unreachable`.
 */
export async function openMutations(
  store: Store,
  syncIds: readonly string[],
  { rowsMax }: { rowsMax: number },
): Promise<string[] | null> {
  const rows = await store.ask('Reading what is open', (sql) =>
    sql<{ id: string }[]>`
      select id from sluice_store.mutations
      where state in ('received', 'sent', 'accepted', 'unknown') and sync_id in ${sql(syncIds)}
        and (state <> 'unknown' or next_inquiry_at is not null)
      limit ${rowsMax + 1}`)
  return rows.length > rowsMax ? null : rows.map(({ id }) => id)
}
