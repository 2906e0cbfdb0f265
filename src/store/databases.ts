// Room store: how to reach the customers' databases. Address, password and ticket key are one sealed value.

import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { open, type Place, seal } from './seal.ts'
import type { Sql, Store } from './store.ts'

/** A customer's database as the store has it. */
export interface Database {
  readonly address: DatabaseAddress
  /** The key of the tickets that open its triggers, base64 (32 bytes). Made once, kept for good. */
  readonly ticketKey: string
}

interface Row {
  readonly id: string
  readonly address: Uint8Array
  readonly key_id: string
}

const ticketKeyBytes = 32
const place = (id: string): Place => ({ table: 'databases', row: id, column: 'address' })

/** Creates the database's entry or changes its address. Gives it back with its ticket key, made when it is new. */
export async function saveDatabase(
  store: Store,
  { id, address }: { id: string; address: DatabaseAddress },
  { random }: { random: (bytes: number) => Uint8Array },
): Promise<Database> {
  const first: Database = {
    address,
    ticketKey: Buffer.from(random(ticketKeyBytes)).toString('base64'),
  }
  return await store.ask('Saving the database', async (sql) => {
    const sealed = sealDatabase(store, id, first)
    const made = await sql`
      insert into sluice_store.databases (id, address, key_id)
      values (${id}, ${sealed.bytes}, ${sealed.keyId}) on conflict (id) do nothing`
    return made.count > 0 ? first : await change(store, sql, { id, address })
  })
}

async function change(
  store: Store,
  sql: Sql,
  { id, address }: { id: string; address: DatabaseAddress },
): Promise<Database> {
  const [row] = await sql<Row[]>`select * from sluice_store.databases where id = ${id}`
  if (row === undefined) throw notFound(id)
  const changed: Database = { ...openDatabase(store, row), address }
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

function notFound(id: string): Error {
  return fault('not_found', { message: `database "${id}" not found` })
}

function sealDatabase(store: Store, id: string, database: Database) {
  return seal(store.keyring, place(id), JSON.stringify(database))
}
