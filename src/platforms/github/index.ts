// Room platforms: the GitHub adapter. A statement is one request a row of the REST API, or documents of ten rows of the
// GraphQL API; rows are written one by one, so that some can be written and others not. Sources: GitHub Docs, REST API
// version 2022-11-28 and GraphQL API (pages named in each file).

import { rowLimits } from '../../mutation/limits.ts'
import { refreshWith } from '../grants.ts'
import type { Adapter } from '../platform.ts'
import { check } from './credential.ts'
import { describe } from './describe.ts'
import { createFollower } from './follow.ts'
import { mint } from './installation.ts'
import { inquire } from './inquire.ts'
import { oauth } from './oauth.ts'
import { page } from './page.ts'
import { rates } from './rates.ts'
import { requests } from './steps.ts'
import { write } from './write.ts'

export const github: Adapter = {
  platform: 'github',
  limits: rowLimits.github,
  oauth,
  rates,
  requests,
  check,
  describe,
  write,
  inquire,
  page,
  follow: createFollower(Date.now),
  refresh: (grant) => refreshWith(oauth, grant, 'github'),
  mint,
}
