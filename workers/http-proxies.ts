// Workers: which proxies in front of the service are believed, from SLUICE_HTTP_PROXY_FROM and SLUICE_HTTP_PROXY_HEADER.

import { parseRange } from '../src/lib/addresses.ts'
import { type HttpProxies, noProxies } from '../src/service/console-client.ts'
import { ConfigError, env } from './environment.ts'

/** Throws ConfigError. */
export function httpProxiesEnv(): HttpProxies {
  const name = 'SLUICE_HTTP_PROXY_FROM'
  const from = env(name, '').split(',').map((part) => part.trim()).filter((part) => part !== '')
  try {
    from.forEach(parseRange)
  } catch (error) {
    throw new ConfigError(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const header = env('SLUICE_HTTP_PROXY_HEADER', noProxies.header).toLowerCase()
  if (!/^[a-z0-9-]{1,64}$/.test(header)) {
    throw new ConfigError('SLUICE_HTTP_PROXY_HEADER: not the name of a header')
  }
  return { from, header }
}
