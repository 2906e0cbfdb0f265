// Room platforms: where following Stripe's events goes on: a window that begins some time back, what of it has been told,
// and how far it has been walked through.

import { createHash } from 'node:crypto'
import { fault } from '../../mutation/fault.ts'

/** Where windows begin, and what is told. */
export interface Place {
  /** Where the next window begins: seconds since 1970, by Stripe's clock, as all of these. */
  readonly fromS: number
  /** Where it begins when it is to reach far back. */
  readonly farFromS: number
  /** When one last did: milliseconds, by our clock. */
  readonly farAtMs: number
  /** Everything before this moment is told: milliseconds, by our clock. */
  readonly untilMs: number
  /** Marks of events that are told and may be listed again, the newest first. */
  readonly marks: readonly string[]
}

/** A window that is being walked through, from its newest event to its oldest; the place is where the next one begins. */
export interface Walk extends Place {
  /** The id of the last event read. */
  readonly after: string
  /** Where this window begins. */
  readonly sinceS: number
}

export interface Cursor extends Place {
  /** Marks of the newest records as they were, where these are watched. */
  readonly recent: readonly string[]
  readonly walk: Walk | null
}

/** How many events are kept in mind; of those that are not, what is listed again is told again. */
export const marksMax = 4096

const markLength = 8

/** A short name for an event, different for different events: 48 bits, and at most 4096 of them at one time. */
export function markOf(eventId: string): string {
  return createHash('sha256').update(eventId).digest('base64url').slice(0, markLength)
}

export function writeCursor({ walk, recent, marks, ...place }: Cursor): string {
  const on = walk === null ? {} : { walk: { ...walk, marks: walk.marks.join('') } }
  const told = { marks: marks.join(''), recent: recent.join('') }
  return JSON.stringify({ version: 1, ...place, ...told, ...on })
}

/** @throws Fault bad_request for a text that is no cursor */
export function readCursor(text: string): Cursor {
  try {
    const read: unknown = JSON.parse(text)
    if (isObject(read) && read['version'] === 1) return cursorOf(read)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw notOne()
}

function cursorOf(read: Readonly<Record<string, unknown>>): Cursor {
  const { walk } = read
  const place = { ...placeOf(read), recent: marksOf(read['recent']) }
  if (walk === undefined) return { ...place, walk: null }
  if (!isObject(walk) || typeof walk['after'] !== 'string') throw notOne()
  const sinceS = wholeOf(walk['sinceS'])
  return { ...place, walk: { ...placeOf(walk), sinceS, after: walk['after'] } }
}

function placeOf(read: Readonly<Record<string, unknown>>): Place {
  return {
    fromS: wholeOf(read['fromS']),
    farFromS: wholeOf(read['farFromS']),
    farAtMs: wholeOf(read['farAtMs']),
    untilMs: wholeOf(read['untilMs']),
    marks: marksOf(read['marks']),
  }
}

function marksOf(text: unknown): string[] {
  if (typeof text !== 'string' || text.length > marksMax * markLength) throw notOne()
  return text.match(/.{8}/gs) ?? []
}

function wholeOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw notOne()
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function notOne() {
  return fault('bad_request', { platform: 'stripe', detail: 'The cursor is not one.' })
}
