// Room sandbox: Airtable's OAuth. PKCE is needed; access tokens live an hour; a refresh token is good once, and using it
// ends the access token that came with it. Consent is given at once. The access token `sandbox` is a personal one, and
// always good. https://airtable.com/developers/web/api/oauth-reference

import { Buffer } from 'node:buffer'
import { createCodes } from '../codes.ts'
import type { PlatformOptions, PlatformRequest, Refusal } from '../platform.ts'
import { type Reply, reply, splitPath } from './call.ts'
import { failure, notFound } from './errors.ts'

const personalToken = 'sandbox'
const firstRefreshToken = 'sandbox'
const clientId = 'sandbox'
const clientSecret = 'sandbox'

const tokenLifetimeMsMax = 60 * 60 * 1000
const refreshLifetimeSeconds = 60 * 24 * 60 * 60

/** Tokens remembered at most; the oldest are forgotten. */
const tokensMax = 1000

export interface Tokens {
  /** Throws the `ApiFailure` by which a request with the header is refused. */
  check(authorization: string | undefined): void
  /** The paths under /oauth2. Throws an `ApiFailure`. */
  answer(request: PlatformRequest): Reply
  expire(): void
  reset(): void
}

export function createTokens(options: PlatformOptions): Tokens {
  const expiries = new Map<string, number>()
  const codes = createCodes(options)
  /** Refresh tokens with the access tokens that they came with. */
  let grants = new Map([[firstRefreshToken, '']])
  const lifetimeMs = Math.min(options.tokenLifetimeMs, tokenLifetimeMsMax)

  const issue = (refreshToken: string): Reply => {
    const accessToken = `oaa${options.makeSecret()}`
    expiries.set(accessToken, options.now() + lifetimeMs)
    grants.set(refreshToken, accessToken)
    bound(expiries)
    bound(grants)
    return issued({ accessToken, refreshToken, lifetimeMs })
  }
  const refresh = (form: URLSearchParams): Reply => {
    const token = form.get('refresh_token') ?? ''
    const accessToken = grants.get(token)
    if (accessToken === undefined) {
      return refused('invalid_grant', 'Token has been expired or revoked.')
    }
    expiries.delete(accessToken)
    if (!options.rotateRefreshTokens) return issue(token)
    grants.delete(token)
    return issue(`oar${options.makeSecret()}`)
  }
  const grant = (request: PlatformRequest): Reply => {
    const form = new URLSearchParams(request.body)
    if (!isClient(form, request.headers['authorization'])) {
      return refused('invalid_client', 'The client authentication is invalid.', 401)
    }
    switch (form.get('grant_type')) {
      case 'refresh_token':
        return refresh(form)
      case 'authorization_code':
        return codes.take(form) === null
          ? issue(`oar${options.makeSecret()}`)
          : refused('invalid_grant', 'The code, its redirect_uri or its code_verifier is invalid.')
      default:
        return refused('unsupported_grant_type', 'The grant type is not supported.')
    }
  }
  return {
    check: (authorization) => {
      const [, token] = /^Bearer\s+(\S+)$/i.exec(authorization ?? '') ?? []
      if (token === undefined) {
        throw failure('AUTHENTICATION_REQUIRED', 'Authentication required', 401)
      }
      const good = token === personalToken || (expiries.get(token) ?? 0) > options.now()
      if (!good) throw failure('UNAUTHORIZED', 'Invalid authentication token', 401)
    },
    answer: (request) => {
      const { segments, query } = splitPath(request.path)
      switch (`${request.method} ${segments.join('/')}`) {
        case 'GET oauth2/v1/authorize':
          return authorize(query, () => codes.issue(query))
        case 'POST oauth2/v1/token':
          return grant(request)
        default:
          throw notFound()
      }
    },
    expire: () => expiries.clear(),
    reset: () => {
      expiries.clear()
      codes.clear()
      grants = new Map([[firstRefreshToken, '']])
    },
  }
}

function issued({ accessToken, refreshToken, lifetimeMs }: {
  accessToken: string
  refreshToken: string
  lifetimeMs: number
}): Reply {
  return reply(200, {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    scope: 'data.records:read data.records:write schema.bases:read webhook:manage',
    expires_in: Math.floor(lifetimeMs / 1000),
    refresh_expires_in: refreshLifetimeSeconds,
  })
}

/** Forgets the oldest when there are too many. */
function bound(tokens: Map<string, unknown>): void {
  const oldest = tokens.keys().next().value
  if (tokens.size > tokensMax && oldest !== undefined) tokens.delete(oldest)
}

/** A confidential client says who it is in the header; one without a secret in the form. */
function isClient(form: URLSearchParams, authorization: string | undefined): boolean {
  const [, basic] = /^Basic\s+(\S+)$/i.exec(authorization ?? '') ?? []
  if (basic !== undefined) {
    return Buffer.from(basic, 'base64').toString('utf8') === `${clientId}:${clientSecret}`
  }
  const secret = form.get('client_secret')
  return form.get('client_id') === clientId && (secret === null || secret === clientSecret)
}

/** Who asks wrongly is told so at the redirect address, unless that is what is wrong. */
function authorize(query: URLSearchParams, issue: () => string): Reply {
  const redirectUri = query.get('redirect_uri') ?? ''
  if (query.get('client_id') !== clientId || !URL.canParse(redirectUri)) {
    return refused('invalid_request', 'The client_id or the redirect_uri is invalid.')
  }
  const missing = ['state', 'code_challenge', 'scope'].find((name) =>
    (query.get(name) ?? '') === ''
  )
  const wrong = query.get('response_type') !== 'code'
    ? 'response_type'
    : query.get('code_challenge_method') !== 'S256'
    ? 'code_challenge_method'
    : missing
  const location = new URL(wrong === undefined ? issue() : redirectUri)
  const told = wrong === undefined
    ? ['code_challenge', 'code_challenge_method'].map((name) => [name, query.get(name) ?? ''])
    : [
      ['error', 'invalid_request'],
      ['error_description', `The ${wrong} is missing or invalid.`],
      ['state', query.get('state') ?? ''],
    ]
  for (const [name = '', value = ''] of told) location.searchParams.set(name, value)
  return reply(302, null, { location: location.href })
}

function refused(error: string, description: string, status = 400): Reply {
  return reply(status, { error, error_description: description })
}

/** What the token endpoint answers when it was asked too often, or when it failed. */
export const oauthRefusals: Record<Refusal, Reply> = {
  '429': refused('temporarily_unavailable', 'Rate limit exceeded. Please try again later', 429),
  '500': refused('server_error', 'An unexpected error occurred', 500),
}

/** Is the request about tokens? */
export function isOAuthPath(path: string): boolean {
  return path.startsWith('/oauth2/')
}
