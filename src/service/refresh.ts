// Room service: new tokens for a stored credential, from its platform.

import { never } from '../lib/assert.ts'
import { deadlineIn } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import { Fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Tokens } from '../platforms/platform.ts'
import type { Connection, Credential, Renewal } from '../store/connections.ts'
import { type OAuthApp, readOAuthApp } from '../store/oauth-apps.ts'
import type { Store } from '../store/store.ts'

export interface RefreshDeps {
  readonly store: Store
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly now: () => number
}

type OAuth = Extract<Credential, { kind: 'oauth' }>

/**
 * Asks the platform for new tokens, once. null: this credential cannot bring any. Throws what the platform's grant throws,
 * and `service_unreachable` (then nothing was asked).
 */
export async function refresh(deps: RefreshDeps, connection: Connection): Promise<Renewal | null> {
  const { credential } = connection
  switch (credential.kind) {
    case 'key':
      return null
    case 'oauth':
      return await refreshGrant(deps, connection, credential)
    case 'app': {
      const { http, adapterFor, now } = deps
      const { platform, baseUrl } = connection
      const { appId, privateKey, installationId } = credential
      const deadline = deadlineIn(requestWaitMs, now())
      const grant = { http, deadline, baseUrl, appId, privateKey, installationId, now: now() }
      const tokens = await adapterFor(platform).mint?.(grant)
      if (tokens === undefined) return null
      const { expiresAt: _old, ...rest } = credential
      return renewal(connection, { tokens, credential: { ...rest, ...fresh(tokens, now()) } })
    }
    default:
      return never(credential)
  }
}

async function refreshGrant(
  deps: RefreshDeps,
  connection: Connection,
  credential: OAuth,
): Promise<Renewal | null> {
  const { store, http, adapterFor, now } = deps
  const { platform, tokenUrl, clientId } = connection
  if (tokenUrl === undefined || clientId === undefined) return null
  const { expiresAt: _old, ...rest } = credential
  const app = await findApp(store, platform)
  // the app's secret may have been changed since the account was connected
  const known = app?.clientId === clientId ? app.clientSecret : undefined
  const clientSecret = known ?? credential.clientSecret
  const secret = clientSecret === undefined ? {} : { clientSecret }
  const deadline = deadlineIn(requestWaitMs, now())
  const { refreshToken } = credential
  const grant = { http, deadline, tokenUrl, refreshToken, clientId, ...secret }
  const tokens = await adapterFor(platform).refresh(grant)
  return renewal(connection, {
    tokens,
    credential: {
      ...rest,
      ...secret,
      ...fresh(tokens, now()),
      refreshToken: tokens.refreshToken ?? refreshToken,
    },
  })
}

async function findApp(store: Store, platform: Platform): Promise<OAuthApp | null> {
  try {
    return await readOAuthApp(store, platform)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}

function fresh({ accessToken, expiresAt }: Tokens, now: number) {
  return { accessToken, obtainedAt: now, ...(expiresAt === undefined ? {} : { expiresAt }) }
}

function renewal(
  connection: Connection,
  { tokens, credential }: { tokens: Tokens; credential: Credential },
): Renewal {
  const { account } = tokens
  const baseUrl = (tokens.baseUrl ?? connection.baseUrl).replace(/\/+$/, '')
  return { credential, baseUrl, ...(account === undefined ? {} : { account }) }
}
