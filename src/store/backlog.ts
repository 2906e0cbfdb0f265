// Room store: what is left to be done of the journal, in figures, for metrics and for whoever asks how things stand.

import type { Store } from './store.ts'

/** Mutations of one kind that are left. */
export interface Left {
  readonly count: number
  /** Age of the oldest, in milliseconds; 0: there is none. */
  readonly oldestMs: number
}

export interface Backlog {
  /** Accepted by the platform and not applied, by age since the answer. */
  readonly notApplied: Left
  /** In doubt, and still inquired about, by age since the sending. */
  readonly inDoubt: Left
  /** In doubt for good: nobody inquires any more. They are kept as long as the journal keeps anything. */
  readonly givenUp: Left
}

interface Row {
  readonly kind: keyof Backlog
  readonly count: number
  readonly oldest_ms: number
}

/** How much is left. Within indexes, however long the journal is. Throws `service_unreachable`. */
export async function backlog(store: Store): Promise<Backlog> {
  const rows = await store.ask('Counting what is left', (sql) =>
    sql<Row[]>`
      select kind, count(*)::int as count,
        coalesce(extract(epoch from now() - min(since)) * 1000, 0)::float8 as oldest_ms
      from (
        select 'notApplied' as kind, answered_at as since
          from sluice_store.mutations where state = 'accepted'
        union all
        select 'inDoubt', coalesce(sent_at, received_at)
          from sluice_store.mutations where next_inquiry_at is not null
        union all
        select 'givenUp', coalesce(sent_at, received_at)
          from sluice_store.mutations where state = 'unknown' and next_inquiry_at is null
      ) left_over group by kind`)
  const found = new Map(rows.map(({ kind, count, oldest_ms }) => [
    kind,
    { count, oldestMs: Math.max(0, oldest_ms) },
  ]))
  const none = { count: 0, oldestMs: 0 }
  const of = (kind: keyof Backlog) => found.get(kind) ?? none
  return { notApplied: of('notApplied'), inDoubt: of('inDoubt'), givenUp: of('givenUp') }
}
