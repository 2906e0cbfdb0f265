// Room sandbox: writing one record, with everything that Salesforce checks before it does. A record is written whole or
// not at all, and a refusal says everything that is wrong with its values.

import { type Json, type JsonObject, placeOf } from '../json.ts'
import { computedValues } from './computed.ts'
import { writeDatetime } from './dates.ts'
import {
  type ApiError,
  apiError,
  entityIsDeleted,
  invalidCrossReference,
  noSuchColumn,
} from './errors.ts'
import type { Field } from './field.ts'
import { readId } from './ids.ts'
import { findField, type Sobject, sobjectOfId } from './objects/schema.ts'
import type { Org, Row } from './org.ts'
import { checkRules } from './rules.ts'
import { readValue, type Value } from './values.ts'

/** What a write is made with. */
export interface Writer {
  readonly org: Org
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** The user whose token it is. */
  readonly userId: string
}

export type Saved =
  | { readonly ok: true; readonly id: string; readonly created: boolean }
  | { readonly ok: false; readonly errors: readonly ApiError[]; readonly id?: string }

export const refusal = (...errors: ApiError[]): Saved => ({ ok: false, errors })

/** Members of a record in a request that are not fields. */
const notFields = new Set(['attributes'])

interface Given {
  readonly values: ReadonlyMap<string, Value>
  readonly errors: readonly ApiError[]
}

/** Makes a record of the object. `input` holds no id. */
export function insertRecord(writer: Writer, object: Sobject, input: JsonObject): Saved {
  if (!object.writable) return notForApi(object, 'inserted')
  const given = readRecord(object, input, 'createable')
  if (given.errors.length > 0) return { ok: false, errors: given.errors }
  const values = new Map<string, Value>()
  for (const { name, defaultValue } of object.fields) {
    if (defaultValue !== null) values.set(name, defaultValue)
  }
  if (findField(object, 'OwnerId') !== undefined) values.set('OwnerId', writer.userId)
  for (const [name, value] of given.values) {
    if (value !== null || findField(object, name)?.defaultedOnCreate !== true) {
      values.set(name, value)
    }
  }
  const errors = checkRecord(writer, { object, given: given.values, values, id: null })
  if (errors.length > 0) return { ok: false, errors }
  const id = writer.org.nextId(object)
  writer.org.put({ id, object, values: stamped(writer, { object, values, id }), deletedAtMs: null })
  return { ok: true, id, created: true }
}

/** Changes the record with the id, given in any form. Fields that are not in `input` stay. */
export function updateRecord(
  writer: Writer,
  object: Sobject,
  { id: givenId, input }: { id: string; input: JsonObject },
): Saved {
  if (!object.writable) return notForApi(object, 'updated')
  const id = readId(givenId)
  if (id === null || !id.startsWith(object.keyPrefix)) return wrongId(object, givenId)
  const row = writer.org.get(id)
  if (row === undefined) return refusal(invalidCrossReference)
  if (row.deletedAtMs !== null) return refusal(entityIsDeleted)
  const given = readRecord(object, input, 'updateable')
  if (given.errors.length > 0) return { ok: false, errors: given.errors, id }
  const values = new Map([...row.values, ...given.values])
  const errors = checkRecord(writer, { object, given: given.values, values, id })
  if (errors.length > 0) return { ok: false, errors, id }
  writer.org.put({ ...row, values: stamped(writer, { object, values, id, before: row }) })
  return { ok: true, id, created: false }
}

function notForApi({ name }: Sobject, done: 'inserted' | 'updated'): Saved {
  const message = `entity type cannot be ${done}: ${name}`
  return refusal(apiError('INVALID_TYPE_FOR_OPERATION', message, { fields: [] }))
}

function wrongId({ fieldsByName }: Sobject, id: string): Saved {
  const label = fieldsByName.get('id')?.label ?? 'Record ID'
  const message = `${label}: id value of incorrect type: ${id}`
  return refusal(apiError('MALFORMED_ID', message, { fields: ['Id'] }))
}

