// Room service: the mutations under way in this process. Each id is carried out once, however often it comes; their number
// is bounded; and once begun, nothing but its own deadline ends one.

import { deadlineIn, withDeadline } from '../lib/deadline.ts'
import { fault } from '../mutation/fault.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import { requestHash } from '../store/journal.ts'
import { carry, type CarryDeps } from './carry.ts'

export interface RunnerDeps extends Omit<CarryDeps, 'signal'> {
  /** Mutations under way at once. */
  readonly inFlightMax: number
}

export interface Runner {
  /**
   * Carries the mutation out, or gives the outcome of the same mutation before. Throws a Fault when nothing was sent, and
   * only then.
   */
  run(mutation: Mutation, options: { waitMs: number }): Promise<Outcome>
  /** Resolves when the mutation's outcome, if it is under way here, is in the journal. */
  settled(id: string): Promise<void>
  /** Takes no new mutations and waits for those under way. False: some were still under way when the time was up. */
  drain(options: { waitMs: number }): Promise<boolean>
}

/** A mutation under way in this process. */
interface Running {
  readonly hash: Uint8Array
  readonly answer: Promise<Outcome>
  /** True once the journal has the outcome. */
  readonly settled: Promise<boolean>
}

export function createRunner(deps: RunnerDeps): Runner {
  const running = new Map<string, Running>()
  const stop = new AbortController()
  let draining = false
  const start = (mutation: Mutation, { hash, waitMs }: { hash: Uint8Array; waitMs: number }) => {
    const deadline = deadlineIn(waitMs, deps.now())
    const carried = carry({ ...deps, signal: stop.signal }, { mutation, hash, deadline })
    const answer = carried.then(({ outcome }) => outcome)
    const settled = carried.then(({ settled }) => settled)
    running.set(mutation.id, { hash, answer, settled })
    // what the journal has not got stays here: its id must not be taken for one that was never sent
    settled.then((done) => done && running.delete(mutation.id), () => running.delete(mutation.id))
    return answer
  }
  return {
    run: async (mutation, { waitMs }) => {
      const hash = requestHash(mutation)
      const same = running.get(mutation.id)
      if (same !== undefined) {
        if (!Buffer.from(same.hash).equals(hash)) throw fault('mutation_id_reused')
        return await same.answer
      }
      if (draining) throw stopping()
      if (running.size >= deps.inFlightMax) throw full(deps.inFlightMax)
      return await start(mutation, { hash, waitMs })
    },
    settled: async (id) => {
      await running.get(id)?.settled.catch(() => {})
    },
    drain: async ({ waitMs }) => {
      draining = true
      const all = () => Promise.allSettled([...running.values()].map(({ settled }) => settled))
      const wait = (ms: number) => withDeadline(all(), { waitMs: ms, what: 'Draining' })
      await wait(waitMs / 2).catch(() => stop.abort()) // what waits for its turn is given up unsent
      await wait(waitMs / 2).catch(() => {})
      return running.size === 0
    },
  }
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
