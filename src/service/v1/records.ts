// Room service: records as one statement each. Postgres itself turns the JSON into the table's types, so a value means
// here what it means in `json_populate_recordset`, and the statement takes the way of every other statement.
// https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING

import { quoteIdent, quoteName } from '../../lib/quote.ts'
import { fault } from '../../mutation/fault.ts'
import { findColumn, idColumn, isJsonType, type SyncedTable } from '../../mutation/table.ts'
import { checkText, isJsonObject, type Json, writeJson } from './lossless.ts'

/** One record: column → value. */
export type JsonRecord = Readonly<Record<string, Json>>

/** A statement with one parameter: the records as JSON. */
export interface RecordsStatement {
  readonly sql: string
  readonly parameter: string
}

/** Throws `column_unknown`, `bad_request`. */
export function insertStatement(
  table: SyncedTable,
  records: readonly JsonRecord[],
): RecordsStatement {
  checkRecords(table, records)
  const given = new Set(records.flatMap((record) => Object.keys(record)))
  // a record of nothing but defaults: some column has to be named
  const names = given.size > 0 ? [...given] : [idColumn]
  const columns = names.map(quoteIdent).join(', ')
  return {
    sql: `insert into ${nameOf(table)} (${columns}) select ${columns} from ${
      rowsGiven(table)
    } returning *`,
    parameter: parameterOf(records),
  }
}

/**
 * Sets the same columns in every record, all or none: where a record is missing or stands twice, no row is updated.
 * Throws `column_unknown`, `bad_request`.
 */
export function updateStatement(
  table: SyncedTable,
  records: readonly JsonRecord[],
): RecordsStatement {
  checkRecords(table, records)
  const columns = sameColumns(records)
  const set = columns.map(quoteIdent).map((name) => `${name} = v.${name}`).join(', ')
  return {
    sql: `update ${nameOf(table)} as t set ${set} from ${rowsGiven(table)} as v where ${
      allPresent(table, records.length)
    } returning t.*`,
    parameter: parameterOf(records),
  }
}

/** All or none, as `updateStatement`. Throws `bad_request`. */
export function deleteStatement(table: SyncedTable, ids: readonly string[]): RecordsStatement {
  return {
    sql: `delete from ${nameOf(table)} as t using ${rowsGiven(table)} as v where ${
      allPresent(table, ids.length)
    } returning t.*`,
    parameter: idsParameter(ids),
  }
}

/** Which of the ids stand twice, in two spellings of one: the type of the column decides, not their text. */
export function twinsStatement(table: SyncedTable, ids: readonly string[]): RecordsStatement {
  const sql = `select m.${id}::text from ${
    rowsGiven(table)
  } as m group by m.${id} having count(*) > 1`
  return { sql, parameter: idsParameter(ids) }
}

/** Which of the ids have no row. */
export function missingStatement(table: SyncedTable, ids: readonly string[]): RecordsStatement {
  return { sql: `select m.${id}::text from ${missing(table)}`, parameter: idsParameter(ids) }
}

/** The rows of these ids. */
export function selectStatement(table: SyncedTable, ids: readonly string[]): RecordsStatement {
  const sql = `select t.* from ${nameOf(table)} as t, ${
    rowsGiven(table)
  } as v where t.${id} = v.${id}`
  return { sql, parameter: idsParameter(ids) }
}

/** The ids of records that are to be changed. Throws `bad_request`. */
export function idsOf(records: readonly JsonRecord[]): string[] {
  return checkIds(records.map((record) => record[idColumn]))
}

/** Throws `bad_request` for what is no id, and for one that stands twice. */
export function checkIds(ids: readonly (Json | undefined)[]): string[] {
  const seen = new Set<string>()
  return ids.map((value, index) => {
    if (typeof value !== 'string' || value === '') {
      throw bad(`record ${index + 1} has no "id", which must be a string`)
    }
    checkText(value, `the id of record ${index + 1}`)
    if (seen.has(value)) throw bad(`record "${value}" stands twice`)
    seen.add(value)
    return value
  })
}

const id = quoteIdent(idColumn)

function nameOf({ schema, name }: SyncedTable): string {
  return quoteName(schema, name)
}

/** The parameter as rows of the table's type. */
function rowsGiven(table: SyncedTable): string {
  return `pg_catalog.json_populate_recordset(null::${nameOf(table)}, $1)`
}

function missing(table: SyncedTable): string {
  return `${rowsGiven(table)} as m where not exists (select 1 from ${
    nameOf(table)
  } as x where x.${id} = m.${id})`
}

/** Each of so many records is there, and is named once. */
function allPresent(table: SyncedTable, count: number): string {
  return `t.${id} = v.${id} and not exists (select 1 from ${missing(table)}) and ${count} = (
    select count(distinct d.${id}) from ${rowsGiven(table)} as d)`
}

function parameterOf(records: readonly JsonRecord[]): string {
  return writeJson(records as unknown as Json)
}

function idsParameter(ids: readonly string[]): string {
  return writeJson(ids.map((value) => ({ [idColumn]: value })))
}

function sameColumns(records: readonly JsonRecord[]): string[] {
  const setIn = (record: JsonRecord) => Object.keys(record).filter((name) => name !== idColumn)
  const [first = []] = records.map(setIn)
  if (first.length === 0) throw bad('record 1 sets no column')
  records.forEach((record, index) => {
    const names = new Set(setIn(record))
    if (names.size === first.length && first.every((name) => names.has(name))) return
    throw fault('bad_request', {
      message: `record ${index + 1} sets other columns than record 1`,
      detail: 'A request is one mutation, which sets the same columns in every record.',
      hint: 'Send a request for each set of columns.',
    })
  })
  return first
}

function checkRecords(table: SyncedTable, records: readonly JsonRecord[]): void {
  records.forEach((record, index) => {
    for (const [name, value] of Object.entries(record)) {
      checkValue(table, { name, value, row: index + 1 })
    }
  })
}

function checkValue(
  table: SyncedTable,
  { name, value, row }: { name: string; value: Json; row: number },
): void {
  const place = { schema: table.schema, table: table.name, column: name, row }
  const column = findColumn(table, name)
  if (column === undefined) {
    const message = `column "${name}" of relation "${table.name}" does not exist`
    const detail = `Sync "${table.syncId}" has no such column in ${table.schema}.${table.name}.`
    throw fault('column_unknown', { ...place, platform: table.platform, message, detail })
  }
  if (typeof value === 'string') checkText(value, `column "${name}" of record ${row}`)
  const nested = Array.isArray(value) || isJsonObject(value)
  if (!nested || isJsonType(column.type)) return
  const message = `column "${name}" is of type ${column.type}, not a list or an object`
  throw fault('bad_request', { ...place, message })
}

function bad(message: string): Error {
  return fault('bad_request', { message })
}
