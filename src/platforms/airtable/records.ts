// Room platforms: records of Airtable by their ids, as they are now. Source: Airtable Web API reference, "List records"
// (a URL may have 16,000 characters), "Get record".

import { assert } from '../../lib/assert.ts'
import { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { answered } from '../reading.ts'
import type { Caller, Follower, Page, Ref } from '../platform.ts'
import { call } from './client.ts'
import { placeOf, readError } from './faults.ts'
import { isOneOf, isRecordId } from './formulas.ts'
import { faultOfRead, listed, unanswered } from './read.ts'

/** A page of a list; their formula has some 5,000 characters in a URL. */
export const readMax = 100

/**
 * The records in one request; in one more when some are not there: one of those is asked for alone, so that a filter that
 * does not work is not taken for a table that is empty.
 * @throws Fault as `listed`; platform_failed when list and record do not say the same
 */
export async function readRecords(
  table: SyncedTable,
  refs: readonly Ref[],
  caller: Caller,
): ReturnType<Follower['read']> {
  assert(refs.length <= readMax, 'records are read a page at a time')
  const ids = [...new Set(refs.map(({ id }) => id))]
  const asked = ids.filter(isRecordId) // no other id is one of a record
  const found = asked.length === 0 ? new Map<string, Row>() : await foundOf(table, asked, caller)
  const missing = asked.find((id) => !found.has(id))
  if (missing !== undefined) await checkGone(table, missing, caller)
  return ids.map((id) => found.get(id) ?? { id, values: null })
}

type Row = Page['rows'][number]

async function foundOf(
  table: SyncedTable,
  ids: readonly string[],
  caller: Caller,
): Promise<ReadonlyMap<string, Row>> {
  const { rows, next } = await listed({ table, cursor: null, formula: isOneOf(ids) }, caller)
  const found = new Map(rows.map((row) => [row.id, row]))
  const wanted = new Set(ids)
  if (next !== null || found.size !== rows.length || rows.some(({ id }) => !wanted.has(id))) {
    throw unanswered('the list is not of the records that were asked for', table)
  }
  return found
}

/** What Airtable says of a record that is not there; the list has just shown that the table may be read. */
const absences: ReadonlySet<string> = new Set([
  'NOT_FOUND',
  'MODEL_ID_NOT_FOUND',
  'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND',
  'ROW_DOES_NOT_EXIST',
])

async function checkGone(table: SyncedTable, id: string, caller: Caller): Promise<void> {
  const reply = await call({ kind: 'record', table: table.object, id }, caller)
  const response = answered(reply, placeOf(table))
  if (response.status === 200) throw unanswered('a list lacks a record that is there', table)
  const type = readError(response.body)?.type
  if (type !== undefined && absences.has(type)) return
  throw new Fault(faultOfRead(response, table))
}
