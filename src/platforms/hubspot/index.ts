// Room platforms: the HubSpot adapter. One statement is one HTTP request, which can be carried out in part. Sources:
// HubSpot's CRM API guides (pages named in each file), version 3.

import { refreshWith } from '../grants.ts'
import { rowLimits } from '../../mutation/limits.ts'
import type { Adapter } from '../platform.ts'
import { check, custom, describe } from './describe.ts'
import { createFollower } from './follow.ts'
import { inquire } from './inquire.ts'
import { oauth } from './oauth.ts'
import { page } from './page.ts'
import { rates } from './rates.ts'
import { requests } from './request.ts'
import { write } from './write.ts'

export const hubspot: Adapter = {
  platform: 'hubspot',
  limits: rowLimits.hubspot,
  oauth,
  rates,
  requests,
  check,
  describe,
  custom,
  write,
  inquire,
  page,
  follow: createFollower(Date.now),
  refresh: (grant) => refreshWith(oauth, grant, 'hubspot'),
}
