// Room platforms: how tables follow Airtable. Created and modified records are told by looks at their times; deleted ones,
// and computed cells (a lookup, a rollup, a formula of TODAY) whose change Airtable counts as no modification, are found
// by listing all again, or at once with a webhook. A page of ids costs the request that a page of records costs, so there
// are no `ids`: what is listed again is also looked at.

import type { Follower } from '../platform.ts'
import { changes, type Clocks, start } from './changes.ts'
import { readMax, readRecords } from './records.ts'
import { webhooksWith } from './webhooks.ts'

/**
 * A base takes five requests a second for everything. A table takes two a minute of them to be looked at, and one for every
 * hundred records in half an hour to be listed: an eighth of what the base takes with 20 tables, a ninth with 100,000 records.
 */
const pace = {
  changes: true,
  deletions: false,
  everyMs: 30_000,
  scanEveryMs: 30 * 60_000,
} as const

/** The follower, by these clocks. */
export function followWith(clocks: Clocks): Follower {
  return {
    pace: () => pace,
    start: (table, caller) => start(table, caller, clocks),
    changes: (table, cursor, caller) => changes(table, cursor, { caller, clocks }),
    readMax,
    read: readRecords,
    webhooks: webhooksWith(clocks),
  }
}

export const follow = followWith({ now: () => Date.now(), monotonic: () => performance.now() })
