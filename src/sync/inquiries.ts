// Room sync: finding out, afterwards, what became of mutations that are in doubt. Each is inquired about at growing gaps, by
// one process at a time, for a day, or until nobody can tell any more; whatever the answer, the table gets what the platform
// has now.

import { type Deadline, DeadlineExceeded, deadlineIn } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import {
  type DoubtfulOutcome,
  isInDoubt,
  isWritten,
  makesRecords,
  mayMakeTheSame,
} from '../mutation/doubt.ts'
import { catalogue, Fault } from '../mutation/fault.ts'
import type { Outcome } from '../mutation/mutation.ts'
import type { Platform } from '../mutation/table.ts'
import { inquire, isNews } from '../platforms/ask.ts'
import type { Adapter, Caller, Inquiry } from '../platforms/platform.ts'
import {
  claimDueDoubt,
  inquiriesEndMs,
  inquiryAfterMs,
  inquiryGapMs,
  type OpenDoubt,
  postponeDoubt,
  readOthers,
  readRivals,
} from '../store/doubts.ts'
import { noteHints } from '../store/hints.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import { readSync, type Sync } from '../store/syncs.ts'
import type { Dial } from './database.ts'
import { writtenSince } from './newer.ts'
import { hintsOf, lockRows, type PlatformRow, writeRows } from './rows.ts'
import type { Silences } from './silences.ts'
import {
  isDatabaseDown,
  isSilent,
  readTarget,
  reasonOf,
  tableOf,
  type Target,
  within,
} from './target.ts'

export interface InquiryDeps {
  readonly store: Store
  readonly journal: Journal
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly adapterFor: (platform: Platform) => Adapter
  /** What an adapter needs to call its platform, in the background. Throws a Fault. */
  readonly callerFor: (
    connectionId: string,
    options: { deadline: Deadline; signal: AbortSignal },
  ) => Promise<Caller>
  /** Aborted: no other inquiry is begun. */
  readonly signal: AbortSignal
  /** The first gap between two inquiries, ten seconds when absent; the later ones grow with it. */
  readonly firstGapMs?: number
  /** How the customers' databases are reached; the driver's own way when absent. */
  readonly dial?: Dial
  /** Databases that were silent in passes before, which are left for later; none when absent. */
  readonly silences?: Silences
}

/** What one pass did. */
export interface Inquired {
  /** Nothing of them is in doubt any more. */
  readonly settled: number
  /** To be inquired about again. */
  readonly open: number
  /** In doubt for good. */
  readonly givenUp: number
}

/** Inquiries under way at a time, and begun in one pass. */
const lanes = 4
const passMax = 1_000
/** After so long a pass begins no more of them, in milliseconds. */
const passWaitMs = 5 * 60_000
const inquiryWaitMs = 30_000
/** For one row that is looked up by its key: with an inquiry and the writing of what it saw, shorter than the lease. */
const notedWaitMs = 15_000

/** One pass over what is due. Several processes may run it at once: none inquires about what another one does. */
export async function inquireDue(deps: InquiryDeps): Promise<Inquired> {
  const done = { settled: 0, open: 0, givenUp: 0 }
  const pass: Pass = { ...deps, downDatabases: new Set(), downConnections: new Set() }
  const until = deps.now() + passWaitMs
  let begun = 0
  const lane = async () => {
    while (!deps.signal.aborted && deps.now() < until && begun++ < passMax) {
      const open = await claimDueDoubt(deps.store)
      if (open === null) return
      done[await one(pass, open)] += 1
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane))
  const failed = ended.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return done
}

type Pass = InquiryDeps & {
  /** What did not answer in this pass: one wait for it is enough. */
  readonly downDatabases: Set<string>
  readonly downConnections: Set<string>
}

type InDoubt = OpenDoubt & { readonly outcome: DoubtfulOutcome }

/** An inquiry from its claim to its end; what fails is tried again. Throws `service_unreachable`: the claim ends by itself. */
async function one(pass: Pass, claimed: OpenDoubt): Promise<keyof Inquired> {
  const { outcome } = claimed
  if (isInDoubt(outcome)) return await find(pass, { ...claimed, outcome })
  await postponeDoubt(pass.store, claimed, { waitMs: null })
  const { mutation: { id, syncId } } = claimed
  pass.log.info('inquiry.known', { mutation: id, sync: syncId, state: outcome.state })
  return 'settled'
}

