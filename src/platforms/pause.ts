// Room platforms: the wait before a request is sent again, for requests that surely wrote nothing.

import { setTimeout } from 'node:timers/promises'
import { remainingMs } from '../lib/deadline.ts'
import type { Caller } from './platform.ts'

/** Waits `waitMs` milliseconds; false when the deadline is nearer than that or nobody is interested any more. */
export async function pause(
  waitMs: number,
  { deadline, signal }: Pick<Caller, 'deadline' | 'signal'>,
): Promise<boolean> {
  if (remainingMs(deadline) <= waitMs) return false
  try {
    await setTimeout(waitMs, undefined, { signal })
    return true
  } catch {
    return false
  }
}
