// Room service: one mutation from the request to its outcome. It is in the journal before the platform hears of it, and
// its outcome is in the journal before the listener hears of it.

import { never } from '../lib/assert.ts'
import { type Deadline, DeadlineExceeded, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { fault, faultData } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Platform, SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import type { Begun, Journal } from '../store/journal.ts'
import { isStoreClosed } from '../store/store.ts'
import type { Sync } from '../store/syncs.ts'
import { checkMutation, isOutcomeOf } from './check.ts'
import type { Credentials } from './credentials.ts'
import { faultFor } from './problem.ts'
import type { Syncs } from './syncs.ts'

export interface CarryDeps {
  readonly syncs: Syncs
  readonly journal: Journal
  readonly credentials: Credentials
  readonly http: Http
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  readonly now: () => number
  /** Makes the ids under which the log has what a client is not told. */
  readonly newId: () => string
  /** Aborted when the process has to end: what has not been sent is given up. */
  readonly signal: AbortSignal
}

export interface Job {
  readonly mutation: Mutation
  readonly hash: Uint8Array
  readonly deadline: Deadline
}

/** The outcome, and whether the journal took it in the end. */
export interface Carried {
  readonly outcome: Outcome
  readonly settled: Promise<boolean>
}

type Checked = Job & {
  readonly sync: Sync
  readonly table: SyncedTable
  readonly adapter: Adapter
}

/** What an adapter may take beyond its deadline before it is given up. */
const graceMs = 5_000
/** The listener waits this long for a store that does not take the outcome; then it hears the outcome all the same. */
const settleWaitMs = 5_000
/** A day: an outcome that is known is not given up while the store is down, since nobody else knows it. */
const settleTriesMax = 8_640
const settleAgainMaxMs = 10_000
const pollMs = 100
const staleTriesMax = 3

/** Carries a mutation out, or finds out what became of it before. Throws only when nothing was sent. */
export async function carry(deps: CarryDeps, job: Job): Promise<Carried> {
  const { journal, credentials } = deps
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
    const { sync } = checked.job
    const state = credentials.peek(sync.connectionId) === null ? 'received' : 'sent'
    const begun = await journal.begin(mutation, { hash, syncVersion: sync.version, state })
    if (begun.kind !== 'stale') return await proceed(deps, checked.job, begun)
  }
  throw fault('service_unreachable', {
    message: `sync "${mutation.syncId}" is being changed, nothing was sent`,
    hint: 'Try again.',
  })
}

async function check({ syncs, adapterFor }: CarryDeps, job: Job, { again }: { again: boolean }) {
  const id = job.mutation.syncId
  try {
    const sync = again ? await syncs.read(id) : await syncs.get(id)
    const table = checkMutation(job.mutation, sync)
    const adapter = adapterFor(sync.platform)
    return { kind: 'checked', job: { ...job, sync, table, adapter } } as const
  } catch (error) {
    return { kind: 'faulty', error } as const
  }
}

async function proceed(
  deps: CarryDeps,
  job: Checked,
  begun: Exclude<Begun, { kind: 'stale' }>,
): Promise<Carried> {
  switch (begun.kind) {
    case 'settled':
      return finished(begun.outcome)
    case 'elsewhere':
      return finished(await follow(deps, job))
    case 'begun': {
      const early = begun.state === 'received' ? await leave(deps, job) : null
      return early ?? await settle(deps, job, await write(deps, job))
    }
    default:
      return never(begun)
  }
}

/** received → sent: gets the token that the mutation needs. Not null: it must not be sent, this is its outcome. */
async function leave(deps: CarryDeps, job: Checked): Promise<Carried | null> {
  const { journal, credentials } = deps
  const { mutation, hash, sync, deadline } = job
  try {
    await credentials.token(sync.connectionId, { deadline })
  } catch (error) {
    const { platform } = sync
    return await settle(deps, job, {
      state: 'refused',
      fault: { platform, ...faultFor(error, deps) },
    })
  }
  if (await journal.send(mutation.id)) return null
  const now = await journal.recall(mutation.id, { hash })
  if (now.kind === 'settled') return finished(now.outcome)
  throw fault('service_unreachable')
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

/** Has the adapter call the platform. Whatever goes wrong from here on, the platform may have written. */
async function write(deps: CarryDeps, job: Checked): Promise<Outcome> {
  const { mutation, table, adapter, deadline } = job
  const waitMs = remainingMs(deadline, deps.now()) + graceMs
  const written = Promise.resolve().then(() => adapter.write(mutation, table, callerOf(deps, job)))
  try {
    const outcome = await withDeadline(written, { waitMs, what: 'Writing to the platform' })
    if (isOutcomeOf(mutation, outcome)) return outcome
    return unknown(deps, job, new Error('The adapter answered for other rows than were sent'))
  } catch (error) {
    if (error instanceof DeadlineExceeded) hearLate(deps, { mutation, written })
    return unknown(deps, job, error)
  }
}

function callerOf(deps: CarryDeps, { mutation, sync, deadline }: Checked): Caller {
  const { connectionId, baseUrl } = sync
  const log = deps.log.with({ mutation: mutation.id, sync: sync.id })
  return {
    baseUrl,
    http: deps.http,
    deadline,
    signal: deps.signal,
    log,
    token: (refused) =>
      deps.credentials.token(connectionId, {
        deadline,
        ...(refused === undefined ? {} : { refused }),
      }),
  }
}

/** An answer that comes after all makes an unknown outcome known; recovery does the rest. */
function hearLate(
  { journal, log }: CarryDeps,
  { mutation, written }: { mutation: Mutation; written: Promise<Outcome> },
): void {
  void written.then(async (outcome) => {
    log.warn('mutation.answered_late', { mutation: mutation.id, state: outcome.state })
    if (isOutcomeOf(mutation, outcome)) await journal.settle(mutation.id, outcome)
  }).catch((error: unknown) => log.error('mutation.late_failure', { mutation: mutation.id, error }))
}

function unknown({ log, newId }: CarryDeps, { mutation, sync }: Checked, error: unknown): Outcome {
  const id = newId()
  log.error('mutation.unknown', { id, mutation: mutation.id, sync: sync.id, error })
  const place = { platform: sync.platform, schema: mutation.schema, table: mutation.table }
  const detail = `The service's log has it under ${id}.`
  return { state: 'unknown', fault: faultData('outcome_unknown', { ...place, detail }) }
}

/** Puts the outcome into the journal; a store that is down keeps the listener waiting only so long. */
async function settle(deps: CarryDeps, { mutation }: Checked, outcome: Outcome): Promise<Carried> {
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
  for (let tries = 0; tries < settleTriesMax; tries++) {
    try {
      await journal.settle(id, outcome)
      return true
    } catch (error) {
      if (isStoreClosed(error)) break
      log.warn('mutation.settle_again', { mutation: id, tries, error })
      await wait(Math.min(settleAgainMaxMs, 100 * 2 ** tries))
    }
  }
  log.error('mutation.settle_given_up', { mutation: id, state: outcome.state })
  return false
}

function finished(outcome: Outcome): Carried {
  return { outcome, settled: Promise.resolve(true) }
}

function wait(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
