// Room sync: pruning by age, a bounded number of rows at a time: the journal, and in the customers' databases the note of
// which mutations are applied, which is kept for as long as any of them could be applied again.

import { Buffer } from 'node:buffer'
import { notedMinMs, pruneApplied } from '../database/index.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { readDatabase } from '../store/databases.ts'
import {
  listDatabases,
  openMutations,
  pruneMutations,
  pruneServices,
  type SyncsOfDatabase,
} from '../store/prune.ts'
import type { Store } from '../store/store.ts'
import { type Dial, openDatabase } from './database.ts'
import { closeWaitSeconds, reasonOf } from './target.ts'

export interface PruneDeps {
  readonly store: Store
  readonly log: Log
  /** How long what is settled is kept, in milliseconds; two days at least. */
  readonly keepMs: number
  /** Milliseconds, of any clock. */
  readonly now: () => number
  /** Aborted: nothing more is pruned. */
  readonly signal: AbortSignal
  /** How the customers' databases are reached; the driver's own way when absent. */
  readonly dial?: Dial
}

/** What one pass forgot. */
export interface Pruned {
  readonly mutations: number
  readonly noted: number
}

const rowsMax = 1_000
/** A pass leaves the rest to the next one after so long, in milliseconds. */
const passWaitMs = 60_000
const statementWaitMs = 10_000
/** A database that says nothing is given up after so long: longer than connecting and a statement may take. */
const batchWaitMs = 25_000
const openMax = 10_000

/** One pass. Several processes may run it at once. Throws `service_unreachable`; a database that fails is in the log. */
export async function prune(deps: PruneDeps): Promise<Pruned> {
  const { store, log } = deps
  const keepMs = Math.max(deps.keepMs, notedMinMs)
  const until = deps.now() + passWaitMs
  const mutations = await inBatches(deps, until, () => pruneMutations(store, { keepMs, rowsMax }))
  await pruneServices(store, { keepMs })
  let noted = 0
  for (const database of turned(await listDatabases(store), deps.now())) {
    if (deps.signal.aborted || deps.now() > until) break
    noted += await pruneNoted(deps, database, { keepMs, until }).catch((error: unknown) => {
      const { databaseId } = database
      log.warn('prune.failed', { database: databaseId, error: reasonOf(error) })
      return 0
    })
  }
  if (mutations + noted > 0) log.info('pruned', { mutations, noted })
  return { mutations, noted }
}

/** Each pass begins with another one, so that those that take all its time do not take it from the same others. */
function turned<T>(all: readonly T[], now: number): T[] {
  const first = Math.floor(now / 1000) % Math.max(all.length, 1)
  return [...all.slice(first), ...all.slice(0, first)]
}

/** What the journal has open is read first: what is open later was not applied for so long. */
async function pruneNoted(
  deps: PruneDeps,
  { databaseId, syncIds }: SyncsOfDatabase,
  { keepMs, until }: { keepMs: number; until: number },
): Promise<number> {
  const { store, log, dial } = deps
  const kept = await openMutations(store, syncIds, { rowsMax: openMax })
  if (kept === null) {
    log.warn('prune.left', { database: databaseId, open: openMax })
    return 0
  }
  const { address, ticketKey: key } = await readDatabase(store, databaseId)
  const ticketKey = Buffer.from(key, 'base64')
  const options = { ticketKey, syncIds, keepMs, kept, rowsMax, waitMs: statementWaitMs }
  const sql = openDatabase(address, { dial, name: 'sluice pruning' })
  try {
    return await inBatches(
      deps,
      until,
      () => withDeadline(pruneApplied(sql, options), { waitMs: batchWaitMs, what: 'Pruning' }),
    )
  } finally {
    await sql.end({ timeout: closeWaitSeconds })
  }
}

async function inBatches(
  { now, signal }: PruneDeps,
  until: number,
  batch: () => Promise<number>,
): Promise<number> {
  let all = 0
  for (let last = rowsMax; last === rowsMax && !signal.aborted && now() < until;) {
    last = await batch()
    all += last
  }
  return all
}
