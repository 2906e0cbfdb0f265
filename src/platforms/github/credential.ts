// Room platforms: does GitHub take the token? It is asked for its rate limits, which counts against none of them. Source:
// GitHub REST API, "Get rate limit status for the authenticated user".

import type { Caller } from '../platform.ts'
import { read } from './read.ts'

/** An enterprise server without limits says that there is no such thing, to whom it knows. */
const noLimits = 404

/** @throws Fault credential_refused, or why GitHub does not say */
export async function check(caller: Caller): Promise<void> {
  await read('/rate_limit', { caller, place: {}, absent: [noLimits] })
}
