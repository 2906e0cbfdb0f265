// Room sandbox: Airtable's rate limits: five requests in any second for a base, fifty for a user. Whoever goes beyond
// waits for thirty seconds, in which every request is refused. https://airtable.com/developers/web/api/rate-limits

import { createWindow, type Window } from '../window.ts'

const secondMs = 1000
const baseMax = 5
const userMax = 50
const penaltyMs = 30_000

export interface Limits {
  /** Counts a request for a base, null for none. Is it to be refused? */
  refuses(nowMs: number, base: string | null): boolean
}

export function createLimits(): Limits {
  const user = createGate(createWindow({ limit: userMax, windowMs: secondMs }))
  const base = createGate(createWindow({ limit: baseMax, windowMs: secondMs }))
  return {
    refuses: (nowMs, name) => user(nowMs) || (name !== null && base(nowMs)),
  }
}

/** Closes for the penalty when the window is full. */
function createGate(window: Window): (nowMs: number) => boolean {
  let closedUntilMs = 0
  return (nowMs) => {
    if (nowMs < closedUntilMs) return true
    if (window.take(nowMs).allowed) return false
    closedUntilMs = nowMs + penaltyMs
    return true
  }
}
