// Room store: rotation of the store's keys. Afterwards no value is sealed with an older key, and that key can be dropped.

import { resealConnection } from './connections.ts'
import { resealDatabase } from './databases.ts'
import type { Store } from './store.ts'

const triesMax = 5

/**
 * Seals every value again that an older key sealed, a row at a time, so that it can run beside the service. Gives how
 * many there were. Throws SealError when a key is missing: what was done until then stays done.
 */
export async function reseal(store: Store): Promise<number> {
  const { current } = store.keyring
  const connections = await store.ask(
    'Reading the connections',
    (sql) =>
      sql<{ id: string }[]>`select id from sluice_store.connections where key_id <> ${current}`,
  )
  const databases = await store.ask(
    'Reading the databases',
    (sql) =>
      sql<{ id: string }[]>`select id from sluice_store.databases where key_id <> ${current}`,
  )
  for (const { id } of connections) await insist(() => resealConnection(store, id))
  for (const { id } of databases) await insist(() => resealDatabase(store, id))
  return connections.length + databases.length
}

/** A row that changes at the same moment is looked at again. */
async function insist(work: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) if (await work()) return
  throw new Error('Cannot reseal a value: it changes all the time')
}
