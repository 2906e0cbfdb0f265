// Room store: how the synced tables are, for whoever watches: every sync process sees the same.

import type { Phase } from './tables.ts'
import type { Store } from './store.ts'

export const phases = ['waiting', 'backfill', 'following', 'failed'] as const

export interface SyncFigures {
  /** Tables of active syncs. */
  readonly phases: Readonly<Partial<Record<Phase, number>>>
  /** Records that are to be read again, of all tables. */
  readonly hints: number
  /** By platform: of its tables that follow, how far the one that is furthest behind is, in seconds. */
  readonly behindSeconds: Readonly<Record<string, number>>
}

/** What was read is told for so long, in milliseconds. */
const keptMs = 2_000

/** Reads the figures. What it gives throws `service_unreachable`. */
export function createSyncFigures(
  { store, now }: { store: Store; now: () => number },
): () => Promise<SyncFigures> {
  let kept: { readonly at: number; readonly figures: Promise<SyncFigures> } | undefined
  return async () => {
    if (kept === undefined || now() - kept.at >= keptMs) {
      kept = { at: now(), figures: readFigures(store) }
      kept.figures.catch(() => kept = undefined)
    }
    return await kept.figures
  }
}

async function readFigures(store: Store): Promise<SyncFigures> {
  const [row] = await store.ask('Counting the tables', (sql) =>
    sql<SyncFigures[]>`
      with known as materialized (
        select coalesce(st.phase, 'waiting') as phase, c.platform, st.fresh_at
        from sluice_store.tables t
          join sluice_store.syncs s on s.id = t.sync_id and s.state = 'active'
          join sluice_store.connections c on c.id = s.connection_id
          left join sluice_store.table_states st on st.sync_id = t.sync_id and st.name = t.name)
      select
        (select coalesce(json_object_agg(phase, count), '{}') from
          (select phase, count(*) from known group by phase) p) as phases,
        (select count(*)::int from sluice_store.hints) as hints,
        (select coalesce(json_object_agg(platform, behind), '{}') from
          (select platform, greatest(0, extract(epoch from now() - min(fresh_at)))::float8 as behind
            from known where phase = 'following' and fresh_at is not null group by platform) b)
          as "behindSeconds"`)
  if (row === undefined) throw new Error('The store has no tables')
  return { ...row }
}
