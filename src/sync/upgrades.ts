// Room sync: databases that an older Sluice has set up are brought up to date when this process first meets them, before it
// works on any of their tables.

import type postgres from 'postgres'
import { upgradeDatabase } from '../database/index.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { isDatabaseDown } from './target.ts'

/** The database was set up by an older Sluice, and could not be brought up to date. */
export class Outdated extends Error {
  override name = 'Outdated'
  /** Something of it is in use: it passes. */
  readonly passes: boolean

  constructor(cause: unknown) {
    const words = cause instanceof Error ? cause.message : String(cause)
    super(
      `the database was set up by an older Sluice, and bringing it up to date failed: ${words}`,
      {
        cause,
      },
    )
    this.passes = busyStates.has(String((cause as { code?: unknown }).code))
  }
}

/** lock_not_available, query_canceled (it took too long), deadlock_detected. */
const busyStates: ReadonlySet<string> = new Set(['55P03', '57014', '40P01'])

export interface Upgrades {
  /**
   * Brings the database up to date, once for all who ask at the same time; what has gone well is not looked at again.
   * `sql`: a session of the owner. Throws Outdated, DeadlineExceeded, and what says that the database is down.
   */
  ensure(
    databaseId: string,
    options: { readonly sql: postgres.Sql; readonly ticketKey: Uint8Array },
  ): Promise<void>
  /** It is looked at again: perhaps somebody has put back an older one. */
  forget(databaseId: string): void
}

/** Longer than its statements may take, each bounded itself; a database that says nothing must not keep a lane for ever. */
const upgradeWaitMs = 180_000

export function createUpgrades({ log }: { readonly log: Log }): Upgrades {
  const known = new Map<string, Promise<void>>()
  const upgrade = async (databaseId: string, given: Parameters<Upgrades['ensure']>[1]) => {
    const { sql, ticketKey } = given
    try {
      const work = upgradeDatabase(sql, { ticketKey })
      const waits = { waitMs: upgradeWaitMs, what: 'Bringing a database up to date' }
      if (await withDeadline(work, waits)) log.info('sync.upgraded', { database: databaseId })
    } catch (error) {
      known.delete(databaseId)
      throw isDatabaseDown(error) ? error : new Outdated(error)
    }
  }
  return {
    ensure: async (databaseId, options) => {
      const under = known.get(databaseId) ?? upgrade(databaseId, options)
      known.set(databaseId, under)
      await under
    },
    forget: (databaseId) => void known.delete(databaseId),
  }
}
