// Room platforms: Salesforce's log of deletions, for times in which nobody looked: what was deleted then may have left the
// recycle bin since, where a feed by stamps sees it. The log knows 15 days, or fewer, and says so.
// Sources: REST API Developer Guide, "sObject Get Deleted"; SOAP API Developer Guide, "getDeleted", "Polling for Changes".

import { Fault, type FaultCode } from '../../mutation/fault.ts'
import { isJsonObject, type Json } from '../json.ts'
import { apiRoot } from './client.ts'
import { read, recoded, unanswered } from './read.ts'
import { isRecordId } from './request.ts'
import type { Asking } from './soql.ts'

/** Records to be read one by one; for more it costs less to fill the table anew. */
const deletionsMax = 50_000

const refill = 'Salesforce does not tell any more what was deleted; the table must be filled anew.'

/** The log does not go back so far, tells of too many, or is not kept of this object. */
const ends: ReadonlySet<FaultCode> = new Set([
  'bad_request',
  'form_not_supported',
  'not_found',
  'record_gone',
  'too_many_rows',
])

export interface Deletions {
  readonly ids: readonly string[]
  /** Everything deleted before is among them, transactions under way included; milliseconds since 1970. */
  readonly covered: number
}

/**
 * The ids deleted from `from` until `until`, milliseconds since 1970 by Salesforce's clock; whole minutes count.
 * @throws Fault bad_request when the log does not know it all any more; else as `read`
 */
export async function deletedBetween(
  { from, until }: { readonly from: number; readonly until: number },
  asking: Asking,
): Promise<Deletions> {
  const span = `start=${momentOf(from)}&end=${momentOf(until)}`
  const path = `${apiRoot}/sobjects/${asking.table.object}/deleted?${span}`
  const { ids, earliest, covered } = readLog(await logAt(path, asking), asking)
  if (earliest > from) throw tooOld(`The log of deletions begins at ${isoOf(earliest)}`, asking)
  if (ids.length > deletionsMax) throw tooOld(`${ids.length} records were deleted`, asking)
  return { ids, covered }
}

async function logAt(path: string, asking: Asking): Promise<Json> {
  try {
    return await read({ method: 'GET', path }, asking)
  } catch (error) {
    const ended = error instanceof Fault && ends.has(error.code)
    throw ended ? recoded(error, 'bad_request', refill) : error
  }
}

/** The table's changes since so long ago are not to be had. */
export function tooOld(reason: string, { table }: Asking): Fault {
  return recoded(unanswered(`${reason}.`, table), 'bad_request', refill)
}

function readLog(json: Json, { table }: Asking): Deletions & { readonly earliest: number } {
  const { deletedRecords, earliestDateAvailable, latestDateCovered } = isJsonObject(json)
    ? json
    : {}
  if (!Array.isArray(deletedRecords)) throw unanswered('this is not a log of deletions', table)
  const items: readonly Json[] = deletedRecords
  const ids = items.map((item) => isJsonObject(item) ? item['id'] : undefined)
    .filter((id) => typeof id === 'string' && isRecordId(id)) as string[]
  if (ids.length !== items.length) throw unanswered('a deletion has no id', table)
  const covered = timeOf(latestDateCovered)
  const earliest = earliestDateAvailable === null ? 0 : timeOf(earliestDateAvailable)
  if (covered === undefined || earliest === undefined) {
    throw unanswered('the log of deletions does not say which time it covers', table)
  }
  return { ids, covered, earliest }
}

function timeOf(json: Json | undefined): number | undefined {
  const timeMs = typeof json === 'string' ? Date.parse(json) : Number.NaN
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** `2026-11-26T02:50:00+00:00`, as it stands in a URL. */
function momentOf(timeMs: number): string {
  return encodeURIComponent(isoOf(timeMs).replace('Z', '+00:00'))
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z')
}
