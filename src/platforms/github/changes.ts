// Room platforms: what changed in a GitHub table. GitHub has no list of changes for an account: every repository is asked,
// one after the other, and those that the settings do not name are looked for first.

import { never } from '../../lib/assert.ts'
import { fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Caller, Changes, Page, Ref } from '../platform.ts'
import type { GithubTable } from './columns.ts'
import { readUnlessKnown } from './conditional.ts'
import { tableFor } from './describe.ts'
import type { Feeding, Missing, Step } from './feed.ts'
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

/**
 * A list that is switched off is asked for again after so long, in milliseconds: GitHub counts its answer (410). So where the
 * settings name the repositories, what happens in one after it was switched on is told so much later than `until` says.
 */
const offMs = 3_600_000

/** Pages of the list of repositories that are read before a table is filled; later ones are found afterwards. */
const repositoryPagesMax = 50

interface Turning {
  readonly shape: GithubTable
  readonly table: SyncedTable
  readonly caller: Caller
  /** When this call began, by our clock, milliseconds since 1970. */
  readonly at: number
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
  const until = now()
  const turning = { shape, table, caller, at: until }
  // 404: an enterprise server without limits
  const asked = { caller, place: { table }, etag: null, absent: [404] }
  const answer = await readUnlessKnown('/rate_limit', asked)
  const toldAt = answer.kind === 'same' ? null : answer.at
  const since = (toldAt ?? Math.floor(until / 1000)) - lagSeconds
  let following: Following = { until, begun: null, turn: 0, found: null, places: [] }
  if (needsRepositories(turning)) {
    let found: ListState = unknownList
    for (let page = 0; page < repositoryPagesMax; page += 1) {
      const step = await stepList(found, listing(turning))
      if (typeof step === 'string') break
      found = step.state
      if (step.done) break
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
  const at = now()
  const turning = { shape, table, caller, at }
  const before = readFollowing(cursor, shape)
  const first = before.begun === null ? begun(before, turning) : { following: before, touched: [] }
  let following = ended(first.following, at)
  const rows = new Map<string, Page['rows'][number]>()
  const touched: Ref[] = [...first.touched]
  for (let requests = 0; requests < requestsMax && rows.size < rowsEnough; requests += 1) {
    if (following.begun === null) break
    const step = await takeTurn(following, turning)
    for (const row of step.rows) rows.set(row.id, row)
    touched.push(...step.touched)
    following = ended(step.following, at)
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

function begun(following: Following, turning: Turning): Begun {
  const { at } = turning
  if (needsRepositories(turning)) {
    const found = following.found ?? unknownList
    return { following: { ...following, begun: at, turn: -1, found }, touched: [] }
  }
  return settled({ ...following, begun: at, found: null }, turning)
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

/** The round at the next place to ask, or at its end. */
function ended(following: Following, at: number): Following {
  const { begun, places } = following
  if (begun === null) return following
  let { turn } = following
  while (isOff(places[turn], at)) turn += 1
  if (turn < places.length) return { ...following, turn }
  return { ...following, until: begun, begun: null, turn: 0 }
}

function isOff(place: Place | undefined, at: number): boolean {
  const agoMs = at - (place?.offAt ?? -Infinity)
  return agoMs >= 0 && agoMs < offMs
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
  const { name } = place
  const step = await stepOf(place.feed, feedingAt(name, turning))
  if (typeof step === 'string') {
    const off = step === 'off' ? { offAt: turning.at } : {}
    const missing = { name, feed: feedOf(turning.shape, 0), ...off }
    const next = { ...following, turn: turn + 1, places: places.with(turn, missing) }
    return { following: next, rows: [], touched: knownAt(place, turning) }
  }
  const { state: feed, rows, touched, done } = step
  const left = places.with(turn, { name, feed })
  return {
    following: { ...following, turn: done ? turn + 1 : turn, places: left },
    rows,
    touched,
  }
}

async function takeListing(
  following: Following,
  found: ListState,
  turning: Turning,
): Promise<Turn> {
  const step = await stepList(found, listing(turning))
  if (typeof step === 'string') throw fault('not_found', { platform: 'github' })
  const places = switchedOn(following.places, step.rows)
  const next = { ...following, found: step.state, places }
  const told = step.done ? settled(next, turning) : { following: next, touched: [] }
  return { ...told, rows: [] }
}

/** A repository that is told to have issues is asked for them at once. */
function switchedOn(places: readonly Place[], told: Page['rows']): readonly Place[] {
  const on = new Set(
    told.flatMap(({ values }) => values['has_issues'] === 'true' ? [values['full_name']] : []),
  )
  return places.map(({ offAt, ...place }) =>
    offAt === undefined || on.has(place.name) ? place : { ...place, offAt }
  )
}

/** The list of repositories, read as the table of repositories is. */
function listing({ table, caller }: Turning): Feeding {
  return { shape: tableFor('repositories'), repository: '', absent: [], caller, place: { table } }
}

/**
 * 410: issues are switched off, and the list is left alone for a while. What the settings do not name and cannot be seen, has moved or is blocked is passed over:
 * the next list of repositories does not have it, or under another name.
 */
function feedingAt(repository: string, { shape, table, caller }: Turning): Feeding {
  const named = readSettings(caller.settings).repositories !== undefined
  const absent = named || repository === '' ? [410] : [301, 302, 307, 308, 404, 410, 451]
  return { shape, repository, absent, caller, place: { table } }
}

async function stepOf(feed: Feed, feeding: Feeding): Promise<Step<Feed> | Missing> {
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
