// Room service: tokens renewed in the background, so that no client waits for it and no refresh token dies of disuse. Each
// connection is renewed by one process at a time; those that fail are tried again at the next pass.

import type { Log } from '../lib/log.ts'
import { dueConnections } from '../store/connections.ts'
import type { Store } from '../store/store.ts'
import type { Credentials } from './credentials.ts'
import { dueAheadMs, dueOldMs } from './ready.ts'

export interface RenewalDeps {
  readonly store: Store
  readonly credentials: Credentials
  readonly log: Log
  readonly now: () => number
}

/** Connections that one pass renews at most; the next one takes the others. */
const connectionsMax = 500
const atOnceMax = 4

/** One pass over the connections that are due. Gives how many it renewed; what fails is in the log. */
export async function renewDue(deps: RenewalDeps, { signal }: { signal: AbortSignal }) {
  const { store, credentials, log, now } = deps
  const terms = { now: now(), aheadMs: dueAheadMs, oldMs: dueOldMs, limit: connectionsMax }
  const ids = await dueConnections(store, terms)
  let renewed = 0
  const work = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined && !signal.aborted; id = ids.pop()) {
      try {
        if (await credentials.renewDue(id)) renewed += 1
      } catch (error) {
        log.warn('credential.not_renewed', { connection: id, error })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnceMax }, work))
  if (renewed > 0) log.info('credential.renewed', { connections: renewed })
  return renewed
}
