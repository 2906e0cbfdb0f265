// Room store: how full the buckets are, for people who look at them.

import type { Store } from './store.ts'

/** Which bucket: a rule of a connection, whose units count for so many grains. */
export interface GaugeQuery {
  readonly connection: string
  readonly rule: string
  readonly windowGrains: number
}

export interface Gauge {
  readonly connection: string
  readonly rule: string
  /** Empty where the rule has one bucket for the whole connection. */
  readonly key: string
  /** Units that count now. */
  readonly used: number
  /** Units promised for moments that are still to come. */
  readonly ahead: number
  /** When the last of them comes, in milliseconds from now; 0: there are none. */
  readonly aheadMs: number
  /** Units at work, where the rule is about what is under way at one time. */
  readonly underWay: number
  /** Nothing may be taken for so long, in milliseconds; 0: it may. */
  readonly blockedMs: number
  /** The limit, as the platform itself has told it; null: it has not. */
  readonly told: number | null
}

/** Buckets told of at most: a rule may have one for every table of every base. */
const gaugesMax = 1_000

/** How full the buckets are that somebody has used. Throws `service_unreachable`. */
export async function readGauges(
  store: Store,
  queries: readonly GaugeQuery[],
): Promise<readonly Gauge[]> {
  if (queries.length === 0) return []
  const asked = JSON.stringify(queries)
  const rows = await store.ask(
    'Reading the buckets',
    (sql) =>
      sql<Gauge[]>`
      with asked as (
        select b.id, b.connection_id, b.rule, b.key, b.grain_ms, b.blocked_until, b.told,
          q."windowGrains" as n, clock.now_ms / b.grain_ms as g, clock.now_ms
        from (select sluice_store.clock_ms() as now_ms) clock,
          json_to_recordset(${asked}::text::json)
            as q(connection text, rule text, "windowGrains" bigint)
          join sluice_store.buckets b on b.connection_id = q.connection and b.rule = q.rule
        order by b.connection_id, b.rule, b.key limit ${gaugesMax})
      select connection_id as connection, rule, key,
        coalesce((select sum(units) from sluice_store.slots s
          where s.bucket = a.id and s.grain > g - n and s.grain <= g), 0)::float8 as used,
        coalesce((select sum(units) from sluice_store.slots s
          where s.bucket = a.id and s.grain > g), 0)::float8 as ahead,
        coalesce((select max(grain) - g from sluice_store.slots s
          where s.bucket = a.id and s.grain > g) * grain_ms, 0)::float8 as "aheadMs",
        coalesce((select sum(units) from sluice_store.shares s
          where s.bucket = a.id and s.until >= now_ms), 0)::float8 as "underWay",
        greatest(0, blocked_until - now_ms)::float8 as "blockedMs", told::float8
      from asked a order by connection_id, rule, key`,
  )
  return rows.map((row) => ({ ...row }))
}
