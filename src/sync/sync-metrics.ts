// Room sync: the figures of a sync process.

import type { Metrics } from '../lib/metrics.ts'
import { type Platform, platforms } from '../mutation/table.ts'
import { phases, type SyncFigures } from '../store/sync-figures.ts'

/** What a slice of work was mainly about. */
export const sliceResults = ['done', 'later', 'lasting', 'database', 'fenced', 'store'] as const
export type SliceResult = typeof sliceResults[number]

export interface SyncMetrics {
  /** Rows written or removed, and records put off. */
  count(
    platform: Platform,
    rows: { readonly changed: number; readonly removed: number; readonly later: number },
  ): void
  sampled(platform: Platform, rows: { readonly rows: number; readonly differing: number }): void
  /** A claim has ended. */
  slice(result: SliceResult): void
  /** Says how things are now, at a scrape. */
  watch(look: SyncLook): void
}

/** What is looked up at a scrape. */
export interface SyncLook {
  /** Tables that this process works on now. */
  readonly working: () => number
  readonly figures: () => Promise<SyncFigures>
}

export function createSyncMetrics(metrics: Metrics): SyncMetrics {
  const rows = metrics.counter({
    name: 'sluice_sync_rows_total',
    help:
      'Rows of synced tables that following and filling changed or removed, or read again later.',
    labels: { platform: platforms, result: ['changed', 'removed', 'later'] },
  })
  const sampled = metrics.counter({
    name: 'sluice_sync_sampled_rows_total',
    help: 'Rows compared with the platform, by whether they were the same.',
    labels: { platform: platforms, result: ['same', 'different'] },
  })
  const slices = metrics.counter({
    name: 'sluice_sync_slices_total',
    help: 'Slices of work on one table, by how they ended.',
    labels: { result: sliceResults },
  })
  let looking: SyncLook | null = null
  watchNow(metrics, () => looking)
  return {
    count: (platform, { changed, removed, later }) => {
      rows.add({ platform, result: 'changed' }, changed)
      rows.add({ platform, result: 'removed' }, removed)
      rows.add({ platform, result: 'later' }, later)
    },
    sampled: (platform, { rows: all, differing }) => {
      sampled.add({ platform, result: 'same' }, all - differing)
      sampled.add({ platform, result: 'different' }, differing)
    },
    slice: (result) => slices.add({ result }),
    watch: (look) => void (looking = look),
  }
}

function watchNow(metrics: Metrics, look: () => SyncLook | null): void {
  metrics.collected('gauge', {
    name: 'sluice_sync_working',
    help: 'Tables that this process works on now.',
    collect: () => [{ value: look()?.working() ?? 0 }],
  })
  metrics.collected('gauge', {
    name: 'sluice_sync_tables',
    help: 'Synced tables of all active syncs, by how far they are.',
    labels: { phase: phases },
    collect: async () => {
      const counts = (await look()?.figures())?.phases
      return phases.map((phase) => ({ labels: { phase }, value: counts?.[phase] ?? 0 }))
    },
  })
  metrics.collected('gauge', {
    name: 'sluice_sync_hints',
    help: 'Records that are to be read again.',
    collect: async () => [{ value: (await look()?.figures())?.hints ?? 0 }],
  })
  metrics.collected('gauge', {
    name: 'sluice_sync_behind_seconds',
    help: 'How far the table that is furthest behind its platform is behind, of those that follow.',
    labels: { platform: platforms },
    collect: async () => {
      const behind = (await look()?.figures())?.behindSeconds ?? {}
      return Object.entries(behind).map(([platform, value]) => ({ labels: { platform }, value }))
    },
  })
}
