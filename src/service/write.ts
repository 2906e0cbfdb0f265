// Room service: having an adapter call its platform for a mutation. Whatever goes wrong from here on, the platform may
// have written.

import { type Deadline, DeadlineExceeded, remainingMs, withDeadline } from '../lib/deadline.ts'
import { isOutcomeOf } from '../mutation/doubt.ts'
import { faultData } from '../mutation/fault.ts'
import type { Outcome } from '../mutation/mutation.ts'
import type { Caller } from '../platforms/platform.ts'
import type { CarryDeps, Checked, Ready } from './job.ts'
import type { Turns } from './limits/turns.ts'

export interface Written {
  readonly outcome: Outcome
  /** How many requests were made. */
  readonly requests: number
  /** What an adapter that was given up may still answer. */
  readonly late: Promise<Outcome> | null
}

/** What an adapter may take beyond its deadline before it is given up. */
const graceMs = 5_000

/** Carries the mutation out. Never throws: what went wrong is an outcome. */
export async function write(deps: CarryDeps, job: Ready): Promise<Written> {
  const { mutation, table, adapter, deadline } = job
  const waitMs = remainingMs(deadline, deps.now()) + graceMs
  const { caller, requests } = counted(callerOf(deps, job, job))
  const written = Promise.resolve().then(() => adapter.write(mutation, table, caller))
    .then((outcome) => withRequests(outcome, requests()))
  try {
    const outcome = await withDeadline(written, { waitMs, what: 'Writing to the platform' })
    if (isOutcomeOf(mutation, outcome)) return { outcome, requests: requests(), late: null }
    const error = new Error('The adapter answered for other rows than were sent')
    return { outcome: unknown(deps, job, error), requests: requests(), late: null }
  } catch (error) {
    const late = error instanceof DeadlineExceeded ? written : null
    return { outcome: unknown(deps, job, error), requests: requests(), late }
  }
}

/** The caller, and how many requests were made through it. */
export function counted(caller: Caller): { caller: Caller; requests: () => number } {
  let requests = 0
  const send: Caller['http']['send'] = (request) => {
    requests++
    return caller.http.send(request)
  }
  return { caller: { ...caller, http: { ...caller.http, send } }, requests: () => requests }
}

/** The outcome with how many requests it took, where it has rows. */
export function withRequests(outcome: Outcome, requests: number): Outcome {
  switch (outcome.state) {
    case 'accepted':
    case 'partial':
      return { ...outcome, requests }
    case 'refused':
    case 'unknown':
      return outcome
  }
}

/** What an adapter calls the platform with, until that deadline and in those turns. */
export function callerOf(
  deps: CarryDeps,
  { mutation, sync, signal }: Checked,
  { deadline, turns }: { deadline: Deadline; turns: Turns },
): Caller {
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

function unknown({ log, newId }: CarryDeps, { mutation, sync }: Checked, error: unknown): Outcome {
  const id = newId()
  log.error('mutation.unknown', { id, mutation: mutation.id, sync: sync.id, error })
  const place = { platform: sync.platform, schema: mutation.schema, table: mutation.table }
  const detail = `The service's log has it under ${id}.`
  return { state: 'unknown', fault: faultData('outcome_unknown', { ...place, detail }) }
}
