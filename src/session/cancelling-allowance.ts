// Room session: how many cancel requests of one address may lead nowhere: so many at once, and then one a second. Each is
// taken before it is known where it leads, so that a crowd of them at once is bounded too.

import { Recent } from './throttle.ts'

/** Requests that may lead nowhere, or be under way, at once. */
export const allowanceMax = 32
/** After so long there is one more, in milliseconds. */
export const allowanceEveryMs = 1_000
/** Addresses remembered; the one untouched for longest is forgotten. */
const addressesMax = 10_000

interface Left {
  readonly count: number
  /** When that was so. */
  readonly at: number
}

export class Allowance {
  readonly #now: () => number
  readonly #left = new Recent<Left>(addressesMax)

  /** `now`: milliseconds, of a clock that only goes forward. */
  constructor({ now }: { readonly now: () => number }) {
    this.#now = now
  }

  /** `address` as `addressKey` gives it. False: nothing is left. */
  take(address: string): boolean {
    const { count, at } = this.#of(address)
    if (count < 1) return false
    this.#left.set(address, { count: count - 1, at })
    return true
  }

  /** It led somewhere. */
  giveBack(address: string): void {
    const { count, at } = this.#of(address)
    this.#left.set(address, { count: Math.min(allowanceMax, count + 1), at })
  }

  #of(address: string): Left {
    const now = this.#now()
    const left = this.#left.get(address) ?? { count: allowanceMax, at: now }
    const count = Math.min(allowanceMax, left.count + (now - left.at) / allowanceEveryMs)
    return { count, at: now }
  }
}
