// Room platforms: reading the objects that Stripe answers. Nothing is believed that is not the object asked for.

import type { Log } from '../../lib/log.ts'
import type { Values } from '../../mutation/mutation.ts'
import type { Column, SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { StripeObject } from './object.ts'
import { own } from '../own.ts'
import { fromPlatform } from './values.ts'

export type StripeRecord = JsonObject & { readonly id: string }

/** Is it an object of this kind, with its id? */
export function isRecord(json: Json | undefined, { kind }: StripeObject): json is StripeRecord {
  return isJsonObject(json) && json['object'] === kind && typeof json['id'] === 'string' &&
    json['id'] !== ''
}

/** Does the record say that it is deleted, or canceled where DELETE cancels? */
export function isGoneRecord(record: StripeRecord, { canceled }: StripeObject): boolean {
  const status = record['status']
  return record['deleted'] === true ||
    (canceled !== undefined && typeof status === 'string' && canceled.includes(status))
}

interface Described {
  readonly table: SyncedTable
  readonly object: StripeObject
}

/** Every column of the table; Stripe answers whole objects, so that a field that is absent is null. */
export function valuesOf(
  record: StripeRecord,
  { table, object }: Described,
  log: Log,
): Values {
  const values = table.columns.map((column) =>
    [column.name, fromPlatform(fieldOf(record, column, object), column, log)] as const
  )
  return Object.fromEntries(values)
}

function fieldOf(record: StripeRecord, { field }: Column, { found }: StripeObject): Json {
  const path = own(found ?? {}, field)
  if (path === undefined) return own<Json | undefined>(record, field) ?? null
  let value: Json = record
  for (const name of path.split('.')) value = isJsonObject(value) ? own(value, name) ?? null : null
  return value
}
