// Room sandbox: OAuth for GitHub Apps: /login/oauth/authorize and /login/oauth/access_token. The user of the sandbox
// always consents. What is refused at the token endpoint is told with status 200, as GitHub does.
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app

import { createHash } from 'node:crypto'
import { isObject, JsonSyntaxError, parseJson, scalarText, writeJson } from '../../json.ts'
import type { PlatformOptions, PlatformRequest, PlatformResponse, Refusal } from '../../platform.ts'
import type { Grant, Tokens } from './tokens.ts'

const clientId = 'sandbox'
const clientSecret = 'sandbox'
const codeLifetimeMs = 10 * 60 * 1000
const codesMax = 1000

interface Code {
  readonly redirectUri: string
  /** SHA-256 of the verifier, in base64url; null without PKCE. */
  readonly challenge: string | null
  readonly expiresAtMs: number
}

export interface OAuth {
  answer(request: PlatformRequest): PlatformResponse
  reset(): void
}

export function isOAuthPath(path: string): boolean {
  return path.startsWith('/login/oauth/')
}

/** Makes the two endpoints. A code is good once, for ten minutes. */
export function createOAuth(options: PlatformOptions, tokens: Tokens): OAuth {
  const codes = new Map<string, Code>()
  const authorize = (query: URLSearchParams): PlatformResponse => {
    const redirectUri = query.get('redirect_uri') ?? ''
    if (query.get('client_id') !== clientId || !URL.canParse(redirectUri)) return page(404)
    const challenge = query.get('code_challenge')
    const back = new URL(redirectUri)
    const state = query.get('state')
    if (challenge !== null && query.get('code_challenge_method') !== 'S256') {
      back.searchParams.set('error', 'invalid_request')
      back.searchParams.set('error_description', 'Only the S256 code challenge method is supported')
    } else {
      const code = options.makeSecret().replaceAll('-', '').slice(0, 20)
      codes.set(code, { redirectUri, challenge, expiresAtMs: options.now() + codeLifetimeMs })
      const oldest = codes.keys().next().value
      if (codes.size > codesMax && oldest !== undefined) codes.delete(oldest)
      back.searchParams.set('code', code)
    }
    if (state !== null) back.searchParams.set('state', state)
    return { status: 302, headers: { location: back.href }, body: '' }
  }
  const exchange = (form: URLSearchParams): Fields => {
    const code = codes.get(form.get('code') ?? '')
    const redirectUri = form.get('redirect_uri')
    if (code !== undefined && redirectUri !== null && redirectUri !== code.redirectUri) {
      return refusals.redirect
    }
    codes.delete(form.get('code') ?? '')
    if (code === undefined || code.expiresAtMs <= options.now()) return refusals.code
    if (!isProven(code.challenge, form.get('code_verifier'))) return refusals.code
    return shown(tokens.grant())
  }
  const token = (form: URLSearchParams): Fields => {
    if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) {
      return refusals.client
    }
    switch (form.get('grant_type')) {
      case 'refresh_token': {
        const next = tokens.refresh(form.get('refresh_token') ?? '')
        return next === null ? refusals.refresh : shown(next)
      }
      case 'authorization_code':
      case null:
        return exchange(form)
      default:
        return refusals.grant
    }
  }
  return {
    answer: ({ method, path, headers, body }) => {
      const [place, search = ''] = path.split('?', 2)
      const query = new URLSearchParams(search)
      if (place === '/login/oauth/authorize' && method === 'GET') return authorize(query)
      if (place !== '/login/oauth/access_token' || method !== 'POST') return page(404)
      return written(token(formOf(headers['content-type'], { body, query })), headers['accept'])
    },
    reset: () => codes.clear(),
  }
}

type Fields = Readonly<Record<string, string | number>>

function fail(error: string, description: string, docs: string): Fields {
  const uri =
    `https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#${docs}`
  return { error, error_description: description, error_uri: uri }
}

const refusals = {
  client: fail(
    'incorrect_client_credentials',
    'The client_id and/or client_secret passed are incorrect.',
    'incorrect-client-credentials',
  ),
  code: fail(
    'bad_verification_code',
    'The code passed is incorrect or expired.',
    'bad-verification-code',
  ),
  redirect: fail(
    'redirect_uri_mismatch',
    'The redirect_uri MUST match the registered callback URL for this application.',
    'redirect-uri-mismatch',
  ),
  refresh: fail(
    'bad_refresh_token',
    'The refresh token passed is incorrect or expired.',
    'bad-refresh-token',
  ),
  grant: fail(
    'unsupported_grant_type',
    'The grant type is not supported by this endpoint.',
    'unsupported-grant-type',
  ),
} as const

/** What the token endpoint answers when it has had enough, or has failed. */
export const oauthRefusals: Record<Refusal, PlatformResponse> = {
  '429': {
    status: 429,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
    body: 'Too many requests\n',
  },
  '500': page(500),
}

function page(status: number): PlatformResponse {
  const body = `<html><body><h1>${status}</h1></body></html>\n`
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body }
}

function isProven(challenge: string | null, verifier: string | null): boolean {
  if (challenge === null) return true
  const hash = createHash('sha256').update(verifier ?? '').digest('base64url')
  return hash === challenge
}

function shown(grant: Grant): Fields {
  return {
    access_token: grant.accessToken,
    expires_in: grant.expiresInSeconds,
    refresh_token: grant.refreshToken,
    refresh_token_expires_in: grant.refreshExpiresInSeconds,
    token_type: 'bearer',
    scope: '',
  }
}

/** The fields of a form, of JSON or of the query: GitHub takes all three. */
function formOf(
  contentType: string | undefined,
  { body, query }: { readonly body: string; readonly query: URLSearchParams },
): URLSearchParams {
  if (body === '') return query
  if (!/\bjson\b/i.test(contentType ?? '')) return new URLSearchParams(body)
  try {
    const json = parseJson(body)
    if (!isObject(json)) return query
    return new URLSearchParams(
      Object.entries(json).map(([name, value]) => [name, scalarText(value) ?? '']),
    )
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return query
  }
}

/** A form, unless JSON is asked for. */
function written(fields: Fields, accept: string | undefined): PlatformResponse {
  if (/\bjson\b/i.test(accept ?? '')) {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    return { status: 200, headers, body: writeJson(fields) }
  }
  const form = new URLSearchParams(
    Object.entries(fields).map(([name, value]) => [name, String(value)]),
  )
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  return { status: 200, headers, body: form.toString() }
}
