// Room service: a request under an Idempotency-Key is carried out once. The key is in the store before the statement
// runs, with the id that its mutation will have: whatever becomes of this process, the journal knows what was sent.

import { never } from '../../lib/assert.ts'
import { withDeadline } from '../../lib/deadline.ts'
import type { Log } from '../../lib/log.ts'
import { fault } from '../../mutation/fault.ts'
import type { IdempotencyKeys, KeyedRequest, KeyTaken } from '../../store/idempotency.ts'
import { isStoreClosed } from '../../store/store.ts'
import { type DoorAnswer, isLong } from './answer.ts'

export interface OnceDeps {
  readonly keys: IdempotencyKeys
  readonly log: Log
  readonly newId: () => string
}

export interface OnceWork {
  /** Carries the request out under that mutation id. Never throws. */
  run(mutationId: string): Promise<DoorAnswer>
  /** Finds out what became of a request that another process began, or carries it out. Never throws. */
  resume(mutationId: string): Promise<DoorAnswer>
}

export interface Once {
  /**
   * Carries a request out, or gives the answer that it had before. `request` null: it has no key. Throws
   * `idempotency_key_reused`, `idempotency_key_in_use`, `service_unreachable`.
   */
  do(request: KeyedRequest | null, work: OnceWork): Promise<DoorAnswer>
  /** Waits until the answers given are kept. */
  settle(): Promise<void>
}

/** The header of an answer that was given before. */
export const replayedHeader = 'idempotency-replayed'

/** Where an answer cannot be kept, the next request under its key finds out by the journal. */
const keepTriesMax = 100
const keepAgainMaxMs = 10_000

export function createOnce(deps: OnceDeps): Once {
  const { keys, newId } = deps
  const keeping = new Set<Promise<void>>()
  return {
    do: async (request, work) => {
      if (request === null) return await work.run(newId())
      const taken = await keys.take(request, { mutationId: newId() })
      if (taken.kind !== 'begun' && taken.kind !== 'left') return known(taken)
      const { kind, mutationId } = taken
      const carried = kind === 'begun' ? work.run(mutationId) : work.resume(mutationId)
      const kept = carried.then((answer) => keep(deps, request, { mutationId, answer }))
        .finally(() => {
          keys.done(mutationId)
          keeping.delete(kept)
        })
      keeping.add(kept)
      kept.catch(() => {}) // then `carried` has failed, which is thrown below
      const answer = await carried
      await withDeadline(kept, { waitMs: keepWaitMs, what: 'Keeping the answer' }).catch(() => {})
      return answer
    },
    settle: async () => {
      await Promise.allSettled(keeping)
    },
  }
}

/** What is said of a key that stands for another request, or for this one and its answer. */
function known(taken: Exclude<KeyTaken, { kind: 'begun' | 'left' }>): DoorAnswer {
  switch (taken.kind) {
    case 'answered':
      return { ...taken.answer, headers: { [replayedHeader]: 'true' }, key: 'leave' }
    case 'running':
      throw fault('idempotency_key_in_use')
    case 'reused':
      throw fault('idempotency_key_reused')
    default:
      return never(taken)
  }
}

/** A caller waits so long for a store that does not take the answer; then it hears the answer all the same. */
const keepWaitMs = 5_000

/**
 * Keeps the answer, or gives the key back where nothing was done and the same request may succeed later, or leaves it to
 * the next request, whichever process that reaches.
 */
async function keep(
  { keys, log }: OnceDeps,
  request: KeyedRequest,
  { mutationId, answer }: { mutationId: string; answer: DoorAnswer },
): Promise<void> {
  const { status, contentType, body } = answer.kept ?? answer
  const key = answer.key === 'keep' && isLong({ body }) ? 'leave' : answer.key
  for (let tries = 0; tries < keepTriesMax; tries++) {
    try {
      if (key === 'keep') await keys.answer(request, { mutationId, status, contentType, body })
      else await keys[key](request, { mutationId })
      return
    } catch (error) {
      if (isStoreClosed(error)) break
      log.warn('idempotency.keep_again', { mutation: mutationId, tries, error })
      await pause(Math.min(keepAgainMaxMs, 100 * 2 ** tries))
    }
  }
  log.error('idempotency.not_kept', { mutation: mutationId, key })
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
