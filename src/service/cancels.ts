// Room service: cancelling a mutation that waits for its turn, wherever it waits. A cancel may reach another process than
// the mutation did; then it is settled in the journal, and the process that has it looks there.

import { setTimeout } from 'node:timers'
import type { Log } from '../lib/log.ts'
import { cancelMutation, settledAmong } from '../store/cancel.ts'
import type { Store } from '../store/store.ts'

/** cancelled: nothing was or will be sent. sent: too late. unknown: no such mutation, or not yet. */
export type Cancelled = 'cancelled' | 'sent' | 'unknown'

export interface CancelOptions {
  /** Of these syncs only; of any: null. */
  readonly syncs: readonly string[] | null
}

export interface Cancels {
  /** Cancels a mutation that is not in this process. */
  elsewhere(id: string, options: CancelOptions): Promise<Cancelled>
  /** Looks from now on, while some are waiting here, which of these were cancelled elsewhere. */
  watch(): void
}

export interface CancelsDeps {
  readonly store: Store
  readonly log: Log
  /** Ids of the mutations that wait here. */
  readonly waiting: () => readonly string[]
  readonly abort: (id: string) => void
}

const watchMs = 1_000

export function createCancels({ store, log, waiting, abort }: CancelsDeps): Cancels {
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = async (): Promise<void> => {
    try {
      for (const id of await settledAmong(store, waiting())) abort(id)
    } catch (error) {
      log.warn('cancels.not_watched', { error })
    }
  }
  const watch = (): void => {
    if (timer !== undefined) return
    timer = setTimeout(() => {
      void look().finally(() => {
        timer = undefined
        if (waiting().length > 0) watch()
      })
    }, watchMs)
    timer.unref() // a mutation that waits has a timer of its own
  }
  return { elsewhere: (id, { syncs }) => cancelMutation(store, { id, syncs }), watch }
}
