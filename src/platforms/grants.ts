// Room platforms: the grants of OAuth 2.0, from each platform's rules. Ours and not the SDKs', which would replay requests
// without bound. Sources: RFC 6749 sections 4.1.3, 5 and 6; RFC 7636.

import { never } from '../lib/assert.ts'
import { remainingMs } from '../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../lib/http.ts'
import { type Fault, fault, type FaultCode } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import { isJsonObject, type Json, type JsonObject, toInteger, tryParseJson } from './json.ts'
import { accountIn } from './account.ts'
import { type OAuthRules, takesChallenge } from './oauth.ts'
import type { CodeGrant, RefreshGrant, Tokens } from './platform.ts'
import { entryRefused, grantRefused } from './refusal.ts'

/**
 * The refresh-token grant, sent once.
 * @throws GrantRefused (revoked, expired, used up); Fault credential_refused (wrong client, barred account: the grant may be
 * good), unreachable (nothing was sent), rate_limited, platform_failed
 */
export async function refreshWith(
  rules: OAuthRules,
  grant: RefreshGrant,
  platform: Platform,
): Promise<Tokens> {
  const form = { grant_type: 'refresh_token', refresh_token: grant.refreshToken }
  const response = await post(rules, { grant, form, platform })
  return readTokens(response, { rules, platform, now: Date.now() })
}

/**
 * The authorization-code grant, sent once: a code is good once. The tokens hold a refresh token, or the fault says that
 * there was none.
 * @throws Fault credential_refused (a code that is not or no longer good, wrong client), unreachable, rate_limited,
 * platform_failed
 */
export async function exchangeCode(
  rules: OAuthRules,
  grant: CodeGrant,
  platform: Platform,
): Promise<Tokens & { readonly refreshToken: string }> {
  const { code, redirectUri, verifier } = grant
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    ...(takesChallenge(rules) ? { code_verifier: verifier } : {}),
  }
  const response = await post(rules, { grant, form, platform })
  const tokens = readTokens(response, { rules, platform, now: Date.now() })
  if (tokens.refreshToken !== undefined) return { ...tokens, refreshToken: tokens.refreshToken }
  throw fault('platform_failed', {
    platform,
    detail: 'The token endpoint answered without a refresh token.',
    hint:
      'Let the app ask for offline access: at the platform, make its tokens expire and be refreshable.',
  })
}

interface Posting {
  readonly grant: Omit<RefreshGrant, 'refreshToken'>
  readonly form: Readonly<Record<string, string>>
  readonly platform: Platform
}

async function post(
  { clientAuthentication }: OAuthRules,
  { grant, form, platform }: Posting,
): Promise<HttpResponse> {
  const { http, deadline, tokenUrl } = grant
  const client = clientOf(clientAuthentication, grant)
  const body = new URLSearchParams({ ...form, ...client.form })
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    ...client.headers,
  }
  const waitMs = remainingMs(deadline)
  try {
    return await http.send({ method: 'POST', url: tokenUrl, headers, body: String(body), waitMs })
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    const code = error.sent ? 'platform_failed' : 'unreachable'
    const detail = `The token endpoint did not answer: ${error.message}`
    throw fault(code, { platform, detail }, { cause: error })
  }
}

/** How the client says who it is; one without a secret gives its id alone. */
function clientOf(
  where: OAuthRules['clientAuthentication'],
  { clientId, clientSecret }: Posting['grant'],
): { form: Readonly<Record<string, string>>; headers: Readonly<Record<string, string>> } {
  const form = { client_id: clientId }
  if (clientSecret === undefined) return { form, headers: {} }
  switch (where) {
    case 'form':
      return { form: { ...form, client_secret: clientSecret }, headers: {} }
    case 'basic':
      return { form, headers: { authorization: basicOf(clientId, clientSecret) } }
    case 'secret': {
      const name = Buffer.from(`${clientSecret}:`).toString('base64')
      return { form: {}, headers: { authorization: `Basic ${name}` } }
    }
    default:
      return never(where)
  }
}

