// Room sync: writing what a table takes, and naming what it refuses: one row that breaks a constraint, an index or a trigger
// that somebody has made must not keep all the others out.

import postgres from 'postgres'
import type { Log } from '../lib/log.ts'
import { reasonOf } from './target.ts'
import type { Batch, TableWriter, Written } from './writing.ts'

/**
 * Classes of SQLSTATE (Postgres manual, appendix A) that are about the row: data, integrity constraint, error of a
 * function, program limit (a value too long for an index).
 */
const refusals = ['22', '23', 'P0', '54']
/** In one batch, records are looked for one by one until so many were refused; then the rest of what is refused is. */
const refusedMax = 50

type Item = { readonly row: Batch['rows'][number] } | { readonly gone: string }
type Later = Written['later'][number]

/**
 * Writes the batch as `TableWriter.write`. Where Postgres refuses what is in it, by halves, in the same order, down to
 * single records; those that are refused are in `later`. Throws what `write` throws otherwise.
 */
export async function writeSparing(
  { writer, log }: { writer: TableWriter; log: Log },
  batch: Batch,
): Promise<Written> {
  try {
    return await writer.write(batch)
  } catch (error) {
    if (!isRefusal(error)) throw error
    const items = itemsOf(batch)
    if (items.length === 0) throw error
    const done: Done = { changed: 0, removed: 0, later: new Map(), refused: 0 }
    await writeHalves({ writer, batch, done }, items)
    const { table: { syncId: sync, name: table } } = writer
    log.warn('sync.refused', { sync, table, count: done.refused, error: reasonOf(error) })
    return { changed: done.changed, removed: done.removed, later: [...done.later.values()] }
  }
}

interface Done {
  changed: number
  removed: number
  readonly later: Map<string, Later>
  refused: number
}

interface Halving {
  readonly writer: TableWriter
  readonly batch: Batch
  readonly done: Done
}

/** These were refused together. */
async function writeHalves(
  halving: Halving,
  items: readonly Item[],
): Promise<void> {
  const { writer, batch, done } = halving
  if (items.length === 1 || done.refused >= refusedMax) return refuse(halving, items)
  const middle = Math.ceil(items.length / 2)
  for (const half of [items.slice(0, middle), items.slice(middle)]) {
    try {
      const { changed, removed, later } = await writer.write(batchOf(batch, half))
      done.changed += changed
      done.removed += removed
      for (const each of later) done.later.set(each.ref.id, each)
    } catch (error) {
      if (!isRefusal(error)) throw error
      await writeHalves(halving, half)
    }
  }
}

function refuse({ writer, done }: Halving, items: readonly Item[]): void {
  const names = writer.table.keyColumns ?? []
  for (const item of items) {
    const { id, values } = 'gone' in item ? { id: item.gone, values: {} } : item.row
    const held = new Map(Object.entries(values))
    const keys = names.flatMap((name) => held.has(name) ? [[name, held.get(name) ?? null]] : [])
    done.later.set(id, { ref: { id, keys: Object.fromEntries(keys) }, why: 'refused' })
    done.refused += 1
  }
}

function itemsOf({ rows, gone }: Batch): readonly Item[] {
  return [...gone.map((id) => ({ gone: id })), ...rows.map((row) => ({ row }))]
}

function batchOf(batch: Batch, items: readonly Item[]): Batch {
  return {
    ...batch,
    gone: items.flatMap((item) => 'gone' in item ? [item.gone] : []),
    rows: items.flatMap((item) => 'row' in item ? [item.row] : []),
  }
}

/** Is it about a row, and not about the session or the table? */
function isRefusal(error: unknown): boolean {
  return error instanceof postgres.PostgresError && refusals.includes(error.code.slice(0, 2))
}
