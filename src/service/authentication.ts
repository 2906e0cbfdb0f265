// Room service: who may call /internal. A listener shows its key; the store knows the key's hash.

import { timingSafeEqual } from 'node:crypto'
import { fault } from '../mutation/fault.ts'
import { hashKey, type ListenerKey, readListenerKeys } from '../store/keys.ts'
import { type Store, storeDown } from '../store/store.ts'

/** How long a revoked key may go on working in a process: a listener believes what it has heard for 3 s more. */
export const keysKeptMs = 2_000
/** With the store down, the keys last read stay good that long: a listener may still hear the end of what it began. */
const keysStaleMs = 10 * 60_000
/** An unknown key makes the keys be read again, but not more often than this. */
const keysAgainMs = 250

export interface Authentication {
  /** The id of the key in an Authorization header. Throws `unauthorized`, `service_unreachable`. */
  check(header: string | undefined): Promise<string>
  /** As `check`, of a key that is for this sync. Throws `not_found` for one that is for others. */
  permit(header: string | undefined, syncId: string): Promise<string>
  /** As `check`: the syncs that the key is for; null: all. */
  scope(header: string | undefined): Promise<readonly string[] | null>
}

/** Checks keys against the store's, which it reads at most every few seconds. */
export function createAuthentication(
  { store, now }: { store: Store; now: () => number },
): Authentication {
  let known: readonly ListenerKey[] = []
  let readAt = -Infinity
  let failedAt = -Infinity
  let reading: Promise<void> | undefined
  const readNow = async () => {
    try {
      known = await readListenerKeys(store)
      readAt = now()
    } catch (error) {
      failedAt = now()
      if (failedAt - readAt > keysStaleMs) throw error
    }
  }
  const read = () => {
    if (now() - failedAt < keysKeptMs && now() - readAt < keysStaleMs) return Promise.resolve()
    reading ??= readNow().finally(() => reading = undefined)
    return reading
  }
  const find = async (header: string | undefined): Promise<ListenerKey> => {
    const key = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? '')?.[1]
    if (key === undefined) throw unauthorized()
    const hash = hashKey(key)
    if (now() - readAt > keysKeptMs) await read()
    let found = match(known, hash)
    if (found === undefined && now() - readAt > keysAgainMs) {
      await read()
      found = match(known, hash)
    }
    if (found === undefined && failedAt > readAt) {
      throw storeDown('Reading the listener keys', undefined) // it may be a good key, but nobody knows
    }
    if (found === undefined) throw unauthorized()
    return found
  }
  return {
    check: async (header) => (await find(header)).id,
    scope: async (header) => (await find(header)).syncs,
    permit: async (header, syncId) => {
      const { id, syncs } = await find(header)
      // as of a sync that there is not: the key's holder need not know of it
      if (syncs !== null && !syncs.includes(syncId)) throw notFound(syncId)
      return id
    },
  }
}

/** Compares with every key, so that the time tells nothing. */
function match(keys: readonly ListenerKey[], hash: Uint8Array): ListenerKey | undefined {
  return keys.filter((key) => timingSafeEqual(key.sha256, hash))[0]
}

function unauthorized(): Error {
  return fault('unauthorized', { hint: 'Send Authorization: Bearer <listener key>.' })
}

function notFound(syncId: string): Error {
  return fault('not_found', { message: `sync "${syncId}" not found` })
}
