// Room sync: sessions on the customers' databases, kept open between two slices of work, so that a table that is looked at
// every few seconds does not log in each time.

import { Buffer } from 'node:buffer'
import type postgres from 'postgres'
import { withDeadline } from '../lib/deadline.ts'
import { readDatabase } from '../store/databases.ts'
import type { Store } from '../store/store.ts'
import { type Dial, openDatabase } from './database.ts'
import { closeWaitSeconds } from './target.ts'

/** A session that is one piece of work's alone. */
export interface Session {
  readonly sql: postgres.Sql
  /** The key of the tickets of this database. */
  readonly ticketKey: Uint8Array
  /** Gives it back; `broken`: it is closed. Does not throw. */
  release(options: { broken: boolean }): Promise<void>
}

export interface Sessions {
  /** A session on this database, connected. Throws `not_found`, `service_unreachable`, SealError, what connecting throws. */
  take(databaseId: string): Promise<Session>
  /** Closes all of them: what somebody still does with one fails. */
  close(): Promise<void>
}

export interface SessionsDeps {
  readonly store: Store
  /** How the databases are reached; the driver's own way when absent. */
  readonly dial?: Dial | undefined
  /** Milliseconds, of any clock. */
  readonly now: () => number
}

interface Open {
  readonly sql: postgres.Sql
  readonly ticketKey: Uint8Array
  readonly openedAt: number
}

/** A session is not kept for longer, so that another address or password is heeded. */
const keptMs = 5 * 60_000
/** Logging in takes some round trips; a database that took the connection may say nothing. */
const wakeWaitMs = 20_000
/** Kept for each database, while nobody has them. */
const idleMax = 4

export function createSessions({ store, dial, now }: SessionsDeps): Sessions {
  const idle = new Map<string, Open[]>()
  const taken = new Set<Open>()
  let closed = false
  const open = async (databaseId: string): Promise<Open> => {
    const { address, owner, ticketKey } = await readDatabase(store, databaseId)
    const sql = openDatabase(owner ?? address, { dial, name: 'sluice sync' })
    return { sql, ticketKey: Buffer.from(ticketKey, 'base64'), openedAt: now() }
  }
  const fresh = async (databaseId: string): Promise<Open> => {
    const kept = idle.get(databaseId)?.pop()
    if (kept === undefined) return await open(databaseId)
    if (now() - kept.openedAt < keptMs) return kept
    await end(kept)
    return await fresh(databaseId)
  }
  return {
    take: async (databaseId) => {
      const held = await fresh(databaseId)
      await wake(held)
      taken.add(held)
      return {
        ...held,
        release: async ({ broken }) => {
          taken.delete(held)
          const kept = idle.get(databaseId) ?? []
          if (broken || closed || kept.length >= idleMax) return await end(held)
          idle.set(databaseId, [...kept, held])
        },
      }
    },
    close: async () => {
      closed = true
      const all = [...idle.values()].flat().concat(...taken)
      idle.clear()
      await Promise.all(all.map(end))
    },
  }
}

/**
 * Connects, where it is not: without types to fetch, the driver's `reserve` would wait for ever on a connection that is
 * still to be made.
 */
async function wake(held: Open): Promise<void> {
  try {
    await withDeadline(held.sql.unsafe('select 1'), { waitMs: wakeWaitMs, what: 'Connecting' })
  } catch (error) {
    await end(held)
    throw error
  }
}

async function end({ sql }: Open): Promise<void> {
  await sql.end({ timeout: closeWaitSeconds }).catch(() => {})
}
