// Room platforms: where the following of a GitHub table has got to, repository after repository, as a text that a store
// can keep.

import { fault } from '../../mutation/fault.ts'
import type { GithubTable } from './columns.ts'
import { type NewestState, newestState } from './feed-newest.ts'
import { type SinceState, sinceState } from './feed-since.ts'
import { type ListState, unknownList } from './feed-list.ts'
import { isRepository } from './settings.ts'

export type Feed = SinceState | NewestState | ListState

export interface Place {
  /** `owner/name`; empty: a list of the account's own. */
  readonly name: string
  readonly feed: Feed
  /** When GitHub said that it is switched off, by our clock, milliseconds since 1970; absent: it is not. */
  readonly offAt?: number
}

/** One look at all repositories is a round; it can take several calls. */
export interface Following {
  /** What happened before has been told: the beginning of the last whole round, by our clock, milliseconds since 1970. */
  readonly until: number
  /** When the round under way began; null: there is none. */
  readonly begun: number | null
  /** Whose turn it is; -1: the list of repositories itself. */
  readonly turn: number
  /** The list of repositories, where the settings do not name them. */
  readonly found: ListState | null
  readonly places: readonly Place[]
}

/** The feed of a table from a moment on, by GitHub's clock in seconds since 1970; 0: all there is. */
export function feedOf({ name }: GithubTable, since: number): Feed {
  switch (name) {
    case 'issues':
    case 'issue_comments':
      return sinceState(since)
    case 'pull_requests':
      return newestState(since)
    default:
      return unknownList
  }
}

/** The form of the text; a later form of it would have another number. */
const form = 1

export function writeFollowing(following: Following): string {
  return JSON.stringify({ form, ...following })
}

/** @throws Fault bad_request for a text that is none of this table: the table is then filled anew */
export function readFollowing(text: string, shape: GithubTable): Following {
  const { form: written, ...following } = parsed(text) as Partial<Following> & { form?: unknown }
  const { kind } = feedOf(shape, 0)
  const valid = written === form && isNumber(following.until) && isNumber(following.turn) &&
    (following.begun === null || isNumber(following.begun)) &&
    (following.found === null || isFeed(following.found, 'list')) &&
    Array.isArray(following.places) &&
    following.places.every((place: Partial<Place> | null) =>
      isObject(place) && isName(place.name) && isFeed(place.feed, kind) &&
      (place.offAt === undefined || isNumber(place.offAt))
    )
  if (valid) return following as Following
  throw fault('bad_request', { platform: 'github', detail: 'The cursor is not one.' })
}

function parsed(text: string): object {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isName(value: unknown): boolean {
  return value === '' || (typeof value === 'string' && isRepository(value))
}

function isFeed(value: unknown, kind: Feed['kind']): boolean {
  if (!isObject(value)) return false
  const feed = value as Partial<
    Record<'kind' | 'since' | 'seen' | 'pages' | 'at' | 'lost', unknown>
  >
  if (feed.kind !== kind) return false
  if (kind === 'list') {
    return Array.isArray(feed.pages) && isNumber(feed.at) && Array.isArray(feed.lost)
  }
  return isNumber(feed.since) && Array.isArray(feed.seen)
}
