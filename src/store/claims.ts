// Room store: which process works on which table. A claim lasts as long as its lease is renewed; each has a greater fence
// than the one before, and whoever has lost a claim can change nothing here any more.

import type { Phase, TableFailure } from './tables.ts'
import type { Store } from './store.ts'

/** What is kept of a listing under way: plain data, it goes on in another process. */
export interface PassState {
  readonly why: 'fill' | 'scan'
  /** By whole records, or by their ids only. */
  readonly by: 'pages' | 'ids'
  /** What the writer of the table calls this pass. */
  readonly pass: { readonly xid: string; readonly before: boolean }
  /** fill: where following will begin, taken before the first page. */
  readonly start: string | null
  /** pages: listing. unseen: looking for what was not listed. */
  readonly stage: 'pages' | 'unseen'
  /** pages: where the list goes on; null: at its beginning. */
  readonly cursor: string | null
  /** unseen: the last id that was looked for. */
  readonly after: string | null
  readonly pages: number
  readonly rows: number
  readonly total: number | null
  /** Milliseconds since 1970, by the sync process's clock. */
  readonly startedAt: number
  /** How often the platform refused to go on with the list, and it began again. */
  readonly restarts: number
}

/** What a process must know of a table to go on with it. Moments are milliseconds since 1970. */
export interface Progress {
  readonly phase: Phase
  readonly pass: PassState | null
  readonly followCursor: string | null
  readonly filledAt: number | null
  readonly polledAt: number | null
  readonly scannedAt: number | null
  readonly freshAt: number | null
  readonly failure: TableFailure | null
  /** Failures in a row. */
  readonly tries: number
  /** Requests made since the last sample. */
  readonly asked: number
  readonly sampled: number
  readonly differing: number
  readonly sampledAt: number | null
  /** Why somebody wants it to be filled anew; null: nobody does. */
  readonly wanted: string | null
  /** What people should know though it works; see `noteTables`. */
  readonly note: string | null
  /** Polls that have to go well before the platform may refuse a cursor once more. */
  readonly unproven: number
}

/** Something has changed of which nobody has said what: a number for `saveProgress`, or null. */
type Look = string | null

/** A table that is this process's alone, until its lease ends. */
export interface Claim {
  readonly syncId: string
  readonly table: string
  readonly connectionId: string
  readonly databaseId: string
  /** A bigint, as text. */
  readonly fence: string
  readonly progress: Progress
  readonly look: Look
  /** The fence that the customer's database was last known to have; null: none. A bigint, as text. */
  readonly confirmed: string | null
  /** As it was at the claim; see `releaseTable`. */
  readonly nudges: string
}

export interface ClaimOptions {
  /** Names the process, for people. */
  readonly owner: string
  readonly leaseMs: number
  /** Connections, databases and syncs that are left alone now. */
  readonly without: {
    readonly connections: readonly string[]
    readonly databases: readonly string[]
    readonly syncs: readonly string[]
  }
  /** Only a table that has hints which are due. */
  readonly hinted: boolean
}

interface Row extends Omit<Claim, 'progress'>, Progress {}

/** Makes the rows of tables that are new. Throws `service_unreachable`. */
export async function noticeTables(store: Store): Promise<void> {
  await store.ask('Noticing tables', (sql) =>
    sql`
      insert into sluice_store.table_states (sync_id, name)
      select t.sync_id, t.name from sluice_store.tables t
        join sluice_store.syncs s on s.id = t.sync_id
      where not exists (select from sluice_store.table_states st
        where st.sync_id = t.sync_id and st.name = t.name)
      order by 1, 2 on conflict do nothing`)
}

/**
 * Claims the table that is due for longest: of an active sync, or of a paused one of which nobody has told so to the
 * customer's database. Null: there is none. Its fence is greater than all before, also than those of
 * a table that was taken out of the sync and put back, or of a store that was restored: it is the time, or one more than
 * the last. Throws `service_unreachable`.
 */
export async function claimTable(store: Store, options: ClaimOptions): Promise<Claim | null> {
  const { owner, leaseMs, without, hinted } = options
  const [row] = await store.ask('Claiming a table', (sql) =>
    sql<Row[]>`
      with due as materialized (
        select st.sync_id, st.name, s.connection_id, s.database_id
        from sluice_store.table_states st
          join sluice_store.syncs s on s.id = st.sync_id
        where (s.state = 'active' or not ${hinted}::boolean and st.phase <> 'paused')
          and st.due_at <= now() and (st.lease_until is null or st.lease_until <= now())
          and not s.connection_id in (${listed(sql, without.connections)})
          and not s.database_id in (${listed(sql, without.databases)})
          and not s.id in (${listed(sql, without.syncs)})
          and (not ${hinted}::boolean or exists (select from sluice_store.hints h
            where h.sync_id = st.sync_id and h.name = st.name and h.due_at <= now()))
        order by st.due_at, st.sync_id, st.name limit 1 for update of st skip locked
      )
      update sluice_store.table_states st
      set fence = greatest(fence + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint),
        owner = ${owner},
        lease_until = now() + ${leaseMs} * interval '1 millisecond'
      from due where st.sync_id = due.sync_id and st.name = due.name
      returning st.sync_id as "syncId", st.name as table, due.connection_id as "connectionId",
        due.database_id as "databaseId", fence::text, confirmed::text, nudges::text, phase, pass,
        follow_cursor as "followCursor", failure, tries, wanted, note, unproven,
        asked::float8,
        sampled::float8, differing::float8, case when look > looked then look::text end as look,
        ${moment(sql, 'filled_at')} as "filledAt",
        ${moment(sql, 'polled_at')} as "polledAt", ${moment(sql, 'scanned_at')} as "scannedAt",
        ${moment(sql, 'fresh_at')} as "freshAt", ${moment(sql, 'sampled_at')} as "sampledAt"`)
  if (row === undefined) return null
  const { syncId, table, connectionId, databaseId, ...rest } = row
  const { fence, confirmed, nudges, look, ...progress } = rest
  const place = { syncId, table, connectionId, databaseId }
  return { ...place, fence, confirmed, nudges, look, progress }
}

