// Room sandbox: one record at a time, and the list of a type's records.
// https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide

import type { JsonObject } from '../json.ts'
import { type Call, countOf, noContent, queryTexts, readBody, type Reply, reply } from './call.ts'
import { ApiFailure, failure, invalid, notFound } from './errors.ts'
import type { ObjectType } from './objects/definition.ts'
import { altered, livingRow, type Row } from './portal.ts'
import { renderRow, renderWritten, shownNames } from './render.ts'
import { createRecord, readProperties, type Saved, updateRecord } from './save.ts'

const pageRowsMax = 100
const pageRowsDefault = 10

/** GET and POST /crm/v3/objects/{type} */
export function collection(call: Call, type: ObjectType): Reply {
  if (call.method === 'GET') return list(call, type)
  if (call.method !== 'POST') throw methodNotAllowed(call)
  const row = savedRow(createRecord(call.writer, type, readProperties(readBody(call))))
  const location = `${call.baseUrl}/crm/v3/objects/${type.name}/${row.row.id}`
  return reply(201, row.body, { location })
}

/** GET, PATCH and DELETE /crm/v3/objects/{type}/{id} */
export function record(call: Call, type: ObjectType, id: string): Reply {
  switch (call.method) {
    case 'GET': {
      const archived = call.query.get('archived') === 'true'
      const row = find(call, type, { id, archived })
      return reply(200, renderRow(row, shownNames(type, queryTexts(call.query, 'properties'))))
    }
    case 'PATCH': {
      const given = readProperties(readBody(call))
      const row = find(call, type, { id, archived: false })
      return reply(200, savedRow(updateRecord(call.writer, row, given)).body)
    }
    case 'DELETE':
      archive(call, type, id)
      return noContent
    default:
      throw methodNotAllowed(call)
  }
}

/** Archives a record. One that is not there is archived enough. */
export function archive({ writer }: Call, type: ObjectType, id: string): void {
  const row = livingRow(writer.portal, type, id)
  if (row === undefined) return
  writer.portal.put(altered(row, { archivedAtMs: writer.nowMs, updatedAtMs: writer.nowMs }))
}

/** The property by which an input names its record; null for the id. */
export function uniqueName(type: ObjectType, idProperty: string | null): string | null {
  if (idProperty === null || idProperty === 'hs_object_id') return null
  if (type.byName.get(idProperty)?.unique === true) return idProperty
  throw invalid(`Property ${idProperty} of ${type.code} does not have unique values`)
}

export function methodNotAllowed({ method }: Pick<Call, 'method'>): Error {
  return failure(`HTTP 405 Method Not Allowed: ${method}`, { status: 405 })
}

function find(
  { query, writer: { portal } }: Call,
  type: ObjectType,
  { id, archived }: { id: string; archived: boolean },
): Row {
  const name = uniqueName(type, query.get('idProperty'))
  const row = name === null ? portal.get(type, id) : portal.holderOf(type, name, id)
  if (row === undefined || (row.archivedAtMs !== null) !== archived) throw notFound(id)
  return row
}

function savedRow(saved: Saved): { row: Row; body: JsonObject } {
  if (!saved.ok) throw new ApiFailure(saved.error)
  return { row: saved.row, body: renderWritten(saved.row, saved.written) }
}

function list({ query, writer: { portal } }: Call, type: ObjectType): Reply {
  const limit = countOf(query.get('limit'), {
    name: 'limit',
    most: pageRowsMax,
    absent: pageRowsDefault,
  })
  const after = query.get('after') ?? ''
  const archived = query.get('archived') === 'true'
  const names = shownNames(type, queryTexts(query, 'properties'))
  const from = after === '' ? 0n : idOf(after)
  const rows = portal.table(type).list({ from, archived, limit: limit + 1 })
  const next = rows[limit]
  return reply(200, {
    results: rows.slice(0, limit).map((row) => renderRow(row, names)),
    ...(next === undefined ? {} : { paging: { next: { after: next.id } } }),
  })
}

/** A cursor is the id of the next record. */
function idOf(after: string): bigint {
  if (/^\d{1,20}$/.test(after)) return BigInt(after)
  throw invalid(`Invalid value for after: ${after}`)
}
