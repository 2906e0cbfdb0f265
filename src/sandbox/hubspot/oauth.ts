// Room sandbox: HubSpot's OAuth. Access tokens live half an hour; the refresh token stays. Consent is given at once. The
// access token `sandbox` is a private app's, and always good.
// https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/guide

import { type Codes, createCodes } from '../codes.ts'
import type { JsonObject } from '../json.ts'
import type { PlatformOptions, PlatformRequest } from '../platform.ts'
import { type Reply, reply, splitPath } from './call.ts'
import { type ApiError, ApiFailure, failure } from './errors.ts'
import { writeInstant } from './moments.ts'
import { portalId } from './objects/goods.ts'

const privateAppToken = 'sandbox'
const firstRefreshToken = 'sandbox'
const clientId = 'sandbox'
const clientSecret = 'sandbox'

const tokenLifetimeMsMax = 30 * 60 * 1000

/** Tokens remembered at most; the oldest is forgotten. */
const tokensMax = 1000

export interface Tokens {
  /** Why a request with the header is refused; null when it is not. */
  refuse(authorization: string | undefined): ApiError | null
  isPrivateApp(authorization: string | undefined): boolean
  /** The paths under /oauth. Throws an `ApiFailure`. */
  answer(request: PlatformRequest, correlationId: string): Reply
  expire(): void
  reset(): void
}

export function createTokens(options: PlatformOptions): Tokens {
  const expiries = new Map<string, number>()
  const codes = createCodes(options)
  let refreshTokens = new Set([firstRefreshToken])
  const lifetimeMs = Math.min(options.tokenLifetimeMs, tokenLifetimeMsMax)

  const issue = (refreshToken: string): Reply => {
    const accessToken = `CPb${options.makeSecret()}`
    expiries.set(accessToken, options.now() + lifetimeMs)
    bound(expiries)
    return reply(200, {
      token_type: 'bearer',
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: Math.floor(lifetimeMs / 1000),
      hub_id: Number(portalId),
      scopes: ['oauth', 'crm.objects.contacts.write'],
    })
  }
  const exchange = (form: URLSearchParams): Reply | OAuthError => {
    const wrong = codes.take(form)
    if (wrong !== null) return wrong === 'redirect' ? badRedirect : badCode
    const refreshToken = `na1-${options.makeSecret()}`
    refreshTokens.add(refreshToken)
    bound(refreshTokens)
    return issue(refreshToken)
  }
  const grant = (form: URLSearchParams): Reply | OAuthError => {
    const refused = refuseClient(form)
    if (refused !== null) return refused
    const refreshToken = form.get('refresh_token') ?? ''
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return exchange(form)
      case 'refresh_token':
        return refreshTokens.has(refreshToken) ? issue(refreshToken) : badRefreshToken
      default:
        return badGrant
    }
  }
  return {
    isPrivateApp: (authorization) => tokenOf(authorization) === privateAppToken,
    refuse: (authorization) => {
      const token = tokenOf(authorization)
      if (token === privateAppToken) return null
      const expiresAtMs = expiries.get(token)
      if (expiresAtMs === undefined) return noCredentials
      return expiresAtMs > options.now() ? null : expired(options.now(), expiresAtMs)
    },
    answer: ({ method, path, body }, correlationId) => {
      const { segments, query } = splitPath(path)
      const [, version = '', place] = segments
      if (method === 'GET' && version === 'authorize') return authorize(codes, query)
      if (method !== 'POST' || place !== 'token' || !versions.includes(version)) {
        throw failure('resource not found', { status: 404 })
      }
      const answered = grant(new URLSearchParams(body))
      if (!('code' in answered)) return answered
      return reply(400, oauthBody(answered, { version, correlationId }))
    },
    expire: () => {
      for (const token of expiries.keys()) expiries.set(token, options.now())
    },
    reset: () => {
      expiries.clear()
      codes.clear()
      refreshTokens = new Set([firstRefreshToken])
    },
  }
}

function authorize(codes: Codes, query: URLSearchParams): Reply {
  if (query.get('client_id') !== clientId) throw new ApiFailure(asFailure(badClient))
  if (!URL.canParse(query.get('redirect_uri') ?? '')) throw new ApiFailure(asFailure(badRedirect))
  return reply(302, null, { location: codes.issue(query) })
}

/** Forgets the oldest when there are too many. */
function bound(tokens: Map<string, unknown> | Set<string>): void {
  const oldest = tokens.keys().next().value
  if (tokens.size > tokensMax && oldest !== undefined) tokens.delete(oldest)
}

const versions = ['v1', 'v3', '2026-09']

/** HubSpot's own code with the one that RFC 6749 has for it. */
interface OAuthError {
  readonly code: string
  readonly standard: string
  readonly message: string
}

const oauthError = (code: string, standard: string, message: string): OAuthError => ({
  code,
  standard,
  message,
})
const badRefreshToken = oauthError(
  'BAD_REFRESH_TOKEN',
  'invalid_grant',
  'missing or invalid refresh token',
)
const badCode = oauthError('BAD_AUTH_CODE', 'invalid_grant', 'missing or unknown auth code')
const badRedirect = oauthError(
  'BAD_REDIRECT_URI',
  'invalid_grant',
  'missing or invalid redirect uri',
)
const badClient = oauthError('BAD_CLIENT_ID', 'invalid_client', 'missing or invalid client id')
const badSecret = oauthError(
  'BAD_CLIENT_SECRET',
  'invalid_client',
  'missing or invalid client secret',
)
const badGrant = oauthError(
  'BAD_GRANT_TYPE',
  'unsupported_grant_type',
  'missing or unknown grant type',
)

function refuseClient(form: URLSearchParams): OAuthError | null {
  if (form.get('client_id') !== clientId) return badClient
  return form.get('client_secret') === clientSecret ? null : badSecret
}

function oauthBody(
  { code, standard, message }: OAuthError,
  { version, correlationId }: { version: string; correlationId: string },
): JsonObject {
  const own = { status: code, message, correlationId }
  return version === 'v1' ? own : { ...own, error: standard, error_description: message }
}

function asFailure({ message, code }: OAuthError): ApiError {
  return { status: 400, message, category: code }
}

const noCredentials: ApiError = {
  status: 401,
  category: 'INVALID_AUTHENTICATION',
  message:
    'Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more ' +
    'details at https://developers.hubspot.com/docs/methods/auth/oauth-overview',
}

function expired(nowMs: number, expiresAtMs: number): ApiError {
  const seconds = Math.floor((nowMs - expiresAtMs) / 1000)
  return {
    status: 401,
    category: 'EXPIRED_AUTHENTICATION',
    message: `The OAuth token used to make this call expired ${seconds} second(s) ago.`,
    context: { 'expire time': [writeInstant(expiresAtMs)] },
  }
}

function tokenOf(authorization: string | undefined): string {
  return /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
}

/** Is the request about tokens? */
export function isOAuthPath(path: string): boolean {
  return path.startsWith('/oauth/')
}
