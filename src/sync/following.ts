// Room sync: following a table: what has changed at the platform since it was last asked.

import { Fault } from '../mutation/fault.ts'
import type { Changes } from '../platforms/platform.ts'
import { readOldestHint } from '../store/hints.ts'
import { put, rereadNoting } from './putting.ts'
import { tell } from './telling.ts'
import type { Work } from './work.ts'

/**
 * Asks for changes once, and writes them. more: there are more already; expired: the platform no longer knows what has
 * changed since, and the table must be filled anew. Throws a Fault, Postgres's errors, Fenced: the same is asked again.
 */
export async function followStep(work: Work): Promise<'more' | 'quiet' | 'expired'> {
  const { hold, writer, log, table } = work
  const cursor = hold.progress.followCursor
  if (cursor === null) return 'quiet'
  const mark = await writer.mark()
  const changes = await changesFrom(work, cursor)
  if (changes === null) return 'expired'
  const { rows, gone, touched, next, more } = changes
  const before = work.now()
  const { changed, removed } = await put(work, { mark, rows, gone })
  const known = new Set([...rows.map(({ id }) => id), ...gone])
  const reread = await rereadNoting(work, touched.filter(({ id }) => !known.has(id)))
  const freshAt = await freshness(work, changes)
  const settled = more ? {} : { polledAt: before }
  const unproven = Math.max(0, hold.progress.unproven - 1)
  await hold.save({ followCursor: next, freshAt, unproven, ...settled }, { looked: !more })
  const figures = { rows: rows.length, gone: gone.length, touched: touched.length, more }
  const written = { changed: changed + reread.changed, removed: removed + reread.removed }
  log.debug('sync.followed', { sync: table.syncId, table: table.name, ...figures, ...written })
  await tell(work)
  return more ? 'more' : 'quiet'
}

/** Null: the cursor is too old. */
async function changesFrom(work: Work, cursor: string): Promise<Changes | null> {
  const { follower, table } = work
  if (follower === null) return null
  try {
    return await work.ask((caller) => follower.changes(table, cursor, caller))
  } catch (error) {
    if (error instanceof Fault && error.code === 'bad_request') return null
    throw error
  }
}

/**
 * All that happened before this moment is in the table. Not what is still to be read again: that may have changed at any
 * time before it was noted.
 */
async function freshness(
  { store, hold }: Work,
  { until }: Pick<Changes, 'until'>,
): Promise<number | null> {
  const { syncId, table, progress } = hold
  // until the listing has ended, there may be records of which it is not known any more that they are to be read
  if (progress.pass?.why === 'fill') return progress.freshAt
  const open = await readOldestHint(store, { syncId, table })
  const at = Math.min(until, open ?? until)
  return Math.max(at, progress.freshAt ?? at)
}
