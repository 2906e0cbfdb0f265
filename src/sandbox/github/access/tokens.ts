// Room sandbox: GitHub's tokens: which are good, whose they are, how they come about and die. The token `sandbox` is
// always good, for people who try the API by hand.

import type { PlatformOptions } from '../../platform.ts'

/** Whose a token is. */
export type Bearer = { readonly installationId: number | null }

export interface Grant {
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
  readonly refreshExpiresInSeconds: number
}

export interface Tokens {
  /** Who has the token; null when it is not good, or no longer. */
  bearerOf(token: string): Bearer | null
  /** A user's pair of tokens. */
  grant(): Grant
  /** The next pair, for a refresh token; null when that is not good. Where they rotate, the old pair dies. */
  refresh(refreshToken: string): Grant | null
  /** A token of the app's installation, and when it expires, in milliseconds since 1970. */
  install(id: number): { readonly token: string; readonly expiresAtMs: number }
  /** Kills every access token issued so far. */
  expire(): void
  reset(): void
}

const permanentToken = 'sandbox'
const firstRefreshToken = 'sandbox'
const refreshLifetimeMs = 184 * 24 * 60 * 60 * 1000
const installationLifetimeMsMax = 60 * 60 * 1000

/** The oldest is forgotten for another. */
const tokensMax = 1000

interface Issued extends Bearer {
  readonly expiresAtMs: number
}

interface Refresh {
  /** The access token that was issued with it. */
  readonly accessToken: string
  readonly expiresAtMs: number
}

/** Makes the store of tokens; user tokens live as long as the options say, at GitHub eight hours. */
export function createTokens(options: PlatformOptions): Tokens {
  const issued = new Map<string, Issued>()
  const refreshes = new Map<string, Refresh>()
  const reset = () => {
    issued.clear()
    refreshes.clear()
    refreshes.set(firstRefreshToken, { accessToken: '', expiresAtMs: Number.POSITIVE_INFINITY })
  }
  reset()
  const issue = (prefix: string, lifetimeMs: number, bearer: Bearer): [string, number] => {
    const token = `${prefix}_${options.makeSecret().replaceAll('-', '')}`
    const expiresAtMs = options.now() + lifetimeMs
    keep(issued, token, { ...bearer, expiresAtMs })
    return [token, expiresAtMs]
  }
  const grant = (): Grant => {
    const [accessToken] = issue('ghu', options.tokenLifetimeMs, { installationId: null })
    const refreshToken = `ghr_${options.makeSecret().replaceAll('-', '')}`
    keep(refreshes, refreshToken, { accessToken, expiresAtMs: options.now() + refreshLifetimeMs })
    return {
      accessToken,
      expiresInSeconds: Math.floor(options.tokenLifetimeMs / 1000),
      refreshToken,
      refreshExpiresInSeconds: refreshLifetimeMs / 1000,
    }
  }
  return {
    bearerOf: (token) => {
      if (token === permanentToken) return { installationId: null }
      const found = issued.get(token)
      return found === undefined || found.expiresAtMs <= options.now() ? null : found
    },
    grant,
    refresh: (refreshToken) => {
      const found = refreshes.get(refreshToken)
      if (found === undefined || found.expiresAtMs <= options.now()) return null
      if (!options.rotateRefreshTokens) return { ...grant(), refreshToken }
      refreshes.delete(refreshToken)
      issued.delete(found.accessToken)
      return grant()
    },
    install: (id) => {
      const lifetimeMs = Math.min(options.tokenLifetimeMs, installationLifetimeMsMax)
      const [token, expiresAtMs] = issue('ghs', lifetimeMs, { installationId: id })
      return { token, expiresAtMs }
    },
    expire: () => issued.clear(),
    reset,
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  const oldest = map.keys().next().value
  if (map.size > tokensMax && oldest !== undefined) map.delete(oldest)
}
