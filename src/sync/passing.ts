// Room sync: one listing of all records of a table, page by page. How far it is stands in the store after each page, so
// that it goes on wherever it was stopped.

import { fault } from '../mutation/fault.ts'
import type { PassState } from '../store/claims.ts'
import { dropHintsUntil, newestHint } from '../store/hints.ts'
import { put, rereadNoting } from './putting.ts'
import { readAhead } from './reading.ts'
import { tell } from './telling.ts'
import type { Work } from './work.ts'

/** A list that leads nowhere ends here. */
const pagesMax = 10_000_000
/** Rows that were not listed, looked for at a time. */
const unseenRowsMax = 500

/**
 * Begins a listing. fill: of a table that has to be filled, from the beginning; scan: the regular comparison. What was
 * being listed is given up. `reason`: why a table that was filled before is filled anew, for the log; `restarts`: how often
 * this listing began again; `expired`: the platform no longer tells what has changed, else a table that follows goes on
 * following meanwhile. Throws a Fault, Postgres's errors, Fenced.
 */
export async function beginPass(
  work: Work,
  { why, reason = null, restarts = 0, expired = false }: {
    why: PassState['why']
    reason?: string | null
    restarts?: number
    expired?: boolean
  },
): Promise<void> {
  const { follower, table, hold, writer, pace } = work
  await work.ahead?.end()
  work.ahead = null
  const fills = why === 'fill'
  const follows = follower !== null && (pace.changes || pace.deletions)
  const start = fills && follows ? await work.ask((caller) => follower.start(table, caller)) : null
  const before = hold.progress.pass
  // nobody may go on with it once what it has seen is being forgotten
  if (before !== null) {
    await hold.save({ pass: null })
    await forget(work, before)
  }
  const noted = fills ? await newestHint(work.store) : null
  const pass: PassState = {
    why,
    by: !fills && follower?.ids !== undefined && pace.changes ? 'ids' : 'pages',
    pass: await writer.begin(),
    start,
    stage: 'pages',
    cursor: null,
    after: null,
    pages: 0,
    rows: 0,
    total: null,
    startedAt: work.now(),
    restarts,
  }
  const phase = fills ? 'backfill' : hold.progress.phase
  const cursor = expired ? { followCursor: null } : {}
  await hold.save({ pass, phase, wanted: null, ...cursor }, { looked: true })
  if (noted !== null) await dropHintsUntil(work.store, hold, noted)
  const { syncId: sync, name } = table
  work.log.info('sync.pass_begun', { sync, table: name, why, by: pass.by, reason })
  await tell(work, { now: true })
}

/** How many records there are; a platform that cannot say it now keeps nobody from filling. */
async function countOf(work: Work): Promise<number | null> {
  const { follower, table, log } = work
  const count = follower?.count?.bind(follower)
  if (count === undefined) return null
  try {
    return await work.ask((caller) => count(table, caller))
  } catch (error) {
    log.info('sync.not_counted', { sync: table.syncId, table: table.name, error })
    return null
  }
}

/** One step of the listing under way. `ahead`: it is read on meanwhile. Throws a Fault, Postgres's errors, Fenced. */
export async function passStep(
  work: Work,
  pass: PassState,
  { ahead }: { ahead: boolean },
): Promise<void> {
  if (pass.stage === 'unseen') return await unseenStep(work, pass)
  if (pass.pages >= pagesMax) {
    throw fault('platform_failed', { message: 'the list of records does not end' })
  }
  if (pass.by === 'ids') return await idsStep(work, pass)
  return await pageStep(work, pass, { ahead })
}

async function pageStep(
  work: Work,
  pass: PassState,
  { ahead }: { ahead: boolean },
): Promise<void> {
  const { cursor } = pass
  if (work.ahead !== null && work.ahead.cursor !== cursor) await work.ahead.end()
  const reading = work.ahead?.cursor === cursor ? work.ahead : readAhead(work, cursor)
  work.ahead = null
  const load = await reading.take({ last: !ahead })
  if (load === null) return
  const { mark, rows, next, pages } = load
  // it is read on while this is written; marks of then are older than what is written now
  if (ahead && next !== null) work.ahead = reading
  await put(work, { mark, rows, gone: [], pass: pass.pass })
  // a list of one page is counted already
  const counts = pass.why === 'fill' && pass.pages === 0 && next !== null
  const total = counts ? await countOf(work) : pass.total
  await listed(work, { ...pass, total }, { count: rows.length, pages, next })
}

async function idsStep(work: Work, pass: PassState): Promise<void> {
  const { follower, table, writer } = work
  if (follower?.ids === undefined) throw new Error(`${table.platform} has no list of ids`)
  const list = follower.ids.bind(follower)
  const { ids, next } = await work.ask((caller) => list(table, pass.cursor, caller))
  const strangers = await writer.see(pass.pass, ids)
  await rereadNoting(work, strangers.map((id) => ({ id, keys: {} })))
  await listed(work, pass, { count: ids.length, pages: 1, next })
}

async function listed(
  work: Work,
  pass: PassState,
  { count, pages, next }: { count: number; pages: number; next: string | null },
): Promise<void> {
  if (next !== null && next === pass.cursor) {
    throw fault('platform_failed', { message: 'the list of records goes round in a circle' })
  }
  const stage = next === null ? 'unseen' : 'pages'
  const [pagesDone, rows] = [pass.pages + pages, pass.rows + count]
  const now = { ...pass, cursor: next, stage, pages: pagesDone, rows } as const
  await work.hold.save({ pass: now })
  await tell(work)
}

/** Rows that were not listed are read by id: a list that lacks a record is no proof. */
async function unseenStep(work: Work, pass: PassState): Promise<void> {
  const { writer, follower } = work
  const canRead = pass.pass.before && follower !== null
  const options = { after: pass.after, rowsMax: unseenRowsMax }
  const refs = canRead ? await writer.unseen(pass.pass, options) : []
  const last = refs.at(-1)
  if (last === undefined) return await endPass(work, pass)
  await rereadNoting(work, refs)
  await work.hold.save({ pass: { ...pass, after: last.id } })
}

async function endPass(work: Work, pass: PassState): Promise<void> {
  const { hold, log, table } = work
  const { progress } = hold
  const whole = pass.by === 'pages'
  const freshAt = whole ? Math.max(progress.freshAt ?? 0, pass.startedAt) : progress.freshAt
  await hold.save({
    pass: null,
    phase: 'following',
    // what has changed since the listing began is asked for when the table's interval is over
    ...(pass.why === 'fill' ? { followCursor: pass.start, polledAt: pass.startedAt } : {}),
    filledAt: whole ? work.now() : progress.filledAt,
    scannedAt: work.now(),
    freshAt,
  })
  const { why, pages, rows, startedAt } = pass
  const tookMs = work.now() - startedAt
  log.info('sync.pass_ended', { sync: table.syncId, table: table.name, why, pages, rows, tookMs })
  await tell(work, { now: true, filled: whole })
  // not before it is saved: whoever went on with the pass would take every row for one that was not listed
  await forget(work, pass)
}

/** What the next pass would have to forget first. */
async function forget(work: Work, { pass }: PassState): Promise<void> {
  while (!await work.writer.end(pass) && !work.isStopped());
}
