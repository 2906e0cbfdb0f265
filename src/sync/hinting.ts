// Room sync: working off hints: each record is read by its id and written as it is then.

import type { Ref } from '../platforms/platform.ts'
import {
  countHints,
  dropHints,
  type Hint,
  type Postponed,
  postponeHints,
  readDueHints,
} from '../store/hints.ts'
import { requestResync } from '../store/tables.ts'
import { reread } from './putting.ts'
import type { Work } from './work.ts'

/** Hints of one step. */
const stepMax = 200
/** A hint that was tried so often in vain is given up, and a listing takes its place. */
const triesMax = 20
const firstMs = 250
const longestMs = 5 * 60_000
/** So many hints are read one by one even where the table is small. */
const fewHints = 500
/** More than this part of the table is listed rather than read one by one. */
const shareMax = 0.1

/** Works off some hints that are due. Gives how many there were. Throws a Fault, Postgres's errors, Fenced. */
export async function hintStep(work: Work): Promise<number> {
  const { hold: { syncId, table }, store, follower } = work
  const hints = await readDueHints(store, { syncId, table, rowsMax: stepMax })
  if (hints.length === 0) return 0
  if (follower === null || (hints.length === stepMax && await areTooMany(work))) {
    await requestResync(store, { syncId, table, why: 'too many records to read one by one' })
    await dropHints(store, { syncId, table, hints })
    return hints.length
  }
  const { open } = await reread(work, await refsOf(work, hints))
  await dropHints(store, { syncId, table, hints: hints.filter(({ id }) => !open.has(id)) })
  await putOff(work, hints.filter(({ id }) => open.has(id)))
  return hints.length
}

async function areTooMany({ store, hold: { syncId, table }, writer }: Work): Promise<boolean> {
  const count = await countHints(store, { syncId, table })
  return count > fewHints && count > await writer.estimate() * shareMax
}

/** With the key columns that the table knows, where the hint does not. */
async function refsOf(
  { table: { keyColumns = [] }, writer }: Work,
  hints: readonly Hint[],
): Promise<readonly Ref[]> {
  const lacking = hints.filter(({ keys }) =>
    keyColumns.some((name) => (keys[name] ?? null) === null)
  )
  if (lacking.length === 0) return hints.map(({ id, keys }) => ({ id, keys }))
  const known = await writer.refs(lacking.map(({ id }) => id))
  const keysOf = new Map(known.map(({ id, keys }) => [id, keys]))
  return hints.map(({ id, keys }) => ({ id, keys: { ...keysOf.get(id), ...keys } }))
}

async function putOff(work: Work, hints: readonly Hint[]): Promise<void> {
  const { store, hold: { syncId, table }, log, random } = work
  const [again, over]: [Postponed[], Hint[]] = [[], []]
  for (const hint of hints) {
    const waitMs = Math.min(longestMs, firstMs * 2 ** hint.tries) * (0.75 + random() / 2)
    if (hint.tries >= triesMax) over.push(hint)
    else again.push({ hint, inMs: waitMs })
  }
  await postponeHints(store, { syncId, table, hints: again })
  if (over.length === 0) return
  log.warn('sync.hints_given_up', { sync: syncId, table, count: over.length })
  await requestResync(store, { syncId, table, why: 'records that could not be read one by one' })
  await dropHints(store, { syncId, table, hints: over })
}
