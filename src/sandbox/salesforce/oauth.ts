// Room sandbox: OAuth at /services/oauth2: authorize (consent is given at once, PKCE is needed), token and revoke. Refresh
// tokens rotate: each is good for one refresh. The access token `sandbox` is always good, for people who try the API by hand.
// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm
// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm

import { createHmac } from 'node:crypto'
import { createCodes } from '../codes.ts'
import type { Json } from '../json.ts'
import type { PlatformOptions, PlatformRequest, Refusal } from '../platform.ts'
import { methodNotAllowed, type Reply, reply } from './call.ts'

const permanentToken = 'sandbox'
const firstRefreshToken = 'sandbox'
const clientId = 'sandbox'
const clientSecret = 'sandbox'

/** Tokens that one user has of one app at most; the oldest is revoked for another. */
const accessTokensMax = 1000

export interface Tokens {
  /** Is it an access token that has neither expired nor been revoked? */
  isValid(accessToken: string): boolean
  /** GET /services/oauth2/authorize, POST /services/oauth2/token and /services/oauth2/revoke. */
  answer(request: PlatformRequest): Reply
  /** Kills every access token issued so far. */
  expire(): void
  reset(): void
}

/** `identity`: the path of the user's id under the base URL. */
export function createTokens(options: PlatformOptions, identity: string): Tokens {
  const expiries = new Map<string, number>()
  const codes = createCodes(options)
  let refreshTokens = new Set([firstRefreshToken])
  const issue = (refreshToken: string, { isFirst = false } = {}): Reply => {
    const word = options.makeSecret()
    const accessToken = `00D5j0000000001!AQ.${word}`
    expiries.set(accessToken, options.now() + options.tokenLifetimeMs)
    const oldest = expiries.keys().next().value
    if (expiries.size > accessTokensMax && oldest !== undefined) expiries.delete(oldest)
    const issuedAt = String(options.now())
    const id = `${options.baseUrl()}${identity}`
    const next = options.rotateRefreshTokens || isFirst ? `5Aep.${options.makeSecret()}` : null
    if (next !== null) {
      refreshTokens.delete(refreshToken)
      refreshTokens.add(next)
    }
    return reply(200, {
      access_token: accessToken,
      ...(next === null ? {} : { refresh_token: next }),
      signature: createHmac('sha256', clientSecret).update(`${id}${issuedAt}`).digest('base64'),
      scope: 'refresh_token api',
      instance_url: options.baseUrl(),
      id,
      token_type: 'Bearer',
      issued_at: issuedAt,
    })
  }
  const refresh = (form: URLSearchParams): Reply => {
    const token = form.get('refresh_token') ?? ''
    if (token === '') return oauthError('invalid_request', 'refresh_token is required')
    if (refreshTokens.has(token)) return issue(token)
    return oauthError('invalid_grant', 'expired access/refresh token')
  }
  const grant = (form: URLSearchParams): Reply => {
    const refused = refuseClient(form)
    if (refused !== null) return refused
    if (form.get('grant_type') === 'refresh_token') return refresh(form)
    const wrong = codes.take(form)
    return wrong === null ? issue('', { isFirst: true }) : codeRefusals[wrong]
  }
  const revoke = (form: URLSearchParams): Reply => {
    const token = form.get('token') ?? ''
    const known = expiries.delete(token)
    if (refreshTokens.delete(token)) expiries.clear()
    else if (!known) return oauthError('unsupported_token_type', 'this token type is not supported')
    return reply(200, null)
  }
  return {
    isValid: (accessToken) =>
      accessToken === permanentToken || (expiries.get(accessToken) ?? 0) > options.now(),
    answer: ({ method, path, body }) => {
      if (path.startsWith(authorizePath)) {
        if (method !== 'GET') throw methodNotAllowed(method, 'GET')
        const { searchParams } = new URL(path, 'http://sandbox.invalid')
        return authorize(searchParams, () => codes.issue(searchParams))
      }
      if (method !== 'POST') throw methodNotAllowed(method, 'POST')
      const form = new URLSearchParams(body)
      return path.startsWith(revokePath) ? revoke(form) : grant(form)
    },
    expire: () => expiries.clear(),
    reset: () => {
      expiries.clear()
      codes.clear()
      refreshTokens = new Set([firstRefreshToken])
    },
  }
}

const authorizePath = '/services/oauth2/authorize'
const tokenPath = '/services/oauth2/token'
const revokePath = '/services/oauth2/revoke'

export function isTokenPath(path: string): boolean {
  return [authorizePath, tokenPath, revokePath].includes(
    path.split('?')[0]?.replace(/\/$/, '') ?? '',
  )
}

/** Who asks wrongly is told so at the redirect address, unless that is what is wrong. */
function authorize(query: URLSearchParams, issue: () => string): Reply {
  const redirectUri = query.get('redirect_uri') ?? ''
  if (query.get('client_id') !== clientId) {
    return oauthError('invalid_client_id', 'client identifier invalid')
  }
  if (!URL.canParse(redirectUri)) {
    return oauthError('redirect_uri_mismatch', 'redirect_uri must match configuration')
  }
  const error = authorizationError(query)
  if (error === null) return reply(302, null, { location: issue() })
  const location = new URL(redirectUri)
  for (const [name, value] of Object.entries(error)) location.searchParams.set(name, value)
  const state = query.get('state')
  if (state !== null) location.searchParams.set('state', state)
  return reply(302, null, { location: location.href })
}

function authorizationError(query: URLSearchParams): Readonly<Record<string, string>> | null {
  if (query.get('response_type') !== 'code') {
    return { error: 'unsupported_response_type', error_description: 'response type not supported' }
  }
  const method = query.get('code_challenge_method') ?? 'S256'
  if ((query.get('code_challenge') ?? '') !== '' && method === 'S256') return null
  return { error: 'invalid_request', error_description: 'missing required code challenge' }
}

const codeRefusals = {
  code: oauthError('invalid_grant', 'expired authorization code'),
  redirect: oauthError('redirect_uri_mismatch', 'redirect_uri must match configuration'),
  verifier: oauthError('invalid_grant', 'invalid code verifier'),
} as const

/** What is wrong with the grant or the client; null when nothing is. */
function refuseClient(form: URLSearchParams): Reply | null {
  const secret = form.get('client_secret')
  if (!['refresh_token', 'authorization_code'].includes(form.get('grant_type') ?? '')) {
    return oauthError('unsupported_grant_type', 'grant type not supported')
  }
  if (form.get('client_id') !== clientId) {
    return oauthError('invalid_client_id', 'client identifier invalid')
  }
  return secret === null || secret === clientSecret
    ? null
    : oauthError('invalid_client', 'invalid client credentials')
}

/** What the token endpoint answers when there were too many logins, or when it failed. */
export const oauthRefusals: Record<Refusal, Reply> = {
  '429': oauthError('invalid_grant', 'login rate exceeded'),
  '500': oauthError('unknown_error', 'retry your request', 500),
}

function oauthError(error: string, description: string, status = 400): Reply {
  const body: Json = { error, error_description: description }
  return reply(status, body)
}
