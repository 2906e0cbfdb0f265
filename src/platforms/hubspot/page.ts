// Room platforms: all records of a HubSpot object, page by page.
// Source: CRM API guide, Objects: list (limit, after, properties), batch read.

import { fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller, Page } from '../platform.ts'
import { type ApiRecord, readRecord, valuesOf } from './answer.ts'
import { propertiesOf } from './columns.ts'
import { objectType } from './objects.ts'
import { read, readRecords, resultsOf, unanswered } from './read.ts'

/** Records on a page: the most that a list gives and that a batch reads. */
const pageRowsMax = 100

/**
 * Properties have to be named to be read, and HubSpot refuses a URL that is too long (414; seen from about 8,000
 * characters on). With more, the list gives the ids alone and a batch read the properties.
 */
const queryCharactersMax = 6_000

/**
 * One page, in the order of the list. The cursor is HubSpot's `after`. Archived records are not in it.
 * @throws Fault bad_request for a cursor that is none; else as `read`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const properties = propertiesOf(table.columns)
  const fits = queryCharacters(properties) <= queryCharactersMax
  const { records: listed, next } = await list(table, {
    cursor,
    caller,
    ...(fits ? { properties } : {}),
  })
  const records = fits ? listed : await withProperties(listed, { caller, table })
  return {
    rows: records.map((record) => ({ id: record.id, values: valuesOf(record, table, caller.log) })),
    next,
  }
}

export interface Listing {
  readonly cursor: string | null
  readonly caller: Caller
  /** HubSpot's own choice when absent. */
  readonly properties?: readonly string[]
  /** The archived records instead of the others. */
  readonly archived?: boolean
}

/** One page of the list as HubSpot gives it, at most 100 records. @throws Fault as `page` */
export async function list(
  table: SyncedTable,
  { cursor, caller, properties, archived }: Listing,
): Promise<{ readonly records: readonly ApiRecord[]; readonly next: string | null }> {
  if (cursor !== null && !isCursor(cursor)) {
    throw fault('bad_request', { platform: 'hubspot', detail: 'The cursor is not one.' })
  }
  const json = await read((sdk) =>
    sdk.basic.getPage(
      objectType(table.object),
      pageRowsMax,
      cursor ?? undefined,
      properties === undefined ? undefined : [...properties],
      undefined,
      undefined,
      archived,
    ), { caller, table })
  return { records: recordsIn(json, table), next: nextOf(json, table) }
}

/** A record that was archived in the meantime is left out. */
async function withProperties(
  listed: readonly ApiRecord[],
  at: { caller: Caller; table: SyncedTable },
): Promise<ApiRecord[]> {
  const found = await readRecords(listed.map(({ id }) => id), at)
  return listed.flatMap(({ id }) => found.get(id) ?? [])
}

/** As the SDK writes them: each as a parameter of its own. */
function queryCharacters(properties: readonly string[]): number {
  return properties.reduce((sum, name) => sum + `&properties=${encodeURIComponent(name)}`.length, 0)
}

/** A cursor comes from outside again. */
function isCursor(text: string): boolean {
  return /^[A-Za-z0-9+/=_.~-]{1,500}$/.test(text)
}

function recordsIn(json: Json, table: SyncedTable): ApiRecord[] {
  return resultsOf(json, 'a page of records', table).map((item) => {
    const record = readRecord(item)
    if (record === undefined) throw unanswered('a record has no id', table)
    return record
  })
}

/** The last page has no `paging.next`. */
function nextOf(json: Json, table: SyncedTable): string | null {
  const paging = isJsonObject(json) ? json['paging'] : undefined
  const next = isJsonObject(paging) ? paging['next'] : undefined
  if (!isJsonObject(next)) return null
  const { after } = next
  if (typeof after === 'string' && isCursor(after)) return after
  throw unanswered('the page does not say what comes next', table)
}
