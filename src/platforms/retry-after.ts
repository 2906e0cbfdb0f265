// Room platforms: how long an answer says to wait. Source: RFC 9110 section 10.2.3, Retry-After.

import type { HttpResponse } from '../lib/http.ts'

/** A shorter wait would only be refused again. */
const waitMinMs = 1_000

/**
 * How long the answer says to wait, in milliseconds, between one second and `maxMs`; undefined when it says nothing that
 * can be read, or nothing above zero. A date counts from the answer's own.
 */
export function retryAfterMs(
  { headers }: Pick<HttpResponse, 'headers'>,
  maxMs: number,
): number | undefined {
  const text = (headers['retry-after'] ?? '').trim()
  const waitMs = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.parse(headers['date'] ?? '')
  if (!(waitMs > 0)) return undefined
  return Math.round(Math.min(Math.max(waitMs, waitMinMs), maxMs))
}
