// Room platforms: values on their way to GitHub and back. Numbers keep every digit, moments their instant.
// Source: GitHub Docs, Getting started with the REST API: timestamps are ISO 8601 in UTC, of whole seconds.

import type { Log } from '../../lib/log.ts'
import { fault, type FaultCode } from '../../mutation/fault.ts'
import type { Column } from '../../mutation/table.ts'
import { readMoment, utcOf } from '../instants.ts'
import { isJsonNumber, type Json, jsonNumber, tryParseJson, writeJson } from '../json.ts'
import { keyOf } from '../words.ts'
import type { GithubColumn } from './columns.ts'

/**
 * The value as the REST API takes it. A list column's null is the empty list.
 * @throws Fault with column and DETAIL: required_value_missing where GitHub has no null, value_not_of_type or
 * value_out_of_range where it has no such value
 */
export function toPlatform(text: string | null, column: GithubColumn): Json {
  if (text === null) return emptyOf(column)
  switch (column.type) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refused('value_not_of_type', text, column)
      return text === 'true'
    case 'integer':
    case 'bigint':
      return numberOf(text, column)
    case 'timestamptz':
      return instantOf(text, column)
    case 'text[]':
      return listOf(text, column)
    default:
      return text
  }
}

function emptyOf(column: GithubColumn): Json {
  if (column.type === 'text[]') return []
  switch (column.empty) {
    case 'null':
      return null
    case 'blank':
      return ''
    case 'never':
      throw fault('required_value_missing', {
        platform: 'github',
        column: column.name,
        detail: `GitHub has no null for "${column.name}".`,
      })
  }
}

/**
 * The value as text that Postgres reads as the column's type: the form of `Values`. A moment that Postgres cannot hold is
 * null, and the log hears of it.
 */
export function fromPlatform(value: Json, column: GithubColumn, log: Log): string | null {
  if (value === null || (value === '' && column.empty === 'blank')) return null
  if (column.type === 'text[]') return writeJson(value)
  if (isJsonNumber(value)) return value.rawJSON
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return writeJson(value)
  return column.type === 'timestamptz' ? readMoment(value, column, log) : value
}

function refused(code: FaultCode, text: string, column: Column): Error {
  return fault(code, {
    platform: 'github',
    column: column.name,
    detail: `${keyOf(column.name, text)} has no equivalent in GitHub.`,
  })
}

function numberOf(text: string, column: Column): Json {
  if (!/^-?\d+$/.test(text)) throw refused('value_not_of_type', text, column)
  return jsonNumber(text)
}

/** GitHub is told UTC in whole seconds; infinity, BC and years above 9999 it does not have. */
function instantOf(text: string, column: Column): string {
  const utc = utcOf(text)
  if (utc === undefined) throw refused('value_out_of_range', text, column)
  return utc.replace(/\.\d+Z$/, 'Z')
}

/** An array of texts; GitHub has no null among labels or people. */
export function listOf(text: string, column: Column): string[] {
  const list = tryParseJson(text)
  if (!Array.isArray(list)) throw refused('value_not_of_type', text, column)
  const items: readonly unknown[] = list
  return items.map((item) => {
    if (typeof item === 'string') return item
    throw refused('value_not_of_type', text, column)
  })
}
