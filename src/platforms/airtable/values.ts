// Room platforms: values between Postgres' text and Airtable's JSON. Numbers are copied digit by digit.
// Source: Airtable Web API reference, "Field types and cell values".

import { type Log, silentLog } from '../../lib/log.ts'
import { fault, type FaultCode } from '../../mutation/fault.ts'
import type { Values } from '../../mutation/mutation.ts'
import { type Column, idColumn, type SyncedTable } from '../../mutation/table.ts'
import { readMoment, utcOf } from '../instants.ts'
import {
  isJsonNumber,
  isJsonObject,
  type Json,
  jsonNumber,
  type JsonObject,
  tryParseJson,
  writeJson,
} from '../json.ts'
import { own } from '../own.ts'
import { keyOf } from '../words.ts'
import { createdTime } from './columns.ts'

/**
 * The value as the API takes it; null empties the cell. A date-time is sent in UTC with milliseconds, which is what
 * Airtable keeps. @throws Fault value_not_of_type, value_out_of_range
 */
export function toPlatform(text: string | null, column: Column): Json {
  if (text === null) return null
  switch (column.type) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refused('value_not_of_type', text, column)
      return text === 'true'
    case 'integer':
    case 'numeric':
      return numberOf(text, column)
    case 'date':
      if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw refused('value_out_of_range', text, column)
      return text
    case 'timestamptz': {
      const utc = utcOf(text)
      if (utc === undefined) throw refused('value_out_of_range', text, column)
      return utc
    }
    case 'text[]':
      return listOf(text, column)
    case 'jsonb':
      return documentOf(text, column)
    default:
      return text
  }
}

function numberOf(text: string, column: Column): Json {
  try {
    return jsonNumber(text)
  } catch {
    throw refused('value_out_of_range', text, column) // NaN and the infinities
  }
}

function listOf(text: string, column: Column): Json {
  const list = tryParseJson(text)
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list
  throw refused('value_not_of_type', text, column)
}

function documentOf(text: string, column: Column): Json {
  const json = tryParseJson(text)
  if (json === undefined) throw refused('value_not_of_type', text, column)
  return json
}

function refused(code: FaultCode, text: string, column: Column): Error {
  return fault(code, {
    platform: 'airtable',
    column: column.name,
    detail: `${keyOf(column.name, text)} has no equivalent in Airtable.`,
  })
}

/**
 * A record's columns, all of them: Airtable leaves out what is empty, which is null, or false for a checkbox.
 * @throws SyntaxError when it is no record with an id
 */
export function valuesOf(
  record: Json,
  table: SyncedTable,
  log: Log,
): { id: string; values: Values } {
  if (!isJsonObject(record)) throw new SyntaxError('Cannot read a record: it is no object')
  const { id, fields, [createdTime]: created } = record
  if (typeof id !== 'string' || !isJsonObject(fields)) {
    throw new SyntaxError('Cannot read a record: it has no id or no fields')
  }
  const cells: JsonObject = { ...fields, [createdTime]: created }
  const values = table.columns
    .filter(({ name }) => name !== idColumn)
    .map((column) => [column.name, fromPlatform(own(cells, column.field), column, log)] as const)
  return { id, values: { [idColumn]: id, ...Object.fromEntries(values) } }
}

/**
 * The API's value as text that Postgres reads as the column's type; undefined: the cell is empty. The log hears of a moment
 * that Postgres cannot hold, which is null.
 */
export function fromPlatform(
  value: Json | undefined,
  column: Column,
  log: Log = silentLog,
): string | null {
  const { type } = column
  if (value === undefined || value === null) return type === 'boolean' ? 'false' : null
  if (type === 'jsonb') return writeJson(value)
  if (isJsonNumber(value)) return type === 'integer' ? wholeOf(value.rawJSON) : value.rawJSON
  if (typeof value === 'boolean') return String(value)
  if (type === 'text[]') return writeJson(Array.isArray(value) ? value : [value])
  if (typeof value === 'string') {
    return type === 'timestamptz' || type === 'date' ? readMoment(value, column, log) : value
  }
  return isJsonObject(value) ? specialOf(value, type) : writeJson(value)
}

/** A formula that failed gives `{error: "#ERROR!"}`, one of a division by zero `{specialValue: "NaN"}`. */
function specialOf(value: JsonObject, type: string): string | null {
  const { specialValue } = value
  if (type === 'numeric' && typeof specialValue === 'string') {
    return /^(NaN|-?Infinity)$/.test(specialValue) ? specialValue : null
  }
  return type === 'text' && typeof value['error'] !== 'string' ? writeJson(value) : null
}

/** A whole number can come as `5.0`. */
function wholeOf(token: string): string {
  if (/^-?\d+$/.test(token)) return token
  const number = Number(token)
  return Number.isSafeInteger(number) ? String(number) : token
}
