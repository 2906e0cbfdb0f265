// Workers: where a process may connect to on behalf of customers, and how: SLUICE_PRIVATE_ADDRESSES,
// SLUICE_DATABASE_CLEARTEXT, SLUICE_DATABASE_WAIT_MS.

import { type AddressGuard, parseGuard } from '../src/lib/addresses.ts'
import type { Approach } from '../src/session/login.ts'
import { processTunnels } from '../src/session/tunnel.ts'
import { booleanEnv, ConfigError, env, numberEnv } from './environment.ts'

/** `allow`, or ranges between commas; the public internet only where it is not set. Throws ConfigError. */
export function addressGuard(otherwise = ''): AddressGuard {
  try {
    return parseGuard(env('SLUICE_PRIVATE_ADDRESSES', otherwise))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`SLUICE_PRIVATE_ADDRESSES: ${why}`, { cause })
  }
}

/** How the customers' databases are approached. Throws ConfigError. */
export function approachEnv(): Required<Approach> {
  return {
    guard: addressGuard(),
    tunnels: processTunnels,
    allowCleartext: booleanEnv('SLUICE_DATABASE_CLEARTEXT', false),
    stepWaitMs: numberEnv('SLUICE_DATABASE_WAIT_MS', { otherwise: 120_000, min: 1_000 }),
  }
}
