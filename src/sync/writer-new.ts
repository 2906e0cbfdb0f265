// Room sync: writing rows of which the table has none, as in a first filling: straight into it by COPY, without a stage and
// the statements that compare. Should one be there after all, Postgres refuses all, and nothing was written.

import postgres from 'postgres'
import { encodeCopy } from '../database/index.ts'
import type { Page } from '../platforms/platform.ts'
import { hold, type Writing } from './writer-hold.ts'
import { columnsOf, nameOf } from './writer-stage.ts'
import { together } from './writer-session.ts'

/**
 * A row is there; a rule or a policy of somebody's keeps COPY out; somebody inserts the same rows in another order
 * (Postgres manual, appendix A).
 */
const refusals = ['23505', '0A000', '40P01']

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
  const data = encodeCopy(table, rows, { before: () => [] })
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
