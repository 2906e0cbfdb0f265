// Room platforms: requests to Salesforce that only read. What they cannot have becomes a Fault.

import { Fault, fault, faultData } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { type Json, tryParseJson } from '../json.ts'
import type { Caller } from '../platform.ts'
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
  const reply = await call(request, caller)
  switch (reply.state) {
    case 'unsent':
      throw new Fault({ ...placeOf(table), ...reply.fault })
    case 'lost':
      throw unanswered(reply.reason, table)
    case 'answered': {
      const { status, body } = reply.response
      if (status < 200 || status >= 300) {
        throw new Fault(faultOfResponse(reply.response, table === undefined ? {} : { table }))
      }
      const json = tryParseJson(body)
      if (json === undefined) throw unanswered('the answer cannot be read', table)
      return json
    }
  }
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, table?: SyncedTable): Fault {
  return fault('platform_failed', {
    ...placeOf(table),
    message: 'salesforce gave no answer that can be read',
    detail: reason,
  })
}

/** The fault of another code, otherwise the same. */
export function recoded(error: Fault, code: 'not_found' | 'bad_request', hint: string): Fault {
  const { code: _code, sqlstate: _state, message: _words, ...fields } = error.data
  return new Fault(faultData(code, { ...fields, hint }), { cause: error })
}
