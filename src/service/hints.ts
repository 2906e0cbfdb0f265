// Room service: what only the client that waits for an outcome is told. A link that connects an account stands in its
// answer, and neither in the journal nor in the log.

import { withDeadline } from '../lib/deadline.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { isEntryRefused } from '../platforms/refusal.ts'
import type { Credentials } from './credentials.ts'
import type { Syncs } from './syncs.ts'

export interface HintDeps {
  readonly syncs: Syncs
  readonly credentials: Pick<Credentials, 'hint'>
}

/** The store is asked for no longer; the outcome is told all the same. */
const hintWaitMs = 2_000

/** The outcome with what to do about a refused credential, which depends on the connection. Never throws. */
export async function told(
  deps: HintDeps,
  mutation: Mutation,
  outcome: Outcome,
): Promise<Outcome> {
  if (outcome.state !== 'refused' || outcome.fault.code !== 'credential_refused') return outcome
  // of an app that is refused, the fault itself says what to do
  if (isEntryRefused(outcome.fault)) return outcome
  try {
    const hint = await withDeadline(hintOf(deps, mutation), { waitMs: hintWaitMs, what: 'A hint' })
    return { ...outcome, fault: { ...outcome.fault, hint } }
  } catch {
    return outcome
  }
}

async function hintOf({ syncs, credentials }: HintDeps, { syncId }: Mutation): Promise<string> {
  const { connectionId } = await syncs.get(syncId)
  return await credentials.hint(connectionId)
}
