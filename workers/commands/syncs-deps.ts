// Workers: what administration works with, from the environment: for the command line and for the service.

import { randomBytes } from 'node:crypto'
import { type AddressGuard, baseUrlFlaw } from '../../src/lib/addresses.ts'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { type Log, silentLog } from '../../src/lib/log.ts'
import type { DatabaseAddress } from '../../src/mutation/config.ts'
import { answerBytesMax } from '../../src/mutation/limits.ts'
import { adapterFor, objectsOf } from '../../src/platforms/index.ts'
import { type Callers, createCallers } from '../../src/service/callers.ts'
import { dialSession } from '../../src/session/adopted.ts'
import type { Approach } from '../../src/session/login.ts'
import type { Store } from '../../src/store/store.ts'
import { endWebhook } from '../../src/sync/drop-webhook.ts'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { addressGuard, approachEnv } from '../approach.ts'
import { ConfigError, optionalEnv } from '../environment.ts'
import { regionsEnv } from '../place.ts'

/** What a process has already. */
export interface AdminParts {
  readonly store: Store
  readonly callerFor: Callers['callerFor']
  readonly http: Http
  readonly log: Log
  readonly approach: Approach & { readonly guard: AddressGuard }
  /** Absent: that of SLUICE_HOSTED_URL. */
  readonly hosted?: DatabaseAddress | null
  /** Where clients find the listeners, whatever the environment says. */
  readonly listener?: { readonly host?: string; readonly port?: number }
  /** Where platforms reach the service; null: nobody has told. */
  readonly publicUrl: string | null
}

/** Throws ConfigError. */
export function adminDeps(
  { store, callerFor, http, log, approach, ...rest }: AdminParts,
): AdminDeps {
  const deps = { store, adapterFor, callerFor, now: Date.now }
  return {
    ...deps,
    objectsOf,
    http,
    log,
    makeVerifier,
    random: (size) => randomBytes(size),
    // an administrator waits: a database that does not answer is told of soon
    dial: (address, options) => dialSession(address, { ...options, log: silentLog, approach }),
    baseUrlFlaw: (url) => baseUrlFlaw(url, approach.guard),
    hosted: rest.hosted === undefined ? hostedEnv() : rest.hosted,
    listeners: listenersOf(rest.listener),
    endWebhook: (syncId) => endWebhook(deps, syncId),
    publicUrl: rest.publicUrl,
  }
}

function hostedEnv(): DatabaseAddress | null {
  const url = optionalEnv('SLUICE_HOSTED_URL')
  if (url === undefined) return null
  try {
    return parseDatabaseUrl(url)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`SLUICE_HOSTED_URL: ${why}`, { cause })
  }
}

/** Those of the environment; where a place is given, it is the only one. */
function listenersOf(given: AdminParts['listener']): AdminDeps['listeners'] {
  const regions = regionsEnv()
  if (given?.host === undefined && given?.port === undefined) return regions
  return regions.slice(0, 1).map((usual) => ({ ...usual, name: 'given', ...given }))
}

/** A webhook's address for people; where only its path is known, with whose host it goes. */
export function addressText(address: string): string {
  return address.startsWith('/')
    ? `${address} (at the host of the service's SLUICE_PUBLIC_URL)`
    : address
}

/** For the command line: callers of its own, to be closed. */
export function openAdmin(
  store: Store,
  { local, ...rest }: Pick<AdminParts, 'hosted' | 'listener' | 'publicUrl'> & { local: boolean },
): { deps: AdminDeps; close(): Promise<void> } {
  // without a store of its own the command is for the one of `npm start`, where all is on this machine
  const guard = addressGuard(local ? 'allow' : '')
  const http = createHttp({ bytesMax: answerBytesMax, guard })
  const callers = createCallers({ store, http, adapterFor, log: silentLog })
  const approach = { ...approachEnv(), guard }
  const callerFor: Callers['callerFor'] = (id, options) => callers.callerFor(id, options)
  return {
    deps: adminDeps({ store, callerFor, http, log: silentLog, approach, ...rest }),
    close: async () => {
      await callers.close()
      await http.close()
      approach.tunnels.close()
    },
  }
}
