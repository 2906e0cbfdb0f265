// Room sandbox: HubSpot. One portal, its records in memory, behind the CRM API v3 and its token endpoints.
// Written from HubSpot's own documentation, so that it does not share the adapter's mistakes.

import { type JsonObject, writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  SandboxPlatform,
} from '../platform.ts'
import { type Apps, createApps } from './apps.ts'
import { batch } from './batch.ts'
import { type Call, type Reply, reply, splitPath } from './call.ts'
import { type ApiError, ApiFailure, errorBody, failure } from './errors.ts'
import { deliveriesOf } from './events.ts'
import { createLag, type Lag, type LagOptions, noLag } from './lag.ts'
import { erase, merge } from './leave.ts'
import { type Counted, createLimits, type Limits, type Policy } from './limits.ts'
import { createTokens, isOAuthPath, type Tokens } from './oauth.ts'
import type { ObjectType } from './objects/definition.ts'
import { findObjectType, objectTypeOfTable } from './objects/schema.ts'
import { plant } from './plenty.ts'
import { createPortal, type Portal, type Replaced } from './portal.ts'
import { renderRow } from './render.ts'
import { properties, schemas } from './schemas.ts'
import { search } from './search.ts'
import { plantSeed } from './seed.ts'
import { collection, record } from './single.ts'

/** What a reset begins anew. */
interface World {
  readonly portal: Portal
  readonly apps: Apps
  readonly lag: Lag
  readonly limits: Limits
}

interface Parts {
  readonly options: PlatformOptions
  readonly tokens: Tokens
  readonly world: World
}

/** Makes the platform, with its seed. Unless `search` says otherwise, its search finds at once what was written. */
export function createHubspot(
  options: PlatformOptions,
  search: LagOptions = noLag,
): SandboxPlatform {
  const tokens = createTokens(options)
  let world = createWorld(search)
  let requests = 0
  const nextId = () => {
    requests += 1
    return `00000000-0000-4000-8000-${requests.toString(16).padStart(12, '0')}`
  }
  return {
    name: 'hubspot',
    isOAuth: ({ path }) => isOAuthPath(path),
    handle: (request) => {
      const correlationId = nextId()
      return written(answer({ options, tokens, world }, request, correlationId), correlationId)
    },
    refuse: (refusal) => {
      const correlationId = nextId()
      const refused = refusal === '429'
        ? overLimit('TEN_SECONDLY_ROLLING', correlationId)
        : failed({ status: 500, message: 'internal error' }, correlationId)
      return written(refused, correlationId)
    },
    records: (table) => recordsOf(world.portal, table),
    seed: (table, count) => {
      const type = objectTypeOfTable(table)
      if (type !== undefined) plant(world.portal, type, { count, now: options.now })
      return type !== undefined
    },
    expireTokens: () => tokens.expire(),
    reset: () => {
      world = createWorld(search)
      tokens.reset()
      requests = 0
    },
  }
}

function createWorld(search: LagOptions): World {
  const portal = createPortal()
  plantSeed(portal)
  portal.settle()
  return { portal, apps: createApps(), lag: createLag(search), limits: createLimits() }
}

function answer(
  { options, tokens, world }: Parts,
  request: PlatformRequest,
  correlationId: string,
): Reply {
  if (isOAuthPath(request.path)) {
    return caught(() => tokens.answer(request, correlationId), correlationId)
  }
  const { portal, apps, lag } = world
  const nowMs = options.now()
  const asked = {
    method: request.method,
    ...splitPath(request.path),
    request,
    baseUrl: options.baseUrl(),
  }
  if (request.path.startsWith('/webhooks/v3/')) {
    return caught(() => apps.answer(asked, nowMs), correlationId)
  }
  const refused = tokens.refuse(request.headers['authorization'])
  if (refused !== null) return failed(refused, correlationId)
  const counted = countedIn({ options, tokens, world }, request, nowMs)
  if (counted.refused !== null) {
    return withHeaders(overLimit(counted.refused, correlationId), counted.headers)
  }
  const call: Call = { ...asked, writer: { portal, nowMs }, lag }
  const { answered, replaced } = wholly(portal, call, correlationId)
  lag.note(replaced, nowMs)
  for (const delivery of deliveriesOf(replaced, apps, nowMs)) options.deliver(delivery)
  return withHeaders(answered, counted.headers)
}

