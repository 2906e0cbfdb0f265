// Room platforms: new access tokens from Salesforce. Ours and not jsforce's, which would replay requests without bound.
// Source: Salesforce Help, "OAuth 2.0 Refresh Token Flow" and "OAuth Authorization Errors"; RFC 6749 section 6.

import { remainingMs } from '../../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../../lib/http.ts'
import { type Fault, fault, type FaultCode } from '../../mutation/fault.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { RefreshGrant, Tokens } from '../platform.ts'
import { cut, sentence } from './words.ts'

/**
 * The OAuth refresh-token grant, sent once. Salesforce does not say when the access token expires.
 * @throws Fault credential_refused (revoked, expired, wrong client), unreachable (nothing was sent), rate_limited, or
 * platform_failed
 */
export async function refresh(grant: RefreshGrant): Promise<Tokens> {
  const response = await post(grant)
  const json = tryParseJson(response.body)
  const body = isJsonObject(json) ? json : {}
  if (response.status < 200 || response.status >= 300) throw refusal(response, body['error'])
  const { access_token: accessToken, refresh_token: refreshToken, instance_url: url } = body
  if (typeof accessToken !== 'string' || accessToken === '') {
    throw failed('platform_failed', 'The token endpoint answered without a token.')
  }
  return {
    accessToken,
    ...(typeof refreshToken === 'string' && refreshToken !== '' ? { refreshToken } : {}),
    ...(typeof url === 'string' && isWebAddress(url) ? { baseUrl: url.replace(/\/+$/, '') } : {}),
  }
}

async function post(grant: RefreshGrant): Promise<HttpResponse> {
  const { http, deadline, tokenUrl, refreshToken, clientId, clientSecret } = grant
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
    ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
  })
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  }
  const waitMs = remainingMs(deadline)
  try {
    return await http.send({ method: 'POST', url: tokenUrl, headers, body: String(form), waitMs })
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    const code = error.sent ? 'platform_failed' : 'unreachable'
    throw failed(code, `The token endpoint did not answer: ${error.message}`, error)
  }
}

/** Errors that mean: this client or this grant is not accepted, however often it is tried. */
const final = new Set([
  'app_not_found',
  'inactive_org',
  'inactive_user',
  'invalid_client',
  'invalid_client_credentials',
  'invalid_client_id',
  'invalid_grant',
  'invalid_scope',
  'ip_restricted',
  'no_access',
  'org_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
])

function refusal({ status, body }: HttpResponse, error: unknown): Fault {
  const words = typeof error === 'string' ? cut(error, 100) : `HTTP status ${status}`
  const detail = sentence(`The token endpoint answered: ${words}`)
  if (typeof error === 'string' && final.has(error)) {
    return fault('credential_refused', {
      platform: 'salesforce',
      constraint: error,
      detail: sentence(`${detail} ${descriptionIn(body)}`),
      hint: 'Reconnect the Salesforce account.',
    })
  }
  if (status === 401) return failed('credential_refused', detail)
  if (status === 429) return failed('rate_limited', detail)
  return failed('platform_failed', detail)
}

function descriptionIn(body: string): string {
  const json = tryParseJson(body)
  const words = isJsonObject(json) ? json['error_description'] : undefined
  return typeof words === 'string' ? cut(words, 200) : ''
}

function failed(code: FaultCode, detail: string, cause?: unknown): Fault {
  return fault(code, { platform: 'salesforce', detail }, { cause })
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
