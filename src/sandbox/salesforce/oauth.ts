// Room sandbox: OAuth tokens at /services/oauth2/token and /services/oauth2/revoke. Refresh tokens rotate: each is good
// for one refresh. The access token `sandbox` is always good, for people who try the API by hand.
// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm

import { createHmac } from 'node:crypto'
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
  /** POST /services/oauth2/token and /services/oauth2/revoke. */
  answer(request: PlatformRequest): Reply
  /** Kills every access token issued so far. */
  expire(): void
  reset(): void
}

/** `identity`: the path of the user's id under the base URL. */
export function createTokens(options: PlatformOptions, identity: string): Tokens {
  const expiries = new Map<string, number>()
  let refreshTokens = new Set([firstRefreshToken])
  const issue = (refreshToken: string): Reply => {
    const word = options.makeSecret()
    const accessToken = `00D5j0000000001!AQ.${word}`
    expiries.set(accessToken, options.now() + options.tokenLifetimeMs)
    const oldest = expiries.keys().next().value
    if (expiries.size > accessTokensMax && oldest !== undefined) expiries.delete(oldest)
    const issuedAt = String(options.now())
    const id = `${options.baseUrl()}${identity}`
    const next = options.rotateRefreshTokens ? `5Aep.${options.makeSecret()}` : null
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
    const refused = refusalOf(form)
    if (refused !== null) return refused
    const token = form.get('refresh_token') ?? ''
    if (token === '') return oauthError('invalid_request', 'refresh_token is required')
    if (refreshTokens.has(token)) return issue(token)
    return oauthError('invalid_grant', 'expired access/refresh token')
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
      if (method !== 'POST') throw methodNotAllowed(method, 'POST')
      const form = new URLSearchParams(body)
      return path.startsWith(revokePath) ? revoke(form) : refresh(form)
    },
    expire: () => expiries.clear(),
    reset: () => {
      expiries.clear()
      refreshTokens = new Set([firstRefreshToken])
    },
  }
}

const tokenPath = '/services/oauth2/token'
const revokePath = '/services/oauth2/revoke'

export function isTokenPath(path: string): boolean {
  return [tokenPath, revokePath].includes(path.split('?')[0]?.replace(/\/$/, '') ?? '')
}

/** What is wrong with the grant or the client; null when nothing is. */
function refusalOf(form: URLSearchParams): Reply | null {
  const secret = form.get('client_secret')
  if (form.get('grant_type') !== 'refresh_token') {
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
