// Room sandbox: the records of the emulated org. Rows never change, they are replaced, so a row once read stays as it
// was; and every replacement can be taken back to a mark.

import { makeId } from './ids.ts'
import { type Sobject, sobjects } from './objects/schema.ts'
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
  /** Rows of an object in order of their making, living and deleted. */
  rows(object: Sobject): Iterable<Row>
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

export function createOrg(): Org {
  const tables = new Map(sobjects.map((object) => [object.name, new Map<string, Row>()]))
  const rowsById = new Map<string, Row>()
  const holders = new Map<string, string>()
  const counts = new Map<string, number>()
  const changes: Change[] = []

  const place = (id: string, before: Row | undefined, after: Row | undefined) => {
    for (const key of uniqueKeys(before)) holders.delete(key)
    for (const key of uniqueKeys(after)) holders.set(key, id)
    const table = tables.get((after ?? before)?.object.name ?? '')
    if (after === undefined) {
      rowsById.delete(id)
      table?.delete(id)
    } else {
      rowsById.set(id, after)
      table?.set(id, after)
    }
  }

  return {
    nextId: (object) => {
      const count = (counts.get(object.name) ?? 0) + 1
      counts.set(object.name, count)
      return makeId(object.keyPrefix, count)
    },
    get: (id) => rowsById.get(id),
    rows: (object) => tables.get(object.name)?.values() ?? [],
    put: (row) => {
      const before = rowsById.get(row.id)
      changes.push({ id: row.id, before })
      place(row.id, before, row)
    },
    holderOf: (object, fieldName, value) =>
      rowsById.get(holders.get(uniqueKey(object.name, fieldName, value)) ?? ''),
    mark: () => changes.length,
    rollback: (mark) => {
      while (changes.length > mark) {
        const change = changes.pop()
        if (change !== undefined) place(change.id, rowsById.get(change.id), change.before)
      }
    },
    settle: () => {
      changes.length = 0
    },
  }
}

function uniqueKey(objectName: string, fieldName: string, value: string): string {
  return `${objectName}.${fieldName}=${value.toLowerCase()}`
}

function uniqueKeys(row: Row | undefined): string[] {
  if (row === undefined || row.deletedAtMs !== null) return []
  return row.object.uniqueFields.flatMap(({ name }) => {
    const value = row.values.get(name) ?? null
    return value === null ? [] : [uniqueKey(row.object.name, name, String(value))]
  })
}

/** The living row with the id, when it is of the object. */
export function livingRow(org: Org, object: Sobject, id: string): Row | undefined {
  const row = org.get(id)
  return row !== undefined && row.object === object && row.deletedAtMs === null ? row : undefined
}
