// Room service: the authorization-code flow. A state is good once, for ten minutes, for the browser that began; the code
// is exchanged for tokens that are sealed in the store before anybody hears that the account is connected.

import { createHash, timingSafeEqual } from 'node:crypto'
import { deadlineIn } from '../../lib/deadline.ts'
import type { Http } from '../../lib/http.ts'
import type { Log } from '../../lib/log.ts'
import { Fault, fault } from '../../mutation/fault.ts'
import { requestWaitMs } from '../../mutation/limits.ts'
import { type Platform, platforms } from '../../mutation/table.ts'
import { askAccount } from '../../platforms/account.ts'
import { exchangeCode } from '../../platforms/grants.ts'
import { authorizationUrl, endpointsAt, type OAuthEndpoints } from '../../platforms/oauth.ts'
import type { Adapter, Tokens } from '../../platforms/platform.ts'
import { type Connection, readConnection, saveConnection } from '../../store/connections.ts'
import { type OAuthApp, readOAuthApp } from '../../store/oauth-apps.ts'
import {
  type Authorization,
  saveAuthorization,
  takeAuthorization,
} from '../../store/oauth-states.ts'
import type { Store } from '../../store/store.ts'
import { connectLink, returnAddress } from './link.ts'
import { readTicket, type TicketTerms } from './ticket.ts'

export interface FlowDeps {
  readonly store: Store
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  readonly now: () => number
  /** So many unguessable bytes. */
  readonly random: (bytes: number) => Uint8Array
  /** Where browsers reach the service, without a slash at the end. */
  readonly publicUrl: string
  /** Other origins that a browser may be sent to in the end. */
  readonly returnOrigins: readonly string[]
}

/** How long a state is good, in milliseconds. */
export const stateWaitMs = 10 * 60_000
const secretBytes = 32

export interface StartRequest {
  readonly platform: string
  readonly connection: string
  readonly ticket: string
  readonly returnTo: string | undefined
}

/** What a person is shown before anything begins. */
export interface Introduction {
  readonly connection: string
  /** The account that it has to be, null where any will do. */
  readonly account: string | null
  /** Where the person will be asked to agree. */
  readonly host: string
}

/** What `start` would begin; nothing is stored. Throws as `start`. */
export async function introduce(deps: FlowDeps, request: StartRequest): Promise<Introduction> {
  const { connection, terms } = await admit(deps, request)
  const app = await readOAuthApp(deps.store, connection.platform)
  readReturn(deps, request.returnTo)
  return {
    connection: connection.id,
    account: terms.anyAccount ? null : connection.account ?? null,
    host: new URL(endpointsOf(deps, app, connection).authorizeUrl).host,
  }
}

export interface Started {
  /** The platform's address to send the browser to. */
  readonly location: string
  readonly state: string
  /** For the browser to bring back. */
  readonly cookie: string
}

/**
 * Begins. @throws Fault `unauthorized` (the ticket), `bad_request` (the address to return to), `not_found` (no such app),
 * `service_unreachable`
 */
export async function start(deps: FlowDeps, request: StartRequest): Promise<Started> {
  const { store, adapterFor, publicUrl } = deps
  const { connection, terms } = await admit(deps, request)
  const { platform } = connection
  const rules = adapterFor(platform).oauth
  const app = await readOAuthApp(store, platform)
  const [state = '', cookie = '', verifier = ''] = [0, 1, 2].map(() => secret(deps))
  const { authorizeUrl, tokenUrl } = endpointsOf(deps, app, connection)
  const redirectUri = `${publicUrl}/oauth/${platform}/callback`
  const returnTo = readReturn(deps, request.returnTo)
  const authorization: Authorization = {
    platform,
    connectionId: connection.id,
    given: connection.given,
    verifier,
    cookieHash: sha256(cookie),
    redirectUri,
    tokenUrl,
    clientId: app.clientId,
    anyAccount: terms.anyAccount,
    linkExpiresAt: terms.expiresAt,
    ...(returnTo === undefined ? {} : { returnTo }),
  }
  await saveAuthorization(store, authorization, { state, waitMs: stateWaitMs })
  const { clientId } = app
  const challenge = sha256(verifier)
  const location = { authorizeUrl, clientId, redirectUri, state, challenge }
  return { location: authorizationUrl(rules, location), state, cookie }
}

