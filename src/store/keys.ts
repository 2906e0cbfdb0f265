// Room store: the keys with which listeners come. Only their SHA-256 is kept; the keys are long and random, so that a
// plain hash is enough.

import { createHash } from 'node:crypto'
import type { Store } from './store.ts'

/** A key that is valid: its id (for the log) and its hash. */
export interface ListenerKey {
  readonly id: string
  readonly sha256: Uint8Array
}

/** More keys than this are not read. */
export const listenerKeysMax = 1000

/** What is kept of a key. */
export function hashKey(key: string): Uint8Array {
  return createHash('sha256').update(key, 'utf8').digest()
}

/** Adds a key under an id, or gives that id another key; a revoked id becomes valid again. */
export async function saveListenerKey(store: Store, { id, key }: { id: string; key: string }) {
  await store.ask('Saving the listener key', (sql) => {
    const save = () =>
      sql`
        insert into sluice_store.listener_keys (id, sha256) values (${id}, ${hashKey(key)})
        on conflict (id) do update set sha256 = excluded.sha256, revoked_at = null`
    // of two processes that save the same key at once, one meets the other's hash before it sees its id
    return save().catch((error: unknown) => {
      if ((error as { code?: unknown }).code === '23505') return save()
      throw error
    })
  })
}

/** Takes a key's validity. Service processes notice within seconds. */
export async function revokeListenerKey(store: Store, id: string): Promise<void> {
  await store.ask('Revoking the listener key', (sql) =>
    sql`
      update sluice_store.listener_keys set revoked_at = coalesce(revoked_at, now())
      where id = ${id}`)
}

/** All valid keys. */
export async function readListenerKeys(store: Store): Promise<ListenerKey[]> {
  const rows = await store.ask('Reading the listener keys', (sql) =>
    sql<ListenerKey[]>`
      select id, sha256 from sluice_store.listener_keys where revoked_at is null
      order by created_at desc, id limit ${listenerKeysMax}`)
  return rows.map(({ id, sha256 }) => ({ id, sha256 }))
}
