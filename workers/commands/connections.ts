// Workers: `sluice connections` and `sluice connect`: accounts at the platforms, and the links that connect them.

import { adapterFor } from '../../src/platforms/index.ts'
import { endpointsAt } from '../../src/platforms/oauth.ts'
import { connectLink, returnAddress } from '../../src/service/oauth/link.ts'
import { Fault } from '../../src/mutation/fault.ts'
import type { Platform } from '../../src/mutation/table.ts'
import {
  changeConnection,
  type Connection,
  readConnection,
  saveConnection,
} from '../../src/store/connections.ts'
import { listConnections, removeConnection } from '../../src/store/connection-list.ts'
import { type OAuthApp, readOAuthApp } from '../../src/store/oauth-apps.ts'
import type { Store } from '../../src/store/store.ts'
import { readWebhookBase } from '../../src/store/webhooks.ts'
import { type Finding, findingLines, warn } from '../../src/sync/checks.ts'
import { type Candidate, tryCredential } from '../../src/sync/setup-trial.ts'
import { publicUrl, returnOrigins, toldUrl } from '../public-url.ts'
import {
  checkUrl,
  type Command,
  type CommandDeps,
  type Options,
  platformOption,
  requiredOption,
  rowsOf,
  UsageError,
} from './command.ts'
import { readSecret } from '../secret.ts'
import { openAdmin } from './syncs-deps.ts'

/** How long a link of `sluice connect` is good. */
const linkMs = 24 * 60 * 60_000

const list: Command = async (_given, { store }) =>
  rowsOf(await listConnections(store), {
    id: ({ id }) => id,
    platform: ({ platform }) => platform,
    kind: ({ kind }) => kind,
    state: ({ state }) => state,
    account: ({ account }) => account,
    obtained: ({ obtainedAt }) => obtainedAt,
    expires: ({ expiresAt }) => expiresAt,
    'base url': ({ baseUrl }) => baseUrl,
  })

const remove: Command = async ({ options }, { store }) => {
  const id = requiredOption(options, 'connection')
  await removeConnection(store, id)
  return [
    `${id} is removed, and its credential with it. What the platform has granted stays there until it is taken back there`,
  ]
}

const setKey: Command = async (given, deps) => {
  const { options } = given
  const { store } = deps
  const id = requiredOption(options, 'connection')
  const before = await findConnection(store, id)
  const target = targetOf(options, before)
  const key = await readSecret('the key')
  return await give(deps, { id, target, credential: { kind: 'key', key }, given })
}

const setApp: Command = async (given, deps) => {
  const { options } = given
  const { store } = deps
  const id = requiredOption(options, 'connection')
  const before = await findConnection(store, id)
  const target = targetOf(options, before)
  if (adapterFor(target.platform).mint === undefined) {
    throw new UsageError(`${target.platform} has no installations of apps`)
  }
  const known = before?.credential.kind === 'app' ? before.credential : undefined
  const appId = options['app-id'] ?? known?.appId ?? requiredOption(options, 'app-id')
  const installationId = options['installation-id'] ?? known?.installationId ??
    requiredOption(options, 'installation-id')
  const privateKey = await readSecret('the private key')
  const credential = { kind: 'app', appId, installationId, privateKey } as const
  return await give(deps, { id, target, credential, given })
}

const connect: Command = async ({ options }, deps) => {
  const { store } = deps
  const id = requiredOption(options, 'connection')
  const before = await findConnection(store, id)
  const target = targetOf(options, before)
  const app = await readOAuthApp(store, target.platform)
  const service = await findService(deps)
  const tokenUrl = loginOf(options, target.platform)
  if (before === null) await prepare(store, { id, target, app, tokenUrl })
  else await changeConnection(store, { id, ...target, ...(tokenUrl && { tokenUrl }) })
  const connection = await readConnection(store, id)
  const terms = {
    expiresAt: Date.now() + linkMs,
    anyAccount: options['any-account'] === 'yes',
    ...readReturn(options['return'], service.url),
  }
  const { keyring } = store
  const link = connectLink({ publicUrl: service.url, keyring }, connection, terms)
  const about = 'Open within 24 hours, once; whoever has the link can connect an account:'
  return [...service.notes, about, link]
}

