// Room store: the journal as its readers see it: mutations of one sync, newest first, in pages.

import type { FaultData } from '../mutation/fault.ts'
import type { LifeState } from '../mutation/life.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Operation } from '../mutation/table.ts'
import type { Sql, Store } from './store.ts'

/** One mutation in a list. Times are ISO 8601 with microseconds, in UTC: `2026-01-05T08:06:00.123456+00:00`. */
export interface HistoryItem {
  readonly id: string
  readonly schema: string
  readonly table: string
  readonly operation: Operation
  /** How many rows. */
  readonly rows: number
  readonly state: LifeState
  readonly receivedAt: string
  readonly sentAt: string | null
  readonly answeredAt: string | null
  readonly appliedAt: string | null
  /** Why it was not written, or not wholly. */
  readonly fault: FaultData | null
}

/** One mutation with what was asked and what the platform answered. */
export interface HistoryEntry extends HistoryItem {
  readonly request: Mutation
  readonly outcome: Outcome | null
}

/** Where a page ends; the next begins after it. */
export interface HistoryPlace {
  readonly receivedAt: string
  readonly id: string
}

export interface HistoryQuery {
  readonly syncId: string
  readonly state?: LifeState | null
  readonly table?: string | null
  readonly after?: HistoryPlace | null
  readonly limit: number
}

/** Mutations of a sync, newest first. Throws `service_unreachable`. */
export async function listMutations(store: Store, query: HistoryQuery): Promise<HistoryItem[]> {
  const { syncId, state = null, table = null, after = null, limit } = query
  const rows = await store.ask('Reading the mutations', (sql) =>
    sql<Row[]>`
      select ${columns(sql)}, ${failure(sql)} as outcome from sluice_store.mutations
      where sync_id = ${syncId}
        and (${state}::text is null or state = ${state})
        and (${table}::text is null or table_name = ${table})
        and (${after?.id ?? null}::uuid is null or (received_at, id) <
          (${after?.receivedAt ?? null}::text::timestamptz, ${after?.id ?? null}::uuid))
      order by received_at desc, id desc limit ${limit}`)
  return rows.map(({ outcome, ...item }) => ({ ...item, fault: faultOf(outcome) }))
}

/** One mutation, of that sync or of any; null: there is none. Throws `service_unreachable`. */
export async function readMutation(
  store: Store,
  { syncId = null, id }: { syncId?: string | null; id: string },
): Promise<HistoryEntry | null> {
  const [row] = await store.ask(
    'Reading the mutation',
    (sql) =>
      sql<(Row & Pick<HistoryEntry, 'request'>)[]>`
      select ${columns(sql)}, request, outcome from sluice_store.mutations
      where id = ${id} and (${syncId}::text is null or sync_id = ${syncId})`,
  )
  return row === undefined ? null : { ...row, fault: faultOf(row.outcome) }
}

type Row = Omit<HistoryItem, 'fault'> & { readonly outcome: Outcome | null }

/** Read here: Postgres cannot take apart JSON that holds what its own text cannot (U+0000, half a surrogate pair). */
function faultOf(outcome: Outcome | null): FaultData | null {
  return outcome !== null && 'fault' in outcome ? outcome.fault : null
}

/** An outcome with a fault. One that was accepted has none, and is long. */
function failure(sql: Sql) {
  return sql`case when outcome::text not like '{"state":"accepted"%' then outcome end`
}

function columns(sql: Sql) {
  const time = (name: string, as: string) =>
    sql`to_json(${sql(name)} at time zone 'UTC') #>> '{}' || '+00:00' as ${sql(as)}`
  return sql`id, schema_name as "schema", table_name as "table", operation, rows, state,
    ${time('received_at', 'receivedAt')}, ${time('sent_at', 'sentAt')},
    ${time('answered_at', 'answeredAt')}, ${time('applied_at', 'appliedAt')}`
}
