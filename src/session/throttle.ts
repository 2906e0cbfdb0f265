// Room session: failed logins slow down, and nobody is locked out by what others do. An attempt is held back before its
// proof is looked at, so that nothing is learned by not waiting; the right password waits as long as a wrong one.
//
// Failures are counted for the address (a /56 of IPv6), for the user, and for both together. A pair that has succeeded is
// held back by its own failures only. One that has failed itself is held back by those of its address, and of the user:
// whoever guesses from many addresses has few guesses from each, and the owner's are not among them. One that is new waits
// once for what its address did, beside the line and not in it, since the line may be somebody else's who never stops; but
// so many of an address in a minute and no more, since guessing one password for many users looks like this too.

import { createHash } from 'node:crypto'

export interface ThrottleOptions {
  /** So many attempts may fail before the next has to wait. */
  readonly freeMax: number
  /** The longest time between two attempts, in milliseconds. */
  readonly delayMaxMs: number
  /** Addresses, users and pairs remembered, each; the one untouched for longest is forgotten. */
  readonly entriesMax: number
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
}

export const throttleDefaults = { freeMax: 5, delayMaxMs: 5_000, entriesMax: 10_000 } as const

/** The time between two attempts after the first failure that counts, in milliseconds; it doubles with each. */
const delayFirstMs = 250
/** A failure is forgiven after so long without another. */
const forgiveMs = 60_000
/** Attempts of an address in one `freshMs` that need not stand in its line. */
const freshMax = 20
const freshMs = 60_000
/** Failures counted at most, so that all are forgiven after some minutes. */
const failuresMax = 20

/** Who tries. `address` as `addressKey` gives it; `user` as the client gives it. */
export interface Attempt {
  readonly address: string
  readonly user: string
}

/** wait: the proof may be looked at after so long. refuse: not at all; another may be tried after so long. */
export type Turn = { readonly kind: 'wait' | 'refuse'; readonly waitMs: number }

interface Count {
  failures: number
  /** When the last failure was. */
  failedAt: number
  /** When the next attempt has its turn. */
  nextAt: number
  /** Attempts beside the line, and since when they are counted. */
  fresh: number
  freshAt: number
}

export class Throttle {
  readonly #options: ThrottleOptions
  readonly #addresses: Recent<Count>
  readonly #users: Recent<Count>
  readonly #pairs: Recent<Count>
  readonly #trusted: Recent<true>

  constructor(options: ThrottleOptions) {
    this.#options = options
    const { entriesMax } = options
    this.#addresses = new Recent(entriesMax)
    this.#users = new Recent(entriesMax)
    this.#pairs = new Recent(entriesMax)
    this.#trusted = new Recent(entriesMax)
  }

  /** The turn of an attempt. One that would come later than `waitMaxMs` from now is not taken. */
  take(attempt: Attempt, { waitMaxMs }: { waitMaxMs: number }): Turn {
    const now = this.#options.now()
    const besideMs = this.#besideMs(attempt, waitMaxMs)
    if (besideMs !== null) return { kind: 'wait', waitMs: besideMs }
    const counts = this.#against(attempt)
    const at = Math.max(now, ...counts.map(({ nextAt }) => nextAt))
    const waitMs = at - now
    if (waitMs > waitMaxMs) return { kind: 'refuse', waitMs }
    for (const count of counts) count.nextAt = at + this.#delayMs(count)
    return { kind: 'wait', waitMs }
  }

  failed(attempt: Attempt): void {
    const { user, pair } = keysOf(attempt)
    this.#count(this.#addresses, attempt.address)
    this.#count(this.#users, user)
    this.#count(this.#pairs, pair)
  }

  /** Whoever knows the password is trusted from this address, and the failures of the two are forgotten. */
  succeeded(attempt: Attempt): void {
    const { pair } = keysOf(attempt)
    this.#pairs.delete(pair)
    this.#trusted.set(pair, true)
  }

  /** How long an attempt of a pair that is new waits beside the line of its address; null: it has no place there. */
  #besideMs(attempt: Attempt, waitMaxMs: number): number | null {
    const { pair } = keysOf(attempt)
    const address = this.#addresses.get(attempt.address)
    const own = this.#pairs.get(pair)
    if (address === undefined || this.#trusted.get(pair) || (own && this.#failures(own) > 0)) {
      return null
    }
    const now = this.#options.now()
    if (now - address.freshAt >= freshMs) {
      address.fresh = 0
      address.freshAt = now
    }
    const waitMs = Math.min(Math.max(0, address.nextAt - now), this.#delayMs(address))
    if (address.fresh >= freshMax || waitMs > waitMaxMs) return null
    address.fresh += 1
    return waitMs
  }

  /** What is held against an attempt. */
  #against(attempt: Attempt): Count[] {
    const { user, pair } = keysOf(attempt)
    const own = this.#pairs.get(pair)
    const failing = own !== undefined && this.#failures(own) > 0
    const counts = this.#trusted.get(pair) === true
      ? [own]
      : [this.#addresses.get(attempt.address), failing ? this.#users.get(user) : undefined]
    return counts.filter((count) => count !== undefined)
  }

  #count(counts: Recent<Count>, key: string): void {
    const now = this.#options.now()
    const count = counts.get(key) ??
      { failures: 0, failedAt: now, nextAt: now, fresh: 0, freshAt: now }
    count.failures = Math.min(failuresMax, this.#failures(count) + 1)
    count.failedAt = now
    count.nextAt = Math.max(count.nextAt, now + this.#delayMs(count))
    counts.set(key, count)
  }

  /** Those that are not forgiven yet. */
  #failures({ failures, failedAt }: Count): number {
    return Math.max(0, failures - Math.floor((this.#options.now() - failedAt) / forgiveMs))
  }

  #delayMs(count: Count): number {
    const over = this.#failures(count) - this.#options.freeMax
    if (over < 0) return 0
    return Math.min(this.#options.delayMaxMs, delayFirstMs * 2 ** over)
  }
}

/** Hashes, since a client says who it is, at any length. */
function keysOf({ address, user }: Attempt): { user: string; pair: string } {
  const hash = (text: string) => createHash('sha256').update(text).digest('base64')
  return { user: hash(user), pair: hash(`${address} ${user}`) }
}

/** A map of the entries touched last. */
export class Recent<V> {
  readonly #max: number
  readonly #entries = new Map<string, V>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    const oldest = this.#entries.keys().next()
    if (this.#entries.size > this.#max && !oldest.done) this.#entries.delete(oldest.value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