/** Reads the members of a record. What the parser refuses comes alone; else all that the fields refuse. */
function readRecord(
  object: Sobject,
  input: JsonObject,
  right: 'createable' | 'updateable',
): Given {
  const values = new Map<string, Value>()
  const refusals: ApiError[] = []
  const forbidden: string[] = []
  for (const name of Object.keys(input)) {
    if (notFields.has(name)) continue
    const field = findField(object, name)
    if (field === undefined) return { values, errors: [noSuchColumn(name, object.name)] }
    const json: Json = input[name] ?? null
    if (!field[right]) {
      forbidden.push(field.name)
      continue
    }
    const reading = readValue(field, json, placeOf(input, name))
    if (reading.state === 'unreadable') return { values, errors: [reading.error] }
    if (reading.state === 'refused') refusals.push(reading.error)
    else values.set(field.name, reading.value)
  }
  return { values, errors: forbidden.length > 0 ? [notWritable(forbidden)] : refusals }
}

function notWritable(fields: readonly string[]): ApiError {
  const message = `Unable to create/update fields: ${fields.join(', ')}. Please check the ` +
    'security settings of this field and verify that it is read/write for your profile or permission set.'
  return apiError('INVALID_FIELD_FOR_INSERT_UPDATE', message, { fields })
}

interface Draft {
  readonly object: Sobject
  /** What the request gives. */
  readonly given: ReadonlyMap<string, Value>
  /** The record as it would be. */
  readonly values: ReadonlyMap<string, Value>
  /** null for a new record. */
  readonly id: string | null
}

function checkRecord(writer: Writer, draft: Draft): ApiError[] {
  const missing = draft.object.neededFields
    .filter(({ name }) => (draft.values.get(name) ?? null) === null)
    .map(({ name }) => name)
  if (missing.length > 0) {
    const message = `Required fields are missing: [${missing.join(', ')}]`
    return [apiError('REQUIRED_FIELD_MISSING', message, { fields: missing })]
  }
  const wrong = [...draft.given].flatMap(([name, value]) => {
    const field = findField(draft.object, name)
    return field === undefined || value === null ? [] : checkReference(writer, field, value)
  })
  if (wrong.length > 0) return wrong
  const taken = checkUnique(writer.org, draft)
  return taken.length > 0 ? taken : [...checkRules(writer.org, draft)]
}

function checkReference({ org }: Writer, field: Field, value: Value): ApiError[] {
  if (field.type !== 'reference') return []
  const id = readId(String(value))
  const message = `${field.label}: id value of incorrect type: ${String(value)}`
  if (id === null) return [apiError('MALFORMED_ID', message, { fields: [field.name] })]
  if (!field.referenceTo.includes(sobjectOfId(id)?.name ?? '')) {
    return [apiError('FIELD_INTEGRITY_EXCEPTION', message, { fields: [field.name] })]
  }
  const row = org.get(id)
  if (row === undefined) return [{ ...invalidCrossReference, status: 400 }]
  if (row.deletedAtMs !== null) return [{ ...entityIsDeleted, status: 400 }]
  if (field.name === 'OwnerId' && row.values.get('IsActive') === false) {
    const words = `operation performed with inactive user [${row.id}] as owner`
    return [apiError('INACTIVE_OWNER_OR_USER', words, { fields: ['OwnerId'] })]
  }
  return []
}

function checkUnique(org: Org, { object, given, id }: Draft): ApiError[] {
  return object.uniqueFields.flatMap(({ name }) => {
    const value = given.get(name) ?? null
    const holder = value === null ? undefined : org.holderOf(object, name, String(value))
    if (holder === undefined || holder.id === id) return []
    const message = `duplicate value found: ${name} duplicates value on record with id: ` +
      holder.id.slice(0, 15)
    return [apiError('DUPLICATE_VALUE', message, { fields: [] })]
  })
}

/** The values to store: references in 18 characters, computed fields, and who wrote it when. */
function stamped(
  { nowMs, userId }: Writer,
  { object, values, id, before }: {
    object: Sobject
    values: ReadonlyMap<string, Value>
    id: string
    before?: Row
  },
): Map<string, Value> {
  const all = new Map(values)
  for (const [name, value] of values) {
    if (typeof value !== 'string' || findField(object, name)?.type !== 'reference') continue
    all.set(name, readId(value) ?? value)
  }
  const now = writeDatetime(nowMs)
  if (before === undefined) {
    all.set('Id', id).set('CreatedDate', now).set('CreatedById', userId)
  }
  all.set('LastModifiedDate', now).set('LastModifiedById', userId).set('SystemModstamp', now)
  const computed = computedValues(object.name, all, { id, before: before?.values ?? null })
  for (const [name, value] of computed) all.set(name, value)
  return all
}
