// Room platforms: lists of GitHub that are asked for again and again, each time only if they have changed: an answer 304
// takes nothing from the requests of an hour. Source: GitHub Docs, Best practices for using the REST API, "Use conditional
// requests if appropriate".

import { Fault } from '../../mutation/fault.ts'
import type { Json } from '../json.ts'
import { answered, jsonOf } from '../reading.ts'
import { call } from './client.ts'
import { nextQuery } from './cursor.ts'
import { readFailure } from './errors.ts'
import { faultOfResponse, placeOf } from './faults.ts'
import { type ReadOptions, unanswered } from './read.ts'

/** An answer. */
export interface Listed {
  readonly kind: 'read'
  readonly json: Json
  /** The query of the page that GitHub calls next. */
  readonly next: string | null
  /** What to ask with when this is asked again; null: GitHub gave none. */
  readonly etag: string | null
  /** When it was made, by GitHub's clock, in seconds since 1970; null: it does not say. */
  readonly at: number | null
}

/** same: nothing has changed since the answer of that ETag. absent: a status that counts as absent. */
export type Conditional =
  | Listed
  | { readonly kind: 'same' }
  | ({ readonly kind: 'absent'; readonly status: number } & Pick<Listed, 'at'>)

export interface ConditionalOptions extends ReadOptions {
  readonly etag: string | null
  readonly absent: readonly number[]
}

/**
 * One GET.
 * @throws Fault as `read`; absence is believed only in GitHub's own words
 */
export async function readUnlessKnown(
  path: string,
  { caller, place, etag, absent }: ConditionalOptions,
): Promise<Conditional> {
  const at = placeOf(place)
  const known = etag === null ? {} : { etag }
  const response = answered(await call({ kind: 'rest', method: 'GET', path, ...known }, caller), at)
  const { status, headers, body } = response
  if (status === 304) {
    if (etag !== null) return { kind: 'same' }
    throw unanswered('it answered 304 to a question without a condition', place)
  }
  if (absent.includes(status)) {
    if (readFailure(body) !== undefined) {
      return { kind: 'absent', status, at: secondsOf(headers['date']) }
    }
    throw unanswered(`HTTP status ${status} without GitHub's words`, place)
  }
  if (status !== 200) throw new Fault(faultOfResponse(response, place))
  const json = jsonOf(response, { place: at, faultOf: (failed) => faultOfResponse(failed, place) })
  return {
    kind: 'read',
    json,
    next: nextQuery(headers['link']),
    etag: etagIn(headers['etag']),
    at: secondsOf(headers['date']),
  }
}

/** RFC 9110, 8.8.3. One that is not of that form is not sent back. */
function etagIn(text = ''): string | null {
  return /^(?:W\/)?"[\x21\x23-\x7e]{1,200}"$/.test(text) ? text : null
}

/** Seconds since 1970 of a moment as GitHub or HTTP writes it; null for what is none. */
export function secondsOf(text: unknown): number | null {
  const timeMs = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(timeMs) ? null : Math.floor(timeMs / 1000)
}
