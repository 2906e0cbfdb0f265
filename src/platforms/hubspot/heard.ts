// Room platforms: HubSpot's own clock, as its answers tell it: the moments of its records are compared with that, not with
// the clock of this service. Source: RFC 9110, 6.6.1 "Date".

import type { Http } from '../../lib/http.ts'
import type { Caller } from '../platform.ts'

export interface Heard {
  /** The same caller; its answers are looked at. */
  readonly caller: Caller
  /**
   * HubSpot's time when it answered last, at most a second too early; this service's before the last request where the
   * answer does not say. Milliseconds since 1970.
   */
  readonly clock: () => number
}

/** `now`: this service's clock, milliseconds since 1970. */
export function hearClock(caller: Caller, now: () => number): Heard {
  let clock = now()
  const http: Http = {
    close: () => caller.http.close(),
    send: async (request) => {
      const asked = now()
      const response = await caller.http.send(request)
      const told = Date.parse(response.headers['date'] ?? '')
      clock = Number.isNaN(told) ? asked : told
      return response
    },
  }
  return { caller: { ...caller, http }, clock: () => clock }
}
