// Room service: the mutations under way in this process. Each id is carried out once, however often it comes; their number
// is bounded; and once begun, nothing but its own deadline ends one.

import { deadlineIn, withDeadline } from '../lib/deadline.ts'
import type { Trace } from '../lib/trace.ts'
import { fault } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import type { Quote } from '../mutation/quote.ts'
import type { Adapter } from '../platforms/platform.ts'
import { requestHash } from '../store/journal.ts'
import { type Cancelled, type CancelOptions, createCancels } from './cancels.ts'
import { carry, type CarryDeps } from './carry.ts'
import { told } from './hints.ts'
import type { ServiceMetrics } from './metrics.ts'
import { quote } from './quote.ts'
import { Witness } from './witness.ts'

export interface RunnerDeps extends CarryDeps {
  /** Mutations under way at once. */
  readonly inFlightMax: number
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number
}

/** `trace`: the place that the mutation was sent from. */
export interface RunOptions {
  readonly waitMs: number
  readonly trace?: Trace | null
}

export interface Runner {
  /** Mutations that are under way here. */
  readonly size: number
  /**
   * Carries the mutation out, or gives the outcome of the same mutation before. Throws a Fault when nothing was sent, and
   * only then.
   */
  run(mutation: Mutation, options: RunOptions): Promise<Outcome>
  /** What the mutation would send. Throws as `quote`. */
  quote(mutation: Mutation): Promise<Quote>
  /**
   * Gives a mutation up that waits for its turn, here or in another process; of one that is being sent here, what is held
   * back for a doubt. `syncs`: one of other syncs than these is as
   * one that there is not; null, or absent: of any.
   */
  cancel(id: string, options?: CancelOptions): Promise<Cancelled>
  /** Resolves when the mutation's outcome, if it is under way here, is in the journal. */
  settled(id: string): Promise<void>
  /** Takes no new mutations and waits for those under way. False: some were still under way when the time was up. */
  drain(options: { waitMs: number }): Promise<boolean>
}

/** A mutation under way in this process. */
interface Running {
  readonly syncId: string
  readonly hash: Uint8Array
  readonly answer: Promise<Outcome>
  readonly abort: AbortController
  /** It is being sent, or has been. */
  sending: boolean
  /** Somebody has cancelled it, in time or too late. */
  calledOff: boolean
  /** True once the journal has the outcome. */
  readonly settled: Promise<boolean>
}

const begun = { sending: false, calledOff: false }

export function createRunner(deps: RunnerDeps): Runner {
  const running = new Map<string, Running>()
  let draining = false
  const cancels = createCancels({
    ...deps,
    waiting: () => [...running].filter(([, { sending }]) => !sending).map(([id]) => id),
    abort: (id) => running.get(id)?.abort.abort(),
  })
  const start = (
    mutation: Mutation,
    { hash, waitMs, witness }: { hash: Uint8Array; waitMs: number; witness: Witness },
  ) => {
    const deadline = deadlineIn(waitMs, deps.now())
    const abort = new AbortController()
    const sending = () => {
      one.sending = true
    }
    const isCalledOff = () => one.calledOff
    const job = { mutation, hash, deadline, signal: abort.signal, sending, isCalledOff }
    const carried = Promise.resolve().then(() => carry(witnessed(deps, witness), job))
    const answer = carried.then((carried) => {
      if ('fault' in carried) throw carried.fault
      return carried.outcome
    })
    answer.then((outcome) => witness.ended(outcome), (error: unknown) => witness.failed(error))
    const settled = carried.then(({ settled }) => settled)
    const { syncId } = mutation
    const one: Running = { syncId, hash, answer, settled, abort, ...begun }
    running.set(mutation.id, one)
    cancels.watch()
    // what the journal has not got stays here: its id must not be taken for one that was never sent
    settled.then((done) => done && running.delete(mutation.id), () => running.delete(mutation.id))
    return answer
  }
  return {
    get size() {
      return running.size
    },
    run: async (mutation, { waitMs, trace = null }) => {
      const hash = requestHash(mutation)
      const same = running.get(mutation.id)
      if (same !== undefined) {
        if (!Buffer.from(same.hash).equals(hash)) throw fault('mutation_id_reused')
        return await told(deps, mutation, await same.answer)
      }
      const witness = new Witness({ ...deps, mutation, trace })
      if (draining) throw witness.failed(stopping())
      if (running.size >= deps.inFlightMax) throw witness.failed(full(deps.inFlightMax))
      return await told(deps, mutation, await start(mutation, { hash, waitMs, witness }))
    },
    quote: (mutation) => quote(deps, mutation),
    cancel: async (id, { syncs } = { syncs: null }) => {
      const one = running.get(id)
      if (one === undefined) return await cancels.elsewhere(id, { syncs })
      if (syncs !== null && !syncs.includes(one.syncId)) return 'unknown'
      one.calledOff = true
      if (one.sending) return 'sent'
      one.abort.abort()
      return 'cancelled'
    },
    settled: async (id) => {
      await running.get(id)?.settled.catch(() => {})
    },
    drain: async ({ waitMs }) => {
      draining = true
      await emptied(running, waitMs)
      return running.size === 0
    },
  }
}

async function emptied(running: ReadonlyMap<string, Running>, waitMs: number): Promise<void> {
  const all = () => Promise.allSettled([...running.values()].map(({ settled }) => settled))
  const wait = (ms: number) => withDeadline(all(), { waitMs: ms, what: 'Draining' })
  // what waits for its turn is given up unsent
  await wait(waitMs / 2).catch(() => running.forEach(({ abort }) => abort.abort()))
  await wait(waitMs / 2).catch(() => {})
}

/** The witness hears which platform it is, and when the mutation is with the adapter. */
function witnessed(deps: RunnerDeps, witness: Witness): RunnerDeps {
  const adapterFor: RunnerDeps['adapterFor'] = (platform) => {
    witness.isOf(platform)
    const adapter = deps.adapterFor(platform)
    const write: Adapter['write'] = (...given) => {
      witness.sending()
      return adapter.write(...given)
    }
    return { ...adapter, write }
  }
  return { ...deps, adapterFor, log: witness.log }
}

function stopping(): Error {
  return fault('service_unreachable', {
    message: 'mutation service is stopping, nothing was sent',
    hint: 'Try again.',
  })
}

function full(inFlightMax: number): Error {
  return fault('rate_limited', {
    message: `mutation service has ${inFlightMax} mutations under way, nothing was sent`,
    hint: 'Try again in a few seconds.',
  })
}
