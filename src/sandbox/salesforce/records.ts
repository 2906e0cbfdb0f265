// Room sandbox: one record at a time: /sobjects/X, /sobjects/X/ID, /sobjects/X/ExternalIdField/value.

import type { Json, JsonObject } from '../json.ts'
import { type Api, type Call, failedReply, methodNotAllowed, noContent } from './call.ts'
import { readObject, type Reply, reply } from './call.ts'
import { objectSummary } from './describe.ts'
import { failure, malformedId, noSuchColumn, noSuchResource } from './errors.ts'
import { ApiFailure } from './errors.ts'
import type { Field } from './field.ts'
import { readId } from './ids.ts'
import { findField, type Sobject } from './objects/schema.ts'
import { livingRow, type Row } from './org.ts'
import { deleteRecord } from './remove.ts'
import { attributesOf, renderRow } from './render.ts'
import { insertRecord, type Saved, updateRecord } from './save.ts'

const recentRowsMax = 5

/** /sobjects/X: GET basic information, POST a record. */
export function objectResource(api: Api, call: Call, object: Sobject): Reply {
  switch (call.method) {
    case 'GET':
      return basicInformation(api, call, object)
    case 'POST': {
      const input = readObject(call)
      refuseMembers(input, ['Id'])
      return created(call, object, insertRecord(api.writer(), object, input))
    }
    default:
      throw methodNotAllowed(call.method, 'HEAD,GET,POST')
  }
}

function basicInformation({ org }: Api, call: Call, object: Sobject): Reply {
  const recent = [...org.rows(object)].filter((row) => row.deletedAtMs === null)
    .slice(-recentRowsMax)
  const recentItems = recent.map((row): Json => ({
    attributes: attributesOf(row, call.base),
    Id: row.id,
    Name: row.values.get('Name') ?? null,
  }))
  return reply(200, { objectDescribe: objectSummary(object, call.base), recentItems })
}

/** /sobjects/X/ID: GET, PATCH, DELETE. */
export function recordResource(api: Api, call: Call, object: Sobject, givenId: string): Reply {
  const id = readId(givenId)
  if (id === null) throw new ApiFailure([malformedId(givenId)])
  switch (call.method) {
    case 'GET':
      return show(call, object, livingRow(api.org, object, id))
    case 'PATCH': {
      requireKnown(api, object, id)
      const input = readObject(call)
      refuseMembers(input, ['Id'])
      return changed(updateRecord(api.writer(), object, { id, input }))
    }
    case 'DELETE':
      requireKnown(api, object, id)
      return changed(deleteRecord(api.writer(), id))
    default:
      throw methodNotAllowed(call.method, 'DELETE,GET,HEAD,PATCH')
  }
}

/** /sobjects/X/Field/value: GET, PATCH (upsert), DELETE. */
export function externalResource(
  api: Api,
  call: Call,
  { object, fieldName, value }: { object: Sobject; fieldName: string; value: string },
): Reply {
  if (fieldName.toLowerCase() === 'id') return recordResource(api, call, object, value)
  const field = externalField(object, fieldName)
  const row = api.org.holderOf(object, field.name, value)
  switch (call.method) {
    case 'GET':
      return show(call, object, row)
    case 'PATCH': {
      const input = readObject(call)
      refuseMembers(input, ['Id', field.name])
      return upserted(api, call, { object, input, field, value, row })
    }
    case 'DELETE':
      if (row === undefined) throw new ApiFailure([noSuchResource])
      return changed(deleteRecord(api.writer(), row.id))
    default:
      throw methodNotAllowed(call.method, 'DELETE,GET,HEAD,PATCH')
  }
}

/** The field by which an upsert finds records. Throws NOT_FOUND for one that is no external id. */
export function externalField(object: Sobject, fieldName: string): Field {
  const field = findField(object, fieldName)
  if (field?.externalId === true) return field
  const message = `Provided external ID field does not exist or is not accessible: ${fieldName}`
  throw failure('NOT_FOUND', message, { status: 404 })
}

/** The fields with these names, `Id` first. Throws INVALID_FIELD for a name that is none. */
export function fieldsNamed(object: Sobject, names: readonly string[]): Field[] {
  const found = names.map((name) => {
    const field = findField(object, name.trim())
    if (field === undefined) throw new ApiFailure([noSuchColumn(name.trim(), object.name)])
    return field
  })
  const id = findField(object, 'Id')
  return id === undefined || found.includes(id) ? found : [...found, id]
}

function show(call: Call, object: Sobject, row: Row | undefined): Reply {
  const names = call.query.get('fields')
  const fields = names === null ? object.fields : fieldsNamed(object, names.split(','))
  if (row === undefined) throw new ApiFailure([noSuchResource])
  return reply(200, renderRow(row, fields, call.base))
}

function requireKnown({ org }: Api, object: Sobject, id: string): void {
  if (org.get(id)?.object !== object) throw new ApiFailure([noSuchResource])
}

/** What the URL says must not be in the body as well. */
function refuseMembers(input: JsonObject, names: readonly string[]): void {
  const refused = Object.keys(input).map((name) => name.toLowerCase())
  const bad = names.find((name) => refused.includes(name.toLowerCase()))
  if (bad === undefined) return
  const message = `The ${bad} field should not be specified in the sobject data.`
  throw failure('INVALID_FIELD', message)
}

function created({ base }: Call, object: Sobject, saved: Saved, extra: JsonObject = {}): Reply {
  if (!saved.ok) return failedReply(saved.errors)
  const body = { id: saved.id, success: true, errors: [], ...extra }
  return reply(201, body, { location: `${base}/sobjects/${object.name}/${saved.id}` })
}

function changed(saved: Saved): Reply {
  return saved.ok ? noContent : failedReply(saved.errors)
}

function upserted(
  api: Api,
  call: Call,
  { object, input, field, value, row }: {
    object: Sobject
    input: JsonObject
    field: Field
    value: string
    row: Row | undefined
  },
): Reply {
  if (row !== undefined) {
    const saved = updateRecord(api.writer(), object, { id: row.id, input })
    if (!saved.ok) return failedReply(saved.errors)
    return reply(200, { id: saved.id, success: true, errors: [], created: false })
  }
  if (call.query.get('updateOnly') === 'true') throw new ApiFailure([noSuchResource])
  const whole = { ...input, [field.name]: value }
  return created(call, object, insertRecord(api.writer(), object, whole), { created: true })
}
