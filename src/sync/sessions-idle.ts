// Room sync: sessions that nobody has: each is kept for a time and then ended, whether somebody comes or not.

import { clearTimeout, setTimeout } from 'node:timers'

export interface Shelf<T> {
  /** Keeps it for so long, in milliseconds; then it is ended. False: there are enough of this key. */
  put(key: string, one: T, options: { readonly forMs: number }): boolean
  /** The one that was put last; it is not ended any more. */
  take(key: string): T | undefined
  takeAll(): readonly T[]
}

/** `perKeyMax`: more of one key are not kept. `end` must not throw. */
export function createShelf<T>(
  { perKeyMax, end }: { readonly perKeyMax: number; readonly end: (one: T) => void },
): Shelf<T> {
  const kept = new Map<string, Map<T, ReturnType<typeof setTimeout>>>()
  const remove = (key: string, one: T): void => {
    const ones = kept.get(key)
    clearTimeout(ones?.get(one))
    ones?.delete(one)
    if (ones?.size === 0) kept.delete(key)
  }
  return {
    put: (key, one, { forMs }) => {
      const ones = kept.get(key) ?? new Map<T, ReturnType<typeof setTimeout>>()
      if (ones.size >= perKeyMax) return false
      const timer = setTimeout(() => {
        remove(key, one)
        end(one)
      }, Math.max(0, forMs))
      timer.unref() // a process that ends does not wait for it
      kept.set(key, ones.set(one, timer))
      return true
    },
    take: (key) => {
      const one = [...kept.get(key)?.keys() ?? []].at(-1)
      if (one !== undefined) remove(key, one)
      return one
    },
    takeAll: () => {
      const all = [...kept].flatMap(([key, ones]) => [...ones.keys()].map((one) => ({ key, one })))
      for (const { key, one } of all) remove(key, one)
      return all.map(({ one }) => one)
    },
  }
}
