// Room service: what adapters call their platforms with, on behalf of a connection: its credential and its turns in the
// buckets. The mutation service has one of these, and so has the sync process.

import { type Deadline, withDeadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { createMetrics } from '../lib/metrics.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import { type Connection, readConnection } from '../store/connections.ts'
import type { Store } from '../store/store.ts'
import { createCredentials, type Credentials } from './credentials.ts'
import { createLimiter, type Limiter } from './limits/limiter.ts'
import { type OpenTurns, openTurns } from './limits/turns.ts'
import { createPlatformMetrics, type PlatformMetrics } from './metrics.ts'

export interface CallersDeps {
  readonly store: Store
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  /** Milliseconds since 1970; Date.now when absent. */
  readonly now?: () => number
  /** Where requests, waits and refreshes are counted; nowhere when absent. */
  readonly metrics?: PlatformMetrics
  /** The part of every limit that work in the background may use; half when absent. */
  readonly backgroundShare?: number
  /** What a client is told to do when its connection's credential is refused; nothing when absent. */
  readonly hintFor?: (connection: Connection) => string
}

export interface Callers {
  readonly credentials: Credentials
  readonly limiter: Limiter
  readonly turns: OpenTurns
  /**
   * What an adapter needs, for whoever calls a platform in the background: each request waits until nobody waits for a
   * mutation, and leaves mutations their part of the limits. Throws `not_found`, `service_unreachable`.
   */
  callerFor(
    connectionId: string,
    options: { deadline: Deadline; signal?: AbortSignal },
  ): Promise<Caller>
  /** Gives turns back and saves tokens, within seconds. False: some tokens are in memory only, which is in the log. */
  close(): Promise<boolean>
}

/** A store that is down must not keep the process: turns that are not given back in time end by themselves. */
const closeWaitMs = 2_000
/** A token that is in memory only is worth some tries: nobody else has it. */
const flushWaitMs = 10_000

export function createCallers(deps: CallersDeps): Callers {
  const { store, log } = deps
  const all = {
    ...deps,
    now: deps.now ?? Date.now,
    metrics: deps.metrics ?? createPlatformMetrics(createMetrics({ log })),
    hintFor: deps.hintFor ?? (() => ''),
  }
  const credentials = createCredentials(all)
  const { backgroundShare } = deps
  const limiter = createLimiter({
    store,
    log,
    ...(backgroundShare === undefined ? {} : { backgroundShare }),
  })
  const turns = openTurns({ ...all, limiter })
  return {
    credentials,
    limiter,
    turns,
    callerFor: (id, options) => callerFor({ ...all, credentials, turns }, id, options),
    close: async () => {
      const close = within(limiter.close(), { waitMs: closeWaitMs, what: 'Giving back turns', log })
      const flush = within(credentials.flush(), { waitMs: flushWaitMs, what: 'Saving tokens', log })
      await close
      return await flush === true
    },
  }
}

/** The work's result; undefined when it fails or takes too long, which is in the log. */
async function within<T>(
  work: Promise<T>,
  { waitMs, what, log }: { waitMs: number; what: string; log: Log },
): Promise<T | undefined> {
  try {
    return await withDeadline(work, { waitMs, what })
  } catch (error) {
    log.warn('service.drain_incomplete', { what, error })
    return undefined
  }
}

async function callerFor(
  deps: Pick<CallersDeps, 'store' | 'adapterFor' | 'log'> & {
    credentials: Credentials
    turns: OpenTurns
  },
  id: string,
  options: { deadline: Deadline; signal?: AbortSignal },
): Promise<Caller> {
  const { store, credentials, log } = deps
  const { deadline, signal = new AbortController().signal } = options
  const { baseUrl, settings, platform } = await readConnection(store, id)
  const adapter = deps.adapterFor(platform)
  const account = { connection: id, adapter, baseUrl, settings, deadline, signal }
  const { http } = await deps.turns({ ...account, background: true }, [])
  return {
    baseUrl,
    settings,
    http,
    deadline,
    signal,
    log: log.with({ connection: id }),
    token: (refused) =>
      credentials.token(id, { deadline, ...(refused === undefined ? {} : { refused }) }),
  }
}
