// Room platforms: reading what Salesforce answers to a write. Nothing is believed that does not have the documented shape.

import { isJsonNumber, isJsonObject, type Json, type JsonObject, toInteger } from '../json.ts'
import { type ApiError, readErrors } from './errors.ts'
import { isRecordId, parts } from './request.ts'

/** One part of a composite answer. */
export interface Part {
  readonly status: number
  readonly body: Json
}

/** The parts of a composite answer; undefined when it is not one or lacks the part that wrote. */
export function readComposite(
  json: Json | undefined,
): { write: Part; read: Part | undefined } | undefined {
  if (!isJsonObject(json)) return undefined
  const items = json['compositeResponse']
  if (!Array.isArray(items)) return undefined
  const write = partNamed(items, parts.write)
  return write === undefined ? undefined : { write, read: partNamed(items, parts.read) }
}

function partNamed(items: readonly unknown[], referenceId: string): Part | undefined {
  const found = items.filter(isJsonObject).filter((item) => item['referenceId'] === referenceId)
  const [item] = found
  if (item === undefined || found.length > 1) return undefined
  const status = toInteger(item['httpStatusCode'])
  return status === undefined ? undefined : { status, body: item['body'] ?? null }
}

/** written: every row, with its id. refused: no row, with the errors by position. */
export type CollectionResult =
  | { readonly state: 'written'; readonly ids: readonly string[] }
  | { readonly state: 'refused'; readonly errors: readonly (readonly ApiError[])[] }

/**
 * The results of a collection of `count` records that were to be written all or none, in the order of the request.
 * undefined when they are not what was asked for: too few, no ids, or some written and others not.
 */
export function readCollection(
  json: Json | undefined,
  count: number,
): CollectionResult | undefined {
  if (!Array.isArray(json) || json.length !== count) return undefined
  const items: readonly unknown[] = json
  const results = items.filter(isJsonObject)
  if (results.length !== count) return undefined
  if (results.every(isWritten)) return { state: 'written', ids: results.map(({ id }) => id) }
  if (!results.every(({ success }) => success === false)) return undefined
  return { state: 'refused', errors: results.map(({ errors }) => readErrors(errors)) }
}

function isWritten(result: JsonObject): result is JsonObject & { id: string } {
  const { success, id } = result
  return success === true && typeof id === 'string' && isRecordId(id)
}

/** Do the two ids name the same record? The first 15 characters tell. */
export function isSameRecord(a: string, b: string): boolean {
  return a.slice(0, 15) === b.slice(0, 15)
}

/**
 * Records read by their ids, in the order of the ids; null for one that is not there (any more).
 * undefined when the answer is not that.
 */
export function readRecords(
  json: Json | undefined,
  ids: readonly string[],
): (JsonObject | null)[] | undefined {
  if (!Array.isArray(json) || json.length !== ids.length) return undefined
  const items: readonly Json[] = json
  const fits = items.every((item, i) => {
    if (item === null) return true
    if (!isJsonObject(item) || isJsonNumber(item)) return false
    const id = item['Id']
    return typeof id === 'string' && isSameRecord(id, ids[i] ?? '')
  })
  return fits ? items.map((item) => isJsonObject(item) ? item : null) : undefined
}
