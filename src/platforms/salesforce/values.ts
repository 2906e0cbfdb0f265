// Room platforms: values between Postgres' text and Salesforce's JSON. Numbers are copied digit by digit.
// Source: SOAP API Developer Guide, Primitive Data Types; REST API Developer Guide, Valid Date and DateTime Formats.

import { type Log, silentLog } from '../../lib/log.ts'
import { fault, type FaultCode } from '../../mutation/fault.ts'
import type { Column } from '../../mutation/table.ts'
import { readMoment, utcOf } from '../instants.ts'
import { isJsonNumber, type Json, jsonNumber, writeJson } from '../json.ts'
import { listItems } from '../lists.ts'
import { keyOf } from '../words.ts'

/**
 * The value as the API takes it. A date-time is sent in UTC with milliseconds; Salesforce keeps whole seconds, and what
 * it kept comes back with the answer. An empty array is null, as the API has no empty multi-select list.
 * @throws Fault value_not_of_type or value_out_of_range, with column and DETAIL, when Salesforce has no such value
 */
export function toPlatform(text: string | null, column: Column): Json {
  if (text === null) return null
  switch (baseOf(column.type)) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refused('value_not_of_type', text, column)
      return text === 'true'
    case 'integer':
    case 'bigint':
    case 'numeric':
      return numberToPlatform(text, column)
    case 'date':
      if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw refused('value_out_of_range', text, column)
      return text
    case 'timestamptz':
      return instantToPlatform(text, column)
    case 'time':
      return timeToPlatform(text, column)
    case 'text[]':
      return listToPlatform(text, column)
    default:
      return text
  }
}

/**
 * The API's value as text that Postgres reads as the column's type: the form of `Values`. The log hears of a moment that
 * Postgres cannot hold, which is null.
 */
export function fromPlatform(value: Json, column: Column, log: Log = silentLog): string | null {
  if (value === null) return null
  const base = baseOf(column.type)
  if (base === 'jsonb') return writeJson(value)
  if (isJsonNumber(value)) return numberFromPlatform(value.rawJSON, base)
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return writeJson(value)
  switch (base) {
    case 'date':
    case 'timestamptz':
      return readMoment(value, column, log)
    case 'time':
      return value.replace(/Z$/, '').replace(/\.0+$/, '')
    case 'text[]':
      return value === '' ? null : writeJson(value.split(';'))
    default:
      return value
  }
}

const bases = new Map<string, string>()

/** The type without its length; remembered, since it is asked for every value. */
function baseOf(type: string): string {
  const known = bases.get(type)
  if (known !== undefined) return known
  const base = type.replace(/\(.*\)$/, '')
  bases.set(type, base)
  return base
}

function refused(code: FaultCode, text: string, column: Column): Error {
  return fault(code, {
    platform: 'salesforce',
    column: column.name,
    detail: `${keyOf(column.name, text)} has no equivalent in Salesforce.`,
  })
}

function numberToPlatform(text: string, column: Column): Json {
  try {
    return jsonNumber(text)
  } catch {
    throw refused('value_out_of_range', text, column) // NaN and the infinities
  }
}

/** A whole number can come as `5.0` or `1.0E7`. */
function numberFromPlatform(token: string, base: string): string {
  if (base !== 'integer' && base !== 'bigint') return token
  if (/^-?\d+$/.test(token)) return token
  const number = Number(token)
  return Number.isSafeInteger(number) ? String(number) : token
}

/** The API takes hours and minutes of an offset, so UTC. */
function instantToPlatform(text: string, column: Column): string {
  const utc = utcOf(text)
  if (utc === undefined) throw refused('value_out_of_range', text, column)
  return utc
}

function timeToPlatform(text: string, column: Column): string {
  const match = /^(\d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(text)
  if (match === null || text.startsWith('24')) throw refused('value_out_of_range', text, column)
  const [, time, fraction = ''] = match
  return `${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
}

/** A multi-select picklist is one string in which semicolons separate the values. */
function listToPlatform(text: string, column: Column): Json {
  const items = listItems(text)
  if (items === undefined) throw refused('value_not_of_type', text, column)
  return items.length === 0 ? null : items.join(';')
}
