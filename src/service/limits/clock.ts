// Room service: the store's clock, as seen from here. A moment of the store's is never taken for an earlier one, or a
// turn would be used before it is due.

export interface StoreClock {
  /** An answer of the store's, which was made at `storeMs`, has just come; it was asked for at `askedAt`, by this process. */
  note(storeMs: number, askedAt: number): void
  /** When (by this process's clock, in milliseconds) it is surely that moment of the store's clock. */
  localOf(storeMs: number): number
}

/** Answers older than this are forgotten, twice over: clocks drift. */
const keptMs = 30_000
/** What clocks drift in that time, in milliseconds; more than this behind, and the store's has been put back. */
const driftMaxMs = 20

/** `now`: a clock of this process that only goes forward, in milliseconds. */
export function createStoreClock(now: () => number): StoreClock {
  // the answer took its time to come, so the store's clock is ahead by at least this; the quickest one says most
  let aheadMs = -Infinity
  let beforeMs = -Infinity
  let since = now()
  return {
    note: (storeMs, askedAt) => {
      const at = now()
      const back = storeMs + driftMaxMs < askedAt + Math.max(aheadMs, beforeMs)
      if (back || at - since > keptMs) {
        beforeMs = back ? -Infinity : aheadMs
        aheadMs = -Infinity
        since = at
      }
      aheadMs = Math.max(aheadMs, storeMs - at)
    },
    localOf: (storeMs) => storeMs - Math.max(aheadMs, beforeMs),
  }
}
