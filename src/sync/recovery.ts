// Room sync: recovery. A mutation that the platform accepted and that nobody has applied (its listener or the database
// died) is applied by id, once: `sluice.mutations` in the customer's database decides. It never undoes a later mutation,
// and what it cannot apply keeps it from nothing else.

import type { Log } from '../lib/log.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { noteHints } from '../store/hints.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import type { Dial } from './database.ts'
import { writtenByLater } from './newer.ts'
import { hintsOf, lockRows, writeRows } from './rows.ts'
import type { Silences } from './silences.ts'
import { isDatabaseDown, isSilent, readTarget, reasonOf, within } from './target.ts'

export interface RecoveryDeps {
  readonly store: Store
  readonly journal: Journal
  readonly log: Log
  /** How long a listener has to apply what was accepted, in milliseconds. */
  readonly afterMs: number
  /** How the customers' databases are reached; the driver's own way when absent. */
  readonly dial?: Dial
  /** Databases that were silent in passes before, which are left for later; none when absent. */
  readonly silences?: Silences
  /** How long one mutation's work in its database may take, in milliseconds; a minute when absent. */
  readonly workWaitMs?: number
  /** Milliseconds, of any clock; the system's when absent. */
  readonly now?: () => number
}

/** What one pass did. */
export interface Recovered {
  readonly applied: number
  /** Left for the next pass: the database cannot be reached, say. */
  readonly failed: number
}

interface Left {
  readonly request: Mutation
  readonly outcome: Extract<Outcome, { state: 'accepted' | 'partial' }>
  /** As text, since a Date would lose the microseconds. */
  readonly answered_at: string
  readonly sent_at: string
}

/** Mutations read at a time, and how often in one pass. */
const pageRowsMax = 100
const pagesMax = 100
/** After so long a pass begins nothing more, in milliseconds: what comes next is left to the next pass. */
const passWaitMs = 5 * 60_000

/** One pass. Several processes may run it at once: a mutation is applied once all the same. */
export async function recover(deps: RecoveryDeps): Promise<Recovered> {
  const done = { applied: 0, failed: 0 }
  const now = deps.now ?? Date.now
  const until = now() + passWaitMs
  const down = new Set<string>() // syncs whose database does not answer: one wait for it is enough
  let last: Left | null = null
  for (let pages = 0; pages < pagesMax; pages++) {
    const left: readonly Left[] = await readLeft(deps, last)
    for (const mutation of left) {
      if (now() >= until) return done
      const { syncId } = mutation.request
      const isLeft = down.has(syncId) || deps.silences?.has(syncId) === true
      const applied = !isLeft && await tryApply(deps, mutation, down)
      done[applied ? 'applied' : 'failed'] += 1
    }
    last = left.at(-1) ?? null
    if (last === null || left.length < pageRowsMax) break
  }
  return done
}

/** The next accepted mutations after `last`, whatever has become of that one. */
async function readLeft({ store, afterMs }: RecoveryDeps, last: Left | null): Promise<Left[]> {
  return await store.ask('Looking for what is not applied', (sql) =>
    sql<Left[]>`
      select request, outcome, answered_at::text, coalesce(sent_at, received_at)::text as sent_at
      from sluice_store.mutations
      where state = 'accepted' and answered_at < now() - ${afterMs} * interval '1 millisecond'
        ${
      last === null
        ? sql``
        : sql`and (answered_at, id) > (${last.answered_at}::text::timestamptz, ${last.request.id})`
    }
      order by answered_at, id limit ${pageRowsMax}`)
}

async function tryApply(
  deps: RecoveryDeps,
  left: Left,
  down: Set<string>,
): Promise<boolean> {
  const { id, syncId } = left.request
  try {
    const rows = await applyLeft(deps, left)
    deps.silences?.remove(syncId)
    deps.log.info('recovery.applied', { mutation: id, sync: syncId, rows })
    return true
  } catch (error) {
    if (isDatabaseDown(error)) down.add(syncId)
    if (isSilent(error)) deps.silences?.add(syncId)
    deps.log.warn('recovery.failed', { mutation: id, sync: syncId, error: reasonOf(error) })
    return false
  }
}

async function applyLeft(
  { store, journal, dial, workWaitMs: waitMs }: RecoveryDeps,
  left: Left,
): Promise<number> {
  const { request: mutation, outcome } = left
  const target = await readTarget(store, mutation)
  const changed = await within(
    { ...target, dial, ...(waitMs === undefined ? {} : { waitMs }) },
    async (tx) => {
      const ids = outcome.rows.map(({ id }) => id)
      await lockRows(tx, target.table, ids)
      const newer = await writtenByLater(store, { mutation, ids }, left.sent_at)
      const { id: mutationId, operation, upsertBy } = mutation
      const noted = { mutationId, operation, rows: outcome.rows.length, upsertBy }
      const rows = outcome.rows.filter(({ id }) => !newer.has(id))
      return await writeRows(tx, target, { rows, noted })
    },
  )
  // what the sync process wrote meanwhile may have been newer than the answer; noted before nobody looks here any more
  await noteHints(store, { syncId: mutation.syncId, hints: hintsOf(target.table, outcome.rows) })
  await journal.applied([mutation.id])
  return changed
}