/** The connection that a ticket is for. Whether it exists is told only to who has a ticket. */
async function admit(
  { store, now }: FlowDeps,
  { platform, connection: id, ticket }: StartRequest,
): Promise<{ connection: Connection; terms: TicketTerms }> {
  const connection = await readConnection(store, id).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  })
  const terms = connection?.platform === platform
    ? readTicket(store.keyring, connection, { ticket, now: now() })
    : null
  if (connection !== null && terms !== null) return { connection, terms }
  throw fault('unauthorized', {
    message: 'this link does not connect an account, or no longer does',
    detail: 'It has expired, was used already, or is not one of ours.',
    hint: 'Make another: sluice connect --connection <id> --platform <platform>',
  })
}

/** The app's own endpoints, those at the host of the connection's token endpoint, or the platform's. */
function endpointsOf(
  { adapterFor }: FlowDeps,
  app: OAuthApp,
  { platform, tokenUrl }: Connection,
): OAuthEndpoints {
  const rules = adapterFor(platform).oauth
  const usual = {
    authorizeUrl: app.authorizeUrl ?? rules.authorizeUrl,
    tokenUrl: app.tokenUrl ?? rules.tokenUrl,
  }
  if (tokenUrl === undefined || tokenUrl === usual.tokenUrl) return usual
  const path = new URL(rules.tokenUrl).pathname
  if (!tokenUrl.endsWith(path)) return usual
  return endpointsAt(rules, tokenUrl.slice(0, -path.length)) ?? usual
}

function readReturn(deps: FlowDeps, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const address = returnAddress(text, deps)
  if (address !== null) return address
  throw fault('bad_request', {
    message: 'the address to return to is not allowed',
    hint: 'Name its origin in SLUICE_RETURN_ORIGINS.',
  })
}

export interface CallbackRequest {
  readonly platform: string
  readonly state: string
  readonly cookie: string | undefined
  readonly code: string | undefined
  /** What the platform says instead of a code. */
  readonly error: string | undefined
  readonly errorDescription: string | undefined
}

export type Finished =
  | { readonly kind: 'connected'; readonly connection: string; readonly returnTo?: string }
  /** The state was good, but there is no account: `again` is a link to begin anew, empty where the first one is over. */
  | { readonly kind: 'failed'; readonly connection: string; fault: Fault; readonly again: string }

/**
 * Ends what `start` began. @throws Fault `bad_request` for a state that is forged, expired, used before or another
 * browser's (nothing is stored then), `service_unreachable`
 */
export async function finish(deps: FlowDeps, request: CallbackRequest): Promise<Finished> {
  const authorization = await takeAuthorization(deps.store, request.state)
  if (authorization === null || !isTheirs(authorization, request)) throw badState()
  const { connectionId: connection, returnTo } = authorization
  try {
    await connect(deps, authorization, request)
    deps.log.info('oauth.connected', { connection })
    return { kind: 'connected', connection, ...(returnTo === undefined ? {} : { returnTo }) }
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'service_unreachable') throw error
    deps.log.warn('oauth.not_connected', { connection, error })
    return { kind: 'failed', connection, fault: error, again: await linkAgain(deps, authorization) }
  }
}

/** A link as good as the one that was followed, for as long as that is and no longer; empty: it is over. */
async function linkAgain(
  { store, now, publicUrl }: FlowDeps,
  { connectionId, given, anyAccount, linkExpiresAt: expiresAt = 0 }: Authorization,
): Promise<string> {
  const stored = await readConnection(store, connectionId)
  if (stored.given !== given || now() >= expiresAt) return ''
  const link = { publicUrl, keyring: store.keyring }
  return connectLink(link, stored, { expiresAt, anyAccount })
}

