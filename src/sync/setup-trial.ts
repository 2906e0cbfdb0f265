// Room sync: does the platform take a credential that is to be kept? It is asked before: what it refuses never takes the
// place of one that works.

import { deadlineIn } from '../lib/deadline.ts'
import { Fault, fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Caller } from '../platforms/platform.ts'
import type { Credential } from '../store/connections.ts'
import { type Finding, ok, warn } from './checks.ts'
import type { AdminDeps } from './setup-request.ts'

/** A credential that is in the store at most afterwards. */
export interface Candidate {
  readonly platform: Platform
  readonly baseUrl: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly credential: Extract<Credential, { kind: 'key' | 'app' }>
}

type Deps = Pick<AdminDeps, 'http' | 'adapterFor' | 'now' | 'log'>

const waitMs = 10_000

/**
 * Asks the platform, once. A warning where it does not say: it cannot be reached, or has a problem of its own. Throws
 * `bad_request` where it refuses the credential.
 */
export async function tryCredential(deps: Deps, candidate: Candidate): Promise<Finding> {
  const { platform, credential: { kind } } = candidate
  try {
    await ask(deps, candidate)
    return ok('credential', `${platform} takes it`)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { code, message, detail, hint } = error.data
    const words = detail === undefined ? message : `${message}: ${detail}`
    if (code !== 'credential_refused') {
      const next = 'It is kept all the same; sluice doctor asks again.'
      return warn('credential', `${platform} does not say whether it takes it: ${words}`, next)
    }
    throw fault('bad_request', {
      message: `${platform} refuses this ${kind === 'key' ? 'key' : 'app'}`,
      ...detail === undefined ? {} : { detail },
      hint: kind === 'app' && hint !== undefined
        ? hint
        : 'Nothing was changed. Look whether it is whole, and of this account and this base URL.',
    }, { cause: error })
  }
}

async function ask(
  { http, adapterFor, now, log }: Deps,
  { platform, baseUrl, settings, credential }: Candidate,
): Promise<void> {
  const adapter = adapterFor(platform)
  const deadline = deadlineIn(waitMs, now())
  if (credential.kind === 'app') {
    // tokens are what the app's key is for: more than that need not be asked
    await adapter.mint?.({ ...credential, http, deadline, baseUrl, now: now() })
    return
  }
  const { key } = credential
  const token: Caller['token'] = (refused) =>
    refused === undefined
      ? Promise.resolve(key)
      : Promise.reject(fault('credential_refused', { platform }))
  const { signal } = new AbortController()
  await adapter.check({ baseUrl, settings, http, deadline, signal, log, token })
}
