// Room sync: sessions on the customers' databases, kept open between two slices of work, so that a table that is looked at
// every few seconds does not log in each time.

import { Buffer } from 'node:buffer'
import type postgres from 'postgres'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { readDatabase } from '../store/databases.ts'
import type { Store } from '../store/store.ts'
import { type Dial, openDatabase } from './database.ts'
import { createShelf } from './sessions-idle.ts'
import { closeWaitSeconds } from './target.ts'
import { createUpgrades } from './upgrades.ts'

/** A session that is one piece of work's alone. */
export interface Session {
  readonly sql: postgres.Sql
  /** The key of the tickets of this database. */
  readonly ticketKey: Uint8Array
  /** Gives it back; `broken`: it is closed. Does not throw. */
  release(options: { broken: boolean }): Promise<void>
}

export interface Sessions {
  /**
   * A session on this database, connected; the database is up to date, where its owner's address is known. Throws
   * `not_found`, `service_unreachable`, SealError, Outdated, what connecting throws.
   */
  take(databaseId: string): Promise<Session>
  /** Closes all of them: what somebody still does with one fails. */
  close(): Promise<void>
}

export interface SessionsDeps {
  readonly store: Store
  readonly log: Log
  /** How the databases are reached; the driver's own way when absent. */
  readonly dial?: Dial | undefined
  /** Milliseconds, of any clock. */
  readonly now: () => number
  /** How long a session is kept, in milliseconds; five minutes when absent. */
  readonly keptMs?: number
}

interface Open {
  readonly sql: postgres.Sql
  readonly ticketKey: Uint8Array
  /** Is it the owner's? Only the owner can bring the database up to date. */
  readonly owned: boolean
  readonly openedAt: number
}

/** A session is not kept for longer, so that another address or password is heeded; nor does it stay when nobody comes. */
const usuallyKeptMs = 5 * 60_000
/** Logging in takes some round trips; a database that took the connection may say nothing. */
const wakeWaitMs = 20_000
/** Kept for each database, while nobody has them. */
const idleMax = 4

export function createSessions(deps: SessionsDeps): Sessions {
  const { store, log, dial, now, keptMs = usuallyKeptMs } = deps
  const idle = createShelf<Open>({ perKeyMax: idleMax, end: (held) => void end(held) })
  const taken = new Set<Open>()
  const upgrades = createUpgrades({ log })
  let closed = false
  const open = async (databaseId: string): Promise<Open> => {
    const { address, owner, ticketKey } = await readDatabase(store, databaseId)
    const sql = openDatabase(owner ?? address, { dial, name: 'sluice sync' })
    const owned = owner !== undefined
    return { sql, ticketKey: Buffer.from(ticketKey, 'base64'), owned, openedAt: now() }
  }
  const fresh = async (databaseId: string): Promise<Open> => {
    const kept = idle.take(databaseId)
    if (kept === undefined) return await open(databaseId)
    if (now() - kept.openedAt < keptMs) return kept
    await end(kept)
    return await fresh(databaseId)
  }
  return {
    take: async (databaseId) => {
      const held = await fresh(databaseId)
      await wake(held, { ready: () => held.owned ? upgrades.ensure(databaseId, held) : null })
      taken.add(held)
      return {
        ...held,
        release: async ({ broken }) => {
          taken.delete(held)
          if (broken) upgrades.forget(databaseId)
          const forMs = keptMs - (now() - held.openedAt)
          const kept = !broken && !closed && idle.put(databaseId, held, { forMs })
          if (!kept) await end(held)
        },
      }
    },
    close: async () => {
      closed = true
      const all = [...idle.takeAll(), ...taken]
      await Promise.all(all.map(end))
    },
  }
}

/**
 * Connects, where it is not: without types to fetch, the driver's `reserve` would wait for ever on a connection that is
 * still to be made.
 */
async function wake(
  held: Open,
  { ready }: { ready: () => Promise<void> | null },
): Promise<void> {
  try {
    await withDeadline(held.sql.unsafe('select 1'), { waitMs: wakeWaitMs, what: 'Connecting' })
    await ready()
  } catch (error) {
    await end(held)
    throw error
  }
}

async function end({ sql }: Open): Promise<void> {
  await sql.end({ timeout: closeWaitSeconds }).catch(() => {})
}
