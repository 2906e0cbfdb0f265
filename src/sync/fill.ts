// Room sync: filling a table with all that the platform has, once and at once: for setting up demos and tests. The sync
// process does it page by page, in between everything else.

import type postgres from 'postgres'
import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { catalogue, Fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller, Page, Ref } from '../platforms/platform.ts'
import type { Store } from '../store/store.ts'
import { openWriter } from './writer.ts'
import type { Mark, Pass, TableWriter } from './writing.ts'

export interface FillDeps {
  readonly adapter: Adapter
  /** A fresh caller for every page. */
  readonly caller: (options: { deadline: Deadline }) => Promise<Caller>
  /** The customer's database; a role that may write the table, and make temporary tables. */
  readonly sql: postgres.Sql
  readonly store: Store
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
  /** Records that were not written, since something newer is, or will be, in the table. */
  readonly later: readonly Ref[]
}

const triesMax = 5
const againMs = 500
/** A cursor that leads nowhere ends here. */
const pagesMax = 1_000_000
const removeRowsMax = 500
/** Whoever follows the table has a greater one: filling is refused then. */
const fence = '0'

/**
 * Makes the table what the platform has, a page at a time; what the platform no longer has is removed at the end. A page
 * that fails for a reason that passes is asked for again, a few times. Throws the Fault of the page, the database's
 * error, or Fenced while a sync process has the table; what was written until then stays, and filling again completes it.
 */
export async function fillTable(deps: FillDeps, table: SyncedTable): Promise<Filled> {
  const { sql, store, ticketKey, log, now } = deps
  const writer = await openWriter({ sql, table, ticketKey, fence, store, log, now })
  try {
    const pass = await writer.begin()
    const first = await writer.mark()
    const filled = await writePages(deps, writer, pass)
    const removed = await removeUnseen(writer, pass, first)
    await writer.end(pass)
    await writer.show({ filled: true })
    return { ...filled, removed }
  } finally {
    await writer.close()
  }
}

async function writePages(
  deps: FillDeps,
  writer: TableWriter,
  pass: Pass,
): Promise<Omit<Filled, 'removed'>> {
  let filled: Omit<Filled, 'removed'> = { pages: 0, rows: 0, changed: 0, later: [] }
  let cursor: string | null = null
  do {
    const mark = await writer.mark()
    const page: Page = await readPage(deps, writer.table, cursor)
    const { changed, later } = await writer.write({ mark, rows: page.rows, gone: [], pass })
    filled = {
      pages: filled.pages + 1,
      rows: filled.rows + page.rows.length,
      changed: filled.changed + changed,
      later: [...filled.later, ...later.map(({ ref }) => ref)],
    }
    cursor = page.next
    if (filled.pages >= pagesMax) {
      throw new Error(`Cannot fill ${writer.table.name}: too many pages`)
    }
  } while (cursor !== null)
  return filled
}

/** What was there before the first page, and is as it was, and no page had. */
async function removeUnseen(writer: TableWriter, pass: Pass, mark: Mark): Promise<number> {
  let removed = 0
  let after: string | null = null
  for (;;) {
    const refs: readonly Ref[] = await writer.unseen(pass, { after, rowsMax: removeRowsMax })
    if (refs.length === 0) return removed
    removed += (await writer.write({ mark, rows: [], gone: refs.map(({ id }) => id) })).removed
    after = refs.at(-1)?.id ?? null
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
