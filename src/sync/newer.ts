// Room sync: which rows are not to be written, since something newer than what we have has been written, or will be.
// Looked for in the outcomes' text, as the journal wrote it: Postgres cannot take apart JSON whose values hold what its
// own text cannot (U+0000, half a surrogate pair).

import type { Mutation } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { inquiryLeaseMs, waitLongestMs } from '../store/doubts.ts'
import type { Sql, Store } from '../store/store.ts'

export interface Asked {
  readonly mutation: Mutation
  readonly ids: readonly string[]
}

/**
 * Ids that a mutation sent after `sentAt` (the store's time, as text) has written. By the order of sending, as an answer
 * may come late. Throws `service_unreachable`.
 */
export async function writtenByLater(
  store: Store,
  { mutation, ids }: Asked,
  sentAt: string,
): Promise<ReadonlySet<string>> {
  return await idsWhere(store, { mutation, ids }, (sql) =>
    sql`
      m.received_at > ${sentAt}::text::timestamptz - ${waitLongestMs} * interval '1 millisecond'
      and (coalesce(m.sent_at, m.received_at), m.id)
        > (${sentAt}::text::timestamptz, ${mutation.id})`)
}

/**
 * Ids that another mutation has written of which the answer came at `readAt` (the store's time, as text) or later: what
 * was read at the platform since then may be older. Throws `service_unreachable`.
 */
export async function writtenSince(
  store: Store,
  { mutation, ids }: Asked,
  readAt: string,
): Promise<ReadonlySet<string>> {
  return await idsWhere(store, { mutation, ids }, (sql) =>
    sql`
      m.id <> ${mutation.id} and m.answered_at >= ${readAt}::text::timestamptz
      and m.received_at > ${readAt}::text::timestamptz - ${waitLongestMs} * interval '1 millisecond'`)
}

async function idsWhere(
  store: Store,
  { mutation, ids }: Asked,
  condition: (sql: Sql) => ReturnType<Sql>,
): Promise<ReadonlySet<string>> {
  const { syncId, schema, table } = mutation
  const keys = ids.map((id) => `"id":${JSON.stringify(id)}`)
  const found = await store.ask('Looking for newer mutations', (sql) =>
    sql<{ key: string }[]>`
      select distinct k.key
      from sluice_store.mutations m, json_array_elements_text(${
      JSON.stringify(keys)
    }::text::json) k(key)
      where m.sync_id = ${syncId} and m.schema_name = ${schema} and m.table_name = ${table}
        and m.state in ('accepted', 'applied') and ${condition(sql)}
        and strpos(${writtenText(sql)}, k.key) > 0`)
  const newer = new Set(found.map(({ key }) => key))
  return new Set(ids.filter((_, at) => newer.has(keys[at] ?? '')))
}

/**
 * The part of an outcome's text that has the rows written, without those that were not. What is within a value has its
 * quotation marks escaped, so that both names are found where they are members.
 */
function writtenText(sql: Sql) {
  return sql`case when strpos(m.outcome::text, '"others":[') > strpos(m.outcome::text, '"rows":[')
    then split_part(m.outcome::text, '"others":[', 1)
    else substr(m.outcome::text, strpos(m.outcome::text, '"rows":[')) end`
}

/** An insert, or an upsert, that may have made records which are not in the table yet. */
export interface Maker {
  /** When its request left, by the store's clock; milliseconds since 1970, null: it has not. */
  readonly sentAt: number | null
  /** An upsert: the column it goes by and the values there, which are its records' alone. */
  readonly upsert: { readonly column: string; readonly keys: readonly string[] } | null
}

/** What the journal knows of records that are not in the table. */
export interface UnderWay {
  /** The store's clock, milliseconds since 1970. */
  readonly now: number
  /** Ids that are in a mutation which is not applied yet. */
  readonly open: ReadonlySet<string>
  /** Ids that are in a mutation of which the answer has come since. */
  readonly answered: ReadonlySet<string>
  /** Of their records nobody knows the ids yet. */
  readonly makers: readonly Maker[]
}

/** A listener that heard its answer, and of which the journal did not, applies it at once or never. */
const unheardMs = 10_000

