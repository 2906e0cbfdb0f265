// Room store: hints, records that are to be read again at their platform and written as they are then. A hint says nothing
// of what has changed, so noting one twice, late, or in vain does no harm.

import type { Values } from '../mutation/mutation.ts'
import { noticeChannel } from './tables.ts'
import type { Store } from './store.ts'

/** A record to be read again. */
export interface NewHint {
  /** Name of its table in the sync. */
  readonly table: string
  readonly id: string
  /** Values of the table's key columns, as far as they are known. */
  readonly keys: Values
  /** Why what was read just now was not written; absent: it was not read. */
  readonly why?: HintReason
}

/**
 * inserting: a mutation may have made it; `refused`: the table refuses it; untold: the platform could not tell of it.
 */
export type HintReason = 'newer' | 'held' | 'inserting' | 'refused' | 'untold'

export interface NoteOptions {
  readonly syncId: string
  readonly hints: readonly NewHint[]
  /** Read no sooner than so long from now, in milliseconds; 0 when absent. */
  readonly inMs?: number
  /** Tries until now: what could not be read or written waits longer each time. 0 when absent. */
  readonly tries?: number
}

/** A hint as the store has it. */
export interface Hint {
  readonly id: string
  readonly keys: Values
  /** Another one: it was noted again meanwhile. A bigint, so text. */
  readonly version: string
  /** How often it was tried in vain. */
  readonly tries: number
  /** When the platform had the record already, and the table did not; milliseconds since 1970 by the store's clock, or null. */
  readonly knownAt: number | null
}

/** Hints of one table that wait at most; when there are more, a listing of all records takes their place. */
export const hintsMax = 20_000
/** Why a listing takes their place, as `Progress.wanted` says it. */
export const tooManyHints = 'too many records to read one by one'
/** Of one statement. */
const chunkMax = 2_000
/** Postgres's text holds no zero, and no platform's ids do. */
const unkeepable = '\u0000'

/**
 * Notes records to be read again, and wakes the sync processes (a table that fails is left alone until it is tried again). One that is noted already is due again at once, and what
 * is known of its keys is added. Names of tables that the sync does not have are left out. When more than 20,000 wait for
 * a table, all its records are listed instead. Committed when it returns. Throws `service_unreachable`.
 */
export async function noteHints(store: Store, options: NoteOptions): Promise<void> {
  const { hints } = options
  for (let at = 0; at < hints.length; at += chunkMax) {
    await noteChunk(store, { ...options, hints: hints.slice(at, at + chunkMax) })
  }
}

/** Deadlocks with another process that notes the same: one of the two tries again. */
const deadlockCode = '40P01'
const deadlocksMax = 5

async function noteChunk(store: Store, options: NoteOptions): Promise<void> {
  const given = JSON.stringify(givenOf(options.hints))
  for (let tries = 1;; tries++) {
    try {
      return await insert(store, given, options)
    } catch (error) {
      if ((error as { code?: unknown }).code !== deadlockCode || tries === deadlocksMax) throw error
    }
  }
}

/** Each record once; in one order, so that those who note the same do not wait for each other in a circle. */
function givenOf(hints: readonly NewHint[]): readonly NewHint[] {
  const byKey = new Map<string, NewHint>()
  for (const { table, id, keys, why } of hints) {
    if (id === '' || (id + table).includes(unkeepable)) continue
    const key = JSON.stringify([table, id])
    const reason = why ?? byKey.get(key)?.why
    const all = { ...byKey.get(key)?.keys, ...keys }
    byKey.set(key, { table, id, keys: all, ...(reason === undefined ? {} : { why: reason }) })
  }
  return [...byKey].sort(([a], [b]) => a < b ? -1 : 1).map(([, hint]) => hint)
}

async function insert(
  store: Store,
  given: string,
  { syncId, inMs = 0, tries = 0 }: NoteOptions,
): Promise<void> {
  await store.ask('Noting hints', (sql) =>
    sql`
      with given as (
        select g->>'table' as name, g->>'id' as id, g->'keys' as keys, g->>'why' as why,
          case when g->>'why' = 'inserting' then now() end as known_at
        from json_array_elements(${given}::text::json) with ordinality as j(g, o)
          join sluice_store.tables t on t.sync_id = ${syncId} and t.name = g->>'table'
        order by o
      ), held as (
        select name, (select count(*) from (select from sluice_store.hints h
          where h.sync_id = ${syncId} and h.name = n.name limit ${hintsMax}) c) as count
        from (select distinct name from given) n
      ), noted as (
        insert into sluice_store.hints as h
          (sync_id, name, record_id, keys, due_at, tries, why, known_at)
        select ${syncId}, g.name, g.id, g.keys, now() + ${inMs} * interval '1 millisecond', ${tries},
          g.why, g.known_at
        from given g join held using (name) where held.count < ${hintsMax}
        on conflict (sync_id, name, record_id) do update
          set version = nextval('sluice_store.hint_versions'), due_at = excluded.due_at,
            tries = excluded.tries, why = excluded.why,
            known_at = coalesce(h.known_at, excluded.known_at),
            keys = case when excluded.keys::text = '{}' then h.keys else excluded.keys end
        returning 1
      ), nudged as (
        update sluice_store.table_states st
        set nudges = nudges + (${inMs} = 0)::int,
          due_at = case when st.failure is not null then st.due_at
            else least(st.due_at, now() + ${inMs} * interval '1 millisecond') end,
          wanted = case when held.count < ${hintsMax} or not exists (select from given g
              where g.name = held.name and g.why is distinct from 'refused') then st.wanted
            else coalesce(st.wanted, ${tooManyHints}) end
        from held where st.sync_id = ${syncId} and st.name = held.name
        returning 1
      )
      select pg_notify(${noticeChannel}, ${syncId})
      where exists (select from noted) or exists (select from nudged)`)
}

