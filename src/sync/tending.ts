// Room sync: what the sync process does for each sync beside its tables: webhooks, following the platform's schema, and
// forgetting old deliveries. Pass after pass, until it is stopped.

import { withDeadline } from '../lib/deadline.ts'
import { claimChore } from '../store/chores.ts'
import { pruneDeliveries } from '../store/deliveries.ts'
import type { Store } from '../store/store.ts'
import { noteTables } from '../store/tables.ts'
import { createBell } from './bell.ts'
import type { Reconciled } from './drift.ts'
import { type HookingDeps, tendWebhooks } from './hooking.ts'
import { createHookLooks } from './hooking-look.ts'
import { reasonOf } from './target.ts'
import { isStoreTrouble } from './troubles.ts'

export interface TendingDeps extends Omit<HookingDeps, 'signal'> {
  /** Brings the tables of a sync to what its platform describes. */
  readonly reconcile: (syncId: string) => Promise<Reconciled>
  /** Each sync is described anew so often, in milliseconds. */
  readonly reconcileEveryMs: number
}

export interface Tending {
  /** Looks at once. */
  ring(): void
  /** Begins nothing more, and waits for what is under way. False: it has not ended in time, and is let be. */
  stop(options: { readonly waitMs: number }): Promise<boolean>
}

const everyMs = 1_000
const pruneEveryMs = 10 * 60_000
/** Syncs described in one pass, */
const reconcilesMax = 20
/** by each of so many who do it at the same time. */
const reconcilers = 4
/** One platform that does not answer keeps nobody else waiting. */
const lookers = 3

/** Starts the passes. */
export function startTending(deps: TendingDeps): Tending {
  const { log, now } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const bell = createBell()
  let prunedAt = -Infinity
  const look = createHookLooks({ ...deps, signal })
  const chores: readonly (readonly [string, () => Promise<void>])[] = [
    ['webhooks', () => tendWebhooks({ ...deps, signal })],
    ...Array.from({ length: lookers }, () => ['hooks', look] as const),
    // several: one may have to wait for a database
    ...Array.from(
      { length: reconcilers },
      () => ['schemas', () => reconcileDue(deps, signal)] as const,
    ),
    ['deliveries', async () => {
      if (now() - prunedAt < pruneEveryMs) return
      prunedAt = now()
      await pruneAll(deps.store, signal)
    }],
  ]
  const run = async (chore: (typeof chores)[number]): Promise<void> => {
    const [name, work] = chore
    let well = true
    while (!signal.aborted) {
      const rung = bell.next({ waitMs: everyMs })
      try {
        await work()
        well = true
      } catch (error) {
        // a store that is down is in the log once
        if (well || !isStoreTrouble(error)) log.warn('sync.not_tended', { chore: name, error })
        well = false
      }
      await rung
    }
  }
  const running = Promise.all(chores.map(run))
  return {
    ring: () => bell.ring(),
    stop: ({ waitMs }) => {
      stopping.abort()
      bell.ring()
      return withDeadline(running, { waitMs, what: 'Ending the chores' })
        .then(() => true, () => false)
    },
  }
}

async function reconcileDue(deps: TendingDeps, signal: AbortSignal): Promise<void> {
  const { store, log, reconcile, reconcileEveryMs: everyMs } = deps
  for (let done = 0; done < reconcilesMax && !signal.aborted; done++) {
    const syncId = await claimChore(store, { chore: 'reconcile', everyMs })
    if (syncId === null) return
    try {
      const { changed, later, notes, added } = await reconcile(syncId)
      await noteTables(store, { syncId, notes: wordsOf(notes) })
      if (changed || later.length > 0) log.info('sync.reconciled', { sync: syncId, added, later })
    } catch (error) {
      if (isStoreTrouble(error)) throw error
      log.warn('sync.not_reconciled', { sync: syncId, error: reasonOf(error) })
    }
  }
}

function wordsOf(notes: Reconciled['notes']): Readonly<Record<string, string>> {
  const words: Record<string, string> = {}
  for (const { table, note } of notes) {
    words[table] = words[table] === undefined ? note : `${words[table]}; ${note}`
  }
  return words
}

async function pruneAll(store: Store, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && await pruneDeliveries(store) > 0);
}
