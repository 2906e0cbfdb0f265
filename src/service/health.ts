// Room service: is the service ready? Only when it can carry out a mutation: its store answers and has the schema of this
// code, its presence is held (others would take its mutations for left), and it is not about to end.

import type { Readiness } from '../lib/monitor.ts'
import { Fault } from '../mutation/fault.ts'
import { newestMigration, readMigration } from '../store/migrations.ts'
import type { Presence } from '../store/presence.ts'
import type { Store } from '../store/store.ts'

export interface HealthDeps {
  readonly store: Store
  /** Absent: nobody has announced this process. */
  readonly presence?: Pick<Presence, 'held'>
  readonly draining: () => boolean
}

/** Looks at everything. Rejects with what is no failure of the store. */
export async function readiness({ store, presence, draining }: HealthDeps): Promise<Readiness> {
  const checks = {
    ...await checkStore(store),
    presence: presence?.held === false ? 'lost' : 'ok',
    draining: draining() ? 'yes' : 'ok',
  }
  const notReady = Object.entries(checks).filter(([, state]) => state !== 'ok')
  return { checks, notReady: notReady.map(([name]) => name) }
}

/** A newer schema is fine: each step leaves the code before it working, so that versions can be deployed one by one. */
async function checkStore(store: Store): Promise<{ store: string; migrations: string }> {
  try {
    const taken = await readMigration(store)
    const done = taken >= newestMigration
    return { store: 'ok', migrations: done ? 'ok' : `${taken} of ${newestMigration}` }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { store: 'unreachable', migrations: 'unknown' }
  }
}
