// Room service: units of a wide window (a day's requests) that this process may use up by itself. It takes more before the
// last are gone, so that a mutation waits for the store only when there was none for long.

import type { Bucket, Leased } from '../../store/buckets.ts'
import { leaseMs, type Limit } from './limit.ts'

/** Units of one lease; `until` by this process's clock. */
interface Piece {
  readonly grain: number
  units: number
  readonly until: number
}

/** Units that were taken out, to be put back if they are not used. */
export interface Portion {
  readonly grain: number
  readonly units: number
}

export type PoolAnswer =
  | { readonly kind: 'taken'; readonly portions: readonly Portion[] }
  /** None for so long, in milliseconds. */
  | { readonly kind: 'empty'; readonly waitMs: number }

export interface Pool {
  /** Takes units out, at once if it can; else asks the store once. */
  take(limit: Limit, units: number): PoolAnswer | Promise<PoolAnswer>
  /** Units that no process has taken, as the store said within the last half minute; null: it has not. */
  readonly left: number | null
  /** Asks the store what is left, and takes some units on the way. */
  look(limit: Limit): Promise<void>
  putBack(portions: readonly Portion[]): void
  /** What is to be given back to the store now: everything, or what has lain here too long. */
  empty(options: { all: boolean }): readonly Portion[]
}

export interface PoolDeps {
  readonly lease: (bucket: Bucket, units: number) => Promise<Leased>
  readonly now: () => number
}

const firstUnits = 16
/** What the store said is left is good for so long. */
const leftMs = 30_000
/** A lease that was used up so soon was too small; one that lasts so long is too large. */
const soonMs = 5_000
const lateMs = 60_000

export function createPool({ lease, now }: PoolDeps): Pool {
  let pieces: Piece[] = []
  let chunk = firstUnits
  let leasedAt = -Infinity
  let filling: Promise<Leased> | null = null
  let seen = { left: 0, at: -Infinity }
  const fresh = () => pieces.filter(({ until }) => until > now())
  const held = () => fresh().reduce((sum, { units }) => sum + units, 0)
  const fill = (limit: Limit, units: number): Promise<Leased> => {
    const lastedMs = now() - leasedAt
    chunk = lastedMs < soonMs ? chunk * 2 : lastedMs > lateMs ? firstUnits : chunk
    chunk = Math.min(chunk, Math.max(firstUnits, Math.floor(limit.bucket.limit / 100)))
    leasedAt = now()
    filling = lease(limit.bucket, Math.max(chunk, units)).then((leased) => {
      const { grain } = leased
      seen = { left: leased.left, at: now() }
      if (leased.units > 0) {
        pieces.push({ grain, units: leased.units, until: now() + leaseMs * 0.9 })
      }
      return leased
    }).finally(() => filling = null)
    return filling
  }
  const takeNow = (units: number): Portion[] | null => {
    if (held() < units) return null
    const portions: Portion[] = []
    let missing = units
    for (const piece of fresh()) {
      const part = Math.min(piece.units, missing)
      if (part === 0) continue
      piece.units -= part
      missing -= part
      portions.push({ grain: piece.grain, units: part })
    }
    pieces = pieces.filter(({ units }) => units > 0)
    return portions
  }
  return {
    take: (limit, units) => {
      const portions = takeNow(units)
      if (portions === null) return takeSlowly(limit, units)
      if (held() < chunk / 4 && filling === null) void fill(limit, 0).catch(() => {})
      return { kind: 'taken', portions }
    },
    look: (limit) => (filling ?? fill(limit, 1)).then(() => {}),
    get left() {
      return now() - seen.at > leftMs ? null : seen.left
    },
    putBack: (portions) => {
      const until = now() + leaseMs / 10
      pieces.push(...portions.map(({ grain, units }) => ({ grain, units, until })))
    },
    empty: ({ all }) => {
      const gone = pieces.filter(({ until }) => all || until <= now())
      pieces = pieces.filter((piece) => !gone.includes(piece))
      return gone.map(({ grain, units }) => ({ grain, units }))
    },
  }
  async function takeSlowly(limit: Limit, units: number): Promise<PoolAnswer> {
    for (let tries = 0;; tries++) {
      const leased = await (filling ?? fill(limit, units))
      const portions = takeNow(units)
      if (portions !== null) return { kind: 'taken', portions }
      if (leased.units === 0 || tries >= units) {
        return { kind: 'empty', waitMs: Math.max(1, leased.freeAt - leased.now) }
      }
    }
  }
}
