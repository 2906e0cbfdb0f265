// Room service: refreshes that failed. A token endpoint that refuses or fails is not asked again by each mutation: for a
// pause that grows to half a minute, its last answer is answered from memory.

import { type Fault, fault } from '../mutation/fault.ts'

export interface Setbacks {
  /** The last failure, with the seconds that are left in its HINT, while its pause lasts; null: ask. */
  current(connectionId: string): Fault | null
  /** Begins a pause, twice as long as the one before. Gives the failure with its seconds in the HINT. */
  add(connectionId: string, error: Fault): Fault
  /** It went well, or the connection was changed. */
  clear(connectionId: string): void
}

interface Setback {
  readonly error: Fault
  readonly times: number
  /** Milliseconds since 1970. */
  readonly until: number
}

const pauseMinMs = 1_000
const pauseMaxMs = 30_000
const connectionsMax = 10_000

export function createSetbacks({ now }: { now: () => number }): Setbacks {
  const setbacks = new Map<string, Setback>()
  const told = ({ error, until }: Setback) => withSeconds(error, until - now())
  return {
    current: (id) => {
      const setback = setbacks.get(id)
      return setback === undefined || now() >= setback.until ? null : told(setback)
    },
    add: (id, error) => {
      if (setbacks.size >= connectionsMax) setbacks.clear()
      const times = (setbacks.get(id)?.times ?? 0) + 1
      const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(times - 1, 10))
      const setback = { error, times, until: now() + pauseMs }
      setbacks.set(id, setback)
      return told(setback)
    },
    clear: (id) => void setbacks.delete(id),
  }
}

/** The same fault, and when to try again. */
function withSeconds(error: Fault, leftMs: number): Fault {
  const { code, hint: known, ...fields } = error.data
  const seconds = Math.max(1, Math.ceil(leftMs / 1000))
  const when = `Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
  const hint = known === undefined ? when : `${known} ${when}`
  return fault(code, { ...fields, hint })
}
