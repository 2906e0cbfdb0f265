// Room sync: databases that do not answer. Each costs whoever waits for it a bounded time, and then
// nothing for a while, which grows: those that answer are not kept waiting by those that do not.

/** Syncs whose database has been silent. */
export interface Silences {
  /** Is the sync's database to be left alone for now? */
  has(syncId: string): boolean
  /**
   * It was silent: it is left alone for a minute, and twice as long each time it is silent again. `brief`: it refused at
   * once, which costs nobody much: for a second, up to half a minute.
   */
  add(syncId: string, options?: { readonly brief?: boolean }): void
  /** It answered. */
  remove(syncId: string): void
  /** All that are to be left alone for now. */
  list(): readonly string[]
}

const long = { leaveMs: 60_000, leaveMaxMs: 15 * 60_000 }
const short = { leaveMs: 1_000, leaveMaxMs: 30_000 }

/** `now`: milliseconds, of any clock. Holds no more than there are syncs. */
export function createSilences({ now }: { now: () => number }): Silences {
  const silent = new Map<string, { readonly until: number; readonly waitMs: number }>()
  return {
    has: (syncId) => now() < (silent.get(syncId)?.until ?? -Infinity),
    add: (syncId, { brief = false } = {}) => {
      const before = silent.get(syncId)
      const { leaveMs, leaveMaxMs } = brief ? short : long
      const longer = before === undefined ? leaveMs : Math.max(2 * before.waitMs, leaveMs)
      const waitMs = Math.min(longer, leaveMaxMs)
      silent.set(syncId, { until: now() + waitMs, waitMs })
    },
    remove: (syncId) => void silent.delete(syncId),
    list: () => [...silent].filter(([, { until }]) => now() < until).map(([syncId]) => syncId),
  }
}
