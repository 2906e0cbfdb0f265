// Room platforms: what HubSpot allows, by tier, and what its answers tell about it.
// Source: HubSpot, API usage guidelines and limits; Error handling (423, 477); CRM search, Limits.

import type { HttpResponse } from '../../lib/http.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { Charge, RateAnswer, RatedRequest, RateNews, RateRule, Rates } from '../rates.ts'
import { retryAfterMs } from '../retry-after.ts'
import { readSettings, type Tier } from './settings.ts'

/** Requests in any ten seconds, and in a day; an OAuth app has no limit a day. */
const byTier: Readonly<Record<Tier, { readonly tenSeconds: number; readonly day?: number }>> = {
  oauth: { tenSeconds: 110 },
  free: { tenSeconds: 100, day: 250_000 },
  starter: { tenSeconds: 100, day: 250_000 },
  professional: { tenSeconds: 190, day: 650_000 },
  enterprise: { tenSeconds: 190, day: 1_000_000 },
  add_on: { tenSeconds: 250, day: 1_000_000 },
}

const searchesASecond = 5
const dayMs = 86_400_000

/** The names of our rules. */
const burst = 'ten_seconds'
const daily = 'daily'
const search = 'search'

function rules(settings: Readonly<Record<string, unknown>>): RateRule[] {
  const { tenSeconds, day } = byTier[readSettings(settings).tier]
  const each = [
    rule(burst, tenSeconds, { windowMs: 10_000, every: '10 seconds' }),
    rule(search, searchesASecond, { windowMs: 1_000, every: 'second, for searches' }),
  ]
  return day === undefined ? each : [...each, rule(daily, day, { windowMs: dayMs, every: 'day' })]
}

function rule(
  name: string,
  limit: number,
  { windowMs, every }: { windowMs: number; every: string },
): RateRule {
  return { name, limit, windowMs, about: `${limit} requests every ${every}` }
}

type At = Parameters<Rates['charges']>[1]

/** Searches are counted by themselves; the day counts everything. */
function charges(request: RatedRequest, { settings }: At): Charge[] {
  const main: Charge = { rule: isSearch(request) ? search : burst, units: 1 }
  return hasDay(settings) ? [main, { rule: daily, units: 1 }] : [main]
}

function hasDay(settings: At['settings']): boolean {
  return byTier[readSettings(settings).tier].day !== undefined
}

function isSearch({ url }: RatedRequest): boolean {
  return url.replace(/\?.*$/, '').endsWith('/search')
}

function learn(request: RatedRequest, response: HttpResponse, { settings }: At): RateAnswer {
  const refused = isRateRefusal(response)
  const waitMs = refusalWaitMs(response)
  const told = { day: hasDay(settings), search: isSearch(request) }
  const blocked: RateNews[] = refused
    ? [{ kind: 'blocked', rule: ruleOf(response, told), waitMs }]
    : []
  return { refused, news: [...blocked, ...counts(response, told)] }
}

/**
 * 429: over a limit. 423: the records are being written by somebody else. 477: HubSpot is moving the account. All are
 * answered before anything is carried out.
 */
export function isRateRefusal({ status }: HttpResponse): boolean {
  return status === 429 || status === 423 || status === 477
}

/** HubSpot may take a day to move an account. */
const waitMaxMs = dayMs

/** How long to wait after a refusal, in milliseconds: what HubSpot says, else what its pages say. */
export function refusalWaitMs(response: HttpResponse): number {
  const told = retryAfterMs(response, waitMaxMs)
  if (told !== undefined) return told
  if (response.status === 423) return 2_000
  if (response.status === 477) return 60_000
  switch (policyOf(response)) {
    case 'DAILY':
      // until midnight in the account's time zone, which is not told: asked for again now and then
      return 15 * 60_000
    case 'SECONDLY':
      return 1_000
    default:
      return 10_000
  }
}

/** `TEN_SECONDLY_ROLLING`, `SECONDLY` or `DAILY`. */
function policyOf({ body }: HttpResponse): string {
  const json = tryParseJson(body)
  const policy = isJsonObject(json) ? json['policyName'] : undefined
  return typeof policy === 'string' ? policy : ''
}

interface Told {
  readonly day: boolean
  readonly search: boolean
}

function ruleOf(response: HttpResponse, told: Told): string {
  if (told.day && policyOf(response) === 'DAILY') return daily
  return told.search ? search : burst
}

/** HubSpot's own counts. A search has no such headers; if it has, they are not about searches. */
function counts({ headers }: HttpResponse, told: Told): RateNews[] {
  const read = (name: string) => numberIn(headers[`x-hubspot-ratelimit-${name}`])
  const news: RateNews[] = []
  const remaining = read('remaining')
  if (remaining !== undefined) {
    news.push({
      kind: 'remaining',
      rule: burst,
      remaining,
      ...optional('limit', read('max')),
      ...optional('resetMs', read('interval-milliseconds')),
    })
  }
  const today = read('daily-remaining')
  if (today !== undefined && told.day) {
    const limit = optional('limit', read('daily'))
    news.push({ kind: 'remaining', rule: daily, remaining: today, ...limit })
  }
  return news
}

function optional<Name extends string>(
  name: Name,
  value: number | undefined,
): Partial<Record<Name, number>> {
  return value === undefined ? {} : { [name]: value } as Record<Name, number>
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text.trim()) ? Number(text) : undefined
}

export const rates: Rates = { rules, charges, learn }
