// Room platforms: the ways in which GitHub says that it has had enough, and for how long.
// Sources: GitHub Docs, Rate limits for the REST API and for the GraphQL API, "Exceeding the rate limit"; the wording of
// the limit on content in GraphQL as reported in cli/cli#4801.

import type { HttpResponse } from '../../lib/http.ts'
import { retryAfterMs } from '../retry-after.ts'
import { type GraphqlError, isFinal, isUnbegun, readAnswer, readFailure } from './errors.ts'

/** primary: the requests of an hour. secondary: points, time and concurrency. content: what was made. */
export type LimitKind = 'primary' | 'secondary' | 'content'

export interface Limited {
  readonly kind: LimitKind
  /** How long nothing may be sent, in milliseconds. */
  readonly waitMs: number
}

/** "Wait for at least one minute before retrying", where the answer does not say how long. */
const waitMsDefault = 60_000
/** The longest window that a limit of GitHub has; who says more is not believed. */
const waitMsMax = 3_600_000

/** Whole sentences from their beginning: a message can quote what people wrote. */
const sentences: readonly (readonly [RegExp, LimitKind])[] = [
  [/^API rate limit (?:already )?exceeded\b/i, 'primary'],
  [/^You have (?:exceeded|triggered) an? [^."']*\bcontent creation\b/i, 'content'],
  [/^You have exceeded a secondary rate limit\b/i, 'secondary'],
  [/^You have triggered an abuse detection mechanism\b/i, 'secondary'],
  [/^was submitted too quickly\.?$/i, 'content'],
]

function kindIn(message: string): LimitKind | undefined {
  return sentences.find(([pattern]) => pattern.test(message))?.[1]
}

/**
 * The limit that the answer speaks of, or undefined. A 403 has to say so, in words or with Retry-After: that nothing is
 * left of the hour can be said of a permission that is missing, too.
 */
export function limitedBy(response: HttpResponse): Limited | undefined {
  const { status, headers, body } = response
  if (status === 200) return limitedDocument(response)
  if (status !== 403 && status !== 429) return undefined
  const said = kindIn(readFailure(body)?.message ?? '')
  const asked = status === 429 || headers['retry-after'] !== undefined
  if (said === undefined && !asked) return undefined
  const unsaid = headers['x-ratelimit-remaining'] === '0' ? 'primary' : 'secondary'
  return { kind: said ?? unsaid, waitMs: waitOf(response) }
}

function limitedDocument(response: HttpResponse): Limited | undefined {
  // a cheap look first: most answers are of the REST API, or fine
  if (!/too quickly|rate limit|abuse|RATE_LIMITED/i.test(response.body)) return undefined
  const error = readAnswer(response.body)?.errors.find(isLimit)
  if (error === undefined) return undefined
  return { kind: kindIn(error.message) ?? 'primary', waitMs: waitOf(response) }
}

/** Is this error of a document a limit, so that the same can be sent again later? */
export function isLimit({ type, message }: GraphqlError): boolean {
  return type === 'RATE_LIMITED' || kindIn(message) !== undefined
}

/**
 * Was nothing done of a document with these aliases, all of them mutations: did each end before it changed anything, or
 * was the document not begun? An alias of which the answer says nothing may have been carried out.
 */
export function nothingDone({ body }: HttpResponse, aliases: readonly string[]): boolean {
  const answer = readAnswer(body)
  if (answer === undefined || aliases.length === 0) return false
  const { data, errors } = answer
  if (data === null) return errors.every(isUnbegun)
  const ended = (alias: string) => errors.some((error) => isFinal(error) && error.path[0] === alias)
  return Object.values(data).every((value) => value === null) && aliases.every(ended)
}

/** Retry-After; else, with nothing left, the time until the reset; else the documented minute. An hour at most. */
function waitOf(response: HttpResponse): number {
  const { headers } = response
  const spent = headers['x-ratelimit-remaining'] === '0'
  return retryAfterMs(response, waitMsMax) ?? (spent ? resetMs(headers) : undefined) ??
    waitMsDefault
}

/** Milliseconds until the reset, by the clock of the answer itself, an hour at most; undefined when it does not say. */
export function resetMs(headers: HttpResponse['headers']): number | undefined {
  const { 'x-ratelimit-reset': reset = '', date = '' } = headers
  const atMs = Number(reset) * 1000
  const nowMs = Date.parse(date)
  if (!/^\d{1,12}$/.test(reset) || Number.isNaN(nowMs)) return undefined
  return Math.min(Math.max(0, atMs - nowMs), waitMsMax)
}
