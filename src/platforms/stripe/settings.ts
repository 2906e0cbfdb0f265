// Room platforms: the settings of a Stripe connection.

import { fault } from '../../mutation/fault.ts'
import type { Settings } from '../platform.ts'

export interface StripeSettings {
  /** Which limits the account has: `live` (the default), or `test` for a sandbox or test mode. */
  readonly mode: 'live' | 'test'
  /** Requests under way at one time, 1 to 100; 20 when not given. */
  readonly concurrency: number
}

/** The most requests that a connection may have under way. */
const concurrencyMax = 100

/** Reads `mode` and `concurrency`. @throws Fault bad_request for a value that is none */
export function settingsOf(settings: Settings): StripeSettings {
  const { mode = 'live', concurrency = 20 } = settings
  if (mode !== 'live' && mode !== 'test') throw invalid('mode', 'is "live" or "test"')
  const whole = typeof concurrency === 'number' && Number.isInteger(concurrency)
  if (!whole || concurrency < 1 || concurrency > concurrencyMax) {
    throw invalid('concurrency', `is a whole number from 1 to ${concurrencyMax}`)
  }
  return { mode, concurrency }
}

function invalid(name: string, rule: string) {
  return fault('bad_request', {
    platform: 'stripe',
    message: 'a setting of the Stripe connection is not valid',
    detail: `The setting "${name}" ${rule}.`,
  })
}
