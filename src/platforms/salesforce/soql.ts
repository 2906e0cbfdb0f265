// Room platforms: SOQL over REST: a query as a path, and its whole answer. A query is always bounded, so its answer is
// read to the end at once and no cursor stays open: a user has ten at most, an eleventh ends the oldest.
// Sources: REST API Developer Guide, "Query", "QueryAll", "Query More Results"; SOAP API Developer Guide, "QueryLocator".

import { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Caller } from '../platform.ts'
import { apiRoot } from './client.ts'
import { read, unanswered } from './read.ts'
import { isRecordId } from './request.ts'

/** Records that one query asks for: as many as Salesforce puts into one answer. */
export const queryRowsMax = 2_000

/** The longest path that Salesforce takes (16,384 bytes for URI and headers together), less the headers. */
export const pathCharactersMax = 15_000

/** Answers that one query may come in: Salesforce cuts those with wide records shorter than 2,000. */
const answersMax = 50

/** Whom to ask, about what. */
export interface Asking {
  readonly table: SyncedTable
  readonly caller: Caller
}

export interface Query {
  /** Names of fields; `COUNT()`-like expressions are none. */
  readonly fields: readonly string[]
  readonly where?: string
  readonly orderBy: readonly string[]
  readonly limit: number
}

/** `/services/data/v62.0/query?q=…`; undefined: a name is none, or the path would be too long. */
export function pathOf(
  resource: 'query' | 'queryAll',
  { fields, where, orderBy, limit }: Query,
  { object }: SyncedTable,
): string | undefined {
  if (![object, ...fields, ...orderBy.map(bare)].every(isName)) return undefined
  const condition = where === undefined ? '' : ` WHERE ${where}`
  const text = `SELECT ${fields.join(',')} FROM ${object}${condition} ` +
    `ORDER BY ${orderBy.join(',')} LIMIT ${limit}`
  const path = `${apiRoot}/${resource}?q=${
    encodeURIComponent(text).replaceAll('%20', '+').replaceAll('%2C', ',')
  }`
  return path.length <= pathCharactersMax ? path : undefined
}

function bare(ordering: string): string {
  return ordering.replace(/ DESC$/, '')
}

/** A name of an object or a field. */
export function isName(text: string): boolean {
  return /^[A-Za-z]\w*$/.test(text)
}

/** `2026-11-26T02:50:00Z`; a fraction, which Salesforce's stamps do not have, is kept. */
export function literalOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}

/** A record as it is answered. */
export type Found = JsonObject & { readonly Id: string }

/**
 * All the records of a query's answer, in their order.
 * @throws Fault as `read`, and platform_failed for what is no whole answer; never bad_request
 */
export async function queried(path: string, asking: Asking): Promise<readonly Found[]> {
  const records: Found[] = []
  let next: string | null = path
  for (let answers = 0; next !== null; answers += 1) {
    if (answers === answersMax) throw unanswered('the answer has no end', asking.table)
    const page = await pageAt(next, asking)
    for (const record of page.records) records.push(record)
    next = page.next
  }
  return records
}

interface QueryPage {
  readonly records: readonly Found[]
  readonly next: string | null
}

async function pageAt(path: string, asking: Asking): Promise<QueryPage> {
  try {
    return pageOf(await read({ method: 'GET', path }, asking), asking)
  } catch (error) {
    // the answer's own cursor was ended by others: asked again from its beginning, it will come
    const broken = error instanceof Fault && error.code === 'bad_request'
    throw broken ? unanswered(error.data.detail ?? 'the answer broke off', asking.table) : error
  }
}

function pageOf(json: Json, { table }: Asking): QueryPage {
  const { done, records, nextRecordsUrl } = isJsonObject(json) ? json : {}
  if (!Array.isArray(records)) throw unanswered('this is not a page of records', table)
  const items: readonly Json[] = records
  const found = items.filter(isFound)
  if (found.length !== items.length) throw unanswered('a record has no id', table)
  if (done === true) return { records: found, next: null }
  if (done === false && typeof nextRecordsUrl === 'string' && isCursor(nextRecordsUrl)) {
    return { records: found, next: nextRecordsUrl }
  }
  throw unanswered('the page does not say what comes next', table)
}

function isFound(record: Json): record is Found {
  const id = isJsonObject(record) ? record['Id'] : undefined
  return typeof id === 'string' && isRecordId(id)
}

/** A path of the query resource, as Salesforce writes it: only such is followed, on the same host. */
export function isCursor(text: string): boolean {
  return /^\/services\/data\/v\d+\.\d+\/query(All)?\/[A-Za-z0-9-]+$/.test(text)
}
