// Room sandbox: GitHub. One organization and its repositories, in memory, behind the REST API, the GraphQL API and the
// OAuth of GitHub Apps. Written from GitHub's own documentation, its OpenAPI description and its GraphQL schema, so
// that it does not share the adapter's mistakes.

import { createHash } from 'node:crypto'
import { type Json, writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  Refusal,
  SandboxPlatform,
} from '../platform.ts'
import { answerApp, isAppPath, isInstallationTokenPath } from './access/app.ts'
import { createOAuth, isOAuthPath, oauthRefusals } from './access/oauth.ts'
import {
  createQuota,
  type Denial,
  primaryMax,
  type Quota,
  readPoints,
  type Resource,
  writePoints,
} from './access/quota.ts'
import { type Bearer, createTokens } from './access/tokens.ts'
import { deniedGraph, deniedRest, serverError } from './denials.ts'
import { fill } from './fill.ts'
import { prepare } from './graphql/execute.ts'
import { recordsOf } from './records.ts'
import { type Reply, reply } from './rest/call.ts'
import { callRest, matchRoute, refusalReply } from './rest/router.ts'
import { plantSeed, viewerIn } from './seed.ts'
import type { Session } from './state/session.ts'
import { deliveriesOf, pingOf } from './webhooks/send.ts'

/** Makes the platform, with its seed. */
export function createGithub(options: PlatformOptions): SandboxPlatform {
  const tokens = createTokens(options)
  const oauth = createOAuth(options, tokens)
  const quotas = new Map<string, Quota>()
  let hub = plantSeed()
  let requests = 0
  const sessionOf = ({ installationId }: Bearer): Session => {
    const session: Session = {
      hub,
      viewer: viewerIn(hub, { isApp: installationId !== null }),
      installationId,
      nowMs: options.now(),
      base: options.baseUrl(),
      ping: (hook) => options.deliver(pingOf(session, hook, options.makeSecret())),
    }
    return session
  }
  const quotaOf = ({ installationId }: Bearer): Quota => {
    const key = String(installationId)
    const quota = quotas.get(key) ?? createQuota({ now: options.now, enforced: options.limits })
    quotas.set(key, quota)
    return quota
  }
  const answer = (request: PlatformRequest, requestId: string): PlatformResponse => {
    if (isOAuthPath(request.path)) return oauth.answer(request)
    if ((request.headers['user-agent'] ?? '') === '') return withoutUserAgent
    if (isAppPath(request.path)) {
      return written(answerApp(sessionOf({ installationId: null }), request, tokens), {})
    }
    const bearer = bearerOf(request, (token) => tokens.bearerOf(token))
    if ('status' in bearer) return written(bearer, {})
    const session = sessionOf(bearer)
    const quota = quotaOf(bearer)
    const isGraph = isGraphPath(request.path)
    const call = { session, quota, requestId }
    const answered = isGraph ? answerGraph(request, call) : answerRest(request, call)
    const changes = hub.takeChanges()
    for (const one of deliveriesOf(session, changes, options.makeSecret)) options.deliver(one)
    if (!isGraph) return restWritten(answered, { request, quota })
    return written(answered, limitHeaders(quota, { resource: isGraph ? 'graphql' : 'core' }))
  }
  return {
    name: 'github',
    isOAuth: ({ path }) => isOAuthPath(path) || isInstallationTokenPath(path),
    handle: (request) => {
      requests += 1
      const requestId = requestIdOf(requests)
      const answered = answer(request, requestId)
      const date = new Date(options.now()).toUTCString()
      const headers = { ...answered.headers, date, 'x-github-request-id': requestId }
      return { ...answered, headers }
    },
    refuse: (refusal, request) => {
      const headers = limitHeaders(quotaOf({ installationId: null }), {
        resource: isGraphPath(request.path) ? 'graphql' : 'core',
      })
      return refuse(refusal, request, { nowMs: options.now(), headers })
    },
    records: (table) => recordsOf(sessionOf({ installationId: null }), table),
    seed: (table, count) => fill(sessionOf({ installationId: null }), table, count),
    expireTokens: () => tokens.expire(),
    reset: () => {
      hub = plantSeed()
      quotas.clear()
      tokens.reset()
      oauth.reset()
    },
  }
}

interface Answering {
  readonly session: Session
  readonly quota: Quota
  readonly requestId: string
}

/** The answer; 304 to who knows it already, which counts against the primary limit as if it had not been asked. */
function restWritten(
  answered: Reply,
  { request, quota }: { readonly request: PlatformRequest; readonly quota: Quota },
): PlatformResponse {
  const response = written(answered, {})
  if (answered.status !== 200 || request.method !== 'GET') {
    return { ...response, headers: { ...response.headers, ...limitHeaders(quota, core) } }
  }
  const etag = `W/"${createHash('sha256').update(response.body).digest('hex')}"`
  const asked = request.headers['if-none-match'] ?? ''
  const isKnown = asked.split(',').some((one) => one.trim() === etag)
  if (isKnown) quota.giveBack('core')
  const headers = { ...response.headers, etag, ...limitHeaders(quota, core) }
  return isKnown ? { status: 304, headers, body: '' } : { ...response, headers }
}

