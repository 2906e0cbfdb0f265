// Room sandbox: writing records. A request is carried out whole or not at all.
// https://airtable.com/developers/web/api/create-records and its neighbours

import { isArray, isObject, type Json, type JsonObject, scalarText, writeJson } from '../json.ts'
import type { Row } from './base.ts'
import { type Call, readBody, type Reply, reply } from './call.ts'
import { readCell } from './cells.ts'
import { failure, invalidRequest, noRow, notFound, unknownField } from './errors.ts'
import { findField, isComputed, type Table } from './field.ts'
import { renderRow } from './render.ts'

const rowsMax = 10
const mergeFieldsMax = 3
const settings = ['typecast', 'returnFieldsByFieldId']

interface Input {
  readonly id: string | null
  readonly fields: JsonObject
}

/** POST of one record or of up to ten. */
export function createRecords(call: Call, table: Table): Reply {
  const body = readBody(call, ['fields', 'records', ...settings])
  const show = shower(call, body)
  if (body['records'] === undefined) return reply(200, show(insert(call, table, fieldsOf(body))))
  const inputs = readInputs(body['records'], 'fields')
  return reply(200, { records: inputs.map(({ fields }) => show(insert(call, table, fields))) })
}

/** PATCH and PUT of up to ten records; with `performUpsert` also of such that are not there yet. */
export function updateRecords(call: Call, table: Table): Reply {
  const body = readBody(call, ['records', 'performUpsert', ...settings])
  const show = shower(call, body)
  if (body['performUpsert'] !== undefined) return upsert(call, table, body)
  const inputs = readInputs(body['records'], 'id')
  const ids = inputs.map(({ id }) => id)
  if (new Set(ids).size < ids.length) {
    const message = 'You cannot update the same record multiple times in a single request.'
    throw failure('INVALID_RECORDS', message)
  }
  const rows = inputs.map(({ id, fields }) => ({ row: rowNamed(call, table, id ?? ''), fields }))
  return reply(200, { records: rows.map(({ row, fields }) => show(change(call, row, fields))) })
}

/** PATCH and PUT of the record in the path. */
export function updateRecord(call: Call, table: Table, id: string): Reply {
  const body = readBody(call, ['fields', ...settings])
  const row = call.base.get(table, id)
  if (row === undefined) throw notFound()
  return reply(200, shower(call, body)(change(call, row, fieldsOf(body))))
}

/** DELETE of the records in the query. */
export function deleteRecords(call: Call, table: Table): Reply {
  const ids = [...call.query.getAll('records[]'), ...call.query.getAll('records')]
  if (ids.length === 0 || ids.length > rowsMax) {
    const message = `You must provide an array of up to ${rowsMax} record IDs.`
    throw failure('INVALID_RECORDS', message)
  }
  const rows = [...new Set(ids)].map((id) => rowNamed(call, table, id))
  for (const row of rows) removeNow(call, table, row.id)
  return reply(200, { records: rows.map(({ id }) => ({ id, deleted: true })) })
}

/** DELETE of the record in the path. */
export function deleteRecord(call: Call, table: Table, id: string): Reply {
  if (call.base.get(table, id) === undefined) throw notFound()
  removeNow(call, table, id)
  return reply(200, { id, deleted: true })
}

function removeNow({ base, nowMs }: Call, table: Table, id: string): void {
  const row = base.get(table, id) // as it is now: removing another row may have changed its links
  if (row !== undefined) base.remove(row, nowMs)
}

function rowNamed({ base }: Call, table: Table, id: string): Row {
  const row = base.get(table, id)
  if (row === undefined) throw noRow(id)
  return row
}

/** Renders a row as it is once everything is written. */
function shower({ base, query }: Call, body: JsonObject): (row: Row) => JsonObject {
  const byId = body['returnFieldsByFieldId'] === true ||
    query.get('returnFieldsByFieldId') === 'true'
  return (row) => renderRow(base, base.get(row.table, row.id) ?? row, { byId, fields: null })
}

function fieldsOf(object: JsonObject): JsonObject {
  const fields = object['fields']
  if (fields === undefined) {
    const message = 'Could not find field "fields" in the request body'
    throw failure('INVALID_REQUEST_MISSING_FIELDS', message)
  }
  if (!isObject(fields)) throw invalidRequest()
  return fields
}

