// Room service: what a platform's answer tells of its limits is put into the store, where all processes find it.

import type { Log } from '../../lib/log.ts'
import type { RateNews, RateRule } from '../../platforms/rates.ts'
import { blockBucket, correctBucket } from '../../store/buckets.ts'
import type { Store } from '../../store/store.ts'
import { noteToldLimit } from '../../store/told-limits.ts'
import type { Gate } from './gate.ts'
import { bucketId, type Limit, limitOf } from './limit.ts'

export interface NewsDeps {
  readonly store: Store
  readonly connection: string
  readonly gate: Gate
  readonly log: Log
}

/** A count in a window that is over when the store has heard of it is of no use. */
const correctedWindowMinMs = 5_000

/** News for the store; what the request itself took is its turn's. */
export type StoreNews = Exclude<RateNews, { readonly kind: 'uncounted' }>

/** Passes the news on. Never throws: what could not be told is told by the next answer. */
export async function learn(
  deps: NewsDeps,
  news: readonly StoreNews[],
  rules: readonly RateRule[],
): Promise<void> {
  for (const each of news) {
    const rule = rules.find(({ name }) => name === each.rule)
    if (rule === undefined) continue
    try {
      await learnOne(deps, each, limitOf(rule, each.key))
    } catch (error) {
      deps.log.warn('limits.not_learned', { connection: deps.connection, rule: rule.name, error })
    }
  }
}

async function learnOne(deps: NewsDeps, news: StoreNews, limit: Limit): Promise<void> {
  const { store, connection, gate } = deps
  const { bucket, rule } = limit
  const log = deps.log.with({ connection, rule: bucket.rule, key: bucket.key })
  if (news.kind === 'blocked') {
    const { waitMs } = news
    const until = await blockBucket(store, connection, { bucket, waitMs })
    gate.noticeBlock(bucket, until)
    log.warn('limits.blocked', { waitMs })
    return
  }
  const { windowMs } = rule
  if (windowMs === null || windowMs < correctedWindowMinMs) return
  if (!gate.mayCorrect(bucketId(bucket), { everyMs: windowMs / 100 })) return
  const { remaining, limit: told, resetMs = null } = news
  const units = await correctBucket(store, connection, { bucket, remaining, resetMs })
  if (units > 0) log.info('limits.corrected', { units })
  if (told === undefined || gate.told(bucket) === told) return
  await noteToldLimit(store, connection, { bucket, limit: told })
  gate.noteTold(bucket, told)
}
