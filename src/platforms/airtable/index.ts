// Room platforms: the Airtable adapter. One statement is one HTTP request of at most ten records, taken or refused whole.
// The connection's setting `base` says which base it is for. Source: Airtable Web API reference.

import { rowLimits } from '../../mutation/limits.ts'
import { refreshWith } from '../grants.ts'
import type { Adapter } from '../platform.ts'
import { follow } from './follow.ts'
import { inquire } from './inquire.ts'
import { oauth } from './oauth.ts'
import { rates, requests } from './rates.ts'
import { check, describe, page } from './read.ts'
import { write } from './write.ts'

export const airtable: Adapter = {
  platform: 'airtable',
  limits: rowLimits.airtable,
  oauth,
  rates,
  requests,
  check,
  describe,
  write,
  inquire,
  page,
  follow,
  refresh: (grant) => refreshWith(oauth, grant, 'airtable'),
}
