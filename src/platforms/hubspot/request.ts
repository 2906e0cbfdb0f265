// Room platforms: the one HTTP request that carries a mutation out.
// Sources: CRM API guide, Objects: create, batch create, update, upsert and archive, at most 100 inputs; Error handling,
// Multi-status errors: a batch create answers row by row when every input has an objectWriteTraceId of its own.

import { Fault, fault, type FaultFields } from '../../mutation/fault.ts'
import { rowLimits, upsertLimits } from '../../mutation/limits.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import type { Caller } from '../platform.ts'
import type { PlannedRequest } from '../rates.ts'
import { keyOf } from '../words.ts'
import type { Sdk } from './client.ts'
import { placeOf } from './faults.ts'
import { objectPath, objectType } from './objects.ts'
import { rates } from './rates.ts'
import { readSettings } from './settings.ts'
import { toPlatform } from './values.ts'

/** Names of properties → values, as they are sent. */
export type Properties = Readonly<Record<string, string>>

export type WriteRequest =
  | { readonly kind: 'create'; readonly properties: Properties }
  | { readonly kind: 'batchCreate'; readonly inputs: ReadonlyMap<number, Properties> }
  | {
    readonly kind: 'batchUpsert'
    readonly property: string
    readonly inputs: ReadonlyMap<number, UpsertInput>
  }
  | { readonly kind: 'batchUpdate'; readonly inputs: ReadonlyMap<string, Properties> }
  | { readonly kind: 'archive'; readonly ids: readonly string[] }

/** A record that is found by the value of the property, or made with it. */
export interface UpsertInput {
  readonly key: string
  readonly properties: Properties
}

/** The most inputs of a batch. */
export const batchRowsMax = 100

/** Rows per statement: those of the catalogue, except that a connection can allow batch inserts. */
export function rowsMaxOf(
  { operation, upsertBy }: Pick<Mutation, 'operation' | 'upsertBy'>,
  settings: Caller['settings'],
): number {
  if (upsertBy !== undefined) return upsertLimits.hubspot ?? 0
  const batch = operation === 'insert' && readSettings(settings).batchInsert
  return batch ? batchRowsMax : rowLimits.hubspot[operation]
}

/** @throws Fault when a row cannot be put into words of the API; nothing was sent. */
export function writeRequest(
  mutation: Mutation,
  table: SyncedTable,
  settings: Caller['settings'],
): WriteRequest {
  const { operation, rows } = mutation
  const max = rowsMaxOf(mutation, settings)
  if (rows.length > max) {
    const detail = `The statement has ${rows.length} rows; HubSpot takes ${max}.`
    const hint = operation === 'insert' && max === 1
      ? { hint: 'The setting "batchInsert" of the connection allows 100 rows, not all or none.' }
      : {}
    throw fault('too_many_rows', { ...placeOf(table), detail, ...hint })
  }
  if (mutation.upsertBy !== undefined) return upsertRequest(mutation, table, mutation.upsertBy)
  switch (operation) {
    case 'insert': {
      const inputs = new Map(rows.map((row) => [row.ordinal, propertiesFor(row, mutation, table)]))
      const [only, ...others] = inputs.values()
      if (only !== undefined && others.length === 0) return { kind: 'create', properties: only }
      return { kind: 'batchCreate', inputs }
    }
    case 'update':
      return {
        kind: 'batchUpdate',
        inputs: new Map(
          rows.map((row) => [idOf(row, table), propertiesFor(row, mutation, table)]),
        ),
      }
    case 'delete':
      return { kind: 'archive', ids: rows.map((row) => idOf(row, table)) }
  }
}

