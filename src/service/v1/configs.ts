// Room service: configurations of syncs for the HTTP door, as fresh as those that listeners have.

import { fault } from '../../mutation/fault.ts'
import type { SyncConfig } from '../../mutation/config.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Store } from '../../store/store.ts'
import { readSyncConfig } from '../../store/syncs.ts'

export interface Configs {
  /** Throws `not_found`, `sync_disabled`, `service_unreachable`. */
  get(syncId: string): Promise<SyncConfig>
}

/** A configuration is not read again for so long, in milliseconds. */
const freshMs = 3_000
const configsMax = 1_000

export function createConfigs({ store, now }: { store: Store; now: () => number }): Configs {
  const known = new Map<string, { config: Promise<SyncConfig>; at: number }>()
  const read = (syncId: string): Promise<SyncConfig> => {
    const config = readSyncConfig(store, syncId)
    known.delete(syncId)
    known.set(syncId, { config, at: now() })
    config.catch(() => {
      if (known.get(syncId)?.config === config) known.delete(syncId)
    })
    const oldest = known.keys().next()
    if (known.size > configsMax && !oldest.done) known.delete(oldest.value)
    return config
  }
  return {
    get: async (syncId) => {
      const kept = known.get(syncId)
      const fresh = kept !== undefined && now() - kept.at < freshMs
      const config = await (fresh ? kept.config : read(syncId))
      if (config.state !== 'active') throw fault('sync_disabled')
      return config
    },
  }
}

/** The table of that name in the sync. Throws `not_found`. */
export function tableOf(config: SyncConfig, name: string): SyncedTable {
  const table = config.tables.find((known) => known.syncId === config.id && known.name === name)
  if (table !== undefined) return table
  throw fault('not_found', { message: `table "${name}" is not in sync "${config.id}"` })
}
