// Room service: a mutation from its first request to what became of all its rows. An adapter sends nothing more once a
// reply is lost; where the doubt is settled in time, the rows that it held back are sent after all, each once.

import { remainingMs } from '../lib/deadline.ts'
import { isInDoubt } from '../mutation/doubt.ts'
import type { Mutation, Outcome, PlannedRow } from '../mutation/mutation.ts'
import { joinedOutcome } from '../platforms/outcome.ts'
import { findOut } from './doubt.ts'
import type { CarryDeps, Ready } from './job.ts'
import { withRequests, write, type Written } from './write.ts'

/** With less of the statement's time left the rest is not begun, in milliseconds. */
const restMinMs = 1_000

/**
 * Writes, and finds out what is in doubt of it. Rows that were held back for a doubt are sent when it is settled, the
 * statement's time is not over and nobody has called it off. Never throws. The journal has it `sent` all the while.
 */
export async function carryOut(deps: CarryDeps, job: Ready): Promise<Written> {
  const sentAt = deps.now()
  let written = await write(deps, job)
  let left = job.mutation.rows.length
  while (isInDoubt(written.outcome)) {
    const { outcome, requests, late } = written
    const known = await findOut(deps, job, { outcome, sentAt, requests, unheard: true })
    const held = heldBack(job.mutation, known)
    const mayGoOn = late === null && !job.signal.aborted &&
      remainingMs(job.deadline, deps.now()) >= restMinMs
    // each time it is fewer, so it ends
    if (!mayGoOn || held.length === 0 || held.length >= left) return { ...written, outcome: known }
    left = held.length
    written = await writeRest(deps, job, { known, held })
  }
  return written
}

/** The rows that were not sent, where all the others are known to be written. */
function heldBack({ rows }: Mutation, outcome: Outcome): readonly PlannedRow[] {
  if (outcome.state !== 'partial') return []
  if (outcome.others.some(({ state }) => state !== 'unsent')) return []
  const unsent = new Set(outcome.others.map(({ ordinal }) => ordinal))
  return rows.filter(({ ordinal }) => unsent.has(ordinal))
}

async function writeRest(
  deps: CarryDeps,
  job: Ready,
  { known, held }: { known: Outcome; held: readonly PlannedRow[] },
): Promise<Written> {
  const { mutation, sync: { platform } } = job
  const { id, schema, table } = mutation
  deps.log.info('mutation.goes_on', { mutation: id, rows: held.length })
  const rest = await write(deps, { ...job, mutation: { ...mutation, rows: held } })
  const requests = requestsOf(known) + rest.requests
  const joined = (outcome: Outcome): Outcome =>
    withRequests(
      joinedOutcome(mutation, { known, held, outcome }, { platform, schema, table }),
      requests,
    )
  const late = rest.late?.then(joined) ?? null
  late?.catch(() => {}) // it may fail before anybody waits for it
  return { outcome: joined(rest.outcome), requests, late }
}

const requestsOf = (outcome: Outcome): number => 'requests' in outcome ? outcome.requests ?? 0 : 0
