// Room platforms: following a list of GitHub that takes `since`: issues and issue comments. It is read from a moment on,
// oldest change first, and the moment moves on with what was read: pages by number would leave out a record whenever one
// before it changes meanwhile and goes to the end. Sources: GitHub REST API, "List repository issues", "List issue
// comments for a repository".

import { type Conditional, type Listed, readUnlessKnown } from './conditional.ts'
import {
  type Feeding,
  lagSeconds,
  type Missing,
  missingOf,
  perPage,
  remembered,
  rowsOf,
  type Seen,
  type Stamped,
  stampedIn,
  type Step,
  unseen,
} from './feed.ts'

/** Where the list has got to. Times are GitHub's, in seconds since 1970. */
export interface SinceState {
  readonly kind: 'since'
  /** What changed before it has been told. */
  readonly since: number
  /** Of the answer to this very question; null: none is known. */
  readonly etag: string | null
  /** What changed from `since` on and has been told. */
  readonly seen: readonly Seen[]
  /** More pages of the same `since` have to be read: so many records changed in one second, or just now. */
  readonly walk: Walk | null
}

interface Walk {
  /** The page to read, from 1. */
  readonly page: number
  /** What changed up to this moment surely stood in the list when the walk began. */
  readonly settled: number
  /** Nothing but records of the second of `since` so far, and how many. */
  readonly tied: boolean
  readonly count: number
  /** How many of them the walk before this one met. */
  readonly before: number | null
}

/** The list from a moment on; 0: all of it. */
export function sinceState(since: number): SinceState {
  return { kind: 'since', since, etag: null, seen: [], walk: null }
}

const paths: Readonly<Record<string, string>> = {
  issues: 'issues?state=all&sort=updated&direction=asc',
  issue_comments: 'issues/comments?sort=updated&direction=asc',
}

/** One request. @throws Fault as `readUnlessKnown` */
export async function stepSince(
  state: SinceState,
  feeding: Feeding,
): Promise<Step<SinceState> | Missing> {
  const { since, walk } = state
  const page = walk === null || walk.page === 1 ? '' : `&page=${walk.page}`
  const moment = new Date(since * 1000).toISOString().replace('.000', '')
  const query = `${paths[feeding.shape.name]}&per_page=${perPage}&since=${moment}${page}`
  const etag = walk === null ? state.etag : null
  const path = `/repos/${feeding.repository}/${query}`
  const found: Conditional = await readUnlessKnown(path, { ...feeding, etag })
  if (found.kind === 'absent') return missingOf(found)
  if (found.kind === 'same') return { state, rows: [], touched: [], done: true }
  const records = stampedIn(found.json, feeding)
  const fresh = unseen(records, state.seen)
  const next = after(state, { found, records, fresh })
  return { ...next, rows: rowsOf(fresh), touched: [] }
}

interface Answer {
  readonly found: Listed
  readonly records: readonly Stamped[]
  readonly fresh: readonly Stamped[]
}

function after(
  { since, seen, walk }: SinceState,
  { found, records, fresh }: Answer,
): Pick<Step<SinceState>, 'state' | 'done'> {
  const stamps = records.map(({ stamp }) => stamp)
  const now = walk ?? begin(found, stamps)
  const ties = stamps.filter((stamp) => stamp <= since).length
  const count = now.count + ties
  const full = records.length >= perPage || found.next !== null
  const base = { kind: 'since', etag: null, walk: null } as const
  const kept = remembered(seen, records, since)
  const passed = !full || ties < records.length
  if (passed && now.tied && now.page > 1 && since <= now.settled) {
    if (count === now.before) {
      return { state: { ...base, since: since + 1, seen: kept }, done: false }
    }
    const again = { ...now, page: 1, tied: true, count: 0, before: count }
    return { state: { ...base, since, seen: kept, walk: again }, done: false }
  }
  if (!full) return { state: ended(), done: true }
  const settled = stamps.filter((stamp) => stamp > since && stamp <= now.settled)
  if (settled.length > 0 && isAscending(settled)) {
    const moment = Math.max(...settled)
    const known = remembered(seen, records, moment)
    return { state: { ...base, since: moment, seen: known }, done: false }
  }
  const tied = now.tied && ties === records.length
  const further = { ...now, page: now.page + 1, tied, count }
  return { state: { ...base, since, seen: kept, walk: further }, done: false }

  /** The question stays the same, so that 304 can answer it, until it has brought something. */
  function ended(): SinceState {
    if (fresh.length === 0 && walk === null) return { ...base, since, seen: kept, etag: found.etag }
    const moment = Math.max(since, now.settled)
    return { ...base, since: moment, seen: remembered(seen, records, moment) }
  }
}

/** What is in no order is read by its pages. */
function isAscending(stamps: readonly number[]): boolean {
  return stamps.every((stamp, i) => stamp >= (stamps[i - 1] ?? 0))
}

/**
 * A second of more records than a page holds is walked over until two walks have met as many. Records only leave a second
 * that is settled, so the second walk cannot meet more than the first, and as many means: none was left out at the border
 * of two pages. What comes after that second is then asked for anew.
 */
function begin({ at }: Listed, stamps: readonly number[]): Walk {
  const settled = (at ?? Math.max(0, ...stamps)) - lagSeconds
  return { page: 1, settled, tied: true, count: 0, before: null }
}
