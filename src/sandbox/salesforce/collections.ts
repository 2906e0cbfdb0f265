// Room sandbox: many records at a time: /composite/sobjects. A well-formed request answers 200 with one result per
// record, in their order; with allOrNone one bad record takes the others back.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm

import { isArray, isObject, type Json, type JsonObject } from '../json.ts'
import { type Api, type Call, flagOf, methodNotAllowed, readObject } from './call.ts'
import { type Reply, reply } from './call.ts'
import { apiError, failure, rolledBack, rowErrors } from './errors.ts'
import type { Field } from './field.ts'
import { readId } from './ids.ts'
import { findSobject, type Sobject } from './objects/schema.ts'
import { livingRow } from './org.ts'
import { externalField, fieldsNamed } from './records.ts'
import { deleteRecord } from './remove.ts'
import { renderRow } from './render.ts'
import { insertRecord, refusal, type Saved, updateRecord } from './save.ts'

export const collectionRowsMax = 200
export const retrieveRowsMax = 2000
const chunksMax = 10

/** /composite/sobjects: POST creates, PATCH updates, DELETE?ids= deletes. */
export function collectionResource(api: Api, call: Call): Reply {
  switch (call.method) {
    case 'POST':
      return writeEach(api, call, (record) => insertOne(api, record))
    case 'PATCH':
      return writeEach(api, call, (record) => updateOne(api, record))
    case 'DELETE':
      return deleteEach(api, call)
    default:
      throw methodNotAllowed(call.method, 'DELETE,PATCH,POST')
  }
}

/** /composite/sobjects/X: GET?ids=&fields= and POST {ids, fields} retrieve; null stands for what is not there. */
export function retrieveResource({ org }: Api, call: Call, object: Sobject): Reply {
  const { ids, fields } = retrieval(call)
  if (ids.length > retrieveRowsMax) throw tooMany(retrieveRowsMax)
  const shown = fieldsNamed(object, fields)
  return reply(
    200,
    ids.map((given) => {
      const row = livingRow(org, object, readId(given) ?? '')
      return row === undefined ? null : renderRow(row, shown, call.base)
    }),
  )
}

function retrieval(call: Call): { ids: string[]; fields: string[] } {
  switch (call.method) {
    case 'GET':
      return { ids: listed(call, 'ids'), fields: listed(call, 'fields') }
    case 'POST': {
      const body = readObject(call)
      return { ids: texts(body, 'ids'), fields: texts(body, 'fields') }
    }
    default:
      throw methodNotAllowed(call.method, 'GET,HEAD,POST')
  }
}

/** /composite/sobjects/X/ExternalIdField: PATCH upserts. */
export function upsertResource(
  api: Api,
  call: Call,
  { object, fieldName }: { object: Sobject; fieldName: string },
): Reply {
  if (call.method !== 'PATCH') throw methodNotAllowed(call.method, 'PATCH')
  const byId = fieldName.toLowerCase() === 'id'
  const field = byId ? null : externalField(object, fieldName)
  const repeated = field === null ? new Set<string>() : repeatedValues(call, field)
  return writeEach(api, call, (record) => upsertOne(api, record, { object, field, repeated }), {
    upsert: true,
  })
}

/** Writes the records of a body, one after the other, and answers one result for each. */
function writeEach(
  api: Api,
  call: Call,
  write: (record: JsonObject) => Saved,
  { upsert }: { upsert: boolean } = { upsert: false },
): Reply {
  const body = readObject(call)
  const records = recordsOf(body)
  checkChunks(records)
  const mark = api.org.mark()
  const saved = records.map((record) =>
    isObject(record)
      ? write(record)
      : refusal(apiError('JSON_PARSER_ERROR', 'Cannot deserialize instance of SObject'))
  )
  return settled(api, saved, { mark, allOrNone: flagOf(body, 'allOrNone'), upsert })
}

function deleteEach(api: Api, call: Call): Reply {
  const ids = listed(call, 'ids')
  if (ids.length === 0) throw failure('MISSING_ARGUMENT', 'The ids parameter is required')
  if (ids.length > collectionRowsMax) throw tooMany(collectionRowsMax)
  const allOrNone = call.query.get('allOrNone') === 'true'
  const mark = api.org.mark()
  const saved = ids.map((id) => deleteRecord(api.writer(), id))
  return settled(api, saved, { mark, allOrNone, upsert: false })
}

/** With allOrNone, takes everything back when one record failed. */
function settled(
  { org }: Api,
  saved: readonly Saved[],
  { mark, allOrNone, upsert }: { mark: number; allOrNone: boolean; upsert: boolean },
): Reply {
  const failed = allOrNone && saved.some(({ ok }) => !ok)
  if (failed) org.rollback(mark)
  const results = saved.map((one): Json => {
    if (!one.ok) return failedRow(one, upsert)
    if (failed) {
      const id = one.created ? {} : { id: one.id }
      return failedRow({ ok: false, errors: [rolledBack], ...id }, upsert)
    }
    return { id: one.id, success: true, errors: [], ...(upsert ? { created: one.created } : {}) }
  })
  return reply(200, results)
}

