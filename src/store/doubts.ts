// Room store: mutations of which something is in doubt, and whose turn it is to find out. An inquiry is under way under a
// lease that is a moment in the row: of a process that is killed it ends by itself, and no two inquire at the same time.

import type { DoubtfulOutcome } from '../mutation/doubt.ts'
import type { LifeState } from '../mutation/life.ts'
import type { Mutation } from '../mutation/mutation.ts'
import type { Sql, Store } from './store.ts'

/** A mutation to inquire about. */
export interface OpenDoubt {
  readonly mutation: Mutation
  readonly outcome: DoubtfulOutcome
  readonly state: LifeState
  /** How long ago the request left, in milliseconds, by the store's clock. */
  readonly ageMs: number
  /** How often somebody has inquired, this time included. */
  readonly inquiries: number
  /** The store's time when it was claimed, with microseconds: what is read at the platform from now on is newer. */
  readonly claimedAt: string
}

/** From an outcome in doubt to the worker's first inquiry, in milliseconds. */
export const inquiryAfterMs = 10_000
/** Gaps between inquiries, as multiples of the first: 10 s, 30 s, 2 min, 10 min, then 1 h. */
const gaps = [1, 3, 12, 60, 360]
/** So long after it was sent, a mutation in doubt is inquired about. */
export const inquiriesEndMs = 24 * 60 * 60_000
/** An inquiry that is under way for longer is taken for dead: all its waits together are shorter. */
export const inquiryLeaseMs = 150_000

/** From the n-th inquiry to the next, in milliseconds; `firstMs`: the first gap. */
export function inquiryGapMs(inquiries: number, firstMs: number = inquiryAfterMs): number {
  const at = Math.min(Math.max(inquiries, 1), gaps.length) - 1
  return firstMs * (gaps[at] ?? 1)
}

/** Claims the mutation whose inquiry is due for longest. Null: there is none. Throws `service_unreachable`. */
export async function claimDueDoubt(store: Store): Promise<OpenDoubt | null> {
  return await claim(store, (sql) =>
    sql`
      select id from sluice_store.mutations
      where next_inquiry_at <= now() and state in ('unknown', 'accepted', 'applied')
      order by next_inquiry_at limit 1 for update skip locked`)
}

/**
 * Claims this mutation ahead of its time. Null: nothing is in doubt, or somebody else is inquiring. Throws
 * `service_unreachable`.
 */
export async function claimDoubtOf(store: Store, id: string): Promise<OpenDoubt | null> {
  return await claim(store, (sql) =>
    sql`
      select id from sluice_store.mutations
      where id = ${id} and next_inquiry_at is not null and state in ('unknown', 'accepted', 'applied')
        and not (next_inquiry_at > now()
          and next_inquiry_at is not distinct from inquired_at + ${lease(sql)})
      for update skip locked`)
}

interface Row {
  readonly request: Mutation
  readonly outcome: DoubtfulOutcome
  readonly state: LifeState
  readonly age_ms: number
  readonly inquiries: number
  readonly claimed_at: string
}

async function claim(
  store: Store,
  which: (sql: Sql) => ReturnType<Sql>,
): Promise<OpenDoubt | null> {
  const [row] = await store.ask('Claiming an inquiry', (sql) =>
    sql<Row[]>`
      update sluice_store.mutations
      set inquired_at = now(), inquiries = inquiries + 1, next_inquiry_at = now() + ${lease(sql)}
      where id in (${which(sql)})
      returning request, outcome, state, inquiries, now()::text as claimed_at,
        (extract(epoch from now() - coalesce(sent_at, received_at)) * 1000)::float8 as age_ms`)
  if (row === undefined) return null
  const { request: mutation, outcome, state, inquiries } = row
  return { mutation, outcome, state, ageMs: row.age_ms, inquiries, claimedAt: row.claimed_at }
}

function lease(sql: Sql) {
  return sql`${inquiryLeaseMs} * interval '1 millisecond'`
}

/**
 * Ends a claim without an answer: it is inquired about again after `waitMs`, null: never. Nothing is changed where the
 * claim is another's by now. Throws `service_unreachable`.
 */
