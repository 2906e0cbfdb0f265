// Room store: the journal as administrators see it: mutations of all syncs, newest first, and what they come to by minute.

import type { FaultData } from '../mutation/fault.ts'
import type { LifeState } from '../mutation/life.ts'
import type { Mutation, Outcome, Values } from '../mutation/mutation.ts'
import type { Operation } from '../mutation/table.ts'
import type { Sql, Store } from './store.ts'

/** One mutation in a list. Times are ISO 8601 with microseconds, in UTC. */
export interface Activity {
  readonly id: string
  readonly sync: string
  readonly schema: string
  readonly table: string
  readonly operation: Operation
  /** How many rows. */
  readonly rows: number
  /** Who sent it: a login, or the HTTP API; null: nobody noted it. */
  readonly by: string | null
  readonly state: LifeState
  readonly receivedAt: string
  readonly sentAt: string | null
  readonly answeredAt: string | null
  readonly appliedAt: string | null
  /** Requests to the platform; null: not known. */
  readonly requests: number | null
  /** Why it was not written, or not wholly. */
  readonly fault: FaultData | null
}

/** One mutation with what was asked and what the platform answered. */
export interface ActivityEntry extends Activity {
  readonly request: Mutation
  readonly outcome: Outcome | null
}

/** Where a page ends; the next begins after it. */
export interface ActivityPlace {
  readonly receivedAt: string
  readonly id: string
}

export interface ActivityQuery {
  /** Null: of every sync that there is. */
  readonly syncId: string | null
  readonly state: LifeState | null
  readonly table: string | null
  readonly operation: Operation | null
  readonly by: string | null
  /** A part of an id, of a table's name, of a login, or of a value. */
  readonly text: string | null
  /** Received since so many milliseconds ago. */
  readonly sinceMs: number
  readonly after: ActivityPlace | null
  readonly limit: number
}

/** What `columns` and `failure` give. */
const names = [
  'id',
  'sync',
  'schema',
  'table',
  'operation',
  'rows',
  'by',
  'state',
  'receivedAt',
  'sentAt',
  'answeredAt',
  'appliedAt',
  'requests',
  'outcome',
]

type Row = Omit<Activity, 'fault'> & { readonly outcome: Outcome | null }

/** Mutations, newest first. A search through what was written ends with the store's own deadline. Throws `service_unreachable`. */
export async function listActivity(store: Store, query: ActivityQuery): Promise<Activity[]> {
  const rows = await store.ask(
    'Reading the mutations',
    (sql) =>
      sql<Row[]>`
      select ${sql(names)} from (${syncsOf(sql, query.syncId)}) s cross join lateral (
        select m.received_at, ${columns(sql)}, ${failure(sql)} as outcome
        from sluice_store.mutations m
        where m.sync_id = s.of_sync and ${conditions(sql, query)}
        order by m.received_at desc, m.id desc limit ${query.limit}) listed
      order by received_at desc, id desc limit ${query.limit}`,
  )
  return rows.map(({ outcome, ...item }) => ({ ...item, fault: faultOf(outcome) }))
}

function syncsOf(sql: Sql, syncId: string | null) {
  return syncId === null
    ? sql`select id as of_sync from sluice_store.syncs`
    : sql`select ${syncId}::text as of_sync`
}

function conditions(sql: Sql, query: ActivityQuery) {
  const { state, table, operation, by, sinceMs, after, text } = query
  return sql`
    m.received_at >= now() - ${sinceMs}::float8 * interval '1 millisecond'
    and (${state}::text is null or m.state = ${state})
    and (${table}::text is null or m.table_name = ${table})
    and (${operation}::text is null or m.operation = ${operation})
    and (${by}::text is null or m.made_by = ${by})
    and (${after?.id ?? null}::uuid is null or (m.received_at, m.id) <
      (${after?.receivedAt ?? null}::text::timestamptz, ${after?.id ?? null}::uuid))
    and ${text === null ? sql`true` : holds(sql, text)}`
}

/** Values stand in the journal as JSON writes them. */
function holds(sql: Sql, text: string) {
  const written = JSON.stringify(text).slice(1, -1)
  return sql`(starts_with(m.id::text, lower(${text})) or strpos(m.table_name, ${text}) > 0
    or strpos(coalesce(m.made_by, ''), ${text}) > 0
    or strpos(m.request::text, ${written}) > 0
    or strpos(coalesce(m.outcome::text, ''), ${written}) > 0)`
}

/** One mutation; null: there is none. Throws `service_unreachable`. */
export async function readActivity(store: Store, id: string): Promise<ActivityEntry | null> {
  const [row] = await store.ask(
    'Reading the mutation',
    (sql) =>
      sql<(Row & Pick<ActivityEntry, 'request'>)[]>`
      select ${columns(sql)}, m.request, m.outcome from sluice_store.mutations m
      where m.id = ${id}`,
  )
  return row === undefined ? null : { ...row, fault: faultOf(row.outcome) }
}

function columns(sql: Sql) {
  const time = (name: string, as: string) =>
    sql`to_json(m.${sql(name)} at time zone 'UTC') #>> '{}' || '+00:00' as ${sql(as)}`
  return sql`m.id, m.sync_id as sync, m.schema_name as "schema", m.table_name as "table",
    m.operation, m.rows, m.made_by as by, m.state,
    ${time('received_at', 'receivedAt')}, ${time('sent_at', 'sentAt')},
    ${time('answered_at', 'answeredAt')}, ${time('applied_at', 'appliedAt')},
    substring(right(m.outcome::text, 40) from '"requests":([0-9]+)[}]$')::int as requests`
}

/** An outcome with a fault. One that was accepted has none, and is long. */
function failure(sql: Sql) {
  return sql`case when m.outcome::text not like '{"state":"accepted"%' then m.outcome end`
}

function faultOf(outcome: Outcome | null): FaultData | null {
  return outcome !== null && 'fault' in outcome ? outcome.fault : null
}

/** How a record was when a mutation before had written it. */
export interface Earlier {
  readonly id: string
  readonly values: Values | null
  /** The mutation that left it so. */
  readonly mutation: string
  readonly at: string
}

/** So many mutations of the table are looked through, and outcomes no longer than so many bytes. */
const earlierMax = 300
const outcomeBytesMax = 262_144

/** How the records were that an earlier mutation had written, as far as the journal tells. Throws `service_unreachable`. */
export async function readEarlier(
  store: Store,
  { entry, ids }: { entry: Activity; ids: readonly string[] },
): Promise<readonly Earlier[]> {
  if (ids.length === 0) return []
  const rows = await store.ask(
    'Reading earlier mutations',
    (sql) =>
      sql<{ id: string; at: string; outcome: Outcome }[]>`
      select id, to_json(received_at at time zone 'UTC') #>> '{}' || '+00:00' as at, outcome
      from sluice_store.mutations
      where sync_id = ${entry.sync} and table_name = ${entry.table}
        and received_at < ${entry.receivedAt}::text::timestamptz
        and state in ('accepted', 'applied') and octet_length(outcome::text) < ${outcomeBytesMax}
      order by received_at desc limit ${earlierMax}`,
  )
  const found = new Map<string, Earlier>()
  for (const { id: mutation, at, outcome } of rows) {
    if (!('rows' in outcome)) continue
    for (const { id, values } of outcome.rows) {
      if (ids.includes(id) && !found.has(id)) found.set(id, { id, values, mutation, at })
    }
  }
  return [...found.values()]
}
