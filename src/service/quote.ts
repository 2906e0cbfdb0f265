// Room service: what a mutation would send and take from the platform's limits. Nothing is sent, reserved or recorded.

import type { Mutation } from '../mutation/mutation.ts'
import type { Quote, QuotedCharge } from '../mutation/quote.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter } from '../platforms/platform.ts'
import type { PlannedRequest, RateRule } from '../platforms/rates.ts'
import { checkMutation } from './check.ts'
import type { Store } from '../store/store.ts'
import { readToldLimits } from '../store/told-limits.ts'
import { asTold } from './limits/limit.ts'
import type { Syncs } from './syncs.ts'

export interface QuoteDeps {
  readonly store: Store
  readonly syncs: Syncs
  readonly adapterFor: (platform: Platform) => Adapter
}

/** Throws what `checkMutation` throws, and `not_found` where there is no such sync. */
export async function quote(
  { store, syncs, adapterFor }: QuoteDeps,
  mutation: Mutation,
): Promise<Quote> {
  const sync = await syncs.read(mutation.syncId)
  const table = checkMutation(mutation, sync)
  const adapter = adapterFor(sync.platform)
  const requests = adapter.requests(mutation, table, sync)
  const told = await readToldLimits(store, sync.connectionId)
  const rules = adapter.rates.rules(sync.settings)
    .map((rule) => asTold(rule, told.get(rule.name) ?? null))
  return {
    requests: requests.map(({ method, path, rows }) => ({ method, path, rows })),
    charges: chargesOf(requests, rules),
  }
}

/** Units by limit. What is bounded at one time only is no cost. */
function chargesOf(
  requests: readonly PlannedRequest[],
  rules: readonly RateRule[],
): QuotedCharge[] {
  const totals = new Map<string, { rule: string; units: number }>()
  for (const { rule, key = '', units } of requests.flatMap(({ charges }) => charges)) {
    const bucket = JSON.stringify([rule, key])
    totals.set(bucket, { rule, units: (totals.get(bucket)?.units ?? 0) + units })
  }
  return [...totals.values()].flatMap(({ rule: name, units }) => {
    const rule = rules.find((known) => known.name === name)
    if (rule === undefined || rule.windowMs === null) return []
    return [{ about: rule.about, units, limit: rule.limit }]
  })
}
