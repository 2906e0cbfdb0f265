// Room platforms: what changed in a GitHub table. GitHub has no list of changes for an account: every repository is asked,
// one after the other, and those that the settings do not name are looked for first.

import { never } from '../../lib/assert.ts'
import { fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Caller, Changes, Page, Ref } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { readUnlessKnown } from './conditional.ts'
import { tableFor } from './describe.ts'
import type { Feeding, Step } from './feed.ts'
import { lagSeconds } from './feed.ts'
import { type ListState, refsIn, stepList, unknownList } from './feed-list.ts'
import { stepNewest } from './feed-newest.ts'
import { stepSince } from './feed-since.ts'
import {
  type Feed,
  feedOf,
  type Following,
  type Place,
  readFollowing,
  writeFollowing,
} from './following.ts'
import { readSettings } from './settings.ts'
import { completed } from './unlisted.ts'

/** Requests of lists that one call makes at most, and rows after which it makes no more. */
export const requestsMax = 10
const rowsEnough = 200

/** Pages of the list of repositories that are read before a table is filled; later ones are found afterwards. */
const repositoryPagesMax = 50

interface Turning {
  readonly shape: GithubTable
  readonly table: SyncedTable
  readonly caller: Caller
}

/**
 * A cursor from now on. GitHub's clock is asked for with a request that takes nothing from the limits.
 * @throws Fault as `read`
 */
export async function startFollowing(
  table: SyncedTable,
  caller: Caller,
  now: () => number,
): Promise<string> {
  const shape = tableFor(table.object)
  const turning = { shape, table, caller }
  const until = now()
  // 404: an enterprise server without limits
  const asked = { caller, place: { table }, etag: null, absent: [404] }
  const answer = await readUnlessKnown('/rate_limit', asked)
  const at = answer.kind === 'same' ? null : answer.at
  const since = (at ?? Math.floor(until / 1000)) - lagSeconds
  let following: Following = { until, begun: null, turn: 0, found: null, places: [] }
  if (needsRepositories(turning)) {
    let found: ListState = unknownList
    for (let page = 0; page < repositoryPagesMax; page += 1) {
      const step = await stepList(found, listing(turning))
      found = step?.state ?? unknownList
      if (step === null || step.done) break
    }
    following = { ...following, found }
  }
  const names = namesIn(following, turning)
  const places = names.map((name) => ({ name, feed: feedOf(shape, since) }))
  return writeFollowing({ ...following, places })
}

/**
 * What changed, by at most ten requests of lists: one for each repository when little has changed, none of which counts
 * against the hour when nothing has. What lists leave out takes one more for a hundred rows.
 * @throws Fault as `read`; bad_request for a cursor that is none
 */
export async function changesOf(
  { table, cursor }: { table: SyncedTable; cursor: string },
  caller: Caller,
  now: () => number,
): Promise<Changes> {
  const shape = tableFor(table.object)
  const turning = { shape, table, caller }
  const before = readFollowing(cursor, shape)
  const first = before.begun === null
    ? begun(before, turning, now())
    : { following: before, touched: [] }
  let { following } = first
  const rows = new Map<string, Page['rows'][number]>()
  const touched: Ref[] = [...first.touched]
  for (let requests = 0; requests < requestsMax && rows.size < rowsEnough; requests += 1) {
    if (following.begun === null) break
    const step = await takeTurn(following, turning)
    for (const row of step.rows) rows.set(row.id, row)
    touched.push(...step.touched)
    following = ended(step.following)
  }
  const whole = await completed([...rows.values()], { shape, caller, place: { table } })
  const next = writeFollowing(following)
  const { until } = following
  return {
    rows: whole.rows,
    gone: [],
    touched: [...touched, ...whole.untold],
    next,
    more: following.begun !== null,
    until,
  }
}

/** Must the repositories be looked for? The table of repositories is that list itself. */
function needsRepositories({ shape, caller }: Turning): boolean {
  return shape.name !== 'repositories' && readSettings(caller.settings).repositories === undefined
}

