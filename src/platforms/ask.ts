// Room platforms: asking an adapter what became of a mutation, and believing no more of the answer than can be believed.

import { remainingMs, withDeadline } from '../lib/deadline.ts'
import { isInDoubt, isLearnedFrom, isWritten, makesRecords } from '../mutation/doubt.ts'
import type { Outcome } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller, Doubt, Inquiry } from './platform.ts'

export interface Asking {
  readonly adapter: Adapter
  readonly doubt: Doubt
  readonly table: SyncedTable
  readonly caller: Caller
  /** May another insert have made one of these records? Asked only about an insert's, after they were found. */
  readonly isContested: (records: readonly Found[]) => Promise<boolean>
}

/** A record that an insert may have made; `values` null: it is gone by now. */
export type Found = Inquiry['seen'][number]

/** What an adapter may take beyond its caller's deadline, in milliseconds. */
const graceMs = 2_000

/**
 * What the platform says now. An insert's records that another insert may have made are neither believed nor shown: what
 * was in doubt stays so. Throws the adapter's Fault, DeadlineExceeded, and an Error where the answer does not fit what was
 * known or the adapter has nothing to inquire by.
 */
export async function inquire(asking: Asking): Promise<Inquiry> {
  const { adapter, doubt, table, caller } = asking
  const { mutation, outcome: before } = doubt
  if (adapter.inquire === undefined) throw new Error(`Nothing to inquire by at ${adapter.platform}`)
  const waitMs = remainingMs(caller.deadline, doubt.now) + graceMs
  const asked = adapter.inquire(doubt, table, caller)
  const found = await withDeadline(asked, { waitMs, what: 'An inquiry' })
  if (!isLearnedFrom({ mutation, before }, found.outcome)) {
    throw new Error('The inquiry does not fit what was known')
  }
  if (!makesRecords(mutation)) return found
  const known = new Set(idsOf(before))
  const all = [...rowsOf(found.outcome), ...found.seen].filter(({ id }) => !known.has(id))
  const records = [...new Map(all.map((record) => [record.id, record])).values()]
  if (records.length === 0 || !await asking.isContested(records)) return found
  const { overAt } = found
  return { outcome: before, seen: [], ...(overAt === undefined ? {} : { overAt }) }
}

function rowsOf(outcome: Outcome): readonly Found[] {
  return isWritten(outcome) ? outcome.rows : []
}

function idsOf(outcome: Outcome): string[] {
  return rowsOf(outcome).map(({ id }) => id)
}

/** Does the inquiry settle something, or show more than was known? */
export function isNews(before: Doubt['outcome'], after: Outcome): boolean {
  if (!isInDoubt(after) || before.state !== after.state) return true
  return idsOf(after).length > idsOf(before).length ||
    doubtful(after) < doubtful(before)
}

function doubtful(outcome: Doubt['outcome']): number {
  if (outcome.state === 'unknown') return 0
  return outcome.others.filter(({ state }) => state === 'unknown').length
}