const core = { resource: 'core' } as const

function isRateLimitPath(path: string): boolean {
  return /^\/rate_limit\/?(?:\?|$)/.test(path)
}

/** https://docs.github.com/rest/rate-limit/rate-limit: asking for it counts against nothing. */
function answerLimits(quota: Quota): Reply {
  const shown = (resource: Resource) => {
    const { used, remaining, resetAtMs } = quota.usage(resource)
    return { limit: primaryMax, used, remaining, reset: Math.ceil(resetAtMs / 1000), resource }
  }
  const rate = shown('core')
  const search = { limit: 30, used: 0, remaining: 30, reset: rate.reset, resource: 'search' }
  return reply(200, { resources: { core: rate, graphql: shown('graphql'), search }, rate })
}

function answerRest(request: PlatformRequest, { session, quota, requestId }: Answering): Reply {
  if (request.method === 'GET' && isRateLimitPath(request.path)) return answerLimits(quota)
  const matched = matchRoute(request)
  const reads = request.method === 'GET' || request.method === 'HEAD'
  const points = reads ? readPoints : writePoints
  const denial = quota.admit({ resource: 'core', cost: 1, points }) ??
    (matched?.route.creates === true ? quota.admitContent() : null)
  if (denial !== null) return deniedRest(denial, { session, requestId })
  return callRest(session, request, matched)
}

function answerGraph(request: PlatformRequest, { session, quota, requestId }: Answering): Reply {
  if (request.method !== 'POST') return refusalReply({ kind: 'not-found' })
  const prepared = prepare(request.body)
  const cost = prepared.ok ? prepared.price.cost : 1
  const points = prepared.ok && prepared.price.isMutation ? writePoints : readPoints
  const denial: Denial | null = quota.admit({ resource: 'graphql', cost, points })
  if (denial !== null) return deniedGraph(denial, { session, requestId })
  if (!prepared.ok) return reply(prepared.status, prepared.body)
  return reply(200, prepared.run(session, quota))
}

function isGraphPath(path: string): boolean {
  return /^\/graphql\/?(?:\?|$)/.test(path)
}

/** Who asks; or the reply to a request without a good token. */
function bearerOf(
  { headers, path }: PlatformRequest,
  find: (token: string) => Bearer | null,
): Bearer | Reply {
  const [, token] = /^(?:Bearer|token)\s+(\S+)$/i.exec(headers['authorization'] ?? '') ?? []
  if (token === undefined) {
    const message = isGraphPath(path)
      ? 'This endpoint requires you to be authenticated.'
      : 'Requires authentication'
    return refusalReply({ kind: 'unauthorized', message })
  }
  return find(token) ?? refusalReply({ kind: 'unauthorized', message: 'Bad credentials' })
}

const withoutUserAgent: PlatformResponse = {
  status: 403,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '\r\nRequest forbidden by administrative rules. Please make sure your request has a ' +
    'User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api' +
    '#user-agent-required). Check https://developer.github.com for other possible causes.\r\n',
}

function limitHeaders(
  quota: Quota,
  { resource }: { readonly resource: Resource },
): Readonly<Record<string, string>> {
  const { used, remaining, resetAtMs } = quota.usage(resource)
  return {
    'x-ratelimit-limit': String(primaryMax),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-used': String(used),
    'x-ratelimit-reset': String(Math.ceil(resetAtMs / 1000)),
    'x-ratelimit-resource': resource,
  }
}

function requestIdOf(count: number): string {
  const hex = count.toString(16).toUpperCase().padStart(8, '0')
  return `${hex.slice(0, 4)}:${hex.slice(4)}:5A4D:B0C5:63F7A1`
}

/** Too much, as the secondary limit says it; or GitHub's own failure. */
function refuse(
  refusal: Refusal,
  request: PlatformRequest,
  { nowMs, headers: limits }: {
    readonly nowMs: number
    readonly headers: Readonly<Record<string, string>>
  },
): PlatformResponse {
  const requestId = requestIdOf(0)
  const headers = { ...limits, 'x-github-request-id': requestId }
  if (isOAuthPath(request.path)) return oauthRefusals[refusal]
  if (refusal === '500') {
    return written(serverError({ isGraph: isGraphPath(request.path), requestId, nowMs }), headers)
  }
  return written(
    deniedRest({ limit: 'points', retryAfterMs: 1000 }, { requestId, nowMs, status: 429 }),
    headers,
  )
}

function written({ status, headers, body }: Reply, extra: Readonly<Record<string, string>>) {
  const bodiless = status === 204
  const type = bodiless ? {} : {
    'content-type': 'application/json; charset=utf-8',
    'x-github-media-type': 'github.v3; format=json',
  }
  const json: Json = body
  return {
    status,
    headers: { ...type, ...headers, ...extra },
    body: bodiless ? '' : writeJson(json),
  }
}
