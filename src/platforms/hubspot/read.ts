// Room platforms: requests to HubSpot that only read. What they cannot have becomes a Fault.

import type { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller } from '../platform.ts'
import { answered, jsonOf, unanswered as noAnswer } from '../reading.ts'
import { type ApiRecord, readBatch } from './answer.ts'
import { call, type Sdk } from './client.ts'
import { propertiesOf } from './columns.ts'
import { faultOfResponse, placeOf } from './faults.ts'
import { objectType } from './objects.ts'

/**
 * The JSON of a successful answer. @throws Fault unreachable, credential_refused, rate_limited, not_permitted, … or
 * platform_failed when there is no answer that can be read
 */
export async function read(
  run: (sdk: Sdk) => Promise<unknown>,
  { caller, table }: { caller: Caller; table?: SyncedTable },
): Promise<Json> {
  const place = placeOf(table)
  const response = answered(await call(run, caller), place)
  const at = table === undefined ? {} : { table }
  return jsonOf(response, { place, faultOf: (failed) => faultOfResponse(failed, at) })
}

/**
 * The records with these ids, at most 100, with all properties of the table; those that are gone are missing.
 * @throws Fault as `read`
 */
export async function readRecords(
  ids: readonly string[],
  { caller, table }: { caller: Caller; table: SyncedTable },
): Promise<ReadonlyMap<string, ApiRecord>> {
  if (ids.length === 0) return new Map()
  const json = await read((sdk) =>
    sdk.batch.read(objectType(table.object), {
      inputs: ids.map((id) => ({ id })),
      properties: propertiesOf(table.columns),
      propertiesWithHistory: [],
    }), { caller, table })
  const answer = readBatch(json)
  if (answer === undefined) throw unanswered('this is not a batch of records', table)
  return new Map(answer.records.map((record) => [record.id, record]))
}

/** The list under `results`. */
export function resultsOf(json: Json, what: string, table?: SyncedTable): readonly Json[] {
  const results = isJsonObject(json) ? json['results'] : undefined
  if (!Array.isArray(results)) throw unanswered(`this is not ${what}`, table)
  return results as readonly Json[]
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, table?: SyncedTable): Fault {
  return noAnswer(reason, placeOf(table))
}
