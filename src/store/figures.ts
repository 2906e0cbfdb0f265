// Room store: how much there is in the journal, for whoever watches: every service process sees the same.

import { type Backlog, backlog } from './backlog.ts'
import type { Store } from './store.ts'

export interface Figures extends Backlog {
  /** Mutations in the journal, as Postgres estimates them; -1: it has not counted yet. */
  readonly journalRows: number
  /** On disk, indexes included. */
  readonly journalBytes: number
}

/** What was read is told for so long, in milliseconds: however often somebody asks, the store is asked as rarely. */
const keptMs = 2_000

/** Reads the figures. What it gives throws `service_unreachable`. */
export function createFigures(
  { store, now }: { store: Store; now: () => number },
): () => Promise<Figures> {
  let kept: { readonly at: number; readonly figures: Promise<Figures> } | undefined
  return async () => {
    if (kept === undefined || now() - kept.at >= keptMs) {
      kept = { at: now(), figures: readFigures(store) }
      kept.figures.catch(() => kept = undefined)
    }
    return await kept.figures
  }
}

async function readFigures(store: Store): Promise<Figures> {
  const [left, [size]] = await Promise.all([
    backlog(store),
    store.ask(
      'Measuring the journal',
      (sql) =>
        sql<Pick<Figures, 'journalRows' | 'journalBytes'>[]>`
        select reltuples::float8 as "journalRows",
          pg_total_relation_size(oid)::float8 as "journalBytes"
        from pg_class where oid = 'sluice_store.mutations'::regclass`,
    ),
  ])
  if (size === undefined) throw new Error('The store has no journal')
  return { ...left, ...size }
}
