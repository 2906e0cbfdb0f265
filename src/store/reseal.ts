// Room store: rotation of the store's keys. Afterwards no value is sealed with an older key, and that key can be dropped.

import { resealConnection } from './connections.ts'
import { resealDatabase } from './databases.ts'
import type { Store } from './store.ts'

/**
 * Seals every value again that an older key sealed, a row at a time, so that it can run beside the service. Gives how
 * many rows it looked at. Throws SealError when a key is missing: what was done until then stays done.
 */
export async function reseal(store: Store): Promise<number> {
  const { current } = store.keyring
  const connections = await store.sql<{ id: string }[]>`
    select id from sluice_store.connections where key_id <> ${current}`
  for (const { id } of connections) {
    await store.sql.begin((sql) => resealConnection(store, sql, id))
  }
  const databases = await store.sql<{ id: string }[]>`
    select id from sluice_store.databases where key_id <> ${current}`
  for (const { id } of databases) {
    await store.sql.begin((sql) => resealDatabase(store, sql, id))
  }
  return connections.length + databases.length
}