function isTheirs({ platform, cookieHash }: Authorization, request: CallbackRequest): boolean {
  const shown = Buffer.from(sha256(request.cookie ?? ''))
  return platform === request.platform && timingSafeEqual(Buffer.from(cookieHash), shown)
}

function badState(): Fault {
  return fault('bad_request', {
    message: 'this answer belongs to no authorization that is under way',
    detail:
      'Its state is unknown, expired, used before, or was begun in another browser. Nothing was stored.',
    hint: 'Begin again with the link that you were given.',
  })
}

async function connect(
  deps: FlowDeps,
  authorization: Authorization,
  { code, error, errorDescription }: CallbackRequest,
): Promise<void> {
  const { platform } = authorization
  if (error !== undefined || code === undefined) {
    const said = [error ?? 'no code', errorDescription].filter((part) => part !== undefined)
    const detail = `${platform} answered: ${said.join(': ').slice(0, 300)}`
    const why = error === 'access_denied' ? 'not_permitted' : 'credential_refused'
    throw fault(why, { platform, message: 'the account was not connected', detail })
  }
  const app = await readOAuthApp(deps.store, platform)
  if (app.clientId !== authorization.clientId) {
    throw fault('bad_request', { message: 'the app was registered anew meanwhile' })
  }
  const { redirectUri, verifier, tokenUrl, clientId } = authorization
  const secret = app.clientSecret === undefined ? {} : { clientSecret: app.clientSecret }
  const deadline = deadlineIn(requestWaitMs, deps.now())
  const grant = { http: deps.http, deadline, tokenUrl, clientId, code, redirectUri, verifier }
  const rules = deps.adapterFor(platform).oauth
  const tokens = await exchangeCode(rules, { ...grant, ...secret }, platform)
  await keep(deps, authorization, { tokens, secret })
}

interface Brought {
  readonly tokens: Tokens & { readonly refreshToken: string }
  readonly secret: { readonly clientSecret?: string }
}

/** Puts the tokens in the place of the connection's credential, unless somebody else was quicker. */
async function keep(
  deps: FlowDeps,
  authorization: Authorization,
  { tokens, secret }: Brought,
): Promise<void> {
  const { store, now } = deps
  const { connectionId, given, tokenUrl, clientId, anyAccount } = authorization
  const before = await readConnection(store, connectionId)
  const { refreshToken, accessToken, expiresAt } = tokens
  const baseUrl = (tokens.baseUrl ?? before.baseUrl).replace(/\/+$/, '')
  const account = tokens.account ?? await accountOf(deps, before, { baseUrl, accessToken })
  if (before.account !== undefined && before.account !== account && !anyAccount) {
    throw fault('bad_request', {
      message: `this is another account than the one of connection "${connectionId}"`,
      detail: `It is ${account ?? 'not known'}, and was ${before.account}. Nothing was stored.`,
      hint:
        'Log in to the right account, or make a link that allows another: sluice connect --any-account',
    })
  }
  const { id, platform, settings } = before
  await saveConnection(store, {
    id,
    platform,
    settings,
    baseUrl,
    tokenUrl,
    clientId,
    ...(account === undefined ? {} : { account }),
    credential: {
      kind: 'oauth',
      refreshToken,
      accessToken,
      obtainedAt: now(),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...secret,
    },
  }, { replace: true, onlyGiven: given })
}

/** Whose tokens these are, of a platform that does not tell it with them. */
async function accountOf(
  { http, adapterFor, now }: FlowDeps,
  { platform }: Connection,
  at: { baseUrl: string; accessToken: string },
): Promise<string | undefined> {
  const deadline = deadlineIn(requestWaitMs, now())
  return await askAccount(adapterFor(platform).oauth.account, { ...at, http, deadline }, platform)
}

function secret({ random }: FlowDeps): string {
  return Buffer.from(random(secretBytes)).toString('base64url')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** Is it the name of a platform? */
export function isPlatform(name: string): name is Platform {
  return (platforms as readonly string[]).includes(name)
}
