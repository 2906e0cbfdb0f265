// Room store: the tokens of administrators, who set syncs up over HTTP. Only their SHA-256 is kept; they are long and
// random, so that a plain hash is enough.

import { Buffer } from 'node:buffer'
import { fault } from '../mutation/fault.ts'
import { hashKey } from './keys.ts'
import type { Store } from './store.ts'
import { type TokenInfo, tokensMax } from './tokens.ts'

/** A token as people see it: never the token itself. */
export type AdminTokenInfo = Omit<TokenInfo, 'syncId'>

const tokenBytes = 32

/** A new token: `sluice_admin_` and 43 random characters. `random` gives so many random bytes. */
export function makeAdminToken(random: (bytes: number) => Uint8Array): string {
  return `sluice_admin_${Buffer.from(random(tokenBytes)).toString('base64url')}`
}

/** Adds a token, or gives that id another one; a revoked id becomes valid again. */
export async function saveAdminToken(
  store: Store,
  { id, name, token }: { id: string; name: string; token: string },
): Promise<void> {
  await store.ask('Saving the token', (sql) =>
    sql`
      insert into sluice_store.admin_tokens (id, name, sha256) values (${id}, ${name}, ${
      hashKey(token)
    })
      on conflict (id) do update set name = excluded.name, sha256 = excluded.sha256,
        revoked_at = null`)
}

/** Takes a token's validity; service processes notice within seconds. Throws `not_found`. */
export async function revokeAdminToken(store: Store, id: string): Promise<void> {
  const revoked = await store.ask('Revoking the token', (sql) =>
    sql`
      update sluice_store.admin_tokens set revoked_at = coalesce(revoked_at, now())
      where id = ${id}`)
  if (revoked.count === 0) throw fault('not_found', { message: `token "${id}" not found` })
}

/** Tokens, newest first. Throws `service_unreachable`. */
export async function listAdminTokens(store: Store): Promise<AdminTokenInfo[]> {
  const rows = await store.ask('Reading the tokens', (sql) =>
    sql<AdminTokenInfo[]>`
      select id, name, created_at as "createdAt", last_used_at as "lastUsedAt",
        revoked_at as "revokedAt"
      from sluice_store.admin_tokens order by created_at desc, id limit ${tokensMax}`)
  return rows.map((row) => ({ ...row }))
}

/** The valid token with that hash, or null; notes its use, as exactly as a minute. Throws `service_unreachable`. */
export async function findAdminToken(
  store: Store,
  sha256: Uint8Array,
): Promise<{ readonly id: string; readonly sha256: Uint8Array } | null> {
  const [row] = await store.ask(
    'Reading the token',
    (sql) =>
      sql<{ id: string; sha256: Uint8Array }[]>`
      with found as (
        select id, sha256, last_used_at from sluice_store.admin_tokens
        where sha256 = ${sha256} and revoked_at is null
      ), touched as (
        update sluice_store.admin_tokens set last_used_at = now()
        where id in (select id from found
          where last_used_at is null or last_used_at < now() - interval '1 minute')
      )
      select id, sha256 from found`,
  )
  return row === undefined ? null : { ...row }
}
