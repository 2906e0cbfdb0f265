// Room platforms: values between Postgres' text and Stripe's: form parameters out, JSON back. Numbers are copied digit
// by digit. Source: Stripe API reference, "Request bodies", "Metadata", "Expanding responses".

import { type Log, silentLog } from '../../lib/log.ts'
import { Fault, fault, type FaultCode } from '../../mutation/fault.ts'
import type { Column } from '../../mutation/table.ts'
import { readMoment, utcOf } from '../instants.ts'
import { isJsonNumber, isJsonObject, type Json, tryParseJson, writeJson } from '../json.ts'
import { keyOf } from '../words.ts'
import type { Parameter } from './client.ts'

/**
 * The value as the form takes it; null is the empty string, which unsets. A point in time is sent in whole seconds,
 * which is what Stripe keeps; what it kept comes back with the answer.
 * @throws Fault value_not_of_type or value_out_of_range, with column and DETAIL, when Stripe has no such value
 */
export function toPlatform(text: string | null, column: Column): Parameter {
  if (text === null) return ''
  switch (column.type) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refused('value_not_of_type', text, column)
      return text
    case 'bigint':
    case 'numeric':
      // NaN and the infinities are no numbers to Stripe
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw refused('value_out_of_range', text, column)
      return text
    case 'timestamptz':
      return secondsOf(text, column)
    case 'jsonb':
      return column.name === 'metadata' ? metadataOf(text, column) : hashOf(text, column)
    default:
      return text
  }
}

function refused(code: FaultCode, text: string, column: Column, why?: string): Fault {
  const words = why ?? 'has no equivalent in Stripe'
  const detail = `${keyOf(column.name, text)} ${words}.`
  return fault(code, { platform: 'stripe', column: column.name, detail })
}

function secondsOf(text: string, column: Column): string {
  const utc = utcOf(text)
  if (utc === undefined) throw refused('value_out_of_range', text, column)
  return String(Math.floor(Date.parse(utc) / 1000))
}

/** Keys with a null are unset, keys not named stay as they are: so Stripe merges. Its values are text. */
function metadataOf(text: string, column: Column): Parameter {
  const json = tryParseJson(text)
  if (json === null) return ''
  if (!isJsonObject(json)) {
    throw refused('value_not_of_type', text, column, 'is not an object of keys and values')
  }
  for (const value of Object.values(json)) {
    if (Array.isArray(value) || isJsonObject(value)) {
      throw refused('value_not_of_type', text, column, 'has a value that is not plain text')
    }
  }
  const pairs = Object.entries(json).map(([key, value]) => [key, value ?? null] as const)
  return entriesOf(pairs, { text, column })
}

interface Place {
  readonly text: string
  readonly column: Column
}

function hashOf(text: string, column: Column): Parameter {
  const json = tryParseJson(text)
  if (json === undefined) throw refused('value_not_of_type', text, column)
  return parameterOf(json, { text, column })
}

/** A form has no way to say an empty list or hash: the empty string stands for it, which unsets. */
function parameterOf(json: Json, place: Place): Parameter {
  if (json === null) return ''
  if (typeof json === 'string') return json
  if (typeof json === 'boolean') return String(json)
  if (isJsonNumber(json)) return json.rawJSON
  if (Array.isArray(json)) {
    const items: readonly Json[] = json
    return items.length === 0 ? '' : items.map((item) => parameterOf(item, place))
  }
  const pairs = Object.entries(json).map(([key, value]) => [key, value ?? null] as const)
  return pairs.length === 0 ? '' : entriesOf(pairs, place)
}

/** A bracket in a key would begin another level, and an empty key a list: Stripe would read something else. */
function entriesOf(pairs: readonly (readonly [string, Json])[], place: Place): Parameter {
  for (const [key] of pairs) {
    if (key === '' || /[[\]]/.test(key)) {
      const why = 'has a key that Stripe does not take: empty, or with a bracket'
      throw refused('validation_error', place.text, place.column, why)
    }
  }
  return Object.fromEntries(pairs.map(([key, value]) => [key, parameterOf(value, place)]))
}

/**
 * The API's value as text that Postgres reads as the column's type: the form of `Values`. The log hears of a moment that
 * Postgres cannot hold, which is null.
 */
export function fromPlatform(value: Json, column: Column, log: Log = silentLog): string | null {
  if (value === null) return null
  if (column.type === 'jsonb') return writeJson(value)
  if (isJsonNumber(value)) {
    return column.type === 'timestamptz'
      ? readMoment(isoOf(value.rawJSON), column, log)
      : value.rawJSON
  }
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  // an object that Stripe answers whole where its id is meant: a subscription item's price
  const id = isJsonObject(value) ? value['id'] : undefined
  return typeof id === 'string' ? id : writeJson(value)
}

/** Unix seconds → `2026-11-22T10:20:30.000Z`; as they are when a Date cannot hold them. */
function isoOf(seconds: string): string {
  const at = new Date(Number(seconds) * 1000)
  return Number.isNaN(at.getTime()) ? seconds : at.toISOString()
}
