// Room service: how a rule of a platform becomes a bucket of the store.
//
// What must hold is what the platform counts, and it counts arrivals. A turn is for a moment of the store's clock; the
// request leaves at that moment or a little later, and arrives a little later still. So a unit counts for longer than the
// window, by a margin: a part of it (`goodMs`) for leaving late, the rest for the way. Who wakes later than that takes
// another moment, as a rule the next one. A margin of 4 % costs less than that of the quota.

import { type Fault, fault } from '../../mutation/fault.ts'
import type { Platform } from '../../mutation/table.ts'
import type { Charge, RateRule } from '../../platforms/rates.ts'
import type { Bucket } from '../../store/buckets.ts'

/**
 * window: every turn is taken in the store. wide: so many units in so long a time that a process takes them by the hundred
 * and uses them up by itself. concurrent: units under way at one time, of which each process has a share.
 */
export type Kind = 'window' | 'wide' | 'concurrent'

/** A bucket with what the service needs to know of its rule. */
export interface Limit {
  readonly kind: Kind
  readonly rule: RateRule
  readonly bucket: Bucket
  /** So long after its moment a turn may still be used, in milliseconds. */
  readonly goodMs: number
  /** So long the request may then be on its way, in milliseconds. */
  readonly wayMs: number
}

/** What a request takes from one bucket. */
export interface Taking {
  readonly limit: Limit
  readonly units: number
}

/** Units that a process holds of a wide window are used, or given back, within this time. */
export const leaseMs = 5 * 60_000

const wideWindowMs = 60 * 60_000
const wideUnits = 10_000
const grainsPerWindow = 500
const marginShare = 0.04
const marginMaxMs = 1_000
const goodShare = 0.3
/** A process needs a few milliseconds for each request: the last of a burst would leave too late. */
const spacingMs = 10
/** But a burst is always quicker than the average, by this. */
const burstRate = 2
/** Windows with longer grains leave time enough. */
const spacedGrainMaxMs = 20

/** The bucket of a rule for this key. */
export function limitOf(rule: RateRule, key = ''): Limit {
  const kind = kindOf(rule)
  const { windowMs } = rule
  const limit = Math.max(1, Math.floor(rule.limit))
  const common = { rule: rule.name, key, limit }
  if (windowMs === null) {
    return {
      kind,
      rule,
      bucket: { ...common, grainMs: 1, windowGrains: 1, spacing: null },
      goodMs: 0,
      wayMs: 0,
    }
  }
  const marginMs = kind === 'wide' ? leaseMs : Math.min(windowMs * marginShare, marginMaxMs)
  const grainMs = Math.max(1, Math.floor(windowMs / grainsPerWindow))
  const windowGrains = Math.ceil((windowMs + marginMs) / grainMs) + 1
  const apartMs = Math.min(spacingMs, windowMs / (burstRate * limit))
  const spacing = grainMs > spacedGrainMaxMs ? null : Math.max(1, Math.floor(apartMs / grainMs))
  const bucket = { ...common, grainMs, windowGrains, spacing }
  const goodMs = marginMs * goodShare
  return { kind, rule, bucket, goodMs, wayMs: marginMs - goodMs }
}

function kindOf({ windowMs, limit }: RateRule): Kind {
  if (windowMs === null) return 'concurrent'
  return windowMs >= wideWindowMs && limit >= wideUnits ? 'wide' : 'window'
}

/** The rule as people know it: by the platform's own number, where the account has less than the rule says. */
export function asTold(rule: RateRule, told: number | null): RateRule {
  if (told === null || told >= rule.limit) return rule
  // what follows is said of other accounts
  const [own = ''] = rule.about.split(';')
  const forms = `(?<![\\d,.])(${rule.limit}|${grouped.format(rule.limit)})(?!\\d)`
  const about = own.replace(
    new RegExp(forms),
    (said) => said.includes(',') ? grouped.format(told) : String(told),
  )
  return { ...rule, limit: told, about }
}

/** 5,000 */
const grouped = new Intl.NumberFormat('en')

/** What the charges take, of the rules of the connection; a charge for a rule that is not in force takes nothing. */
export function takingsOf(
  charges: readonly Charge[],
  rules: readonly RateRule[],
): readonly Taking[] {
  const takings = new Map<string, Taking>()
  for (const { rule: name, key, units } of charges) {
    const rule = rules.find((known) => known.name === name)
    if (rule === undefined || units <= 0) continue
    const limit = limitOf(rule, key)
    const id = bucketId(limit.bucket)
    const sum = Math.ceil(units) + (takings.get(id)?.units ?? 0)
    // more than the platform ever allows at once: all of it
    takings.set(id, { limit, units: Math.min(sum, limit.bucket.limit) })
  }
  return [...takings.values()]
}

/** Names a bucket within its connection. */
export function bucketId({ rule, key }: Pick<Bucket, 'rule' | 'key'>): string {
  return `${rule}\n${key}`
}

/** A turn would come too late. */
export function rateFault(
  platform: Platform,
  { about }: RateRule,
  { waitMs }: { waitMs: number },
): Fault {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  return fault('rate_limited', {
    platform,
    detail: `The limit is ${about}. Nothing was sent.`,
    hint: `Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`,
  })
}

/** A turn passed unused, so many times in a row: it is this process that is late, and not the quota that is used up. */
export function missedFault(platform: Platform, { times }: { times: number }): Fault {
  return fault('rate_limited', {
    platform,
    message: `mutation service is too slow for its turns at ${platform}`,
    detail: `${times} turns passed before it could use them. Nothing was sent.`,
    hint: 'Try again in 1 second. If it stays so, give the mutation service more processor time.',
  })
}
