// Room platforms: the settings of a HubSpot connection, read and checked.

import { fault } from '../../mutation/fault.ts'
import type { Settings } from '../platform.ts'
import { cut } from '../words.ts'

/** What HubSpot counts requests by: how the account is connected and, for a private app, what it pays for. */
export const tiers = ['oauth', 'free', 'starter', 'professional', 'enterprise', 'add_on'] as const
export type Tier = typeof tiers[number]

export interface HubspotSettings {
  /** May one INSERT have up to 100 rows, in one request that can be carried out in part? */
  readonly batchInsert: boolean
  readonly tier: Tier
}

/**
 * Reads `batchInsert` (boolean; false when absent) and `tier` (one of `tiers`; `free`, the lowest, when absent).
 * @throws Fault bad_request when one of them is neither absent nor valid
 */
export function readSettings({ batchInsert = false, tier = 'free' }: Settings): HubspotSettings {
  if (typeof batchInsert !== 'boolean') {
    throw invalid('"batchInsert" must be true or false')
  }
  const known = tiers.find((name) => name === tier)
  if (known === undefined) {
    const given = typeof tier === 'string' ? `, not "${cut(tier, 40)}"` : ''
    throw invalid(`"tier" must be one of ${tiers.join(', ')}${given}`)
  }
  return { batchInsert, tier: known }
}

function invalid(reason: string): Error {
  return fault('bad_request', { platform: 'hubspot', detail: `In the settings, ${reason}.` })
}
