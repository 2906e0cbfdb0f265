// Room store: how to reach the customers' databases. Addresses, passwords and ticket key are one sealed value.

import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { open, type Place, seal } from './seal.ts'
import type { Sql, Store } from './store.ts'

/** A customer's database as the store has it. */
export interface Database {
  readonly address: DatabaseAddress
  /** The key of the tickets that open its triggers, base64 (32 bytes). Made once, kept for good. */
  readonly ticketKey: string
  /** The same database as the owner of its synced tables reaches it; absent: nobody has told it. Never for a listener. */
  readonly owner?: DatabaseAddress
  /** Made by Sluice on a server of its own. */
  readonly hosted?: true
  /** The listener's role was made by Sluice, and goes with the last sync. */
  readonly madeRole?: true
}

/** What somebody tells of a database. What is absent stays as it is. */
export interface GivenDatabase extends Omit<Database, 'ticketKey'> {
  readonly id: string
}

interface Row {
  readonly id: string
  readonly address: Uint8Array
  readonly key_id: string
}

const ticketKeyBytes = 32
const place = (id: string): Place => ({ table: 'databases', row: id, column: 'address' })

/** Creates the database's entry or changes its addresses. Gives it back with its ticket key, made when it is new. */
export async function saveDatabase(
  store: Store,
  { id, ...given }: GivenDatabase,
  { random }: { random: (bytes: number) => Uint8Array },
): Promise<Database> {
  const first: Database = {
    ...given,
    ticketKey: Buffer.from(random(ticketKeyBytes)).toString('base64'),
  }
  return await store.ask('Saving the database', async (sql) => {
    const sealed = sealDatabase(store, id, first)
    const made = await sql`
      insert into sluice_store.databases (id, address, key_id)
      values (${id}, ${sealed.bytes}, ${sealed.keyId}) on conflict (id) do nothing`
    return made.count > 0 ? first : await change(store, sql, { id, ...given })
  })
}

async function change(
  store: Store,
  sql: Sql,
  { id, ...given }: GivenDatabase,
): Promise<Database> {
  const [row] = await sql<Row[]>`select * from sluice_store.databases where id = ${id}`
  if (row === undefined) throw notFound(id)
  const changed: Database = { ...openDatabase(store, row), ...given }
  const sealed = sealDatabase(store, id, changed)
  await sql`
    update sluice_store.databases
    set address = ${sealed.bytes}, key_id = ${sealed.keyId}, updated_at = now() where id = ${id}`
  return changed
}

/** What `readSyncConfig` finds beside a sync. */
export function openDatabase(store: Store, row: Row): Database {
  const sealed = { bytes: row.address, keyId: row.key_id }
  return JSON.parse(open(store.keyring, place(row.id), sealed)) as Database
}

/** The database's address and ticket key. Throws `not_found`, `service_unreachable`. */
export async function readDatabase(store: Store, id: string): Promise<Database> {
  const [row] = await store.ask(
    'Reading the database',
    (sql) => sql<Row[]>`select * from sluice_store.databases where id = ${id}`,
  )
  if (row === undefined) throw notFound(id)
  return openDatabase(store, row)
}

/** A database of the store, with its id and the syncs that are in it. */
export interface KnownDatabase extends Database {
  readonly id: string
  readonly syncs: readonly string[]
}

/** Databases that are read at most. */
export const databasesMax = 10_000

/** Every database, by id. Holds passwords. Throws `service_unreachable`. */
export async function listDatabases(store: Store): Promise<readonly KnownDatabase[]> {
  const rows = await store.ask('Reading the databases', (sql) =>
    sql<(Row & { syncs: string[] })[]>`
      select d.*, (select coalesce(json_agg(s.id order by s.id), '[]')
        from sluice_store.syncs s where s.database_id = d.id) as syncs
      from sluice_store.databases d order by d.id limit ${databasesMax}`)
  return rows.map((row) => ({ id: row.id, syncs: row.syncs, ...openDatabase(store, row) }))
}

/** Forgets a database in which there is no sync. False: there is one, or no such database. */
export async function forgetDatabase(store: Store, id: string): Promise<boolean> {
  const gone = await store.ask('Forgetting the database', (sql) =>
    sql`
      delete from sluice_store.databases d where id = ${id}
        and not exists (select from sluice_store.syncs s where s.database_id = d.id)`)
  return gone.count > 0
}

function notFound(id: string): Error {
  return fault('not_found', { message: `database "${id}" not found` })
}

function sealDatabase(store: Store, id: string, database: Database) {
  return seal(store.keyring, place(id), JSON.stringify(database))
}
