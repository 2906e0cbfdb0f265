// Room sync: the sync process. It claims tables that are due, works on some at a time, each for a slice of time, and lets
// them go. Several processes share the work; one that is killed loses nothing, since another goes on when its lease ends.

import { setTimeout as pause } from 'node:timers/promises'
import { withDeadline } from '../lib/deadline.ts'
import { type Claim, claimTable, noticeTables, renewClaim } from '../store/claims.ts'
import { type Bell, createBell } from './bell.ts'
import { createLanes, type Lanes } from './lanes.ts'
import type { Sessions } from './sessions.ts'
import { createSilences, type Silences } from './silences.ts'
import { type SliceDeps, type SliceEnd, workSlice } from './slice.ts'
import { isStoreTrouble } from './troubles.ts'

export interface EngineDeps extends Omit<SliceDeps, 'sessions'> {
  readonly sessions: Sessions
}

export interface EngineOptions {
  /** Names the process, for people. */
  readonly owner: string
  /** Tables at once in this process, 8 when absent; of one connection, 2; in one database, 4. */
  readonly tablesMax?: number
  readonly perConnectionMax?: number
  readonly perDatabaseMax?: number
  /** A table of a process that is gone is another's after so long, 30 s when absent. */
  readonly leaseMs?: number
  /** One table keeps its place for so long, 5 s when absent. */
  readonly sliceMs?: number
  /** The store is looked at so often at least, a second when absent. */
  readonly lookMs?: number
}

export interface Engine {
  /** Looks at the store at once: something is due, perhaps. */
  ring(): void
  /** Tables that this process works on now. */
  readonly working: number
  /** Is the store there? */
  readonly isWell: boolean
  /**
   * Begins nothing more and ends what is under way at its next step. False: it was not in time, and was broken off; another
   * process goes on when its lease ends.
   */
  drain(options: { waitMs: number }): Promise<boolean>
}

const defaults = {
  tablesMax: 8,
  perConnectionMax: 2,
  perDatabaseMax: 4,
  leaseMs: 30_000,
  sliceMs: 5_000,
  lookMs: 1_000,
}
/** The store is down: it is asked again after so long, in milliseconds. */
const storeAgainMs = 1_000
/** Of the time there is to end, so much is for requests whose turn has not come yet. */
const unsentShare = 0.25
/** Of a lease's time, its renewals come so often. */
const renewalsPerLease = 3

/** Starts the engine: it works until it is drained. */
export function startEngine(deps: EngineDeps, given: EngineOptions): Engine {
  const options = { ...defaults, ...given }
  const running = new AbortController() // aborted: begin nothing more
  const working = new AbortController() // aborted: send nothing more
  const answered = new Set<string>()
  const process: Process = {
    ...deps,
    sessions: noting(deps.sessions, answered),
    options,
    bell: createBell(),
    lanes: createLanes(options, { hasAnswered: (databaseId) => answered.has(databaseId) }),
    answered,
    silences: createSilences({ now: deps.now }),
    running: running.signal,
    working: working.signal,
    well: { now: true },
  }
  const looking = look(process)
  return {
    ring: () => process.bell.ring(),
    get working() {
      return process.lanes.size
    },
    get isWell() {
      return process.well.now
    },
    drain: async ({ waitMs }) => {
      running.abort()
      process.bell.ring()
      const ended = looking.then(() => process.lanes.idle())
      // what then still waits for its turn is not sent by this process any more; what was sent is heard
      const giveUp = setTimeout(() => working.abort(), waitMs * unsentShare)
      const inTime = await withDeadline(ended, { waitMs, what: 'Ending the work on tables' })
        .then(() => true, () => false)
      clearTimeout(giveUp)
      working.abort()
      return inTime
    },
  }
}

interface Process extends EngineDeps {
  readonly options: EngineOptions & typeof defaults
  readonly bell: Bell
  readonly lanes: Lanes
  /** By database. */
  readonly silences: Silences
  /** Databases on which there has been a session, and that have not failed since. */
  readonly answered: Set<string>
  readonly running: AbortSignal
  readonly working: AbortSignal
  readonly well: { now: boolean }
}

