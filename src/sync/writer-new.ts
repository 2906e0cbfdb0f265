// Room sync: writing rows of which the table has none, as in a first filling: straight into it by COPY, without a stage and
// the statements that compare. Should one be there after all, Postgres refuses all, and nothing was written.

import postgres from 'postgres'
import { encodeCopy } from '../database/index.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Page } from '../platforms/platform.ts'
import { hold, type Writing } from './writer-hold.ts'
import { columnsOf, nameOf } from './writer-stage.ts'
import { together } from './writer-session.ts'

/**
 * A row is there; a rule or a policy of somebody's keeps COPY out; somebody inserts the same rows in another order
 * (Postgres manual, appendix A).
 */
const refusals = ['23505', '0A000', '40P01']

/** Rows encoded before others have a turn. */
const turnRows = 100

/** Thrown inside the transaction, which is rolled back. */
class Undecided extends Error {
  override name = 'Undecided'
}

/**
 * Inserts the rows, in one transaction. `decide`: which of them, none being in the table, are not to be inserted; asked
 * first, so that no mutation under way has to wait for these rows, and last, so that it knows of every mutation that has
 * deleted one of them before. Gives how many were inserted; null when they are to be looked at one by one: nothing was
 * written. Throws as `TableWriter.write`.
 */
export async function writeNew(
  writing: Writing,
  rows: Page['rows'],
  { decide }: { decide: () => Promise<ReadonlyMap<string, unknown>> },
): Promise<number | null> {
  if (rows.length === 0) return 0
  const { session, table, inSync } = writing
  const deciding = decide()
  deciding.catch(() => {}) // heard of below
  const data = await encodeInTurns(table, rows)
  if ((await deciding).size > 0) return null
  const text = `copy ${nameOf(table)} (${columnsOf(table).join(', ')}) from stdin`
  try {
    return await session.inSync(inSync, async (mutation) => {
      const [, count] = await together([hold(writing, mutation), session.copyChange(text, data)])
      if ((await decide()).size > 0) throw new Undecided()
      return count
    })
  } catch (error) {
    if (error instanceof Undecided) return null
    if (error instanceof postgres.PostgresError && refusals.includes(error.code)) return null
    throw error
  }
}

/** Whatever else this process does goes on meanwhile: above all, the next page is asked for. */
async function encodeInTurns(table: SyncedTable, rows: Page['rows']): Promise<string> {
  const parts: string[] = []
  for (let at = 0; at < rows.length; at += turnRows) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    parts.push(encodeCopy(table, rows.slice(at, at + turnRows), { before: () => [] }))
  }
  return parts.join('')
}
