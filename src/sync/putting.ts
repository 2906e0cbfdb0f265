// Room sync: putting what was read at a platform into its table. What cannot be written now becomes a hint.

import type { Ref } from '../platforms/platform.ts'
import { noteHints } from '../store/hints.ts'
import type { Work } from './work.ts'
import type { Batch, Written } from './writing.ts'

/** A row that is held, or newer than what was read, is read again after so long, in milliseconds. */
const soonMs = 250
/** A record that the platform could not tell of. */
const untoldMs = 2_000

/** Writes the batch; what is to be read again is noted first in the store. Throws as `TableWriter.write`. */
export async function put(work: Work, batch: Batch): Promise<Written> {
  const written = await work.writer.write(batch)
  const { changed, removed, later } = written
  work.metrics.count(work.table.platform, { changed, removed, later: later.length })
  await note(work, { refs: later.map(({ ref }) => ref), inMs: soonMs })
  return written
}

/** What became of records that were read by id. */
export interface Reread {
  readonly changed: number
  readonly removed: number
  /** Ids that were not written, or of which the platform could not tell. */
  readonly open: ReadonlySet<string>
}

/**
 * Reads records by id and writes them; those that surely are no longer there are removed. What is open is told and not
 * noted. Throws a Fault, and as `TableWriter.write`.
 */
export async function reread(work: Work, refs: readonly Ref[]): Promise<Reread> {
  const { follower, table, writer } = work
  const open = new Set<string>()
  let [changed, removed] = [0, 0]
  if (follower === null) return { changed, removed, open }
  for (let at = 0; at < refs.length; at += follower.readMax) {
    const some = refs.slice(at, at + follower.readMax)
    const mark = await writer.mark()
    const told = await work.ask((caller) => follower.read(table, some, caller))
    const asked = new Set(some.map(({ id }) => id))
    const rows = told.flatMap(({ id, values }) => values === null ? [] : [{ id, values }])
    const gone = told.flatMap(({ id, values }) => values === null && asked.has(id) ? [id] : [])
    const written = await writer.write({ mark, rows, gone })
    work.metrics.count(table.platform, { ...written, later: written.later.length })
    changed += written.changed
    removed += written.removed
    const known = new Set(told.map(({ id }) => id))
    for (const { id } of some) if (!known.has(id)) open.add(id)
    for (const { ref } of written.later) open.add(ref.id)
  }
  return { changed, removed, open }
}

/** As `reread`; what is open is noted as hints. */
export async function rereadNoting(work: Work, refs: readonly Ref[]): Promise<Reread> {
  const done = await reread(work, refs)
  await note(work, { refs: refs.filter(({ id }) => done.open.has(id)), inMs: untoldMs })
  return done
}

async function note(
  { store, hold }: Work,
  { refs, inMs }: { refs: readonly Ref[]; inMs: number },
): Promise<void> {
  if (refs.length === 0) return
  const hints = refs.map(({ id, keys }) => ({ table: hold.table, id, keys }))
  await noteHints(store, { syncId: hold.syncId, hints, inMs })
}