function begun(following: Following, turning: Turning, now: number): Begun {
  if (needsRepositories(turning)) {
    const found = following.found ?? unknownList
    return { following: { ...following, begun: now, turn: -1, found }, touched: [] }
  }
  return settled({ ...following, begun: now, found: null }, turning)
}

interface Begun {
  readonly following: Following
  /** What was in repositories that are followed no more. */
  readonly touched: readonly Ref[]
}

/** The places of a round. Of a repository that was not followed before, all is told. */
function settled(following: Following, turning: Turning): Begun {
  const known = new Map(following.places.map((place) => [place.name, place]))
  const names = namesIn(following, turning)
  const places = names.map((name): Place =>
    known.get(name) ?? { name, feed: feedOf(turning.shape, 0) }
  )
  const left = following.places.filter(({ name }) => !names.includes(name))
  const touched = left.flatMap((place) => knownAt(place, turning))
  return { following: { ...following, turn: 0, places }, touched }
}

function knownAt({ name, feed }: Place, turning: Turning): readonly Ref[] {
  return feed.kind === 'list' ? refsIn(feed, feedingAt(name, turning)) : []
}

function namesIn({ found }: Following, { caller }: Turning): readonly string[] {
  const listed = found?.pages.flatMap(({ records }) => records.map(([, , name]) => name))
  return [...new Set(readSettings(caller.settings).repositories ?? listed ?? [''])]
}

function ended(following: Following): Following {
  const { begun, turn, places } = following
  if (begun === null || turn < places.length) return following
  return { ...following, until: begun, begun: null, turn: 0 }
}

interface Turn extends Pick<Step<Feed>, 'rows' | 'touched'> {
  readonly following: Following
}

/** One request. */
async function takeTurn(following: Following, turning: Turning): Promise<Turn> {
  const { turn, places, found } = following
  if (turn === -1) return await takeListing(following, found ?? unknownList, turning)
  const place = places[turn]
  if (place === undefined) return { following, rows: [], touched: [] }
  const step = await stepOf(place.feed, feedingAt(place.name, turning))
  const feed = step?.state ?? feedOf(turning.shape, 0)
  const next = {
    ...following,
    turn: step === null || step.done ? turn + 1 : turn,
    places: places.with(turn, { ...place, feed }),
  }
  return {
    following: next,
    rows: step?.rows ?? [],
    touched: step?.touched ?? knownAt(place, turning),
  }
}

async function takeListing(
  following: Following,
  found: ListState,
  turning: Turning,
): Promise<Turn> {
  const step = await stepList(found, listing(turning))
  if (step === null) throw fault('not_found', { platform: 'github' })
  const next = { ...following, found: step.state }
  const told = step.done ? settled(next, turning) : { following: next, touched: [] }
  return { ...told, rows: [] }
}

/** The list of repositories, read as the table of repositories is. */
function listing({ table, caller }: Turning): Feeding {
  return { shape: tableFor('repositories'), repository: '', absent: [], caller, place: { table } }
}

/**
 * 410: issues are switched off. What the settings do not name and cannot be seen, has moved or is blocked is passed over:
 * the next list of repositories does not have it, or under another name.
 */
function feedingAt(repository: string, { shape, table, caller }: Turning): Feeding {
  const named = readSettings(caller.settings).repositories !== undefined
  const absent = named || repository === '' ? [410] : [301, 302, 307, 308, 404, 410, 451]
  return { shape, repository, absent, caller, place: { table } }
}

async function stepOf(feed: Feed, feeding: Feeding): Promise<Step<Feed> | null> {
  switch (feed.kind) {
    case 'since':
      return await stepSince(feed, feeding)
    case 'newest':
      return await stepNewest(feed, feeding)
    case 'list':
      return await stepList(feed, feeding)
    default:
      return never(feed)
  }
}
