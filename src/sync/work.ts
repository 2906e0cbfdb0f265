// Room sync: what the steps of the work on one table share: the table, its writer, its follower, and how they ask.

import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller, Follower, Pace, Page } from '../platforms/platform.ts'
import type { Store } from '../store/store.ts'
import type { Hold } from './hold.ts'
import type { SyncMetrics } from './sync-metrics.ts'
import type { Mark, TableWriter } from './writing.ts'

/** Pages that follow one another, as one; `mark`: taken before the first of them was read. */
export interface Load extends Page {
  readonly pages: number
  readonly mark: Mark
}

/** A listing that is read while what came before is written. */
export interface Ahead {
  /** Where the next load begins. */
  readonly cursor: string | null
  /**
   * Waits for a page, and gives all that has been read. `last`: nothing more is asked for, and what is under way is waited
   * for. Null: there is nothing, since there was no time to read on. Throws a Fault, Postgres's errors, `service_unreachable`,
   * once what had been read before was taken.
   */
  take(options: { last: boolean }): Promise<Load | null>
  /** Asks for nothing more, and waits for what is under way. Does not throw. */
  end(): Promise<void>
}

export interface Work {
  readonly store: Store
  readonly log: Log
  readonly metrics: SyncMetrics
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly table: SyncedTable
  readonly connectionId: string
  readonly databaseId: string
  readonly adapter: Adapter
  readonly follower: Follower | null
  readonly pace: Pace
  readonly writer: TableWriter
  readonly hold: Hold
  /** Is there time for another step? */
  goesOn(): boolean
  /** Must the step under way end soon? */
  isStopped(): boolean
  /** Asks the platform with a fresh caller, and counts the requests. Throws a Fault. */
  ask<T>(what: (caller: Caller) => Promise<T>): Promise<T>
  /** What is read ahead; the steps' own. */
  ahead: Ahead | null
  /** When `sluice.tables` was last told how far it is; the steps' own. */
  shownAt: number
}

/** One question to a platform, its turn in the bucket included. */
const askWaitMs = 90_000
/** How often tables are listed whose platform cannot be followed. */
const listEveryMs = 5 * 60_000

/** How a table follows; without a follower all is listed again every five minutes. */
export function paceOf(follower: Follower | null, table: SyncedTable): Pace {
  if (follower !== null) return follower.pace(table)
  return { changes: false, deletions: false, everyMs: listEveryMs, scanEveryMs: listEveryMs }
}

/** The `ask` of a Work. */
export function asker(
  { callerFor, connectionId, signal, now, hold }: {
    callerFor: (
      connectionId: string,
      options: { deadline: Deadline; signal: AbortSignal },
    ) => Promise<Caller>
    connectionId: string
    signal: AbortSignal
    now: () => number
    hold: Hold
  },
): Work['ask'] {
  return async (what) => {
    const deadline = deadlineIn(askWaitMs, now())
    const caller = await callerFor(connectionId, { deadline, signal })
    const { http } = caller
    const counted: Caller = {
      ...caller,
      http: {
        send: (request) => {
          hold.countRequest()
          return http.send(request)
        },
        close: () => http.close(),
      },
    }
    return await what(counted)
  }
}
