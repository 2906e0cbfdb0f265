// Room platforms: tokens of a GitHub App's installation. The app proves itself with a JWT that it signs; there is no
// refresh token, a new token is asked for when the old one ends. Sources: GitHub Docs, Generating a JSON Web Token (JWT)
// for a GitHub App; REST API, Create an installation access token for an app.

import { Buffer } from 'node:buffer'
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { remainingMs } from '../../lib/deadline.ts'
import { HttpFailure, type HttpResponse } from '../../lib/http.ts'
import { type Fault, fault, type FaultFields } from '../../mutation/fault.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { MintGrant, Tokens } from '../platform.ts'
import { grantRefused } from '../refusal.ts'
import { segmentOf } from '../segment.ts'
import { limitedBy } from './limited.ts'

const platform = 'github'
/** For a clock of ours that is ahead of GitHub's. */
const backdatedSeconds = 60
/** GitHub takes ten minutes at most, by its own clock. */
const lifetimeSeconds = 9 * 60
const refusedHint =
  'Look whether the app is still installed, and give the connection its key again.'

/**
 * A token for the installation, which lives an hour. Sent once.
 * @throws GrantRefused (no such installation); Fault credential_refused (wrong key, suspended: to be set right),
 * unreachable (nothing was sent), rate_limited, platform_failed
 */
export async function mint(grant: MintGrant): Promise<Tokens> {
  const { http, deadline, baseUrl, installationId } = grant
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${signJwt(grant)}`,
    'user-agent': 'sluice',
    'x-github-api-version': '2022-11-28',
  }
  const id = segmentOf(installationId)
  if (id === undefined) throw refused({ detail: 'The id of the installation is not one.' })
  const url = `${baseUrl}/app/installations/${id}/access_tokens`
  try {
    const waitMs = remainingMs(deadline)
    return readToken(await http.send({ method: 'POST', url, headers, waitMs }))
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    const detail = `GitHub did not answer for the installation: ${error.message}`
    throw fault(error.sent ? 'platform_failed' : 'unreachable', { platform, detail }, {
      cause: error,
    })
  }
}

/** RS256, RFC 7519: issued a minute ago, good for nine. Throws `credential_refused` for what is not an RSA key. */
function signJwt({ appId, privateKey, now }: MintGrant): string {
  const issuedAt = Math.floor(now / 1000) - backdatedSeconds
  const claims = { iat: issuedAt, exp: issuedAt + backdatedSeconds + lifetimeSeconds, iss: appId }
  const [head, body] = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url')
  )
  const text = `${head}.${body}`
  return `${text}.${sign('sha256', Buffer.from(text), readKey(privateKey)).toString('base64url')}`
}

function readKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key
  } catch {
    // what is wrong with a key must not be told with parts of it
  }
  throw refused({ detail: 'The private key of the app is not an RSA key in PEM.' })
}

function readToken(response: HttpResponse): Tokens {
  const json = tryParseJson(response.body)
  const body = isJsonObject(json) ? json : {}
  const { token, expires_at: expires, message } = body
  const said = typeof message === 'string' ? ` ${message.slice(0, 200)}` : ''
  if (response.status !== 201) throw refusal(response, said)
  const expiresAt = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  if (typeof token !== 'string' || token === '' || Number.isNaN(expiresAt)) {
    throw fault('platform_failed', { platform, detail: 'GitHub answered without a token.' })
  }
  return { accessToken: token, expiresAt }
}

function refusal(response: HttpResponse, said: string): Fault {
  const { status } = response
  const detail = `GitHub answered ${status} for the installation.${said}`
  if (limitedBy(response) !== undefined) return fault('rate_limited', { platform, detail })
  // the key may be good: it is the clock that is not
  if (status === 401 && /'(exp|iat)'/.test(said)) {
    const hint = 'Set the clock of the mutation service.'
    return fault('platform_failed', { platform, detail, hint })
  }
  // not installed any more: an id does not come back
  if (status === 404 && said !== '') return grantRefused({ platform, detail, hint: refusedHint })
  if (status === 401 || status === 403 || status === 404) return refused({ detail })
  return fault('platform_failed', { platform, detail })
}

function refused(fields: FaultFields): Fault {
  return fault('credential_refused', { platform, hint: refusedHint, ...fields })
}
