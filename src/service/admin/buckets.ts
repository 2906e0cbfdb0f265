// Room service: the buckets as people see them: what the platform allows, what is used, what waits.

import type { Platform } from '../../mutation/table.ts'
import type { RateRule } from '../../platforms/rates.ts'
import { type Gauge, readGauges } from '../../store/gauges.ts'
import { findSyncs } from '../../store/admin-syncs.ts'
import { listConnectionSettings } from '../../store/connection-settings.ts'
import { listUnderWay } from '../../store/processes.ts'
import { asTold, limitOf } from '../limits/limit.ts'
import type { InsightDeps } from './insight.ts'
import type { BucketAnswer, BucketsAnswer } from './insight-schemas.ts'

type Deps = Pick<InsightDeps, 'store' | 'adapterFor' | 'waiting'>

/** Throws `service_unreachable`. */
export async function readBuckets(deps: Deps): Promise<BucketsAnswer> {
  const { store, adapterFor } = deps
  const connections = (await listConnectionSettings(store)).map(({ id, platform, settings }) => ({
    id,
    platform,
    rules: adapterFor(platform).rates.rules(settings),
  }))
  const gauges = await readGauges(
    store,
    connections.flatMap(({ id, rules }) =>
      rules.map((rule) => {
        const { windowGrains } = limitOf(rule).bucket
        return { connection: id, rule: rule.name, windowGrains }
      })
    ),
  )
  const begun = await listUnderWay(store)
  const waiting: ReadonlyMap<Platform, number> = deps.waiting()
  const answers = connections.map(async ({ id, platform, rules }) => ({
    connection: id,
    platform,
    syncs: (await findSyncs(store, { connectionId: id })).map((sync) => sync.id),
    waiting: waiting.get(platform) ?? 0,
    underWay: begun.find(({ connection }) => connection === id)?.mutations ?? 0,
    buckets: rules.flatMap((rule) => {
      const own = gauges.filter((gauge) => gauge.connection === id && gauge.rule === rule.name)
      return own.length === 0 ? [bucketOf(rule, null)] : own.map((gauge) => bucketOf(rule, gauge))
    }),
  }))
  return { connections: await Promise.all(answers) }
}

/** By the platform's own limit, where it has told one: what is used is what is not left of that. */
function bucketOf(rule: RateRule, gauge: Gauge | null): BucketAnswer {
  const { name, about, windowMs } = asTold(rule, gauge?.told ?? null)
  const own = limitOf(rule).bucket.limit
  const limit = Math.min(own, gauge?.told ?? own)
  const taken = gauge === null ? 0 : windowMs === null ? gauge.underWay : gauge.used
  const left = Math.min(limit, Math.max(0, own - taken))
  const used = limit === own ? taken : limit - left
  return {
    rule: name,
    about,
    key: gauge?.key ?? '',
    limit,
    windowMs,
    used,
    left,
    ahead: gauge?.ahead ?? 0,
    aheadMs: gauge?.aheadMs ?? 0,
    blockedMs: gauge?.blockedMs ?? 0,
  }
}
