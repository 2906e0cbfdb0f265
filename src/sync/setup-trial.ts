// Room sync: does the platform take a credential, or an app, that is to be kept? It is asked before: what it refuses never
// takes the place of one that works.

import { deadlineIn } from '../lib/deadline.ts'
import { Fault, fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Caller } from '../platforms/platform.ts'
import { GrantRefused, isAppRefused } from '../platforms/refusal.ts'
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

/** An OAuth app that is in the store at most afterwards. */
export interface AppCandidate {
  readonly platform: Platform
  /** Absent: the platform's own. */
  readonly tokenUrl?: string
  readonly clientId: string
  readonly clientSecret: string
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
    if (error.code !== 'credential_refused') {
      const next = 'It is kept all the same; sluice doctor asks again.'
      return warn(
        'credential',
        `${platform} does not say whether it takes it: ${said(error)}`,
        next,
      )
    }
    throw refused(error, {
      message: `${platform} refuses this ${kind === 'key' ? 'key' : 'app'}`,
      hint: kind === 'key'
        ? 'Nothing was changed. Look whether it is whole, and of this account and this base URL.'
        : 'Nothing was changed. Look whether the private key is whole and of this app, whether the ids of the app and of ' +
          'its installation are right, and whether it is still installed.',
    })
  }
}

/**
 * Asks the platform for tokens as this app, with a refresh token that nobody was given: platforms look first at who asks. A
 * warning where it does not say. Throws `bad_request` where it refuses the app.
 */
export async function tryApp(deps: Deps, candidate: AppCandidate): Promise<Finding> {
  const { platform, clientId, clientSecret } = candidate
  const { http, adapterFor, now } = deps
  const adapter = adapterFor(platform)
  const { tokenUrl = adapter.oauth.tokenUrl } = candidate
  const grant = { http, deadline: deadlineIn(waitMs, now()), tokenUrl, clientId, clientSecret }
  try {
    await adapter.refresh({ ...grant, refreshToken: 'of-nobody' })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (isAppRefused(error)) {
      throw refused(error, {
        message: `${platform} refuses this client id or its secret`,
        hint:
          'Nothing was changed. Look whether both are whole, and of the same app. An app that is known at another ' +
          'place to log in only, as of a Salesforce sandbox, is kept with --unchecked.',
      })
    }
    if (!(error instanceof GrantRefused)) {
      const next = 'It is kept all the same; whoever connects an account will see.'
      return warn('app', `${platform} does not say whether it takes it: ${said(error)}`, next)
    }
  }
  return ok('app', `${platform} has nothing against its client id and secret`)
}

function said({ data: { message, detail } }: Fault): string {
  return detail === undefined ? message : `${message}: ${detail}`
}

function refused(cause: Fault, words: { message: string; hint: string }): Fault {
  const { detail } = cause.data
  return fault('bad_request', { ...words, ...detail === undefined ? {} : { detail } }, { cause })
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
