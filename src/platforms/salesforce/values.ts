// Room platforms: values between Postgres' text and Salesforce's JSON. Numbers are copied digit by digit.
// Source: SOAP API Developer Guide, Primitive Data Types; REST API Developer Guide, Valid Date and DateTime Formats.

import { fault, type FaultCode } from '../../mutation/fault.ts'
import type { Column } from '../../mutation/table.ts'
import { isJsonNumber, type Json, jsonNumber, tryParseJson, writeJson } from '../json.ts'
import { keyOf } from './words.ts'

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

/** The API's value as text that Postgres reads as the column's type: the form of `Values`. */
export function fromPlatform(value: Json, column: Column): string | null {
  if (value === null) return null
  const base = baseOf(column.type)
  if (base === 'jsonb') return writeJson(value)
  if (isJsonNumber(value)) return numberFromPlatform(value.rawJSON, base)
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return writeJson(value)
  switch (base) {
    case 'timestamptz':
      return instantFromPlatform(value)
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

const instant =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):?(\d\d)?(?::?(\d\d))?)$/

/** Postgres writes offsets of hours, minutes and, for old dates, seconds; the API takes hours and minutes: so UTC. */
function instantToPlatform(text: string, column: Column): string {
  const match = instant.exec(text)
  if (match === null) throw refused('value_out_of_range', text, column) // infinity, BC, years above 9999
  const [, date, time, fraction = '', sign = '+', hours = '0', minutes = '0', seconds = '0'] = match
  const milliseconds = fraction.padEnd(3, '0').slice(0, 3)
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  const local = Date.parse(`${date}T${time}.${milliseconds}Z`)
  const utc = new Date(sign === '-' ? local + offset : local - offset)
  const valid = !Number.isNaN(utc.getTime()) && utc.getUTCFullYear() > 0 &&
    utc.getUTCFullYear() < 10_000
  if (!valid) throw refused('value_out_of_range', text, column)
  return utc.toISOString()
}

/** `2026-11-22T10:20:30.000+0000` → `2026-11-22T10:20:30+00:00` */
function instantFromPlatform(text: string): string {
  return text
    .replace(/Z$/, '+00:00')
    .replace(/([+-]\d\d)(\d\d)$/, '$1:$2')
    .replace(
      /\.(\d*?)0*([+-])/,
      (_all, digits: string, sign: string) => digits === '' ? sign : `.${digits}${sign}`,
    )
}

function timeToPlatform(text: string, column: Column): string {
  const match = /^(\d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(text)
  if (match === null || text.startsWith('24')) throw refused('value_out_of_range', text, column)
  const [, time, fraction = ''] = match
  return `${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
}

/** A multi-select picklist is one string in which semicolons separate the values. */
function listToPlatform(text: string, column: Column): Json {
  const list = tryParseJson(text)
  if (!Array.isArray(list)) throw refused('value_not_of_type', text, column)
  const items: unknown[] = list
  const valid = items.every((item) =>
    typeof item === 'string' && item !== '' && !item.includes(';')
  )
  if (!valid) throw refused('value_not_of_type', text, column)
  return items.length === 0 ? null : items.join(';')
}
