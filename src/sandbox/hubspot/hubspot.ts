// Room sandbox: HubSpot. One portal, its records in memory, behind the CRM API v3 and its token endpoints.
// Written from HubSpot's own documentation, so that it does not share the adapter's mistakes.

import { writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  SandboxPlatform,
} from '../platform.ts'
import { batch } from './batch.ts'
import { type Call, type Reply, reply, splitPath } from './call.ts'
import { type ApiError, ApiFailure, errorBody, failure } from './errors.ts'
import { createLimits, type Policy } from './limits.ts'
import { createTokens, isOAuthPath } from './oauth.ts'
import type { ObjectType } from './objects/definition.ts'
import { findObjectType, objectTypeOfTable } from './objects/schema.ts'
import { createPortal, type Portal } from './portal.ts'
import { renderRow } from './render.ts'
import { properties, schemas } from './schemas.ts'
import { search } from './search.ts'
import { plantSeed } from './seed.ts'
import { collection, record } from './single.ts'

/** Makes the platform, with its seed. */
export function createHubspot(options: PlatformOptions): SandboxPlatform {
  const tokens = createTokens(options)
  let limits = createLimits()
  let portal = planted()
  let requests = 0

  const answer = (request: PlatformRequest, correlationId: string): Reply => {
    const { authorization } = request.headers
    if (isOAuthPath(request.path)) {
      return caught(() => tokens.answer(request, correlationId), correlationId)
    }
    const refused = tokens.refuse(authorization)
    if (refused !== null) return failed(refused, correlationId)
    const counted = options.limits
      ? limits.count(options.now(), {
        search: /\/search\/?(?:\?|$)/.test(request.path),
        privateApp: tokens.isPrivateApp(authorization),
      })
      : { refused: null, headers: {} }
    if (counted.refused !== null) {
      return withHeaders(overLimit(counted.refused, correlationId), counted.headers)
    }
    const call: Call = {
      method: request.method,
      ...splitPath(request.path),
      request,
      writer: { portal, nowMs: options.now() },
      baseUrl: options.baseUrl(),
    }
    return withHeaders(wholly(portal, call, correlationId), counted.headers)
  }
  const nextId = () => {
    requests += 1
    return `00000000-0000-4000-8000-${requests.toString(16).padStart(12, '0')}`
  }
  return {
    name: 'hubspot',
    isOAuth: ({ path }) => isOAuthPath(path),
    handle: (request) => {
      const correlationId = nextId()
      return written(answer(request, correlationId), correlationId)
    },
    refuse: (refusal) => {
      const correlationId = nextId()
      const refused = refusal === '429'
        ? overLimit('TEN_SECONDLY_ROLLING', correlationId)
        : failed({ status: 500, message: 'internal error' }, correlationId)
      return written(refused, correlationId)
    },
    records: (table) => recordsOf(portal, table),
    expireTokens: () => tokens.expire(),
    reset: () => {
      portal = planted()
      limits = createLimits()
      tokens.reset()
      requests = 0
    },
  }
}

function planted(): Portal {
  const portal = createPortal()
  plantSeed(portal)
  portal.settle()
  return portal
}

/** Carries out a call, or leaves the portal as it was. */
function wholly(portal: Portal, call: Call, correlationId: string): Reply {
  const mark = portal.mark()
  const answered = caught(() => route(call), correlationId)
  if (answered.status >= 400) portal.rollback(mark)
  portal.settle()
  return answered
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
    return first === 'search' ? search(call, type) : record(call, type, first)
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
  const rows = [...portal.rows(type)].filter(({ archivedAtMs }) => archivedAtMs === null)
  return writeJson(rows.map((row) => renderRow(row, type.properties.map(({ name }) => name))))
}
