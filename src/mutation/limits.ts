// Room mutation: how many rows one statement may change, by platform and operation.

import type { Operation, Platform } from './table.ts'

/** Rows per statement. */
export const rowLimits: Readonly<Record<Platform, Readonly<Record<Operation, number>>>> = {
  salesforce: { insert: 200, update: 200, delete: 200 },
  hubspot: { insert: 1, update: 100, delete: 100 },
  airtable: { insert: 10, update: 10, delete: 10 },
  stripe: { insert: 100, update: 100, delete: 100 },
  github: { insert: 100, update: 100, delete: 100 },
}

/** How long a request to a platform may take, in milliseconds, unless statement_timeout says less. */
export const requestWaitMs = 30_000

/** The longest that a request may take whatever statement_timeout says, in milliseconds. */
export const statementWaitMaxMs = 150_000
