// Room sandbox: the records of the emulated base. Rows never change, they are replaced, so a row once read stays as it
// was; and every change can be taken back to a mark.

import { isArray, type Json } from '../json.ts'
import { findField, type Table } from './field.ts'
import { findTable, tables } from './schema.ts'

/** One record. */
export interface Row {
  readonly id: string
  readonly table: Table
  /** By the field's id; an empty cell is no key. */
  readonly cells: ReadonlyMap<string, Json>
  /** How many rows the table had when it was made, itself included. */
  readonly number: number
  readonly createdAtMs: number
  readonly modifiedAtMs: number
}

export interface Base {
  /** An empty row of its own id, not yet in its table. */
  newRow(table: Table, nowMs: number): Row
  get(table: Table, id: string): Row | undefined
  /** Rows in the order of their making. */
  rows(table: Table): Iterable<Row>
  /** Adds a row, or replaces the one with its id. Links lead both ways, so the rows that it links to change too. */
  put(row: Row): void
  /** Removes a row, and the links to it. */
  remove(row: Row, nowMs: number): void
  mark(): number
  /** Takes back every change since the mark. Ids that were given out are not given out again. */
  rollback(mark: number): void
  /** Forgets what could be taken back. */
  settle(): void
}

interface Change {
  readonly table: Table
  readonly id: string
  readonly before: Row | undefined
}

export function createBase(): Base {
  const rowsByTable = new Map(tables.map((table) => [table.id, new Map<string, Row>()]))
  const numbers = new Map<string, number>()
  const changes: Change[] = []
  let idsGiven = 0

  const rowsOf = (table: Table) => rowsByTable.get(table.id) ?? new Map<string, Row>()
  const place = (table: Table, id: string, after: Row | undefined) => {
    const rows = rowsOf(table)
    changes.push({ table, id, before: rows.get(id) })
    if (after === undefined) rows.delete(id)
    else rows.set(id, after)
  }
  /** Makes the rows at the other ends of the links say the same as the row. */
  const relink = (row: Row, before: Row | undefined, nowMs: number) => {
    for (const { id, link } of row.table.fields) {
      const other = link === null ? undefined : findTable(link.tableId)
      const inverse = other && findField(other, link?.inverseId ?? '')
      if (other === undefined || inverse === undefined) continue
      const [now, then] = [idsIn(row.cells.get(id)), idsIn(before?.cells.get(id))]
      for (const otherId of new Set([...now, ...then])) {
        const otherRow = rowsOf(other).get(otherId)
        if (otherRow === undefined || now.includes(otherId) === then.includes(otherId)) continue
        const ids = idsIn(otherRow.cells.get(inverse.id)).filter((known) => known !== row.id)
        const cells = new Map(otherRow.cells)
        const linked = now.includes(otherId) ? [...ids, row.id] : ids
        if (linked.length === 0) cells.delete(inverse.id)
        else cells.set(inverse.id, linked)
        place(other, otherId, { ...otherRow, cells, modifiedAtMs: nowMs })
      }
    }
  }
  return {
    newRow: (table, nowMs) => {
      const number = (numbers.get(table.id) ?? 0) + 1
      numbers.set(table.id, number)
      const id = makeRecordId(++idsGiven)
      return { id, table, cells: new Map(), number, createdAtMs: nowMs, modifiedAtMs: nowMs }
    },
    get: (table, id) => rowsOf(table).get(id),
    // a row that was removed and brought back stands last in its map
    rows: (table) => [...rowsOf(table).values()].sort((a, b) => a.number - b.number),
    put: (row) => {
      const before = rowsOf(row.table).get(row.id)
      place(row.table, row.id, row)
      relink(row, before, row.modifiedAtMs)
    },
    remove: (row, nowMs) => {
      relink({ ...row, cells: new Map() }, row, nowMs)
      place(row.table, row.id, undefined)
    },
    mark: () => changes.length,
    rollback: (mark) => {
      while (changes.length > mark) {
        const change = changes.pop()
        if (change === undefined) return
        const rows = rowsOf(change.table)
        if (change.before === undefined) rows.delete(change.id)
        else rows.set(change.id, change.before)
      }
    },
    settle: () => {
      changes.length = 0
    },
  }
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `rec` and 14 characters, in which cases tell ids apart. */
function makeRecordId(count: number): string {
  let rest = count
  let counter = ''
  do {
    counter = `${digits[rest % 62]}${counter}`
    rest = Math.floor(rest / 62)
  } while (rest > 0)
  return `recSbx${counter.padStart(11, '0')}`
}

/** The ids in a cell of links. */
export function idsIn(cell: Json | undefined): readonly string[] {
  return isArray(cell) ? cell.map(String) : []
}
