// Room service: access tokens. A token is refreshed once, however many mutations in however many processes ask, and is
// used only after it and the refresh token that came with it are committed in the store.

import {
  type Deadline,
  DeadlineExceeded,
  deadlineIn,
  remainingMs,
  withDeadline,
} from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { Fault, fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Tokens } from '../platforms/platform.ts'
import {
  type Connection,
  type Credential,
  readConnection,
  type Renewal,
  renewConnection,
  revokeConnection,
} from '../store/connections.ts'
import { type Store, storeDown } from '../store/store.ts'

export interface CredentialsDeps {
  readonly store: Store
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  readonly now: () => number
}

export interface Credentials {
  /** The token to use, if it is known and fresh; asks nobody. */
  peek(connectionId: string): string | null
  /**
   * The token to use, other than the one `refused`. Throws `credential_refused`, `unreachable`, `platform_failed`,
   * `service_unreachable`.
   */
  token(connectionId: string, options: { refused?: string; deadline: Deadline }): Promise<string>
  /** Saves what could not be saved yet. False: some tokens are still in memory only. */
  flush(): Promise<boolean>
}

/** A token in memory. From `refreshAt` on (milliseconds since 1970) the store is asked again. */
interface Ready {
  readonly token: string
  readonly refreshAt: number
  readonly platform: Platform
}

/** Tokens that a platform gave and the store did not take yet. */
interface Unsaved {
  /** The credential that was renewed. */
  readonly before: Credential
  readonly renewal: Renewal
}

const aheadMs = 60_000
const lockWaitMs = requestWaitMs + 10_000
const saveTriesMax = 4
const flightsMax = 3
const connectionsMax = 10_000
/** How long a token is used without asking the store, which may know that the connection was revoked or replaced. */
const keptMs = 60_000
/** After a refresh ahead of time failed, the token that is still valid is used that long. */
const tryAgainMs = 10_000

export function createCredentials(deps: CredentialsDeps): Credentials {
  const ready = new Map<string, Ready>()
  const flights = new Map<string, Promise<Ready>>()
  const unsaved = new Map<string, Unsaved>()
  const peek = (id: string, refused?: string) => {
    const held = ready.get(id)
    return held !== undefined && held.token !== refused && deps.now() < held.refreshAt ? held : null
  }
  const fly = (id: string, refused: string | undefined) => {
    const flight = obtain({ ...deps, unsaved }, { id, refused }).then((got) => {
      if (ready.size >= connectionsMax) ready.clear()
      ready.set(id, { ...got, refreshAt: Math.min(got.refreshAt, deps.now() + keptMs) })
      return got
    }).finally(() => flights.delete(id))
    flights.set(id, flight)
    return flight
  }
  return {
    peek: (id) => peek(id)?.token ?? null,
    token: async (id, { refused, deadline }) => {
      // a flight that began before the refusal may bring the refused token: then one more
      for (let tries = 1;; tries++) {
        const flight = peek(id, refused) ?? flights.get(id) ?? fly(id, refused)
        const got = await within(Promise.resolve(flight), { deadline, now: deps.now })
        if (got.token !== refused) return got.token
        if (tries === flightsMax) throw revoked({ id, platform: got.platform })
      }
    },
    flush: async () => {
      for (const id of unsaved.keys()) await saveAgain({ ...deps, unsaved }, id).catch(() => {})
      return unsaved.size === 0
    },
  }
}

type Work = CredentialsDeps & { readonly unsaved: Map<string, Unsaved> }

interface Wanted {
  readonly id: string
  readonly refused: string | undefined
}

async function obtain(work: Work, { id, refused }: Wanted): Promise<Ready> {
  if (work.unsaved.has(id)) await saveAgain(work, id)
  const stored = await readStored(work, id)
  const usable = readyToken(stored, { refused, now: work.now() })
  if (usable !== null) return usable
  try {
    return await renew(work, { id, refused })
  } catch (error) {
    const valid = refused === undefined ? stillValid(stored, work.now()) : null
    if (valid === null || (error instanceof Fault && error.code === 'credential_refused')) {
      throw error
    }
    work.log.warn('credential.refresh_failed', { connection: id, error })
    return valid
  }
}

function readStored({ store }: Work, id: string): Promise<Connection> {
  return store.ask(
    'Reading the credential',
    (sql) => readConnection(store, id, { sql, lock: false }),
  )
}

