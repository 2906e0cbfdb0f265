// Room sandbox: the iterators behind the pages of a list. Each holds the ids that are still to come, and is forgotten
// when nobody asks for its next page in time.

const idleMsMax = 5 * 60 * 1000
const iteratorsMax = 1000

export interface Iterators {
  /** Keeps the ids for the next pages. The offset that stands for them. */
  keep(ids: readonly string[], nowMs: number): string
  /** The ids that an offset stands for; null when it is none or no longer one. */
  take(offset: string, nowMs: number): readonly string[] | null
  clear(): void
}

export function createIterators(): Iterators {
  const kept = new Map<string, { ids: readonly string[]; untilMs: number }>()
  let count = 0
  return {
    keep: (ids, nowMs) => {
      count += 1
      const offset = `itr${String(count).padStart(14, '0')}/${ids[0] ?? ''}`
      kept.set(offset, { ids, untilMs: nowMs + idleMsMax })
      const oldest = kept.keys().next().value
      if (kept.size > iteratorsMax && oldest !== undefined) kept.delete(oldest)
      return offset
    },
    take: (offset, nowMs) => {
      const found = kept.get(offset)
      return found === undefined || found.untilMs <= nowMs ? null : found.ids
    },
    clear: () => kept.clear(),
  }
}
