// Room sandbox: one call of the REST API, alone or inside a composite, and its reply.

import { isObject, type Json, type JsonObject } from '../json.ts'
import type { Cursors } from './cursors.ts'
import { type ApiError, failure, requestErrors } from './errors.ts'
import type { Org } from './org.ts'
import type { BasePath } from './render.ts'
import type { Writer } from './save.ts'

export interface Call {
  readonly method: string
  /** The segments after `/services/data/vNN.0`, decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly base: BasePath
  /** The body. Throws an `ApiFailure` when there is none or when it is not JSON. */
  readonly readBody: () => Json
  /** Inside another call; then only some resources are to be had. */
  readonly nested: boolean
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** null with 204. */
  readonly body: Json
}

/** What the calls work on. */
export interface Api {
  readonly org: Org
  readonly cursors: Cursors
  readonly writer: () => Writer
  readonly nowMs: () => number
  /** Calls counted so far, of how many a day. */
  readonly usage: () => { used: number; max: number }
  /** Carries out a call that stands inside another. */
  readonly route: (call: Call) => Reply
}

export function reply(
  status: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers, body }
}

export const noContent: Reply = reply(204, null)

/** The reply of a call that failed; its status is the first error's. */
export function failedReply(errors: readonly ApiError[]): Reply {
  return reply(errors[0]?.status ?? 400, requestErrors(errors))
}

/** The body as an object. */
export function readObject(call: Call): JsonObject {
  const body = call.readBody()
  if (isObject(body)) return body
  throw failure(
    'JSON_PARSER_ERROR',
    'Cannot deserialize instance of SObject from START_ARRAY value [ at [line:1, column:1]',
  )
}

/** For a resource that is there, but not for the method. */
export function methodNotAllowed(method: string, allowed: string): Error {
  const message = `HTTP Method '${method}' not allowed. Allowed are ${allowed}`
  return failure('METHOD_NOT_ALLOWED', message, { status: 405 })
}

/** A flag in a body: only JSON's true counts. */
export function flagOf(object: JsonObject, name: string): boolean {
  return object[name] === true
}
