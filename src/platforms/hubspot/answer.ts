// Room platforms: reading what HubSpot answers. Nothing is believed that does not have the documented shape.

import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Values } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Log } from '../../lib/log.ts'
import { own } from '../own.ts'
import { isOwn } from './columns.ts'
import { fromPlatform } from './values.ts'

/** A record as the API writes it. */
export interface ApiRecord {
  readonly id: string
  readonly properties: JsonObject
  /** The whole of it: createdAt, updatedAt, objectWriteTraceId. */
  readonly json: JsonObject
}

/** One record; undefined when it is not one. */
export function readRecord(json: Json | undefined): ApiRecord | undefined {
  if (!isJsonObject(json)) return undefined
  const { id, properties } = json
  if (typeof id !== 'string' || id === '' || !isJsonObject(properties)) return undefined
  return { id, properties, json }
}

/** What a batch answers: records written or read, and errors, each a body as `readErrors` reads it. */
export interface BatchAnswer {
  readonly records: readonly ApiRecord[]
  readonly errors: readonly JsonObject[]
}

/** The answer of a batch; undefined when it is not one. A result that is no record is passed over. */
export function readBatch(json: Json | undefined): BatchAnswer | undefined {
  if (!isJsonObject(json) || !Array.isArray(json['results'])) return undefined
  const results: readonly Json[] = json['results']
  const errors: readonly unknown[] = Array.isArray(json['errors']) ? json['errors'] : []
  return {
    records: results.map(readRecord).filter((record) => record !== undefined),
    errors: errors.filter(isJsonObject),
  }
}

/** Every column of the table that the record holds; null for a property that has no value. */
export function valuesOf(
  { id, properties, json }: ApiRecord,
  { columns }: SyncedTable,
  log: Log,
): Values {
  const values = columns.flatMap((column) => {
    const value = own(isOwn(column) ? json : properties, column.field)
    return value === undefined ? [] : [[column.name, fromPlatform(value, column, log)] as const]
  })
  return { ...Object.fromEntries(values), id }
}
