// Room sync: connections that an administrator gives a key or an app to. With OAuth a person connects: see `sluice connect`.

import { Fault, fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import {
  type Connection,
  type Credential,
  readConnection,
  saveConnection,
} from '../store/connections.ts'
import type { Finding } from './checks.ts'
import type { AdminDeps } from './setup-request.ts'
import { tryCredential } from './setup-trial.ts'

export interface ConnectionRequest {
  readonly id: string
  readonly platform: Platform
  /** Absent: as it is, or the platform's usual one. */
  readonly baseUrl?: string
  /** Absent: as they are. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly credential: Extract<Credential, { kind: 'key' | 'app' }>
}

type Deps = Pick<AdminDeps, 'store' | 'adapterFor' | 'baseUrlFlaw' | 'http' | 'now' | 'log'>

/**
 * Creates the connection, or changes it and makes it active, unless the platform refuses the credential. Gives what the
 * platform said of it. Throws `bad_request`, `service_unreachable`.
 */
export async function giveConnection(deps: Deps, request: ConnectionRequest): Promise<Finding> {
  const { id, platform, credential } = request
  checkConnectionId(id)
  const before = await findConnection(deps, id)
  if (before !== null && before.platform !== platform) {
    // before anything is sent: its address is another platform's, which is not to see the credential
    throw fault('bad_request', { message: `connection "${id}" belongs to ${before.platform}` })
  }
  const adapter = deps.adapterFor(platform)
  if (credential.kind === 'app' && adapter.mint === undefined) {
    throw fault('bad_request', { message: `${platform} has no installations of apps` })
  }
  const usual = adapter.oauth.apiUrl ?? new URL(adapter.oauth.authorizeUrl).origin
  const baseUrl = (request.baseUrl ?? before?.baseUrl ?? usual).replace(/\/+$/, '')
  const flaw = deps.baseUrlFlaw(baseUrl)
  if (flaw !== null) throw fault('bad_request', { message: `the base URL ${flaw}` })
  const settings = request.settings ?? before?.settings ?? {}
  const said = await tryCredential(deps, { platform, baseUrl, settings, credential })
  await saveConnection(deps.store, { id, platform, baseUrl, settings, credential }, {
    replace: true,
  })
  return said
}

function checkConnectionId(id: string): void {
  if (/^[\w.-]{1,100}$/.test(id)) return
  throw fault('bad_request', {
    message: `"${id}" is no id of a connection`,
    hint: 'It is 1 to 100 letters, digits, _, - and dots.',
  })
}

/** Null: there is none. */
export async function findConnection(
  { store }: Pick<AdminDeps, 'store'>,
  id: string,
): Promise<Connection | null> {
  try {
    return await readConnection(store, id)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}

/** Is it the same key, or the same app? */
export function isSameCredential(one: Credential, other: Credential): boolean {
  if (one.kind === 'key' && other.kind === 'key') return one.key === other.key
  if (one.kind !== 'app' || other.kind !== 'app') return false
  return one.appId === other.appId && one.installationId === other.installationId &&
    one.privateKey === other.privateKey
}
