// Room store: syncs, their tables and their users.

import type postgres from 'postgres'
import type { SyncConfig } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import type { Column, Platform, SyncedTable } from '../mutation/table.ts'
import { readDatabase } from './databases.ts'
import type { Store } from './store.ts'

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
  /** Grows with every change of the sync, its tables or its connection's address. A bigint, so text. */
  readonly version: string
  readonly connectionId: string
  readonly databaseId: string
  readonly platform: Platform
  readonly baseUrl: string
  readonly schema: string
  readonly tables: readonly SyncedTable[]
}

interface TableRow {
  readonly sync_id: string
  readonly platform: Platform
  readonly schema_name: string
  readonly name: string
  readonly object: string
  readonly columns: Column[]
}

/** Creates the sync or changes it; its tables and users become exactly these. */
export async function saveSync(store: Store, sync: NewSync): Promise<void> {
  await store.ask('Saving the sync', (sql) =>
    sql.begin(async (tx) => {
      await tx`
        insert into sluice_store.syncs (id, connection_id, database_id, schema_name)
        values (${sync.id}, ${sync.connectionId}, ${sync.databaseId}, ${sync.schema})
        on conflict (id) do update set connection_id = excluded.connection_id,
          database_id = excluded.database_id, schema_name = excluded.schema_name,
          version = syncs.version + 1, updated_at = now()`
      await saveTables(tx, sync)
      await saveUsers(tx, sync)
    }))
}

async function saveTables(sql: postgres.TransactionSql, sync: NewSync): Promise<void> {
  const names = sync.tables.map((table) => table.name)
  await sql`
    delete from sluice_store.tables where sync_id = ${sync.id} and not name = any(${names})`
  for (const table of sync.tables) {
    await sql`
      insert into sluice_store.tables (sync_id, name, object, columns)
      values (${sync.id}, ${table.name}, ${table.object},
        ${JSON.stringify(table.columns)}::text::jsonb)
      on conflict (sync_id, name) do update
        set object = excluded.object, columns = excluded.columns`
  }
}

async function saveUsers(sql: postgres.TransactionSql, sync: NewSync): Promise<void> {
  const names = sync.users.map((user) => user.name)
  await sql`
    delete from sluice_store.users where sync_id = ${sync.id} and not name = any(${names})`
  for (const { name, verifier } of sync.users) {
    await sql`
      insert into sluice_store.users (sync_id, name, verifier)
      values (${sync.id}, ${name}, ${verifier})
      on conflict (sync_id, name) do update set verifier = excluded.verifier`
  }
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

/** The sync, at one moment. Throws `not_found`, `service_unreachable`. */
export async function readSync(store: Store, id: string): Promise<Sync> {
  return await store.ask(
    'Reading the sync',
    (sql) =>
      sql.begin('isolation level repeatable read read only', async (tx) => {
        const [row] = await tx<(Omit<Sync, 'tables'>)[]>`
        select s.id, s.state, s.version, s.connection_id as "connectionId",
          s.database_id as "databaseId", c.platform, c.base_url as "baseUrl",
          s.schema_name as "schema"
        from sluice_store.syncs s join sluice_store.connections c on c.id = s.connection_id
        where s.id = ${id}`
        if (row === undefined) throw notFound(id)
        return { ...row, tables: await readTables(tx, tx`s.id = ${id}`) }
      }),
  )
}

/**
 * What a listener is told: the sync, its users, how to reach its database, and every table of every active sync in that
 * database. Throws `not_found`, `service_unreachable`.
 */
export async function readSyncConfig(store: Store, id: string): Promise<SyncConfig> {
  return await store.ask(
    'Reading the sync',
    (sql) =>
      sql.begin('isolation level repeatable read read only', async (tx) => {
        const [row] = await tx<{ state: SyncConfig['state']; database_id: string }[]>`
        select state, database_id from sluice_store.syncs where id = ${id}`
        if (row === undefined) throw notFound(id)
        const users = await tx<User[]>`
        select name, verifier from sluice_store.users where sync_id = ${id} order by name`
        const { address, ticketKey } = await readDatabase(store, row.database_id, { sql: tx })
        const mine = tx`s.database_id = ${row.database_id} and s.state = 'active'`
        return {
          id,
          state: row.state,
          database: address,
          ticketKey,
          users: Object.fromEntries(users.map((user) => [user.name, user.verifier])),
          tables: await readTables(tx, mine),
        }
      }),
  ) as SyncConfig
}

async function readTables(
  sql: postgres.TransactionSql,
  which: postgres.PendingQuery<postgres.Row[]>,
): Promise<SyncedTable[]> {
  const rows = await sql<TableRow[]>`
    select t.sync_id, c.platform, s.schema_name, t.name, t.object, t.columns
    from sluice_store.tables t
      join sluice_store.syncs s on s.id = t.sync_id
      join sluice_store.connections c on c.id = s.connection_id
    where ${which} order by s.schema_name, t.name`
  return rows.map((row) => ({
    syncId: row.sync_id,
    platform: row.platform,
    schema: row.schema_name,
    name: row.name,
    object: row.object,
    columns: row.columns,
  }))
}

function notFound(id: string): Error {
  return fault('not_found', { message: `sync "${id}" not found` })
}
