// Room service: one mutation from the request to its outcome. It is in the journal before the platform hears of it, and
// its outcome is in the journal before the listener hears of it.

import { never } from '../lib/assert.ts'
import { type Deadline, DeadlineExceeded, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { Fault, fault, faultData } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Platform, SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import type { Begun, Journal } from '../store/journal.ts'
import { isStoreClosed } from '../store/store.ts'
import type { Sync } from '../store/syncs.ts'
import { checkMutation, isOutcomeOf } from './check.ts'
import type { Credentials } from './credentials.ts'
import type { OpenTurns, Turns } from './limits/turns.ts'
import { faultFor } from './problem.ts'
import type { Syncs } from './syncs.ts'

export interface CarryDeps {
  readonly syncs: Syncs
  readonly journal: Journal
  readonly credentials: Credentials
  /** Takes the turns of a mutation's requests. */
  readonly turns: OpenTurns
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  readonly now: () => number
  /** Makes the ids under which the log has what a client is not told. */
  readonly newId: () => string
}

export interface Job {
  readonly mutation: Mutation
  readonly hash: Uint8Array
  readonly deadline: Deadline
  /** Aborted when nobody wants the mutation any more: what has not been sent is given up. */
  readonly signal: AbortSignal
  /** Called when the mutation is about to be sent: from then on it is no use to cancel it. */
  sending(): void
}

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

type Checked = Job & {
  readonly sync: Sync
  readonly table: SyncedTable
  readonly adapter: Adapter
}

/** A mutation whose turns are taken. */
type Ready = Checked & { readonly turns: Turns }

/** What an adapter may take beyond its deadline before it is given up. */
const graceMs = 5_000
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
    case 'settled':
      return finished(begun.outcome)
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

/** Writes, and puts what came of it into the journal. */
async function finish(deps: CarryDeps, job: Ready): Promise<Carried> {
  const { outcome, late } = await write(deps, job)
  const carried = await settle(deps, job, outcome)
  if (late === null) return carried
  return { outcome, settled: hearLate(deps, { ...carried, mutation: job.mutation, late }) }
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

interface Written {
  readonly outcome: Outcome
  /** What an adapter that was given up may still answer. */
  readonly late: Promise<Outcome> | null
}

/** Has the adapter call the platform. Whatever goes wrong from here on, the platform may have written. */
async function write(deps: CarryDeps, job: Ready): Promise<Written> {
  const { mutation, table, adapter, deadline } = job
  const waitMs = remainingMs(deadline, deps.now()) + graceMs
  const { caller, requests } = counted(callerOf(deps, job))
  const written = Promise.resolve().then(() => adapter.write(mutation, table, caller))
    .then((outcome) => withRequests(outcome, requests()))
  try {
    const outcome = await withDeadline(written, { waitMs, what: 'Writing to the platform' })
    if (isOutcomeOf(mutation, outcome)) return { outcome, late: null }
    const error = new Error('The adapter answered for other rows than were sent')
    return { outcome: unknown(deps, job, error), late: null }
  } catch (error) {
    const late = error instanceof DeadlineExceeded ? written : null
    return { outcome: unknown(deps, job, error), late }
  }
}

/** The caller, and how many requests were made through it. */
function counted(caller: Caller): { caller: Caller; requests: () => number } {
  let requests = 0
  const send: Caller['http']['send'] = (request) => {
    requests++
    return caller.http.send(request)
  }
  return { caller: { ...caller, http: { ...caller.http, send } }, requests: () => requests }
}

function withRequests(outcome: Outcome, requests: number): Outcome {
  switch (outcome.state) {
    case 'accepted':
    case 'partial':
      return { ...outcome, requests }
    case 'refused':
    case 'unknown':
      return outcome
  }
}

function callerOf(deps: CarryDeps, job: Ready): Caller {
  const { mutation, sync, deadline, signal, turns } = job
  const { connectionId, baseUrl, settings } = sync
  const log = deps.log.with({ mutation: mutation.id, sync: sync.id })
  return {
    baseUrl,
    settings,
    http: turns.http,
    deadline,
    signal,
    log,
    token: (refused) =>
      deps.credentials.token(connectionId, {
        deadline,
        ...(refused === undefined ? {} : { refused }),
      }),
  }
}

/**
 * An answer that comes after all makes an unknown outcome known; recovery does the rest. Settled is the mutation when that
 * is in the journal too, or nobody waits for it any more.
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
    return known ? await record(deps, id, outcome) : unknownSettled
  } catch (error) {
    deps.log.error('mutation.late_failure', { mutation: id, error })
    return unknownSettled
  }
}

function unknown({ log, newId }: CarryDeps, { mutation, sync }: Checked, error: unknown): Outcome {
  const id = newId()
  log.error('mutation.unknown', { id, mutation: mutation.id, sync: sync.id, error })
  const place = { platform: sync.platform, schema: mutation.schema, table: mutation.table }
  const detail = `The service's log has it under ${id}.`
  return { state: 'unknown', fault: faultData('outcome_unknown', { ...place, detail }) }
}

/** Puts the outcome into the journal; a store that is down keeps the listener waiting only so long. */
async function settle(deps: CarryDeps, { mutation }: Checked, outcome: Outcome): Promise<Answered> {
  const settled = record(deps, mutation.id, outcome)
  const bounded = withDeadline(settled, { waitMs: settleWaitMs, what: 'Recording the outcome' })
  await bounded.catch((error: unknown) => {
    deps.log.error('mutation.not_settled', { mutation: mutation.id, state: outcome.state, error })
  })
  return { outcome, settled }
}

async function record(
  { journal, log }: CarryDeps,
  id: string,
  outcome: Outcome,
): Promise<boolean> {
  const settle = () => journal.settle(id, outcome)
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
