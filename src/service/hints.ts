// Room service: what only the client that waits for an outcome is told: which mutation it is of which something is in doubt,
// and a link that connects an account, which stands in its answer, and neither in the journal nor in the log.

import { withDeadline } from '../lib/deadline.ts'
import { cut } from '../lib/cut.ts'
import { isInDoubt } from '../mutation/doubt.ts'
import { type FaultData, textMax } from '../mutation/fault.ts'
import { type Mutation, type Outcome, whereToLook } from '../mutation/mutation.ts'
import { isEntryRefused } from '../platforms/refusal.ts'
import type { Credentials } from './credentials.ts'
import type { Syncs } from './syncs.ts'

export interface HintDeps {
  readonly syncs: Syncs
  readonly credentials: Pick<Credentials, 'hint'>
}

/** The store is asked for no longer; the outcome is told all the same. */
const hintWaitMs = 2_000

/**
 * The outcome with what to do about a refused credential, which depends on the connection; one in doubt with the id of the
 * mutation. Never throws.
 */
export async function told(
  deps: HintDeps,
  mutation: Mutation,
  outcome: Outcome,
): Promise<Outcome> {
  if (isInDoubt(outcome)) return { ...outcome, fault: named(outcome.fault, mutation) }
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

/** A DETAIL that lists the rows is JSON, and stays so. */
function named({ detail = '', hint = '', ...fault }: FaultData, { id }: Mutation): FaultData {
  const known = detail.startsWith('[') || detail.includes(id)
  return {
    ...fault,
    detail: known ? detail : cut(`Mutation ${id}. ${detail}`.trim(), textMax),
    hint: hint.includes(id) ? hint : cut(`${hint} ${whereToLook(id)}`.trim(), textMax),
  }
}

async function hintOf({ syncs, credentials }: HintDeps, { syncId }: Mutation): Promise<string> {
  const { connectionId } = await syncs.get(syncId)
  return await credentials.hint(connectionId)
}
