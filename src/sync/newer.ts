// Room sync: which rows are not to be written, since something newer than what we have has been written, or will be.
// Looked for in the outcomes' text, as the journal wrote it: Postgres cannot take apart JSON whose values hold what its
// own text cannot (U+0000, half a surrogate pair).

import type { Mutation } from '../mutation/mutation.ts'
import { waitLongestMs } from '../store/doubts.ts'
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
