// Room platforms: what Salesforce allows an organization.
// Sources: Salesforce Developer Limits and Allocations Quick Reference, "API Request Limits and Allocations" (a rolling 24
// hours; at most 25 requests at one time that take 20 seconds or longer); REST API Developer Guide, "Limit Info Header".

import type { HttpResponse } from '../../lib/http.ts'
import { tryParseJson } from '../json.ts'
import type { Settings } from '../platform.ts'
import type { Charge, RateAnswer, RateNews, Rates } from '../rates.ts'
import { retryAfterMs } from '../retry-after.ts'
import { readErrors } from './errors.ts'

/** Settings of a connection that this file reads: whole numbers from 1. */
export const defaults = { dailyLimit: 100_000, concurrentLimit: 100 } as const

const dayMs = 24 * 60 * 60 * 1000
/** Salesforce does not say when to come again. The day's window rolls on by the minute. */
const spentWaitMs = 60 * 1000
/** When requests are left by its own count, or the limit is one of those at one time. */
const passingWaitMs = 5_000
/** The longest wait that is believed where it does say so. */
export const waitMaxMs = 15 * 60 * 1000

/** Every request counts once, composite ones too. */
export const charges: readonly Charge[] = [
  { rule: 'daily', units: 1 },
  { rule: 'concurrent', units: 1 },
]

export const rates: Rates = {
  rules: (settings) => {
    const daily = settingOf(settings, 'dailyLimit')
    const concurrent = settingOf(settings, 'concurrentLimit')
    return [
      {
        name: 'daily',
        limit: daily,
        windowMs: dayMs,
        about: `${daily} API requests in 24 hours for the organization`,
      },
      {
        name: 'concurrent',
        limit: concurrent,
        windowMs: null,
        about: `${concurrent} API requests at one time`,
      },
    ]
  },
  charges: () => charges,
  learn: (_request, response) => learn(response),
}

function settingOf(settings: Settings, name: keyof typeof defaults): number {
  const value = settings[name]
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : defaults[name]
}

function learn(response: HttpResponse): RateAnswer {
  const news = usageOf(response)
  if (response.status < 400) return { refused: false, news }
  const errors = readErrors(tryParseJson(response.body))
  const refusal = errors.find(({ code }) => refusals.has(code))
  if (refusal === undefined) return { refused: false, news }
  // `ConcurrentPerOrgLongTxn Limit exceeded`, `TotalRequests Limit exceeded`
  const crowded = refusal.code === 'TOO_MANY_APEX_REQUESTS' ||
    refusal.message.startsWith('Concurrent')
  const told = retryAfterMs(response, waitMaxMs)
  const left = news.some((one) => one.kind === 'remaining' && one.remaining > 0)
  const blocked: RateNews = crowded
    ? { kind: 'blocked', rule: 'concurrent', waitMs: told ?? passingWaitMs }
    : { kind: 'blocked', rule: 'daily', waitMs: told ?? (left ? passingWaitMs : spentWaitMs) }
  // its own count comes with the next answer: it would open again what this one closes
  return { refused: true, news: [blocked] }
}

/** Said before anything is carried out. */
const refusals: ReadonlySet<string> = new Set(['REQUEST_LIMIT_EXCEEDED', 'TOO_MANY_APEX_REQUESTS'])

/** `Sforce-Limit-Info: api-usage=18/5000` */
function usageOf({ headers }: HttpResponse): RateNews[] {
  const found = /(?:^|[;,\s])api-usage=(\d+)\/(\d+)/.exec(headers['sforce-limit-info'] ?? '')
  if (found === null) return []
  const [used, limit] = [Number(found[1]), Number(found[2])]
  return [{ kind: 'remaining', rule: 'daily', remaining: Math.max(0, limit - used), limit }]
}
