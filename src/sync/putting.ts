// Room sync: putting what was read at a platform into its table. What cannot be written now becomes a hint.

import type { Ref } from '../platforms/platform.ts'
import { type HintReason, noteHints } from '../store/hints.ts'
import { writeSparing } from './sparing.ts'
import type { Work } from './work.ts'
import type { Batch, Written } from './writing.ts'

/** A row that is held, or newer than what was read, is read again after so long, in milliseconds. */
const soonMs = 250
/** A record that the platform could not tell of, or that the table refuses. */
const untoldMs = 2_000

/** Writes the batch; what is to be read again is noted first in the store. Throws as `TableWriter.write`. */
export async function put(work: Work, batch: Batch): Promise<Written> {
  const written = await writeSparing(work, batch)
  const { changed, removed, later } = written
  work.metrics.count(work.table.platform, { changed, removed, later: later.length })
  await note(work, later.map(({ ref, why }) => ({ ...ref, why })))
  return written
}

/** What became of records that were read by id. */
export interface Reread {
  readonly changed: number
  readonly removed: number
  /** Ids that were not written, or of which the platform could not tell, and why. */
  readonly open: ReadonlyMap<string, HintReason>
}

/**
 * Reads records by id and writes them; those that surely are no longer there are removed. What is open is told and not
 * noted. `known`: as in Batch. Throws a Fault, and as `TableWriter.write`.
 */
export async function reread(
  work: Work,
  refs: readonly Ref[],
  { known }: Pick<Batch, 'known'> = {},
): Promise<Reread> {
  const { follower, table, writer } = work
  const open = new Map<string, HintReason>()
  let [changed, removed] = [0, 0]
  if (follower === null) return { changed, removed, open }
  for (let at = 0; at < refs.length; at += follower.readMax) {
    const some = refs.slice(at, at + follower.readMax)
    const mark = await writer.mark()
    const told = await work.ask((caller) => follower.read(table, some, caller))
    const asked = new Set(some.map(({ id }) => id))
    const rows = told.flatMap(({ id, values }) => values === null ? [] : [{ id, values }])
    const gone = told.flatMap(({ id, values }) => values === null && asked.has(id) ? [id] : [])
    const batch = { mark, rows, gone, ...(known === undefined ? {} : { known }) }
    const written = await writeSparing(work, batch)
    work.metrics.count(table.platform, { ...written, later: written.later.length })
    changed += written.changed
    removed += written.removed
    const answered = new Set(told.map(({ id }) => id))
    for (const { id } of some) if (!answered.has(id)) open.set(id, 'untold')
    for (const { ref, why } of written.later) open.set(ref.id, why)
  }
  return { changed, removed, open }
}

/** As `reread`; what is open is noted as hints. */
export async function rereadNoting(work: Work, refs: readonly Ref[]): Promise<Reread> {
  const done = await reread(work, refs)
  await note(
    work,
    refs.flatMap((ref) => {
      const why = done.open.get(ref.id)
      return why === undefined ? [] : [{ ...ref, why }]
    }),
  )
  return done
}

async function note(
  { store, hold: { syncId, table } }: Work,
  records: readonly (Ref & { readonly why: HintReason })[],
): Promise<void> {
  const isLong = ({ why }: { why: HintReason }) => why === 'untold' || why === 'refused'
  const hints = records.map((record) => ({ ...record, table }))
  const [long, soon] = [hints.filter(isLong), hints.filter((hint) => !isLong(hint))]
  if (soon.length > 0) await noteHints(store, { syncId, hints: soon, inMs: soonMs })
  if (long.length > 0) await noteHints(store, { syncId, hints: long, inMs: untoldMs })
}
