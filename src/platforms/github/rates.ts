// Room platforms: GitHub's rate limits. Source: GitHub Docs, Rate limits for the REST API, Rate limits and node limits for
// the GraphQL API (primary and secondary limits), read 2026-11.

import type { HttpRequest, HttpResponse } from '../../lib/http.ts'
import type { Charge, RateAnswer, RatedRequest, RateNews, RateRule, Rates } from '../rates.ts'
import { limitedBy, type LimitKind, nothingDone, resetMs } from './limited.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

const rules: readonly RateRule[] = [
  {
    name: 'rest_hour',
    limit: 5000,
    windowMs: hourMs,
    about: '5,000 REST requests an hour; 15,000 in an enterprise, 5,000 to 12,500 for an app',
  },
  {
    name: 'graphql_hour',
    limit: 5000,
    windowMs: hourMs,
    about: '5,000 GraphQL points an hour; 10,000 in an enterprise',
  },
  {
    name: 'rest_minute',
    limit: 900,
    windowMs: minuteMs,
    about: '900 REST points a minute: a read is 1, a write 5',
  },
  {
    name: 'graphql_minute',
    limit: 2000,
    windowMs: minuteMs,
    about: '2,000 GraphQL points a minute: a query is 1, a mutation 5',
  },
  {
    name: 'content_minute',
    limit: 80,
    windowMs: minuteMs,
    about: '80 things made a minute, through REST, GraphQL and the web together',
  },
  { name: 'content_hour', limit: 500, windowMs: hourMs, about: '500 things made an hour' },
  { name: 'concurrent', limit: 100, windowMs: null, about: '100 requests at one time' },
]

const pointsOfWrite = 5

/** The limits, as data. */
export const rates: Rates = {
  rules: () => rules,
  charges: (request) => {
    if (isGraphql(request.url)) return graphqlCharges(request)
    const charges = restCharges(request.method)
    return isRateLimit(request.url) ? charges.filter(({ rule }) => rule !== 'rest_hour') : charges
  },
  learn,
}

/** What a request of the REST API takes. A POST makes something: an issue, a comment, a release. */
export function restCharges(method: HttpRequest['method']): Charge[] {
  return [
    { rule: 'concurrent', units: 1 },
    { rule: 'rest_hour', units: 1 },
    { rule: 'rest_minute', units: method === 'GET' ? 1 : pointsOfWrite },
    ...contentCharges(method === 'POST' ? 1 : 0),
  ]
}

/** What a document with mutations takes, `made` of which make something. */
export function mutationCharges(made: number): Charge[] {
  return [
    { rule: 'concurrent', units: 1 },
    { rule: 'graphql_hour', units: 1 },
    { rule: 'graphql_minute', units: pointsOfWrite },
    ...contentCharges(made),
  ]
}

function graphqlCharges(request: RatedRequest): Charge[] {
  const { kind, fields } = documentIn(request)
  if (kind === 'mutation') {
    return mutationCharges(fields.filter(({ name }) => /^(?:create|add)[A-Z]/.test(name)).length)
  }
  return [
    { rule: 'concurrent', units: 1 },
    { rule: 'graphql_hour', units: 1 },
    { rule: 'graphql_minute', units: 1 },
  ]
}

interface DocumentSent {
  readonly kind: 'mutation' | 'query' | 'unknown'
  /** The mutations in it. */
  readonly fields: readonly { readonly alias: string; readonly name: string }[]
}

function documentIn({ body = '' }: RatedRequest): DocumentSent {
  const query = body.split('","variables":', 1)[0] ?? '' // what people wrote stands behind it
  const word = /^\{"query":"(mutation|query)\b/.exec(query)?.[1]
  if (word === undefined) return { kind: 'unknown', fields: [] }
  if (word === 'query') return { kind: 'query', fields: [] }
  const fields = [...query.matchAll(/\b(m\d+): (\w+)\(input:/g)]
    .map(([, alias = '', name = '']) => ({ alias, name }))
  return { kind: 'mutation', fields }
}

function contentCharges(made: number): Charge[] {
  if (made === 0) return []
  return [{ rule: 'content_minute', units: made }, { rule: 'content_hour', units: made }]
}

/** `…/graphql`, whatever stands before it: an enterprise server has it beside its REST API, not under it. */
function isGraphql(url: string): boolean {
  return new URL(url).pathname.endsWith('/graphql')
}

/** "Accessing this endpoint does not count against your REST API rate limit" (Get rate limit status for the user). */
function isRateLimit(url: string): boolean {
  return new URL(url).pathname.endsWith('/rate_limit')
}

function learn(request: RatedRequest, response: HttpResponse): RateAnswer {
  const graphql = isGraphql(request.url)
  const limited = limitedBy(response)
  const counts = [...uncountedIn(response, { graphql }), ...remainingIn(response, { graphql })]
  if (limited === undefined) return { refused: false, news: counts }
  const { kind, waitMs } = limited
  const blocked = blockedBy(kind, { graphql })
    .map((rule): RateNews => ({ kind: 'blocked', rule, waitMs }))
  return { refused: isWhole(request, response), news: [...counts, ...blocked] }
}

/** Was nothing of the request carried out? The answer speaks of a limit. */
function isWhole(request: RatedRequest, response: HttpResponse): boolean {
  if (response.status !== 200) return true
  const { kind, fields } = documentIn(request)
  if (kind === 'query') return true // it changes nothing
  return nothingDone(response, fields.map(({ alias }) => alias))
}

/** A secondary limit is one for everything: GitHub bans who goes on. */
function blockedBy(kind: LimitKind, { graphql }: { graphql: boolean }): string[] {
  switch (kind) {
    case 'primary':
      return [graphql ? 'graphql_hour' : 'rest_hour']
    case 'secondary':
      return ['rest_minute', 'graphql_minute', 'content_minute']
    case 'content':
      return ['content_minute']
  }
}

/**
 * "Making a conditional request does not count against your primary rate limit if a 304 response is returned" (Best
 * practices for using the REST API). Of the secondary limits GitHub does not say so.
 */
function uncountedIn(
  { status }: HttpResponse,
  { graphql }: { graphql: boolean },
): readonly RateNews[] {
  return status === 304 && !graphql ? [{ kind: 'uncounted', rule: 'rest_hour' }] : []
}

function remainingIn(
  { headers }: HttpResponse,
  { graphql }: { graphql: boolean },
): readonly RateNews[] {
  const { 'x-ratelimit-remaining': remaining = '', 'x-ratelimit-limit': limit = '' } = headers
  const resource = headers['x-ratelimit-resource'] ?? (graphql ? 'graphql' : 'core')
  if (!/^\d+$/.test(remaining) || (resource !== 'core' && resource !== 'graphql')) return []
  const reset = resetMs(headers)
  return [{
    kind: 'remaining',
    rule: resource === 'core' ? 'rest_hour' : 'graphql_hour',
    remaining: Number(remaining),
    ...(/^\d+$/.test(limit) ? { limit: Number(limit) } : {}),
    ...(reset === undefined ? {} : { resetMs: reset }),
  }]
}
