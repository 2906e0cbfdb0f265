// Room session: a wait for the database that ends. Postgres bounds its own work; a network that swallows every packet
// bounds nothing.

import type { Conduit } from '../engine/conduit.ts'

/**
 * The conduit, but a run that begins while `when()` holds and has no answer after `waitMs` milliseconds calls `giveUp`,
 * which must make the run fail.
 */
export function bounded(
  conduit: Conduit,
  { waitMs, when, giveUp }: { waitMs: number; when: () => boolean; giveUp: () => void },
): Conduit {
  return {
    ...conduit,
    run: async (steps) => {
      if (!when()) return await conduit.run(steps)
      const timer = setTimeout(giveUp, waitMs)
      try {
        return await conduit.run(steps)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** How long Postgres may take over a message of ours that is no work for it, in milliseconds. */
const answerWaitMs = 60_000

/** Waits for such an answer. When the time is up the link is destroyed, which makes `work` fail with ConnectionLost. */
export async function answered<T>(
  link: { destroy(): void },
  work: Promise<T>,
  waitMs: number = answerWaitMs,
): Promise<T> {
  const timer = setTimeout(() => link.destroy(), waitMs)
  try {
    return await work
  } finally {
    clearTimeout(timer)
  }
}
