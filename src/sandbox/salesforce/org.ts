// Room sandbox: the records of the emulated org. Rows never change, they are replaced, so a row once read stays as it
// was; and every replacement can be taken back to a mark.

import { makeId } from './ids.ts'
import { createHoldings } from './holdings.ts'
import { type Child, type Sobject, sobjects } from './objects/schema.ts'
import { createStamps, type Stamped, type Stamps } from './stamps.ts'
import type { Value } from './values.ts'

/** One record. A deleted one stays, in the recycle bin. */
export interface Row {
  readonly id: string
  readonly object: Sobject
  /** By the field's name; a field that is not a key is null. */
  readonly values: ReadonlyMap<string, Value>
  /** When it was deleted, in milliseconds since 1970; null while it lives. */
  readonly deletedAtMs: number | null
}

export interface Org {
  /** A new id for a record of the object. */
  nextId(object: Sobject): string
  /** A row by its 18-character id, living or deleted. */
  get(id: string): Row | undefined
  /** Rows of an object in order of their making, which is that of their ids, living and deleted; those after `after`. */
  rows(object: Sobject, after?: string): Iterable<Row>
  /** The same in the order of SystemModstamp and id, from a stamp on. */
  rowsFrom(object: Sobject, stamp: string): Iterable<Row>
  /** The same, the newest stamp first. */
  rowsBack(object: Sobject): Iterable<Row>
  /** Living rows that refer to a record. */
  referring(child: Child, id: string): readonly Row[]
  /** Adds a row, or replaces the one with its id. */
  put(row: Row): void
  /** The living row that has the value in a unique field. Cases do not tell values apart. */
  holderOf(object: Sobject, fieldName: string, value: string): Row | undefined
  /** A mark to roll back to. */
  mark(): number
  /** Takes back every put since the mark. Ids that were given out are not given out again. */
  rollback(mark: number): void
  /** Forgets what could be taken back. */
  settle(): void
}

interface Change {
  readonly id: string
  readonly before: Row | undefined
}

interface Table {
  /** In order. */
  readonly ids: string[]
  readonly stamps: Stamps
}

export function createOrg(): Org {
  const tables = new Map(
    sobjects.map((object): [string, Table] => [object.name, { ids: [], stamps: createStamps() }]),
  )
  const rowsById = new Map<string, Row>()
  const holdings = createHoldings()
  const counts = new Map<string, number>()
  const changes: Change[] = []
  const tableOf = (name: string): Table => tables.get(name) ?? { ids: [], stamps: createStamps() }

  const place = (id: string, before: Row | undefined, after: Row | undefined) => {
    holdings.replace(before, after)
    const { ids, stamps } = tableOf((after ?? before)?.object.name ?? '')
    if (after === undefined) {
      rowsById.delete(id)
      // only what was just added is taken back
      if (ids.at(-1) === id) ids.pop()
    } else {
      rowsById.set(id, after)
      if (before === undefined) ids.push(id)
      stamps.add({ stamp: stampOf(after), id })
    }
  }

  function* current(entries: Iterable<Stamped>): Iterable<Row> {
    for (const { id, stamp } of entries) {
      const row = rowsById.get(id)
      if (row !== undefined && stampOf(row) === stamp) yield row
    }
  }

  return {
    nextId: (object) => {
      const count = (counts.get(object.name) ?? 0) + 1
      counts.set(object.name, count)
      return makeId(object.keyPrefix, count)
    },
    get: (id) => rowsById.get(id),
    *rows(object, after = '') {
      const { ids } = tableOf(object.name)
      for (let at = firstAfter(ids, after); at < ids.length; at += 1) {
        const row = rowsById.get(ids[at] ?? '')
        if (row !== undefined) yield row
      }
    },
    rowsFrom: (object, stamp) => current(tableOf(object.name).stamps.from(stamp)),
    rowsBack: (object) => current(tableOf(object.name).stamps.backwards()),
    referring: (child, id) =>
      holdings.referring(child, id).flatMap((other) => rowsById.get(other) ?? []),
    put: (row) => {
      const before = rowsById.get(row.id)
      changes.push({ id: row.id, before })
      place(row.id, before, row)
    },
    holderOf: (object, fieldName, value) =>
      rowsById.get(holdings.holderOf(object, fieldName, value) ?? ''),
    mark: () => changes.length,
    rollback: (mark) => {
      while (changes.length > mark) {
        const change = changes.pop()
        if (change !== undefined) place(change.id, rowsById.get(change.id), change.before)
      }
    },
    settle: () => {
      for (const name of new Set(changes.map(({ id }) => rowsById.get(id)?.object.name ?? ''))) {
        tableOf(name).stamps.tidy(({ id, stamp }) => stampOf(rowsById.get(id)) === stamp)
      }
      changes.length = 0
    },
  }
}

/** The position of the first id after another; 0 for all. */
function firstAfter(ids: readonly string[], after: string): number {
  let [low, high] = [0, ids.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ids[middle] ?? '') > after) high = middle
    else low = middle + 1
  }
  return low
}

function stampOf(row: Row | undefined): string {
  return String(row?.values.get('SystemModstamp'))
}

/** The living row with the id, when it is of the object. */
export function livingRow(org: Org, object: Sobject, id: string): Row | undefined {
  const row = org.get(id)
  return row !== undefined && row.object === object && row.deletedAtMs === null ? row : undefined
}
