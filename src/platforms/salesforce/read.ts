// Room platforms: requests to Salesforce that only read. What they cannot have becomes a Fault.

import { Fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { recoded as withCode } from '../faults.ts'
import type { Json } from '../json.ts'
import type { Caller } from '../platform.ts'
import { answered, jsonOf, unanswered as noAnswer } from '../reading.ts'
import { type ApiRequest, call } from './client.ts'
import { faultOfResponse, placeOf } from './faults.ts'

/**
 * The JSON of a successful answer. @throws Fault unreachable, credential_refused, rate_limited, not_permitted, … or
 * platform_failed when there is no answer that can be read
 */
export async function read(
  request: ApiRequest,
  { caller, table }: { caller: Caller; table?: SyncedTable },
): Promise<Json> {
  const place = placeOf(table)
  const response = answered(await call(request, caller), place)
  const at = table === undefined ? {} : { table }
  return jsonOf(response, { place, faultOf: (failed) => faultOfResponse(failed, at) })
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, table?: SyncedTable): Fault {
  return noAnswer(reason, placeOf(table))
}

/** The fault of another code, otherwise the same. */
export function recoded(error: Fault, code: 'not_found' | 'bad_request', hint: string): Fault {
  return new Fault(withCode(error.data, code, { hint }), { cause: error })
}
