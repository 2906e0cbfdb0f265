// Room sandbox: one value of a request, to the value that is stored; or why it is refused. Wrong JSON types are told
// as the parser's errors, everything else as the field's.

import { never } from '../../lib/assert.ts'
import { isArray, isObject, type Json, JsonNumber, type Place, scalarText } from '../json.ts'
import { readDate, readDatetime, readTime } from './dates.ts'
import { type ApiError, apiError } from './errors.ts'
import type { Field, FieldType } from './field.ts'
import { readDecimal, roundDecimal, writeDecimal } from './numbers.ts'

/** A stored value. Numbers are text; dates and datetimes are Salesforce's own text. */
export type Value = null | boolean | string | JsonNumber

export type Reading =
  | { readonly state: 'read'; readonly value: Value }
  /** The JSON cannot be read into the field. */
  | { readonly state: 'unreadable'; readonly error: ApiError }
  /** The field does not take the value. */
  | { readonly state: 'refused'; readonly error: ApiError }

const read = (value: Value): Reading => ({ state: 'read', value })

const refused = (code: string, message: string, field: Field): Reading => ({
  state: 'refused',
  error: apiError(code, message, { fields: [field.name] }),
})

/** Reads the value given for a field. `place` is where it stands in the request. */
export function readValue(field: Field, json: Json, place: Place): Reading {
  if (json === null) return readNull(field)
  switch (field.type) {
    case 'string':
    case 'textarea':
    case 'phone':
    case 'url':
    case 'id':
    case 'reference':
      return readText(field, json, place)
    case 'email':
      return readEmail(field, json, place)
    case 'picklist':
      return readPicklist(field, json, place)
    case 'multipicklist':
      return readMultipicklist(field, json, place)
    case 'boolean':
      return readBoolean(field, json, place)
    case 'int':
    case 'double':
    case 'currency':
    case 'percent':
      return readNumber(field, json, place)
    case 'date':
      return readMoment(field, json, { place, form: readDate })
    case 'datetime':
      return readMoment(field, json, { place, form: readDatetime })
    case 'time':
      return readMoment(field, json, { place, form: readTime })
    case 'address':
      return unreadable(field, json, place)
    default:
      return never(field.type)
  }
}

function readNull(field: Field): Reading {
  if (field.type !== 'boolean') return read(null)
  const message = `${field.label}: value not of required type: null`
  return refused('INVALID_TYPE_ON_FIELD_IN_RECORD', message, field)
}

/** Jackson's words for a value of the wrong type. */
function unreadable(field: Field, json: Json, { line, column }: Place): Reading {
  const where = `at [line:${line}, column:${column}]`
  const message =
    `Cannot deserialize instance of ${jacksonTypes[field.type] ?? 'string'} from ${token(json)} ` +
    `or request may be missing a required field ${where}`
  return { state: 'unreadable', error: apiError('JSON_PARSER_ERROR', message) }
}

const jacksonTypes: Partial<Record<FieldType, string>> = {
  currency: 'double',
  percent: 'double',
  boolean: 'boolean',
  int: 'int',
  double: 'double',
  date: 'date',
  datetime: 'datetime',
  time: 'time',
  address: 'address',
}

function token(json: Json): string {
  if (isObject(json)) return 'START_OBJECT value {'
  if (isArray(json)) return 'START_ARRAY value ['
  if (json instanceof JsonNumber) {
    const sort = /[.eE]/.test(json.text) ? 'VALUE_NUMBER_FLOAT' : 'VALUE_NUMBER_INT'
    return `${sort} value ${json.text}`
  }
  if (typeof json === 'boolean') return `VALUE_${String(json).toUpperCase()} value ${json}`
  return `VALUE_STRING value ${scalarText(json) ?? 'null'}`
}

/** Text without blanks at its ends; the empty text is no value. Jackson makes text of numbers and booleans. */
function readText(field: Field, json: Json, place: Place): Reading {
  const given = scalarText(json)
  if (given === null) return unreadable(field, json, place)
  const text = given.trim()
  if (text === '') return read(null)
  if (field.type !== 'reference' && text.length > field.length) {
    const message = `${field.label}: data value too large: ${text} (max length=${field.length})`
    return refused('STRING_TOO_LONG', message, field)
  }
  return read(text)
}

const emailPattern =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/

function readEmail(field: Field, json: Json, place: Place): Reading {
  const reading = readText(field, json, place)
  if (reading.state !== 'read' || reading.value === null) return reading
  if (emailPattern.test(String(reading.value))) return reading
  const message = `${field.label}: invalid email address: ${String(reading.value)}`
  return refused('INVALID_EMAIL_ADDRESS', message, field)
}

function badPicklistValue(field: Field, value: string): Reading {
  const message = `${field.label}: bad value for restricted picklist field: ${value}`
  return refused('INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', message, field)
}

function readPicklist(field: Field, json: Json, place: Place): Reading {
  const reading = readText(field, json, place)
  if (reading.state !== 'read' || reading.value === null || !field.restrictedPicklist) {
    return reading
  }
  const value = String(reading.value)
  return field.picklist.includes(value) ? reading : badPicklistValue(field, value)
}

/** Values joined by `;`, to the same without repetition and in the order of the list. */
function readMultipicklist(field: Field, json: Json, place: Place): Reading {
  const reading = readText(field, json, place)
  if (reading.state !== 'read' || reading.value === null) return reading
  const chosen = String(reading.value).split(';').map((value) => value.trim()).filter(Boolean)
  const bad = chosen.find((value) => !field.picklist.includes(value))
  if (bad !== undefined && field.restrictedPicklist) return badPicklistValue(field, bad)
  const known = field.picklist.filter((value) => chosen.includes(value))
  const others = chosen.filter((value) => !field.picklist.includes(value))
  const text = [...known, ...new Set(others)].join(';')
  return read(text === '' ? null : text)
}

function readBoolean(field: Field, json: Json, place: Place): Reading {
  if (typeof json === 'boolean') return read(json)
  if (json === 'true' || json === 'false') return read(json === 'true')
  return unreadable(field, json, place)
}

function readNumber(field: Field, json: Json, place: Place): Reading {
  if (typeof json === 'boolean') return unreadable(field, json, place)
  const text = scalarText(json)?.trim() ?? null
  if (text === '') return read(null)
  const number = text === null ? null : readDecimal(text)
  if (text === null || number === null) return unreadable(field, json, place)
  const outside = () =>
    refused(
      'NUMBER_OUTSIDE_VALID_RANGE',
      `${field.label}: value outside of valid range on numeric field: ${text}`,
      field,
    )
  if (number === 'huge') return outside()
  if (field.type === 'int' && number.fraction !== '') return unreadable(field, json, place)
  const rounded = roundDecimal(number, field.scale)
  const wholeMax = field.type === 'int' ? field.digits : field.precision - field.scale
  if (rounded.whole.length > wholeMax) return outside()
  return read(new JsonNumber(writeDecimal(rounded, { point: field.type !== 'int' })))
}

function readMoment(
  field: Field,
  json: Json,
  { place, form }: { place: Place; form: (text: string) => string | null },
): Reading {
  if (json === '') return read(null)
  const moment = typeof json === 'string' ? form(json) : null
  return moment === null ? unreadable(field, json, place) : read(moment)
}
