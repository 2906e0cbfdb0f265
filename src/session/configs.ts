// Room session: the configurations of syncs, as the mutation service has them. They are kept, so that reads go on when it is
// down.

import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { type Fault, fault, isFaultData } from '../mutation/fault.ts'
import { isKeyRefusal } from './listener-key.ts'
import type { Call } from './service-call.ts'

/** A configuration is not asked for again for so long. */
const freshMs = 3_000
const configWaitMs = 3_000
/** One that is not known is waited for longer, if who asks has the time: there is nothing to go on with. */
const unknownConfigWaitMs = 7_000
/** Configurations kept. */
const configsMax = 10_000
/** Ids kept of which there is no sync. */
const absentMax = 1_000

interface Kept {
  readonly config: SyncConfig | null
  readonly etag: string | undefined
  readonly at: number
}

export interface Configs {
  /** As `Service.findSync`. */
  find(syncId: string, patience?: { readonly waitMs: number }): Promise<SyncConfig | null>
  /** Is that of any sync known? */
  known(): boolean
}

/** Configurations asked of the service by `call`, and kept; `now`: a clock in milliseconds. */
export function createConfigs(
  { call, now, log }: { call: Call; now: () => number; log: Log },
): Configs {
  const kept = new Map<string, Kept>()
  /** Apart: anybody can make up ids, and must not push out what is known with them. */
  const absent = new Map<string, Kept>()
  const asking = new Map<string, Promise<SyncConfig | null>>()

  const keep = (syncId: string, entry: Kept): SyncConfig | null => {
    const [there, max] = entry.config === null ? [absent, absentMax] : [kept, configsMax]
    for (const map of [kept, absent]) map.delete(syncId)
    there.set(syncId, entry)
    const oldest = there.keys().next()
    if (there.size > max && !oldest.done) there.delete(oldest.value)
    return entry.config
  }
  const ask = async (syncId: string): Promise<SyncConfig | null> => {
    const known = kept.get(syncId) ?? absent.get(syncId)
    try {
      const headers: Record<string, string> = known?.etag ? { 'if-none-match': known.etag } : {}
      const path = `/internal/syncs/${encodeURIComponent(syncId)}`
      const waitMs = known ? configWaitMs : unknownConfigWaitMs
      const response = await call({ method: 'GET', path, headers, waitMs })
      if (response.status === 304 && known) return keep(syncId, { ...known, at: now() })
      return keep(syncId, { ...readConfig(response), at: now() })
    } catch (error) {
      if (isKeyRefusal(error)) throw error // open sessions go on with what they have; no other begins
      log.warn('config_not_refreshed', { sync: syncId, known: known !== undefined, error })
      if (known) return known.config
      throw notRead(error)
    }
  }
  return {
    find: async (syncId, patience) => {
      const known = kept.get(syncId) ?? absent.get(syncId)
      if (known && now() - known.at < freshMs) return known.config
      const running = asking.get(syncId) ?? ask(syncId).finally(() => asking.delete(syncId))
      asking.set(syncId, running)
      if (patience === undefined) return await running
      try {
        return await withDeadline(running, { ...patience, what: 'The configuration' })
      } catch (error) {
        if (!(error instanceof DeadlineExceeded)) throw error
        if (known) return known.config
        throw notRead(error)
      }
    },
    known: () => [...kept.values()].some(({ config }) => config !== null),
  }
}

function notRead(error: unknown): Fault {
  return fault('service_unreachable', {
    message: 'the configuration of this sync cannot be read now',
    hint: error instanceof HttpFailure || error instanceof DeadlineExceeded
      ? 'The mutation service is unreachable. Try again.'
      : 'The mutation service answers with an error. Try again.',
  }, { cause: error })
}

function readConfig(
  response: HttpResponse,
): { config: SyncConfig | null; etag: string | undefined } {
  const etag = response.headers['etag']
  if (isNoSync(response)) return { config: null, etag: undefined }
  if (response.status !== 200) throw new Error(`The service answered ${response.status}`)
  const config: unknown = JSON.parse(response.body)
  if (!isConfig(config)) throw new Error('The service answered no configuration')
  return { config, etag }
}

/** The service's own word, and no other 404 of something on the way: it ends the sessions of the sync. */
function isNoSync({ status, body }: HttpResponse): boolean {
  if (status !== 404) return false
  try {
    const { fault } = JSON.parse(body) as { fault?: unknown }
    return isFaultData(fault) && fault.code === 'not_found'
  } catch {
    return false
  }
}

/** The parts that a session cannot do without; the service is ours, so this finds a proxy's error page, not a bug. */
function isConfig(value: unknown): value is SyncConfig {
  if (typeof value !== 'object' || value === null) return false
  const { id, database, ticketKey, users, tables } = value as Record<string, unknown>
  return typeof id === 'string' && typeof ticketKey === 'string' && Array.isArray(tables) &&
    [database, users].every((part) => typeof part === 'object' && part !== null)
}
