// Room store: the keys with which listeners come. Only their SHA-256 is kept; the keys are long and random, so that a
// plain hash is enough.

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { Store } from './store.ts'

/** A key that is valid: its id (for the log), its hash, and the syncs that it is for (null: all). */
export interface ListenerKey {
  readonly id: string
  readonly sha256: Uint8Array
  readonly syncs: readonly string[] | null
}

/** A key as an operator sees it. */
export interface KnownKey extends Pick<ListenerKey, 'id' | 'syncs'> {
  readonly createdAt: Date
  readonly revokedAt: Date | null
}

export interface NewKey {
  readonly id: string
  readonly key: string
  /** The syncs that it is for; all when absent. A listener needs those of one database together. */
  readonly syncs?: readonly string[]
}

const keyBytes = 32

/** A key for `saveListenerKey`, 43 characters after a prefix. */
export function makeKey(random: (size: number) => Uint8Array): string {
  return `sluice_listener_${Buffer.from(random(keyBytes)).toString('base64url')}`
}

/** More keys than this are not read. */
export const listenerKeysMax = 1000

/** What is kept of a key. */
export function hashKey(key: string): Uint8Array {
  return createHash('sha256').update(key, 'utf8').digest()
}

/** Adds a key under an id, or gives that id another key; a revoked id becomes valid again. */
export async function saveListenerKey(store: Store, { id, key, syncs }: NewKey): Promise<void> {
  const scope = syncs === undefined ? null : [...syncs]
  await store.ask('Saving the listener key', (sql) => {
    const save = () =>
      sql`
        insert into sluice_store.listener_keys (id, sha256, syncs)
        values (${id}, ${hashKey(key)}, ${scope}::text[])
        on conflict (id) do update set sha256 = excluded.sha256, syncs = excluded.syncs,
          revoked_at = null`
    // of two processes that save the same key at once, one meets the other's hash before it sees its id
    return save().catch((error: unknown) => {
      if ((error as { code?: unknown }).code === '23505') return save()
      throw error
    })
  })
}

/** Takes a key's validity; service processes notice within seconds. False: there is no such key. */
export async function revokeListenerKey(store: Store, id: string): Promise<boolean> {
  const { count } = await store.ask('Revoking the listener key', (sql) =>
    sql`
      update sluice_store.listener_keys set revoked_at = coalesce(revoked_at, now())
      where id = ${id}`)
  return count > 0
}

/** All keys, revoked ones too, the newest first. */
export async function listListenerKeys(store: Store): Promise<KnownKey[]> {
  const rows = await store.ask('Reading the listener keys', (sql) =>
    sql<KnownKey[]>`
      select id, syncs, created_at as "createdAt", revoked_at as "revokedAt"
      from sluice_store.listener_keys order by created_at desc, id limit ${listenerKeysMax}`)
  return [...rows]
}

/** All valid keys. */
export async function readListenerKeys(store: Store): Promise<ListenerKey[]> {
  const rows = await store.ask('Reading the listener keys', (sql) =>
    sql<ListenerKey[]>`
      select id, sha256, syncs from sluice_store.listener_keys where revoked_at is null
      order by created_at desc, id limit ${listenerKeysMax}`)
  return rows.map(({ id, sha256, syncs }) => ({ id, sha256, syncs }))
}
