// Room sandbox: how far HubSpot's search is behind its records. What was written within the last while is found as it was
// before, or not at all.
// https://developers.hubspot.com/docs/api-reference/crm-search/guide ("Limitations")

import type { ObjectType } from './objects/definition.ts'
import type { Replaced, Row } from './portal.ts'

/** How the search is behind. */
export interface LagOptions {
  /** Milliseconds until a write is found; 0: at once. */
  readonly lagMs: number
  /**
   * What is shown of a record that is found by what it was: that, or what it is now. HubSpot has been seen to show records
   * that are newer than what was searched for.
   */
  readonly shows: 'index' | 'record'
}

export interface Lag {
  readonly shows: LagOptions['shows']
  /** Notes what a call did. */
  note(replaced: readonly Replaced[], nowMs: number): void
  /** The records that the search knows otherwise than they are, as it knows them; undefined: not at all. */
  behind(type: ObjectType, nowMs: number): ReadonlyMap<string, Row | undefined>
}

export const noLag: LagOptions = { lagMs: 0, shows: 'record' }

export function createLag({ lagMs, shows }: LagOptions): Lag {
  let noted: { atMs: number; replaced: Replaced }[] = []
  return {
    shows,
    note: (replaced, nowMs) => {
      if (lagMs === 0) return
      const recent = noted.filter(({ atMs }) => atMs > nowMs - lagMs)
      noted = [...recent, ...replaced.map((one) => ({ atMs: nowMs, replaced: one }))]
    },
    behind: (type, nowMs) => {
      const known = new Map<string, Row | undefined>()
      for (const { atMs, replaced: { before, after } } of noted) {
        if (atMs <= nowMs - lagMs || after.type !== type || known.has(after.id)) continue
        known.set(after.id, before)
      }
      return known
    },
  }
}