export async function postponeDoubt(
  store: Store,
  { mutation: { id }, inquiries }: Pick<OpenDoubt, 'mutation' | 'inquiries'>,
  { waitMs }: { waitMs: number | null },
): Promise<void> {
  await store.ask('Postponing an inquiry', (sql) =>
    sql`
      update sluice_store.mutations
      set next_inquiry_at = now() + ${waitMs}::float8 * interval '1 millisecond'
      where id = ${id} and inquiries = ${inquiries} and next_inquiry_at is not null`)
}

/** No mutation waits longer between its coming and its sending, in milliseconds. */
export const waitLongestMs = 10 * 60_000

/** A record made long before a mutation was sent, or long after it, is none of that mutation's, in milliseconds. */
const beforeMs = 10 * 60_000
const afterMs = 20 * 60_000
const othersMax = 100_000

/**
 * Ids of records of the same table that other inserts have made around the time at which this one was sent. Throws
 * `service_unreachable`, and an Error where there are more than can be looked at.
 */
export async function readOthers(
  store: Store,
  { mutation, ageMs }: Pick<OpenDoubt, 'mutation' | 'ageMs'>,
): Promise<ReadonlySet<string>> {
  const { id, syncId, schema, table } = mutation
  const rows = await store.ask('Reading what others have made', (sql) =>
    sql<{ text: string }[]>`
      select distinct found[1] as text
      from sluice_store.mutations m, regexp_matches(m.outcome::text, ${idMember}, 'g') found
      where m.sync_id = ${syncId} and m.schema_name = ${schema} and m.table_name = ${table}
        and m.operation = 'insert' and m.id <> ${id} and m.state in ('accepted', 'applied')
        and ${around(sql, ageMs)}
      limit ${othersMax + 1}`)
  if (rows.length > othersMax) throw new Error('Too many records were made at the time')
  return new Set(rows.map(({ text }) => JSON.parse(text) as string))
}

/** Taken out of the text: Postgres cannot take apart JSON whose values hold what its own text cannot. */
const idMember = String.raw`"id":("(?:[^"\\]|\\.)*")`

function around(sql: Sql, ageMs: number) {
  return sql`m.received_at between
    now() - ${ageMs + beforeMs}::float8 * interval '1 millisecond'
    and now() - ${ageMs - afterMs}::float8 * interval '1 millisecond'`
}

/** Another insert of the same table that may have made what an inquiry found. */
export interface Rival {
  readonly request: Mutation
  /** Ids that were asked about and that it is known to have made. */
  readonly made: readonly string[]
}

const rivalsMax = 5_000

/**
 * Inserts of the same table that may have made one of these records: those still under way, those in doubt that were sent
 * before this one (of two that are alike, the older one finds out first), and those known to have made one of them.
 * Throws as `readOthers`.
 */
export async function readRivals(
  store: Store,
  { mutation, ageMs }: Pick<OpenDoubt, 'mutation' | 'ageMs'>,
  ids: readonly string[],
): Promise<Rival[]> {
  const { id, syncId, schema, table } = mutation
  const keys = JSON.stringify(ids.map((one) => `"id":${JSON.stringify(one)}`))
  const rows = await store.ask(
    'Looking for rivals',
    (sql) =>
      sql<{ request: Mutation; made: string[] | null }[]>`
      select m.request, k.made
      from sluice_store.mutations m
        left join sluice_store.mutations own on own.id = ${id},
        lateral (
          select json_agg(k.key) as made from json_array_elements_text(${keys}::text::json) k(key)
          where m.state in ('accepted', 'applied') and strpos(m.outcome::text, k.key) > 0
        ) k
      where m.sync_id = ${syncId} and m.schema_name = ${schema} and m.table_name = ${table}
        and m.operation = 'insert' and m.id <> ${id} and ${around(sql, ageMs)}
        and (m.state = 'sent' or k.made is not null
          or m.next_inquiry_at is not null and (m.sent_at, m.id) < (own.sent_at, own.id))
      limit ${rivalsMax + 1}`,
  )
  if (rows.length > rivalsMax) throw new Error('Too many inserts may have made the records')
  const idOf = (key: string) => JSON.parse(key.slice(key.indexOf(':') + 1)) as string
  return rows.map(({ request, made }) => ({ request, made: (made ?? []).map(idOf) }))
}
