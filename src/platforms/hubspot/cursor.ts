// Room platforms: where following a HubSpot table goes on: JSON in the store. It remembers, within a bound, what was told
// already of the time that is looked at again.

import { fault } from '../../mutation/fault.ts'

/** All moments are HubSpot's, in milliseconds since 1970, except `until` and `asked`. */
export interface Cursor {
  /** Nothing is looked for from before this moment: what was there then is in the table. */
  readonly floor: number
  /** Up to here everything is told that the search knew when it was asked. */
  readonly recent: number
  /** Up to here everything is told that the search knew when it surely knew all. */
  readonly settled: number
  /** When HubSpot answered last. */
  readonly clock: number
  /** As in `Changes`. */
  readonly until: number
  /** The look that is not at its end. */
  readonly look: Look | null
  /** What was told of the time that is looked at again. */
  readonly seen: readonly Seen[]
  readonly archive: Archive
}

/** One walk through what changed from one moment on, in the order of the changes. */
export interface Look {
  /** Of the time that the search may not know well yet, or of the time before. */
  readonly kind: 'recent' | 'settled'
  readonly since: number
  /** Where the next page begins. */
  readonly from: number
  /** Of those that changed at `from`, in the order of their ids: the last one told; null: in the order of the changes. */
  readonly tie: string | null
  /** The last moment; null: there is none. */
  readonly to: number | null
  /** When HubSpot answered first. */
  readonly begun: number
  /** When it was asked first, by this service's clock. */
  readonly asked: number
  /** From here on a change may have been passed over that the search did know; null: from nowhere. */
  readonly unsure: number | null
  /** The same, if the search was behind by as much as it ever is. */
  readonly unsettled: number | null
}

/** A walk, page by page and again and again, through the list of archived records. */
export interface Archive {
  /** HubSpot's cursor; null: at the beginning. */
  readonly after: string | null
  /** When this walk began. */
  readonly begun: number
  /** When the one before began: what was archived earlier was told. */
  readonly since: number
  readonly seen: readonly Seen[]
}

/** A record, by its id, and the moment of its change. */
export type Seen = readonly [id: string, at: number]

const version = 1

/** The most that is remembered; what is forgotten can be told once more. */
export const seenMax = 1_000

export function writeCursor(cursor: Cursor): string {
  return JSON.stringify({ version, ...cursor })
}

/** @throws Fault bad_request for one that is none: the table is filled anew then */
export function readCursor(text: string): Cursor {
  const json = parsed(text)
  if (isCursor(json)) return json
  throw fault('bad_request', {
    platform: 'hubspot',
    detail: 'The cursor is not one of this version.',
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isCursor(json: unknown): json is Cursor {
  if (!isRecord(json) || json['version'] !== version) return false
  const { look, archive } = json
  return areMoments(json, ['floor', 'recent', 'settled', 'clock', 'until']) &&
    areSeen(json['seen']) && (look === null || isLook(look)) && isRecord(archive) &&
    areMoments(archive, ['begun', 'since']) && areSeen(archive['seen']) &&
    (archive['after'] === null || typeof archive['after'] === 'string')
}

function isLook(json: unknown): boolean {
  if (!isRecord(json)) return false
  const { kind, tie, to } = json
  return (kind === 'recent' || kind === 'settled') && (tie === null || typeof tie === 'string') &&
    (to === null || Number.isSafeInteger(to)) &&
    areMoments(json, ['since', 'from', 'begun', 'asked']) &&
    // a cursor of a service from before these were kept has neither
    [json['unsure'], json['unsettled']].every((at) => at == null || Number.isSafeInteger(at))
}

function areSeen(json: unknown): boolean {
  const items: readonly unknown[] | null = Array.isArray(json) ? json : null
  return items?.every((item) =>
    Array.isArray(item) && item.length === 2 && typeof item[0] === 'string' &&
    Number.isSafeInteger(item[1])
  ) === true
}

function areMoments(json: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => Number.isSafeInteger(json[name]))
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/**
 * Those that are news, and what is remembered with them: not a change from `fresh` on, after which another of the same
 * moment may yet come.
 */
export function remember(
  seen: readonly Seen[],
  found: readonly Seen[],
  fresh: number,
): { readonly news: readonly Seen[]; readonly seen: readonly Seen[] } {
  const known = new Map(seen)
  const news = found.filter(([id, at]) => known.get(id) !== at)
  for (const [id, at] of news) if (at < fresh) known.set(id, at)
  return { news, seen: newest([...known]) }
}

/** Without what changed before the moment: that is not looked at again. */
export function forget(seen: readonly Seen[], before: number): readonly Seen[] {
  return seen.filter(([, at]) => at >= before)
}

function newest(seen: readonly Seen[]): readonly Seen[] {
  if (seen.length <= seenMax) return seen
  return seen.toSorted(([, a], [, b]) => b - a).slice(0, seenMax)
}
