// Room platforms: the registry, the one place outside their folders where adapters are named.

import { fault } from '../mutation/fault.ts'
import { type Platform, platforms } from '../mutation/table.ts'
import { airtable } from './airtable/index.ts'
import { github } from './github/index.ts'
import { hubspot } from './hubspot/index.ts'
import type { Adapter } from './platform.ts'
import { salesforce } from './salesforce/index.ts'
import { stripe } from './stripe/index.ts'

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
