// Room sync: telling the customer's database how far a table is, for `sluice.tables`.

import { countStuckHints, type StuckHints } from '../store/hints.ts'
import type { Work } from './work.ts'
import type { Shown } from './writing.ts'

/** Progress is told so often at most, in milliseconds. */
const everyMs = 2_000

/**
 * Tells how far the table is; at most every two seconds, unless it must be `now`. `filled`: a whole listing has ended.
 * Throws Postgres's errors, `service_unreachable`.
 */
export async function tell(
  work: Work,
  { now = false, filled = false }: { now?: boolean; filled?: boolean } = {},
): Promise<void> {
  if (!now && work.now() - work.shownAt < everyMs) return
  const { store, hold: { syncId, table } } = work
  const stuck = await countStuckHints(store, { syncId, table })
  await work.writer.show(shownOf(work, { filled, stuck }))
  work.shownAt = work.now()
}

function shownOf(
  { hold }: Work,
  { filled, stuck }: { filled: boolean; stuck: StuckHints },
): Shown {
  const { phase, pass, freshAt, failure, note, sampled, differing } = hold.progress
  const fills = pass !== null && pass.why === 'fill'
  return {
    phase,
    rowsDone: fills ? pass.rows : null,
    rowsTotal: fills ? pass.total : null,
    ...(filled ? { filled: true } : {}),
    ...(freshAt === null ? {} : { freshAt }),
    ...(sampled === 0 ? {} : { agreement: 1 - differing / sampled }),
    problem: failure?.message ?? wordsOf(note, stuck),
  }
}

function wordsOf(note: string | null, { refused, untold }: StuckHints): string | null {
  const words = [
    ...(note === null ? [] : [note]),
    ...(refused === 0 ? [] : [
      `${
        records(refused)
      } not as at the platform: the table refuses what it has (a constraint, an index or a trigger of its own; the log of the sync process names it)`,
    ]),
    ...(untold === 0 ? [] : [
      `${
        records(untold)
      } perhaps not as at the platform, which cannot tell of it: the regular comparison looks again`,
    ]),
  ]
  return words.length === 0 ? null : words.join('; ')
}

function records(count: number): string {
  return count === 1 ? '1 record is' : `${count} records are`
}
