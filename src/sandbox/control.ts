// Room sandbox: the control endpoints, by which people and tests look into the sandbox and script its mischief.

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
  readonly reset: () => void
}

/**
 * GET, DELETE /_exchanges; GET, POST, DELETE /_mischief; POST /_reset; GET /_records/<platform>/<table>; GET / lists
 * the platforms.
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
