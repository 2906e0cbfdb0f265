// Room platforms: Stripe's limits. Source: Stripe documentation, "Rate limits": 100 requests a second for a live account
// and 25 for a sandbox, 25 for each endpoint, and a number under way that is not published; a 429 names the limit in
// `Stripe-Rate-Limited-Reason`, except when it is an object that is locked.

import type { HttpResponse } from '../../lib/http.ts'
import type { Charge, RateNews, Rates } from '../rates.ts'
import { retryAfterMs } from '../retry-after.ts'
import { readError } from './errors.ts'
import { settingsOf } from './settings.ts'

const perSecond = { live: 100, test: 25 } as const

const endpointPerSecond = 25

/** How long to be silent when Stripe does not say, in milliseconds. */
const pauseMs = 1000

/** The longest silence that is believed, in milliseconds. */
const pauseMaxMs = 60_000

/** How long the answer to a refused request says to wait, in milliseconds. */
export function waitOf(response: HttpResponse): number {
  return retryAfterMs(response, pauseMaxMs) ?? pauseMs
}

/** Has Stripe turned the request away because of a limit? A locked object is none (`lock_timeout`). */
export function isRateLimited({ status, body }: HttpResponse): boolean {
  if (status !== 429 && status !== 400) return false
  const code = readError(body)?.code
  return code === 'rate_limit' || (status === 429 && code !== 'lock_timeout')
}

/** What a request to an endpoint takes. */
export function chargesOf(endpoint: string): Charge[] {
  return [
    { rule: 'second', units: 1 },
    { rule: 'endpoint', key: endpoint, units: 1 },
    { rule: 'concurrent', units: 1 },
  ]
}

/** `POST` and `https://api.stripe.com/v1/customers/cus_1?…` → `POST /v1/customers/:id` */
export function endpointOf(method: string, url: string): string {
  const [, collection = '', record] = /\/v1\/([^/?]+)(?:\/([^?]+))?/.exec(url) ?? []
  return `${method} /v1/${collection}${record === undefined ? '' : '/:id'}`
}

export const rates: Rates = {
  rules: (settings) => {
    const { mode, concurrency } = settingsOf(settings)
    return [
      {
        name: 'second',
        limit: perSecond[mode],
        windowMs: 1000,
        about: `${perSecond[mode]} requests a second for a ${mode} account`,
      },
      {
        name: 'endpoint',
        limit: endpointPerSecond,
        windowMs: 1000,
        about: `${endpointPerSecond} requests a second for each endpoint`,
      },
      {
        name: 'concurrent',
        limit: concurrency,
        windowMs: null,
        about: `${concurrency} requests under way at one time (setting "concurrency")`,
      },
    ]
  },
  charges: ({ method, url }) => chargesOf(endpointOf(method, url)),
  learn: ({ method, url }, response) => {
    if (!isRateLimited(response)) return { refused: false, news: [] }
    return { refused: true, news: [blockedBy(response, endpointOf(method, url))] }
  },
}

/** `global-rate`, `global-concurrency`, `endpoint-rate`, `endpoint-concurrency`, `resource-specific` */
function blockedBy(response: HttpResponse, endpoint: string): RateNews {
  const reason = response.headers['stripe-rate-limited-reason'] ?? ''
  const waitMs = waitOf(response)
  if (reason === 'global-concurrency') return { kind: 'blocked', rule: 'concurrent', waitMs }
  if (reason.startsWith('endpoint') || reason.startsWith('resource')) {
    return { kind: 'blocked', rule: 'endpoint', key: endpoint, waitMs }
  }
  return { kind: 'blocked', rule: 'second', waitMs }
}
