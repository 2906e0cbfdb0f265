// Room session: counts of what is there, in all and for each key, with a bound on both. Nothing of a key is kept when
// there is nothing of it.

/** `leave` gives the place back; a second call does nothing. full: which bound is reached. */
export type Place =
  | { readonly kind: 'taken'; readonly leave: () => void }
  | { readonly kind: 'full'; readonly of: 'all' | 'key' }

export class Tally {
  readonly #max: number
  readonly #perKeyMax: number
  readonly #counts = new Map<string, number>()
  #all = 0

  constructor({ max, perKeyMax }: { max: number; perKeyMax: number }) {
    this.#max = max
    this.#perKeyMax = perKeyMax
  }

  /** How many there are. */
  get all(): number {
    return this.#all
  }

  /** Takes a place of the key's, if both bounds allow. */
  take(key: string): Place {
    const count = this.#counts.get(key) ?? 0
    if (this.#all >= this.#max) return { kind: 'full', of: 'all' }
    if (count >= this.#perKeyMax) return { kind: 'full', of: 'key' }
    this.#all += 1
    this.#counts.set(key, count + 1)
    let here = true
    return {
      kind: 'taken',
      leave: () => {
        if (here) this.#give(key)
        here = false
      },
    }
  }

  #give(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1
    this.#all -= 1
    if (left === 0) this.#counts.delete(key)
    else this.#counts.set(key, left)
  }
}
