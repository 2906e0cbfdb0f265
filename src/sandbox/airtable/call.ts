// Room sandbox: one call of Airtable's API, and its reply.

import { isObject, type Json, type JsonObject, JsonSyntaxError, parseJson } from '../json.ts'
import type { PlatformRequest } from '../platform.ts'
import type { Base } from './base.ts'
import { failure, invalidRequest } from './errors.ts'
import type { Iterators } from './iterators.ts'

export interface Call {
  readonly method: string
  /** The segments of the path, decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
  readonly request: PlatformRequest
  readonly base: Base
  readonly iterators: Iterators
  /** Milliseconds since 1970. */
  readonly nowMs: number
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

/** The body as an object with no members but those named. Throws an `ApiFailure`. */
export function readBody(
  { request: { headers, body } }: Call,
  members: readonly string[],
): JsonObject {
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
    throw failure('INVALID_REQUEST_BODY', 'Could not parse request body')
  }
  const value = parsed(body)
  if (!isObject(value)) throw invalidRequest()
  if (value['typecast'] === true) throw invalidRequest('The sandbox does not typecast')
  if (!Object.keys(value).every((name) => members.includes(name))) throw invalidRequest()
  return value
}

function parsed(body: string): Json {
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw failure('INVALID_REQUEST_BODY', 'Could not parse request body', 400)
  }
}
