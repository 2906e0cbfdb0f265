// Room store: how far the sync process is with each table, for those who ask. What the sync process itself does with
// these rows is in claims.ts.

import type { FaultCode } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Store } from './store.ts'

/**
 * waiting: nobody has begun. failed: somebody has to do something; it is tried again all the same. paused: the sync is, and
 * the customer's database has been told.
 */
export const phases = ['waiting', 'backfill', 'following', 'failed', 'paused'] as const
export type Phase = typeof phases[number]

/** Why a table is not as it should be. */
export interface TableFailure {
  readonly code: FaultCode
  /** In words, without values of rows. */
  readonly message: string
  /** What to do. */
  readonly hint: string | null
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A listing of all records that is under way. */
export interface PassProgress {
  /** fill: the first, or from the beginning; scan: the regular comparison. */
  readonly why: 'fill' | 'scan'
  readonly pages: number
  /** Records listed until now. */
  readonly rows: number
  /** How many there are, about; null: not known. */
  readonly total: number | null
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** One table of a sync and how far it is. Moments are milliseconds since 1970. */
export interface TableState {
  readonly syncId: string
  /** Of the sync; nobody works on the tables of a disabled one. */
  readonly syncState: 'active' | 'disabled'
  readonly platform: Platform
  readonly schema: string
  readonly name: string
  readonly object: string
  readonly phase: Phase
  readonly pass: PassProgress | null
  /** When the table last had all that the platform has: the end of a listing. Null: not yet. */
  readonly filledAt: number | null
  /** When the platform was last asked for changes. */
  readonly polledAt: number | null
  /** The end of the last comparison with the list of all records. */
  readonly scannedAt: number | null
  /** All that happened at the platform before this moment is in the table. Null: not known. */
  readonly freshAt: number | null
  /** When somebody will look at it. */
  readonly dueAt: number | null
  /** Somebody works on it now: the process's name. */
  readonly owner: string | null
  /** Grows with each time that a process takes the table. A bigint, so text. */
  readonly fence: string
  /** Records that are to be read again. */
  readonly hints: number
  /** What went wrong last, until it goes well again. */
  readonly failure: TableFailure | null
  /** What people should know of it though it works. */
  readonly note: string | null
  /** How often in a row it has gone wrong. */
  readonly tries: number
  /** Rows compared with the platform lately, how many of them differed, and when. Null: none. */
  readonly agreement: {
    readonly sampled: number
    readonly differing: number
    readonly at: number
  } | null
}

interface Row extends Omit<TableState, 'pass' | 'agreement'> {
  readonly pass: PassProgress | null
  readonly sampled: number
  readonly differing: number
  readonly sampledAt: number | null
}

/** Hints counted for one table; beyond it there are "so many at least". */
const hintsCountMax = 100_000

/**
 * Every table of the sync (null: of all syncs), in the order of sync and name; one that nobody has looked at yet is
 * `waiting`. An id that there is not gives none. Throws `service_unreachable`.
 */
export async function listTableStates(
  store: Store,
  { syncId }: { syncId: string | null },
): Promise<readonly TableState[]> {
  const rows = await store.ask('Listing the tables', (sql) =>
    sql<Row[]>`
      select t.sync_id as "syncId", s.state as "syncState", c.platform, s.schema_name as schema,
        t.name, t.object, coalesce(st.phase, 'waiting') as phase, st.pass,
        ${moment(sql, 'filled_at')} as "filledAt", ${moment(sql, 'polled_at')} as "polledAt",
        ${moment(sql, 'scanned_at')} as "scannedAt", ${moment(sql, 'fresh_at')} as "freshAt",
        ${moment(sql, 'due_at')} as "dueAt",
        case when st.lease_until > now() then st.owner end as owner,
        coalesce(st.fence, 0)::text as fence, st.failure, st.note,
        coalesce(st.tries, 0) as tries,
        coalesce(st.sampled, 0)::float8 as sampled, coalesce(st.differing, 0)::float8 as differing,
        ${moment(sql, 'sampled_at')} as "sampledAt",
        (select count(*)::int from (select from sluice_store.hints h
          where h.sync_id = t.sync_id and h.name = t.name limit ${hintsCountMax}) h) as hints
      from sluice_store.tables t
        join sluice_store.syncs s on s.id = t.sync_id
        join sluice_store.connections c on c.id = s.connection_id
        left join sluice_store.table_states st on st.sync_id = t.sync_id and st.name = t.name
      where ${syncId}::text is null or t.sync_id = ${syncId}
      order by t.sync_id, t.name`)
  return rows.map(readRow)
}

type Moments = 'filled_at' | 'polled_at' | 'scanned_at' | 'fresh_at' | 'due_at' | 'sampled_at'

function moment(sql: Store['sql'], column: Moments) {
  return sql`(extract(epoch from st.${sql(column)}) * 1000)::float8`
}

function readRow({ sampled, differing, sampledAt, pass, ...row }: Row): TableState {
  return {
    ...row,
    pass: pass === null ? null : progressOf(pass),
    agreement: sampledAt === null ? null : { sampled, differing, at: sampledAt },
  }
}

function progressOf({ why, pages, rows, total, startedAt }: PassProgress): PassProgress {
  return { why, pages, rows, total, startedAt }
}

/** What people want to know of a listing under way. */
export interface Pace {
  readonly rowsPerSecond: number | null
  /** Until its end, about, in milliseconds; null: not known. */
  readonly leftMs: number | null
}

/** How quickly a listing goes and how long it will go on. `now` in milliseconds since 1970. */
export function paceOf({ rows, total, startedAt }: PassProgress, now: number): Pace {
  const tookMs = now - startedAt
  if (tookMs <= 0 || rows === 0) return { rowsPerSecond: null, leftMs: null }
  const perMs = rows / tookMs
  const leftMs = total === null ? null : Math.round(Math.max(0, total - rows) / perMs)
  return { rowsPerSecond: perMs * 1000, leftMs }
}

/**
 * Asks for the table (null: for every table of the sync) to be filled again from the beginning, by a listing that leaves
 * the rows in place and repairs what differs. The sync process begins within seconds; what it was listing is given up.
 * `soon` false: only when somebody comes to the table anyway. Gives the names of the tables. An id or a name that there is not gives none. Throws `service_unreachable`.
 */
export async function requestResync(
  store: Store,
  { syncId, table, why = 'asked for', soon = true }: {
    syncId: string
    table: string | null
    why?: string
    soon?: boolean
  },
): Promise<readonly string[]> {
  const rows = await store.ask('Asking for a new filling', (sql) =>
    sql<{ name: string }[]>`
      with wanted as (
        insert into sluice_store.table_states as st (sync_id, name, wanted)
        select sync_id, name, ${why} from sluice_store.tables
        where sync_id = ${syncId} and (${table}::text is null or name = ${table})
        order by name
        on conflict (sync_id, name) do update
          set wanted = excluded.wanted, nudges = st.nudges + ${soon}::boolean::int,
            due_at = case when ${soon}::boolean then least(st.due_at, now()) else st.due_at end
        returning name
      ), told as (
        select pg_notify(${noticeChannel}, ${syncId}) from wanted where ${soon}::boolean limit 1
      )
      select name from wanted, (select count(*) from told) t order by name`)
  return rows.map(({ name }) => name)
}

/**
 * Something has changed at the platform, and nobody has said what: these tables are looked at at once. Names that the sync
 * does not have are left out. Throws `service_unreachable`.
 */
export async function requestLook(
  store: Store,
  { syncId, tables }: { syncId: string; tables: readonly string[] },
): Promise<void> {
  if (tables.length === 0) return
  await store.ask('Asking for a look', (sql) =>
    sql`
      with wanted as (
        update sluice_store.table_states
        set look = look + 1, nudges = nudges + 1,
          due_at = case when failure is null then least(due_at, now()) else due_at end
        where sync_id = ${syncId}
          and name in (select json_array_elements_text(${JSON.stringify(tables)}::text::json))
        returning 1)
      select pg_notify(${noticeChannel}, ${syncId}) where exists (select from wanted)`)
}

/**
 * What people should know of the sync's tables, by name, though they work: of a table that is not named, nothing. Shown when
 * the table is next looked at. Throws `service_unreachable`.
 */
export async function noteTables(
  store: Store,
  { syncId, notes }: { syncId: string; notes: Readonly<Record<string, string>> },
): Promise<void> {
  await store.ask('Noting what to know of tables', (sql) =>
    sql`
      update sluice_store.table_states st set note = n.note
      from (select name, ${JSON.stringify(notes)}::text::json->>name as note
        from sluice_store.tables where sync_id = ${syncId}) n
      where st.sync_id = ${syncId} and st.name = n.name and st.note is distinct from n.note`)
}

/** What sync processes listen to. */
export const noticeChannel = 'sluice_sync'

/** Has every table of the syncs been filled once, or failed? For whoever waits for the first filling. */
export function isFilled(states: readonly TableState[]): boolean {
  return states.every(({ filledAt, syncState }) => filledAt !== null || syncState === 'disabled')
}