function failedRow({ errors, id }: Saved & { ok: false }, upsert: boolean): Json {
  return {
    ...(id === undefined ? {} : { id }),
    success: false,
    errors: rowErrors(errors),
    ...(upsert ? { created: false } : {}),
  }
}

function recordsOf(body: JsonObject): readonly Json[] {
  const records = body['records']
  if (!isArray(records) || records.length === 0) {
    throw failure('REQUIRED_FIELD_MISSING', 'At least 1 record is required')
  }
  if (records.length > collectionRowsMax) throw tooMany(collectionRowsMax)
  return records
}

/** Records of one type in a row are a chunk. */
function checkChunks(records: readonly Json[]): void {
  const types = records.map((record) => typeOf(record) ?? '')
  const chunks = types.filter((type, index) => index === 0 || type !== types[index - 1]).length
  if (chunks <= chunksMax) return
  const message = `Cannot have more than ${chunksMax} chunks in a single operation. Please ` +
    'rearrange the data to reduce chunking.'
  throw failure('LIMIT_EXCEEDED', message)
}

function tooMany(rowsMax: number): Error {
  const message = `record limit reached. cannot submit more than ${rowsMax} records into this call`
  return failure('EXCEEDED_ID_LIMIT', message)
}

function typeOf(record: Json): string | null {
  const attributes = isObject(record) ? record['attributes'] : undefined
  const type = isObject(attributes) ? attributes['type'] : undefined
  return typeof type === 'string' ? type : null
}

/** The object that a record says it is of, or why it is of none. */
function objectOf(record: JsonObject): Sobject | Saved {
  const type = typeOf(record)
  if (type === null) {
    const message =
      'Nested object for polymorphic foreign key must have an attributes field before any other fields.'
    return refusal(apiError('JSON_PARSER_ERROR', message))
  }
  return findSobject(type) ?? refusal(apiError(
    'INVALID_TYPE',
    `sObject type '${type}' is not supported. If you are attempting to use a custom object, be ` +
      "sure to append the '__c' after the entity name. Please reference your WSDL or the describe " +
      'call for the appropriate names.',
  ))
}

/** The id in a record, whatever the case of its name, and the record without it. */
function split(record: JsonObject): { id: Json; rest: JsonObject } {
  const name = Object.keys(record).find((each) => each.toLowerCase() === 'id')
  if (name === undefined) return { id: null, rest: record }
  const { [name]: id = null, ...rest } = record
  return { id, rest }
}

function insertOne(api: Api, record: JsonObject): Saved {
  const object = objectOf(record)
  if ('ok' in object) return object
  const { id, rest } = split(record)
  if (id !== null) {
    const message = 'cannot specify Id in an insert call'
    return refusal(apiError('INVALID_FIELD_FOR_INSERT_UPDATE', message, { fields: ['Id'] }))
  }
  return insertRecord(api.writer(), object, rest)
}

function updateOne(api: Api, record: JsonObject): Saved {
  const object = objectOf(record)
  if ('ok' in object) return object
  const { id, rest } = split(record)
  if (typeof id !== 'string') {
    return refusal(apiError('MISSING_ARGUMENT', 'Id not specified in an update call'))
  }
  return updateRecord(api.writer(), object, { id, input: rest })
}

function upsertOne(
  api: Api,
  record: JsonObject,
  { object, field, repeated }: {
    object: Sobject
    field: Field | null
    repeated: ReadonlySet<string>
  },
): Saved {
  const stated = objectOf(record)
  if ('ok' in stated) return stated
  const { id, rest } = split(record)
  if (field === null) {
    return id === null ? insertOne(api, record) : updateOne(api, record)
  }
  const value = memberOf(record, field.name)
  if (stated !== object || id !== null || typeof value !== 'string' || value === '') {
    const message = `${field.name} not specified`
    return refusal(apiError('MISSING_ARGUMENT', message, { fields: [field.name] }))
  }
  if (repeated.has(value.toLowerCase())) {
    const message = `Duplicate external id specified: ${value}`
    return refusal(apiError('DUPLICATE_VALUE', message, { fields: [field.name] }))
  }
  const holder = api.org.holderOf(object, field.name, value)
  return holder === undefined
    ? insertRecord(api.writer(), object, rest)
    : updateRecord(api.writer(), object, { id: holder.id, input: rest })
}

/** The external ids that stand in more than one record of the request. */
function repeatedValues(call: Call, field: Field): Set<string> {
  const values = recordsOf(readObject(call)).flatMap((record) => {
    const value = isObject(record) ? memberOf(record, field.name) : null
    return typeof value === 'string' ? [value.toLowerCase()] : []
  })
  return new Set(values.filter((value, index) => values.indexOf(value) !== index))
}

function memberOf(record: JsonObject, name: string): Json {
  const own = Object.keys(record).find((each) => each.toLowerCase() === name.toLowerCase())
  return own === undefined ? null : record[own] ?? null
}

function listed(call: Call, name: string): string[] {
  return (call.query.get(name) ?? '').split(',').map((one) => one.trim()).filter(Boolean)
}

function texts(body: JsonObject, name: string): string[] {
  const list = body[name]
  if (isArray(list) && list.length > 0 && list.every((one) => typeof one === 'string')) {
    return list.map(String)
  }
  throw failure('JSON_PARSER_ERROR', `Missing required list of strings: ${name}`)
}
