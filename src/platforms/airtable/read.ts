// Room platforms: what is only read from Airtable: the tables of a base and all records of a table.

import type { HttpResponse } from '../../lib/http.ts'
import type { Log } from '../../lib/log.ts'
import { type Fault, fault, type FaultData } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { recoded } from '../faults.ts'
import { isJsonObject, type Json } from '../json.ts'
import { nameOfWords, uniqueNames } from '../names.ts'
import type { Caller, Page, TableShape } from '../platform.ts'
import { answered, jsonOf, unanswered as noAnswer } from '../reading.ts'
import { type ApiRequest, call } from './client.ts'
import { columnsOf, readField } from './columns.ts'
import { faultOfResponse, placeOf } from './faults.ts'
import { valuesOf } from './values.ts'

/** Among the objects to describe: every table of the base. */
const everyTable = '*'

interface Table {
  readonly id: string
  readonly name: string
  readonly fields: readonly Json[]
}

/**
 * Describes tables, named by id or name; `*`: every table of the base. `object` is the table's id.
 * @throws Fault not_found for a table that the base does not have; else as `read`
 */
export async function describe(
  objects: readonly string[],
  caller: Caller,
): Promise<TableShape[]> {
  const tables = readTables(await read({ kind: 'tables' }, caller))
  const wanted = objects.flatMap((object) =>
    object === everyTable ? tables : [findTable(tables, object)]
  )
  const chosen = [...new Map(wanted.map((table) => [table.id, table])).values()]
  const proposals = new Map(chosen.map(({ id, name }) => [id, nameOfWords(name)]))
  const names = uniqueNames(chosen.map(({ id }) => id), (id) => proposals.get(id) ?? id)
  return chosen.map((table) => shapeOf(table, names.get(table.id) ?? table.id))
}

/** Whose token is it? Any may ask. Source: Airtable Web API reference, "Get user ID & scopes". @throws Fault as `read` */
export async function check(caller: Caller): Promise<void> {
  await read({ kind: 'whoami' }, caller)
}

function findTable(tables: readonly Table[], object: string): Table {
  const table = tables.find(({ id }) => id === object) ??
    tables.find(({ name }) => name === object)
  if (table !== undefined) return table
  const hint = `The base has no table "${object}", or the token may not see it.`
  throw fault('not_found', { platform: 'airtable', hint })
}

function readTables(json: Json): Table[] {
  const tables = isJsonObject(json) ? json['tables'] : undefined
  if (!Array.isArray(tables)) throw unanswered('this is not the schema of a base')
  return tables.map((item: Json) => {
    const { id, name, fields } = isJsonObject(item) ? item : {}
    if (typeof id !== 'string' || typeof name !== 'string' || !Array.isArray(fields)) {
      throw unanswered('the schema of the base has a table without id, name or fields')
    }
    return { id, name, fields }
  })
}

function shapeOf({ id, fields }: Table, name: string): TableShape {
  const known = fields.map(readField).filter((field) => field !== undefined)
  if (known.length !== fields.length) throw unanswered(`table ${id} has a field without id or type`)
  return { object: id, name, columns: columnsOf(known) }
}

/**
 * One page, a hundred records. The cursor is Airtable's `offset`, which expires after a while.
 * @throws Fault bad_request for a cursor that is none or has expired; else as `read`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  if (cursor !== null && !/^[\w/-]{1,200}$/.test(cursor)) {
    throw fault('bad_request', { ...placeOf(table), detail: 'The cursor is not one.' })
  }
  return await listed({ table, cursor }, caller)
}

export interface Listing {
  readonly table: SyncedTable
  readonly cursor: string | null
  /** Only the records for which it is true: a formula in Airtable's language. */
  readonly formula?: string
}

/** One page of records. @throws Fault as `read` */
export async function listed(
  { table, cursor, formula }: Listing,
  caller: Caller,
): Promise<Page> {
  const json = await read(
    {
      kind: 'list',
      table: table.object,
      offset: cursor,
      ...(formula === undefined ? {} : { formula }),
    },
    caller,
    table,
  )
  const { records, offset } = isJsonObject(json) ? json : {}
  if (!Array.isArray(records)) throw unanswered('this is not a page of records', table)
  if (offset !== undefined && typeof offset !== 'string') {
    throw unanswered('the page does not say what comes next', table)
  }
  const items: readonly Json[] = records
  return {
    rows: items.map((record) => rowOf(record, { table, log: caller.log })),
    next: offset ?? null,
  }
}

function rowOf(
  record: Json,
  { table, log }: { table: SyncedTable; log: Log },
): Page['rows'][number] {
  try {
    return valuesOf(record, table, log)
  } catch (error) {
    if (error instanceof SyntaxError) throw unanswered(error.message, table)
    throw error
  }
}

/**
 * The JSON of a successful answer. @throws Fault unreachable, credential_refused, rate_limited, not_permitted, … or
 * platform_failed when there is no answer that can be read
 */
async function read(request: ApiRequest, caller: Caller, table?: SyncedTable): Promise<Json> {
  const place = placeOf(table)
  const response = answered(await call(request, caller), place)
  return jsonOf(response, { place, faultOf: (failed) => faultOfRead(failed, table) })
}

/** The fault for a read whose status is not 200. `record_gone` would speak of a row that nobody meant. */
export function faultOfRead(response: HttpResponse, table?: SyncedTable): FaultData {
  const data = faultOfResponse(response, table === undefined ? {} : { table })
  return data.code === 'record_gone' ? recoded(data, 'not_found') : data
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, table?: SyncedTable): Fault {
  return noAnswer(reason, placeOf(table))
}
