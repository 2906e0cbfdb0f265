// Room store: connections and their credentials. A credential is one sealed value; it is only ever open in memory.

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type postgres from 'postgres'
import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import { open, type Place, seal } from './seal.ts'
import type { Querier, Store } from './store.ts'

/** What a platform wants to see. Times are milliseconds since 1970. */
export type Credential =
  | { readonly kind: 'key'; readonly key: string }
  | {
    readonly kind: 'oauth'
    readonly refreshToken: string
    readonly clientSecret?: string
    readonly accessToken?: string
    readonly obtainedAt?: number
    readonly expiresAt?: number
  }

/** A connection as somebody sets it up. */
export interface NewConnection {
  readonly id: string
  readonly platform: Platform
  /** Without a trailing slash. */
  readonly baseUrl: string
  readonly credential: Credential
  /** URL of the token endpoint; oauth only, and required there, as is clientId. */
  readonly tokenUrl?: string
  readonly clientId?: string
}

/** A connection as the store has it, its credential open. */
export interface Connection extends NewConnection {
  readonly state: 'active' | 'revoked'
}

/** What a refresh changes. */
export interface Renewal {
  readonly credential: Credential
  readonly baseUrl: string
}

interface Row {
  readonly id: string
  readonly platform: Platform
  readonly base_url: string
  readonly state: 'active' | 'revoked'
  readonly credential: Uint8Array
  readonly key_id: string
  readonly token_url: string | null
  readonly client_id: string | null
}

/** The credential and a fingerprint of the one it was set up with, so that setting up again keeps what was rotated. */
interface SealedCredential {
  readonly credential: Credential
  readonly given: string
}

const place = (id: string): Place => ({ table: 'connections', row: id, column: 'credential' })

/**
 * Creates the connection or changes it. The same credential given again leaves the stored one (its tokens may have been
 * rotated since) and its state alone; another one replaces it and makes the connection active.
 * Throws `bad_request` when an oauth connection has no tokenUrl or clientId, or the id belongs to another platform.
 */
export async function saveConnection(store: Store, given: NewConnection): Promise<void> {
  if (given.credential.kind === 'oauth' && (!given.tokenUrl || !given.clientId)) {
    throw fault('bad_request', { message: 'an oauth connection needs tokenUrl and clientId' })
  }
  await store.ask('Saving the connection', (sql) => sql.begin((tx) => save(store, tx, given)))
}

async function save(
  store: Store,
  sql: postgres.TransactionSql,
  given: NewConnection,
): Promise<void> {
  const { id, platform, baseUrl, tokenUrl = null, clientId = null } = given
  const print = fingerprint(given.credential)
  const sealed = sealCredential(store, id, { credential: given.credential, given: print })
  const [old] = await sql<Row[]>`
    select * from sluice_store.connections where id = ${id} for update`
  if (old === undefined) {
    await sql`
      insert into sluice_store.connections
        (id, platform, base_url, kind, credential, key_id, token_url, client_id)
      values (${id}, ${platform}, ${baseUrl}, ${given.credential.kind}, ${sealed.bytes},
        ${sealed.keyId}, ${tokenUrl}, ${clientId})`
    return
  }
  if (old.platform !== platform) {
    throw fault('bad_request', { message: `connection "${id}" belongs to ${old.platform}` })
  }
  const same = openCredential(store, old).given === print
  const credential = same ? { bytes: old.credential, keyId: old.key_id } : sealed
  await sql`
    update sluice_store.connections
    set base_url = ${baseUrl}, token_url = ${tokenUrl}, client_id = ${clientId},
      kind = ${given.credential.kind}, credential = ${credential.bytes},
      key_id = ${credential.keyId}, state = ${same ? old.state : 'active'},
      updated_at = now()
    where id = ${id}`
  await touchSyncs(sql, id)
}

/** The connection. `lock`: holds its row until the transaction ends. Throws `not_found`. */
export async function readConnection(
  store: Store,
  id: string,
  { sql, lock }: { sql: Querier; lock: boolean },
): Promise<Connection> {
  const [row] = await sql<Row[]>`
    select * from sluice_store.connections where id = ${id} ${lock ? sql`for update` : sql``}`
  if (row === undefined) throw fault('not_found', { message: `connection "${id}" not found` })
  return {
    id,
    platform: row.platform,
    baseUrl: row.base_url,
    credential: openCredential(store, row).credential,
    ...(row.token_url === null ? {} : { tokenUrl: row.token_url }),
    ...(row.client_id === null ? {} : { clientId: row.client_id }),
    state: row.state,
  }
}

/**
 * Writes what a refresh brought, if the stored credential is still the one it began with. False: it is not, and nothing
 * was written.
 */
export async function renewConnection(
  store: Store,
  { sql, id, before, renewal }: {
    sql: Querier
    id: string
    before: Credential
    renewal: Renewal
  },
): Promise<boolean> {
  const [row] = await sql<Row[]>`
    select * from sluice_store.connections where id = ${id} for update`
  if (row === undefined) return false
  const { credential, given } = openCredential(store, row)
  if (!isDeepStrictEqual(credential, before)) return false
  const sealed = sealCredential(store, id, { credential: renewal.credential, given })
  await sql`
    update sluice_store.connections
    set credential = ${sealed.bytes}, key_id = ${sealed.keyId}, base_url = ${renewal.baseUrl},
      updated_at = now()
    where id = ${id}`
  if (renewal.baseUrl !== row.base_url) await touchSyncs(sql, id)
  return true
}

/** Marks the connection revoked: its platform refused the grant. */
export async function revokeConnection(sql: Querier, id: string): Promise<void> {
  await sql`
    update sluice_store.connections
    set state = 'revoked', updated_at = now() where id = ${id}`
}

/** Seals the credential again with the current key; for rotation of the store's keys. */
export async function resealConnection(
  store: Store,
  sql: postgres.TransactionSql,
  id: string,
): Promise<void> {
  const [row] = await sql<Row[]>`
    select * from sluice_store.connections where id = ${id} for update`
  if (row === undefined || row.key_id === store.keyring.current) return
  const sealed = sealCredential(store, id, openCredential(store, row))
  await sql`
    update sluice_store.connections set credential = ${sealed.bytes}, key_id = ${sealed.keyId}
    where id = ${id}`
}

/** Whoever read the syncs of this connection has to read them again. */
async function touchSyncs(sql: Querier, connectionId: string): Promise<void> {
  await sql`
    update sluice_store.syncs set version = version + 1 where connection_id = ${connectionId}`
}

function sealCredential(store: Store, id: string, value: SealedCredential) {
  return seal(store.keyring, place(id), JSON.stringify(value))
}

function openCredential(store: Store, row: Row): SealedCredential {
  const sealed = { bytes: row.credential, keyId: row.key_id }
  return JSON.parse(open(store.keyring, place(row.id), sealed)) as SealedCredential
}

function fingerprint(credential: Credential): string {
  const secret = credential.kind === 'key'
    ? ['key', credential.key]
    : ['oauth', credential.refreshToken, credential.clientSecret ?? null]
  return createHash('sha256').update(JSON.stringify(secret)).digest('base64')
}
