// Room platforms: the one HTTP request that carries a mutation out.
// Sources: REST API Developer Guide, "Send Multiple Requests Using Composite" (collections are allowed in it since 43.0,
// at most five), "allOrNone Parameters in Composite and Collections Requests", "Create / Update / Delete Multiple Records
// with Fewer Round-Trips", "Upsert Records Using sObject Collections" (at most 200), "Get Records with sObject Collections" (POST).

import { fault } from '../../mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../../mutation/table.ts'
import type { Json, JsonObject } from '../json.ts'
import { writeJson } from '../json.ts'
import { type ApiRequest, apiRoot } from './client.ts'
import { toPlatform } from './values.ts'
import { keyOf } from '../words.ts'

/** Reference ids of the two parts of a composite request. */
export const parts = { write: 'write', read: 'read' } as const

export interface WriteRequest {
  readonly request: ApiRequest
  /** Is the answer that of a composite request, with the records read back, or that of the collection alone? */
  readonly composite: boolean
}

/** @throws Fault when a row cannot be put into words of the API; nothing was sent. */
export function writeRequest(mutation: Mutation, table: SyncedTable): WriteRequest {
  const { operation, rows } = mutation
  const ids = rows.map((row) => operation === 'insert' ? '' : idOf(row, table))
  if (operation === 'delete') {
    return { request: { method: 'DELETE', path: deletePath(ids) }, composite: false }
  }
  const method = methodOf(mutation)
  const path = writePath(mutation, table)
  const records = rows.map((row) => recordOf(row, { mutation, table }))
  const collection: JsonObject = { allOrNone: true, records }
  // In a composite body `@{` begins a reference to another part and cannot be escaped, so a value that holds it is
  // written without; the records are then read in a request of their own.
  if (records.some(mentionsReference)) {
    const body = writeJson(collection)
    return { request: { method, path, body }, composite: false }
  }
  const known = operation === 'insert' ? rows.map((_, i) => `@{${parts.write}[${i}].id}`) : ids
  const read = readRequest(known, table)
  return { request: compositeRequest({ method, path, collection, read }), composite: true }
}

/** Reads records by their ids, at most 2000. Safe to repeat. */
export function readRequest(ids: readonly string[], table: SyncedTable): ApiRequest {
  const fields = table.columns.map(({ field }) => field)
  return {
    method: 'POST',
    path: `${apiRoot}/composite/sobjects/${table.object}`,
    body: writeJson({ ids, fields }),
  }
}

/**
 * The composite itself is not all-or-none: a failure to read back must not undo the write. The collection in it is, by
 * its own flag. Not collated: the read must come after the write.
 */
function compositeRequest(
  { method, path, collection, read }: {
    method: string
    path: string
    collection: JsonObject
    read: ApiRequest
  },
): ApiRequest {
  const write = writeJson({
    method,
    url: path,
    referenceId: parts.write,
    body: collection,
  })
  const head = { method: read.method, url: read.path, referenceId: parts.read }
  const back = `${writeJson(head).slice(0, -1)},"body":${read.body}}`
  const body =
    `{"allOrNone":false,"collateSubrequests":false,"compositeRequest":[${write},${back}]}`
  return { method: 'POST', path: `${apiRoot}/composite`, body }
}

/** Of a create, update or upsert. */
export function methodOf({ operation, upsertBy }: Mutation): 'POST' | 'PATCH' {
  return operation === 'insert' && upsertBy === undefined ? 'POST' : 'PATCH'
}

/** Where the collection goes. An upsert names the object and the external id that it goes by. */
export function writePath({ upsertBy }: Mutation, table: SyncedTable): string {
  const path = `${apiRoot}/composite/sobjects`
  return upsertBy === undefined ? path : `${path}/${table.object}/${fieldOf(upsertBy, table)}`
}

/** All of them or none. */
export function deletePath(ids: readonly string[]): string {
  return `${apiRoot}/composite/sobjects?ids=${ids.join(',')}&allOrNone=true`
}

function idOf(row: PlannedRow, table: SyncedTable): string {
  if (row.id !== null && isRecordId(row.id)) return row.id
  throw fault('value_not_of_type', {
    ...placeAt(row, table),
    column: 'id',
    detail: `${keyOf('id', row.id)} is not a Salesforce id.`,
  })
}

/** 15 characters that tell case, or the same with 3 more that do not need it. */
export function isRecordId(text: string): boolean {
  return /^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$/.test(text)
}

function recordOf(
  row: PlannedRow,
  { mutation, table }: { mutation: Mutation; table: SyncedTable },
): JsonObject {
  const insert = mutation.operation === 'insert'
  const fields: Record<string, Json> = { attributes: { type: table.object } }
  if (!insert) fields['id'] = row.id
  for (const [name, text] of Object.entries(row.values)) {
    const value = valueOf(row, { name, text, insert, table })
    // null clears a field in an update or upsert; in an insert it would only stand in the way of a default
    if (!insert || mutation.upsertBy !== undefined || value !== null) {
      fields[fieldOf(name, table)] = value
    }
  }
  return fields
}

function fieldOf(name: string, table: SyncedTable): string {
  return findColumn(table, name)?.field ?? name
}

function valueOf(
  row: PlannedRow,
  { name, text, insert, table }: {
    name: string
    text: string | null
    insert: boolean
    table: SyncedTable
  },
): Json {
  const column = findColumn(table, name)
  const place = { ...placeAt(row, table), column: name }
  if (column === undefined) {
    throw fault('column_unknown', { ...place, detail: `Column "${name}" has no field behind it.` })
  }
  if (insert ? !column.insertable : !column.updatable) {
    throw fault('column_read_only', {
      ...place,
      detail: `Salesforce does not let ${insert ? 'an INSERT' : 'an UPDATE'} set "${name}".`,
    })
  }
  return toPlatform(text, column)
}

/** Schema, table and row of a fault that is ours. */
export function placeAt(row: PlannedRow, table: SyncedTable) {
  return {
    platform: 'salesforce',
    schema: table.schema,
    table: table.name,
    row: row.ordinal,
  } as const
}

/** Does a value hold what a composite body would take for a reference? */
export function mentionsReference(record: Readonly<Record<string, unknown>>): boolean {
  return Object.values(record).some((value) => typeof value === 'string' && value.includes('@{'))
}
