// Room service: access tokens. A token is refreshed once, however many mutations in however many processes ask, and is
// used only after it and the refresh token that came with it are committed in the store.

import { randomUUID } from 'node:crypto'
import { required } from '../lib/assert.ts'
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
  leaseConnection,
  readConnection,
  releaseConnection,
  type Renewal,
  renewConnection,
  revokeConnection,
} from '../store/connections.ts'
import type { Store } from '../store/store.ts'

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
  readonly lease: string
  /** The connection whose credential was renewed. */
  readonly before: Connection
  readonly renewal: Renewal
}

const aheadMs = 60_000
/** The right to refresh covers the request and several tries to save what it brought. */
const leaseMs = requestWaitMs + 45_000
/** How long a process waits for what another one is refreshing. */
const othersWaitMs = requestWaitMs + 10_000
const pollMs = 50
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
      for (const id of unsaved.keys()) await save({ ...deps, unsaved }, id).catch(() => {})
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
  if (work.unsaved.has(id)) await save(work, id)
  const stored = await readConnection(work.store, id)
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

/** Refreshes under a lease, so that of all processes one does it and the others find its token. */
async function renew(work: Work, { id, refused }: Wanted): Promise<Ready> {
  const { store, now } = work
  const lease = randomUUID()
  const end = now() + othersWaitMs
  for (;;) {
    const before = await leaseConnection(store, { id, lease, waitMs: leaseMs })
    const current = before ?? await readConnection(store, id)
    const usable = tokenOrRevoked(current, { refused, now: now() })
    if (usable === null && before !== null) return await exchange(work, before, lease)
    if (before !== null) await releaseConnection(store, { id, lease })
    if (usable instanceof Fault) throw usable
    if (usable !== null) return usable
    if (now() > end) break
    await wait(pollMs)
  }
  throw fault('unreachable', { detail: 'Another process is still refreshing the access token.' })
}

/** Exchanges the refresh token and saves what it brings before anybody uses it. */
async function exchange(work: Work, before: Connection, lease: string): Promise<Ready> {
  const { store, log, unsaved } = work
  const { id } = before
  let renewal: Renewal | null
  try {
    renewal = await refresh(work, before)
  } catch (error) {
    await releaseConnection(store, { id, lease }).catch(() => {}) // it ends by itself
    throw error
  }
  if (renewal === null) {
    await revokeConnection(store, { id, lease })
    throw revoked(before)
  }
  unsaved.set(id, { lease, before, renewal })
  await save(work, id)
  log.info('credential.refreshed', { connection: id })
  const fresh = readyToken({ ...before, ...renewal }, { refused: undefined, now: -Infinity })
  return required(fresh, 'the token that was just obtained')
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

/**
 * Saves tokens that are in memory only. When the lease is no longer there, they were saved by a commit whose answer was
 * lost, or the connection was set up anew.
 */
async function save({ store, unsaved, log }: Work, id: string): Promise<void> {
  const held = unsaved.get(id)
  if (held === undefined) return
  for (let tries = 1;; tries++) {
    try {
      await renewConnection(store, held)
      unsaved.delete(id)
      return
    } catch (error) {
      log.error('credential.not_saved', { connection: id, tries, error })
      if (tries === saveTriesMax) throw error
      await wait(100 * 2 ** tries)
    }
  }
}

function tokenOrRevoked(
  connection: Connection,
  options: { refused: string | undefined; now: number },
): Ready | Fault | null {
  try {
    return readyToken(connection, options)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
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

function wait(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
