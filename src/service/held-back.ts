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
/** So often something is sent of what was held back. */
const restsMax = 3

/**
 * Writes, and finds out what is in doubt of it. Rows that were held back for a doubt are sent when it is settled, three
 * times at most, while the statement's time is not over, nobody has called it off, and the journal has it as `sent` by this
 * process: in a gap of its presence another may take the mutation over, and tell its client that it is in doubt. Never
 * throws.
 */
export async function carryOut(deps: CarryDeps, job: Ready): Promise<Written> {
  const sentAt = deps.now()
  let written = await write(deps, job)
  for (let rests = 0; isInDoubt(written.outcome); rests++) {
    const { outcome, requests, late } = written
    const known = await findOut(deps, job, { outcome, sentAt, requests, unheard: true })
    const held = heldBack(job.mutation, known)
    const isOver = late !== null || held.length === 0 || rests === restsMax
    if (isOver || !await mayGoOn(deps, job)) return { ...written, outcome: known }
    written = await writeRest(deps, job, { known, held })
  }
  return written
}

async function mayGoOn(deps: CarryDeps, job: Ready): Promise<boolean> {
  const isWanted = () =>
    !job.signal.aborted && !job.isCalledOff() &&
    remainingMs(job.deadline, deps.now()) >= restMinMs
  return isWanted() && await isStillOurs(deps, job) && isWanted()
}

/** False too where the store does not say it: what it does not confirm is not sent. */
async function isStillOurs({ journal, log }: CarryDeps, { mutation }: Ready): Promise<boolean> {
  const { id } = mutation
  try {
    const isOurs = await journal.isStillSent(id)
    if (!isOurs) log.warn('mutation.taken_over', { mutation: id })
    return isOurs
  } catch (error) {
    log.warn('mutation.rest_not_sent', { mutation: id, error })
    return false
  }
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