/**
 * Which of these ids, of records that the table does not have, are in mutations that are under way or were answered since
 * `since` (the store's time, as text), and which mutations may have made others of them. Throws `service_unreachable`.
 */
export async function readUnderWay(
  store: Store,
  table: SyncedTable,
  { ids, since }: { ids: readonly string[]; since: string },
): Promise<UnderWay> {
  const keys = ids.map(keyOf)
  const [found] = await store.ask(
    'Looking for mutations under way',
    (sql) =>
      sql<[{ now: number; met: Met[]; makers: MakerRow[] }]>`
      with mine as materialized (${mine(sql, table, since)}),
      met as (
        select k.key, bool_or(m.open) as open
        from mine m, unnest(string_to_array(concat(m.request, m.outcome), '"id":"')) p(piece)
          join json_array_elements_text(${JSON.stringify(keys)}::text::json) k(key)
            on k.key = split_part(p.piece, '"', 1)
        group by k.key
      )
      select extract(epoch from clock_timestamp())::float8 * 1000 as now,
        coalesce((select json_agg(met) from met), '[]') as met,
        coalesce((
          select json_agg(json_build_object('sent', m.sent, 'upsert', case when m.upsert then m.request end))
          from mine m where m.making and (m.upsert or m.state <> 'received')
        ), '[]') as makers`,
  )
  if (found === undefined) throw new Error('Cannot read the journal: no answer')
  const open = new Set(found.met.filter((one) => one.open).map(({ key }) => key))
  const answered = new Set(found.met.map(({ key }) => key))
  return {
    now: found.now,
    open: new Set(ids.filter((_, at) => open.has(keys[at] ?? ''))),
    answered: new Set(ids.filter((_, at) => answered.has(keys[at] ?? ''))),
    makers: found.makers.map(makerOf),
  }
}

interface Met {
  readonly key: string
  readonly open: boolean
}

interface MakerRow {
  readonly sent: number | null
  /** The mutation's text, of an upsert. */
  readonly upsert: string | null
}

/** What stands in a text between `"id":"` and the next quotation mark. Of two ids that have it in common both count. */
function keyOf(id: string): string {
  return JSON.stringify(id).slice(1).split('"', 1)[0] ?? ''
}

/**
 * Mutations of the table that are not applied yet, and those answered since. What is unknown nobody applies from its
 * statement any more; an inquiry may write its rows by id.
 */
function mine(sql: Sql, { syncId, schema, name }: SyncedTable, since: string) {
  const from = sql`${since}::text::timestamptz`
  const ms = (count: number) => sql`${count}::float8 * interval '1 millisecond'`
  const columns = sql`
    m.state, m.request::text as request, m.outcome::text as outcome, m.state <> 'applied' as open,
    extract(epoch from m.sent_at)::float8 * 1000 as sent,
    m.operation = 'insert' and (m.state in ('received', 'sent')
      or m.state = 'unknown' and m.answered_at > now() - ${ms(unheardMs)}) as making,
    strpos(m.request::text, '"upsertBy":"') > 0 as upsert`
  const ofTable = sql`
    m.sync_id = ${syncId} and m.schema_name = ${schema} and m.table_name = ${name}`
  return sql`
    select ${columns} from sluice_store.mutations m
    where ${ofTable} and (m.state in ('received', 'sent', 'accepted') or m.state = 'unknown'
      and greatest(m.answered_at, m.inquired_at) > ${from} - ${ms(inquiryLeaseMs)})
    union all
    select ${columns} from sluice_store.mutations m
    where ${ofTable} and m.state in ('refused', 'applied') and m.answered_at >= ${from}
      and m.received_at > ${from} - ${ms(waitLongestMs)}`
}

function makerOf({ sent, upsert }: MakerRow): Maker {
  if (upsert === null) return { sentAt: sent, upsert: null }
  const { upsertBy: column, rows } = JSON.parse(upsert) as Mutation
  if (column === undefined) return { sentAt: sent, upsert: null } // a column has that name
  const keys = rows.map(({ values }) => values[column] ?? '')
  return { sentAt: sent, upsert: { column, keys } }
}
