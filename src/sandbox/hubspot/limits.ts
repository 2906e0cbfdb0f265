// Room sandbox: HubSpot's rate limits of a private app: 100 requests in any 10 seconds, 250,000 in any day, and five
// searches in any second, which are counted apart.
// https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines

import { createWindow, type Taken } from '../window.ts'

const dayMs = 24 * 60 * 60 * 1000
const burstMax = 100
const burstMs = 10_000
const dailyMax = 250_000
const searchesMax = 5
const searchMs = 1000

export type Policy = 'TEN_SECONDLY_ROLLING' | 'DAILY' | 'SECONDLY'

export interface Counted {
  /** The limit that the request is over; null when it is within them all. */
  readonly refused: Policy | null
  readonly headers: Readonly<Record<string, string>>
}

export interface Limits {
  /** Counts a request. The daily numbers are told to private apps only, and none of them to searches. */
  count(nowMs: number, request: { search: boolean; privateApp: boolean }): Counted
}

export function createLimits(): Limits {
  const burst = createWindow({ limit: burstMax, windowMs: burstMs })
  const daily = createWindow({ limit: dailyMax, windowMs: dayMs })
  const searches = createWindow({ limit: searchesMax, windowMs: searchMs })
  return {
    count: (nowMs, { search, privateApp }) => {
      if (search) {
        return { refused: searches.take(nowMs).allowed ? null : 'SECONDLY', headers: {} }
      }
      const second = burst.take(nowMs)
      const day = second.allowed ? daily.take(nowMs) : daily.take(nowMs, 0)
      const refused = second.allowed ? (day.allowed ? null : 'DAILY') : 'TEN_SECONDLY_ROLLING'
      return { refused, headers: headersOf(second, day, privateApp) }
    },
  }
}

function headersOf(burst: Taken, day: Taken, privateApp: boolean): Record<string, string> {
  return {
    'x-hubspot-ratelimit-max': String(burstMax),
    'x-hubspot-ratelimit-remaining': String(burst.remaining),
    'x-hubspot-ratelimit-interval-milliseconds': String(burstMs),
    ...(privateApp
      ? {
        'x-hubspot-ratelimit-daily': String(dailyMax),
        'x-hubspot-ratelimit-daily-remaining': String(day.remaining),
      }
      : {}),
  }
}
