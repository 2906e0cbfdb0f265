// Chance that can be had again: the same seed gives the same numbers.

export interface Random {
  /** From 0 up to 1, without 1. */
  next(): number
  /** A whole number from `least` to `most`, both included. */
  within(least: number, most: number): number
  pick<T>(items: readonly T[]): T
  /** An item, each as likely as its weight says. */
  weighed<T>(items: readonly (readonly [item: T, weight: number])[]): T
  /** Another source, which takes nothing from this one when it is used. */
  fork(): Random
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const within = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  const pick = <T>(items: readonly T[]): T => {
    const item = items[within(0, items.length - 1)]
    if (item === undefined) throw new Error('Cannot pick from nothing')
    return item
  }
  const weighed = <T>(items: readonly (readonly [item: T, weight: number])[]): T => {
    let left = next() * items.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [item, weight] of items) {
      left -= weight
      if (left < 0) return item
    }
    return pick(items)[0]
  }
  return { next, within, pick, weighed, fork: () => createRandom(within(0, 0xffff_ffff)) }
}
