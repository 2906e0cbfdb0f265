// Room sandbox: Salesforce. One org, its records in memory, behind the REST API (v50 to v64) and its token endpoint.
// Written from Salesforce's own documentation, so that it does not share the adapter's mistakes.

import { type Json, JsonSyntaxError, parseJson, writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  Refusal,
  SandboxPlatform,
} from '../platform.ts'
import { type Api, failedReply, type Reply, reply } from './call.ts'
import { createCursors } from './cursors.ts'
import { apiError, ApiFailure, failure, noSuchResource, sessionExpired } from './errors.ts'
import { createTokens, isTokenPath, oauthRefusals } from './oauth.ts'
import { type Sobject, sobjectOfTable } from './objects/schema.ts'
import { createOrg, type Org, type Row } from './org.ts'
import { writeRows } from './render.ts'
import { route } from './router.ts'
import { apiUserId, plantSeed } from './seed.ts'
import { plantMany } from './seed_many.ts'
import { splitUrl, versions } from './url.ts'

/** Calls a day. The sandbox does not refuse the next one; its day ends there. */
const dailyCallsMax = 15_000

/** Makes the platform, with its seed. */
export function createSalesforce(options: PlatformOptions): SandboxPlatform {
  const tokens = createTokens(options, `/id/00D5j0000000001EAA/${apiUserId}`)
  const cursors = createCursors()
  let org = planted()
  let calls = 0
  const api: Api = {
    get org() {
      return org
    },
    cursors,
    nowMs: options.now,
    writer: () => ({ org, nowMs: options.now(), userId: apiUserId }),
    usage: () => ({ used: calls % dailyCallsMax, max: dailyCallsMax }),
    route: (call) => route(api, call),
  }
  const answer = (request: PlatformRequest): Reply => {
    if (isTokenPath(request.path)) return caught(() => tokens.answer(request))
    const refused = refuseSession(request, (token) => tokens.isValid(token))
    if (refused !== null) return refused
    calls += 1
    const answered = caught(() => callApi(api, request))
    org.settle()
    return answered
  }
  const limitInfo = () => ({
    date: new Date(options.now()).toUTCString(),
    'sforce-limit-info': `api-usage=${calls % dailyCallsMax}/${dailyCallsMax}`,
  })
  return {
    name: 'salesforce',
    isOAuth: ({ path }) => isTokenPath(path),
    handle: (request) => {
      const answered = answer(request)
      return written(answered, isTokenPath(request.path) ? {} : limitInfo())
    },
    refuse: (refusal, { path }) =>
      isTokenPath(path)
        ? written(oauthRefusals[refusal], {})
        : written(refusals[refusal], limitInfo()),
    records: (table) => recordsOf(org, table),
    seed: (table, count) => plantMany(org, table, { count, nowMs: options.now() }),
    expireTokens: () => tokens.expire(),
    reset: () => {
      org = planted()
      calls = 0
      cursors.clear()
      tokens.reset()
    },
  }
}

function planted(): Org {
  const org = createOrg()
  plantSeed(org)
  org.settle()
  return org
}

/** Over its limits Salesforce answers 403, not 429. */
const refusals: Record<Refusal, Reply> = {
  '429': failedReply([
    apiError('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', { status: 403 }),
  ]),
  '500': failedReply([
    apiError(
      'UNKNOWN_EXCEPTION',
      'An unexpected error occurred. Please include this ErrorId if you contact support: 1057440203-11203 (-1824207362)',
      { status: 500 },
    ),
  ]),
}

function caught(act: () => Reply): Reply {
  try {
    return act()
  } catch (error) {
    if (error instanceof ApiFailure) return failedReply(error.errors)
    throw error
  }
}

/** The reply to a request without a valid token; null when it has one. */
function refuseSession(
  { headers }: PlatformRequest,
  isValid: (token: string) => boolean,
): Reply | null {
  const [, token] = /^(?:Bearer|OAuth)\s+(\S+)$/i.exec(headers['authorization'] ?? '') ?? []
  if (token === undefined) {
    return failedReply([apiError('INVALID_AUTH_HEADER', 'INVALID_HEADER_TYPE', { status: 401 })])
  }
  return isValid(token) ? null : failedReply([sessionExpired])
}

function callApi(api: Api, request: PlatformRequest): Reply {
  const { method, path, headers, body } = request
  if (/^\/services\/data\/?(?:\?|$)/.test(path)) return reply(200, versionList)
  const place = splitUrl(path)
  if (place === null) throw new ApiFailure([noSuchResource])
  const readBody = once(() => readRequestBody(headers['content-type'], body))
  return route(api, {
    ...place,
    method: method === 'HEAD' ? 'GET' : method,
    headers,
    nested: false,
    readBody,
  })
}

const versionList: Json = versions.map((version) => ({
  label: `v${version}`,
  url: `/services/data/v${version}`,
  version,
}))

function readRequestBody(contentType: string | undefined, body: string): Json {
  if (!/^application\/json\b/i.test(contentType ?? '')) {
    const message = `Content type is not supported: ${contentType ?? 'none'}. Use application/json`
    throw failure('UNSUPPORTED_MEDIA_TYPE', message, { status: 415 })
  }
  if (body === '') {
    const message = 'The HTTP entity body is required, but this request has no entity body.'
    throw failure('JSON_PARSER_ERROR', message)
  }
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw failure('JSON_PARSER_ERROR', error.message, { fields: [] })
  }
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function written(
  { status, headers, body }: Reply,
  extra: Readonly<Record<string, string>>,
): PlatformResponse {
  const type = body === null ? {} : { 'content-type': 'application/json;charset=UTF-8' }
  return {
    status,
    headers: { ...type, ...headers, ...extra },
    body: body === null ? '' : writeJson(body),
  }
}

function recordsOf(org: Org, table: string): string | null {
  const object = sobjectOfTable(table)
  if (object === undefined) return null
  const base = `/services/data/v${versions.at(-1) ?? ''}`
  return writeRows(living(org, object), object.fields, base)
}

function* living(org: Org, object: Sobject): Iterable<Row> {
  for (const row of org.rows(object)) {
    if (row.deletedAtMs === null) yield row
  }
}
