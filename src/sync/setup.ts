// Room sync: setting up a sync. Running it again with the same options changes nothing, with others changes what differs.

import type postgres from 'postgres'
import { ensureTable, installDatabase, keepTables } from '../database/index.ts'
import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import { idColumn, type Platform, type SyncedTable, traitsOf } from '../mutation/table.ts'
import type { Adapter, Caller, TableShape } from '../platforms/platform.ts'
import { type NewConnection, saveConnection } from '../store/connections.ts'
import { type Database, saveDatabase } from '../store/databases.ts'
import type { Store } from '../store/store.ts'
import { saveSync, type User } from '../store/syncs.ts'

export interface SetupDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  /** What an adapter needs to call on behalf of a connection; the service has one. */
  readonly callerFor: (connectionId: string, options: { deadline: Deadline }) => Promise<Caller>
  /** The customer's database, as the owner of schema and tables. */
  readonly sql: postgres.Sql
  readonly random: (bytes: number) => Uint8Array
  readonly now: () => number
}

export interface SetupOptions {
  /** `sync_` and at least six lower-case letters and digits. */
  readonly id: string
  readonly connection: NewConnection
  /** How listeners reach the database. */
  readonly database: { readonly id: string; readonly address: DatabaseAddress }
  readonly schema: string
  /** The platform's own names. */
  readonly objects: readonly string[]
  readonly users: readonly User[]
  /** The role that listeners log in with; it is granted what it needs. */
  readonly role: string
}

/** What was set up. */
export interface Setup {
  readonly tables: readonly SyncedTable[]
  readonly database: Database
}

/**
 * Creates the sync or changes it: connection, database, tables in the store and in the customer's database. Listeners
 * hear of it last, when everything is there.
 * Throws `bad_request` for options that cannot be, what `describe` throws, and the database's own errors.
 */
export async function createSync(deps: SetupDeps, options: SetupOptions): Promise<Setup> {
  const { store, sql } = deps
  const { id, connection, schema, role, users } = options
  if (!/^sync_[a-z0-9]{6,32}$/.test(id)) {
    throw fault('bad_request', { message: `"${id}" is not a sync id` })
  }
  await saveConnection(store, connection)
  const database = await saveDatabase(store, options.database, deps)
  const tables = await describe(deps, options)
  await installDatabase(sql, { ticketKey: Buffer.from(database.ticketKey, 'base64') })
  for (const table of tables) await ensureTable(sql, table, { role })
  await keepTables(sql, { syncId: id, tables })
  await saveSync(store, {
    id,
    connectionId: connection.id,
    databaseId: options.database.id,
    schema,
    tables,
    users,
  })
  return { tables, database }
}

async function describe(deps: SetupDeps, options: SetupOptions): Promise<SyncedTable[]> {
  const { connection, objects } = options
  const deadline = deadlineIn(requestWaitMs, deps.now())
  const caller = await deps.callerFor(connection.id, { deadline })
  const shapes = await deps.adapterFor(connection.platform).describe(objects, caller)
  checkShapes(shapes, objects)
  return shapes.map((shape) => ({
    syncId: options.id,
    platform: connection.platform,
    schema: options.schema,
    name: shape.name,
    object: shape.object,
    columns: shape.columns,
    ...traitsOf(shape),
  }))
}

function checkShapes(shapes: readonly TableShape[], objects: readonly string[]): void {
  // an object may be named in more than one way, so they cannot be paired
  if (shapes.length < objects.length) {
    throw fault('not_found', { message: 'the platform does not have every object asked for' })
  }
  const names = new Set<string>()
  for (const { name, columns } of shapes) {
    if (names.has(name)) throw fault('bad_request', { message: `two objects want table "${name}"` })
    names.add(name)
    if (columns[0]?.name !== idColumn) {
      throw new Error(`The first column of "${name}" is not "${idColumn}"`)
    }
  }
}
