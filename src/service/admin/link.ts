// Room service: links by which a person connects an account, made for administrators.

import { Fault, fault } from '../../mutation/fault.ts'
import { readConnection, saveConnection } from '../../store/connections.ts'
import { readOAuthApp } from '../../store/oauth-apps.ts'
import { connectLink, returnAddress } from '../oauth/link.ts'
import type { InsightDeps } from './insight.ts'
import type { LinkBody } from './insight-schemas.ts'

/** How long the link is good. */
const linkMs = 60 * 60_000

/**
 * Makes a link; a connection that there is not is made, and waits to be connected. Throws `bad_request`, `not_found` (no app
 * is registered), `service_unreachable`.
 */
export async function linkTo(
  deps: Pick<
    InsightDeps,
    'store' | 'adapterFor' | 'now' | 'publicUrl' | 'returnOrigins' | 'baseUrlFlaw'
  >,
  { id, returnTo, anyAccount = false, ...body }: LinkBody & { id: string },
): Promise<{ url: string; expiresAt: string }> {
  const { store, publicUrl } = deps
  if (!/^[\w.-]{1,100}$/.test(id)) {
    throw fault('bad_request', {
      message: `"${id}" is no id of a connection`,
      hint: 'It is 1 to 100 letters, digits, _, - and dots.',
    })
  }
  const known = await findConnection(deps, id)
  if (known !== null && known.platform !== body.platform) {
    throw fault('bad_request', { message: `connection "${id}" belongs to ${known.platform}` })
  }
  if (returnTo !== undefined && returnAddress(returnTo, deps) === null) {
    throw fault('bad_request', { message: 'the address to return to is not allowed' })
  }
  if (known === null) await prepare(deps, { id, ...body })
  const connection = await readConnection(store, id)
  const expiresAt = deps.now() + linkMs
  const terms = { expiresAt, anyAccount, ...(returnTo === undefined ? {} : { returnTo }) }
  const url = connectLink({ publicUrl, keyring: store.keyring }, connection, terms)
  return { url, expiresAt: new Date(expiresAt).toISOString() }
}

/** A connection that is new waits to be connected. */
async function prepare(
  { store, adapterFor, baseUrlFlaw }: Pick<InsightDeps, 'store' | 'adapterFor' | 'baseUrlFlaw'>,
  { id, platform, baseUrl, settings = {} }: Omit<LinkBody, 'returnTo'> & { id: string },
): Promise<void> {
  const app = await readOAuthApp(store, platform)
  const { oauth } = adapterFor(platform)
  const usual = oauth.apiUrl ?? new URL(oauth.authorizeUrl).origin
  const url = (baseUrl ?? usual).replace(/\/+$/, '')
  const flaw = baseUrlFlaw(url)
  if (flaw !== null) throw fault('bad_request', { message: `the base URL ${flaw}` })
  await saveConnection(store, {
    id,
    platform,
    baseUrl: url,
    settings,
    tokenUrl: app.tokenUrl ?? oauth.tokenUrl,
    clientId: app.clientId,
    credential: { kind: 'oauth', refreshToken: '' },
  }, { state: 'revoked' })
}

async function findConnection({ store }: Pick<InsightDeps, 'store'>, id: string) {
  try {
    return await readConnection(store, id)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}
