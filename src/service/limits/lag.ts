// Room service: how much later than usual an answer came. A request that was long on its way, behind a new connection or
// a process that stood still, arrives later than its turn, and the platform counts it from then on.

export interface Lag {
  /**
   * An answer took so long, in milliseconds. Gives how much later than at its turn the request may have arrived; 0: it took
   * no longer than answers do, `wayMs` on the way included.
   */
  note(tookMs: number): (wayMs: number) => number
}

const kept = 20
/** With fewer answers nothing is usual yet: the first requests make their connections. */
const knownMin = 10
/** The platform itself takes longer for some requests: up to this many times the usual is no sign of a late arrival. */
const usualRate = 2

export function createLag(): Lag {
  let lately: number[] = []
  return {
    note: (tookMs) => {
      const known = lately.length >= knownMin
      const usualMs = known ? lately.toSorted((a, b) => a - b)[lately.length >> 1] ?? 0 : 0
      lately = [...lately.slice(1 - kept), tookMs]
      return (wayMs) => tookMs > usualMs * usualRate + wayMs ? tookMs - usualMs : 0
    },
  }
}
