// Room sync: what is to be done for a table next, and when there will be something again.

import { Fault, fault } from '../mutation/fault.ts'
import { followStep } from './following.ts'
import { hintStep, readHints } from './hinting.ts'
import { beginPass, passStep } from './passing.ts'
import { sampleRows, sampleStep } from './sampling.ts'
import { tell } from './telling.ts'
import { tooManyHints } from '../store/hints.ts'
import type { Phase } from '../store/tables.ts'
import type { Work } from './work.ts'

/** A listing that the platform does not go on with begins again so often in a row. */
const restartsMax = 3
/** So many polls have to go well after a cursor was refused, */
const provenPolls = 5
/** or so much time to have passed since the table was filled, in milliseconds, before it is filled for that reason again. */
const refillMs = 6 * 60 * 60_000

/**
 * One step: what went wrong before goes well again when nothing is thrown. False: there was nothing to do. Throws a Fault,
 * Postgres's errors, Fenced.
 */
export async function step(work: Work): Promise<boolean> {
  if (work.hold.progress.phase === 'paused') {
    await work.hold.save({ phase: phaseOf(work) })
    await tell(work, { now: true })
  }
  const done = await next(work)
  if (!done || work.hold.progress.failure === null) return done
  await work.hold.save({ failure: null, tries: 0, phase: phaseOf(work) })
  await tell(work, { now: true })
  return done
}

/** Of a table with which all is well. */
function phaseOf({ hold }: Work): Phase {
  const { pass, filledAt } = hold.progress
  if (pass?.why === 'fill') return 'backfill'
  return filledAt === null ? 'waiting' : 'following'
}

/**
 * Records that are to be read again, changes where it is time for them, and then one of: a listing under way, the regular
 * comparison, a sample. One after the other and however long each takes, so that none waits for ever.
 */
async function next(work: Work): Promise<boolean> {
  if (await beginFill(work)) return true
  const hints = await readHints(work)
  const polls = isPollDue(work)
  const first = hints.length > 0 || polls
  // what was read before them is written before them
  if (first && work.ahead !== null) await listOn(work, { ahead: false })
  await hintStep(work, hints)
  if (first && work.isStopped()) return true
  if (polls) await poll(work)
  if (polls && work.isStopped()) return true
  return await listOrCompare(work) || first
}

async function listOrCompare(work: Work): Promise<boolean> {
  const { pass } = work.hold.progress
  if (pass !== null) {
    await listOn(work, { ahead: true })
    return true
  }
  if (isScanDue(work)) {
    await beginPass(work, { why: 'scan' })
    return true
  }
  if (sampleRows(work) > 0) {
    await sampleStep(work)
    return true
  }
  return false
}

/** Begins to fill a table that was never filled, or that somebody wants to be filled anew. */
async function beginFill(work: Work): Promise<boolean> {
  const { filledAt, pass, wanted } = work.hold.progress
  if (wanted === null && (filledAt !== null || pass !== null)) return false
  // what nobody has asked for waits for the end of the filling under way, else that would never come
  if (wanted === tooManyHints && pass?.why === 'fill') return false
  await beginPass(work, { why: 'fill', reason: wanted })
  return true
}

async function poll(work: Work): Promise<void> {
  const { filledAt, unproven } = work.hold.progress
  if (await followStep(work) !== 'expired') return
  if (work.hold.progress.pass?.why === 'fill') {
    // the listing under way brings what was not told: it is followed again from where it began
    await work.hold.save({ followCursor: null })
    return
  }
  if (unproven > 0 && work.now() - (filledAt ?? 0) < refillMs) throw refusedAgain()
  const reason = 'the platform no longer tells what has changed since it was last asked'
  const { table, log } = work
  log.warn('sync.cursor_expired', { sync: table.syncId, table: table.name })
  await beginPass(work, { why: 'fill', reason, expired: true })
  await work.hold.save({ unproven: provenPolls })
}

/** Filling the table anew has not helped: whoever fills it again at once lists it for ever. */
function refusedAgain(): Fault {
  return fault('platform_failed', {
    message: 'the platform refuses to tell what has changed, also after the table was filled anew',
    hint: 'It is asked again by itself, and the table is filled anew some hours after it last was.',
  })
}

/** The page that was asked for ahead is written, when there is no time for more. */
export async function endAhead(work: Work): Promise<void> {
  if (work.ahead !== null) await listOn(work, { ahead: false })
}

/**
 * A cursor that the platform refuses begins the listing again: it was good for some hours only. `ahead`: the next page is
 * asked for while this one is written.
 */
async function listOn(work: Work, { ahead }: { ahead: boolean }): Promise<void> {
  const { hold, log, table } = work
  const { pass } = hold.progress
  if (pass === null) return
  try {
    await passStep(work, pass, { ahead })
  } catch (error) {
    const refused = error instanceof Fault && error.code === 'bad_request'
    if (!refused || pass.cursor === null) throw error
    if (pass.restarts >= restartsMax) throw restarted(error)
    log.warn('sync.pass_again', { sync: table.syncId, table: table.name, pages: pass.pages, error })
    const reason = 'the platform refused to go on with its list'
    await beginPass(work, { why: pass.why, reason, restarts: pass.restarts + 1 })
  }
}

function restarted(cause: Fault): Fault {
  const { message, detail } = cause.data
  return fault('platform_failed', {
    message: `the platform does not go on with its list: ${message}`,
    ...(detail === undefined ? {} : { detail }),
  }, { cause })
}

/** Something has changed, and nobody has said what; or the time has come. */
function isPollDue({ hold, pace, now }: Work): boolean {
  const { followCursor, polledAt } = hold.progress
  if (followCursor === null || !(pace.changes || pace.deletions)) return false
  return hold.wantsLook || now() >= (polledAt ?? -Infinity) + pace.everyMs
}

function isScanDue({ hold, pace, now }: Work): boolean {
  const { scannedAt } = hold.progress
  return (hold.wantsLook && !pace.changes) || now() >= (scannedAt ?? -Infinity) + pace.scanEveryMs
}

/** When there will be something to do that nobody has to ask for, in milliseconds. */
export function dueInMs({ hold, pace, now }: Work): number {
  const { followCursor, polledAt, scannedAt } = hold.progress
  const follows = followCursor !== null && (pace.changes || pace.deletions)
  const pollAt = follows ? (polledAt ?? 0) + pace.everyMs : Infinity
  const scanAt = (scannedAt ?? 0) + pace.scanEveryMs
  return Math.ceil(Math.max(0, Math.min(pollAt, scanAt) - now()))
}
