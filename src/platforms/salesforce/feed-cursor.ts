// Room platforms: how far a table has followed Salesforce, as text.

import { fault } from '../../mutation/fault.ts'
import { isJsonObject, type Json, toInteger, tryParseJson } from '../json.ts'
import { readTold, type Told, writeTold } from './told.ts'

/** Moments are milliseconds since 1970, by Salesforce's clock but for `ours`. */
export interface FeedCursor {
  /** The last window that was read to its end was asked for then. */
  readonly polled: number
  /** The last one of those that looked back as far as transactions reach. */
  readonly deep: number
  readonly told: Told
  /** The window that is being read; null: none. */
  readonly window: Window | null
  /** A time without looking whose deletions only the log of deletions tells for sure; null: none. */
  readonly gap: Gap | null
}

export interface Window {
  /** The first stamp that it takes. */
  readonly start: number
  readonly deep: boolean
  /** When its first page was asked for. */
  readonly asked: number
  /** The same moment by this service's clock. */
  readonly ours: number
  /** The last record read; null: none yet. */
  readonly at: Position | null
}

/** A place in the order of stamps and ids. */
export interface Position {
  readonly stamp: number
  readonly id: string
}

export interface Gap {
  readonly from: number
  readonly until: number
  /** When the log was last asked about it; 0: never. */
  readonly askedAt: number
}

export function writeCursor(cursor: FeedCursor): string {
  return JSON.stringify({ ...cursor, told: writeTold(cursor.told) })
}

/** @throws Fault bad_request when it is not a cursor of this feed */
export function readCursor(text: string): FeedCursor {
  const json = tryParseJson(text)
  const { polled, deep, told, window, gap } = isJsonObject(json) ? json : {}
  const [polledMs, deepMs] = [toInteger(polled), toInteger(deep)]
  const [toldNow, windowNow, gapNow] = [readTold(told), readWindow(window), readGap(gap)]
  if (
    polledMs === undefined || deepMs === undefined || toldNow === undefined ||
    windowNow === undefined || gapNow === undefined
  ) throw fault('bad_request', { platform: 'salesforce', detail: 'The cursor is not one.' })
  return { polled: polledMs, deep: deepMs, told: toldNow, window: windowNow, gap: gapNow }
}

function readWindow(json: Json | undefined): Window | null | undefined {
  if (json === null) return null
  const { start, deep, asked, ours, at } = isJsonObject(json) ? json : {}
  const [startMs, oursMs, askedMs] = [toInteger(start), toInteger(ours), toInteger(asked)]
  const place = readPosition(at)
  if (
    startMs === undefined || oursMs === undefined || askedMs === undefined ||
    place === undefined || typeof deep !== 'boolean'
  ) return undefined
  return { start: startMs, deep, asked: askedMs, ours: oursMs, at: place }
}

function readPosition(json: Json | undefined): Position | null | undefined {
  if (json === null) return null
  const { stamp, id } = isJsonObject(json) ? json : {}
  const stampMs = toInteger(stamp)
  return stampMs === undefined || typeof id !== 'string' ? undefined : { stamp: stampMs, id }
}

function readGap(json: Json | undefined): Gap | null | undefined {
  if (json === null) return null
  const { from, until, askedAt } = isJsonObject(json) ? json : {}
  const moments = [toInteger(from), toInteger(until), toInteger(askedAt)] as const
  if (moments.includes(undefined)) return undefined
  const [fromMs = 0, untilMs = 0, askedMs = 0] = moments
  return { from: fromMs, until: untilMs, askedAt: askedMs }
}
