// Room client: what is thrown.

import type { Problem } from '../service/v1/schemas.ts'

/** Sluice, the platform or the database has refused the request; `problem` says why. */
export class SluiceError extends Error {
  override name = 'SluiceError'
  readonly problem: Problem
  /** When to try again, in milliseconds, where Sluice says so. */
  readonly retryAfterMs: number | null

  constructor(problem: Problem, { retryAfterMs }: { retryAfterMs: number | null }) {
    super(problem.title)
    this.problem = problem
    this.retryAfterMs = retryAfterMs
  }

  /** The fault: `validation_error`, … */
  get code(): Problem['code'] {
    return this.problem.code
  }

  get sqlstate(): string {
    return this.problem.sqlstate
  }
}

/** No answer that could be understood. With an idempotency key the same request can be sent again safely. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
}
