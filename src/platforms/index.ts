// Room platforms: the registry, the one place outside their folders where adapters are named.

import { fault } from '../mutation/fault.ts'
import { type Platform, platforms } from '../mutation/table.ts'
import { airtable } from './airtable/index.ts'
import { github } from './github/index.ts'
import { tables as githubTables } from './github/tables.ts'
import { hubspot } from './hubspot/index.ts'
import { standardObjects } from './hubspot/objects.ts'
import type { Adapter } from './platform.ts'
import { salesforce } from './salesforce/index.ts'
import { stripe } from './stripe/index.ts'
import { objects as stripeObjects } from './stripe/objects.ts'

const adapters: Partial<Record<Platform, Adapter>> = {
  airtable,
  github,
  hubspot,
  salesforce,
  stripe,
}

/** The adapter of a platform. @throws Fault `not_found` for an unknown name, `form_not_supported` without an adapter. */
export function adapterFor(platform: Platform): Adapter {
  if (!platforms.includes(platform)) throw fault('not_found', { message: 'no such platform' })
  const adapter = adapters[platform]
  if (adapter === undefined) {
    throw fault('form_not_supported', { platform, message: `${platform} is not supported yet` })
  }
  return adapter
}

/** Where somebody chooses all objects: every one that is a table, or of what has no end, what every account has. */
const allObjects: Readonly<Record<Platform, readonly string[]>> = {
  airtable: ['*'],
  github: [...githubTables.keys()],
  hubspot: standardObjects,
  salesforce: ['Account', 'Contact', 'Lead', 'Opportunity'],
  stripe: stripeObjects.map(({ name }) => name),
}

/** The objects of a platform where all are chosen, as its adapter's `describe` takes them. */
export function objectsOf(platform: Platform): readonly string[] {
  return allObjects[platform]
}