/** Refreshes under the row's lock, so that of all processes one does it and the others find its token. */
async function renew(work: Work, { id, refused }: Wanted): Promise<Ready> {
  const { store, log } = work
  const renewed = store.slowSql.begin(async (sql) => {
    await sql`select set_config('lock_timeout', ${`${lockWaitMs}ms`}, true)`
    const connection = await readConnection(store, id, { sql, lock: true })
    const usable = readyToken(connection, { refused, now: work.now() })
    if (usable !== null) return usable
    const renewal = await refresh(work, connection)
    if (renewal === null) {
      await revokeConnection(sql, id)
      return null
    }
    const before = connection.credential
    work.unsaved.set(id, { before, renewal })
    await renewConnection(store, { sql, id, before, renewal })
    log.info('credential.refreshed', { connection: id })
    return readyToken({ ...connection, ...renewal }, { refused: undefined, now: -Infinity })
  }) as Promise<Ready | null>
  const waitMs = lockWaitMs + requestWaitMs + 10_000
  const got = await withDeadline(renewed, { waitMs, what: 'Refreshing' }).catch(async (error) => {
    if (error instanceof Fault) throw error
    log.error('credential.not_saved', { connection: id, error })
    if (!work.unsaved.has(id)) throw storeDown('Refreshing the credential', error)
    await saveAgain(work, id)
    const stored = await readStored(work, id)
    return readyToken(stored, { refused, now: work.now() })
  })
  work.unsaved.delete(id)
  if (got === null) throw revoked(await readStored(work, id))
  return got
}

/** The grant. null: the platform refused it. Throws `unreachable`, `platform_failed`. */
async function refresh(work: Work, connection: Connection): Promise<Renewal | null> {
  const { credential, platform, tokenUrl, clientId } = connection
  if (credential.kind !== 'oauth' || tokenUrl === undefined || clientId === undefined) return null
  const { refreshToken, clientSecret } = credential
  try {
    const tokens = await work.adapterFor(platform).refresh({
      http: work.http,
      deadline: deadlineIn(requestWaitMs, work.now()),
      tokenUrl,
      refreshToken,
      clientId,
      ...(clientSecret === undefined ? {} : { clientSecret }),
    })
    return {
      credential: withTokens(credential, tokens, work.now()),
      baseUrl: baseUrlOf(connection, tokens),
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'credential_refused') {
      work.log.warn('credential.revoked', { connection: connection.id, error })
      return null
    }
    throw error
  }
}

function withTokens(
  credential: Extract<Credential, { kind: 'oauth' }>,
  tokens: Tokens,
  now: number,
): Credential {
  const { expiresAt: _old, ...rest } = credential
  return {
    ...rest,
    refreshToken: tokens.refreshToken ?? credential.refreshToken,
    accessToken: tokens.accessToken,
    obtainedAt: now,
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
  }
}

function baseUrlOf(connection: Connection, tokens: Tokens): string {
  return (tokens.baseUrl ?? connection.baseUrl).replace(/\/+$/, '')
}

/** Stores tokens that a commit has lost. When the store's are no longer those that were renewed, the
 * commit was not lost, or the connection was set up anew. */
async function saveAgain(work: Work, id: string): Promise<void> {
  const held = work.unsaved.get(id)
  if (held === undefined) return
  let last: unknown
  for (let tries = 0; tries < saveTriesMax; tries++) {
    try {
      await work.store.ask(
        'Saving the credential',
        (sql) => sql.begin((tx) => renewConnection(work.store, { sql: tx, id, ...held })),
      )
      work.unsaved.delete(id)
      return
    } catch (error) {
      last = error
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** tries))
    }
  }
  throw storeDown('Saving the credential', last)
}

/** The stored token, if it is not the refused one and not yet to be refreshed. Throws `credential_refused`. */
function readyToken(
  connection: Connection,
  { refused, now }: { refused: string | undefined; now: number },
): Ready | null {
  const { credential, platform, state } = connection
  if (state === 'revoked') throw revoked(connection)
  if (credential.kind === 'key') {
    if (credential.key === refused) throw revoked(connection)
    return { token: credential.key, refreshAt: Infinity, platform }
  }
  const { accessToken: token } = credential
  const refreshAt = refreshTime(credential)
  if (token === undefined || token === refused || now >= refreshAt) return null
  return { token, refreshAt, platform }
}

/** A minute before a token expires, or after nine tenths of a short life. */
function refreshTime({ obtainedAt, expiresAt }: { obtainedAt?: number; expiresAt?: number }) {
  if (expiresAt === undefined) return Infinity
  const lifeMs = Math.max(0, expiresAt - (obtainedAt ?? expiresAt))
  return expiresAt - Math.min(aheadMs, lifeMs === 0 ? aheadMs : lifeMs / 10)
}

function stillValid({ credential, platform }: Connection, now: number): Ready | null {
  if (credential.kind !== 'oauth') return null
  const { accessToken: token, expiresAt } = credential
  if (token === undefined || expiresAt === undefined || now >= expiresAt) return null
  return { token, refreshAt: Math.min(expiresAt, now + tryAgainMs), platform }
}

function revoked({ id, platform }: { id: string; platform: Platform }): Fault {
  return fault('credential_refused', {
    platform,
    detail: `The credential of connection "${id}" is no longer accepted.`,
    hint: 'Connect the account again.',
  })
}

async function within<T>(
  promise: Promise<T>,
  { deadline, now }: { deadline: Deadline; now: () => number },
): Promise<T> {
  const waitMs = remainingMs(deadline, now())
  try {
    return await withDeadline(promise, { waitMs, what: 'Refreshing the credential' })
  } catch (error) {
    if (!(error instanceof DeadlineExceeded)) throw error
    const detail = 'The access token was not refreshed in time.'
    throw fault('unreachable', { detail }, { cause: error })
  }
}
