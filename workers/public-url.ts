// Workers: where browsers reach the service, from SLUICE_PUBLIC_URL, and where they may be sent afterwards, from
// SLUICE_RETURN_ORIGINS.

import { booleanEnv, ConfigError, env, numberEnv, optionalEnv } from './environment.ts'

/** Without a slash at the end; the service's port on localhost when SLUICE_PUBLIC_URL is not set. Throws ConfigError. */
export function publicUrl(): string {
  const port = numberEnv('SLUICE_SERVICE_PORT', { otherwise: 8787, max: 65_535 })
  const text = env('SLUICE_PUBLIC_URL', `http://localhost:${port}`)
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new ConfigError('SLUICE_PUBLIC_URL must be an http or https address without a query')
  }
  return url.href.replace(/\/+$/, '')
}

/** The same; null where nobody has told it. Throws ConfigError. */
export function toldUrl(): string | null {
  return optionalEnv('SLUICE_PUBLIC_URL') === undefined ? null : publicUrl()
}

/** The base of the webhooks' addresses; null: none are made at the platforms (SLUICE_WEBHOOKS). Throws ConfigError. */
export function webhooksUrl(): string | null {
  const on = booleanEnv('SLUICE_WEBHOOKS', optionalEnv('SLUICE_PUBLIC_URL') !== undefined)
  return on ? publicUrl() : null
}

/** The origins in SLUICE_RETURN_ORIGINS, between commas; none when it is not set. Throws ConfigError. */
export function returnOrigins(): string[] {
  const parts = (optionalEnv('SLUICE_RETURN_ORIGINS') ?? '').split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map((part) => {
    if (URL.canParse(part) && /^https?:$/.test(new URL(part).protocol)) return new URL(part).origin
    throw new ConfigError(`SLUICE_RETURN_ORIGINS: "${part}" is not an origin`)
  })
}
