// Room sandbox: rate limits as the platforms count them: so many units in any stretch of time of a given length.

export interface Window {
  /** Takes the units, unless that would be more than the limit in the last `windowMs`. */
  take(now: number, units?: number): Taken
}

export interface Taken {
  readonly allowed: boolean
  /** Units left now. */
  readonly remaining: number
  /** Milliseconds until as many units as were asked for are free; 0 when they were taken. */
  readonly retryAfterMs: number
  /** Milliseconds until nothing is counted any more. */
  readonly resetMs: number
}

interface Entry {
  readonly at: number
  readonly units: number
}

/** A rolling window: every unit counts for `windowMs` milliseconds from when it was taken. */
export function createWindow({ limit, windowMs }: { limit: number; windowMs: number }): Window {
  let entries: Entry[] = []
  let used = 0
  return {
    take: (now, units = 1) => {
      const first = entries.findIndex(({ at }) => at > now - windowMs)
      const gone = first < 0 ? entries : entries.slice(0, first)
      used -= gone.reduce((sum, entry) => sum + entry.units, 0)
      entries = first < 0 ? [] : entries.slice(first)
      const allowed = used + units <= limit
      if (allowed) {
        entries.push({ at: now, units })
        used += units
      }
      const lastAt = entries.at(-1)?.at ?? now - windowMs
      return {
        allowed,
        remaining: Math.max(0, limit - used),
        retryAfterMs: allowed
          ? 0
          : freeAt(entries, { need: used + units - limit }) + windowMs - now,
        resetMs: Math.max(0, lastAt + windowMs - now),
      }
    },
  }
}

/** When the entry was taken whose end frees the last of the units needed. */
function freeAt(entries: readonly Entry[], { need }: { need: number }): number {
  let freed = 0
  for (const { at, units } of entries) {
    freed += units
    if (freed >= need) return at
  }
  return Number.POSITIVE_INFINITY
}
