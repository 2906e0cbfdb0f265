// Room service: values between JSON and Postgres. Nothing is lost on the way: a number keeps every digit, a document and
// an array are what they are, and everything that JSON has no form for is the text that Postgres writes.

import { fault } from '../../mutation/fault.ts'
import { type ArrayItem, readArray, writeArray } from './arrays.ts'
import { checkText, isRawNumber, type Json, writeJson } from './lossless.ts'
import { type TypeInfo, typeOf } from './types.ts'

/** The JSON text of a value that Postgres wrote. `type`: OID of pg_type. */
export function toJson(value: string | null, type: number): string {
  if (value === null) return 'null'
  const info = typeOf(type)
  if (info === undefined) return JSON.stringify(value)
  return info.element === undefined ? formed(value, info) : list(readArray(value), info.element)
}

function list(items: readonly ArrayItem[], element: TypeInfo): string {
  const texts = items.map((item) => {
    if (item === null) return 'null'
    return typeof item === 'string' ? formed(item, element) : list(item, element)
  })
  return `[${texts.join(',')}]`
}

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

function formed(value: string, { form }: TypeInfo): string {
  switch (form) {
    case 'boolean':
      return value === 't' ? 'true' : 'false'
    case 'number':
      return number.test(value) ? value : JSON.stringify(value) // NaN, Infinity
    case 'json':
      return value
    case 'timestamp':
    case 'timestamptz':
      return JSON.stringify(isoTime(value))
    case 'text':
      return JSON.stringify(value)
  }
}

const postgresTime = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(:\d\d)?)?$/

/** RFC 3339, for what it can say; `infinity` and years of other lengths stay as Postgres writes them. */
function isoTime(text: string): string {
  const [, date, time, hours, minutes = ':00'] = postgresTime.exec(text) ?? []
  if (date === undefined || time === undefined) return text
  return `${date}T${time}${hours === undefined ? '' : hours + minutes}`
}

/** The text of a JSON value for a parameter of that type. Throws `bad_request` that names `at`. */
export function toParameter(value: Json, type: number, at: string): string | null {
  if (value === null) return null
  const info = typeOf(type)
  if (info?.form === 'json') return checked(writeJson(value), at)
  if (Array.isArray(value) && (info === undefined || info.element !== undefined)) {
    return writeArray(value.map((item) => toItem(item, info?.element, at)))
  }
  const text = scalar(value)
  if (text !== null) return checked(text, at)
  const what = Array.isArray(value) ? 'a list' : 'an object'
  throw fault('bad_request', { message: `${at} is of type ${info?.name ?? type}, not ${what}` })
}

function toItem(value: Json, element: TypeInfo | undefined, at: string): ArrayItem {
  if (value === null) return null
  if (element?.form === 'json') return checked(writeJson(value), at)
  if (Array.isArray(value)) return value.map((item) => toItem(item, element, at))
  const text = scalar(value)
  if (text !== null) return checked(text, at)
  throw fault('bad_request', { message: `${at} is a list of ${element?.name}, not of objects` })
}

/** The text of a string, number or boolean; null for anything else. */
function scalar(value: Exclude<Json, null>): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return isRawNumber(value) ? value.rawJSON : null
}

function checked(text: string, at: string): string {
  checkText(text, at)
  return text
}
