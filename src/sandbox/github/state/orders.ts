// Room sandbox: records of a group in an order that is kept: what changed is put into its new place when the order is asked
// for the next time, so that a page costs what is on it.

import type { Row } from './model.ts'
import type { Groups, Shelf } from './shelf.ts'

/** Rows that a page is cut from: an array, or something that only looks like one. */
export interface Rows<T> {
  readonly length: number
  slice(start: number, end: number): readonly T[]
}

export interface Order<T> {
  /** No two orders of a shelf have the same. */
  readonly name: string
  readonly by: (row: T) => string | number
  /** All when absent. */
  readonly keep?: (row: T) => boolean
}

export interface Orders<T> {
  /** The rows of a group, ascending, those of the same by their ids. Not to be changed, nor kept. */
  rows(group: bigint, order: Order<T>): readonly T[]
}

interface Kept<T> {
  readonly group: bigint
  readonly order: Order<T>
  rows: readonly T[]
  changed: Map<bigint, T | null>
}

/** Orders that are kept at a time; the oldest is made anew when it is asked for again. */
const keptMax = 100

/** `groupOf` tells the group that `groups` has a row in. */
export function createOrders<T extends Row>(
  shelf: Shelf<T>,
  { groups, groupOf }: { readonly groups: Groups<T>; readonly groupOf: (row: T) => bigint },
): Orders<T> {
  const all = new Map<string, Kept<T>>()
  shelf.watch((before, after) => {
    if (all.size === 0) return
    const [left, joined] = [before, after].map((row) => row === undefined ? null : groupOf(row))
    for (const kept of all.values()) {
      if (before !== undefined && kept.group === left) kept.changed.set(before.id, null)
      if (after !== undefined && kept.group === joined) kept.changed.set(after.id, after)
    }
  })
  return {
    rows: (group, order) => {
      const key = `${group} ${order.name}`
      const found = all.get(key)
      if (found !== undefined) return caughtUp(found)
      const rows = ordered([...groups.of(group).values()], order)
      all.set(key, { group, order, rows, changed: new Map() })
      const oldest = all.keys().next().value
      if (all.size > keptMax && oldest !== undefined) all.delete(oldest)
      return rows
    },
  }
}

function caughtUp<T extends Row>(kept: Kept<T>): readonly T[] {
  const { order, changed } = kept
  if (changed.size === 0) return kept.rows
  const stayed = kept.rows.filter(({ id }) => !changed.has(id))
  const came = ordered([...changed.values()].filter((row) => row !== null), order)
  kept.rows = merged(stayed, came, order)
  kept.changed = new Map()
  return kept.rows
}

function ordered<T extends Row>(rows: readonly T[], { by, keep }: Order<T>): readonly T[] {
  const wanted = keep === undefined ? [...rows] : rows.filter(keep)
  return wanted.sort((one, other) => compare(one, other, by))
}

function compare<T extends Row>(one: T, other: T, by: Order<T>['by']): number {
  const [left, right] = [by(one), by(other)]
  if (left !== right) return left < right ? -1 : 1
  return one.id < other.id ? -1 : 1
}

function merged<T extends Row>(
  left: readonly T[],
  right: readonly T[],
  { by }: Order<T>,
): readonly T[] {
  const rows: T[] = []
  let at = 0
  for (const row of left) {
    for (let next = right[at]; next !== undefined && compare(next, row, by) < 0; next = right[at]) {
      rows.push(next)
      at += 1
    }
    rows.push(row)
  }
  return [...rows, ...right.slice(at)]
}

/** Where the rows begin that `by` says are not before `from`. */
export function firstFrom<T>(
  rows: readonly T[],
  { by, from }: { readonly by: (row: T) => string | number; readonly from: string | number },
): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle]
    if (row !== undefined && by(row) < from) low = middle + 1
    else high = middle
  }
  return low
}

/** The rows from an index on, the other way round where they descend; nothing is copied. */
export function windowOf<T>(
  rows: readonly T[],
  { from = 0, descending }: { readonly from?: number; readonly descending: boolean },
): Rows<T> {
  const length = rows.length - from
  return {
    length,
    slice: (start, end) => {
      if (!descending) return rows.slice(from + start, Math.min(from + end, rows.length))
      const last = rows.length - Math.min(start, length)
      return rows.slice(Math.max(from, rows.length - end), last).toReversed()
    },
  }
}