/** Up to ten records. `needs`: what each must have. */
function readInputs(records: Json | undefined, needs: 'id' | 'fields'): readonly Input[] {
  const each = needs === 'id' ? "an 'id' ID field and a 'fields' object" : "a 'fields' object"
  const message =
    `You must provide an array of up to ${rowsMax} record objects, each with ${each} ` +
    'for cell values.'
  if (!isArray(records) || records.length === 0 || records.length > rowsMax) {
    throw failure('INVALID_RECORDS', message)
  }
  return records.map((record) => {
    const fields = isObject(record) ? record['fields'] : undefined
    const id = isObject(record) ? scalarText(record['id']) : null
    if (!isObject(record) || !isObject(fields) || (needs === 'id' && id === null)) {
      throw failure('INVALID_RECORDS', message)
    }
    if (!Object.keys(record).every((name) => name === 'id' || name === 'fields')) {
      throw invalidRequest()
    }
    return { id, fields }
  })
}

function insert(call: Call, table: Table, fields: JsonObject): Row {
  const row = written(call, call.base.newRow(table, call.nowMs), fields)
  call.base.put(row)
  return row
}

/** PATCH keeps the cells that are not given, PUT empties them. */
function change(call: Call, row: Row, fields: JsonObject): Row {
  const now = call.base.get(row.table, row.id) ?? row
  const start = call.method === 'PUT' ? { ...now, cells: new Map<string, Json>() } : now
  const after = written(call, start, fields)
  call.base.put(after)
  return after
}

function written({ base, nowMs }: Call, row: Row, fields: JsonObject): Row {
  const cells = new Map(row.cells)
  for (const name of Object.keys(fields)) {
    const field = findField(row.table, name)
    if (field === undefined) throw unknownField(name)
    const cell = readCell(field, fields[name] ?? null, { base, before: row.cells.get(field.id) })
    if (cell === null) cells.delete(field.id)
    else cells.set(field.id, cell)
  }
  const isEmpty = cells.size === 0 && row.modifiedAtMs === null
  return { ...row, cells, modifiedAtMs: isEmpty ? null : nowMs }
}

function upsert(call: Call, table: Table, body: JsonObject): Reply {
  const names = readMergeFields(body, table)
  const inputs = readInputs(body['records'], 'fields')
  const show = shower(call, body)
  const created: string[] = []
  const updated: string[] = []
  const rows = inputs.map(({ id, fields }) => {
    const found = id === null ? match(call, table, { names, fields }) : rowNamed(call, table, id)
    const row = found === null ? insert(call, table, fields) : change(call, found, fields)
    const ids = found === null ? created : updated
    ids.push(row.id)
    return row
  })
  return reply(200, {
    records: rows.map(show),
    createdRecords: created,
    updatedRecords: updated,
  })
}

function readMergeFields(body: JsonObject, table: Table): readonly string[] {
  const options = body['performUpsert']
  const names = isObject(options) ? options['fieldsToMergeOn'] : undefined
  if (!isArray(names) || names.length === 0 || names.length > mergeFieldsMax) {
    throw invalidRequest()
  }
  return names.map((json) => {
    const name = scalarText(json) ?? ''
    const field = findField(table, name)
    if (field === undefined) throw unknownField(name)
    if (isComputed(field)) throw invalidRequest(`Cannot merge on the computed field ${field.name}`)
    return field.id
  })
}

/** The row with the same values in the fields; null for none. Throws for several. */
function match(
  { base }: Call,
  table: Table,
  { names, fields }: { names: readonly string[]; fields: JsonObject },
): Row | null {
  const wanted = names.map((id) => {
    const given = Object.keys(fields).find((name) => findField(table, name)?.id === id)
    const value = given === undefined ? undefined : fields[given]
    if (value === undefined) throw invalidRequest('A record has no value to merge on')
    return { id, text: writeJson(value) }
  })
  const found = [...base.rows(table)].filter((row) =>
    wanted.every(({ id, text }) => writeJson(row.cells.get(id) ?? null) === text)
  )
  if (found.length > 1) {
    const message = 'Cannot upsert: more than one record matches the values to merge on'
    throw failure('INVALID_REQUEST_UNKNOWN', message)
  }
  return found[0] ?? null
}
