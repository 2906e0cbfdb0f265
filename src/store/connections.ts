// Room store: connections and their credentials. A credential is one sealed value; it is only ever open in memory.

import { createHash } from 'node:crypto'
import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import { open, type Place, seal } from './seal.ts'
import type { Sql, Store } from './store.ts'

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
  /** Fingerprint of the credential that it was set up with. */
  readonly given: string
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
const triesMax = 5

/**
 * Creates the connection or changes it. The same credential given again leaves the stored one (its tokens may have been
 * rotated since) and its state alone; another one replaces it and makes the connection active.
 * Throws `bad_request` when an oauth connection has no tokenUrl or clientId, or the id belongs to another platform.
 */
export async function saveConnection(store: Store, given: NewConnection): Promise<void> {
  if (given.credential.kind === 'oauth' && (!given.tokenUrl || !given.clientId)) {
    throw fault('bad_request', { message: 'an oauth connection needs tokenUrl and clientId' })
  }
  await store.ask('Saving the connection', async (sql) => {
    for (let tries = 0; tries < triesMax; tries++) {
      if (await insert(store, sql, given) || await change(store, sql, given)) return
    }
    throw fault('service_unreachable', { message: `connection "${given.id}" is being changed` })
  })
}

async function insert(store: Store, sql: Sql, given: NewConnection): Promise<boolean> {
  const { id, platform, baseUrl, credential, tokenUrl = null, clientId = null } = given
  const sealed = sealCredential(store, id, { credential, given: fingerprint(credential) })
  const made = await sql`
    insert into sluice_store.connections
      (id, platform, base_url, kind, credential, key_id, token_url, client_id)
    values (${id}, ${platform}, ${baseUrl}, ${credential.kind}, ${sealed.bytes},
      ${sealed.keyId}, ${tokenUrl}, ${clientId})
    on conflict (id) do nothing`
  return made.count > 0
}

/** False: somebody else changed it meanwhile. */
async function change(store: Store, sql: Sql, given: NewConnection): Promise<boolean> {
  const { id, platform, baseUrl, tokenUrl = null, clientId = null } = given
  const [old] = await sql<Row[]>`select * from sluice_store.connections where id = ${id}`
  if (old === undefined) return false
  if (old.platform !== platform) {
    throw fault('bad_request', { message: `connection "${id}" belongs to ${old.platform}` })
  }
  const print = fingerprint(given.credential)
  const same = openCredential(store, old).given === print
  const fresh = sealCredential(store, id, { credential: given.credential, given: print })
  const { bytes, keyId } = same ? { bytes: old.credential, keyId: old.key_id } : fresh
  const changed = await sql`
    with changed as (
      update sluice_store.connections
      set base_url = ${baseUrl}, token_url = ${tokenUrl}, client_id = ${clientId},
        kind = ${given.credential.kind}, credential = ${bytes}, key_id = ${keyId},
        state = ${same ? old.state : 'active'}, updated_at = now(),
        lease = case when ${same} then lease end,
        lease_until = case when ${same} then lease_until end
      where id = ${id} and credential = ${old.credential} and state = ${old.state}
      returning id
    ), touched as (${touchSyncs(sql)})
    select from changed`
  return changed.count > 0
}

/** The connection. Throws `not_found`, `service_unreachable`. */
export async function readConnection(store: Store, id: string): Promise<Connection> {
  const [row] = await store.ask(
    'Reading the connection',
    (sql) => sql<Row[]>`select * from sluice_store.connections where id = ${id}`,
  )
  if (row === undefined) throw fault('not_found', { message: `connection "${id}" not found` })
  return openConnection(store, row)
}

/**
 * Takes the right to refresh the credential, for `waitMs`: of all processes one has it. Gives the connection as it is
 * then; null: another process has the right. It does not hang on a session, so that it outlives a lost one.
 */
export async function leaseConnection(
  store: Store,
  { id, lease, waitMs }: { id: string; lease: string; waitMs: number },
): Promise<Connection | null> {
  const [row] = await store.ask('Leasing the connection', (sql) =>
    sql<Row[]>`
      update sluice_store.connections
      set lease = ${lease}, lease_until = now() + ${waitMs}::int * interval '1 millisecond'
      where id = ${id} and (lease_until is null or lease_until < now()) returning *`)
  return row === undefined ? null : openConnection(store, row)
}

/** Gives the right back, if it is still ours. */
export async function releaseConnection(
  store: Store,
  { id, lease }: { id: string; lease: string },
): Promise<void> {
  await store.ask('Releasing the connection', (sql) =>
    sql`
      update sluice_store.connections set lease = null, lease_until = null
      where id = ${id} and lease = ${lease}`)
}

/**
 * Writes what a refresh brought and gives the right back, in one commit. False: the right is no longer ours (it was
 * written before, or the connection was set up anew), and nothing was written.
 */
export async function renewConnection(
  store: Store,
  { lease, before, renewal }: { lease: string; before: Connection; renewal: Renewal },
): Promise<boolean> {
  const { id, given, baseUrl } = before
  const sealed = sealCredential(store, id, { credential: renewal.credential, given })
  const changed = await store.ask('Saving the credential', (sql) =>
    sql`
      with changed as (
        update sluice_store.connections
        set credential = ${sealed.bytes}, key_id = ${sealed.keyId}, base_url = ${renewal.baseUrl},
          lease = null, lease_until = null, updated_at = now()
        where id = ${id} and lease = ${lease} returning id
      ), touched as (${touchSyncs(sql)} and ${renewal.baseUrl !== baseUrl})
      select from changed`)
  return changed.count > 0
}

/** Marks the connection revoked: its platform refused the grant. With a lease, only while that is held. */
export async function revokeConnection(
  store: Store,
  { id, lease }: { id: string; lease?: string },
): Promise<void> {
  await store.ask('Revoking the connection', (sql) =>
    sql`
      update sluice_store.connections
      set state = 'revoked', lease = null, lease_until = null, updated_at = now()
      where id = ${id} ${lease === undefined ? sql`` : sql`and lease = ${lease}`}`)
}

/** Seals the credential again with the current key; for rotation of the store's keys. False: it has changed meanwhile. */
export async function resealConnection(store: Store, id: string): Promise<boolean> {
  return await store.ask('Sealing the connection', async (sql) => {
    const [row] = await sql<Row[]>`select * from sluice_store.connections where id = ${id}`
    if (row === undefined || row.key_id === store.keyring.current) return true
    const sealed = sealCredential(store, id, openCredential(store, row))
    const changed = await sql`
      update sluice_store.connections set credential = ${sealed.bytes}, key_id = ${sealed.keyId}
      where id = ${id} and credential = ${row.credential}`
    return changed.count > 0
  })
}

/** Whoever read the syncs of a connection that changed has to read them again. */
function touchSyncs(sql: Sql) {
  return sql`
    update sluice_store.syncs set version = version + 1
    where connection_id in (select id from changed)`
}

function openConnection(store: Store, row: Row): Connection {
  return {
    id: row.id,
    platform: row.platform,
    baseUrl: row.base_url,
    ...openCredential(store, row),
    ...(row.token_url === null ? {} : { tokenUrl: row.token_url }),
    ...(row.client_id === null ? {} : { clientId: row.client_id }),
    state: row.state,
  }
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
