// Room store: syncs, their tables and their users.

import type postgres from 'postgres'
import { parseRange } from '../lib/addresses.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { type Platform, type SyncedTable, traitsOf } from '../mutation/table.ts'
import { openDatabase } from './databases.ts'
import type { Sql, Store } from './store.ts'

/** A login of a sync. */
export interface User {
  readonly name: string
  /** As Postgres stores it, see Verifier. */
  readonly verifier: string
}

/** A sync as somebody sets it up. */
export interface NewSync {
  /** `sync_` and six or more characters. */
  readonly id: string
  readonly connectionId: string
  readonly databaseId: string
  readonly schema: string
  readonly tables: readonly SyncedTable[]
  readonly users: readonly User[]
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

/** Creates the sync or changes it; its tables and users become exactly these. One commit. */
export async function saveSync(store: Store, sync: NewSync): Promise<void> {
  const tables = sync.tables.map((table) => {
    const { name, object, columns } = table
    return { name, object, columns, traits: traitsOf(table) }
  })
  const users = sync.users.map(({ name, verifier }) => ({ name, verifier }))
  await store.ask('Saving the sync', (sql) =>
    sql`
      with given_tables as (
        select * from jsonb_to_recordset(${JSON.stringify(tables)}::text::jsonb)
          as t(name text, object text, columns jsonb, traits jsonb)
      ), given_users as (
        select * from jsonb_to_recordset(${JSON.stringify(users)}::text::jsonb)
          as u(name text, verifier text)
      ), saved as (
        insert into sluice_store.syncs (id, connection_id, database_id, schema_name)
        values (${sync.id}, ${sync.connectionId}, ${sync.databaseId}, ${sync.schema})
        on conflict (id) do update set connection_id = excluded.connection_id,
          database_id = excluded.database_id, schema_name = excluded.schema_name,
          version = syncs.version + 1, updated_at = now()
      ), no_tables as (
        delete from sluice_store.tables
        where sync_id = ${sync.id} and name not in (select name from given_tables)
      ), no_users as (
        delete from sluice_store.users
        where sync_id = ${sync.id} and name not in (select name from given_users)
      ), saved_tables as (
        insert into sluice_store.tables (sync_id, name, object, columns, traits)
        select ${sync.id}, name, object, columns, traits from given_tables
        on conflict (sync_id, name) do update set object = excluded.object,
          columns = excluded.columns, traits = excluded.traits
      )
      insert into sluice_store.users (sync_id, name, verifier)
      select ${sync.id}, name, verifier from given_users
      on conflict (sync_id, name) do update set verifier = excluded.verifier`)
}

/** Pauses or resumes a sync. Mutations that are not yet in the journal are refused from now on. Throws `not_found`. */
export async function setSyncState(
  store: Store,
  { id, state }: { id: string; state: Sync['state'] },
): Promise<void> {
  const changed = await store.ask('Changing the sync', (sql) =>
    sql`
      update sluice_store.syncs set state = ${state}, version = version + 1, updated_at = now()
      where id = ${id}`)
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
    const hint = 'A range is 10.0.0.0/8, 2001:db8::/32 or one address.'
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
