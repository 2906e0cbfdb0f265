// Room platforms: the settings of an Airtable connection.

import { fault } from '../../mutation/fault.ts'
import type { Settings } from '../platform.ts'

/**
 * The id of the base, `app…`, from the setting `base`: one connection is one base. @throws Fault bad_request without it
 */
export function baseOf(settings: Settings): string {
  const base = settings['base']
  if (typeof base === 'string' && /^app[A-Za-z0-9]{1,32}$/.test(base)) return base
  throw fault('bad_request', {
    platform: 'airtable',
    message: 'the Airtable connection does not say which base it is for',
    hint: 'Give it the setting "base", the id that begins with "app".',
  })
}
