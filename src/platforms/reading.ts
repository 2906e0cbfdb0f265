// Room platforms: requests that only read: from the reply to the JSON of its answer, or to a Fault.

import { never } from '../lib/assert.ts'
import type { HttpResponse } from '../lib/http.ts'
import { Fault, fault, type FaultData, type FaultFields } from '../mutation/fault.ts'
import type { Reply } from './call.ts'
import { isSuccess } from './faults.ts'
import { type Json, tryParseJson } from './json.ts'

/** The whole answer, whatever its status. @throws Fault of the unsent request, or platform_failed for a lost reply */
export function answered(reply: Reply, place: FaultFields): HttpResponse {
  switch (reply.state) {
    case 'unsent':
      throw new Fault({ ...place, ...reply.fault })
    case 'lost':
      throw unanswered(reply.reason, place)
    case 'answered':
      return reply.response
    default:
      return never(reply)
  }
}

/** The JSON of a successful answer. @throws Fault that `faultOf` makes of another status; platform_failed without JSON */
export function jsonOf(
  response: HttpResponse,
  { place, faultOf }: {
    place: FaultFields
    faultOf: (response: HttpResponse) => FaultData
  },
): Json {
  if (!isSuccess(response.status)) throw new Fault(faultOf(response))
  const json = tryParseJson(response.body)
  if (json === undefined) throw unanswered('the answer cannot be read', place)
  return json
}

/** Reading failed, or gave what it should not. `place`: the platform at least. */
export function unanswered(reason: string, place: FaultFields): Fault {
  const message = `${place.platform} gave no answer that can be read`
  return fault('platform_failed', { ...place, message, detail: reason })
}
