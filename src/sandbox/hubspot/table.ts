// Room sandbox: the records of one type, in the order of their ids and in that of their last change, so that a page costs
// what is on it.

import type { Row } from './portal.ts'
import { createModified, firstIndex, type Modified } from './modified.ts'

export interface Table {
  /** The row with the id as it is, whatever became of it. */
  get(id: string): Row | undefined
  /** Rows in the order of their ids, living and archived. */
  rows(): Iterable<Row>
  /** So many of the living, or archived, rows from an id on, in the order of their ids. */
  list(wanted: { from: bigint; archived: boolean; limit: number }): readonly Row[]
  readonly living: number
  readonly modified: Pick<Modified<Row>, 'walk' | 'count'>
  /** Adds a row, or puts it in the place of another. Ids grow. */
  put(row: Row, before: Row | undefined): void
  /** Takes the last put back. */
  undo(row: Row, before: Row | undefined): void
  tidy(): void
}

interface Kept {
  readonly row: Row
  readonly seq: number
}

/** Is it a record, neither archived, merged nor erased? */
export function isLiving({ archivedAtMs, left }: Row): boolean {
  return archivedAtMs === null && left === null
}

function isArchived(row: Row | undefined): boolean {
  return row !== undefined && row.archivedAtMs !== null && row.left === null
}

export function createTable(): Table {
  const kept = new Map<string, Kept>()
  const ids: string[] = []
  const archived: string[] = []
  const modified = createModified<Row>()
  /** Where the rows were before the puts that can be taken back. */
  const past: number[] = []
  let living = 0
  let changes = 0
  const put = (row: Row, before: Row | undefined) => {
    const seq = ++changes
    const earlier = kept.get(row.id)?.seq ?? 0
    past.push(earlier)
    if (before === undefined) ids.push(row.id)
    else if (isLiving(before)) modified.drop(earlier)
    if (isLiving(row)) modified.push(row, { atMs: row.updatedAtMs, seq })
    living += difference(row, before)
    file(archived, row, before)
    kept.set(row.id, { row, seq })
  }
  const undo = (row: Row, before: Row | undefined) => {
    const earlier = past.pop() ?? 0
    if (isLiving(row)) modified.pop()
    living -= difference(row, before)
    file(archived, before, row)
    if (before === undefined) {
      ids.pop()
      kept.delete(row.id)
      return
    }
    if (isLiving(before)) modified.restore(earlier)
    kept.set(row.id, { row: before, seq: earlier })
  }
  return {
    get: (id) => kept.get(id)?.row,
    rows: function* () {
      for (const { row } of kept.values()) if (row.left === null) yield row
    },
    list: ({ from, archived: wanted, limit }) => {
      const order = wanted ? archived : ids
      const found: Row[] = []
      for (let i = indexIn(order, from); found.length < limit && i < order.length; i++) {
        const row = kept.get(order[i] ?? '')?.row
        if (row !== undefined && (wanted || isLiving(row))) found.push(row)
      }
      return found
    },
    get living() {
      return living
    },
    modified,
    put,
    undo,
    tidy: () => {
      past.length = 0
      modified.tidy()
    },
  }
}

/** How many more live. */
function difference(row: Row, before: Row | undefined): number {
  return Number(isLiving(row)) - Number(before !== undefined && isLiving(before))
}

/** Keeps the ids of the archived records in order, when one takes the place of another. */
function file(archived: string[], row: Row | undefined, before: Row | undefined): void {
  const [was, is] = [isArchived(before), isArchived(row)]
  const id = row?.id ?? before?.id ?? ''
  if (was === is) return
  const index = indexIn(archived, BigInt(id))
  if (was) archived.splice(index, 1)
  else archived.splice(index, 0, id)
}

function indexIn(ids: readonly string[], from: bigint): number {
  return firstIndex(ids, (id) => BigInt(id) >= from)
}
