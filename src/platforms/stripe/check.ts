// Room platforms: does Stripe take the key? It is asked for the newest event: what a key needs for following is just that.
// Source: Stripe API reference, "List all events", "Authentication".

import type { Caller } from '../platform.ts'
import { answered, jsonOf } from '../reading.ts'
import { call } from './client.ts'
import { faultOf, placeOf } from './faults.ts'

/** @throws Fault credential_refused, or why Stripe does not say */
export async function check(caller: Caller): Promise<void> {
  const place = placeOf({})
  const response = answered(
    await call({ method: 'GET', path: '/v1/events?limit=1' }, caller),
    place,
  )
  // a restricted key that may not read events is a key all the same
  if (response.status === 403 && faultOf(response, {}).code === 'not_permitted') return
  jsonOf(response, { place, faultOf: (failed) => faultOf(failed, {}) })
}
