// Room service: how many deliveries of webhooks are taken: so many at a time, and so many a second of each sync. What is too
// much comes again, as platforms do it.

export interface Flood {
  /** in: it may, and `leave` is to be called. sync: too many of this sync; all: too many at a time. */
  enter(syncId: string): 'in' | 'sync' | 'all'
  leave(): void
  /** It had a bad signature: counts as many. */
  refused(syncId: string): void
}

/** Under way at a time: each holds its body in memory. */
const underWayMax = 64
/** Deliveries of one sync a second, and at once after a quiet time. */
const perSecond = 100
const atOnceMax = 500
/** One with a bad signature counts for so many. */
const refusedWeight = 10
const syncsMax = 10_000

/** `now`: milliseconds since 1970. */
export function createFlood({ now }: { now: () => number }): Flood {
  const levels = new Map<string, { readonly level: number; readonly at: number }>()
  let underWay = 0
  const levelOf = (id: string): number => {
    const { level, at } = levels.get(id) ?? { level: 0, at: 0 }
    return Math.max(0, level - Math.max(0, now() - at) * perSecond / 1000)
  }
  const add = (id: string, weight: number): void => {
    const level = levelOf(id) + weight
    levels.delete(id)
    levels.set(id, { level: Math.min(level, atOnceMax + refusedWeight), at: now() })
    const oldest = levels.keys().next()
    if (levels.size > syncsMax && !oldest.done) levels.delete(oldest.value)
  }
  return {
    enter: (id) => {
      if (underWay >= underWayMax) return 'all'
      if (levelOf(id) >= atOnceMax) return 'sync'
      add(id, 1)
      underWay += 1
      return 'in'
    },
    leave: () => void (underWay -= 1),
    refused: (id) => add(id, refusedWeight),
  }
}
