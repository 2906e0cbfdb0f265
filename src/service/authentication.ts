// Room service: who may call /internal. A listener shows its key; the store knows the key's hash.

import { timingSafeEqual } from 'node:crypto'
import { fault } from '../mutation/fault.ts'
import { hashKey, type ListenerKey, readListenerKeys } from '../store/keys.ts'
import { type Store, storeDown } from '../store/store.ts'

/** How long a revoked key may go on working in a process. */
export const keysKeptMs = 5_000
/** With the store down, the keys last read stay good that long: a listener may still hear the end of what it began. */
const keysStaleMs = 10 * 60_000
/** An unknown key makes the keys be read again, but not more often than this. */
const keysAgainMs = 250

export interface Authentication {
  /** The id of the key in an Authorization header. Throws `unauthorized`, `service_unreachable`. */
  check(header: string | undefined): Promise<string>
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
  return {
    check: async (header) => {
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
      return found.id
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
