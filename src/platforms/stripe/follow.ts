// Room platforms: following Stripe: its events tell which records changed, and these are read. What no event tells of is
// seen among the newest records, else found when the table is compared with the list.

import type { Follower } from '../platform.ts'
import { changes, start } from './changes.ts'
import { followingOf } from './parts.ts'
import { readMax, reread } from './reread.ts'
import { everyMs } from './tellings.ts'
import { webhooksOf } from './webhooks.ts'

/** `now`: milliseconds since 1970, by this service's clock. */
export function followerWith(now: () => number): Follower {
  return {
    pace: (table) => {
      const { deletions, scanEveryMs } = followingOf(table)
      return { changes: true, deletions, everyMs, scanEveryMs }
    },
    start: (table, caller) => start(table, caller, now),
    changes: (table, cursor, caller) => changes(table, cursor, { caller, now }),
    readMax,
    read: reread,
    webhooks: webhooksOf(now),
  }
}
