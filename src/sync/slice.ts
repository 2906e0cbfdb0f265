// Room sync: a slice of work on one table that this process has claimed: what is due, step by step, until there is nothing
// more to do or the time is up. Then the table is let go, due again when there will be.

import type { Deadline } from '../lib/deadline.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { Platform, SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import { type Claim, confirmFence, releaseTable } from '../store/claims.ts'
import type { Store } from '../store/store.ts'
import { readSync } from '../store/syncs.ts'
import { createHold, type Hold } from './hold.ts'
import type { Session, Sessions } from './sessions.ts'
import { dueInMs, endAhead, step } from './steps.ts'
import type { SliceResult, SyncMetrics } from './sync-metrics.ts'
import { isSilent, reasonOf } from './target.ts'
import { againMs, type Trouble, troubleOf } from './troubles.ts'
import { asker, paceOf, type Work } from './work.ts'
import { openWriter, showUnopened, type WriterOptions } from './writer.ts'
import type { Shown, TableWriter } from './writing.ts'

export interface SliceDeps {
  readonly store: Store
  readonly log: Log
  readonly metrics: SyncMetrics
  readonly sessions: Sessions
  readonly adapterFor: (platform: Platform) => Adapter
  readonly callerFor: (
    connectionId: string,
    options: { deadline: Deadline; signal: AbortSignal },
  ) => Promise<Caller>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** From 0 to 1. */
  readonly random: () => number
  /** A customer's database is silent when it has not done its work after so long, in milliseconds; 75 s when absent. */
  readonly databaseWaitMs?: number
}

export interface SliceOptions {
  /** Aborted: nothing more is sent to the platform. */
  readonly signal: AbortSignal
  /** Is there time for another step? */
  readonly goesOn: () => boolean
  /** Is the process to end, or is the claim lost? The step under way ends soon then. */
  readonly isStopped: () => boolean
}

/** How a slice ended. `databaseSilent`: the customer's database said nothing, and cost a long wait. */
export interface SliceEnd {
  readonly result: SliceResult
  readonly databaseSilent: boolean
}

/** Longer than any statement of the writer's may take, in milliseconds. */
const writerWaitMs = 75_000
/** Whoever closes waits for nothing of a database that goes on. */
const closeWaitMs = 5_000

/** Works on the claimed table. Does not throw; what went wrong is in the log and in the store. */
export async function workSlice(
  deps: SliceDeps,
  claim: Claim,
  options: SliceOptions,
): Promise<SliceEnd> {
  const hold = createHold(deps.store, claim)
  try {
    const inMs = await workOn(deps, { claim, hold, options })
    await releaseTable(deps.store, claim, { inMs })
    return { result: 'done', databaseSilent: false }
  } catch (error) {
    return await letGo(deps, { claim, hold, error, stopped: options.signal.aborted })
  }
}

interface Given {
  readonly claim: Claim
  readonly hold: Hold
  readonly options: SliceOptions
}

/** Gives when there is something to do again, in milliseconds. */
async function workOn(deps: SliceDeps, given: Given): Promise<number> {
  const { store, sessions } = deps
  const { claim } = given
  const sync = await readSync(store, claim.syncId)
  const table = sync.tables.find(({ name }) => name === claim.table)
  if (table === undefined) return 0
  const work = sync.state === 'active' ? onTable : onPaused
  const session = await sessions.take(claim.databaseId)
  let broken = true
  try {
    const inMs = await withWriter(deps, { ...given, table, session }, work)
    broken = false
    return inMs
  } finally {
    await session.release({ broken })
  }
}

type OnTable = Given & { readonly table: SyncedTable; readonly session: Session }

type Written = OnTable & { readonly writer: TableWriter }

async function withWriter(
  deps: SliceDeps,
  given: OnTable,
  work: (deps: SliceDeps, given: Written) => Promise<number>,
): Promise<number> {
  const { store, log, now } = deps
  const { claim, table, session: { sql, ticketKey } } = given
  const options = { sql, table, ticketKey, fence: claim.fence, store, log, now }
  const { databaseWaitMs: waitMs = writerWaitMs } = deps
  const writer = await open(options, waitMs).catch(async (error: unknown) => {
    await showUnopenedTrouble(options, troubleOf(error, troubleAt({ ...deps, ...given })))
    throw error
  })
  let silent = false
  try {
    if (await confirmFence(store, claim, writer.found)) {
      log.warn('sync.put_back', { sync: claim.syncId, table: claim.table, found: writer.found })
    }
    return await work(deps, { ...given, writer })
  } catch (error) {
    silent = isSilent(error)
    throw error
  } finally {
    // the session is closed, and the table let go with it
    if (!silent) await writer.close()
  }
}

async function open(options: WriterOptions, waitMs: number): Promise<TableWriter> {
  const opened = openWriter(options)
  opened.then(() => {}, () => {}) // where nobody waits for it any more
  return bounded(await withDeadline(opened, { waitMs, what: 'Opening the table' }), waitMs)
}

async function onTable(deps: SliceDeps, given: Written): Promise<number> {
  const work = workOf(deps, given)
  try {
    // one step at least: a database that is slow to open would take all the time again and again
    let [isTime, isQuiet] = [!work.isStopped(), false]
    while (isTime && !isQuiet) {
      isQuiet = !await step(work)
      isTime = work.goesOn()
    }
    if (!given.options.signal.aborted) await endAhead(work)
    return isQuiet ? dueInMs(work) : 0
  } catch (error) {
    await showTrouble(work, error)
    throw error
  } finally {
    await work.ahead?.end() // its request must not outlive the claim
  }
}

