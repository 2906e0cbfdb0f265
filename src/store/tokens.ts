// Room store: the tokens with which callers of the HTTP API come, each for one sync. Only their SHA-256 is kept; they are
// long and random, so that a plain hash is enough.

import { fault } from '../mutation/fault.ts'
import { hashKey } from './keys.ts'
import type { Store } from './store.ts'

/** A token as people see it: never the token itself. */
export interface TokenInfo {
  readonly id: string
  readonly syncId: string
  /** What it is for, in its maker's words. */
  readonly name: string
  readonly createdAt: Date
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

/** A token that is valid. */
export interface ValidToken {
  readonly id: string
  readonly syncId: string
  readonly sha256: Uint8Array
}

/** Tokens that are listed at most. */
export const tokensMax = 1_000

const tokenBytes = 32

/** A new token: `sluice_` and 43 random characters. `random` gives so many random bytes. */
export function makeToken(random: (bytes: number) => Uint8Array): string {
  return `sluice_${Buffer.from(random(tokenBytes)).toString('base64url')}`
}

export interface NewToken {
  readonly id: string
  readonly syncId: string
  readonly name: string
  readonly token: string
}

/**
 * Adds a token, or gives that id another one; a revoked id becomes valid again. Throws `not_found` (no such sync),
 * `service_unreachable`.
 */
export async function saveToken(store: Store, { id, syncId, name, token }: NewToken) {
  const saved = await store.ask('Saving the token', (sql) =>
    sql`
      insert into sluice_store.tokens (id, sync_id, name, sha256)
      select ${id}, id, ${name}, ${hashKey(token)} from sluice_store.syncs where id = ${syncId}
      on conflict (id) do update set sync_id = excluded.sync_id, name = excluded.name,
        sha256 = excluded.sha256, revoked_at = null`)
  if (saved.count === 0) throw fault('not_found', { message: `sync "${syncId}" not found` })
}

/** Takes a token's validity; service processes notice within seconds. Throws `not_found`, `service_unreachable`. */
export async function revokeToken(store: Store, id: string): Promise<void> {
  const revoked = await store.ask('Revoking the token', (sql) =>
    sql`
      update sluice_store.tokens set revoked_at = coalesce(revoked_at, now()) where id = ${id}`)
  if (revoked.count === 0) throw fault('not_found', { message: `token "${id}" not found` })
}

/** Tokens, newest first, of one sync or of all. Throws `service_unreachable`. */
export async function listTokens(
  store: Store,
  { syncId = null }: { syncId?: string | null } = {},
): Promise<TokenInfo[]> {
  const rows = await store.ask('Reading the tokens', (sql) =>
    sql<TokenInfo[]>`
      select id, sync_id as "syncId", name, created_at as "createdAt",
        last_used_at as "lastUsedAt", revoked_at as "revokedAt"
      from sluice_store.tokens where ${syncId}::text is null or sync_id = ${syncId}
      order by created_at desc, id limit ${tokensMax}`)
  return rows.map((row) => ({ ...row }))
}

/** The valid token with that hash, or null. Throws `service_unreachable`. */
export async function findToken(store: Store, sha256: Uint8Array): Promise<ValidToken | null> {
  const [row] = await store.ask('Reading the token', (sql) =>
    sql<ValidToken[]>`
      select id, sync_id as "syncId", sha256 from sluice_store.tokens
      where sha256 = ${sha256} and revoked_at is null`)
  return row === undefined ? null : { ...row }
}

/** Notes that a token is in use. Throws `service_unreachable`. */
export async function touchToken(store: Store, id: string): Promise<void> {
  await store.ask('Noting the use of a token', (sql) =>
    sql`
      update sluice_store.tokens set last_used_at = now() where id = ${id}`)
}
