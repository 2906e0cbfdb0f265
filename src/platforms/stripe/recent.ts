// Room platforms: changes of which Stripe has no event, seen where they mostly are: at the newest records of a table, which
// are listed at every look and compared with what they were.

import type { SyncedTable } from '../../mutation/table.ts'
import type { Caller } from '../platform.ts'
import { markOf } from './cursor.ts'
import { followingOf } from './parts.ts'
import { page } from './page.ts'

/** The newest records of a table, 100 at most, each with a mark of what it is; none where events tell all. */
export type Recent = ReadonlyMap<string, string>

/** @throws Fault as `page` */
export async function readRecent(table: SyncedTable, caller: Caller): Promise<Recent> {
  if (!followingOf(table).watched) return new Map()
  const { rows } = await page(table, null, caller)
  return new Map(rows.map(({ id, values }) => [id, markOf(`${id} ${JSON.stringify(values)}`)]))
}

/** The ids of those that are new or not as they were. */
export function changedIn(recent: Recent, marks: readonly string[]): string[] {
  const known = new Set(marks)
  return [...recent].filter(([, mark]) => !known.has(mark)).map(([id]) => id)
}
