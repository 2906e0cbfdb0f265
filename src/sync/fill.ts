// Room sync: filling a table with all that the platform has. It runs beside mutations and never undoes one: a row that
// was changed in the database after its page was asked for is newer than the page.

import type postgres from 'postgres'
import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { catalogue, Fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller, Page } from '../platforms/platform.ts'
import { clock, close, done, missing, note, open, write } from './mirror.ts'

export interface FillDeps {
  readonly adapter: Adapter
  /** A fresh caller for every page. */
  readonly caller: (options: { deadline: Deadline }) => Promise<Caller>
  /** The customer's database; a role that may write the table, and make temporary tables. */
  readonly sql: postgres.Sql
  readonly ticketKey: Uint8Array
  readonly log: Log
  readonly now: () => number
}

export interface Filled {
  readonly pages: number
  /** Records that the platform has. */
  readonly rows: number
  /** Rows written. */
  readonly changed: number
  /** Rows removed, because the platform no longer has them. */
  readonly removed: number
}

const triesMax = 5
const againMs = 500
/** A cursor that leads nowhere ends here. */
const pagesMax = 1_000_000

/**
 * Makes the table what the platform has, a page at a time; what the platform no longer has is removed at the end. A page
 * that fails for a reason that passes is asked for again, a few times. Throws the Fault of the page, or the database's
 * error; what was written until then stays, and filling again completes it.
 */
export async function fillTable(deps: FillDeps, table: SyncedTable): Promise<Filled> {
  const session = await deps.sql.reserve()
  const mirror = { session, table, ticketKey: deps.ticketKey }
  try {
    await open(mirror)
    let filled: Filled = { pages: 0, rows: 0, changed: 0, removed: 0 }
    let cursor: string | null = null
    do {
      const since = await clock(mirror)
      const page: Page = await readPage(deps, table, cursor)
      await note(mirror, page.rows)
      const changed = await write(mirror, page.rows, { since })
      filled = {
        ...filled,
        pages: filled.pages + 1,
        rows: filled.rows + page.rows.length,
        changed: filled.changed + changed,
      }
      cursor = page.next
      if (filled.pages >= pagesMax) throw new Error(`Cannot fill ${table.name}: too many pages`)
    } while (cursor !== null)
    const removed = await missing(mirror)
    await done(mirror)
    return { ...filled, removed }
  } finally {
    await close(mirror).finally(() => session.release())
  }
}

async function readPage(deps: FillDeps, table: SyncedTable, cursor: string | null): Promise<Page> {
  for (let tries = 1;; tries++) {
    try {
      const deadline = deadlineIn(requestWaitMs, deps.now())
      return await deps.adapter.page(table, cursor, await deps.caller({ deadline }))
    } catch (error) {
      const passes = error instanceof Fault && catalogue[error.code].retry === 'later'
      if (!passes || tries === triesMax) throw error
      deps.log.warn('fill.page_again', { sync: table.syncId, table: table.name, tries, error })
      await new Promise((resolve) => setTimeout(resolve, againMs * 2 ** tries))
    }
  }
}
