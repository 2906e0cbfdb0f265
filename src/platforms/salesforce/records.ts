// Room platforms: Salesforce records read by their ids, however many and however long.
// Source: REST API Developer Guide, "Get Records with sObject Collections" (POST: up to 2,000 ids, any number of fields).

import { Fault } from '../../mutation/fault.ts'
import type { JsonObject } from '../json.ts'
import { readRecords } from './answer.ts'
import { read, unanswered } from './read.ts'
import { readRequest } from './request.ts'
import type { Asking } from './soql.ts'

/** Ids that one request takes. */
export const readRowsMax = 2_000

/**
 * The records in the order of the ids; null: there is none, or it is in the recycle bin. In one request, or in several
 * where one answer would be longer than our transport reads.
 * @throws Fault as `read`
 */
export async function recordsByIds(
  ids: readonly string[],
  asking: Asking,
): Promise<readonly (JsonObject | null)[]> {
  const found: (JsonObject | null)[] = []
  let rows = readRowsMax
  while (found.length < ids.length) {
    const some = ids.slice(found.length, found.length + rows)
    try {
      found.push(...await readSome(some, asking))
    } catch (error) {
      if (some.length === 1 || !isTooLong(error)) throw error
      rows = Math.ceil(some.length / 4)
    }
  }
  return found
}

async function readSome(
  ids: readonly string[],
  { table, caller }: Asking,
): Promise<readonly (JsonObject | null)[]> {
  const json = await read(readRequest(ids, table), { caller, table })
  const records = readRecords(json, ids)
  if (records === undefined) throw unanswered('these are not the records asked for', table)
  return records
}

/** Was the answer longer than our transport reads? So its failure says. */
export function isTooLong(error: unknown): boolean {
  return error instanceof Fault && (error.data.detail ?? '').includes('the answer is too long')
}
