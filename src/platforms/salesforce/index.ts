// Room platforms: the Salesforce adapter. One statement is one HTTP request: all rows or none, read back in the same
// request. Sources: Salesforce REST API Developer Guide (pages named in each file), API version 62.0.

import { rowLimits } from '../../mutation/limits.ts'
import { refreshWith } from '../grants.ts'
import type { Adapter } from '../platform.ts'
import { check, custom, describe } from './describe.ts'
import { createFollower } from './follow.ts'
import { inquire } from './inquire.ts'
import { oauth } from './oauth.ts'
import { page } from './page.ts'
import { rates } from './rates.ts'
import { requests } from './requests.ts'
import { write } from './write.ts'

export const salesforce: Adapter = {
  platform: 'salesforce',
  limits: rowLimits.salesforce,
  oauth,
  rates,
  requests,
  check,
  describe,
  custom,
  write,
  inquire,
  page,
  follow: createFollower({ now: Date.now }),
  refresh: (grant) => refreshWith(oauth, grant, 'salesforce'),
}