/** Notes which databases give a session. */
function noting(sessions: Sessions, answered: Set<string>): Sessions {
  return {
    ...sessions,
    take: async (databaseId) => {
      const session = await sessions.take(databaseId)
      answered.add(databaseId)
      return session
    },
  }
}

/** Fills the lanes again and again, until the process is to end. */
async function look(process: Process): Promise<void> {
  const { store, bell, running, options, log, random } = process
  while (!running.aborted) {
    const rung = bell.next({ waitMs: options.lookMs })
    try {
      await noticeTables(store)
      await fillLanes(process)
      if (!process.well.now) log.info('sync.store_back')
      process.well.now = true
    } catch (error) {
      if (process.well.now || !isStoreTrouble(error)) log.error('sync.cannot_look', { error })
      process.well.now = false
      await pause(storeAgainMs * (0.5 + random()))
    }
    await rung
  }
}

/** Claims tables while there are lanes free; those with hints have some lanes more. */
async function fillLanes(process: Process): Promise<void> {
  const { lanes, running } = process
  for (const hinted of [true, false]) {
    while (!running.aborted && lanes.isFree({ hinted })) {
      const claim = await claimNext(process, hinted)
      if (claim === null) break
      lanes.run(claim, () => workOn(process, claim))
    }
  }
}

async function claimNext(process: Process, hinted: boolean): Promise<Claim | null> {
  const { store, lanes, silences, options: { owner, leaseMs } } = process
  const full = lanes.full({ hinted })
  const databases = [...full.databases, ...silences.list()]
  const without = { connections: full.connections, databases, syncs: [] }
  return await claimTable(store, { owner, leaseMs, without, hinted })
}

/** Works on the table for a slice, with its lease renewed. */
async function workOn(process: Process, claim: Claim): Promise<void> {
  const { now, options: { leaseMs, sliceMs }, running, working, metrics, bell } = process
  const until = now() + sliceMs
  const lease = keepLease(process, claim, leaseMs)
  try {
    const signal = AbortSignal.any([working, lease.lost])
    const isStopped = () => running.aborted || lease.lost.aborted
    const goesOn = () => now() < until && !isStopped()
    const options = { signal, goesOn, isStopped }
    const { result, databaseSilent } = await workSlice(process, claim, options)
    metrics.slice(result)
    heed(process, claim, { result, databaseSilent })
  } finally {
    lease.stop()
    bell.ring()
  }
}

/** A database that does not answer is left alone, with all its tables; then one of them tries it. */
function heed(
  { silences, answered }: Process,
  { databaseId }: Claim,
  { result, databaseSilent }: SliceEnd,
): void {
  if (['done', 'later', 'lasting'].includes(result)) silences.remove(databaseId)
  if (result !== 'database') return
  answered.delete(databaseId)
  // those that were under way beside it have learned the same
  if (!silences.has(databaseId)) silences.add(databaseId, { brief: !databaseSilent })
}

/** Renews the lease until it is stopped. `lost`: aborted when it is lost, or could not be renewed in time. */
function keepLease(
  { store, log, now, working }: Process,
  claim: Claim,
  leaseMs: number,
): { readonly lost: AbortSignal; stop(): void } {
  const lost = new AbortController()
  let until = now() + leaseMs
  const renew = async (): Promise<void> => {
    const at = now()
    const kept = await renewClaim(store, claim, leaseMs).catch(() => null)
    if (kept === true) until = at + leaseMs
    if (kept === false || now() >= until) {
      if (!lost.signal.aborted) {
        log.warn('sync.lease_lost', {
          sync: claim.syncId,
          table: claim.table,
          known: kept !== null,
        })
      }
      lost.abort()
    }
  }
  const timer = setInterval(() => void renew(), leaseMs / renewalsPerLease)
  const stop = () => clearInterval(timer)
  // what was broken off keeps nothing claimed
  working.addEventListener('abort', stop, { once: true })
  return {
    lost: lost.signal,
    stop: () => {
      stop()
      working.removeEventListener('abort', stop)
    },
  }
}
