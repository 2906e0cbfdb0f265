// Room sandbox: Stripe's rate limits: so many requests a second per endpoint and per account.
// https://docs.stripe.com/rate-limits

import { createWindow, type Window } from '../window.ts'
import { refusal, type StripeFailure } from './errors.ts'

const windowMs = 1000
export const endpointRequestsMax = 25
export const accountRequestsMax = 100

/** Endpoints are few; this only keeps nonsense from filling the memory. */
const endpointsMax = 1000

export type LimitReason = 'endpoint-rate' | 'global-rate'

export interface Limits {
  /** Counts a request. What it exceeds, or null. `endpoint`: method and path without ids. */
  take(endpoint: string, nowMs: number): LimitReason | null
}

export function createLimits(): Limits {
  const account = createWindow({ limit: accountRequestsMax, windowMs })
  const endpoints = new Map<string, Window>()
  return {
    take: (endpoint, nowMs) => {
      const window = endpoints.get(endpoint) ??
        createWindow({ limit: endpointRequestsMax, windowMs })
      if (endpoints.size < endpointsMax) endpoints.set(endpoint, window)
      if (!window.take(nowMs).allowed) return 'endpoint-rate'
      return account.take(nowMs).allowed ? null : 'global-rate'
    },
  }
}

/** 429 */
export function tooMany(): StripeFailure {
  return refusal(
    'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
    { code: 'rate_limit', status: 429 },
  )
}
