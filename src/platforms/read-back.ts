// Room platforms: reading back what was written. The write is done and its answer says the most of it, so that no cancelling
// stops this, and nobody waits long for it.

import { deadlineIn, remainingMs, withDeadline } from '../lib/deadline.ts'
import type { Caller } from './platform.ts'

/** Turns in the buckets included. */
const readBackWaitMs = 10_000

/**
 * What `read` reads, within ten seconds and the caller's own deadline. @throws DeadlineExceeded, and what `read` throws
 */
export async function readBack<T>(
  read: (caller: Caller) => Promise<T>,
  caller: Caller,
): Promise<T> {
  const waitMs = Math.min(readBackWaitMs, remainingMs(caller.deadline))
  const { signal } = new AbortController()
  const reading = read({ ...caller, signal, deadline: deadlineIn(waitMs) })
  return await withDeadline(reading, { waitMs, what: 'Reading back' })
}
