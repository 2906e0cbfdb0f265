// Room sandbox: the objects of one kind, in the order in which they came. Neither a page nor the objects that belong to
// another one are looked for among all.

import type { JsonObject } from '../json.ts'

/** One object: as Stripe answers it, but for the parts that are put together when it is answered. */
export interface Entry {
  readonly row: JsonObject
  readonly deleted: boolean
  /** Its place in the order. */
  readonly at: number
}

export interface Shelf {
  get(id: string): Entry | undefined
  /** Adds an object, or replaces the one with its id; one that was deleted comes anew. */
  put(id: string, row: JsonObject): void
  /** Marks as deleted. */
  remove(id: string): void
  /** As it was before. */
  restore(id: string, before: Entry | undefined): void
  /** Deletes for good what came first, but for so many objects. */
  keepLast(count: number): void
  /** The living objects, oldest first. */
  rows(): JsonObject[]
  /** The living objects with the value in a member, oldest first. */
  rowsBy(member: string, value: string): JsonObject[]
  /** The living objects from a place in the order on, one way or the other. */
  from(at: number, step: 1 | -1): Iterable<JsonObject>
  /** The place after the last. */
  readonly end: number
  /** Did they come in the order of their `created`? */
  readonly isDated: boolean
}

export function createShelf(): Shelf {
  const entries = new Map<string, Entry>()
  const indexes = createIndexes()
  let order: (Entry | undefined)[] = []
  let newest = 0
  let isDated = true
  const take = (id: string) => {
    const entry = entries.get(id)
    if (entry === undefined) return
    order[entry.at] = undefined
    indexes.take(id, entry.row)
    entries.delete(id)
  }
  const place = (id: string, entry: Entry) => {
    take(id)
    order[entry.at] = entry
    entries.set(id, entry)
    indexes.put(id, entry.row)
  }
  const come = (row: JsonObject): number => {
    const created = madeAtOf(row) ?? newest
    if (created < newest) isDated = false
    newest = created
    return order.length
  }
  return {
    get: (id) => entries.get(id),
    put: (id, row) => {
      const before = entries.get(id)
      const isThere = before !== undefined && !before.deleted
      place(id, { row, deleted: false, at: isThere ? before.at : come(row) })
    },
    remove: (id) => {
      const entry = entries.get(id)
      if (entry !== undefined) place(id, { ...entry, deleted: true })
    },
    restore: (id, before) => before === undefined ? take(id) : place(id, before),
    keepLast: (count) => {
      const all = order.flatMap((entry) => entry ?? [])
      order = all.slice(Math.max(0, all.length - count)).map((entry, at) => ({ ...entry, at }))
      entries.clear()
      indexes.clear()
      for (const entry of order) {
        if (entry !== undefined) entries.set(textAt(entry.row, 'id'), entry)
      }
    },
    rows: () => order.flatMap((entry) => isLiving(entry) ? [entry.row] : []),
    rowsBy: (member, value) => {
      const found = indexes.find(member, value, entries).flatMap((id) => entries.get(id) ?? [])
      return found.filter(isLiving).toSorted((a, b) => a.at - b.at).map(({ row }) => row)
    },
    from: (at, step) => walk(order, at, step),
    get end() {
      return order.length
    },
    get isDated() {
      return isDated
    },
  }
}

/** When it was made, in seconds since 1970; undefined: it does not say. */
export function madeAtOf({ created, date }: JsonObject): number | undefined {
  if (typeof created === 'number') return created
  return typeof date === 'number' ? date : undefined
}

function isLiving(entry: Entry | undefined): entry is Entry {
  return entry !== undefined && !entry.deleted
}

function* walk(order: readonly (Entry | undefined)[], at: number, step: 1 | -1) {
  for (let place = at; place >= 0 && place < order.length; place += step) {
    const entry = order[place]
    if (isLiving(entry)) yield entry.row
  }
}

/** The ids of the objects by the text in a member; an index is made when it is first asked for. */
interface Indexes {
  put(id: string, row: JsonObject): void
  take(id: string, row: JsonObject): void
  find(member: string, value: string, entries: ReadonlyMap<string, Entry>): string[]
  clear(): void
}

type Index = Map<string, Set<string>>

function createIndexes(): Indexes {
  const indexes = new Map<string, Index>()
  const made = (member: string, entries: ReadonlyMap<string, Entry>): Index => {
    const index: Index = new Map()
    for (const [id, { row }] of entries) addTo(index, textAt(row, member), id)
    indexes.set(member, index)
    return index
  }
  return {
    put: (id, row) => {
      for (const [member, index] of indexes) addTo(index, textAt(row, member), id)
    },
    take: (id, row) => {
      for (const [member, index] of indexes) index.get(textAt(row, member))?.delete(id)
    },
    find: (member, value, entries) => {
      const index = indexes.get(member) ?? made(member, entries)
      return [...index.get(value) ?? []]
    },
    clear: () => indexes.clear(),
  }
}

function textAt(row: JsonObject, member: string): string {
  const value = row[member]
  return typeof value === 'string' ? value : ''
}

function addTo(index: Index, key: string, id: string): void {
  const ids = index.get(key)
  if (ids === undefined) index.set(key, new Set([id]))
  else ids.add(id)
}
