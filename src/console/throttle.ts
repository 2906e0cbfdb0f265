// Room console: attempts to log in are few for each address, so that nobody tries tokens by the thousand.

/** So many attempts of an address may fail in a minute. */
export const failuresMax = 5
const windowMs = 60_000
/** Addresses remembered; the one that tried longest ago is forgotten. */
const addressesMax = 10_000

interface Count {
  readonly since: number
  readonly attempts: number
}

export interface Throttle {
  /** Counts an attempt. Gives how long to wait instead, in milliseconds; 0: go ahead. */
  attempt(address: string): number
  /** The attempt was good: it does not count. */
  forgive(address: string): void
}

/** `now`: milliseconds of any clock. */
export function createThrottle({ now }: { now: () => number }): Throttle {
  const counts = new Map<string, Count>()
  const put = (address: string, count: Count) => {
    counts.delete(address)
    counts.set(address, count)
    const oldest = counts.keys().next()
    if (counts.size > addressesMax && !oldest.done) counts.delete(oldest.value)
  }
  return {
    attempt: (address) => {
      const known = counts.get(address)
      const fresh = known === undefined || now() - known.since >= windowMs
      const count = fresh ? { since: now(), attempts: 0 } : known
      if (count.attempts >= failuresMax) return Math.max(1, count.since + windowMs - now())
      // counted before the token is looked at: attempts at one time count too
      put(address, { ...count, attempts: count.attempts + 1 })
      return 0
    },
    forgive: (address) => void counts.delete(address),
  }
}
