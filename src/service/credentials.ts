// Room service: access tokens. A token is refreshed once, however many mutations in however many processes ask, and is
// used only after it and the refresh token that came with it are committed in the store.

import { randomUUID } from 'node:crypto'
import { required } from '../lib/assert.ts'
import { type Deadline, DeadlineExceeded, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { Fault, fault } from '../mutation/fault.ts'
import type { ServiceMetrics } from './metrics.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter } from '../platforms/platform.ts'
import { GrantRefused } from '../platforms/refusal.ts'
import {
  type Connection,
  leaseConnection,
  readConnection,
  releaseConnection,
  type Renewal,
  revokeConnection,
} from '../store/connections.ts'
import type { Store } from '../store/store.ts'
import { isDue, type Ready, readyToken, revoked, stillValid } from './ready.ts'
import { refresh } from './refresh.ts'
import { createSetbacks, type Setbacks } from './setbacks.ts'
import { createUnsaved, type Unsaved } from './unsaved.ts'

export interface CredentialsDeps {
  readonly store: Store
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  readonly now: () => number
  readonly metrics: Pick<ServiceMetrics, 'refreshes'>
  /** What a client is told to do when the connection's credential is refused; good only for the client's eyes. */
  readonly hintFor: (connection: Connection) => string
}

export interface Credentials {
  /** The token to use, if it is known and fresh; asks nobody. */
  peek(connectionId: string): string | null
  /**
   * The token to use, other than the one `refused`. Throws `credential_refused`, `unreachable`, `platform_failed`,
   * `rate_limited`, `service_unreachable`.
   */
  token(connectionId: string, options: { refused?: string; deadline: Deadline }): Promise<string>
  /** The connection was changed: the store is asked again before its token is used. */
  forget(connectionId: string): void
  /**
   * What the client is told to do when the platform refuses the credential: it can hold a link that connects an account,
   * so that it goes to the client and nowhere else. Throws `not_found`, `service_unreachable`.
   */
  hint(connectionId: string): Promise<string>
  /**
   * Renews the tokens of a connection that is due (see `isDue`), ahead of need. False: it was not, or another process is
   * at it. Throws as `token`.
   */
  renewDue(connectionId: string): Promise<boolean>
  /** Saves what could not be saved yet. False: some tokens are still in memory only. */
  flush(): Promise<boolean>
}

/** The right to refresh covers the request and several tries to save what it brought. */
const leaseMs = requestWaitMs + 45_000
/** How long a process waits for what another one is refreshing. */
const othersWaitMs = requestWaitMs + 10_000
const pollMs = 50
const flightsMax = 3
const connectionsMax = 10_000
/** How long a token is used without asking the store, which may know that the connection was revoked or replaced. */
const keptMs = 60_000

export function createCredentials(deps: CredentialsDeps): Credentials {
  const ready = new Map<string, Ready>()
  const flights = new Map<string, Promise<Ready>>()
  const work = { ...deps, unsaved: createUnsaved(deps), setbacks: createSetbacks(deps) }
  const { unsaved, setbacks } = work
  const peek = (id: string, refused?: string) => {
    const held = ready.get(id)
    return held !== undefined && held.token !== refused && deps.now() < held.refreshAt ? held : null
  }
  const keep = (id: string, got: Ready) => {
    if (ready.size >= connectionsMax) ready.clear()
    ready.set(id, { ...got, refreshAt: Math.min(got.refreshAt, deps.now() + keptMs) })
  }
  const fly = (id: string, refused: string | undefined) => {
    const flight = obtain(work, { id, refused }).then((got) => {
      keep(id, got)
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
        if (tries === flightsMax) throw revoked(await readConnection(deps.store, id))
      }
    },
    forget: (id) => {
      ready.delete(id)
      setbacks.clear(id)
    },
    hint: async (id) => deps.hintFor(await readConnection(deps.store, id)),
    renewDue: async (id) => {
      await unsaved.saveAgain(id)
      const got = await renewAhead(work, id)
      if (got !== null) keep(id, got)
      return got !== null
    },
    flush: () => unsaved.flush(),
  }
}

type Work = CredentialsDeps & { readonly unsaved: Unsaved; readonly setbacks: Setbacks }

interface Wanted {
  readonly id: string
  readonly refused: string | undefined
}

async function obtain(work: Work, { id, refused }: Wanted): Promise<Ready> {
  await work.unsaved.saveAgain(id)
  const stored = await readConnection(work.store, id)
  const usable = readyToken(stored, { refused, now: work.now() })
  if (usable !== null) return usable
  try {
    const setback = work.setbacks.current(id)
    if (setback !== null) throw setback
    return await renew(work, { id, refused })
  } catch (error) {
    const valid = refused === undefined ? stillValid(stored, work.now()) : null
    if (valid === null || error instanceof GrantRefused) throw error
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
    if (usable === null && before !== null) {
      const got = await exchange(work, before, lease)
      if (got !== null) return got
    } else if (before !== null) await releaseConnection(store, { id, lease })
    if (usable instanceof Fault) throw usable
    if (usable !== null) return usable
    if (now() > end) break
    await wait(pollMs)
  }
  throw fault('unreachable', { detail: 'Another process is still refreshing the access token.' })
}

/** Renews a connection that is due under the lease. Null: it is not due, or others have the lease. */
async function renewAhead(work: Work, id: string): Promise<Ready | null> {
  const { store, now } = work
  const lease = randomUUID()
  const before = await leaseConnection(store, { id, lease, waitMs: leaseMs })
  if (before === null) return null
  if (before.state === 'active' && isDue(before.credential, now())) {
    return await exchange(work, before, lease)
  }
  await releaseConnection(store, { id, lease })
  return null
}

/**
 * Exchanges the refresh token and saves what it brings before anybody uses it. Null: the connection has another credential
 * by now, which is to be looked at.
 */
async function exchange(work: Work, before: Connection, lease: string): Promise<Ready | null> {
  const { log, setbacks, unsaved } = work
  const { id } = before
  const renewal = await ask(work, before, lease)
  if (renewal === null) return null
  const saved = await unsaved.save({ before, renewal })
  setbacks.clear(id)
  if (!saved) return null
  log.info('credential.refreshed', { connection: id })
  const fresh = readyToken({ ...before, ...renewal }, { refused: undefined, now: -Infinity })
  return required(fresh, 'the token that was just obtained')
}

/**
 * What the platform gives for the credential. Null: it refuses a credential that was replaced meanwhile. Throws
 * `GrantRefused` after the connection is marked, and other failures with the seconds until the next try.
 */
async function ask(work: Work, before: Connection, lease: string): Promise<Renewal | null> {
  const { store, log, setbacks } = work
  const { id, platform } = before
  const count = (result: string) => work.metrics.refreshes.add({ platform, result })
  try {
    const renewal = await refresh(work, before)
    if (renewal !== null) {
      count('refreshed')
      return renewal
    }
  } catch (error) {
    count(error instanceof GrantRefused ? 'refused' : 'failed')
    if (!(error instanceof GrantRefused)) {
      await releaseConnection(store, { id, lease }).catch(() => {}) // it ends by itself
      throw isOfPlatform(error) ? setbacks.add(id, error) : error
    }
    log.warn('credential.revoked', { connection: id, error })
  }
  setbacks.clear(id)
  if (await revokeConnection(store, { id, lease })) throw revoked(before)
  return null
}

function isOfPlatform(error: unknown): error is Fault {
  return error instanceof Fault && error.code !== 'service_unreachable'
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
