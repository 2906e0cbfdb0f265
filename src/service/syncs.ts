// Room service: syncs in memory, so that a mutation need not read its sync. A sync that has changed since is noticed by
// `begin`, which writes nothing then; `read` brings the new one.

import { readSync, type Sync } from '../store/syncs.ts'
import type { Store } from '../store/store.ts'

export interface Syncs {
  /** The sync as last read, or read now. Throws `not_found`, `service_unreachable`. */
  get(id: string): Promise<Sync>
  /** The sync as it is now. Throws as `get`. */
  read(id: string): Promise<Sync>
}

const syncsMax = 1000

export function createSyncs(store: Store): Syncs {
  const known = new Map<string, Sync>()
  const reading = new Map<string, Promise<Sync>>()
  const read = async (id: string) => {
    const sync = await readSync(store, id)
    const oldest = known.keys().next().value
    if (known.size >= syncsMax && oldest !== undefined) known.delete(oldest)
    known.set(id, sync)
    return sync
  }
  const readOnce = (id: string) => {
    const promise = reading.get(id) ?? read(id).finally(() => reading.delete(id))
    reading.set(id, promise)
    return promise
  }
  return {
    read,
    get: async (id) => known.get(id) ?? await readOnce(id),
  }
}
