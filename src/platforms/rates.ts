// Room platforms: what a platform allows, as data. The service keeps the buckets; an adapter says which there are, what a
// request takes from them, and what an answer tells about them.

import type { HttpRequest, HttpResponse } from '../lib/http.ts'
import type { Settings } from './platform.ts'

/** One limit of a platform. */
export interface RateRule {
  /** Unique within the platform: `second`, `ten_seconds`, `daily`, `concurrent`. */
  readonly name: string
  /** Units in any `windowMs`, or at one time. */
  readonly limit: number
  /** Length of the (rolling) window in milliseconds; null: `limit` units may be under way at one time. */
  readonly windowMs: number | null
  /** For people: `5 requests a second for each base`. */
  readonly about: string
}

/** What one request takes from one bucket. */
export interface Charge {
  /** Name of the rule. */
  readonly rule: string
  /** Narrows the bucket where a rule is not for the whole connection: an Airtable base, a Stripe endpoint. */
  readonly key?: string
  readonly units: number
}

/** A request before it is sent, without its headers. `url` is absolute and begins with the connection's base URL. */
export type RatedRequest = Pick<HttpRequest, 'method' | 'url' | 'body'>

/** What an answer tells about a bucket. */
export type RateNews =
  /** Nothing may be taken for so long: Retry-After, Airtable's 30 s. */
  | {
    readonly kind: 'blocked'
    readonly rule: string
    readonly key?: string
    readonly waitMs: number
  }
  /** The platform's own count: so many units are left now, of `limit`, until `resetMs` from now. */
  | {
    readonly kind: 'remaining'
    readonly rule: string
    readonly key?: string
    readonly remaining: number
    readonly limit?: number
    readonly resetMs?: number
  }
  /** The platform did not count this request here: what it took is given back. */
  | { readonly kind: 'uncounted'; readonly rule: string; readonly key?: string }

export interface RateAnswer {
  /** The platform refused the request because of a limit and surely carried nothing out: it may be sent again later. */
  readonly refused: boolean
  readonly news: readonly RateNews[]
}

/** The limits of a platform. All functions are pure. */
export interface Rates {
  /** The rules for a connection with these settings. */
  rules(settings: Settings): readonly RateRule[]
  /** What a request takes; one charge for each bucket, at least none. */
  charges(
    request: RatedRequest,
    at: { readonly baseUrl: string; readonly settings: Settings },
  ): readonly Charge[]
  /** What the answer to a request says about the buckets. */
  learn(
    request: RatedRequest,
    response: HttpResponse,
    at: { readonly baseUrl: string; readonly settings: Settings },
  ): RateAnswer
}

/** A write request of a mutation, before it is made. */
export interface PlannedRequest {
  readonly method: HttpRequest['method']
  /** From the base URL on. */
  readonly path: string
  /** How many of the mutation's rows it writes. */
  readonly rows: number
  readonly charges: readonly Charge[]
}
