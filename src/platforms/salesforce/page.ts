// Room platforms: all records of a Salesforce object, page by page, in the order of their ids. Each page is a query of its
// own that begins after the last id, not the rest of an old one: so its records are as they are now, nothing expires
// between two pages, and no open cursor of one table ends that of another.
// Source: REST API Developer Guide, Query; SOAP API Developer Guide, QueryLocator (ten open cursors for a user).

import { fault } from '../../mutation/fault.ts'
import type { Caller, Page } from '../platform.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isSameRecord } from './answer.ts'
import { unanswered } from './read.ts'
import { isTooLong, recordsByIds } from './records.ts'
import { isRecordId } from './request.ts'
import { type Asking, type Found, pathOf, queried, queryRowsMax } from './soql.ts'
import { valuesOf } from './write.ts'

/**
 * One page: at most 2,000 records. The cursor is the last id, and `+` where pages are to be read in two steps, ids and
 * then their records, because the fields or the records are too long for one query.
 * @throws Fault bad_request for a cursor that is none; else as `read`
 */
export async function page(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<Page> {
  const asking = { table, caller }
  const place = readCursor(cursor)
  const fields = table.columns.map(({ field }) => field)
  const path = place.wide ? undefined : pagePath(fields, place, table)
  if (path === undefined) return await widePage(place, asking)
  try {
    const records = await queriedAfter(path, place, asking)
    return { rows: records.map((record) => rowOf(record, asking)), next: nextOf(records, place) }
  } catch (error) {
    if (isTooLong(error)) return await widePage(place, asking)
    throw error
  }
}

/** One page of ids; the cursor is the last id. @throws Fault as `page` */
export async function ids(
  table: SyncedTable,
  cursor: string | null,
  caller: Caller,
): Promise<{ readonly ids: readonly string[]; readonly next: string | null }> {
  const place = readCursor(cursor)
  const records = await idsAfter(place, { table, caller })
  return { ids: records.map(({ Id }) => Id), next: nextOf(records, place) }
}

/** The records that are gone between the two steps are left out. */
async function widePage(place: Place, asking: Asking): Promise<Page> {
  const found = await idsAfter(place, asking)
  const records = await recordsByIds(found.map(({ Id }) => Id), asking)
  const rows = found.flatMap(({ Id }, i) => {
    const record = records[i] ?? null
    return record === null ? [] : [rowOf({ ...record, Id }, asking)]
  })
  return { rows, next: nextOf(found, { ...place, wide: true }) }
}

async function idsAfter(place: Place, asking: Asking): Promise<readonly Found[]> {
  const path = pagePath(['Id'], place, asking.table)
  if (path === undefined) throw fault('bad_request', { detail: 'not a name in SOQL' })
  return await queriedAfter(path, place, asking)
}

/** Pages that do not go on would go on for ever. */
async function queriedAfter(
  path: string,
  { after }: Place,
  asking: Asking,
): Promise<readonly Found[]> {
  const found = await queried(path, asking)
  const stuck = after !== null && found.some(({ Id }) => isSameRecord(Id, after))
  if (stuck) throw unanswered('the page does not begin after the one before', asking.table)
  return found
}

interface Place {
  readonly after: string | null
  readonly wide: boolean
}

/** A cursor comes from outside again. */
function readCursor(cursor: string | null): Place {
  if (cursor === null) return { after: null, wide: false }
  const wide = cursor.endsWith('+')
  const after = wide ? cursor.slice(0, -1) : cursor
  if (isRecordId(after)) return { after, wide }
  throw fault('bad_request', {
    platform: 'salesforce',
    detail: 'The cursor is not one.',
    hint: 'Begin again with the first page.',
  })
}

function pagePath(
  fields: readonly string[],
  { after }: Place,
  table: SyncedTable,
): string | undefined {
  const where = after === null ? {} : { where: `Id > '${after}'` }
  return pathOf('query', { fields, ...where, orderBy: ['Id'], limit: queryRowsMax }, table)
}

function nextOf(records: readonly Found[], { wide }: Place): string | null {
  const last = records.length < queryRowsMax ? undefined : records.at(-1)
  return last === undefined ? null : `${last.Id}${wide ? '+' : ''}`
}

function rowOf(record: Found, { table, caller: { log } }: Asking): Page['rows'][number] {
  return { id: record.Id, values: valuesOf(record, table, log) }
}
