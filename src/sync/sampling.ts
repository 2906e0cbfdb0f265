// Room sync: agreement. Now and then some rows are compared with the platform, at a fiftieth of the requests that the
// table costs otherwise. A row counts as different only when it still is after all that is known of has been written.

import { isDeepStrictEqual } from 'node:util'
import type { Values } from '../mutation/mutation.ts'
import { type Column, isJsonType, type SyncedTable } from '../mutation/table.ts'
import type { Ref } from '../platforms/platform.ts'
import { followStep } from './following.ts'
import { rereadNoting } from './putting.ts'
import { tell } from './telling.ts'
import type { Work } from './work.ts'

/** Requests to the platform for which there may be one of a sample. */
const requestsPerSample = 50
const rowsMax = 100
/** Fewer are not worth it, unless there have been many requests. */
const rowsMin = 50
const gapMs = 60_000
/** What was found long ago counts half once so many more rows have been compared. */
const rememberedRows = 1_000
/** Questions for changes before what seems to differ is read again. */
const followsMax = 20

/** How many rows a sample may have now; 0: it is not time for one. */
export function sampleRows({ hold, follower, now }: Work): number {
  const { asked, sampledAt, filledAt, pass } = hold.progress
  if (follower === null || filledAt === null || pass !== null) return 0
  if (now() - (sampledAt ?? -Infinity) < gapMs) return 0
  const rows = Math.min(rowsMax, Math.floor(asked / requestsPerSample) * follower.readMax)
  const enough = rows >= rowsMin || asked >= requestsPerSample * rowsMin / 5
  return enough ? rows : 0
}

/** Compares some rows with the platform and repairs what differs. Throws a Fault, Postgres's errors, Fenced. */
export async function sampleStep(work: Work): Promise<void> {
  const { writer, hold, table, log, metrics } = work
  const rows = await writer.sample(sampleRows(work))
  const suspects = await suspectsOf(work, rows)
  const differing = suspects.length === 0 ? 0 : await confirm(work, suspects)
  const { progress } = hold
  const kept = progress.sampled > rememberedRows ? 0.5 : 1
  await hold.save({
    sampled: Math.round(progress.sampled * kept) + rows.length,
    differing: Math.round(progress.differing * kept) + differing,
    sampledAt: work.now(),
    asked: 0,
  })
  metrics.sampled(table.platform, { rows: rows.length, differing })
  const figures = { rows: rows.length, suspects: suspects.length, differing }
  const report = { sync: table.syncId, table: table.name, ...figures }
  if (differing > 0) log.warn('sync.disagreed', report)
  else log.debug('sync.agreed', report)
  await tell(work, { now: true })
}

type Sampled = Awaited<ReturnType<Work['writer']['sample']>>

/** Rows that the platform has otherwise, or no longer. */
async function suspectsOf(work: Work, rows: Sampled): Promise<readonly Ref[]> {
  const { follower, table } = work
  if (follower === null) return []
  const suspects: Ref[] = []
  for (let at = 0; at < rows.length; at += follower.readMax) {
    const some = rows.slice(at, at + follower.readMax)
    const refs = some.map(({ ref }) => ref)
    const told = await work.ask((caller) => follower.read(table, refs, caller))
    const byId = new Map(told.map(({ id, values }) => [id, values]))
    for (const { ref, values } of some) {
      const theirs = byId.get(ref.id)
      if (theirs === undefined) continue // it cannot be told of now
      if (theirs === null || !isSame(table, { ours: values, theirs })) suspects.push(ref)
    }
  }
  return suspects
}

/** Catches up, and reads them once more: what then changes the table did differ. What cannot be written now is a hint. */
async function confirm(work: Work, suspects: readonly Ref[]): Promise<number> {
  for (let follows = 0; follows < followsMax; follows++) {
    const answer = await followStep(work)
    if (answer === 'expired') return 0
    if (answer === 'quiet') break
  }
  const { changed, removed } = await rereadNoting(work, suspects)
  return changed + removed
}

/** Do both mean the same? Not exact: what only looks different is found out by the database itself. */
export function isSame(
  table: SyncedTable,
  { ours, theirs }: { ours: Values; theirs: Values },
): boolean {
  return table.columns.every((column) => {
    const [a, b] = [ours[column.name] ?? null, theirs[column.name] ?? null]
    if (a === b) return true
    if (a === null || b === null) return false
    return isSameText(column, a, b)
  })
}

function isSameText({ type, volatile = [] }: Column, a: string, b: string): boolean {
  if (type.startsWith('timestamp')) return Date.parse(a) === Date.parse(b)
  if (/^(numeric|double|real|integer|bigint|smallint)/.test(type)) return Number(a) === Number(b)
  if (!isJsonType(type)) return false
  try {
    return isDeepStrictEqual(steadyOf(JSON.parse(a), volatile), steadyOf(JSON.parse(b), volatile))
  } catch {
    return false
  }
}

/** Without what changes by itself. */
function steadyOf(json: unknown, volatile: readonly string[]): unknown {
  if (volatile.length === 0 || typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map((one: unknown) => withoutMembers(one, volatile))
  return withoutMembers(json, volatile)
}

function withoutMembers(json: unknown, names: readonly string[]): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json
  return Object.fromEntries(Object.entries(json).filter(([name]) => !names.includes(name)))
}
