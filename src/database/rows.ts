// Room database: the platform's rows as the JSON that Postgres turns into rows, every value exact.

import type { OutcomeRow, Values } from '../mutation/mutation.ts'
import { idColumn, isJsonType, type Operation, type SyncedTable } from '../mutation/table.ts'

/** What is noted of a mutation besides its rows, in `sluice.mutations`. */
export interface About {
  readonly outcome: 'accepted' | 'partial'
  /** The login at the listener; null: none. */
  readonly login: string | null
  /** Requests made to the platform; null: not known. */
  readonly requests: number | null
  /** How long the platform took, in milliseconds. */
  readonly durationMs: number
}

/** What goes with the rows. */
export interface TicketOptions {
  readonly about?: About | undefined
  /** An upsert: the column it goes by. */
  readonly upsertBy?: string | undefined
}

/**
 * The rows of an accepted outcome for openSql in mode `apply`. Inserts are keyed by ordinal, updates and deletes by id;
 * a row without values is deleted. Columns that the table does not have are left out. Columns that the platform did not
 * answer never get the client's value: an insert leaves them null (`nulls`, once for all rows: most columns of most
 * rows are), an update leaves them as they were, and an upsert does the one or the other.
 * Throws RangeError when a jsonb or array value is not JSON, naming table and column.
 */
export function encodeTicketRows(
  table: SyncedTable,
  operation: Operation,
  rows: readonly OutcomeRow[],
  { about, upsertBy }: TicketOptions = {},
): string {
  const entries = rows.map((row) => {
    const key = operation === 'insert' ? String(row.ordinal) : row.id
    return `${quote(key)}:${encodeEntry(table, row, { operation, upsertBy })}`
  })
  const names = table.columns.map(({ name }) => name).filter((name) => name !== idColumn)
  const nulls = operation === 'insert'
    ? `"nulls":{${names.map((name) => `${quote(name)}:null`).join(',')}},`
    : ''
  const upsert = upsertBy === undefined ? '' : `"upsert":${quote(upsertBy)},`
  return `{"schema":${quote(table.schema)},"table":${quote(table.name)},` +
    `"operation":${quote(operation)},${upsert}${encodeAbout(about)}${nulls}"rows":{${
      entries.join(',')
    }}}`
}

function encodeAbout(about: About | undefined): string {
  if (about === undefined) return ''
  const { outcome, login, requests, durationMs } = about
  const json = JSON.stringify({ outcome, login, requests, duration_ms: Math.round(durationMs) })
  return `"about":${storableJson(json)},`
}

function encodeEntry(
  table: SyncedTable,
  row: OutcomeRow,
  { operation, upsertBy }: { operation: Operation; upsertBy: string | undefined },
): string {
  const id = quote(row.id)
  if (operation === 'delete' || row.values === null) return `{"op":"delete","id":${id}}`
  const values = row.values
  if (operation === 'insert' && upsertBy === undefined) {
    return `{"op":"upsert","id":${id},"row":${
      encodeRow(table, { id: row.id, values }, { nulls: false })
    }}`
  }
  const missing = table.columns
    .filter(({ name }) => name !== idColumn && !Object.hasOwn(values, name))
    .map(({ name }) => name)
  const keep = missing.length === 0 ? '' : `,"keep":[${missing.map(quote).join(',')}]`
  return `{"op":"upsert","id":${id},"row":${encodeRow(table, { id: row.id, values })}${keep}}`
}

/** One row as a JSON object with its id: text as strings, jsonb and arrays as they are; columns of the table only. */
export function encodeRow(
  table: SyncedTable,
  { id, values }: { id: string; values: Values },
  { nulls = true }: { nulls?: boolean } = {},
): string {
  const columns = columnsOf(table)
  const members = [`${quote(idColumn)}:${quote(id)}`]
  for (const [name, value] of Object.entries(values)) {
    const column = columns.get(name)
    if (name === idColumn || column === undefined || (value === null && !nulls)) continue
    members.push(`${column.quoted}:${encodeValue(value, column, { table })}`)
  }
  return `{${members.join(',')}}`
}

/** Rows as a JSON array, for jsonb_populate_recordset. */
export function encodeRows(
  table: SyncedTable,
  rows: readonly { readonly id: string; readonly values: Values | null }[],
): string {
  return `[${
    rows.map(({ id, values }) => encodeRow(table, { id, values: values ?? {} })).join(',')
  }]`
}

interface QuotedColumn {
  readonly name: string
  readonly type: string
  readonly quoted: string
}

const quotedColumns = new WeakMap<SyncedTable, ReadonlyMap<string, QuotedColumn>>()

/** The columns by their names; remembered, since they are asked for every row. */
function columnsOf(table: SyncedTable): ReadonlyMap<string, QuotedColumn> {
  const known = quotedColumns.get(table)
  if (known !== undefined) return known
  const columns = new Map(
    table.columns.map(({ name, type }) => [name, { name, type, quoted: quote(name) }]),
  )
  quotedColumns.set(table, columns)
  return columns
}

function encodeValue(
  value: string | null,
  column: QuotedColumn,
  { table }: { table: SyncedTable },
): string {
  if (value === null) return 'null'
  return isJsonType(column.type) ? jsonOf(value, column, { table }) : quote(value)
}

/** The JSON of a jsonb or array value as Postgres can hold it. Throws RangeError, naming table and column, when it is none. */
export function jsonOf(
  value: string,
  { name }: { readonly name: string },
  { table }: { table: SyncedTable },
): string {
  try {
    JSON.parse(value)
  } catch (cause) {
    const place = `${table.schema}.${table.name}.${name}`
    throw new RangeError(`Cannot read the value of ${place} as JSON`, { cause })
  }
  return storableJson(value.toWellFormed())
}

function quote(text: string): string {
  return storableJson(JSON.stringify(text))
}

const escapes =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\u0000|\\[^]/g

/** Postgres holds neither U+0000 nor half a surrogate pair: each becomes U+FFFD, not an error after the fact. */
function storableJson(json: string): string {
  if (!json.includes('\\u')) return json
  return json.replace(escapes, (escape) => escape.length === 6 ? '\\ufffd' : escape)
}

/** Ids for lockSql: an array literal of Postgres. */
export function encodeIds(ids: readonly string[]): string {
  return `{${ids.map((id) => `"${id.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`
}