function countedIn(
  { options, tokens, world }: Parts,
  { path, headers }: PlatformRequest,
  nowMs: number,
): Counted {
  if (!options.limits) return { refused: null, headers: {} }
  return world.limits.count(nowMs, {
    search: /\/search\/?(?:\?|$)/.test(path),
    privateApp: tokens.isPrivateApp(headers['authorization']),
  })
}

/** Carries out a call, or leaves the portal as it was. */
function wholly(
  portal: Portal,
  call: Call,
  correlationId: string,
): { answered: Reply; replaced: readonly Replaced[] } {
  const mark = portal.mark()
  const answered = caught(() => route(call), correlationId)
  if (answered.status >= 400) portal.rollback(mark)
  return { answered, replaced: portal.settle() }
}

function caught(act: () => Reply, correlationId: string): Reply {
  try {
    return act()
  } catch (error) {
    if (error instanceof ApiFailure) return failed(error.error, correlationId)
    throw error
  }
}

function failed(error: ApiError, correlationId: string): Reply {
  return reply(error.status, errorBody(error, correlationId))
}

function route(call: Call): Reply {
  const [root = '', version = '', place = '', name, ...rest] = call.segments
  switch (`${root}/${version}/${place}`) {
    case 'crm/v3/objects':
      if (name !== undefined) return objectRoute(call, typeNamed(name), rest)
      break
    case 'crm/v3/properties':
      if (name !== undefined && rest.length < 2) {
        return properties(call, typeNamed(name), rest[0])
      }
      break
    case 'crm/v3/schemas':
    case 'crm-object-schemas/v3/schemas':
      if (rest.length === 0) return schemas(call, name)
      break
  }
  throw failure('resource not found', { status: 404 })
}

function objectRoute(call: Call, type: ObjectType, rest: readonly string[]): Reply {
  const [first, second] = rest
  if (first === undefined) return collection(call, type)
  if (second === undefined) {
    switch (first) {
      case 'search':
        return search(call, type)
      case 'merge':
        return merge(call, type)
      case 'gdpr-delete':
        return erase(call, type)
      default:
        return record(call, type, first)
    }
  }
  if (first === 'batch' && rest.length === 2) return batch(call, type, second)
  throw failure('resource not found', { status: 404 })
}

function typeNamed(name: string): ObjectType {
  const type = findObjectType(name)
  if (type !== undefined) return type
  throw failure(`Unable to infer object type from: ${name}`)
}

function overLimit(policyName: Policy, correlationId: string): Reply {
  return reply(429, {
    status: 'error',
    message: `You have reached your ${policyName.toLowerCase()} limit.`,
    errorType: 'RATE_LIMIT',
    correlationId,
    policyName,
    groupName: groupNames[policyName],
  })
}

const groupNames: Record<Policy, string> = {
  TEN_SECONDLY_ROLLING: 'publicapi:private-apps-burst:0:1',
  DAILY: 'publicapi:private-apps-daily:0:1',
  SECONDLY: 'publicapi:crm:search:0:1',
}

function withHeaders(answered: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...answered, headers: { ...answered.headers, ...headers } }
}

function written({ status, headers, body }: Reply, correlationId: string): PlatformResponse {
  const type = body === null ? {} : { 'content-type': 'application/json;charset=utf-8' }
  return {
    status,
    headers: { ...type, 'x-hubspot-correlation-id': correlationId, ...headers },
    body: body === null ? '' : writeJson(body),
  }
}

function recordsOf(portal: Portal, table: string): string | null {
  const type = objectTypeOfTable(table)
  if (type === undefined) return null
  const names = type.properties.map(({ name }) => name)
  const rows: JsonObject[] = []
  for (const row of portal.rows(type)) {
    if (row.archivedAtMs === null) rows.push(renderRow(row, names))
  }
  return JSON.stringify(rows) // they hold no numbers
}
