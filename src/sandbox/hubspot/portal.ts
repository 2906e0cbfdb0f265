// Room sandbox: the records of the emulated portal. Rows never change, they are replaced, so a row once read stays as it
// was; and every replacement can be taken back to a mark.

import type { ObjectType } from './objects/definition.ts'
import { objectTypes } from './objects/schema.ts'
import { createTable, isLiving, type Table } from './table.ts'

/** One record. An archived one stays. */
export interface Row {
  readonly id: string
  readonly type: ObjectType
  /** By the property's name. One that was never set is no key, one that was cleared is the empty text. */
  readonly values: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** null while it lives. */
  readonly archivedAtMs: number | null
  /** How it left for good: merged into another, or erased without a trace; null when it did not. */
  readonly left: { readonly into: string | null } | null
}

/** What a call did to one record; `before` undefined: it was made. */
export interface Replaced {
  readonly before: Row | undefined
  readonly after: Row
}

export interface Portal {
  nextId(): string
  /** A row of the type by its id, living or archived. One that was merged is the one that it was merged into. */
  get(type: ObjectType, id: string): Row | undefined
  /** Rows in the order of their ids, living and archived. */
  rows(type: ObjectType): Iterable<Row>
  table(type: ObjectType): Pick<Table, 'list' | 'living' | 'modified'>
  /** Adds a row, or replaces the one with its id. */
  put(row: Row): void
  /** The living row that has the value in a unique property. Cases do not tell values apart. */
  holderOf(type: ObjectType, name: string, value: string): Row | undefined
  /** A mark to roll back to. */
  mark(): number
  /** Takes back every put since the mark. Ids that were given out are not given out again. */
  rollback(mark: number): void
  /** Forgets what could be taken back, and tells it. */
  settle(): readonly Replaced[]
}

/** Ids are beyond 32 bits, as they are in real portals. */
const firstId = 171_590_000_001

export function createPortal(): Portal {
  const tables = new Map(objectTypes.map((type) => [type, createTable()]))
  const holders = new Map<string, string>()
  let changes: Replaced[] = []
  let idsGiven = 0

  const tableOf = (type: ObjectType): Table => {
    const table = tables.get(type)
    if (table === undefined) throw new Error(`The portal has no ${type.name}`)
    return table
  }
  const release = (row: Row | undefined) => {
    for (const key of uniqueKeys(row)) holders.delete(key)
  }
  const hold = (row: Row | undefined) => {
    for (const key of uniqueKeys(row)) holders.set(key, row?.id ?? '')
  }
  const get = (type: ObjectType, id: string): Row | undefined => {
    const row = tableOf(type).get(id)
    if (row === undefined || row.left === null) return row
    return row.left.into === null ? undefined : get(type, row.left.into)
  }
  return {
    nextId: () => String(firstId + idsGiven++),
    get,
    rows: (type) => tableOf(type).rows(),
    table: tableOf,
    put: (row) => {
      const before = tableOf(row.type).get(row.id)
      changes.push({ before, after: row })
      release(before)
      hold(row)
      tableOf(row.type).put(row, before)
    },
    holderOf: (type, name, value) => {
      const id = holders.get(key(type, name, value))
      return id === undefined ? undefined : tableOf(type).get(id)
    },
    mark: () => changes.length,
    rollback: (mark) => {
      while (changes.length > mark) {
        const { before, after } = changes.pop() ?? {}
        if (after === undefined) return
        release(after)
        hold(before)
        tableOf(after.type).undo(after, before)
      }
    },
    settle: () => {
      const done = changes
      changes = []
      for (const type of new Set(done.map(({ after }) => after.type))) tableOf(type).tidy()
      return done
    },
  }
}

function key(type: ObjectType, name: string, value: string): string {
  return `${type.name}.${name}=${value.toLowerCase()}`
}

function uniqueKeys(row: Row | undefined): string[] {
  if (row === undefined || !isLiving(row)) return []
  return row.type.unique.flatMap((name) => {
    const value = row.values.get(name) ?? ''
    return value === '' ? [] : [key(row.type, name, value)]
  })
}

/** The row with other values of some of its fields. A row need not hold its fields itself. */
export function altered(
  { id, type, values, createdAtMs, updatedAtMs, archivedAtMs, left }: Row,
  fields: Partial<Row>,
): Row {
  return { id, type, values, createdAtMs, updatedAtMs, archivedAtMs, left, ...fields }
}

/** The living row with the id. */
export function livingRow(portal: Portal, type: ObjectType, id: string): Row | undefined {
  const row = portal.get(type, id)
  return row?.archivedAtMs === null ? row : undefined
}
