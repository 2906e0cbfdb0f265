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
  /** null: no cell was ever written. */
  readonly modifiedAtMs: number | null
}

/** What became of a row: `before` undefined, it is new; `after` undefined, it is gone. */
export interface Turn {
  readonly table: Table
  readonly id: string
  readonly before: Row | undefined
  readonly after: Row | undefined
}

export interface Base {
  /** An empty row of its own id, not yet in its table. */
  newRow(table: Table, nowMs: number): Row
  get(table: Table, id: string): Row | undefined
  /** Rows in the order of their making, as long as nothing is changed. */
  rows(table: Table): Iterable<Row>
  /** Adds a row, or replaces the one with its id. Links lead both ways, so the rows that it links to change too. */
  put(row: Row): void
  /** Adds a row that is new and links to nothing; it cannot be taken back. */
  sow(row: Row): void
  /** Removes a row, and the links to it. */
  remove(row: Row, nowMs: number): void
  mark(): number
  /** What has changed since the mark, each row once. */
  turns(mark: number): readonly Turn[]
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
  /** Tables in which a row that was removed and brought back stands last. */
  const disordered = new Set<string>()
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
    for (const { table, id, inverseId, linked } of endsOf(row, before)) {
      const other = rowsOf(table).get(id)
      if (other === undefined) continue
      const ids = idsIn(other.cells.get(inverseId)).filter((known) => known !== row.id)
      const cells = new Map(other.cells)
      const after = linked ? [...ids, row.id] : ids
      if (after.length === 0) cells.delete(inverseId)
      else cells.set(inverseId, after)
      place(table, id, { ...other, cells, modifiedAtMs: nowMs })
    }
  }
  return {
    newRow: (table, nowMs) => {
      const number = (numbers.get(table.id) ?? 0) + 1
      numbers.set(table.id, number)
      const id = makeRecordId(++idsGiven)
      return { id, table, cells: new Map(), number, createdAtMs: nowMs, modifiedAtMs: null }
    },
    get: (table, id) => rowsOf(table).get(id),
    rows: (table) => {
      const rows = rowsOf(table)
      if (disordered.delete(table.id)) putInOrder(rows)
      return rows.values()
    },
    put: (row) => {
      const before = rowsOf(row.table).get(row.id)
      place(row.table, row.id, row)
      relink(row, before, row.modifiedAtMs ?? row.createdAtMs)
    },
    sow: (row) => void rowsOf(row.table).set(row.id, row),
    remove: (row, nowMs) => {
      relink({ ...row, cells: new Map() }, row, nowMs)
      place(row.table, row.id, undefined)
    },
    mark: () => changes.length,
    turns: (mark) => turnsOf(changes.slice(mark), (table, id) => rowsOf(table).get(id)),
    rollback: (mark) => {
      while (changes.length > mark) {
        const change = changes.pop()
        if (change === undefined) return
        const rows = rowsOf(change.table)
        if (change.before === undefined) rows.delete(change.id)
        else {
          if (!rows.has(change.id)) disordered.add(change.table.id)
          rows.set(change.id, change.before)
        }
      }
    },
    settle: () => {
      changes.length = 0
    },
  }
}

interface End {
  readonly table: Table
  readonly id: string
  readonly inverseId: string
  /** Does the row link to it now? */
  readonly linked: boolean
}

/** The other ends of the links that the row has gained or lost. */
function endsOf(row: Row, before: Row | undefined): End[] {
  return row.table.fields.flatMap(({ id: fieldId, link }) => {
    const table = link === null ? undefined : findTable(link.tableId)
    const inverse = table && findField(table, link?.inverseId ?? '')
    if (table === undefined || inverse === undefined) return []
    const [now, then] = [idsIn(row.cells.get(fieldId)), idsIn(before?.cells.get(fieldId))]
    return [...new Set([...now, ...then])]
      .filter((id) => now.includes(id) !== then.includes(id))
      .map((id) => ({ table, id, inverseId: inverse.id, linked: now.includes(id) }))
  })
}

function putInOrder(rows: Map<string, Row>): void {
  const ordered = [...rows.values()].toSorted((a, b) => a.number - b.number)
  rows.clear()
  for (const row of ordered) rows.set(row.id, row)
}

function turnsOf(
  changes: readonly Change[],
  rowNow: (table: Table, id: string) => Row | undefined,
): Turn[] {
  const turns = new Map<string, Turn>()
  for (const { table, id, before } of changes) {
    if (!turns.has(id)) turns.set(id, { table, id, before, after: rowNow(table, id) })
  }
  return [...turns.values()].filter(({ before, after }) => before !== after)
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
