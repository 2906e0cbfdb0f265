// Room console: wrong tokens are answered late, the later the more of them an address has shown. A right one is never
// refused and never waits: behind one address there may be many, and a token has more bits than anybody can try.

/** So many failures of an address are answered at once. */
export const freeMax = 5
const delayFirstMs = 250
const delayMaxMs = 4_000
/** Failures are forgotten after so long without another. */
const forgiveMs = 60_000
/** Addresses remembered; the one that failed longest ago is forgotten. */
const addressesMax = 10_000

interface Count {
  readonly failedAt: number
  readonly failures: number
}

export interface Throttle {
  /** Counts a failure. Gives how long its answer waits, in milliseconds. */
  fail(address: string): number
  /** The address has shown a right token: what it did before is forgotten. */
  forgive(address: string): void
}

/** `now`: milliseconds of any clock. */
export function createThrottle({ now }: { now: () => number }): Throttle {
  const counts = new Map<string, Count>()
  return {
    fail: (address) => {
      const known = counts.get(address)
      const kept = known === undefined || now() - known.failedAt >= forgiveMs ? 0 : known.failures
      counts.delete(address)
      counts.set(address, { failedAt: now(), failures: kept + 1 })
      const oldest = counts.keys().next()
      if (counts.size > addressesMax && !oldest.done) counts.delete(oldest.value)
      return kept < freeMax ? 0 : Math.min(delayMaxMs, delayFirstMs * 2 ** (kept - freeMax))
    },
    forgive: (address) => void counts.delete(address),
  }
}
