// Room lib: waits that end.

/** A point in time after which nobody waits any more. `now` and `at` are milliseconds since 1970. */
export interface Deadline {
  readonly at: number
}

/** A deadline `waitMs` milliseconds from `now`. */
export function deadlineIn(waitMs: number, now: number = Date.now()): Deadline {
  return { at: now + waitMs }
}

/** Milliseconds left, never below zero. */
export function remainingMs(deadline: Deadline, now: number = Date.now()): number {
  return Math.max(0, deadline.at - now)
}

/** Thrown by `withDeadline` when the time is up. */
export class DeadlineExceeded extends Error {
  override name = 'DeadlineExceeded'
}

/**
 * Waits for `promise`, at most `waitMs` milliseconds, then rejects with `DeadlineExceeded`.
 * The work behind the promise is not stopped: pass a signal to it for that.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  { waitMs, what }: { waitMs: number; what: string },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineExceeded(`${what} took longer than ${waitMs} ms`)),
      waitMs,
    )
  })
  try {
    return await Promise.race([promise, expiry])
  } finally {
    clearTimeout(timer)
  }
}
