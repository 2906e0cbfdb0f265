// Room service: what is known of the webhooks of the syncs. It promises that strangers do not make it ask the store more
// often than it can bear, nor forget what it knows of a sync that there is.

import { type Platform, platforms, type SyncedTable } from '../mutation/table.ts'
import type { Adapter, Settings, Webhooks } from '../platforms/platform.ts'
import type { Store } from '../store/store.ts'
import { readSync } from '../store/syncs.ts'
import { type KeptRegistration, readWebhook, type Webhook } from '../store/webhooks.ts'

export interface KnownDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** What is known of a sync's webhook. */
export interface Hooked {
  readonly webhooks: Webhooks
  readonly registration: KeptRegistration
  readonly tables: readonly SyncedTable[]
  readonly settings: Settings
}

export interface Known {
  /**
   * Null: there is no such sync of that platform, or it has no webhook. `fresh`: the store is asked anew. busy: the store is
   * asked too much already, or `mayAsk` says that it is not to be for a sync that nobody has heard of. Throws
   * `service_unreachable`, `not_found`.
   */
  find(
    id: string,
    options: { platform: string; fresh: boolean; mayAsk: () => boolean },
  ): Promise<Hooked | null | 'busy'>
}

/** What is known is good for so long, in milliseconds. */
const keptMs = 5_000
const keptMax = 1_000
const lookUpsMax = 16

interface Kept {
  readonly at: number
  readonly hooked: Promise<Hooked | null>
}

export function createKnown(deps: KnownDeps): Known {
  const there = new Map<string, Kept>()
  const missing = new Map<string, Kept>()
  let asking = 0
  const ask = (key: string, lookUp: () => Promise<Hooked | null>): Promise<Hooked | null> => {
    asking += 1
    const hooked = lookUp().finally(() => asking -= 1)
    const kept = { at: deps.now(), hooked }
    // it counts as missing until it is found, unless it was there before
    keep(there.has(key) ? there : missing, key, kept)
    hooked.then((found) => {
      if (there.get(key) !== kept && missing.get(key) !== kept) return
      there.delete(key)
      missing.delete(key)
      keep(found === null ? missing : there, key, kept)
    }, () => {
      if (missing.get(key) === kept) missing.delete(key)
      if (there.get(key) === kept) there.delete(key)
    })
    return hooked
  }
  return {
    find: async (id, { platform, fresh, mayAsk }) => {
      if (!platforms.some((name) => name === platform) || !/^\w{1,64}$/.test(id)) return null
      const key = `${platform}\n${id}`
      const known = there.get(key)
      const kept = known ?? missing.get(key)
      const age = deps.now() - (kept?.at ?? -Infinity)
      // whoever floods us with bad signatures must not make us ask the store each time
      if (kept !== undefined && age < (fresh ? keptMs / 5 : keptMs)) return await kept.hooked
      if (asking >= lookUpsMax) return known === undefined ? 'busy' : await known.hooked
      if (known === undefined && !mayAsk()) return 'busy'
      return await ask(key, () => lookUp(deps, { id, platform }))
    },
  }
}

function keep(map: Map<string, Kept>, key: string, kept: Kept): void {
  map.delete(key)
  map.set(key, kept)
  const oldest = map.keys().next()
  if (map.size > keptMax && !oldest.done) map.delete(oldest.value)
}

async function lookUp(
  { store, adapterFor }: KnownDeps,
  { id, platform }: { id: string; platform: string },
): Promise<Hooked | null> {
  const webhook = await readWebhook(store, id)
  if (webhook === null) return null
  // one that is being made may be called at once
  const registration = webhook.registration ?? promisedBy(webhook)
  if (registration === null) return null
  const sync = await readSync(store, id)
  const { webhooks } = adapterFor(sync.platform).follow ?? {}
  if (sync.platform !== platform || webhooks === undefined) return null
  const { tables, settings } = sync
  return { webhooks, registration, tables, settings }
}

function promisedBy({ promised }: Webhook): KeptRegistration | null {
  return promised === null ? null : { secret: promised, state: {}, renewAt: null }
}
