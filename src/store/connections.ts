// Room store: connections and their credentials. A credential is one sealed value; it is only ever open in memory.

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { never } from '../lib/assert.ts'
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
  /** A GitHub App's installation: the app signs for its tokens. */
  | {
    readonly kind: 'app'
    readonly appId: string
    /** PEM, RSA. */
    readonly privateKey: string
    readonly installationId: string
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
  /** What the platform's adapter documents, JSON, nothing secret; none when absent. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The account at the platform, where it is known. */
  readonly account?: string
}

export interface SaveOptions {
  /** Take an equal credential anew as well: its tokens, and a revocation, are forgotten. */
  readonly replace?: boolean
  /** `revoked`: nobody has connected the account yet. `active` when absent. */
  readonly state?: Connection['state']
  /** Change the connection only while its credential is the one with this fingerprint. */
  readonly onlyGiven?: string
}

/** A connection as the store has it, its credential open. */
export interface Connection extends NewConnection {
  readonly settings: Readonly<Record<string, unknown>>
  readonly state: 'active' | 'revoked'
  /** Fingerprint of the credential that it was set up with. */
  readonly given: string
}

/** What a refresh changes. */
export interface Renewal {
  readonly credential: Credential
  readonly baseUrl: string
  /** The account, where the platform told it; the one that is known already stays. */
  readonly account?: string
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
  readonly account: string | null
  readonly settings: Readonly<Record<string, unknown>>
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
 * rotated since) and its state alone, unless `replace` says otherwise; another one replaces it, makes the connection
 * active, and may be another account's: the old account is forgotten. Throws `bad_request` when an oauth connection has no tokenUrl or clientId, the id belongs to another platform,
 * or the connection is no longer the one of `onlyGiven`.
 */
export async function saveConnection(
  store: Store,
  given: NewConnection,
  options: SaveOptions = {},
): Promise<void> {
  if (given.credential.kind === 'oauth' && (!given.tokenUrl || !given.clientId)) {
    throw fault('bad_request', { message: 'an oauth connection needs tokenUrl and clientId' })
  }
  await store.ask('Saving the connection', async (sql) => {
    for (let tries = 0; tries < triesMax; tries++) {
      if (options.onlyGiven === undefined && await insert(store, sql, { ...given, ...options })) {
        return
      }
      if (await change(store, sql, { ...given, ...options })) return
    }
    throw fault('service_unreachable', { message: `connection "${given.id}" is being changed` })
  })
}

async function insert(store: Store, sql: Sql, given: NewConnection & SaveOptions) {
  const { id, platform, baseUrl, credential, tokenUrl = null, clientId = null } = given
  const { account = null, state = 'active' } = given
  const settings = JSON.stringify(given.settings ?? {})
  const sealed = sealCredential(store, id, { credential, given: fingerprint(credential) })
  const { obtainedAt, expiresAt } = momentsOf(credential)
  const made = await sql`
    insert into sluice_store.connections
      (id, platform, base_url, kind, credential, key_id, token_url, client_id, settings,
        account, state, obtained_at, expires_at)
    values (${id}, ${platform}, ${baseUrl}, ${credential.kind}, ${sealed.bytes},
      ${sealed.keyId}, ${tokenUrl}, ${clientId}, ${settings}::text::jsonb,
      ${account}, ${state}, ${obtainedAt}, ${expiresAt})
    on conflict (id) do nothing`
  return made.count > 0
}

/** False: somebody else changed it meanwhile. */
async function change(store: Store, sql: Sql, given: NewConnection & SaveOptions) {
  const { id, platform, baseUrl, tokenUrl = null, clientId = null, account = null } = given
  const [old] = await sql<Row[]>`select * from sluice_store.connections where id = ${id}`
  if (old === undefined) return given.onlyGiven === undefined ? false : throwChanged(id)
  if (old.platform !== platform) {
    throw fault('bad_request', { message: `connection "${id}" belongs to ${old.platform}` })
  }
  const held = openCredential(store, old)
  if (given.onlyGiven !== undefined && held.given !== given.onlyGiven) throwChanged(id)
  const print = fingerprint(given.credential)
  const equal = held.given === print
  const same = given.replace !== true && equal
  const fresh = sealCredential(store, id, { credential: given.credential, given: print })
  const { bytes, keyId } = same ? { bytes: old.credential, keyId: old.key_id } : fresh
  const { obtainedAt, expiresAt } = momentsOf(same ? held.credential : given.credential)
  const settings = JSON.stringify(given.settings ?? {})
  const changed = await sql`
    with changed as (
      update sluice_store.connections
      set base_url = ${baseUrl}, token_url = ${tokenUrl}, client_id = ${clientId},
        settings = ${settings}::text::jsonb,
        account = coalesce(${account}, case when ${equal} then account end),
        kind = ${given.credential.kind}, credential = ${bytes}, key_id = ${keyId},
        obtained_at = ${obtainedAt}, expires_at = ${expiresAt},
        state = ${same ? old.state : given.state ?? 'active'}, updated_at = now(),
        lease = case when ${same} then lease end,
        lease_until = case when ${same} then lease_until end
      where id = ${id} and credential = ${old.credential} and state = ${old.state}
      returning id
    ), touched as (${touchSyncs(sql)})
    select from changed`
  return changed.count > 0
}

function throwChanged(id: string): never {
  throw fault('bad_request', { message: `connection "${id}" was changed meanwhile` })
}

/** When the access token was obtained and when it ends, where that is known. */
function momentsOf(credential: Credential): { obtainedAt: Date | null; expiresAt: Date | null } {
  if (credential.kind === 'key') return { obtainedAt: null, expiresAt: null }
  const { obtainedAt, expiresAt } = credential
  const moment = (ms: number | undefined) => ms === undefined ? null : new Date(ms)
  return { obtainedAt: moment(obtainedAt), expiresAt: moment(expiresAt) }
}

