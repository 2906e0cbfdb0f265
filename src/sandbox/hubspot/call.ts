// Room sandbox: one call of HubSpot's API, and its reply.

import {
  isArray,
  isObject,
  type Json,
  type JsonObject,
  JsonSyntaxError,
  parseJson,
} from '../json.ts'
import type { PlatformRequest } from '../platform.ts'
import { failure } from './errors.ts'
import type { Lag } from './lag.ts'
import type { Writer } from './save.ts'

export interface Call {
  readonly method: string
  /** The segments of the path, decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
  readonly request: PlatformRequest
  readonly writer: Writer
  readonly lag: Lag
  /** Where clients reach the API, without a slash at the end. */
  readonly baseUrl: string
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** null: no body. */
  readonly body: Json
}

export function reply(
  status: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers, body }
}

export const noContent: Reply = reply(204, null)

/** Splits a path with its query. */
export function splitPath(path: string): { segments: readonly string[]; query: URLSearchParams } {
  const mark = path.indexOf('?')
  const place = mark < 0 ? path : path.slice(0, mark)
  return {
    segments: place.split('/').filter(Boolean).map(decode),
    query: new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1)),
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // a stray % is text
  }
}

/** The body as an object. Throws an `ApiFailure`. */
export function readBody({ request: { headers, body } }: Pick<Call, 'request'>): JsonObject {
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
    throw failure('HTTP 415 Unsupported Media Type', { status: 415 })
  }
  const value = parsed(body)
  if (isObject(value)) return value
  throw failure('Invalid input JSON on line 1, column 1: the body is not an object')
}

function parsed(body: string): Json {
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    const found = /^(.*) at \[line:(\d+), column:(\d+)\]$/s.exec(error.message)
    const [, reason = error.message, line = '1', column = '1'] = found ?? []
    throw failure(`Invalid input JSON on line ${line}, column ${column}: ${reason}`)
  }
}

/** The texts of a member that is a list of them; none when it is not there. */
export function textsOf(object: JsonObject, name: string): readonly string[] {
  const value = object[name]
  return isArray(value) ? value.map(String) : []
}

/** The values of a query's parameter, given once with commas or again and again. */
export function queryTexts(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name).flatMap((text) => text.split(',')).map((text) => text.trim())
    .filter(Boolean)
}

/** A whole number in a range, `absent` when there is none. */
export function countOf(
  text: string | null,
  { name, most, absent }: { name: string; most: number; absent: number },
): number {
  if (text === null || text === '') return absent
  const count = /^\d{1,9}$/.test(text) ? Number(text) : -1
  if (count >= 0 && count <= most) return count
  throw failure(`Invalid value for ${name}: ${text}; it must be at most ${most}`, {
    category: 'VALIDATION_ERROR',
  })
}
