// Room sandbox: what a GitHub App does as itself, proven by a JWT that it signed: find its installations and get their
// tokens.
// https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app

import { Buffer } from 'node:buffer'
import { verify } from 'node:crypto'
import { isObject, type JsonObject, JsonSyntaxError, parseJson, scalarText } from '../../json.ts'
import type { PlatformRequest } from '../../platform.ts'
import { notFound, Refused, refused } from '../refusal.ts'
import { type Reply, reply } from '../rest/call.ts'
import { checkShape } from '../rest/fields.ts'
import { refusalReply } from '../rest/router.ts'
import { showAccount } from '../rest/show.ts'
import { accountNamed, type Session, timeText } from '../state/session.ts'
import { appId, appPublicKey, installationId } from './key.ts'
import type { Tokens } from './tokens.ts'

/** A JWT may not live longer than this; a minute more for clocks that differ. */
const lifetimeSecondsMax = 660

const permissions = { issues: 'write', pull_requests: 'write', contents: 'write', metadata: 'read' }

export function isAppPath(path: string): boolean {
  return /^\/app(?:[/?]|$)/.test(path)
}

export function isInstallationTokenPath(path: string): boolean {
  return /^\/app\/installations\/[^/]+\/access_tokens$/.test(path.split('?')[0] ?? '')
}

/** Answers /app and what is below it. */
export function answerApp(session: Session, request: PlatformRequest, tokens: Tokens): Reply {
  const docs = '/apps/apps#create-an-installation-access-token-for-an-app'
  try {
    checkJwt(request.headers['authorization'], session.nowMs)
    return dispatch(session, request, tokens)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return refusalReply(error.refusal, docs)
  }
}

function dispatch(session: Session, request: PlatformRequest, tokens: Tokens): Reply {
  const place = request.path.split('?')[0]?.replace(/\/$/, '') ?? ''
  const [, , , id, last] = place.split('/')
  const known = id === String(installationId)
  switch (`${request.method} ${id === undefined ? place : last ?? 'one'}`) {
    case 'GET /app':
      return reply(200, { slug: appId, name: appId, client_id: appId, permissions, events: [] })
    case 'GET /app/installations':
      return reply(200, [showInstallation(session)])
    case 'GET one':
      if (known) return reply(200, showInstallation(session))
      throw refused(notFound)
    case 'POST access_tokens':
      if (!known) throw refused(notFound)
      checkBody(request.body)
      return issue(tokens)
    default:
      throw refused(notFound)
  }
}

function issue(tokens: Tokens): Reply {
  const { token, expiresAtMs } = tokens.install(installationId)
  return reply(201, {
    token,
    expires_at: timeText(expiresAtMs),
    permissions,
    repository_selection: 'all',
  })
}

function showInstallation(session: Session): JsonObject {
  const account = accountNamed(session, 'octo')
  return {
    id: installationId,
    account: account === undefined ? null : showAccount(session, account),
    app_slug: appId,
    target_type: 'Organization',
    repository_selection: 'all',
    permissions,
    events: [],
    suspended_at: null,
  }
}

function checkBody(text: string): void {
  if (text.trim() === '') return
  const body = parsed(text)
  if (body === null) throw refused({ kind: 'unparsable' })
  checkShape(body, {
    permissions: ['object'],
    repositories: ['array'],
    repository_ids: ['array'],
  })
  const asked = body['permissions']
  const granted: Readonly<Record<string, string>> = permissions
  if (isObject(asked) && Object.keys(asked).some((name) => granted[name] === undefined)) {
    const message = 'The permissions requested are not granted to this installation.'
    throw refused({ kind: 'unfit', message })
  }
}

/** Throws `Refused` unless the header has a JWT that the app signed and that is good now. */
function checkJwt(authorization: string | undefined, nowMs: number): void {
  const [, jwt = ''] = /^(?:Bearer|token)\s+(\S+)$/i.exec(authorization ?? '') ?? []
  const [head = '', payload = '', signature = ''] = jwt.split('.')
  const header = parsed(Buffer.from(head, 'base64url').toString('utf8'))
  const claims = parsed(Buffer.from(payload, 'base64url').toString('utf8'))
  if (header === null || claims === null || header['alg'] !== 'RS256') {
    throw unauthorized('A JSON web token could not be decoded')
  }
  const signed = Buffer.from(`${head}.${payload}`)
  if (!verify('sha256', signed, appPublicKey, Buffer.from(signature, 'base64url'))) {
    throw unauthorized('A JSON web token could not be decoded')
  }
  if (scalarText(claims['iss']) !== appId) {
    throw refused({ kind: 'not-found', message: 'Integration not found' })
  }
  const seconds = nowMs / 1000
  const expiry = Number(scalarText(claims['exp']) ?? Number.NaN)
  const issuedAt = Number(scalarText(claims['iat']) ?? Number.NaN)
  if (!(expiry > seconds)) {
    const must = 'must be a numeric value representing the future time at which the assertion'
    throw unauthorized(`'Expiration time' claim ('exp') ${must} expires`)
  }
  if (expiry > seconds + lifetimeSecondsMax) {
    throw unauthorized("'Expiration time' claim ('exp') is too far in the future")
  }
  if (!(issuedAt <= seconds + 60)) {
    const must = 'must be an Integer representing the time that the assertion was issued'
    throw unauthorized(`'Issued at' claim ('iat') ${must}`)
  }
}

function unauthorized(message: string): Error {
  return refused({ kind: 'unauthorized', message })
}

function parsed(text: string): JsonObject | null {
  try {
    const value = parseJson(text)
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null
    throw error
  }
}
