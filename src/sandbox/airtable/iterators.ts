// Room sandbox: the iterators behind the pages of a list. Each holds the ids of all its records and how far it is, and is
// forgotten when nobody asks for its next page in time.

const idleMsMax = 5 * 60 * 1000
const iteratorsMax = 1000

/** The ids of a list's records, from `at` on still to come. */
export interface Rest {
  readonly ids: readonly string[]
  readonly at: number
}

export interface Iterators {
  /** Keeps what is left for the next pages. The offset that stands for it. */
  keep(rest: Rest, nowMs: number): string
  /** What an offset stands for; null when it is none or no longer one. */
  take(offset: string, nowMs: number): Rest | null
  clear(): void
}

export function createIterators(): Iterators {
  const kept = new Map<string, Rest & { untilMs: number }>()
  let count = 0
  const forget = (nowMs: number) => {
    for (const [offset, { untilMs }] of kept) {
      if (untilMs > nowMs && kept.size <= iteratorsMax) return
      kept.delete(offset)
    }
  }
  return {
    keep: ({ ids, at }, nowMs) => {
      count += 1
      const offset = `itr${String(count).padStart(14, '0')}/${ids[at] ?? ''}`
      kept.set(offset, { ids, at, untilMs: nowMs + idleMsMax })
      forget(nowMs)
      return offset
    },
    take: (offset, nowMs) => {
      const found = kept.get(offset)
      return found === undefined || found.untilMs <= nowMs ? null : found
    },
    clear: () => kept.clear(),
  }
}
