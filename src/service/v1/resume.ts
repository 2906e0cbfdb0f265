// Room service: a request that was begun and has no answer that is known to be the last word: its process is gone, or
// gave it up. The journal tells what was sent under its mutation id, and the customer's database what is applied, so
// nothing is sent or written twice and nothing that was written is forgotten.

import { counted } from '../../lib/counted.ts'
import { never } from '../../lib/assert.ts'
import { DeadlineExceeded, withDeadline } from '../../lib/deadline.ts'
import { fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { Mutation, Outcome } from '../../mutation/mutation.ts'
import { type HistoryEntry, readMutation } from '../../store/history.ts'
import { type Journal, requestHash } from '../../store/journal.ts'
import type { Store } from '../../store/store.ts'
import { type DoorAnswer, faultAnswer } from './answer.ts'

export interface ResumeDeps {
  readonly store: Store
  readonly journal: Journal
  /** Resolves when the mutation's outcome, if it is under way in this process, is in the journal. */
  readonly settled: (mutationId: string) => Promise<void>
  /** What became of a mutation in doubt, which is not sent again. Null: that cannot be said now. Never throws. */
  readonly lookAgain: (mutation: Mutation) => Promise<Outcome | null>
}

export interface ResumeWork {
  /** Nothing but its mutation does the statement write: not so for one of the caller's own. */
  readonly onlyMutates: boolean
  /** Carries the request out under that mutation id: what the platform has accepted under it is applied, not sent again. */
  run(mutationId: string): Promise<DoorAnswer>
  /** Is the mutation in the customer's database? Throws a Fault. */
  isApplied(mutationId: string): Promise<boolean>
  /** The answer made from what was applied; null where that is not possible. */
  remake(entry: HistoryEntry, outcome: Written): Promise<DoorAnswer | null>
}

export type Written = Extract<Outcome, { state: 'accepted' }>

/** A mutation that is still under way is waited for so long. */
const settledWaitMs = 5_000

/** Throws `idempotency_key_in_use` (it is still under way), `service_unreachable`, `database_unreachable`. */
export async function resume(
  deps: ResumeDeps,
  mutationId: string,
  work: ResumeWork,
): Promise<DoorAnswer> {
  await settle(deps, mutationId)
  const entry = await readMutation(deps.store, { id: mutationId })
  if (entry === null) {
    return work.onlyMutates ? await work.run(mutationId) : faultAnswer(perhapsRun(), null)
  }
  const found = await deps.journal.recall(mutationId, { hash: requestHash(entry.request) })
  switch (found.kind) {
    case 'elsewhere':
      throw fault('idempotency_key_in_use')
    case 'begun': // here, and its outcome could not be recorded
    case 'stale':
      return await tellUnknown(entry, notRecorded(entry), work)
    case 'settled': {
      const { outcome } = found
      const known = outcome.state === 'unknown' ? await deps.lookAgain(entry.request) : null
      return await tell(entry, known ?? outcome, work)
    }
    default:
      return never(found)
  }
}

async function settle({ settled }: ResumeDeps, mutationId: string): Promise<void> {
  const waiting = withDeadline(settled(mutationId), { waitMs: settledWaitMs, what: 'The outcome' })
  await waiting.catch((error: unknown) => {
    throw error instanceof DeadlineExceeded ? fault('idempotency_key_in_use') : error
  })
}

async function tell(
  entry: HistoryEntry,
  outcome: Outcome,
  work: ResumeWork,
): Promise<DoorAnswer> {
  const sent = { mutation: entry.request, outcome }
  switch (outcome.state) {
    case 'refused':
      return faultAnswer(outcome.fault, sent)
    case 'unknown':
      return await tellUnknown(entry, outcome.fault, work)
    case 'partial': {
      const hint = `The rows marked written will appear in ${entry.schema}.${entry.table}.`
      const told = await isApplied(entry, work) ? outcome.fault : { ...outcome.fault, hint }
      return faultAnswer(told, sent)
    }
    case 'accepted':
      return await tellAccepted(entry, outcome, work)
    default:
      return never(outcome)
  }
}

async function tellAccepted(
  entry: HistoryEntry,
  outcome: Written,
  work: ResumeWork,
): Promise<DoorAnswer> {
  const sent = { mutation: entry.request, outcome }
  if (!await isApplied(entry, work)) {
    // a statement of the caller's own may plan something else by now, and its other effects would be kept: recovery
    // applies the rows
    if (!work.onlyMutates) return faultAnswer(notApplied(entry), sent)
    const answer = await work.run(entry.id)
    if (answer.status < 400) return answer
    if (!await isApplied(entry, work)) return faultAnswer(notApplied(entry), sent)
  }
  return await work.remake(entry, outcome) ?? faultAnswer(answerLost(entry), sent)
}

/** A journal that could not be written when the platform answered: the database has what was accepted. */
async function tellUnknown(
  entry: HistoryEntry,
  told: FaultData,
  work: ResumeWork,
): Promise<DoorAnswer> {
  const known = await isApplied(entry, work) ? answerLost(entry) : told
  return faultAnswer(known, { mutation: entry.request, outcome: null })
}

async function isApplied(entry: HistoryEntry, work: ResumeWork): Promise<boolean> {
  return entry.appliedAt !== null || await work.isApplied(entry.id)
}

function answerLost(entry: HistoryEntry): FaultData {
  return faultData('not_yet_applied', {
    message: 'the mutation was carried out, but the answer of its statement was lost',
    detail:
      `${accepted(entry)} The rows are in the database; if the statement had other effects, ` +
      'they may not be there.',
    ...about(entry),
  })
}

function notApplied(entry: HistoryEntry): FaultData {
  const { schema, table } = entry
  return faultData('not_yet_applied', {
    message: 'accepted by the platform, not in the database yet',
    detail:
      `${
        accepted(entry)
      } The rows will appear in ${schema}.${table}; other effects of the statement ` +
      'and what it returns are lost.',
    ...about(entry),
  })
}

function accepted({ id, operation, rows, schema, table }: HistoryEntry): string {
  return `Mutation ${id}: ${operation} of ${
    counted(rows, 'row')
  } in ${schema}.${table} was accepted.`
}

function about({ id, schema, table }: HistoryEntry) {
  const hint = `GET /v1/mutations/${id} tells its rows. Do not send it again.`
  return { hint, schema, table }
}

function notRecorded({ id, schema, table }: HistoryEntry): FaultData {
  return faultData('outcome_unknown', {
    message: 'outcome unknown: it could not be recorded',
    detail: `Mutation ${id} may have been sent.`,
    hint: 'Look at the rows before you send the statement again, under another key.',
    schema,
    table,
  })
}

function perhapsRun(): FaultData {
  return faultData('outcome_unknown', {
    message: 'outcome unknown: the process that ran the statement has ended',
    detail: 'Nothing was sent to a platform; in ordinary tables it may have been carried out.',
    hint: 'Look at the rows before you send the statement again, under another key.',
  })
}
