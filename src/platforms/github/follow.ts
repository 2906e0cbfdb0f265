// Room platforms: following GitHub: how soon what changes is seen, table by table.

import type { SyncedTable } from '../../mutation/table.ts'
import type { Follower, Pace } from '../platform.ts'
import { changesOf, startFollowing } from './changes.ts'
import { countOf } from './count.ts'
import { tableFor } from './describe.ts'
import { isRegistered, register, renew, unregister } from './hooks.ts'
import { lookUpRefs, readMax } from './lookup.ts'
import { receive } from './webhooks.ts'

const secondMs = 1_000
const hourMs = 3_600_000

/**
 * GitHub says of issues, comments and pull requests when they changed; the other lists are asked for whole, if they changed,
 * and what is missing there is read. Neither takes from the requests of an hour while nothing changes. That issues and
 * comments were deleted only shows in their whole lists; so does what GitHub does not date, a label of another name on an
 * issue for instance, and what went before the other lists were read for the first time. A repository whose issues are
 * switched off is asked for them once an hour, or when the list of repositories says that they are on.
 */
const paces: Readonly<Record<string, Pace>> = {
  issues: dated(),
  issue_comments: dated(),
  pull_requests: dated(),
  labels: listed(),
  milestones: listed(),
  releases: listed(),
  repositories: listed(),
}

function dated(): Pace {
  return { changes: true, deletions: false, everyMs: 30 * secondMs, scanEveryMs: 6 * hourMs }
}

function listed(): Pace {
  return { changes: true, deletions: false, everyMs: 60 * secondMs, scanEveryMs: hourMs }
}

/** `now`: our clock, milliseconds since 1970. */
export function createFollower(now: () => number): Follower {
  return {
    pace: (table: SyncedTable) => paces[tableFor(table.object).name] ?? listed(),
    start: (table, caller) => startFollowing(table, caller, now),
    changes: (table, cursor, caller) => changesOf({ table, cursor }, caller, now),
    readMax,
    read: lookUpRefs,
    count: countOf,
    webhooks: {
      receive,
      takesSecret: true,
      register: (options, caller) => register(options, caller, now),
      isRegistered: (registration, caller) => isRegistered(registration, caller, now),
      renew: (registration, caller) => renew(registration, caller, now),
      unregister,
    },
  }
}
