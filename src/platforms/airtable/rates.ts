// Room platforms: Airtable's limits. Source: Airtable Web API reference, "Rate limits": 5 requests a second for each base,
// 50 for all traffic of a user's tokens; after a 429 thirty seconds of silence. "Webhooks overview": they count for the base.

import type { Mutation } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Caller } from '../platform.ts'
import type { Charge, PlannedRequest, RateRule, Rates } from '../rates.ts'
import { refusalWaitMs } from './faults.ts'
import { baseOf } from './settings.ts'

const rules: readonly RateRule[] = [
  { name: 'base', limit: 5, windowMs: 1000, about: '5 requests a second for each base' },
  { name: 'user', limit: 50, windowMs: 1000, about: '50 requests a second for each user' },
]

function chargesOf(base: string | undefined): Charge[] {
  const user = { rule: 'user', units: 1 }
  return base === undefined ? [user] : [{ rule: 'base', key: base, units: 1 }, user]
}

function baseIn(url: string): string | undefined {
  return /\/v0\/(?:(?:meta\/)?bases\/)?(app\w+)/.exec(url)?.[1]
}

export const rates: Rates = {
  rules: () => rules,
  charges: ({ url }) => chargesOf(baseIn(url)),
  learn: ({ url }, response) => {
    if (response.status !== 429) return { refused: false, news: [] }
    const waitMs = refusalWaitMs(response)
    const news = chargesOf(baseIn(url)).slice(0, 1)
      .map(({ units: _units, ...bucket }) => ({ kind: 'blocked', ...bucket, waitMs } as const))
    return { refused: true, news }
  },
}

const methods = { insert: 'POST', update: 'PATCH', delete: 'DELETE' } as const

/** One request, whatever the number of rows. */
export function requests(
  { operation, upsertBy, rows }: Mutation,
  { object }: SyncedTable,
  { settings }: Pick<Caller, 'settings'>,
): readonly PlannedRequest[] {
  if (rows.length === 0) return []
  const base = baseOf(settings)
  const path = `/v0/${base}/${object}${operation === 'delete' ? '' : '/'}`
  const method = upsertBy === undefined ? methods[operation] : 'PATCH'
  return [{ method, path, rows: rows.length, charges: chargesOf(base) }]
}