/** The hints of a table that are due, those that have waited longest first. Throws `service_unreachable`. */
export async function readDueHints(
  store: Store,
  { syncId, table, rowsMax }: { syncId: string; table: string; rowsMax: number },
): Promise<readonly Hint[]> {
  const rows = await store.ask('Reading the hints', (sql) =>
    sql<Hint[]>`
      select record_id as id, keys, version::text, tries,
        (extract(epoch from known_at) * 1000)::float8 as "knownAt" from sluice_store.hints
      where sync_id = ${syncId} and name = ${table} and due_at <= now()
      order by due_at limit ${rowsMax}`)
  return [...rows]
}

/** Forgets hints that were worked off, unless they were noted again meanwhile. Throws `service_unreachable`. */
export async function dropHints(
  store: Store,
  { syncId, table, hints }: { syncId: string; table: string; hints: readonly Hint[] },
): Promise<void> {
  if (hints.length === 0) return
  const versions = hints.map(({ version }) => version)
  await store.ask('Forgetting hints', (sql) =>
    sql`
      delete from sluice_store.hints where sync_id = ${syncId} and name = ${table}
        and version in (select v::bigint from json_array_elements_text(${
      JSON.stringify(versions)
    }::text::json) v)`)
}

/** A hint that is to be tried again later. */
export interface Postponed {
  readonly hint: Hint
  /** From now, in milliseconds. */
  readonly inMs: number
  readonly why: HintReason
}

/** Puts hints off, unless they were noted again meanwhile: then they are due as that says. Throws `service_unreachable`. */
export async function postponeHints(
  store: Store,
  { syncId, table, hints }: { syncId: string; table: string; hints: readonly Postponed[] },
): Promise<void> {
  if (hints.length === 0) return
  const given = hints.map(({ hint, inMs, why }) => ({ version: hint.version, inMs, why }))
  await store.ask('Putting hints off', (sql) =>
    sql`
      update sluice_store.hints h
      set tries = h.tries + 1, due_at = now() + (g->>'inMs')::float8 * interval '1 millisecond',
        why = g->>'why',
        known_at = coalesce(h.known_at, case when g->>'why' = 'inserting' then now() end)
      from json_array_elements(${JSON.stringify(given)}::text::json) g
      where h.sync_id = ${syncId} and h.name = ${table} and h.version = (g->>'version')::bigint`)
}

/**
 * How many hints a table has, those that are not due yet included and those that it refuses left out, which a listing
 * would not help; counted up to `hintsMax`. Throws `service_unreachable`.
 */
export async function countHints(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<number> {
  const [row] = await store.ask('Counting the hints', (sql) =>
    sql<{ count: number }[]>`
      select count(*)::int from (select from sluice_store.hints
        where sync_id = ${syncId} and name = ${table} and why is distinct from 'refused'
        limit ${hintsMax}) h`)
  return row?.count ?? 0
}

/** A hint that was tried so often in vain is tried seldom, and people are told of it. */
export const hintTriesMax = 20

/** Hints that people should know of. */
export interface StuckHints {
  /** Records that the table refuses. */
  readonly refused: number
  /** Others that were tried so often in vain that they are tried seldom. */
  readonly untold: number
}

/** How many hints of a table are stuck. Throws `service_unreachable`. */
export async function countStuckHints(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<StuckHints> {
  const [row] = await store.ask('Counting the hints that are stuck', (sql) =>
    sql<StuckHints[]>`
      select count(*) filter (where why = 'refused')::int as refused,
        count(*) filter (where why <> 'refused' and tries > ${hintTriesMax})::int as untold
      from sluice_store.hints where sync_id = ${syncId} and name = ${table}`)
  return row ?? { refused: 0, untold: 0 }
}

/**
 * Since when the hint that is open for longest has been, those that are stuck left out; milliseconds since 1970, null:
 * none is. Throws `service_unreachable`.
 */
export async function readOldestHint(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<number | null> {
  const [row] = await store.ask('Reading the oldest hint', (sql) =>
    sql<{ at: number | null }[]>`
      select (extract(epoch from min(noted_at)) * 1000)::float8 as at from sluice_store.hints
      where sync_id = ${syncId} and name = ${table}
        and why is distinct from 'refused' and tries <= ${hintTriesMax}`)
  return row?.at ?? null
}

/** The version of the hint that was noted last, of any table; a bigint, as text. Throws `service_unreachable`. */
export async function newestHint(store: Store): Promise<string> {
  const [row] = await store.ask('Reading the newest hint', (sql) =>
    sql<{ version: string }[]>`
      select case when is_called then last_value else 0 end::text as version
      from sluice_store.hint_versions`)
  return row?.version ?? '0'
}

/**
 * Forgets the hints of a table up to this version, since all its records are about to be listed; none where the claim of
 * this fence is lost: they are another process's then. Throws `service_unreachable`.
 */
export async function dropHintsUntil(
  store: Store,
  { syncId, table, fence }: { syncId: string; table: string; fence: string },
  version: string,
): Promise<void> {
  await store.ask('Forgetting all hints', (sql) =>
    sql`
      delete from sluice_store.hints
      where sync_id = ${syncId} and name = ${table} and version <= ${version}
        and exists (select from sluice_store.table_states st
          where st.sync_id = ${syncId} and st.name = ${table} and st.fence = ${fence})`)
}
