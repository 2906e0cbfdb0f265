// Room store: mutations of which something is in doubt, and whose turn it is to find out. An inquiry is under way under a
// lease that is a moment in the row: of a process that is killed it ends by itself, and no two inquire at the same time.

import type { LifeState } from '../mutation/life.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Sql, Store } from './store.ts'

/** A mutation to inquire about. */
export interface OpenDoubt {
  readonly mutation: Mutation
  /** In doubt, unless a process that knows nothing of inquiries has found it out meanwhile. */
  readonly outcome: Outcome
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
/** Gaps after each inquiry, as multiples of the first: 10 s, 30 s, 2 min, 10 min, then 1 h. */
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
        and not ${isLeased(sql)}
      for update skip locked`)
}

/** Is somebody inquiring about the mutation now? Throws `service_unreachable`. */
export async function isInquired(store: Store, id: string): Promise<boolean> {
  const found = await store.ask(
    'Looking who inquires',
    (sql) => sql`select from sluice_store.mutations where id = ${id} and ${isLeased(sql)}`,
  )
  return found.length > 0
}

interface Row {
  readonly request: Mutation
  readonly outcome: Outcome
  readonly state: LifeState
  readonly age_ms: number
  readonly inquiries: number
  readonly claimed_at: string
}

/** Chosen apart: within the update, a plan that asks again for each row would choose another one each time. */
async function claim(
  store: Store,
  which: (sql: Sql) => ReturnType<Sql>,
): Promise<OpenDoubt | null> {
  const [row] = await store.ask('Claiming an inquiry', (sql) =>
    sql<Row[]>`
      with due as materialized (${which(sql)})
      update sluice_store.mutations m
      set inquired_at = now(), inquiries = inquiries + 1, next_inquiry_at = now() + ${lease(sql)}
      from due where m.id = due.id
      returning request, outcome, state, inquiries, now()::text as claimed_at,
        (extract(epoch from now() - coalesce(sent_at, received_at)) * 1000)::float8 as age_ms`)
  if (row === undefined) return null
  const { request: mutation, outcome, state, inquiries } = row
  return { mutation, outcome, state, ageMs: row.age_ms, inquiries, claimedAt: row.claimed_at }
}

function lease(sql: Sql) {
  return sql`${inquiryLeaseMs} * interval '1 millisecond'`
}

function isLeased(sql: Sql) {
  return sql`(next_inquiry_at > now()
    and next_inquiry_at is not distinct from inquired_at + ${lease(sql)})`
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
 * Ids of records of the same object that other inserts have made around the time at which this one was sent. Throws
 * `service_unreachable`, and an Error where there are more than can be looked at.
 */
export async function readOthers(
  store: Store,
  { mutation, ageMs }: Pick<OpenDoubt, 'mutation' | 'ageMs'>,
): Promise<ReadonlySet<string>> {
  const { id } = mutation
  const rows = await store.ask('Reading what others have made', (sql) =>
    sql<{ text: string }[]>`
      with ${places(sql, mutation)}
      select distinct found[1] as text
      from places p
        join sluice_store.mutations m on m.sync_id = p.sync_id and m.table_name = p.table_name,
        regexp_matches(m.outcome::text, ${idMember}, 'g') found
      where m.operation = 'insert' and m.id <> ${id} and m.state in ('accepted', 'applied')
        and ${around(sql, ageMs)}
      limit ${othersMax + 1}`)
  if (rows.length > othersMax) throw new Error('Too many records were made at the time')
  return new Set(rows.map(({ text }) => JSON.parse(text) as string))
}

/** Taken out of the text: Postgres cannot take apart JSON whose values hold what its own text cannot. */
const idMember = String.raw`"id":("(?:[^"\\]|\\.)*")`

/**
 * The tables where records of the mutation's object are written: its own, and those of all syncs on the same connection
 * or account. Two accounts that are not both known are the same unless their addresses differ.
 */
function places(sql: Sql, { syncId, table }: Mutation) {
  return sql`places as materialized (
    select ${syncId}::text as sync_id, ${table}::text as table_name
    union
    select s.id, t.name
    from sluice_store.syncs o
      join sluice_store.connections oc on oc.id = o.connection_id
      join sluice_store.tables ot on ot.sync_id = o.id and ot.name = ${table}
      join sluice_store.connections c on c.id = oc.id or c.platform = oc.platform
        and coalesce(c.account = oc.account, c.base_url = oc.base_url)
      join sluice_store.syncs s on s.connection_id = c.id
      join sluice_store.tables t on t.sync_id = s.id and lower(t.object) = lower(ot.object)
    where o.id = ${syncId}
  )`
}

function around(sql: Sql, ageMs: number) {
  return sql`m.received_at between
    now() - ${ageMs + beforeMs}::float8 * interval '1 millisecond'
    and now() - ${ageMs - afterMs}::float8 * interval '1 millisecond'`
}

/** Another insert of the same object that may have made what an inquiry found. */
export interface Rival {
  readonly request: Mutation
  /** Ids that were asked about and that it is known to have made. */
  readonly made: readonly string[]
}

const rivalsMax = 5_000

/**
 * Inserts of the same object, through any sync on the account, that may have made one of these records: those still under way, those in doubt that were sent
 * before this one (of two that are alike, the older one finds out first), and those known to have made one of them.
 * Throws as `readOthers`.
 */
export async function readRivals(
  store: Store,
  { mutation, ageMs }: Pick<OpenDoubt, 'mutation' | 'ageMs'>,
  ids: readonly string[],
): Promise<Rival[]> {
  const { id } = mutation
  const keys = JSON.stringify(ids.map((one) => `"id":${JSON.stringify(one)}`))
  const rows = await store.ask(
    'Looking for rivals',
    (sql) =>
      sql<{ request: Mutation; made: string[] | null }[]>`
      with ${places(sql, mutation)}
      select m.request, k.made
      from places p
        join sluice_store.mutations m on m.sync_id = p.sync_id and m.table_name = p.table_name
        left join sluice_store.mutations own on own.id = ${id},
        lateral (
          select json_agg(k.key) as made from json_array_elements_text(${keys}::text::json) k(key)
          where m.state in ('accepted', 'applied') and strpos(m.outcome::text, k.key) > 0
        ) k
      where m.operation = 'insert' and m.id <> ${id} and ${around(sql, ageMs)}
        and (m.state = 'sent' or k.made is not null
          or m.next_inquiry_at is not null and (m.sent_at, m.id) < (own.sent_at, own.id))
      limit ${rivalsMax + 1}`,
  )
  if (rows.length > rivalsMax) throw new Error('Too many inserts may have made the records')
  const idOf = (key: string) => JSON.parse(key.slice(key.indexOf(':') + 1)) as string
  return rows.map(({ request, made }) => ({ request, made: (made ?? []).map(idOf) }))
}
