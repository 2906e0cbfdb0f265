// Room service: does what came have the documented form? If not, the caller reads where it differs.

import type { z } from '@hono/zod-openapi'
import { fault } from '../../mutation/fault.ts'
import { isJsonObject, type Json, writeJson } from './lossless.ts'
import {
  deleteBodySchema,
  insertBodySchema,
  queryBodySchema,
  type updateBodySchema,
} from './schemas.ts'
import type { JsonRecord } from './records.ts'

/** The value as the schema gives it. Throws `bad_request`. */
export function check<T extends z.ZodType>(schema: T, value: unknown, at: string): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  // numbers are objects here, and would be called so
  const { error = parsed.error } = schema.safeParse(JSON.parse(writeJson(value as Json)))
  const [issue] = error.issues
  const path = issue?.path.join('.') ?? ''
  const where = path === '' ? at : `"${path}" in ${at}`
  throw fault('bad_request', { message: `${where} is not valid: ${issue?.message ?? 'unknown'}` })
}

/** `{records: […]}`, or one record by itself. Throws `bad_request`. */
export function checkRecordsBody(
  schema: typeof insertBodySchema | typeof updateBodySchema,
  body: Json,
): readonly JsonRecord[] {
  const listed = isJsonObject(body) && Object.keys(body).join() === 'records' &&
    Array.isArray(body['records'])
  const whole = listed || !isJsonObject(body) ? body : { records: [body] }
  check(schema, whole, 'the body')
  // not what the schema gives back: that is a copy, and what is known of it here is the same
  return (whole as unknown as { records: JsonRecord[] }).records
}

/** `{ids: […]}`, or the ids of the query where there is no body. Throws `bad_request`. */
export function checkIdsBody(body: Json | undefined, ids: readonly string[]): readonly string[] {
  const given = body === undefined ? { ids: [...ids] } : body
  if (body !== undefined && ids.length > 0) {
    throw fault('bad_request', { message: 'ids stand in the body or in the query, not in both' })
  }
  return check(deleteBodySchema, given, body === undefined ? 'the query' : 'the body').ids
}

/** Throws `bad_request`. */
export function checkQueryBody(body: Json): { sql: string; params: readonly Json[] } {
  const { sql, params } = check(queryBodySchema, body, 'the body')
  return { sql, params: (params ?? []) as Json[] }
}
