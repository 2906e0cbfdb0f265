// Room sync: a table that this process has claimed, and how far it is: in memory and, after each step, in the store.

import { type Claim, type Progress, saveProgress } from '../store/claims.ts'
import type { Store } from '../store/store.ts'
import { Fenced } from './writing.ts'

export interface Hold {
  readonly syncId: string
  readonly table: string
  /** Of the claim. */
  readonly fence: string
  /** As it is in the store, apart from `asked`, which is saved with the next change. */
  readonly progress: Progress
  /** Something has changed of which nobody has said what. */
  readonly wantsLook: boolean
  /** Counts a request to the platform. */
  countRequest(): void
  /** Saves what has changed. Throws Fenced when the claim is lost, `service_unreachable`; nothing has changed then. */
  save(change: Partial<Progress>, options?: { looked?: boolean }): Promise<void>
}

export function createHold(store: Store, claim: Claim): Hold {
  const { syncId, table, fence } = claim
  let { progress, look } = claim
  let requests = 0
  return {
    syncId,
    table,
    fence,
    get progress() {
      return progress
    },
    get wantsLook() {
      return look !== null
    },
    countRequest: () => void (requests += 1),
    save: async (change, { looked = false } = {}) => {
      const counted = requests
      const next = { ...progress, asked: progress.asked + counted, ...change }
      const wish = progress.wanted !== null && next.wanted === null
        ? { granted: progress.wanted }
        : {}
      const seen = looked && look !== null ? { looked: look } : {}
      const saved = await saveProgress(store, claim, { progress: next, ...wish, ...seen })
      if (!saved) throw new Fenced(`Another process has ${table} of ${syncId}`)
      requests -= counted
      progress = next
      if (looked) look = null
    },
  }
}