/** A paused table is only told of; it is claimed again when somebody resumes it. */
async function onPaused(_deps: SliceDeps, { writer, hold }: Written): Promise<number> {
  await writer.show({ phase: 'paused' })
  await hold.save({ phase: 'paused' })
  return 0
}

function workOf(
  deps: SliceDeps,
  { claim, hold, options, table, writer }: Written,
): Work {
  const { connectionId, databaseId } = claim
  const adapter = deps.adapterFor(table.platform)
  const follower = adapter.follow ?? null
  return {
    ...deps,
    table,
    connectionId,
    databaseId,
    adapter,
    follower,
    pace: paceOf(follower, table),
    writer,
    hold,
    goesOn: options.goesOn,
    isStopped: options.isStopped,
    ask: asker({ ...deps, connectionId, signal: options.signal, hold }),
    ahead: null,
    shownAt: 0,
  }
}

/** A database that says nothing any more must not keep a lane for ever. */
function bounded(writer: TableWriter, waitMs: number): TableWriter {
  const within = <T>(work: Promise<T>, what: string) => withDeadline(work, { waitMs, what })
  return {
    table: writer.table,
    found: writer.found,
    mark: () => within(writer.mark(), 'Taking a mark'),
    begin: () => within(writer.begin(), 'Beginning a pass'),
    write: (batch) => within(writer.write(batch), 'Writing rows'),
    unseen: (pass, options) => within(writer.unseen(pass, options), 'Looking for unseen rows'),
    see: (pass, ids) => within(writer.see(pass, ids), 'Noting ids'),
    end: (pass) => within(writer.end(pass), 'Ending a pass'),
    refs: (ids) => within(writer.refs(ids), 'Reading keys'),
    sample: (rowsMax) => within(writer.sample(rowsMax), 'Sampling rows'),
    estimate: () => within(writer.estimate(), 'Estimating rows'),
    show: (shown) => within(writer.show(shown), 'Showing how far a table is'),
    close: () =>
      withDeadline(writer.close(), { waitMs: closeWaitMs, what: 'Closing a table' }).catch(
        () => {},
      ),
  }
}

function troubleAt({ claim, hold, now }: { claim: Claim; hold: Hold; now: () => number }) {
  const { connectionId, databaseId, syncId } = claim
  const table = { syncId, name: hold.table, object: hold.table }
  return { table, connectionId, databaseId, now: now() }
}

/** People who look at `sluice.tables` see what is wrong, where the database can be told. */
async function showTrouble(work: Work, error: unknown): Promise<void> {
  const trouble = troubleOf(error, {
    table: work.table,
    connectionId: work.connectionId,
    databaseId: work.databaseId,
    now: work.now(),
  })
  const shown = shownOf(trouble)
  if (shown !== null) await work.writer.show(shown).catch(() => {}) // the first error says what happened
}

/** The same where the table could not even be opened. */
async function showUnopenedTrouble(options: WriterOptions, trouble: Trouble): Promise<void> {
  const shown = shownOf(trouble)
  if (shown === null) return
  const told = showUnopened(options, shown)
  await withDeadline(told, { waitMs: closeWaitMs, what: 'Showing what is wrong' }).catch(() => {})
}

function shownOf(trouble: Trouble): Shown | null {
  if (trouble.kind !== 'later' && trouble.kind !== 'lasting') return null
  const { message, hint } = trouble.failure
  const problem = hint === null ? message : `${message} (${hint})`
  return trouble.kind === 'lasting' ? { phase: 'failed', problem } : { problem }
}

/** Notes what went wrong and lets go of the table, where that is still possible. */
async function letGo(
  deps: SliceDeps,
  { claim, hold, error, stopped }: {
    claim: Claim
    hold: Hold
    error: unknown
    stopped: boolean
  },
): Promise<SliceEnd> {
  const trouble = troubleOf(error, troubleAt({ ...deps, claim, hold }))
  logTrouble(deps, { claim, trouble, error, tries: hold.progress.tries + 1 })
  const silent = trouble.kind === 'database' && trouble.silent
  const end = { result: trouble.kind, databaseSilent: silent } as const
  if (trouble.kind === 'fenced' || trouble.kind === 'store') return end
  try {
    const inMs = stopped ? 0 : await note(deps, { hold, trouble })
    await releaseTable(deps.store, claim, { inMs, firm: !stopped })
  } catch (cause) {
    deps.log.warn('sync.not_let_go', { sync: claim.syncId, table: claim.table, error: cause })
  }
  return end
}

async function note(
  { random }: SliceDeps,
  { hold, trouble }: { hold: Hold; trouble: Exclude<Trouble, { kind: 'fenced' | 'store' }> },
): Promise<number> {
  const { kind, failure } = trouble
  const tries = hold.progress.tries + 1
  const failed = kind === 'lasting' ? { phase: 'failed' as const } : {}
  await hold.save({ failure, tries, ...failed })
  return againMs(kind, { tries, random: random() })
}

function logTrouble(
  { log }: SliceDeps,
  { claim, trouble, error, tries }: {
    claim: Claim
    trouble: Trouble
    error: unknown
    tries: number
  },
): void {
  const fields = { sync: claim.syncId, table: claim.table, tries, error: reasonOf(error) }
  if (trouble.kind === 'lasting') log.error('sync.failed', fields)
  else log.warn(`sync.${trouble.kind}`, fields)
}
