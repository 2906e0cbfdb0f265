// Room sync: setting up a sync. Running it again with the same options changes nothing, with others changes what differs.

import type postgres from 'postgres'
import { installDatabase, keepTables } from '../database/index.ts'
import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import { Fault, fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import { idColumn, type Platform, type SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller, TableShape } from '../platforms/platform.ts'
import { readSetup } from '../store/admin-syncs.ts'
import { type NewConnection, saveConnection } from '../store/connections.ts'
import { type Database, type GivenDatabase, saveDatabase } from '../store/databases.ts'
import type { Store } from '../store/store.ts'
import { readSync, type Retired, saveSync, type Selection, type User } from '../store/syncs.ts'
import { type Carried, carryTable, type KnownTable } from './drift-table.ts'
import { idHint, idPattern } from './setup-file.ts'
import { chooseFields, nameTables } from './setup-objects.ts'

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
  readonly connection: Pick<NewConnection, 'id' | 'platform'> & Partial<NewConnection>
  /** How listeners reach the database, and how its owner does. */
  readonly database: GivenDatabase
  readonly schema: string
  /** The platform's own names. */
  readonly objects: readonly string[]
  /** Absent: as they are. */
  readonly users?: readonly User[]
  /** What is kept of the choice; absent: as it is. */
  readonly selection?: Selection
  /** The role that listeners log in with; it is granted what it needs. */
  readonly role: string
}

/** What was set up. */
export interface Setup {
  readonly tables: readonly SyncedTable[]
  readonly database: Database
  /** What became of each table, in their order. */
  readonly carried: readonly Carried[]
}

/**
 * Creates the sync or changes it: connection, database, tables in the store and in the customer's database. Listeners
 * hear of it last, when everything is there.
 * Throws `bad_request` for options that cannot be, what `describe` throws, and the database's own errors.
 */
export async function createSync(deps: SetupDeps, options: SetupOptions): Promise<Setup> {
  const { store, sql } = deps
  const { id, connection, schema } = options
  checkId(id)
  if (isWhole(connection)) await saveConnection(store, connection)
  const database = await saveDatabase(store, options.database, deps)
  const shapes = await describe(deps, options)
  await installDatabase(sql, { ticketKey: Buffer.from(database.ticketKey, 'base64') })
  const carried = await carryAll(deps, { options, shapes })
  const tables = carried.map(({ table }) => table)
  await keepTables(sql, { syncId: id, tables })
  await saveSync(store, {
    id,
    connectionId: connection.id,
    databaseId: options.database.id,
    schema,
    tables,
    retired: Object.fromEntries(carried.map(({ table, retired }) => [table.name, retired])),
    ...(options.users === undefined ? {} : { users: options.users }),
    ...(options.selection === undefined ? {} : { selection: options.selection }),
  })
  return { tables, database, carried }
}

/** Throws `bad_request` for what is no id of a sync. */
export function checkId(id: string): void {
  if (idPattern.test(id)) return
  throw fault('bad_request', { message: `"${id}" is not a sync id`, hint: idHint })
}

/** With a credential it is saved, else it is there. */
function isWhole(connection: SetupOptions['connection']): connection is NewConnection {
  return connection.credential !== undefined && connection.baseUrl !== undefined
}

/** For locks while a sync is set up: nobody works with it yet, as a rule. */
const lockWaitMs = 10_000

async function carryAll(
  { store, sql, now }: SetupDeps,
  { options, shapes }: { options: SetupOptions; shapes: readonly TableShape[] },
): Promise<Carried[]> {
  const { id, connection: { platform }, schema, role } = options
  const before = await knownTables(store, id)
  const selection = options.selection ?? before.selection
  const choices = shapes.map((shape) =>
    chooseFields(shape, { syncId: id, platform, schema, selection, lenient: true })
  )
  const known = before.tables.filter(({ table }) => table.schema === schema)
  const described = nameTables(choices.map(({ table }) => table), {
    known: known.map(({ table }) => table),
    foreign: new Set(),
  })
  const carried: Carried[] = []
  for (const [index, table] of described.entries()) {
    carried.push(
      await carryTable(sql, {
        described: table,
        known: known.find((each) => each.table.object === table.object) ?? null,
        unchosen: choices[index]?.unchosen ?? new Set(),
        role,
        now: now(),
        lockWaitMs,
        always: true,
      }),
    )
  }
  return carried
}

/** What the store has of the sync; of a new one, nothing. */
async function knownTables(
  store: Store,
  id: string,
): Promise<{ tables: readonly KnownTable[]; selection: Selection }> {
  try {
    const [{ retired, selection }, { tables }] = [
      await readSetup(store, id),
      await readSync(store, id),
    ]
    const of = ({ name }: SyncedTable): readonly Retired[] => retired[name] ?? []
    return { tables: tables.map((table) => ({ table, retired: of(table) })), selection }
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return { tables: [], selection: {} }
    throw error
  }
}

async function describe(deps: SetupDeps, options: SetupOptions): Promise<readonly TableShape[]> {
  const { connection, objects } = options
  const deadline = deadlineIn(requestWaitMs, deps.now())
  const caller = await deps.callerFor(connection.id, { deadline })
  const shapes = await deps.adapterFor(connection.platform).describe(objects, caller)
  checkShapes(shapes, objects)
  return shapes
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
