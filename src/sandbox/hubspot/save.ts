// Room sandbox: writing one record, with everything that HubSpot checks before it does. A record is written whole or not
// at all, and a refusal says everything that is wrong with its values.

import { isObject, type Json, type JsonObject, placeOf, scalarText } from '../json.ts'
import { computedValues } from './computed.ts'
import {
  type ApiError,
  conflict,
  failure,
  invalidProperties,
  type Issue,
  missingProperties,
} from './errors.ts'
import { writeInstant } from './moments.ts'
import type { ObjectType } from './objects/definition.ts'
import { portalId } from './objects/goods.ts'
import { altered, type Portal, type Row } from './portal.ts'
import { readValue } from './values.ts'

/** What a write is made with. */
export interface Writer {
  readonly portal: Portal
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export type Saved =
  | { readonly ok: true; readonly row: Row; readonly written: readonly string[] }
  | { readonly ok: false; readonly error: ApiError }

/** The properties of an input as texts. Throws when the body does not say which, or not as HubSpot reads them. */
export function readProperties(input: Json): ReadonlyMap<string, string> {
  const properties = isObject(input) ? input['properties'] : undefined
  if (!isObject(input) || properties === undefined || properties === null) {
    throw failure(
      'Invalid input JSON on line 1, column 2: Some required fields were not set: [properties]',
    )
  }
  if (!isObject(properties)) throw unreadable(input, 'properties', 'java.util.LinkedHashMap')
  const texts = new Map<string, string>()
  for (const name of Object.keys(properties)) {
    const value = properties[name] ?? null
    if (value === null) continue // documented is the empty text, which clears
    const text = scalarText(value)
    if (text === null) throw unreadable(properties, name, 'java.lang.String')
    texts.set(name, text)
  }
  return texts
}

function unreadable(object: JsonObject, name: string, type: string): Error {
  const { line, column } = placeOf(object, name)
  const token = isObject(object[name]) ? 'START_OBJECT' : 'START_ARRAY'
  const kind = token === 'START_OBJECT' ? 'Object' : 'Array'
  return failure(
    `Invalid input JSON on line ${line}, column ${column}: Cannot deserialize value of type ` +
      `\`${type}\` from ${kind} value (token \`JsonToken.${token}\`)`,
  )
}

/** Makes a record of the type. */
export function createRecord(
  writer: Writer,
  type: ObjectType,
  given: ReadonlyMap<string, string>,
): Saved {
  const { values, issues } = readValues(type, given, new Map())
  if (issues.length > 0) return { ok: false, error: invalidProperties(issues) }
  const missing = type.required.filter((name) => (values.get(name) ?? '') === '')
  if (missing.length > 0) return { ok: false, error: missingProperties(type, missing) }
  for (const [name, value] of values) {
    const holder = holderOf(writer, type, { name, value })
    if (holder === undefined) continue
    return {
      ok: false,
      error: name === 'email' ? conflict(type, holder.id) : notUnique(holder, { name, value }, '0'),
    }
  }
  return written(writer, given, {
    id: writer.portal.nextId(),
    type,
    values,
    createdAtMs: writer.nowMs,
    updatedAtMs: writer.nowMs,
    archivedAtMs: null,
    left: null,
  })
}

/** Changes a record. Properties that are not given stay. */
export function updateRecord(
  writer: Writer,
  row: Row,
  given: ReadonlyMap<string, string>,
): Saved {
  const { values, issues } = readValues(row.type, given, row.values)
  if (issues.length > 0) return { ok: false, error: invalidProperties(issues) }
  for (const [name, value] of values) {
    const holder = holderOf(writer, row.type, { name, value })
    if (holder === undefined || holder.id === row.id) continue
    return { ok: false, error: notUnique(holder, { name, value }, row.id) }
  }
  return written(
    writer,
    given,
    altered(row, {
      values: new Map([...row.values, ...values]),
      updatedAtMs: writer.nowMs,
    }),
  )
}

/** What is wrong with the properties given, and their values where nothing is. */
export function readValues(
  type: ObjectType,
  given: ReadonlyMap<string, string>,
  before: ReadonlyMap<string, string>,
): { values: ReadonlyMap<string, string>; issues: readonly Issue[] } {
  const values = new Map<string, string>()
  const issues: Issue[] = []
  for (const [name, text] of given) {
    const property = type.byName.get(name)
    if (property === undefined) {
      const message = `Property "${name}" does not exist`
      issues.push({ name, error: 'PROPERTY_DOESNT_EXIST', message })
    } else if (property.readOnly) {
      const sort = property.calculated ? 'calculated' : 'read only'
      const message = `"${name}" is a ${sort} property; its value cannot be set.`
      issues.push({ name, error: 'READ_ONLY_VALUE', message })
    } else {
      const reading = readValue(property, text, before.get(name) ?? '')
      if (reading.ok) values.set(name, reading.value)
      else issues.push(reading.issue)
    }
  }
  return { values, issues }
}

function holderOf(
  { portal }: Writer,
  type: ObjectType,
  { name, value }: { name: string; value: string },
): Row | undefined {
  if (value === '' || type.byName.get(name)?.unique !== true) return undefined
  return portal.holderOf(type, name, value)
}

function notUnique(
  holder: Row,
  { name, value }: { name: string; value: string },
  id: string,
): ApiError {
  const { type } = holder
  const typeText = type.custom ? `innerId=${type.id}` : `legacyObjectType=${type.code}`
  return {
    status: 400,
    category: 'VALIDATION_ERROR',
    message:
      `Cannot set PropertyValueCoordinates{portalId=${portalId}, objectTypeId=ObjectTypeId{${typeText}}, ` +
      `propertyName=${name}, value=${value}} on ${id}. ${holder.id} already has that value.`,
  }
}

function written({ portal }: Writer, given: ReadonlyMap<string, string>, row: Row): Saved {
  const whole = stamped(row)
  portal.put(whole)
  return { ok: true, row: whole, written: [...given.keys()] }
}

/** The row with the values that HubSpot sets itself. */
export function stamped(row: Row): Row {
  const { type } = row
  const values = new Map([
    ...row.values,
    [type.createdName, writeInstant(row.createdAtMs)] as const,
    [type.modifiedName, writeInstant(row.updatedAtMs)] as const,
    ['hs_object_id', row.id] as const,
    ['hs_object_source', 'INTEGRATION'] as const,
    ['hs_object_source_label', 'INTEGRATION'] as const,
  ])
  for (const [name, value] of Object.entries(computedValues(type, row.values))) {
    if (value === '') values.delete(name)
    else values.set(name, value)
  }
  return altered(row, { values })
}
