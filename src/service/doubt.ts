// Room service: finding out, before a client is answered, what became of a mutation whose reply was lost. So long as
// nothing is found, or the platform cannot be read, it is tried again, a few times; then the client hears that it is not
// known, and the recovery worker goes on.

import { type Deadline, deadlineIn, remainingMs } from '../lib/deadline.ts'
import { type DoubtfulOutcome, isInDoubt, makesRecords, mayMakeTheSame } from '../mutation/doubt.ts'
import { catalogue, Fault } from '../mutation/fault.ts'
import type { Outcome } from '../mutation/mutation.ts'
import { inquire, isNews } from '../platforms/ask.ts'
import { readOthers, readRivals } from '../store/doubts.ts'
import type { CarryDeps, Checked } from './job.ts'
import { callerOf, counted, withRequests } from './write.ts'

/** What is in doubt. */
export interface Lost {
  readonly outcome: DoubtfulOutcome
  /** Before the first request was sent, milliseconds since 1970. */
  readonly sentAt: number
  /** Requests made for it so far. */
  readonly requests: number
  /** Nobody has been told anything of it: an adapter may send it again under its idempotency key. */
  readonly unheard: boolean
}

/** How long a client waits at most, after its mutation came into doubt, in milliseconds. */
export const inquiryWaitMs = 15_000
/** Waits before each try; the last one is not waited out where the time is up before. */
const pausesMs = [0, 250, 750, 2_000, 4_000, 6_000]
/** A try that could not even begin its requests is not begun. */
const tryMinMs = 100

/**
 * The true outcome, or what is known of it when the time is up. Given up at once where the adapter has nothing to inquire
 * by, the credential is refused, or the service is being stopped. Never throws.
 */
export async function findOut(deps: CarryDeps, job: Checked, lost: Lost): Promise<Outcome> {
  const deadline = deadlineIn(deps.inquiryWaitMs, deps.now())
  const { id } = job.mutation
  if (job.adapter.inquire === undefined) return lost.outcome
  let known = lost
  for (const [tries, pauseMs] of pausesMs.entries()) {
    const waitMs = Math.min(pauseMs, remainingMs(deadline, deps.now()))
    if (waitMs > 0) await pause(waitMs, job.signal)
    if (job.signal.aborted || remainingMs(deadline, deps.now()) < tryMinMs) break
    try {
      const found = await ask(deps, job, { lost: known, deadline })
      if (!isInDoubt(found.outcome)) {
        deps.metrics?.inquiries.add({ at: 'answer', result: 'settled' })
        deps.log.info('mutation.found_out', { mutation: id, state: found.outcome.state, tries })
        return withRequests(found.outcome, found.requests)
      }
      const { outcome, requests } = found
      known = { ...known, requests, ...(isNews(known.outcome, outcome) ? { outcome } : {}) }
    } catch (error) {
      deps.log.warn('mutation.inquiry_failed', { mutation: id, tries, error })
      if (error instanceof Fault && catalogue[error.code].blame === 'credential') break
    }
  }
  deps.metrics?.inquiries.add({ at: 'answer', result: 'open' })
  deps.log.warn('mutation.in_doubt', { mutation: id, sync: job.sync.id })
  return withRequests(known.outcome, known.requests)
}

interface Found {
  readonly outcome: Outcome
  readonly requests: number
}

async function ask(
  deps: CarryDeps,
  job: Checked,
  { lost, deadline }: { lost: Lost; deadline: Deadline },
): Promise<Found> {
  const { mutation, sync, adapter, table } = job
  const { outcome, sentAt, unheard } = lost
  const about = { mutation, ageMs: deps.now() - sentAt }
  const others = makesRecords(mutation) ? await readOthers(deps.store, about) : new Set<string>()
  const account = { ...job, ...sync, connection: sync.connectionId, deadline, background: false }
  const turns = await deps.turns(account, [])
  const { caller, requests } = counted(callerOf(deps, job, { deadline, turns }))
  const inquiry = await inquire({
    adapter,
    table,
    caller,
    doubt: { mutation, outcome, sentAt, now: deps.now(), others, unheard },
    isContested: async (records) => {
      const rivals = await readRivals(deps.store, about, records.map(({ id }) => id))
      const mayBeTheirs = mayMakeTheSame(mutation, records)
      return rivals.some(({ made, request }) => made.length > 0 || mayBeTheirs(request))
    },
  }).finally(() => turns.end())
  return { outcome: inquiry.outcome, requests: lost.requests + requests() }
}

/** Ends early when the service is being stopped. */
async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, waitMs)
    signal.addEventListener('abort', done)
  })
}