/** Changes where a connection leads, not its credential. Throws `not_found`, `service_unreachable`. */
export async function changeConnection(
  store: Store,
  { id, baseUrl, settings = {}, tokenUrl }: Pick<
    NewConnection,
    'id' | 'baseUrl' | 'settings' | 'tokenUrl'
  >,
): Promise<void> {
  const changed = await store.ask('Changing the connection', (sql) =>
    sql`
      with changed as (
        update sluice_store.connections
        set base_url = ${baseUrl}, settings = ${JSON.stringify(settings)}::text::jsonb,
          token_url = coalesce(${tokenUrl ?? null}, token_url), updated_at = now()
        where id = ${id} returning id
      ), touched as (${touchSyncs(sql)})
      select from changed`)
  if (changed.count === 0) throw fault('not_found', { message: `connection "${id}" not found` })
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
 * Writes what a refresh brought and gives the right back, in one commit, as long as the stored credential is the one that
 * was renewed: whoever has the right by then, and whatever was refused to them since, these tokens came of that very
 * credential. True: they are stored, now or by a commit whose answer was lost. False: the credential is another one, or
 * the connection is gone, and nothing was written. Throws `service_unreachable`.
 */
export async function renewConnection(
  store: Store,
  { before, renewal }: { before: Connection; renewal: Renewal },
): Promise<boolean> {
  const { id } = before
  return await store.ask('Saving the credential', async (sql) => {
    for (let tries = 0; tries < triesMax; tries++) {
      const [row] = await sql<Row[]>`select * from sluice_store.connections where id = ${id}`
      if (row === undefined) return false
      // sealing again changes the bytes, not what they hold
      const { credential, given } = openCredential(store, row)
      if (isDeepStrictEqual(credential, renewal.credential)) return true
      if (!isDeepStrictEqual(credential, before.credential)) return false
      if (await writeRenewal(store, sql, { row, given, before, renewal })) return true
    }
    throw fault('service_unreachable', { message: `connection "${id}" is being changed` })
  })
}

interface Rewriting {
  /** The row as it was read. */
  readonly row: Row
  readonly given: string
  readonly before: Connection
  readonly renewal: Renewal
}

/** False: somebody else changed the row meanwhile. */
async function writeRenewal(
  store: Store,
  sql: Sql,
  { row: { id, credential: bytes }, given, before, renewal }: Rewriting,
): Promise<boolean> {
  const { credential, baseUrl, account = null } = renewal
  const sealed = sealCredential(store, id, { credential, given })
  const { obtainedAt, expiresAt } = momentsOf(credential)
  const moved = baseUrl !== before.baseUrl
  const changed = await sql`
    with changed as (
      update sluice_store.connections
      set credential = ${sealed.bytes}, key_id = ${sealed.keyId}, state = 'active',
        base_url = case when ${moved} then ${baseUrl} else base_url end,
        account = coalesce(account, ${account}),
        obtained_at = ${obtainedAt}, expires_at = ${expiresAt},
        lease = null, lease_until = null, updated_at = now()
      where id = ${id} and credential = ${bytes} returning id
    ), touched as (${touchSyncs(sql)} and ${moved})
    select from changed`
  return changed.count > 0
}

/**
 * Marks the connection revoked: its platform refused the grant. With a lease, only while that is held; false: it is not,
 * and nothing was written.
 */
export async function revokeConnection(
  store: Store,
  { id, lease }: { id: string; lease?: string },
): Promise<boolean> {
  const changed = await store.ask('Revoking the connection', (sql) =>
    sql`
      update sluice_store.connections
      set state = 'revoked', lease = null, lease_until = null, updated_at = now()
      where id = ${id} ${lease === undefined ? sql`` : sql`and lease = ${lease}`}`)
  return changed.count > 0
}

/**
 * Connections whose tokens ought to be renewed before somebody needs them: they end within `aheadMs` (or within the last
 * fifth of a short life), or nobody has renewed them for `oldMs`. Those that are being renewed are left out. In no order,
 * so that ones which fail do not stand before the others. Throws `service_unreachable`.
 */
export async function dueConnections(
  store: Store,
  { now, aheadMs, oldMs, limit }: { now: number; aheadMs: number; oldMs: number; limit: number },
): Promise<string[]> {
  const [soon, old] = [new Date(now + aheadMs), new Date(now - oldMs)]
  const rows = await store.ask('Reading the due connections', (sql) =>
    sql<{ id: string }[]>`
      select id from sluice_store.connections
      where kind in ('oauth', 'app') and state = 'active'
        and (lease_until is null or lease_until < now())
        and (expires_at < ${soon} and (obtained_at is null or
            expires_at - (expires_at - obtained_at) * 0.2 < ${new Date(now)})
          or coalesce(obtained_at, updated_at) < ${old})
      order by random() limit ${limit}`)
  return rows.map(({ id }) => id)
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
    settings: row.settings,
    ...openCredential(store, row),
    ...(row.token_url === null ? {} : { tokenUrl: row.token_url }),
    ...(row.client_id === null ? {} : { clientId: row.client_id }),
    ...(row.account === null ? {} : { account: row.account }),
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
  return createHash('sha256').update(JSON.stringify(secretsOf(credential))).digest('base64')
}

function secretsOf(credential: Credential): readonly (string | null)[] {
  switch (credential.kind) {
    case 'key':
      return ['key', credential.key]
    case 'oauth':
      return ['oauth', credential.refreshToken, credential.clientSecret ?? null]
    case 'app':
      return ['app', credential.appId, credential.installationId, credential.privateKey]
    default:
      return never(credential)
  }
}
