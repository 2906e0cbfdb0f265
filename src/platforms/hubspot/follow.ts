// Room platforms: how HubSpot's tables stay true.
// All objects are followed in one way: what was made and changed by the search, what was archived by the list of archived
// records, a page with every look; webhooks hasten both. What goes without a trace (erased for privacy, merged where no
// record says so) is found by comparing ids.

import type { Follower } from '../platform.ts'
import { changes, type Now, start } from './changes.ts'
import { countRecords } from './found.ts'
import { readHeld, readMax } from './held.ts'
import { list } from './page.ts'
import { receive } from './webhooks.ts'

/** Two requests each time, of 250,000 a day on the lowest tier: 5,760 a day for a table. */
const everyMs = 30_000

/** A request for each 100 records: 4,000 a day for a table of 100,000. */
const scanEveryMs = 6 * 60 * 60_000

/** `now`: this service's clock, milliseconds since 1970. */
export function createFollower(now: Now): Follower {
  return {
    // a page of archived records with each look tells of deletions early, but not surely of all
    pace: () => ({ changes: true, deletions: false, everyMs, scanEveryMs }),
    start: (table, caller) => start(table, caller, now),
    changes: (table, cursor, caller) => changes(table, cursor, { caller, now }),
    readMax,
    read: readHeld,
    ids: async (table, cursor, caller) => {
      const properties = ['hs_object_id']
      const { records, next } = await list(table, { cursor, caller, properties })
      return { ids: records.map(({ id }) => id), next }
    },
    count: countRecords,
    webhooks: { receive },
  }
}