async function find(pass: Pass, claimed: InDoubt): Promise<keyof Inquired> {
  const { log } = pass
  const { mutation: { id, syncId }, inquiries } = claimed
  let open = claimed
  let overAt: number | undefined
  try {
    const note = await lookUp(pass, open)
    if (note === 'there') open = { ...open, state: 'applied' }
    const found = await unlessAborted(ask(pass, open), pass.signal)
    if (found === 'nothing to ask') return await giveUp(pass, open, found)
    const { outcome } = found
    overAt = found.overAt
    const shown = await show(pass, open, found)
    if (await conclude(pass, open, { outcome, shown })) {
      const { state } = outcome
      log.info('inquiry.settled', { mutation: id, sync: syncId, state, inquiries })
      return 'settled'
    }
    if (found.forGood === true && shown && note !== 'not looked up') {
      return await giveUp(pass, open, 'nothing more can be told')
    }
    log.info('inquiry.open', { mutation: id, sync: syncId, state: outcome.state, inquiries, shown })
  } catch (error) {
    log.warn('inquiry.failed', { mutation: id, sync: syncId, inquiries, error: reasonOf(error) })
  }
  if (open.ageMs > inquiriesEndMs) return await giveUp(pass, open, 'a day is over')
  await postponeDoubt(pass.store, open, { waitMs: waitFor(pass, { inquiries, overAt }) })
  return 'open'
}

/** Until the next inquiry, in milliseconds: the gap, but no longer than until the request is surely over. */
function waitFor(
  { now, firstGapMs = inquiryAfterMs }: Pass,
  { inquiries, overAt = 0 }: { inquiries: number; overAt: number | undefined },
): number {
  const gapMs = inquiryGapMs(inquiries, firstGapMs)
  const leftMs = overAt - now()
  // not a fraction too early, which would cost another gap
  return leftMs > 0 ? Math.min(gapMs, Math.ceil(leftMs) + 1) : gapMs
}

/**
 * Is a mutation that is unknown in the customer's database? Then its listener heard that it was accepted, and only the
 * journal did not: it is applied, and what the platform wrote is still to be found out.
 */
async function lookUp(
  pass: Pass,
  { mutation, state }: InDoubt,
): Promise<'there' | 'not there' | 'not looked up'> {
  const { store, journal, log, dial } = pass
  const { id, syncId } = mutation
  if (state !== 'unknown') return 'not there'
  if (isLeft(pass, syncId)) return 'not looked up'
  try {
    const target = await readTarget(store, mutation)
    const reached = { ...target, dial, waitMs: notedWaitMs }
    const noted = await within(reached, (tx) => tx.unsafe(notedSql, [id]))
    pass.silences?.remove(syncId)
    return noted.length > 0 && (await journal.applied([id])).length > 0 ? 'there' : 'not there'
  } catch (error) {
    leave(pass, syncId, error)
    log.warn('inquiry.not_looked_up', { mutation: id, sync: syncId, error: reasonOf(error) })
    return 'not looked up'
  }
}

const notedSql = 'select from sluice.mutations m where m.id = $1::pg_catalog.text::pg_catalog.uuid'

/** Is the database of the sync left alone: down in this pass, or silent in passes before? */
function isLeft({ downDatabases, silences }: Pass, syncId: string): boolean {
  return downDatabases.has(syncId) || silences?.has(syncId) === true
}

/** The work in the database of the sync failed: does it keep other work too? */
function leave({ downDatabases, silences }: Pass, syncId: string, error: unknown): void {
  if (isDatabaseDown(error)) downDatabases.add(syncId)
  if (isSilent(error)) silences?.add(syncId)
}

async function giveUp({ store, log }: Pass, open: OpenDoubt, why: string): Promise<'givenUp'> {
  const { mutation: { id, syncId }, inquiries } = open
  await postponeDoubt(store, open, { waitMs: null })
  log.error('inquiry.given_up', { mutation: id, sync: syncId, inquiries, why })
  return 'givenUp'
}

