// Room sandbox: the records of the emulated portal. Rows never change, they are replaced, so a row once read stays as it
// was; and every replacement can be taken back to a mark.

import type { ObjectType } from './objects/definition.ts'
import { objectTypes } from './objects/schema.ts'

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
}

export interface Portal {
  nextId(): string
  /** A row of the type by its id, living or archived. */
  get(type: ObjectType, id: string): Row | undefined
  /** Rows in the order of their ids, living and archived. */
  rows(type: ObjectType): Iterable<Row>
  /** Adds a row, or replaces the one with its id. */
  put(row: Row): void
  /** The living row that has the value in a unique property. Cases do not tell values apart. */
  holderOf(type: ObjectType, name: string, value: string): Row | undefined
  /** A mark to roll back to. */
  mark(): number
  /** Takes back every put since the mark. Ids that were given out are not given out again. */
  rollback(mark: number): void
  /** Forgets what could be taken back. */
  settle(): void
}

/** Ids are beyond 32 bits, as they are in real portals. */
const firstId = 171_590_000_001

export function createPortal(): Portal {
  const tables = new Map(objectTypes.map((type) => [type, new Map<string, Row>()]))
  const holders = new Map<string, string>()
  const changes: { before: Row | undefined; after: Row }[] = []
  let idsGiven = 0

  const release = (row: Row | undefined) => {
    for (const key of uniqueKeys(row)) holders.delete(key)
  }
  const hold = (row: Row | undefined) => {
    for (const key of uniqueKeys(row)) holders.set(key, row?.id ?? '')
  }
  return {
    nextId: () => String(firstId + idsGiven++),
    get: (type, id) => tables.get(type)?.get(id),
    rows: (type) => tables.get(type)?.values() ?? [],
    put: (row) => {
      const before = tables.get(row.type)?.get(row.id)
      changes.push({ before, after: row })
      release(before)
      hold(row)
      tables.get(row.type)?.set(row.id, row)
    },
    holderOf: (type, name, value) =>
      tables.get(type)?.get(holders.get(key(type, name, value)) ?? ''),
    mark: () => changes.length,
    rollback: (mark) => {
      while (changes.length > mark) {
        const { before, after } = changes.pop() ?? {}
        if (after === undefined) return
        release(after)
        hold(before)
        if (before === undefined) tables.get(after.type)?.delete(after.id)
        else tables.get(after.type)?.set(before.id, before)
      }
    },
    settle: () => {
      changes.length = 0
    },
  }
}

function key(type: ObjectType, name: string, value: string): string {
  return `${type.name}.${name}=${value.toLowerCase()}`
}

function uniqueKeys(row: Row | undefined): string[] {
  if (row === undefined || row.archivedAtMs !== null) return []
  return row.type.properties.flatMap(({ name, unique }) => {
    const value = unique ? row.values.get(name) ?? '' : ''
    return value === '' ? [] : [key(row.type, name, value)]
  })
}

/** The living row with the id. */
export function livingRow(portal: Portal, type: ObjectType, id: string): Row | undefined {
  const row = portal.get(type, id)
  return row?.archivedAtMs === null ? row : undefined
}
