// Workers: the syncs that `npm start` sets up, one for each platform, each with an account in the sandbox.

import { type Platform, platforms } from '../src/mutation/table.ts'
import type { NewConnection } from '../src/store/connections.ts'
import { ConfigError, env } from './environment.ts'

/** What a sync mirrors and how its platform is reached. */
export interface DemoSync {
  readonly platform: Platform
  readonly objects: readonly string[]
  readonly connection: NewConnection
  /** Its platform is the sandbox, which knows nothing of what was before it started. */
  readonly inSandbox: boolean
}

/** What differs between the platforms. */
interface Account {
  readonly platform: Platform
  /** Sets another base URL than the sandbox's. */
  readonly urlVariable: string
  readonly objects: readonly string[]
  /** Path of the token endpoint under the base URL; absent: the account has a key. */
  readonly tokenPath?: string
  readonly settings?: Readonly<Record<string, unknown>>
}

const accounts: readonly Account[] = [
  {
    platform: 'salesforce',
    urlVariable: 'SLUICE_SALESFORCE_URL',
    objects: ['Contact', 'Account', 'Lead', 'Opportunity', 'Project__c'],
    tokenPath: '/services/oauth2/token',
  },
  {
    platform: 'hubspot',
    urlVariable: 'SLUICE_HUBSPOT_URL',
    objects: [
      'contacts',
      'companies',
      'deals',
      'tickets',
      'products',
      'line_items',
      'notes',
      'tasks',
      'calls',
      'meetings',
      'emails',
    ],
    tokenPath: '/oauth/v3/token',
  },
  {
    platform: 'stripe',
    urlVariable: 'SLUICE_STRIPE_URL',
    objects: [
      'customers',
      'products',
      'prices',
      'plans',
      'coupons',
      'promotion_codes',
      'subscriptions',
      'subscription_items',
      'invoices',
      'invoice_items',
      'payment_intents',
      'refunds',
      'charges',
      'tax_rates',
      'payment_links',
    ],
  },
  {
    platform: 'airtable',
    urlVariable: 'SLUICE_AIRTABLE_URL',
    objects: ['*'],
    tokenPath: '/oauth2/v1/token',
    settings: { base: 'appSandbox0000001' },
  },
  {
    platform: 'github',
    urlVariable: 'SLUICE_GITHUB_URL',
    objects: [
      'issues',
      'labels',
      'milestones',
      'issue_comments',
      'releases',
      'pull_requests',
      'repositories',
    ],
    tokenPath: '/login/oauth/access_token',
    settings: { repositories: ['octo/hello', 'octo/world'] },
  },
]

/**
 * The demo's syncs, of the platforms that SLUICE_PLATFORMS names (all when it is not set); `SLUICE_<PLATFORM>_URL` sets
 * another base URL than the sandbox's. @throws ConfigError for a platform that there is not
 */
export function demoSyncs(sandboxUrl: string): DemoSync[] {
  const wanted = env('SLUICE_PLATFORMS', platforms.join(',')).split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !accounts.some(({ platform }) => platform === name))
  if (unknown !== undefined) throw new ConfigError(`SLUICE_PLATFORMS: no platform "${unknown}"`)
  return accounts.filter(({ platform }) => wanted.includes(platform)).map((account) => {
    const { platform, objects } = account
    const sandbox = `${sandboxUrl}/${platform}`
    const baseUrl = env(account.urlVariable, sandbox)
    const connection = connectionOf(account, baseUrl)
    return { platform, objects, connection, inSandbox: baseUrl === sandbox }
  })
}

function connectionOf({ platform, tokenPath, settings = {} }: Account, baseUrl: string) {
  const connection = { id: `demo_${platform}`, platform, baseUrl, settings }
  if (tokenPath === undefined) {
    return { ...connection, credential: { kind: 'key', key: 'sandbox' } as const }
  }
  return {
    ...connection,
    tokenUrl: baseUrl + tokenPath,
    clientId: 'sandbox',
    credential: { kind: 'oauth', refreshToken: 'sandbox', clientSecret: 'sandbox' } as const,
  }
}
