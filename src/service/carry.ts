// Room service: one mutation from the request to its outcome. It is in the journal before the platform hears of it, and
// its outcome is in the journal before the listener hears of it.

import { never } from '../lib/assert.ts'
import { remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { type DoubtfulOutcome, isInDoubt, isOutcomeOf, isWritten } from '../mutation/doubt.ts'
import { Fault, fault, faultData } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { claimDoubtOf, isInquired, postponeDoubt } from '../store/doubts.ts'
import type { Begun } from '../store/journal.ts'
import { isStoreClosed } from '../store/store.ts'
import { checkMutation } from './check.ts'
import { findOut } from './doubt.ts'
import type { CarryDeps, Checked, Job, Ready } from './job.ts'
import type { Turns } from './limits/turns.ts'
import { faultFor } from './problem.ts'
import { carryOut } from './held-back.ts'

export type { CarryDeps, Job } from './job.ts'

/** What came of it, and whether the journal took that in the end. */
export type Carried = Answered | GivenUp

interface Answered {
  readonly outcome: Outcome
  readonly settled: Promise<boolean>
}

/** The store did not say whether it has the mutation: surely nothing was sent, and nothing will be. */
interface GivenUp {
  readonly fault: Fault
  readonly settled: Promise<boolean>
}

/** How long an adapter that was given up may still answer; its mutation counts as under way until then. */
const lateWaitMs = 60_000
/** The listener waits this long for a store that does not take the outcome; then it hears the outcome all the same. */
const settleWaitMs = 5_000
/** A day: an outcome that is known is not given up while the store is down, since nobody else knows it. */
const settleTriesMax = 8_640
const settleAgainMaxMs = 10_000
const pollMs = 100
const staleTriesMax = 3

/**
 * Carries a mutation out, or finds out what became of it before. Throws only when nothing was sent and the journal has
 * nothing of it. The outcome is as the journal has it: without what only the client may read (see `hints.ts`).
 */
export async function carry(deps: CarryDeps, job: Job): Promise<Carried> {
  const { journal } = deps
  const { mutation, hash } = job
  for (let tries = 0; tries < staleTriesMax; tries++) {
    const checked = await check(deps, job, { again: tries > 0 })
    if (checked.kind === 'faulty') {
      if (tries === 0) continue // the sync may have changed since it was read
      // an id that was accepted yesterday keeps its outcome, whatever has become of the table since
      const before = await journal.recall(mutation.id, { hash })
      if (before.kind === 'settled') return finished(before.outcome)
      throw checked.error
    }
    const carried = await carryChecked(deps, checked.job)
    if (carried !== null) return carried
  }
  throw fault('service_unreachable', {
    message: `sync "${mutation.syncId}" is being changed, nothing was sent`,
    hint: 'Try again.',
  })
}

async function check(
  { syncs, credentials, adapterFor }: CarryDeps,
  job: Job,
  { again }: { again: boolean },
) {
  const id = job.mutation.syncId
  try {
    const sync = again ? await syncs.read(id) : await syncs.get(id)
    // it may have changed because its connection is another account's now
    if (again) credentials.forget(sync.connectionId)
    const table = checkMutation(job.mutation, sync)
    const adapter = adapterFor(sync.platform)
    return { kind: 'checked', job: { ...job, sync, table, adapter } } as const
  } catch (error) {
    return { kind: 'faulty', error } as const
  }
}

/** Null: the sync has changed since it was read. */
async function carryChecked(deps: CarryDeps, checked: Checked): Promise<Carried | null> {
  const { journal, credentials } = deps
  const { mutation, hash, sync, signal } = checked
  const turns = await reserve(deps, checked)
  if ('outcome' in turns) return turns
  try {
    const waits = turns.waits() || credentials.peek(sync.connectionId) === null
    const state = waits || signal.aborted ? 'received' : 'sent'
    if (state === 'sent') checked.sending()
    const begun = await journal.begin(mutation, { hash, syncVersion: sync.version, state })
      .catch((error: unknown) => giveUp(deps, checked, error))
    if ('fault' in begun) return begun
    return begun.kind === 'stale' ? null : await proceed(deps, { ...checked, turns }, begun)
  } finally {
    turns.end()
  }
}

/** Takes the turns of all requests. Where there are none in time, a mutation that came before keeps its outcome. */
async function reserve(deps: CarryDeps, checked: Checked): Promise<Turns | Answered> {
  const { mutation, hash, table, sync, adapter } = checked
  try {
    return await deps.turns(
      { ...checked, connection: sync.connectionId, ...sync, background: false },
      adapter.requests(mutation, table, sync),
    )
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const before = await deps.journal.recall(mutation.id, { hash })
    if (before.kind === 'settled') return finished(before.outcome)
    if (before.kind === 'elsewhere') return finished(await follow(deps, checked))
    throw error
  }
}

async function proceed(
  deps: CarryDeps,
  job: Ready,
  begun: Exclude<Begun, { kind: 'stale' }>,
): Promise<Carried> {
  switch (begun.kind) {
    case 'settled': {
      const { outcome } = begun
      return isInDoubt(outcome) ? await lookAgain(deps, job, outcome) : finished(outcome)
    }
    case 'elsewhere':
      return finished(await follow(deps, job))
    case 'begun': {
      const early = begun.state === 'received' ? await leave(deps, job) : null
      return early ?? await finish(deps, job)
    }
    default:
      return never(begun)
  }
}

/** Writes, finds out what is in doubt of it, and puts what came of it into the journal. */
async function finish(deps: CarryDeps, job: Ready): Promise<Carried> {
  const { outcome, late } = await carryOut(deps, job)
  const carried = await settle(deps, job, outcome)
  if (late === null) return carried
  const settled = hearLate(deps, { ...carried, mutation: job.mutation, late })
  return { outcome: carried.outcome, settled }
}

/**
 * A mutation that came before and is in doubt, since the process that had it is gone, say. Nobody has been told what
 * became of it, perhaps: it is found out now, unless somebody else is at it, who is waited for. Or somebody has been told, by
 * the process that is gone, and has sent another in its place: nothing is sent again.
 */
async function lookAgain(
  deps: CarryDeps,
  job: Ready,
  outcome: DoubtfulOutcome,
): Promise<Answered> {
  const { store, now, log } = deps
  const { mutation } = job
  job.sending() // it is settled already, which must not be taken for a cancel
  try {
    const open = await claimDoubtOf(store, mutation.id)
    if (open === null) return finished(await followDoubt(deps, job, outcome))
    // where some rows are applied already, the others are the recovery worker's
    if (open.state === 'unknown') {
      const lost = { outcome, sentAt: now() - open.ageMs, requests: 0, unheard: false }
      const found = await findOut(deps, job, lost)
      if (found.state !== 'unknown') return await settle(deps, job, found)
    }
    await postponeDoubt(store, open, { waitMs: 0 })
  } catch (error) {
    log.warn('mutation.not_looked_at', { mutation: mutation.id, error })
  }
  return finished(outcome)
}

/** Waits a while for whoever inquires about it, if anybody does. */
async function followDoubt(
  deps: CarryDeps,
  { mutation, hash }: Ready,
  outcome: DoubtfulOutcome,
): Promise<Outcome> {
  const { store, journal, now, inquiryWaitMs } = deps
  const until = now() + inquiryWaitMs
  for (let known: Outcome = outcome;;) {
    const isUnderWay = await isInquired(store, mutation.id) // before reading what it may end with
    const found = await journal.recall(mutation.id, { hash })
    if (found.kind === 'settled') known = found.outcome
    if (!isInDoubt(known) || !isUnderWay || now() >= until) return known
    await wait(pollMs)
  }
}

/**
 * received → sent: gets the token that the mutation needs and waits for its turn. Not null: it must not be sent, this is
 * its outcome.
 */
async function leave(deps: CarryDeps, job: Ready): Promise<Carried | null> {
  const { journal, credentials } = deps
  const { mutation, hash, sync, deadline, signal, turns } = job
  try {
    await credentials.token(sync.connectionId, { deadline })
    await turns.approach()
    if (signal.aborted) throw fault('statement_cancelled')
    job.sending()
  } catch (error) {
    const { platform } = sync
    return await settle(deps, job, {
      state: 'refused',
      fault: { platform, ...faultFor(error, deps) },
    })
  }
  try {
    if (await journal.send(mutation.id)) return null
    const now = await journal.recall(mutation.id, { hash })
    if (now.kind === 'settled') return finished(now.outcome)
    throw fault('service_unreachable')
  } catch (error) {
    return giveUp(deps, job, error)
  }
}

/**
 * The store may have the mutation, as one that waits or is being sent, and said nothing: it is settled as what it is, not
 * sent, as soon as the store answers. Throws what is no failure of the store.
 */
function giveUp(deps: CarryDeps, job: Checked, error: unknown): GivenUp {
  if (!(error instanceof Fault) || error.code !== 'service_unreachable') throw error
  return { fault: error, settled: disown(deps, job, error) }
}

/**
 * Writes the mutation if the store does not have it, so that a write that is still on its way to the store finds it there,
 * and settles it. False: given up with the store.
 */
async function disown(deps: CarryDeps, job: Checked, error: Fault): Promise<boolean> {
  const { journal, log } = deps
  const { mutation: { id }, mutation, hash, sync } = job
  const fault = { platform: sync.platform, ...error.data }
  const again = async (): Promise<void> => {
    const begun = await journal.begin(mutation, {
      hash,
      syncVersion: sync.version,
      state: 'received',
    }).catch(storeAnswered)
    // else another has it, or it can no longer be written
    if (begun?.kind === 'begun') await journal.settle(id, { state: 'refused', fault })
  }
  return await insist(again, { log, id, event: 'mutation.disown' })
}

/** undefined: the store answered that there is nothing to do (the id is another mutation's). Throws that it did not. */
function storeAnswered(error: unknown): undefined {
  if (!(error instanceof Fault) || error.code === 'service_unreachable') throw error
}

/** Waits for another process to settle the mutation. */
async function follow({ journal, now }: CarryDeps, job: Checked): Promise<Outcome> {
  const { mutation, hash, deadline, sync } = job
  while (remainingMs(deadline, now()) > 0) {
    const found = await journal.recall(mutation.id, { hash })
    if (found.kind === 'settled') return found.outcome
    await wait(pollMs)
  }
  const detail = 'The mutation is still under way in another service process.'
  return {
    state: 'unknown',
    fault: faultData('outcome_unknown', { platform: sync.platform, detail }),
  }
}

/**
 * An answer that comes after all makes an unknown outcome known; recovery does the rest. Where some rows are known to be
 * written already, the others are inquired about at once: only an inquiry also writes them to the table. Settled is the
 * mutation when that is in the journal too, or nobody waits for it any more.
 */
async function hearLate(
  deps: CarryDeps,
  { mutation, settled, late }: Answered & { mutation: Mutation; late: Promise<Outcome> },
): Promise<boolean> {
  const { id } = mutation
  const unknownSettled = await settled
  try {
    const outcome = await withDeadline(late, { waitMs: lateWaitMs, what: 'A late answer' })
    deps.log.warn('mutation.answered_late', { mutation: id, state: outcome.state })
    const known = outcome.state !== 'unknown' && isOutcomeOf(mutation, outcome)
    return known ? await recordLate(deps, id, outcome) : unknownSettled
  } catch (error) {
    deps.log.error('mutation.late_failure', { mutation: id, error })
    return unknownSettled
  }
}

/**
 * Puts the outcome into the journal; a store that is down keeps the listener waiting only so long. Where the journal has
 * another one by now, which somebody else found out, that is told.
 */
async function settle(
  deps: CarryDeps,
  { mutation, hash }: Checked,
  outcome: Outcome,
): Promise<Answered> {
  const { journal, log } = deps
  const { id } = mutation
  let told = outcome
  const settled = insist(async () => {
    if (await journal.settle(id, outcome)) return
    const found = await journal.recall(id, { hash })
    if (found.kind !== 'settled') return
    if (!isInDoubt(found.outcome)) told = found.outcome
    else if (isWritten(outcome) && !isInDoubt(outcome)) await journal.learn(id, outcome)
  }, { log, id, event: 'mutation.settle' })
  const bounded = withDeadline(settled, { waitMs: settleWaitMs, what: 'Recording the outcome' })
  await bounded.catch((error: unknown) => {
    log.error('mutation.not_settled', { mutation: id, state: outcome.state, error })
  })
  return { outcome: told, settled }
}

async function recordLate(
  { store, journal, log }: CarryDeps,
  id: string,
  outcome: Outcome,
): Promise<boolean> {
  const settle = async (): Promise<void> => {
    if (await journal.settle(id, outcome)) return
    const open = await claimDoubtOf(store, id)
    if (open !== null) await postponeDoubt(store, open, { waitMs: 0 })
  }
  return await insist(settle, { log, id, event: 'mutation.settle' })
}

/** Does it, however long the store is down. False: given up, as the log says. */
async function insist(
  work: () => Promise<unknown>,
  { log, id, event }: { log: Log; id: string; event: string },
): Promise<boolean> {
  for (let tries = 0; tries < settleTriesMax; tries++) {
    try {
      await work()
      return true
    } catch (error) {
      if (isStoreClosed(error)) break
      log.warn(`${event}_again`, { mutation: id, tries, error })
      await wait(Math.min(settleAgainMaxMs, 100 * 2 ** tries))
    }
  }
  log.error(`${event}_given_up`, { mutation: id })
  return false
}

function finished(outcome: Outcome): Answered {
  return { outcome, settled: Promise.resolve(true) }
}

function wait(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
