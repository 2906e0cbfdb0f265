// Room platforms: all records of a Salesforce object, page by page, in the order of their ids.
// Source: REST API Developer Guide, Query and Query More Results; up to 2000 records a page.

import { Fault, fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller, Page } from '../platform.ts'
import { apiRoot } from './client.ts'
import { read, recoded, unanswered } from './read.ts'
import { valuesOf } from './write.ts'

/** The longest path that Salesforce takes (16,384 bytes for URI and headers together), less the headers. */
const pathCharactersMax = 15_000

/**
 * One page. The cursor is Salesforce's `nextRecordsUrl`, good for about two days.
 * @throws Fault bad_request for a cursor that is none or has expired; else as `read`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const path = cursor === null ? queryPath(table) : cursorPath(cursor)
  try {
    return readPage(await read({ method: 'GET', path }, { caller, table }), { table, caller })
  } catch (error) {
    const expired = error instanceof Fault && error.code === 'bad_request'
    throw expired ? recoded(error, 'bad_request', 'Begin again with the first page.') : error
  }
}

function queryPath(table: SyncedTable): string {
  const fields = table.columns.map(({ field }) => field)
  for (const name of [table.object, ...fields]) {
    if (!/^[A-Za-z]\w*$/.test(name)) throw fault('bad_request', { detail: 'not a name in SOQL' })
  }
  const path = `${apiRoot}/query?q=SELECT+${fields.join(',')}+FROM+${table.object}+ORDER+BY+Id`
  if (path.length > pathCharactersMax) {
    throw fault('bad_request', {
      platform: 'salesforce',
      detail: `The ${fields.length} columns of "${table.name}" do not fit into one query.`,
    })
  }
  return path
}

/** A cursor comes from outside again: only a path of the query resource, on the same host, is followed. */
function cursorPath(cursor: string): string {
  if (isCursor(cursor)) return cursor
  throw fault('bad_request', { platform: 'salesforce', detail: 'The cursor is not one.' })
}

/** A path of the query resource, as Salesforce writes it. */
export function isCursor(text: string): boolean {
  return /^\/services\/data\/v\d+\.\d+\/query\/[A-Za-z0-9-]+$/.test(text)
}

interface Reading {
  readonly table: SyncedTable
  readonly caller: Caller
}

function readPage(json: Json, reading: Reading): Page {
  const { table } = reading
  const { done, records, nextRecordsUrl } = isJsonObject(json) ? json : {}
  if (!Array.isArray(records)) throw unanswered('this is not a page of records', table)
  const items: readonly Json[] = records
  const rows = items.map((record) => rowOf(record, reading))
  if (done === true) return { rows, next: null }
  if (done === false && typeof nextRecordsUrl === 'string' && isCursor(nextRecordsUrl)) {
    return { rows, next: nextRecordsUrl }
  }
  throw unanswered('the page does not say what comes next', table)
}

function rowOf(record: Json, { table, caller: { log } }: Reading): Page['rows'][number] {
  const id = isJsonObject(record) ? record['Id'] : undefined
  if (!isJsonObject(record) || typeof id !== 'string') {
    throw unanswered('a record has no id', table)
  }
  return { id, values: valuesOf(record, table, log) }
}
