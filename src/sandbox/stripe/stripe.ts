// Room sandbox: Stripe. One account in test mode, its objects in memory, behind the v1 API and the OAuth of Stripe Apps.
// Written from Stripe's own documentation, so that it does not share the adapter's mistakes. Objects have the shape of
// one API version, whichever a request names.

import { writeJson } from '../json.ts'
import type {
  PlatformOptions,
  PlatformRequest,
  PlatformResponse,
  SandboxPlatform,
} from '../platform.ts'
import type { Account } from './account.ts'
import { apiVersion, createDesk, type Reply } from './desk.ts'
import { refusal, type StripeFailure } from './errors.ts'
import {
  accountId,
  authorizePath,
  createTokens,
  keyOf,
  type KeyState,
  oauthRefusals,
  pathOf,
  tokenPath,
} from './oauth.ts'
import { resourceOfTable, rowsOf, shown } from './schema.ts'

/** Makes the platform, with its seed. */
export function createStripe(options: PlatformOptions): SandboxPlatform {
  const tokens = createTokens(options)
  let desk = createDesk(options)
  const dated = (reply: Reply, request: PlatformRequest): PlatformResponse => {
    const { headers, ...rest } = written(reply, request)
    return { ...rest, headers: { ...headers, date: new Date(options.now()).toUTCString() } }
  }
  const isOAuth = (request: PlatformRequest) => [authorizePath, tokenPath].includes(pathOf(request))
  return {
    name: 'stripe',
    isOAuth,
    handle: (request) => {
      if (isOAuth(request)) return tokens.answer(request)
      const unknown = unauthenticated(request, (key) => tokens.stateOf(key))
      return unknown === null ? dated(desk.answer(request), request) : refusedKey(unknown)
    },
    refuse: (kind, request) => {
      if (isOAuth(request)) return oauthRefusals[kind]
      return dated(kind === '429' ? desk.tooMany() : desk.broken(request), request)
    },
    records: (table) => recordsOf(desk.account, table),
    seed: (table, count) => desk.plant(table, count),
    expireTokens: () => tokens.expire(),
    reset: () => {
      desk = createDesk(options)
      tokens.reset()
    },
  }
}

/** What is wrong with the key of a request; null when nothing is. */
function unauthenticated(
  request: PlatformRequest,
  stateOf: (key: string) => KeyState,
): StripeFailure | null {
  const key = keyOf(request)
  if (key === null) return refusal(noKey, { status: 401 })
  const other = request.headers['stripe-account']
  switch (stateOf(key)) {
    case 'unknown':
      return refusal(`Invalid API Key provided: ${masked(key)}`, { status: 401 })
    case 'expired':
      return refusal(`Expired API Key provided: ${masked(key)}`, {
        code: 'api_key_expired',
        status: 401,
      })
    case 'good':
      return other === undefined || other === accountId ? null : refusal(
        `The provided key '${
          masked(key)
        }' does not have access to account '${other}' (or that account does not ` +
          'exist). Application access may have been revoked.',
        { code: 'account_invalid', status: 403 },
      )
  }
}

const noKey =
  'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth ' +
  "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we " +
  'can help at https://support.stripe.com/.'

/** A key as Stripe quotes it: its kind and its end. */
function masked(key: string): string {
  const head = /^(?:[a-z]{2}_(?:test|live)_)?/.exec(key)?.[0] ?? ''
  const rest = key.slice(head.length)
  const end = rest.length > 8 ? rest.slice(-4) : ''
  return `${head}${'*'.repeat(rest.length - end.length)}${end}`
}

/** An answer to a request whose key is not known has no id. */
function refusedKey({ status, error }: StripeFailure): PlatformResponse {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="Stripe"' } : {}
  return {
    status,
    headers: { 'content-type': 'application/json', ...challenge },
    body: writeJson({ error }),
  }
}

function written(
  { status, body, headers, requestId }: Reply,
  request: PlatformRequest,
): PlatformResponse {
  const key = request.headers['idempotency-key']
  const keyed = request.method !== 'POST' || key === undefined
    ? {}
    : { 'idempotency-key': key, 'original-request': requestId }
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'request-id': requestId,
      'stripe-version': request.headers['stripe-version'] ?? apiVersion,
      ...keyed,
      ...headers,
    },
    body: writeJson(body),
  }
}

function recordsOf(account: Account, table: string): string | null {
  const resource = resourceOfTable(table)
  if (resource === undefined) return null
  return writeJson(rowsOf(account, resource).map((row) => shown(account, resource, row)))
}
