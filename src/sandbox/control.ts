// Room sandbox: the control endpoints, by which people and tests look into the sandbox and script its mischief.

import type { Deliveries } from './deliveries.ts'
import type { ExchangeLog } from './exchanges.ts'
import { JsonSyntaxError, parseJson } from './json.ts'
import { type MischiefBox, readMischief } from './mischief.ts'
import type { PlatformResponse, SandboxPlatform } from './platform.ts'

/** A request to a control endpoint: `path` is without the query. */
export interface ControlRequest {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** Answers a control endpoint; null when the path is none. */
export type Control = (request: ControlRequest) => PlatformResponse | null

interface Parts {
  readonly platforms: readonly SandboxPlatform[]
  readonly log: ExchangeLog
  readonly mischief: MischiefBox
  readonly deliveries: Deliveries
  readonly reset: () => void
}

/**
 * GET, DELETE /_exchanges; GET, POST, DELETE /_mischief (what latency holds back is answered then); POST /_reset; GET /_records/<platform>/<table>;
 * POST /_seed/<platform>/<table> ({count}: so many more records); GET /_deliveries (webhooks called, and how that ended);
 * GET / lists the platforms.
 */
export function createControl(parts: Parts): Control {
  return ({ method, path, body }) => {
    if (path === '/') return answer(200, { platforms: parts.platforms.map(({ name }) => name) })
    if (!path.startsWith('/_')) return null
    const [, place, ...rest] = path.split('/')
    switch (`${method} ${place}`) {
      case 'GET _exchanges':
        return exchanges(parts.log)
      case 'DELETE _exchanges':
        parts.log.clear()
        return nothing
      case 'GET _mischief':
        return answer(200, parts.mischief.pending())
      case 'POST _mischief':
        return makeMischief(parts, body)
      case 'DELETE _mischief':
        parts.mischief.clear()
        return nothing
      case 'POST _reset':
        parts.reset()
        return nothing
      case 'GET _records':
        return records(parts.platforms, rest)
      case 'POST _seed':
        return seed(parts.platforms, rest, body)
      case 'GET _deliveries':
        return answer(200, parts.deliveries.ended())
      default:
        return answer(404, { error: `The sandbox has no ${method} ${path}` })
    }
  }
}

const nothing: PlatformResponse = { status: 204, headers: {}, body: '' }

function answer(status: number, value: unknown): PlatformResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: `${JSON.stringify(value)}\n`,
  }
}

function exchanges(log: ExchangeLog): PlatformResponse {
  const headers = {
    'content-type': 'application/x-ndjson',
    'x-exchanges-dropped': String(log.dropped),
  }
  return { status: 200, headers, body: log.lines() }
}

function makeMischief({ platforms, mischief }: Parts, body: string): PlatformResponse {
  try {
    const piece = readMischief(parseJson(body), platforms.map(({ name }) => name))
    mischief.add(piece)
    return answer(201, piece)
  } catch (error) {
    if (!(error instanceof RangeError) && !(error instanceof JsonSyntaxError)) throw error
    return answer(400, { error: error.message })
  }
}

function records(platforms: readonly SandboxPlatform[], path: readonly string[]): PlatformResponse {
  const [name, table = ''] = path
  const body = platforms.find((platform) => platform.name === name)?.records(table) ?? null
  if (body === null) {
    return answer(404, { error: `The sandbox has no table "${path.join('/')}"` })
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

const seedMax = 2_000_000

function seed(
  platforms: readonly SandboxPlatform[],
  [name, table = '']: readonly string[],
  body: string,
): PlatformResponse {
  const count = countIn(body)
  if (count === null) return answer(400, { error: `{"count": 1 to ${seedMax}} is missing` })
  const platform = platforms.find((platform) => platform.name === name)
  const isMade = platform?.seed?.(table, count) ?? false
  if (!isMade) return answer(404, { error: `The sandbox cannot seed "${name}/${table}"` })
  return answer(201, { count })
}

function countIn(body: string): number | null {
  try {
    const count: unknown = (JSON.parse(body) as { count?: unknown } | null)?.count
    return typeof count === 'number' && Number.isInteger(count) && count > 0 && count <= seedMax
      ? count
      : null
  } catch {
    return null
  }
}