function upsertRequest(mutation: Mutation, table: SyncedTable, by: string): WriteRequest {
  const property = findColumn(table, by)?.field ?? by
  const inputs = new Map(mutation.rows.map((row) => {
    // HubSpot makes a new record with the key and leaves it alone in one that it finds
    const { [property]: key = '', ...properties } = propertiesFor(row, mutation, table)
    return [row.ordinal, { key, properties }] as const
  }))
  const seen = new Set<string>()
  for (const [row, { key }] of inputs) {
    const plain = key.toLowerCase()
    if (seen.has(plain)) {
      const detail = `${keyOf(by, key)} stands in two rows; HubSpot does not tell cases apart.`
      throw fault('duplicate', { ...placeOf(table), row, column: by, detail })
    }
    seen.add(plain)
  }
  return { kind: 'batchUpsert', property, inputs }
}

/** Has the SDK send it. */
export async function send(request: WriteRequest, sdk: Sdk, object: string): Promise<unknown> {
  const type = objectType(object)
  switch (request.kind) {
    case 'create':
      return await sdk.basic.create(type, { properties: { ...request.properties } })
    case 'batchCreate': {
      const inputs = [...request.inputs].map(([ordinal, properties]) => ({
        properties: { ...properties },
        objectWriteTraceId: String(ordinal),
      }))
      return await sdk.batch.create(type, { inputs })
    }
    case 'batchUpsert': {
      const inputs = [...request.inputs].map(([ordinal, { key, properties }]) => ({
        id: key,
        idProperty: request.property,
        properties: { ...properties },
        objectWriteTraceId: String(ordinal),
      }))
      return await sdk.batch.upsert(type, { inputs })
    }
    case 'batchUpdate': {
      const inputs = [...request.inputs].map(([id, properties]) => ({
        id,
        properties: { ...properties },
      }))
      return await sdk.batch.update(type, { inputs })
    }
    case 'archive':
      return await sdk.batch.archive(type, { inputs: request.ids.map((id) => ({ id })) })
  }
}

/** The write requests of a mutation: one. */
export function requests(
  mutation: Mutation,
  table: SyncedTable,
  at: Pick<Caller, 'baseUrl' | 'settings'>,
): PlannedRequest[] {
  const { rows } = mutation
  if (rows.length === 0) return []
  const path = objectPath(table.object) + endingOf(mutation)
  const charges = rates.charges({ method: 'POST', url: at.baseUrl + path }, at)
  return [{ method: 'POST', path, rows: rows.length, charges }]
}

function endingOf({ operation, upsertBy, rows }: Mutation): string {
  switch (operation) {
    case 'insert':
      if (upsertBy !== undefined) return '/batch/upsert'
      return rows.length === 1 ? '' : '/batch/create'
    case 'update':
      return '/batch/update'
    case 'delete':
      return '/batch/archive'
  }
}

function idOf(row: PlannedRow, table: SyncedTable): string {
  if (row.id !== null && /^\d{1,20}$/.test(row.id)) return row.id
  throw fault('value_not_of_type', {
    ...placeOf(table),
    row: row.ordinal,
    column: 'id',
    detail: `${keyOf('id', row.id)} is not a HubSpot id.`,
  })
}

function propertiesFor(
  row: PlannedRow,
  { operation, upsertBy }: Mutation,
  table: SyncedTable,
): Properties {
  const insert = operation === 'insert'
  const properties: Record<string, string> = {}
  for (const [name, text] of Object.entries(row.values)) {
    const place = { ...placeOf(table), row: row.ordinal, column: name }
    const column = findColumn(table, name)
    if (column === undefined) {
      const detail = `Column "${name}" has no property behind it.`
      throw fault('column_unknown', { ...place, detail })
    }
    if (insert ? !column.insertable : !column.updatable) {
      const detail = `HubSpot does not let ${insert ? 'an INSERT' : 'an UPDATE'} set "${name}".`
      throw fault('column_read_only', { ...place, detail })
    }
    // an empty value clears a property in an update or upsert; in an insert it would only stand in the way of a default
    if (insert && upsertBy === undefined && text === null) continue
    properties[column.field] = placed(place, () => toPlatform(text, column))
  }
  return properties
}

function placed<T>(place: FaultFields, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof Fault ? new Fault({ ...error.data, ...place }, { cause: error }) : error
  }
}
