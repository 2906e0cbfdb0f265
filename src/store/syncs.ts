// Room store: syncs, their tables and their users.

import type postgres from 'postgres'
import { parseRange } from '../lib/addresses.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { type Column, type Platform, type SyncedTable, traitsOf } from '../mutation/table.ts'
import { openDatabase } from './databases.ts'
import type { Sql, Store } from './store.ts'

/** A login of a sync. */
export interface User {
  readonly name: string
  /** As Postgres stores it, see Verifier. */
  readonly verifier: string
}

/** Which objects and fields of the platform somebody has chosen, in the platform's own names. */
export interface Selection {
  /** `all`: those that the platform has, and will have. Absent: the tables that there are. */
  readonly objects?: readonly string[] | 'all'
  /** By object; of an object that is not here, all fields. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
}

/** A column that a table still has, with its values, and that is written no more. */
export interface Retired extends Pick<Column, 'name' | 'field' | 'type'> {
  /** `removed`: the platform has no such field any more; `retyped`: it has another type now; `unchosen`: see Selection. */
  readonly why: 'removed' | 'retyped' | 'unchosen'
  /** The day, `2026-11-26`. */
  readonly on: string
}

/** A sync as somebody sets it up. */
export interface NewSync {
  /** `sync_` and six or more characters. */
  readonly id: string
  readonly connectionId: string
  readonly databaseId: string
  readonly schema: string
  readonly tables: readonly SyncedTable[]
  /** Absent: as they are. */
  readonly users?: readonly User[]
  /** Absent: as it is. */
  readonly selection?: Selection
  /** By the table's name; of a table that is not here, as they are. */
  readonly retired?: Readonly<Record<string, readonly Retired[]>>
}

/** A sync as the mutation service needs it. */
export interface Sync {
  readonly id: string
  readonly state: 'active' | 'disabled'
  /** Grows with every change of the sync, its tables or its connection. A bigint, so text. */
  readonly version: string
  readonly connectionId: string
  readonly databaseId: string
  readonly platform: Platform
  readonly baseUrl: string
  /** The connection's settings. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly schema: string
  readonly tables: readonly SyncedTable[]
}

/** Creates the sync or changes it; its tables become exactly these, its users too where they are given. One commit. */
export async function saveSync(store: Store, sync: NewSync): Promise<void> {
  const tables = encodeTables(sync.tables, sync.retired)
  const users = sync.users?.map(({ name, verifier }) => ({ name, verifier }))
  const selection = sync.selection === undefined ? null : JSON.stringify(sync.selection)
  await store.ask('Saving the sync', (sql) =>
    sql`
      with given_users as (
        select * from jsonb_to_recordset(${JSON.stringify(users ?? [])}::text::jsonb)
          as u(name text, verifier text)
      ), saved as (
        insert into sluice_store.syncs (id, connection_id, database_id, schema_name, selection)
        values (${sync.id}, ${sync.connectionId}, ${sync.databaseId}, ${sync.schema},
          coalesce(${selection}::text::jsonb, '{}'))
        on conflict (id) do update set connection_id = excluded.connection_id,
          database_id = excluded.database_id, schema_name = excluded.schema_name,
          selection = coalesce(${selection}::text::jsonb, syncs.selection),
          version = syncs.version + 1, updated_at = now()
      ), no_users as (
        delete from sluice_store.users
        where sync_id = ${sync.id} and ${users !== undefined}
          and name not in (select name from given_users)
      ), ${savedTables(sql, { syncId: sync.id, tables })}
      insert into sluice_store.users (sync_id, name, verifier)
      select ${sync.id}, name, verifier from given_users
      on conflict (sync_id, name) do update set verifier = excluded.verifier`)
}

/**
 * Changes the tables of a sync as long as it is the version that they were read with. False: it has changed since, or is
 * gone, and nothing was written. One commit.
 */
export async function saveTables(
  store: Store,
  { id, version, tables, retired, selection, refill = {} }:
    & Required<Pick<NewSync, 'id' | 'tables' | 'retired'>>
    & Pick<NewSync, 'selection'>
    & {
      readonly version: string
      /** Tables that are to be filled again, as `requestResync` would ask for it, and why. */
      readonly refill?: Readonly<Record<string, string>>
    },
): Promise<boolean> {
  const encoded = encodeTables(tables, retired)
  const chosen = selection === undefined ? null : JSON.stringify(selection)
  const [row] = await store.ask('Saving the tables', (sql) =>
    sql<{ done: boolean }[]>`
      with saved as (
        update sluice_store.syncs
        set version = version + 1, updated_at = now(),
          selection = coalesce(${chosen}::text::jsonb, selection)
        where id = ${id} and version = ${version}::text::bigint returning id
      ), ${
      savedTables(sql, { syncId: id, tables: encoded, only: sql`exists (select from saved)` })
    },
      refilled as (
        insert into sluice_store.table_states as st (sync_id, name, wanted)
        select ${id}, key, value from json_each_text(${JSON.stringify(refill)}::text::json)
        where exists (select from saved)
        on conflict (sync_id, name) do update
          set wanted = excluded.wanted, due_at = least(st.due_at, now()), nudges = st.nudges + 1
      )
      select count(*) > 0 as done from saved`)
  return row?.done === true
}

function encodeTables(tables: readonly SyncedTable[], retired: NewSync['retired']): string {
  return JSON.stringify(tables.map((table) => {
    const { name, object, columns } = table
    return { name, object, columns, traits: traitsOf(table), retired: retired?.[name] ?? null }
  }))
}

/** Parts of a WITH that make the tables of the sync exactly these. */
function savedTables(
  sql: Sql,
  { syncId, tables, only = sql`true` }: {
    syncId: string
    tables: string
    only?: postgres.PendingQuery<postgres.Row[]>
  },
) {
  return sql`
    given_tables as (
      select * from jsonb_to_recordset(${tables}::text::jsonb)
        as t(name text, object text, columns jsonb, traits jsonb, retired jsonb)
    ), no_tables as (
      delete from sluice_store.tables
      where sync_id = ${syncId} and ${only} and name not in (select name from given_tables)
    ), saved_tables as (
      insert into sluice_store.tables as t (sync_id, name, object, columns, traits, retired)
      select ${syncId}, name, object, columns, traits, coalesce(nullif(retired, 'null'), '[]')
      from given_tables where ${only}
      on conflict (sync_id, name) do update set object = excluded.object,
        columns = excluded.columns, traits = excluded.traits,
        retired = coalesce(
          (select nullif(g.retired, 'null') from given_tables g where g.name = t.name), t.retired)
    )`
}

/** Pauses or resumes a sync. Mutations that are not yet in the journal are refused from now on. Throws `not_found`. */
export async function setSyncState(
  store: Store,
  { id, state }: { id: string; state: Sync['state'] },
): Promise<void> {
  const changed = await store.ask('Changing the sync', (sql) =>
    sql`
      with changed as (
        update sluice_store.syncs set state = ${state}, version = version + 1, updated_at = now()
        where id = ${id} returning id
      ), due as (
        -- the sync process tells of it in the customer's database, or goes on
        update sluice_store.table_states st set due_at = least(st.due_at, now()), nudges = nudges + 1
        from changed where st.sync_id = changed.id
      )
      select pg_notify('sluice_sync', id) from changed`)
  if (changed.count === 0) throw notFound(id)
}

/** Ranges in one allowlist. */
const rangesMax = 1_000

/**
 * Says from which ranges of addresses (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`) clients of the sync may connect; null:
 * from anywhere. Listeners heed it after some seconds, for sessions that are open too. Gives the list as it is kept.
 * Throws `bad_request`, `not_found`.
 */
export async function setSyncAllow(
  store: Store,
  { id, allow }: { id: string; allow: readonly string[] | null },
): Promise<readonly string[] | null> {
  const ranges = allow === null ? null : [...new Set(allow.map(checkedRange))]
  if (ranges !== null && (ranges.length === 0 || ranges.length > rangesMax)) {
    throw fault('bad_request', { message: `an allowlist has 1 to ${rangesMax} ranges` })
  }
  const changed = await store.ask('Changing the sync', (sql) =>
    sql`
      update sluice_store.syncs
      set allow = (select array_agg(r) from json_array_elements_text(${
      JSON.stringify(ranges ?? [])
    }::text::json) r),
        version = version + 1, updated_at = now()
      where id = ${id}`)
  if (changed.count === 0) throw notFound(id)
  return ranges
}

function checkedRange(text: string): string {
  try {
    parseRange(text)
    return text
  } catch (cause) {
    const hint =
      'A range is 10.0.0.0/8, 2001:db8::/32 or one address. The word anywhere in place of ranges takes the ' +
      'list away (in the HTTP API null does).'
    const message = `not a range of addresses: "${text}"`
    throw fault('bad_request', { message, hint }, { cause })
  }
}

/** A sync as a list shows it. */
export interface ListedSync extends Pick<Sync, 'id' | 'state' | 'platform' | 'schema'> {
  /** Null: clients may connect from anywhere. */
  readonly allow: readonly string[] | null
}

/** Every sync, in the order of ids. Throws `service_unreachable`. */
export async function listSyncs(store: Store): Promise<readonly ListedSync[]> {
  const rows = await store.ask('Listing the syncs', (sql) =>
    sql<ListedSync[]>`
      select s.id, s.state, c.platform, s.schema_name as schema, s.allow
      from sluice_store.syncs s join sluice_store.connections c on c.id = s.connection_id
      order by s.id`)
  return [...rows]
}

/** The sync, at one moment. Throws `not_found`, `service_unreachable`. */
export async function readSync(store: Store, id: string): Promise<Sync> {
  const [row] = await store.ask('Reading the sync', (sql) =>
    sql<Sync[]>`
      select s.id, s.state, s.version, s.connection_id as "connectionId",
        s.database_id as "databaseId", c.platform, c.base_url as "baseUrl",
        c.settings, s.schema_name as "schema", ${tablesWhere(sql, sql`o.id = s.id`)} as tables
      from sluice_store.syncs s join sluice_store.connections c on c.id = s.connection_id
      where s.id = ${id}`)
  if (row === undefined) throw notFound(id)
  return { ...row }
}

interface ConfigRow extends Pick<SyncConfig, 'id' | 'state' | 'users' | 'tables'> {
  readonly database: string
  readonly address: Uint8Array
  readonly key_id: string
  readonly allow: readonly string[] | null
}

/**
 * What a listener is told: the sync, its users, how to reach its database, and every table of every active sync in that
 * database. Throws `not_found`, `service_unreachable`.
 */
export async function readSyncConfig(store: Store, id: string): Promise<SyncConfig> {
  const [row] = await store.ask('Reading the sync', (sql) =>
    sql<ConfigRow[]>`
      select s.id, s.state, s.allow, d.id as database, d.address, d.key_id,
        (select coalesce(json_object_agg(u.name, u.verifier order by u.name), '{}')
          from sluice_store.users u where u.sync_id = s.id) as users,
        ${tablesWhere(sql, sql`o.database_id = s.database_id and o.state = 'active'`)} as tables
      from sluice_store.syncs s join sluice_store.databases d on d.id = s.database_id
      where s.id = ${id}`)
  if (row === undefined) throw notFound(id)
  const sealed = { id: row.database, address: row.address, key_id: row.key_id }
  const { address, ticketKey } = openDatabase(store, sealed)
  const { state, users, tables, allow } = row
  const allowed = allow === null ? {} : { allow }
  return { id, state, database: address, ticketKey, users, tables, ...allowed }
}

/** The tables of the syncs `o` that fulfil the condition, as a JSON array of SyncedTable. */
function tablesWhere(sql: Sql, which: postgres.PendingQuery<postgres.Row[]>) {
  return sql`(
    select coalesce(json_agg(t.traits || jsonb_build_object('syncId', o.id,
        'platform', oc.platform, 'schema', o.schema_name, 'name', t.name, 'object', t.object,
        'columns', t.columns)
      order by o.schema_name, t.name), '[]')
    from sluice_store.syncs o
      join sluice_store.connections oc on oc.id = o.connection_id
      join sluice_store.tables t on t.sync_id = o.id
    where ${which})`
}

function notFound(id: string): Error {
  return fault('not_found', { message: `sync "${id}" not found` })
}

/** In place of ranges: no allowlist. */
export const anywhere = 'anywhere'

/** Ranges between commas, each as it stands there; null: from anywhere. */
export function allowOf(text: string): string[] | null {
  return text.trim() === anywhere ? null : text.split(',').map((part) => part.trim())
}
