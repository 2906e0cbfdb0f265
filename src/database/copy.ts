// Room database: the platform's rows as COPY reads them (text format), every value exact, as encodeRows would have it.

import { readJsonArray } from '../lib/json.ts'
import type { Values } from '../mutation/mutation.ts'
import { type Column, idColumn, isJsonType, type SyncedTable } from '../mutation/table.ts'
import { jsonOf } from './rows.ts'

/** A row to be written: all columns of the table; what `values` lacks is null. */
export interface CopyRow {
  readonly id: string
  readonly values: Values
}

/**
 * One line a row: what `before` gives of it (texts that need no escaping, or null), then its id, then the other columns in
 * the order of the table. Throws RangeError when a jsonb or array value is not JSON, naming table and column.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
export function encodeCopy<Row extends CopyRow>(
  table: SyncedTable,
  rows: readonly Row[],
  { before }: { before: (row: Row) => readonly string[] },
): string {
  const columns = table.columns.filter(({ name }) => name !== idColumn)
    .map((column) => ({ name: column.name, encode: encoderOf(table, column) }))
  const lines = rows.map((row) => {
    const fields = columns.map(({ name, encode }) => {
      const value = row.values[name] ?? null
      const text = value === null ? null : encode(value)
      return text === null ? '\\N' : escape(text)
    })
    return `${[...before(row), escape(storable(row.id)), ...fields].join('\t')}\n`
  })
  return lines.join('')
}

function encoderOf(table: SyncedTable, column: Column): (value: string) => string | null {
  const encode = textOf(table, column)
  // the null of JSON is that of Postgres, as in a mutation's rows
  return isJsonType(column.type)
    ? (value) => value.trim() === 'null' ? null : encode(value)
    : encode
}

function textOf(table: SyncedTable, column: Column): (value: string) => string {
  if (column.type.endsWith('[]')) {
    const json = column.type.startsWith('json')
    return (value) => arrayOf(jsonOf(value, column, { table }), { json })
  }
  if (column.type === 'json' || column.type === 'jsonb') {
    return (value) => jsonOf(value, column, { table })
  }
  return storable
}

const special = /[\\\n\r\t]/g
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

function escape(text: string): string {
  return text.replace(special, (found) => escapes[found] ?? found)
}

/** Postgres holds neither U+0000 nor half a surrogate pair: each becomes U+FFFD, not an error after the fact. */
function storable(text: string): string {
  const held = text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
  return held.toWellFormed()
}

/** A JSON array as a literal of a Postgres array; of a JSON string what it says. `json`: its items are JSON. */
function arrayOf(text: string, items: { json: boolean }): string {
  const json = text.trim()
  if (json.startsWith('[')) return literalOf(json, items)
  return json.startsWith('"') ? JSON.parse(json) as string : json
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT */
function literalOf(array: string, { json }: { json: boolean }): string {
  const items = readJsonArray(array).map(({ kind, text }) => {
    if (kind === 'null') return 'NULL'
    if (kind === 'array') return literalOf(text, { json })
    if (kind === 'number' || kind === 'boolean') return text
    const item = json && kind === 'string' ? JSON.stringify(text) : text
    return `"${item.replaceAll(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}
