// Room sandbox: the records of one kind, and the ways in which they are found without looking at all of them: by what they
// share with others, and in an order. A million records are kept, and lists of them read page by page.

import type { Row } from './model.ts'

/** before undefined: it is new; after undefined: it was removed. */
export type Listener<T> = (before: T | undefined, after: T | undefined) => void

/** The records of one kind, oldest first. */
export interface Shelf<T extends Row> {
  readonly size: number
  get(id: bigint): T | undefined
  /** A copy of all. */
  all(): readonly T[]
  /** Adds the record, or puts it in the place of the one with its id. */
  put(row: T): T
  remove(row: T): void
  /** Hears of every change from now on. */
  watch(listener: Listener<T>): void
}

export function createShelf<T extends Row>(): Shelf<T> {
  const rows = new Map<bigint, T>()
  const listeners: Listener<T>[] = []
  return {
    get size() {
      return rows.size
    },
    get: (id) => rows.get(id),
    all: () => [...rows.values()],
    put: (row) => {
      const before = rows.get(row.id)
      rows.set(row.id, row)
      for (const listener of listeners) listener(before, row)
      return row
    },
    remove: (row) => {
      const before = rows.get(row.id)
      if (before === undefined) return
      rows.delete(row.id)
      for (const listener of listeners) listener(before, undefined)
    },
    watch: (listener) => void listeners.push(listener),
  }
}

type Key = string | bigint | number

/** Records by what they share. */
export interface Groups<T> {
  /** Those with the key, oldest first, by what tells them apart in it. */
  of(key: Key): ReadonlyMap<Key, T>
}

const nobody: ReadonlyMap<Key, never> = new Map<Key, never>()

/** Groups the records of an empty shelf by `by`, null being no group. `within`: their ids when absent. */
export function createGroups<T extends Row>(
  shelf: Shelf<T>,
  { by, within = ({ id }) => id }: {
    readonly by: (row: T) => Key | null
    readonly within?: (row: T) => Key
  },
): Groups<T> {
  const groups = new Map<Key, Map<Key, T>>()
  const leave = (row: T) => {
    const key = by(row)
    const group = key === null ? undefined : groups.get(key)
    if (key === null || group === undefined) return
    group.delete(within(row))
    if (group.size === 0) groups.delete(key)
  }
  shelf.watch((before, after) => {
    const key = after === undefined ? null : by(after)
    const stays = before !== undefined && after !== undefined && by(before) === key &&
      within(before) === within(after)
    if (before !== undefined && !stays) leave(before)
    if (after === undefined || key === null) return
    const group = groups.get(key)
    if (group === undefined) groups.set(key, new Map([[within(after), after]]))
    else group.set(within(after), after)
  })
  return { of: (key) => groups.get(key) ?? nobody }
}

/** How many records there are of each key. */
export function createCounts<T extends Row>(
  shelf: Shelf<T>,
  by: (row: T) => Key | null,
): (key: Key) => number {
  const counts = new Map<Key, number>()
  const add = (row: T | undefined, one: number) => {
    const key = row === undefined ? null : by(row)
    if (key === null) return
    const count = (counts.get(key) ?? 0) + one
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  shelf.watch((before, after) => {
    add(before, -1)
    add(after, 1)
  })
  return (key) => counts.get(key) ?? 0
}
