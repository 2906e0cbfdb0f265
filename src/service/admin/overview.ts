// Room service: all syncs at a glance: state, freshness, what was written and refused lately, what is left of the quota.

import type { Minutes } from '../../store/minutes.ts'
import { listSyncs } from '../../store/syncs.ts'
import { listTableStates, type TableState } from '../../store/tables.ts'
import { readBuckets } from './buckets.ts'
import type { InsightDeps } from './insight.ts'
import type { BucketAnswer, OverviewAnswer } from './insight-schemas.ts'

/** Over so many minutes mutations and failures are counted. */
const minutes = 60

/** `counted`: what came of the last hour's mutations. Throws `service_unreachable`. */
export async function readOverview(
  deps: InsightDeps,
  counted: Pick<Minutes, 'syncs'>,
): Promise<OverviewAnswer> {
  const { store, now } = deps
  const [syncs, states, { connections }] = await Promise.all([
    listSyncs(store),
    listTableStates(store, { syncId: null }),
    readBuckets(deps),
  ])
  const counts = new Map(counted.syncs.map((each) => [each.sync, each]))
  const fullest = new Map(
    connections.flatMap((each) => each.syncs.map((sync) => [sync, fullestOf(each.buckets)])),
  )
  return {
    minutes,
    syncs: syncs.map(({ id, platform, schema, state }) => ({
      id,
      platform,
      schema,
      state: state === 'active' ? 'active' : 'paused',
      ...tablesOf(states.filter(({ syncId }) => syncId === id), now()),
      mutations: counts.get(id)?.mutations ?? 0,
      failures: counts.get(id)?.failed ?? 0,
      quota: fullest.get(id) ?? null,
    })),
  }
}

function tablesOf(states: readonly TableState[], now: number) {
  const fresh = states.flatMap(({ freshAt }) => freshAt === null ? [] : [freshAt])
  return {
    tables: states.length,
    filling: states.filter(({ phase }) => phase === 'waiting' || phase === 'backfill').length,
    failed: states.filter(({ phase }) => phase === 'failed').length,
    hints: states.reduce((sum, { hints }) => sum + hints, 0),
    secondsBehind: fresh.length === 0
      ? null
      : Math.max(0, Math.round((now - Math.min(...fresh)) / 1000)),
  }
}

/** The one of which the smallest part is left, or that is blocked. */
function fullestOf(buckets: readonly BucketAnswer[]): OverviewAnswer['syncs'][number]['quota'] {
  // what processes hold of what may be under way at one time is no use of it
  const windows = buckets.filter(({ windowMs }) => windowMs !== null)
  const share = ({ left, limit, blockedMs }: BucketAnswer) => blockedMs > 0 ? -1 : left / limit
  const [fullest] = windows.toSorted((a, b) => share(a) - share(b))
  if (fullest === undefined) return null
  const { rule, about, left, limit, blockedMs } = fullest
  return { rule, about, left, limit, blockedMs }
}
