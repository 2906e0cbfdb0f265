// Room session: the HTTP door's way into the session: statements run within this process, by the same code that serves
// clients of the SQL door. It promises that a statement ends, and that one that was sent is not cut short.

import { ConnectionLost } from '../engine/conduit.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { statementWaitMaxMs } from '../mutation/limits.ts'
import type { StatementAnswer, StatementRequest, Statements } from '../mutation/statement.ts'
import { Pool, type Taken } from './inside-pool.ts'
import { InsideSession } from './inside-session.ts'
import type { Approach } from './login.ts'
import type { SessionMetrics } from './metrics.ts'
import type { MutatorOptions } from './mutate.ts'

export interface InsideOptions {
  /** Where mutations go. */
  readonly service: MutatorOptions['service']
  readonly log: Log
  readonly approach?: Approach
  readonly metrics?: SessionMetrics
  /** Each has a default. */
  readonly limits?: Partial<InsideLimits>
}

export interface InsideLimits {
  /** Sessions at a time, of all syncs and of one. */
  readonly sessionsMax: number
  readonly perSyncMax: number
  readonly waitersMax: number
  /** For a session, in milliseconds. */
  readonly waitMs: number
  /** A session without a use is closed after so long, in milliseconds. */
  readonly idleMs: number
  /** For a statement that is no mutation, in milliseconds. */
  readonly statementWaitMs: number
  /** For a mutation until it is sent, in milliseconds. */
  readonly mutationWaitMs: number
  /** After which a session that still says nothing is cut, in milliseconds. */
  readonly cutWaitMs: number
  /** Of a result. */
  readonly rowsMax: number
  readonly bytesMax: number
}

/** Applying what the platform has accepted may take so long after its answer: two minutes in the session. */
const applyWaitMs = 150_000

export const insideLimits: InsideLimits = {
  sessionsMax: 200,
  perSyncMax: 20,
  waitersMax: 500,
  waitMs: 10_000,
  idleMs: 30_000,
  statementWaitMs: 30_000,
  mutationWaitMs: statementWaitMaxMs + 30_000,
  cutWaitMs: statementWaitMaxMs + 30_000 + applyWaitMs,
  rowsMax: 10_000,
  bytesMax: 16 * 1_048_576,
}

/** Runs statements within this process. */
export function createInside(
  { service, log, approach = {}, metrics, limits: given = {} }: InsideOptions,
): Statements {
  const limits = { ...insideLimits, ...given }
  const pool = new Pool({
    ...limits,
    log,
    open: (config) =>
      InsideSession.open(config, {
        service,
        bounds: limits,
        log,
        approach,
        ...(metrics === undefined ? {} : { metrics }),
      }),
  })
  return {
    run: async (config, request) => {
      try {
        return await runOnce(pool, { config, request, limits })
      } catch (error) {
        throw error instanceof ConnectionLost ? lost(error) : error
      }
    },
    close: async ({ graceMs }) => {
      await withDeadline(pool.close(), { waitMs: graceMs, what: 'Closing the sessions' })
        .catch((error: unknown) => {
          if (!(error instanceof DeadlineExceeded)) throw error
          log.warn('inside.sessions_cut', { graceMs })
          pool.destroy()
        })
    },
  }
}

interface Running {
  readonly request: StatementRequest
  readonly limits: InsideLimits
}

/**
 * Throws ConnectionLost where the statement has not begun. A connection that had been idle and was dead is replaced, once.
 */
async function runOnce(
  pool: Pool,
  { config, ...running }: Running & { config: SyncConfig },
): Promise<StatementAnswer> {
  const first = await pool.take(config)
  try {
    return await runOn(first, running)
  } catch (error) {
    if (!(error instanceof ConnectionLost) || first.fresh) throw error
    return await runOn(await pool.take(config, { fresh: true }), running)
  }
}

/** Runs it on that session within its times, and gives the session back. */
async function runOn(taken: Taken, { request, limits }: Running): Promise<StatementAnswer> {
  const { session } = taken
  const { signal } = request
  const onAbort = () => void session.cancel('client')
  const timers = [
    setTimeout(() => session.mutating || void session.cancel('time'), limits.statementWaitMs),
    setTimeout(() => void session.cancel('time'), limits.mutationWaitMs),
    setTimeout(() => session.destroy(), limits.cutWaitMs),
  ]
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) throw fault('statement_cancelled')
    return await session.run(request)
  } finally {
    for (const timer of timers) clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    taken.release()
  }
}

function lost(cause: ConnectionLost): Error {
  return fault('database_unreachable', {
    message: 'the connection to the database was lost, nothing was sent',
    hint: 'Try again.',
  }, { cause })
}
