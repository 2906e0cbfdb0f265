// Room platforms: following a list of GitHub that takes no `since` but can be sorted by the time of change: pull requests.
// It is read from the newest change back to what has been told. A pull request that changes meanwhile goes to the front and
// moves others to later pages, so none is left out; none is ever deleted. Source: GitHub REST API, "List pull requests".
//
// The list leaves out a part of each record (unlisted.ts). That can change once more in the second of a change that was told,
// and the list stays the same: so what changed lately is told again with each reading, until all of its second can be seen.

import { readUnlessKnown } from './conditional.ts'
import {
  type Feeding,
  lagSeconds,
  type Missing,
  missingOf,
  perPage,
  remembered,
  rowsOf,
  type Seen,
  stampedIn,
  type Step,
  unseen,
} from './feed.ts'

/** Where the list has got to. Times are GitHub's, in seconds since 1970. */
export interface NewestState {
  readonly kind: 'newest'
  /** What changed before it has been told. */
  readonly since: number
  /** Of the first page; null: none is known. */
  readonly etag: string | null
  /** While the list is walked: what has been told of it, for a page can begin with what the one before ended with. */
  readonly seen: readonly Seen[]
  /** The page to read, from 2, and what was surely in the list when the first one was read. */
  readonly walk: { readonly page: number; readonly settled: number } | null
}

/** The list back to a moment; 0: all of it. */
export function newestState(since: number): NewestState {
  return { kind: 'newest', since, etag: null, seen: [], walk: null }
}

const path = 'pulls?state=all&sort=updated&direction=desc'

/** One request. @throws Fault as `readUnlessKnown` */
export async function stepNewest(
  state: NewestState,
  feeding: Feeding,
): Promise<Step<NewestState> | Missing> {
  const { since, walk, seen } = state
  const page = walk === null ? '' : `&page=${walk.page}`
  const etag = walk === null ? state.etag : null
  const found = await readUnlessKnown(
    `/repos/${feeding.repository}/${path}&per_page=${perPage}${page}`,
    { ...feeding, etag },
  )
  if (found.kind === 'absent') return missingOf(found)
  if (found.kind === 'same') return { state, rows: [], touched: [], done: true }
  const listed = stampedIn(found.json, feeding)
  const records = listed.filter(({ stamp }) => stamp >= since)
  const fresh = unseen(records, seen)
  const newest = Math.max(0, ...listed.map(({ stamp }) => stamp))
  const settled = walk?.settled ?? (found.at ?? newest) - lagSeconds
  const told = { rows: rowsOf(fresh), touched: [] }
  const base = { kind: 'newest', etag: null, walk: null } as const
  const full = listed.length >= perPage || found.next !== null
  if (full && records.length === listed.length) {
    const further = { page: (walk?.page ?? 1) + 1, settled }
    const walked = { ...base, seen: remembered(seen, records, since), walk: further }
    return { ...told, state: { ...walked, since }, done: false }
  }
  if (fresh.length === 0 && walk === null) {
    return { ...told, state: { ...base, since, seen: [], etag: found.etag }, done: true }
  }
  return { ...told, state: { ...base, since: Math.max(since, settled), seen: [] }, done: true }
}
