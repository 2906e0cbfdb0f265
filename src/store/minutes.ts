// Room store: what the mutations come to, minute by minute, for charts and overviews.

import type { Sql, Store } from './store.ts'

/** One minute of the journal, by when mutations were received. Durations are in milliseconds. */
export interface Minute {
  /** Its beginning, ISO 8601. */
  readonly at: string
  readonly mutations: number
  readonly refused: number
  readonly unknown: number
  /** From receipt to the platform's answer; null: nothing was answered. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** What came of the mutations of one sync. */
export interface SyncCount {
  readonly sync: string
  readonly mutations: number
  readonly failed: number
}

export interface Minutes {
  /** Only those in which something was received, oldest first. */
  readonly minutes: readonly Minute[]
  /** How often each fault. */
  readonly faults: readonly { readonly code: string; readonly count: number }[]
  readonly syncs: readonly SyncCount[]
}

/** Reads the last minutes of one sync (null: of all there are). Throws `service_unreachable`. */
export async function readMinutes(
  store: Store,
  { syncId, minutes }: { syncId: string | null; minutes: number },
): Promise<Minutes> {
  const [row] = await store.ask('Counting the mutations', (sql) =>
    sql<Minutes[]>`
      with recent as materialized (${recent(sql, { syncId, minutes })})
      select (${perMinute(sql)}) as minutes,
        (select coalesce(json_agg(f order by f.count desc, f.code), '[]') from (
          select code, count(*)::int as count from recent where code is not null group by code) f
        ) as faults,
        (select coalesce(json_agg(s order by s.sync), '[]') from (
          select sync, count(*)::int as mutations, count(code)::int as failed
          from recent group by sync) s) as syncs`)
  return row === undefined ? { minutes: [], faults: [], syncs: [] } : { ...row }
}

/** The code of a fault stands after text that can hold it only with a backslash before the quotation mark. */
function recent(
  sql: Sql,
  { syncId, minutes }: { syncId: string | null; minutes: number },
) {
  return sql`
    select m.sync_id as sync, m.state, date_trunc('minute', m.received_at) as minute,
      extract(epoch from m.answered_at - m.received_at) * 1000 as took,
      case when m.outcome::text not like '{"state":"accepted"%'
        then substring(m.outcome::text from '[^\\\\]"code":"([a-z_]+)"') end as code
    from sluice_store.syncs s join sluice_store.mutations m on m.sync_id = s.id
    where (${syncId}::text is null or s.id = ${syncId})
      and m.received_at >= date_trunc('minute', now()) - ${minutes - 1}::int * interval '1 minute'`
}

function perMinute(sql: Sql) {
  const percentile = (share: number) =>
    sql`percentile_cont(${share}::float8) within group (order by took)`
  return sql`
    select coalesce(json_agg(each order by each.at), '[]') from (
      select to_char(minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
        count(*)::int as mutations,
        count(*) filter (where state = 'refused')::int as refused,
        count(*) filter (where state = 'unknown')::int as unknown,
        ${percentile(0.5)} as p50, ${percentile(0.95)} as p95, ${percentile(0.99)} as p99
      from recent group by minute) each`
}
