// Room platforms: requests to GitHub that only read. What they cannot have becomes a Fault.

import type { HttpResponse } from '../../lib/http.ts'
import type { Fault } from '../../mutation/fault.ts'
import type { Json } from '../json.ts'
import type { Caller } from '../platform.ts'
import { answered, jsonOf, unanswered as noAnswer } from '../reading.ts'
import { call } from './client.ts'
import { faultOfResponse, type Place, placeOf } from './faults.ts'

export interface ReadOptions {
  readonly caller: Caller
  readonly place: Place
}

/** A successful answer. */
export interface Read {
  readonly json: Json
  readonly headers: HttpResponse['headers']
}

/**
 * One GET. undefined: GitHub answered with one of the statuses in `absent`.
 * @throws Fault unreachable, credential_refused, rate_limited, not_permitted, not_found, … or platform_failed when there is
 * no answer that can be read
 */
export async function read(
  path: string,
  { caller, place, absent = [] }: ReadOptions & { absent?: readonly number[] },
): Promise<Read | undefined> {
  const at = placeOf(place)
  const response = answered(await call({ kind: 'rest', method: 'GET', path }, caller), at)
  if (absent.includes(response.status)) return undefined
  const json = jsonOf(response, { place: at, faultOf: (failed) => faultOfResponse(failed, place) })
  return { json, headers: response.headers }
}

/** Reading failed, or gave what it should not. */
export function unanswered(reason: string, place: Place): Fault {
  return noAnswer(reason, placeOf(place))
}