function listed(sql: Store['sql'], ids: readonly string[]) {
  return sql`select json_array_elements_text(${JSON.stringify(ids)}::text::json)`
}

function moment(sql: Store['sql'], column: string) {
  return sql`(extract(epoch from st.${sql(column)}) * 1000)::float8`
}

type Held = Pick<Claim, 'syncId' | 'table' | 'fence'>

/** Why a table is filled anew. */
const putBack = 'the database was put back to an earlier state'

/**
 * The customer's database has the fence of the claim now. `found`: the one that it had before, null: none. Less than it was
 * known to have means that it has lost what was committed (a replica took its place, a backup): the table is filled anew.
 * Gives whether it is so. Nothing is done where the claim is lost. Throws `service_unreachable`.
 */
export async function confirmFence(
  store: Store,
  { syncId, table, fence, confirmed }: Held & Pick<Claim, 'confirmed'>,
  found: string | null,
): Promise<boolean> {
  const isBack = confirmed !== null && (found === null || BigInt(found) < BigInt(confirmed))
  const kept = await store.ask('Confirming a fence', (sql) =>
    sql`
      update sluice_store.table_states
      set confirmed = fence, nudges = nudges + (${isBack}::boolean)::int,
        wanted = case when ${isBack}::boolean then ${putBack} else wanted end
      where sync_id = ${syncId} and name = ${table} and fence = ${fence}`)
  return isBack && kept.count > 0
}

/** Keeps the claim. False: it is lost. Throws `service_unreachable`. */
export async function renewClaim(
  store: Store,
  { syncId, table, fence }: Held,
  leaseMs: number,
): Promise<boolean> {
  const kept = await store.ask('Renewing a claim', (sql) =>
    sql`
      update sluice_store.table_states
      set lease_until = now() + ${leaseMs} * interval '1 millisecond'
      where sync_id = ${syncId} and name = ${table} and fence = ${fence} and owner is not null`)
  return kept.count > 0
}

/**
 * Saves how far the table is, all of it; `granted`: the wish that is fulfilled with it, `looked`: the look
 * that somebody wanted and that was had. False: the claim is lost, and
 * nothing was saved. Throws `service_unreachable`.
 */
export async function saveProgress(
  store: Store,
  held: Held,
  { progress, granted = null, looked = null }: {
    progress: Progress
    granted?: string | null
    looked?: string | null
  },
): Promise<boolean> {
  const { syncId, table, fence } = held
  const { phase, pass, followCursor, failure, tries, asked, sampled, differing } = progress
  const saved = await store.ask('Saving the progress of a table', (sql) => {
    const json = (value: unknown) => value === null ? null : JSON.stringify(value)
    const at = (ms: number | null) => sql`to_timestamp(${ms === null ? null : ms / 1000}::float8)`
    return sql`
      update sluice_store.table_states
      set phase = ${phase}, pass = ${json(pass)}::text::json, follow_cursor = ${followCursor},
        failure = ${json(failure)}::text::json, tries = ${tries}, asked = ${asked},
        sampled = ${sampled}, differing = ${differing}, filled_at = ${at(progress.filledAt)},
        polled_at = ${at(progress.polledAt)}, scanned_at = ${at(progress.scannedAt)},
        fresh_at = ${at(progress.freshAt)}, sampled_at = ${at(progress.sampledAt)},
        unproven = ${progress.unproven},
        wanted = nullif(wanted, ${granted}), looked = coalesce(${looked}::bigint, looked)
      where sync_id = ${syncId} and name = ${table} and fence = ${fence}`
  })
  return saved.count > 0
}

/**
 * Lets go of the table, which is due again after `inMs` milliseconds; sooner when a hint is due sooner, and at once when
 * somebody has wanted something of it since it was claimed; not sooner where it is to be left alone (`firm`). A claim that is lost is let go already. Throws
 * `service_unreachable`.
 */
export async function releaseTable(
  store: Store,
  { syncId, table, fence, nudges }: Held & Pick<Claim, 'nudges'>,
  { inMs, firm = false }: { inMs: number; firm?: boolean },
): Promise<void> {
  await store.ask('Letting go of a table', (sql) =>
    sql`
      update sluice_store.table_states st
      set owner = null, lease_until = null, due_at = case when ${firm}::boolean then now() + ${inMs} * interval '1 millisecond'
        when nudges <> ${nudges} then now()
        else least(now() + ${inMs} * interval '1 millisecond',
          (select min(h.due_at) from sluice_store.hints h
            where h.sync_id = ${syncId} and h.name = ${table})) end
      where sync_id = ${syncId} and name = ${table} and fence = ${fence}`)
}

/**
 * Lets go of every table, whoever has it: for a store of which it is known that the processes that worked on it have ended.
 * One that has not after all has lost its claims. Throws `service_unreachable`.
 */
export async function freeTables(store: Store): Promise<void> {
  await store.ask('Letting go of all tables', (sql) =>
    sql`
      update sluice_store.table_states set owner = null, lease_until = null
      where owner is not null or lease_until is not null`)
}
