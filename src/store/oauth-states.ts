// Room store: authorizations under way. Whoever comes back with a state finds what it was made for, once, in whichever
// service process. Of the state itself only the hash is kept, and what goes with it is sealed.

import { createHash } from 'node:crypto'
import type { Platform } from '../mutation/table.ts'
import { open, type Place, seal } from './seal.ts'
import type { Store } from './store.ts'

/** What an authorization was begun for. */
export interface Authorization {
  readonly platform: Platform
  readonly connectionId: string
  /** Fingerprint of the connection's credential then: another one means that somebody else was quicker. */
  readonly given: string
  /** The PKCE code verifier. */
  readonly verifier: string
  /** SHA-256, base64url, of what the browser has in its cookie. */
  readonly cookieHash: string
  readonly redirectUri: string
  readonly tokenUrl: string
  readonly clientId: string
  /** May the connection change to another account of the platform? */
  readonly anyAccount: boolean
  /** When the link that it was begun with expires, in milliseconds since 1970; absent: an older version began it. */
  readonly linkExpiresAt?: number
  /** Where the browser goes in the end; absent: our own page. */
  readonly returnTo?: string
}

/** Authorizations under way of one connection; the oldest gives way. */
export const authorizationsMax = 20
const sweptMax = 1_000

const place = (id: string): Place => ({ table: 'oauth_states', row: id, column: 'details' })

/** Keeps it for `waitMs`. Throws `service_unreachable`. */
export async function saveAuthorization(
  store: Store,
  authorization: Authorization,
  { state, waitMs }: { state: string; waitMs: number },
): Promise<void> {
  const id = hashOf(state)
  const { connectionId } = authorization
  const { bytes, keyId } = seal(store.keyring, place(id), JSON.stringify(authorization))
  await store.ask('Keeping the authorization', (sql) =>
    sql`
      with expired as (
        delete from sluice_store.oauth_states where id in (
          select id from sluice_store.oauth_states where expires_at <= now() limit ${sweptMax})
      ), crowded as (
        delete from sluice_store.oauth_states where id in (
          select id from sluice_store.oauth_states
          where connection_id = ${connectionId} and expires_at > now()
          order by made_at desc offset ${authorizationsMax - 1})
      )
      insert into sluice_store.oauth_states (id, connection_id, details, key_id, expires_at)
      values (${id}, ${connectionId}, ${bytes}, ${keyId},
        now() + ${waitMs}::int * interval '1 millisecond')`)
}

/** Takes it: the next one with this state finds null, as does one that comes too late. Throws `service_unreachable`. */
export async function takeAuthorization(
  store: Store,
  state: string,
): Promise<Authorization | null> {
  const id = hashOf(state)
  const [row] = await store.ask(
    'Taking the authorization',
    (sql) =>
      sql<{ details: Uint8Array; key_id: string; live: boolean }[]>`
      delete from sluice_store.oauth_states where id = ${id}
      returning details, key_id, expires_at > now() as live`,
  )
  if (row === undefined || !row.live) return null
  const sealed = { bytes: row.details, keyId: row.key_id }
  return JSON.parse(open(store.keyring, place(id), sealed)) as Authorization
}

function hashOf(state: string): string {
  return createHash('sha256').update(state).digest('base64url')
}
