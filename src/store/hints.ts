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
}

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
}

/** Hints of one table that wait at most; when there are more, a listing of all records takes their place. */
export const hintsMax = 20_000
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
  for (const { table, id, keys } of hints) {
    if (id === '' || (id + table).includes(unkeepable)) continue
    const key = JSON.stringify([table, id])
    byKey.set(key, { table, id, keys: { ...byKey.get(key)?.keys, ...keys } })
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
        select g->>'table' as name, g->>'id' as id, g->'keys' as keys
        from json_array_elements(${given}::text::json) with ordinality as j(g, o)
          join sluice_store.tables t on t.sync_id = ${syncId} and t.name = g->>'table'
        order by o
      ), held as (
        select name, (select count(*) from (select from sluice_store.hints h
          where h.sync_id = ${syncId} and h.name = n.name limit ${hintsMax}) c) as count
        from (select distinct name from given) n
      ), noted as (
        insert into sluice_store.hints as h (sync_id, name, record_id, keys, due_at, tries)
        select ${syncId}, g.name, g.id, g.keys, now() + ${inMs} * interval '1 millisecond', ${tries}
        from given g join held using (name) where held.count < ${hintsMax}
        on conflict (sync_id, name, record_id) do update
          set version = nextval('sluice_store.hint_versions'), due_at = excluded.due_at,
            tries = excluded.tries,
            keys = case when excluded.keys::text = '{}' then h.keys else excluded.keys end
        returning 1
      ), nudged as (
        update sluice_store.table_states st
        set nudges = nudges + (${inMs} = 0)::int,
          due_at = case when st.failure is not null then st.due_at
            else least(st.due_at, now() + ${inMs} * interval '1 millisecond') end,
          wanted = case when held.count < ${hintsMax} then st.wanted
            else coalesce(st.wanted, 'too many records to read one by one') end
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
      select record_id as id, keys, version::text, tries from sluice_store.hints
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
}

/** Puts hints off, unless they were noted again meanwhile: then they are due as that says. Throws `service_unreachable`. */
export async function postponeHints(
  store: Store,
  { syncId, table, hints }: { syncId: string; table: string; hints: readonly Postponed[] },
): Promise<void> {
  if (hints.length === 0) return
  const given = hints.map(({ hint, inMs }) => ({ version: hint.version, inMs }))
  await store.ask('Putting hints off', (sql) =>
    sql`
      update sluice_store.hints h
      set tries = h.tries + 1, due_at = now() + (g->>'inMs')::float8 * interval '1 millisecond'
      from json_array_elements(${JSON.stringify(given)}::text::json) g
      where h.sync_id = ${syncId} and h.name = ${table} and h.version = (g->>'version')::bigint`)
}

/** How many hints a table has, those that are not due yet included; counted up to `hintsMax`. Throws `service_unreachable`. */
export async function countHints(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<number> {
  const [row] = await store.ask('Counting the hints', (sql) =>
    sql<{ count: number }[]>`
      select count(*)::int from (select from sluice_store.hints
        where sync_id = ${syncId} and name = ${table} limit ${hintsMax}) h`)
  return row?.count ?? 0
}

/** Since when the hint that is open for longest has been; milliseconds since 1970, null: none is. Throws `service_unreachable`. */
export async function readOldestHint(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<number | null> {
  const [row] = await store.ask('Reading the oldest hint', (sql) =>
    sql<{ at: number | null }[]>`
      select (extract(epoch from min(noted_at)) * 1000)::float8 as at from sluice_store.hints
      where sync_id = ${syncId} and name = ${table}`)
  return row?.at ?? null
}

/** Forgets all hints of a table, since all its records are about to be listed. Throws `service_unreachable`. */
export async function dropAllHints(
  store: Store,
  { syncId, table }: { syncId: string; table: string },
): Promise<void> {
  await store.ask(
    'Forgetting all hints',
    (sql) => sql`delete from sluice_store.hints where sync_id = ${syncId} and name = ${table}`,
  )
}
