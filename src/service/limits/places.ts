// Room service: places among what is under way at one time at the platform, of all rules that say so.

import { shareUnits } from '../../store/buckets.ts'
import type { Store } from '../../store/store.ts'
import type { StoreClock } from './clock.ts'
import { bucketId, type Limit, type Taking } from './limit.ts'
import { type EnterOptions, Share } from './share.ts'

export interface PlacesDeps {
  readonly store: Store
  readonly clock: StoreClock
  readonly connection: string
  /** Names this process. */
  readonly holder: string
  readonly backgroundShare: number
  readonly now: () => number
}

export interface Places {
  /** Takes all the places that the takings want, if that is possible without asking anybody. */
  tryEnter(takings: readonly Taking[], options: { background: boolean }): boolean
  /** Waits for them. Gives the one that was not to be had in time; null: all are taken. */
  enter(takings: readonly Taking[], options: EnterOptions): Promise<Taking | null>
  leave(takings: readonly Taking[]): void
  /** To be called every now and then; `all`: the process ends. */
  tend(options: { all: boolean }): Promise<void>
}

export function createPlaces(deps: PlacesDeps): Places {
  const { store, clock, connection, holder, backgroundShare, now } = deps
  const shares = new Map<string, Share>()
  const shareOf = ({ bucket }: Limit): Share => {
    const id = bucketId(bucket)
    const ask: ConstructorParameters<typeof Share>[0]['ask'] = async (asked) => {
      const askedAt = now()
      const shared = await shareUnits(store, connection, asked)
      clock.note(shared.now, askedAt)
      return shared
    }
    const share = shares.get(id) ?? new Share({ holder, backgroundShare, now, ask })
    shares.set(id, share)
    return share
  }
  const leave = (takings: readonly Taking[]): void => {
    for (const { limit, units } of takings.filter(isPlace)) shareOf(limit).leave(units)
  }
  return {
    leave,
    tryEnter: (takings, options) => {
      const wanted = takings.filter(isPlace)
      const full = wanted.findIndex(({ limit, units }) =>
        !shareOf(limit).tryEnter(limit, units, options)
      )
      if (full >= 0) leave(wanted.slice(0, full))
      return full < 0
    },
    enter: async (takings, options) => {
      const wanted = takings.filter(isPlace)
      for (const [i, taking] of wanted.entries()) {
        const { limit, units } = taking
        if (await shareOf(limit).enter(limit, units, options)) continue
        leave(wanted.slice(0, i))
        return taking
      }
      return null
    },
    tend: async ({ all }) => {
      for (const share of shares.values()) {
        if (all) await share.close()
        else share.tend()
      }
    },
  }
}

function isPlace({ limit }: Taking): boolean {
  return limit.kind === 'concurrent'
}
