// Room platforms: by how much a platform's clock and this service's differ, as its answers show. Times of records are
// believed only where they do not. Source: RFC 9110, 6.6.1 "Date".

import type { Http } from '../lib/http.ts'
import type { Caller } from './platform.ts'

export interface WatchedClock {
  /** The same caller; its answers are looked at. */
  readonly caller: Caller
  /** By how much the clocks surely differ, in milliseconds; 0: no answer says that they do. */
  readonly apartMs: () => number
}

/** A `Date` says the second. */
const dateMs = 1_000

/** `now`: by this service's clock, milliseconds since 1970; `monotonic`: a clock that only goes forward, in milliseconds. */
export function watchClock(
  caller: Caller,
  now: number,
  monotonic: () => number = () => performance.now(),
): WatchedClock {
  const begun = monotonic()
  const time = () => now + monotonic() - begun
  let apart = 0
  const http: Http = {
    close: () => caller.http.close(),
    send: async (request) => {
      const asked = time()
      const response = await caller.http.send(request)
      const told = Date.parse(response.headers['date'] ?? '')
      // it was written at some moment between the two
      const early = asked - (told + dateMs)
      const late = told - time()
      if (!Number.isNaN(told)) apart = Math.max(apart, early, late)
      return response
    },
  }
  return { caller: { ...caller, http }, apartMs: () => apart }
}