async function ask(pass: Pass, open: InDoubt): Promise<Inquiry | 'nothing to ask'> {
  const { store, now, adapterFor, downConnections } = pass
  const sync = await readSync(store, open.mutation.syncId)
  const adapter = adapterFor(sync.platform)
  if (adapter.inquire === undefined) return 'nothing to ask'
  if (downConnections.has(sync.connectionId)) throw new Error('The platform does not answer')
  try {
    return await askAdapter(pass, open, {
      sync,
      adapter,
      deadline: deadlineIn(inquiryWaitMs, now()),
    })
  } catch (error) {
    if (isPlatformDown(error)) downConnections.add(sync.connectionId)
    throw error
  }
}

/** What keeps one inquiry keeps all others of the connection too; what is wrong with one mutation does not. */
function isPlatformDown(error: unknown): boolean {
  if (error instanceof DeadlineExceeded) return true
  const blame = error instanceof Fault ? catalogue[error.code].blame : 'client'
  return blame !== 'client' && !(error instanceof Fault && error.code === 'service_unreachable')
}

async function askAdapter(
  pass: Pass,
  open: InDoubt,
  { sync, adapter, deadline }: { sync: Sync; adapter: Adapter; deadline: Deadline },
): Promise<Inquiry> {
  const { store, signal } = pass
  const { mutation, outcome, ageMs } = open
  const caller = await pass.callerFor(sync.connectionId, { deadline, signal })
  const others = makesRecords(mutation) ? await readOthers(store, open) : new Set<string>()
  const now = pass.now()
  return await inquire({
    adapter,
    table: tableOf(sync, mutation),
    caller,
    doubt: { mutation, outcome, sentAt: now - ageMs, now, others },
    isContested: async (records) => {
      const rivals = await readRivals(store, open, records.map(({ id }) => id))
      const mayBeTheirs = mayMakeTheSame(mutation, records)
      return rivals.some(({ made, request }) => made.length > 0 || mayBeTheirs(request))
    },
  })
}

/** Writes what was seen to the table, where nothing newer is there. False: it could not be written now. */
async function show(pass: Pass, open: OpenDoubt, { outcome, seen }: Inquiry): Promise<boolean> {
  const { store, log, dial } = pass
  const { mutation } = open
  const known = rowsOf(open.outcome)
  const found = rowsOf(outcome).filter(({ id }) => !known.some((row) => row.id === id))
  const all: PlatformRow[] = [...found, ...seen]
  if (all.length === 0) return true
  if (isLeft(pass, mutation.syncId)) return false
  let target: Target
  try {
    target = await readTarget(store, mutation)
    await within({ ...target, dial }, async (tx) => {
      const ids = [...new Set(all.map(({ id }) => id))]
      await lockRows(tx, target.table, ids)
      const newer = await writtenSince(store, { mutation, ids }, open.claimedAt)
      const rows = all.filter(({ id }) => !newer.has(id))
      if (rows.length > 0) await writeRows(tx, target, { rows })
    })
  } catch (error) {
    leave(pass, mutation.syncId, error)
    const { id, syncId } = mutation
    log.warn('inquiry.not_shown', { mutation: id, sync: syncId, error: reasonOf(error) })
    return false
  }
  // what the sync process wrote meanwhile may have been read later than this
  await noteHints(store, { syncId: mutation.syncId, hints: hintsOf(target.table, all) })
  return true
}

function rowsOf(outcome: Outcome): readonly PlatformRow[] {
  return isWritten(outcome) ? outcome.rows : []
}

/**
 * Puts what was found out into the journal. True: nothing is in doubt any more. What was unknown as a whole is recovery's
 * to apply; of a mutation that is applied in part, the rows found since must be in the table before.
 */
async function conclude(
  { journal }: Pass,
  open: InDoubt,
  { outcome, shown }: { outcome: Outcome; shown: boolean },
): Promise<boolean> {
  const { id } = open.mutation
  const settled = !isInDoubt(outcome)
  if (open.state === 'unknown') {
    if (outcome.state !== 'unknown') await journal.settle(id, outcome)
    return settled
  }
  if (!shown || !isWritten(outcome) || !isNews(open.outcome, outcome)) return false
  await journal.learn(id, outcome)
  return settled
}

/** The work's result, unless the signal is aborted before: whoever ends the process does not wait for a platform. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('The process is ending'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {}) // where it was not waited for
  }
}