/** RFC 6749, section 2.3.1: both parts are form-encoded first. */
function basicOf(id: string, secret: string): string {
  const encode = (text: string) => String(new URLSearchParams({ t: text })).slice(2)
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`
}

interface Reading {
  readonly rules: OAuthRules
  readonly platform: Platform
  readonly now: number
}

/** Reads what a token endpoint answered; some answer an error with status 200. */
export function readTokens(response: HttpResponse, reading: Reading): Tokens {
  const json = tryParseJson(response.body)
  const body = isJsonObject(json) ? json : {}
  const { access_token: accessToken, refresh_token: refreshToken, instance_url: url } = body
  const error = errorOf(body)
  if (response.status < 200 || response.status >= 300 || error !== undefined) {
    throw refusal(response, { ...reading, error, body })
  }
  if (typeof accessToken !== 'string' || accessToken === '') {
    throw failed('platform_failed', 'The token endpoint answered without a token.', reading)
  }
  const expiresAt = expiryOf(body, reading)
  const account = accountOf(body, reading)
  return {
    accessToken,
    ...(typeof refreshToken === 'string' && refreshToken !== '' ? { refreshToken } : {}),
    ...(typeof url === 'string' && isWebAddress(url) ? { baseUrl: url.replace(/\/+$/, '') } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(account === undefined ? {} : { account }),
  }
}

function accountOf(body: JsonObject, { rules }: Reading): string | undefined {
  return rules.account.at === 'tokens' ? accountIn(body, rules.account) : undefined
}

function expiryOf(body: JsonObject, { rules, now }: Reading): number | undefined {
  const seconds = toInteger(body['expires_in'])
  if (seconds !== undefined && seconds > 0) return now + seconds * 1000
  return rules.lifetimeMs === null ? undefined : now + rules.lifetimeMs
}

/** `error` (RFC 6749), or `status` where the platform says it so (HubSpot). */
function errorOf(body: JsonObject): string | undefined {
  const { error, status } = body
  if (typeof error === 'string') return error
  return typeof status === 'string' && body['access_token'] === undefined ? status : undefined
}

function refusal(
  { status }: HttpResponse,
  refused: Reading & { error: string | undefined; body: JsonObject },
): Fault {
  const { error, body, rules, platform } = refused
  const words = error === undefined ? `HTTP status ${status}` : cut(error, 100)
  const said = body['error_description'] ?? body['message'] ?? messageIn(body['error'])
  const more = typeof said === 'string' ? ` ${cut(said, 200)}` : ''
  const detail = `The token endpoint answered: ${words}.${more}`
  const reasons = [error ?? '', typeof said === 'string' ? said.toLowerCase() : '']
  const isAny = (known: readonly string[]) => reasons.some((reason) => known.includes(reason))
  if (status === 429 || isAny(rules.passing)) return failed('rate_limited', detail, refused)
  // a conflict with another request, or a server in trouble, says nothing of the grant
  if (status === 409 || status >= 500) return failed('platform_failed', detail, refused)
  const constraint = error === undefined ? {} : { constraint: error }
  if (isAny(rules.obstacles)) return entryRefused(platform, { detail, ...constraint })
  if (isAny(rules.refusals)) {
    return grantRefused({ platform, detail, hint: 'Connect the account again.', ...constraint })
  }
  // of whatever stands between, or in words that are not known: no reason to give the grant up
  return status === 401
    ? entryRefused(platform, { detail, ...constraint })
    : failed('platform_failed', detail, refused)
}

/** Stripe's API has its words in an object. */
function messageIn(error: Json | undefined): Json | undefined {
  return isJsonObject(error) ? error['message'] : undefined
}

function failed(code: FaultCode, detail: string, { platform }: Reading): Fault {
  return fault(code, { platform, detail })
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`
}
