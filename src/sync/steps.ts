// Room sync: what is to be done for a table next, and when there will be something again.

import { Fault, fault } from '../mutation/fault.ts'
import { followStep } from './following.ts'
import { hintStep } from './hinting.ts'
import { beginPass, passStep } from './passing.ts'
import { sampleRows, sampleStep } from './sampling.ts'
import { tell } from './telling.ts'
import type { Work } from './work.ts'

/** A listing that the platform does not go on with begins again so often in a row. */
const restartsMax = 3

/**
 * One step: what went wrong before goes well again when nothing is thrown. False: there was nothing to do. Throws a Fault,
 * Postgres's errors, Fenced.
 */
export async function step(work: Work): Promise<boolean> {
  const done = await next(work)
  const { failure, pass, filledAt } = work.hold.progress
  if (!done || failure === null) return done
  const rests = filledAt === null ? 'waiting' : 'following'
  const phase = pass?.why === 'fill' ? 'backfill' : rests
  await work.hold.save({ failure: null, tries: 0, phase })
  await tell(work, { now: true })
  return done
}

/**
 * Records that are to be read again, and then one of: a listing under way, changes, the regular comparison, a
 * sample.
 */
async function next(work: Work): Promise<boolean> {
  if (await beginFill(work)) return true
  const hints = await hintStep(work)
  if (!work.goesOn()) return true
  if (isPollDue(work)) {
    await poll(work)
    return true
  }
  const { pass } = work.hold.progress
  if (pass !== null) {
    await listOn(work)
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
  return hints > 0
}

/** Begins to fill a table that was never filled, or that somebody wants to be filled anew. */
async function beginFill(work: Work): Promise<boolean> {
  const { filledAt, pass, wanted } = work.hold.progress
  if (wanted === null && (filledAt !== null || pass !== null)) return false
  await beginPass(work, { why: 'fill', reason: wanted })
  return true
}

async function poll(work: Work): Promise<void> {
  if (await followStep(work) !== 'expired') return
  const reason = 'the platform no longer tells what has changed since it was last asked'
  const { table, log } = work
  log.warn('sync.cursor_expired', { sync: table.syncId, table: table.name })
  await beginPass(work, { why: 'fill', reason })
}

/** The page that was asked for ahead is written, when there is no time for more. */
export async function endAhead(work: Work): Promise<void> {
  if (work.ahead !== null) await listOn(work)
}

/** A cursor that the platform refuses begins the listing again: it was good for some hours only. */
async function listOn(work: Work): Promise<void> {
  const { hold, log, table } = work
  const { pass } = hold.progress
  if (pass === null) return
  try {
    await passStep(work, pass)
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
  const { followCursor, polledAt, pass } = hold.progress
  if (followCursor === null || !(pace.changes || pace.deletions)) return false
  if (pass?.why === 'fill') return false
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