/** Where browsers reach the service, as far as this shell can know, and what to say of it. */
async function findService(
  { store, local }: CommandDeps,
): Promise<{ url: string; notes: readonly string[] }> {
  const told = local ? publicUrl() : toldUrl() ?? await readWebhookBase(store)
  if (told !== null) return { url: told, notes: [] }
  const url = publicUrl()
  return {
    url,
    notes: [
      `SLUICE_PUBLIC_URL is not set here, so the link leads to ${url}. If the service is elsewhere, set it as the service ` +
      'has it and ask again.',
    ],
  }
}

interface Target {
  readonly platform: Platform
  readonly baseUrl: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** What the options say, else what the connection has, else what is usual at the platform. */
function targetOf(options: Options, before: Connection | null): Target {
  const platform = options['platform'] === undefined && before !== null
    ? before.platform
    : platformOption(options)
  if (before !== null && before.platform !== platform) {
    throw new UsageError(`connection "${before.id}" belongs to ${before.platform}`)
  }
  const { apiUrl, authorizeUrl } = adapterFor(platform).oauth
  const usual = apiUrl ?? new URL(authorizeUrl).origin
  const baseUrl = options['base-url'] ?? before?.baseUrl ?? usual
  checkUrl('--base-url', baseUrl)
  const settings = readSettings(options['settings']) ?? before?.settings ?? {}
  return { platform, baseUrl: baseUrl.replace(/\/+$/, ''), settings }
}

function readSettings(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // said below
  }
  throw new UsageError('--settings is not a JSON object')
}

function loginOf(options: Options, platform: Platform): string | undefined {
  const { 'login-url': loginUrl } = options
  if (loginUrl === undefined) return undefined
  checkUrl('--login-url', loginUrl)
  const endpoints = URL.canParse(loginUrl)
    ? endpointsAt(adapterFor(platform).oauth, loginUrl)
    : null
  if (endpoints !== null) return endpoints.tokenUrl
  throw new UsageError(`--login-url is not a URL, or ${platform} has only one place to log in`)
}

function readReturn(text: string | undefined, serviceUrl: string): { returnTo?: string } {
  if (text === undefined) return {}
  const allowed = { publicUrl: serviceUrl, returnOrigins: returnOrigins() }
  if (returnAddress(text, allowed) !== null) return { returnTo: text }
  throw new UsageError('--return must be a path, or at an origin that SLUICE_RETURN_ORIGINS names')
}

interface Given {
  readonly id: string
  readonly target: Target
  readonly credential: Candidate['credential']
  readonly given: Parameters<Command>[0]
}

/** What the platform refuses is not kept. */
async function give(
  { store, local }: CommandDeps,
  { id, target, credential, given }: Given,
): Promise<string[]> {
  const told = given.flags.has('unchecked')
    ? warn('credential', `${target.platform} was not asked`, 'sluice doctor asks.')
    : await tried(store, { local, candidate: { ...target, credential } })
  await saveConnection(store, { id, ...target, credential }, { replace: true })
  const what = `${id} has its new ${credential.kind === 'key' ? 'key' : 'app'} and is active`
  return told.level === 'ok' ? [`${what}: ${told.about}`] : [what, ...findingLines([told])]
}

async function tried(
  store: Store,
  { local, candidate }: { local: boolean; candidate: Candidate },
): Promise<Finding> {
  const opened = openAdmin(store, { local, publicUrl: null })
  try {
    return await tryCredential(opened.deps, candidate)
  } finally {
    await opened.close()
  }
}

interface Preparation {
  readonly id: string
  readonly target: Target
  readonly app: OAuthApp
  readonly tokenUrl: string | undefined
}

/** A connection that is new waits to be connected. */
async function prepare(store: Store, { id, target, app, tokenUrl }: Preparation): Promise<void> {
  const { clientId } = app
  const usual = app.tokenUrl ?? adapterFor(target.platform).oauth.tokenUrl
  const credential = { kind: 'oauth', refreshToken: '' } as const
  const connection = { id, ...target, tokenUrl: tokenUrl ?? usual, clientId, credential }
  await saveConnection(store, connection, { state: 'revoked' })
}

async function findConnection(store: Store, id: string): Promise<Connection | null> {
  try {
    return await readConnection(store, id)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}

export const connections = { list, 'set-key': setKey, 'set-app': setApp, remove }
export { connect }
