// Workers: where this installation is found: its regions from SLUICE_REGIONS, and the addresses that it comes from itself,
// from SLUICE_OUTBOUND_ADDRESSES.

import type { Place, Region } from '../src/service/admin/place.ts'
import { ConfigError, env, numberEnv, optionalEnv } from './environment.ts'

/** Throws ConfigError. */
export function placeEnv(): Place {
  return {
    regions: regionsEnv(),
    outbound: list('SLUICE_OUTBOUND_ADDRESSES'),
    hosted: optionalEnv('SLUICE_HOSTED_URL') !== undefined,
  }
}

/** Without SLUICE_REGIONS there is one region, `default`: SLUICE_LISTENER_HOST and _PORT. Throws ConfigError. */
export function regionsEnv(): Region[] {
  const parts = list('SLUICE_REGIONS')
  if (parts.length > 0) return parts.map(readRegion)
  const given = env('SLUICE_LISTENER_HOST', 'localhost')
  // what is listened on everywhere, or here only, is no name that clients could use
  const host = ['0.0.0.0', '::', '127.0.0.1', '::1'].includes(given) ? 'localhost' : given
  const port = numberEnv('SLUICE_LISTENER_PORT', { otherwise: 6432, min: 1, max: 65_535 })
  return [{ name: 'default', host, port }]
}

/** `iad=iad.db.example.com:5432`; without a port it is 5432. */
function readRegion(text: string): Region {
  const [, name, host, port = '5432'] =
    /^([a-z0-9-]{1,32})=([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?$/.exec(text) ?? []
  const number = Number(port)
  if (name !== undefined && host !== undefined && number >= 1 && number <= 65_535) {
    return { name, host: host.replace(/^\[(.*)\]$/, '$1'), port: number }
  }
  throw new ConfigError(`SLUICE_REGIONS: "${text}" is not like iad=iad.db.example.com:5432`)
}

function list(name: string): string[] {
  return (optionalEnv(name) ?? '').split(',').map((part) => part.trim()).filter((part) =>
    part !== ''
  )
}
