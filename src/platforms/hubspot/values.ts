// Room platforms: values between Postgres' text and HubSpot's API, where every value travels as a string and the empty
// string is no value. Source: CRM API guide, Properties (property types; date and datetime as ISO 8601 or as
// milliseconds, in UTC); FAQ on timestamps.

import { type Log, silentLog } from '../../lib/log.ts'
import { fault, type FaultCode } from '../../mutation/fault.ts'
import type { Column } from '../../mutation/table.ts'
import { readMoment, utcOf } from '../instants.ts'
import { isJsonNumber, type Json, tryParseJson, writeJson } from '../json.ts'
import { listItems } from '../lists.ts'
import { keyOf } from '../words.ts'

/**
 * The value as the API takes it: null and the empty string clear a property. A datetime is sent in UTC with the
 * milliseconds that HubSpot keeps; what it kept comes back with the answer. An empty array is no value.
 * @throws Fault value_not_of_type or value_out_of_range, with column and DETAIL, when HubSpot has no such value
 */
export function toPlatform(text: string | null, column: Column): string {
  if (text === null) return ''
  switch (column.type) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refused('value_not_of_type', text, column)
      return text
    case 'numeric':
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw refused('value_out_of_range', text, column)
      return text
    case 'date':
      if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw refused('value_out_of_range', text, column)
      return text
    case 'timestamptz':
      return instantOf(text, column)
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
  const text = textOf(value)
  if (text === null || text === '') return null
  switch (column.type) {
    case 'date':
    case 'timestamptz':
      // as `2026-11-22T10:20:30.120Z` or in milliseconds; a date can be the midnight in UTC
      return readMoment(isoOfMilliseconds(text) ?? text, column, log)
    case 'text[]':
      return listFromPlatform(text)
    case 'jsonb':
      return tryParseJson(text) === undefined ? writeJson(text) : text
    default:
      return text
  }
}

function textOf(value: Json): string | null {
  if (value === null || typeof value === 'string') return value
  if (isJsonNumber(value)) return value.rawJSON
  return typeof value === 'boolean' ? String(value) : writeJson(value)
}

function refused(code: FaultCode, text: string, column: Column): Error {
  return fault(code, {
    platform: 'hubspot',
    column: column.name,
    detail: `${keyOf(column.name, text)} has no equivalent in HubSpot.`,
  })
}

/** HubSpot wants UTC. */
function instantOf(text: string, column: Column): string {
  const utc = utcOf(text)
  if (utc === undefined) throw refused('value_out_of_range', text, column)
  return utc
}

function isoOfMilliseconds(text: string): string | undefined {
  if (!/^-?\d+$/.test(text)) return undefined
  const date = new Date(Number(text))
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/**
 * Checkboxes are one string in which semicolons separate the values. One at its beginning would add to the values that
 * are there instead of replacing them; no item is empty, so there is none.
 */
function listToPlatform(text: string, column: Column): string {
  const items = listItems(text)
  if (items === undefined) throw refused('value_not_of_type', text, column)
  return items.join(';')
}

function listFromPlatform(text: string): string | null {
  const items = text.split(';').filter((item) => item !== '')
  return items.length === 0 ? null : writeJson(items)
}
