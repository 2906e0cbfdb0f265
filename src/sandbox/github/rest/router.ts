// Room sandbox: GitHub's REST endpoints by their method and path, and the words of their refusals.
// https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api

import { never } from '../../../lib/assert.ts'
import {
  isObject,
  type Json,
  JsonNumber,
  type JsonObject,
  JsonSyntaxError,
  parseJson,
} from '../../json.ts'
import type { PlatformRequest } from '../../platform.ts'
import { type FieldError, notFound, type Refusal, Refused, refused } from '../refusal.ts'
import type { Session } from '../state/session.ts'
import { type Reply, reply, type Route } from './call.ts'
import { codeRoutes } from './code.ts'
import { hookRoutes } from './hooks.ts'
import { issueRoutes } from './issues.ts'
import { partRoutes } from './parts.ts'
import { placeRoutes } from './places.ts'

const docsBase = 'https://docs.github.com/rest'

interface Matched {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

interface Compiled {
  readonly route: Route
  readonly pattern: RegExp
  readonly names: readonly string[]
}

/** The more a path says itself, the earlier it is tried. */
const compiled: readonly Compiled[] = [
  ...issueRoutes,
  ...partRoutes,
  ...codeRoutes,
  ...placeRoutes,
  ...hookRoutes,
].map(compile).toSorted((left, right) => left.names.length - right.names.length)

function compile(route: Route): Compiled {
  const names: string[] = []
  const parts = route.path.split('/').slice(1).map((part) => {
    if (part !== '*' && !part.startsWith(':')) return `/${part.replaceAll('.', '\\.')}`
    names.push(part.replace(':', ''))
    return part === '*' ? '(?:/(.*))?' : '/([^/]+)'
  })
  return { route, names, pattern: new RegExp(`^${parts.join('')}/?$`) }
}

/** The route of a request; null when there is none. */
export function matchRoute({ method, path }: PlatformRequest): Matched | null {
  const wanted = method === 'HEAD' ? 'GET' : method
  const place = path.split('?')[0] ?? ''
  for (const { route, pattern, names } of compiled) {
    const match = route.method === wanted ? pattern.exec(place) : null
    if (match === null) continue
    const params = names.map((name, index) => [name, decode(match[index + 1] ?? '')])
    return { route, params: Object.fromEntries(params) }
  }
  return null
}

/** Carries out one request. What is refused becomes a reply; any other error is a fault of the sandbox. */
export function callRest(
  session: Session,
  request: PlatformRequest,
  matched: Matched | null,
): Reply {
  const [path = '', search = ''] = request.path.split('?', 2)
  try {
    if (matched === null) throw refused(notFound)
    return matched.route.run({
      method: request.method,
      session,
      params: matched.params,
      path,
      query: new URLSearchParams(search),
      body: () => readBody(request.body),
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return refusalReply(error.refusal, matched?.route.docs ?? '')
  }
}

/** The reply that words a refusal. `docs` goes after the address of the documentation. */
export function refusalReply(refusal: Refusal, docs = ''): Reply {
  switch (refusal.kind) {
    case 'invalid': {
      const errors = refusal.errors.map(showError)
      return failed(422, refusal.message ?? 'Validation Failed', { docs, more: { errors } })
    }
    case 'unfit':
      return failed(422, refusal.message, { docs })
    case 'unparsable':
      return failed(400, 'Problems parsing JSON', { docs })
    case 'unauthorized':
      return failed(401, refusal.message, { docs: '' })
    case 'not-found':
      return failed(404, refusal.message ?? 'Not Found', { docs })
    case 'forbidden':
      return failed(403, refusal.message, { docs })
    case 'gone':
      return failed(410, refusal.message, { docs })
    case 'not-allowed':
      return failed(405, refusal.message, { docs })
    case 'conflict':
      return failed(409, refusal.message, { docs })
    case 'moved': {
      const { url } = refusal
      const docsUrl = `${docsBase}/guides/best-practices-for-using-the-rest-api#follow-redirects`
      const body = { message: 'Moved Permanently', url, documentation_url: docsUrl }
      return reply(301, body, { location: url })
    }
    default:
      return never(refusal)
  }
}

function failed(
  status: number,
  message: string,
  { docs, more = {} }: { readonly docs: string; readonly more?: JsonObject },
): Reply {
  const body = { message, ...more, documentation_url: docsBase + docs, status: String(status) }
  return reply(status, body)
}

function showError({ resource, field, code, value, message }: FieldError): Json {
  const number = value !== undefined && /^[1-9][0-9]{0,15}$/.test(value)
  return {
    ...(value === undefined ? {} : { value: number ? new JsonNumber(value) : value }),
    resource,
    code,
    ...(field === null ? {} : { field }),
    ...(message === undefined ? {} : { message }),
  }
}

/** No body counts as an empty object. */
function readBody(text: string): JsonObject {
  if (text.trim() === '') return {}
  try {
    const body = parseJson(text)
    if (isObject(body)) return body
    if (body === null) return {}
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw refused({ kind: 'unparsable' })
  }
  throw refused({ kind: 'unparsable' })
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a stray % is text
  }
}
