// Room sync: telling the customer's database how far a table is, for `sluice.tables`.

import type { Work } from './work.ts'
import type { Shown } from './writing.ts'

/** Progress is told so often at most, in milliseconds. */
const everyMs = 2_000

/**
 * Tells how far the table is; at most every two seconds, unless it must be `now`. `filled`: a whole listing has ended.
 * Throws Postgres's errors.
 */
export async function tell(
  work: Work,
  { now = false, filled = false }: { now?: boolean; filled?: boolean } = {},
): Promise<void> {
  if (!now && work.now() - work.shownAt < everyMs) return
  await work.writer.show(shownOf(work, { filled }))
  work.shownAt = work.now()
}

function shownOf({ hold }: Work, { filled }: { filled: boolean }): Shown {
  const { phase, pass, freshAt, failure, note, sampled, differing } = hold.progress
  const fills = pass !== null && pass.why === 'fill'
  return {
    phase,
    rowsDone: fills ? pass.rows : null,
    rowsTotal: fills ? pass.total : null,
    ...(filled ? { filled: true } : {}),
    ...(freshAt === null ? {} : { freshAt }),
    ...(sampled === 0 ? {} : { agreement: 1 - differing / sampled }),
    problem: failure?.message ?? note,
  }
}
