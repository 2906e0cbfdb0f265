// Room platforms: the Stripe adapter. One row is one HTTP request with its own Idempotency-Key, several at a time; rows
// are written or refused one by one. Settings: `mode` (live, test) and `concurrency`. Sources: Stripe API reference,
// version 2026-10-28.endive, and the pages named in each file.

import { rowLimits } from '../../mutation/limits.ts'
import { refreshWith } from '../grants.ts'
import type { Adapter } from '../platform.ts'
import { check } from './check.ts'
import { describe } from './describe.ts'
import { followerWith } from './follow.ts'
import { inquire } from './inquire.ts'
import { oauth } from './oauth.ts'
import { page } from './page.ts'
import { rates } from './rates.ts'
import { requests } from './request.ts'
import { write } from './write.ts'

export const stripe: Adapter = {
  platform: 'stripe',
  limits: rowLimits.stripe,
  oauth,
  rates,
  requests,
  check,
  describe,
  write,
  inquire,
  page,
  follow: followerWith(Date.now),
  refresh: (grant) => refreshWith(oauth, grant, 'stripe'),
}
