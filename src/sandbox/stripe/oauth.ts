// Room sandbox: OAuth as Stripe Apps do it: an authorization code, then access tokens of an hour and refresh tokens that
// rotate. The key `sandbox` is always good, for people who try the API by hand.
// https://docs.stripe.com/stripe-apps/api-authentication/oauth

import { Buffer } from 'node:buffer'
import { type Json, writeJson } from '../json.ts'
import type { PlatformOptions, PlatformRequest, PlatformResponse, Refusal } from '../platform.ts'

const permanentKey = 'sandbox'
const firstRefreshToken = 'sandbox'
const clientId = 'sandbox'
const clientSecret = 'sandbox'
export const accountId = 'acct_1Sandbox'

const hourMs = 3_600_000
const codeLifetimeMs = 5 * 60_000

/** Keys remembered at most, living and expired; the oldest is forgotten first. */
const keysMax = 1000

export type KeyState = 'good' | 'expired' | 'unknown'

export interface Tokens {
  stateOf(key: string): KeyState
  /** GET /oauth/v2/authorize, POST /v1/oauth/token */
  answer(request: PlatformRequest): PlatformResponse
  /** Expires every access token issued so far. */
  expire(): void
  reset(): void
}

export const authorizePath = '/oauth/v2/authorize'
export const tokenPath = '/v1/oauth/token'

interface Code {
  readonly redirectUri: string
  readonly untilMs: number
}

interface State {
  readonly options: PlatformOptions
  /** Until when a key is good, in milliseconds. */
  readonly expiries: Map<string, number>
  readonly codes: Map<string, Code>
  readonly refreshTokens: Set<string>
}

export function createTokens(options: PlatformOptions): Tokens {
  const state: State = {
    options,
    expiries: new Map(),
    codes: new Map(),
    refreshTokens: new Set([firstRefreshToken]),
  }
  return {
    stateOf: (key) => {
      const until = state.expiries.get(key)
      if (key === permanentKey || (until ?? 0) > options.now()) return 'good'
      return until === undefined ? 'unknown' : 'expired'
    },
    answer: (request) =>
      pathOf(request) === authorizePath ? authorize(request, state) : grant(request, state),
    expire: () => {
      for (const key of state.expiries.keys()) state.expiries.set(key, 0)
    },
    reset: () => {
      state.expiries.clear()
      state.codes.clear()
      state.refreshTokens.clear()
      state.refreshTokens.add(firstRefreshToken)
    },
  }
}

function grant(request: PlatformRequest, state: State): PlatformResponse {
  if (request.method !== 'POST') return oauthError('invalid_request', 'Use POST', 405)
  const form = new URLSearchParams(request.body)
  const secret = keyOf(request) ?? form.get('client_secret')
  if (secret !== clientSecret) return oauthError('invalid_client', 'Invalid API Key provided', 401)
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return exchange(form, state)
    case 'refresh_token':
      return refresh(form, state)
    default:
      return oauthError('unsupported_grant_type', 'Unsupported grant type')
  }
}

/** A code is good once, for five minutes. */
function exchange(form: URLSearchParams, state: State): PlatformResponse {
  const name = form.get('code') ?? ''
  const code = state.codes.get(name)
  state.codes.delete(name)
  const redirectUri = form.get('redirect_uri') ?? code?.redirectUri
  const good = code !== undefined && code.untilMs > state.options.now() &&
    code.redirectUri === redirectUri
  if (!good) return oauthError('invalid_grant', `Authorization code does not exist: ${name}`)
  return issue(state)
}

function refresh(form: URLSearchParams, state: State): PlatformResponse {
  const token = form.get('refresh_token') ?? ''
  if (token === '') return oauthError('invalid_request', 'No refresh token was provided')
  if (!state.refreshTokens.has(token)) {
    return oauthError('invalid_grant', 'Token has been expired or revoked.')
  }
  if (state.options.rotateRefreshTokens) state.refreshTokens.delete(token)
  return issue(state)
}

function issue({ options, expiries, refreshTokens }: State): PlatformResponse {
  const accessToken = `sk_test_${options.makeSecret()}`
  const refreshToken = options.rotateRefreshTokens
    ? `rt_${options.makeSecret()}`
    : firstRefreshToken
  const lifetimeMs = Math.min(hourMs, options.tokenLifetimeMs)
  bounded(expiries).set(accessToken, options.now() + lifetimeMs)
  refreshTokens.add(refreshToken)
  return json(200, {
    access_token: accessToken,
    livemode: false,
    refresh_token: refreshToken,
    scope: 'stripe_apps',
    stripe_publishable_key: 'pk_test_sandbox',
    stripe_user_id: accountId,
    token_type: 'bearer',
  })
}

/** The path alone. */
export function pathOf({ path }: PlatformRequest): string {
  return path.split('?')[0] ?? path
}

/** The key that a request is made with: as a bearer token, or as the name of HTTP Basic. */
export function keyOf(request: PlatformRequest): string | null {
  return bearerOf(request) ?? basicName(request)
}

function bearerOf({ headers }: PlatformRequest): string | null {
  return /^Bearer\s+(\S+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? null
}

function basicName({ headers }: PlatformRequest): string | null {
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(headers['authorization'] ?? '') ?? []
  if (encoded === undefined) return null
  const [name = '', password = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return name === clientId && password !== '' ? password : name
}

/** The person agrees at once. */
function authorize(request: PlatformRequest, { options, codes }: State): PlatformResponse {
  const query = new URL(request.path, 'http://sandbox.invalid').searchParams
  const redirectUri = query.get('redirect_uri') ?? ''
  if (query.get('client_id') !== clientId) {
    return oauthError('invalid_client', 'No application matches the supplied client identifier')
  }
  if (!URL.canParse(redirectUri)) return oauthError('invalid_redirect_uri', 'Invalid redirect URI')
  const code = `ac_${options.makeSecret()}`
  bounded(codes).set(code, { redirectUri, untilMs: options.now() + codeLifetimeMs })
  const target = new URL(redirectUri)
  target.searchParams.set('code', code)
  target.searchParams.set('account_id', accountId)
  target.searchParams.set('user_id', 'usr_1Sandbox')
  const state = query.get('state')
  if (state !== null) target.searchParams.set('state', state)
  return { status: 302, headers: { location: target.href }, body: '' }
}

/** The map with room for one more. */
function bounded<T>(entries: Map<string, T>): Map<string, T> {
  const oldest = entries.keys().next().value
  if (entries.size >= keysMax && oldest !== undefined) entries.delete(oldest)
  return entries
}

/** What the token endpoint answers when there was too much of it, or when it failed. */
export const oauthRefusals: Record<Refusal, PlatformResponse> = {
  '429': oauthError('rate_limit', 'Request rate limit exceeded', 429),
  '500': oauthError('server_error', 'An error occurred on our end', 500),
}

function oauthError(error: string, description: string, status = 400): PlatformResponse {
  return json(status, { error, error_description: description })
}

function json(status: number, body: Json): PlatformResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: writeJson(body) }
}
