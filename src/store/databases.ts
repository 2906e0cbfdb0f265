// Room store: how to reach the customers' databases. Address, password and ticket key are one sealed value.

import type postgres from 'postgres'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { open, type Place, seal } from './seal.ts'
import type { Querier, Store } from './store.ts'

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
  given: { id: string; address: DatabaseAddress },
  { random }: { random: (bytes: number) => Uint8Array },
): Promise<Database> {
  const { id, address } = given
  const fresh = Buffer.from(random(ticketKeyBytes)).toString('base64')
  return await store.ask('Saving the database', (sql) =>
    sql.begin(async (tx) => {
      const first: Database = { address, ticketKey: fresh }
      const sealed = sealDatabase(store, id, first)
      const made = await tx`
        insert into sluice_store.databases (id, address, key_id)
        values (${id}, ${sealed.bytes}, ${sealed.keyId}) on conflict (id) do nothing`
      if (made.count > 0) return first
      const [row] = await tx<Row[]>`
        select * from sluice_store.databases where id = ${id} for update`
      if (row === undefined) throw fault('not_found', { message: `database "${id}" not found` })
      const changed: Database = { ...openDatabase(store, row), address }
      const again = sealDatabase(store, id, changed)
      await tx`
        update sluice_store.databases
        set address = ${again.bytes}, key_id = ${again.keyId}, updated_at = now() where id = ${id}`
      return changed
    })) as Database
}

/** The database's address and ticket key. Throws `not_found`. */
export async function readDatabase(
  store: Store,
  id: string,
  { sql }: { sql: Querier },
): Promise<Database> {
  const [row] = await sql<Row[]>`select * from sluice_store.databases where id = ${id}`
  if (row === undefined) throw fault('not_found', { message: `database "${id}" not found` })
  return openDatabase(store, row)
}

/** Seals the address again with the current key; for rotation of the store's keys. */
export async function resealDatabase(
  store: Store,
  sql: postgres.TransactionSql,
  id: string,
): Promise<void> {
  const [row] = await sql<Row[]>`
    select * from sluice_store.databases where id = ${id} for update`
  if (row === undefined || row.key_id === store.keyring.current) return
  const sealed = sealDatabase(store, id, openDatabase(store, row))
  await sql`
    update sluice_store.databases set address = ${sealed.bytes}, key_id = ${sealed.keyId}
    where id = ${id}`
}

function sealDatabase(store: Store, id: string, database: Database) {
  return seal(store.keyring, place(id), JSON.stringify(database))
}

function openDatabase(store: Store, row: Row): Database {
  const sealed = { bytes: row.address, keyId: row.key_id }
  return JSON.parse(open(store.keyring, place(row.id), sealed)) as Database
}
