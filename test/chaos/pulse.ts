// Whether the machine stood still: what no deployment touches is asked for a sign of life again and again. What clients meet then
// says nothing of a deployment.

import { pause } from './processes.ts'
import type { World } from './world.ts'

/** Somebody gave no sign of life for so long. Milliseconds since 1970. */
export interface Stall {
  readonly who: Who
  readonly from: number
  readonly to: number
}

/** Of these none is ever rolled. */
type Who = 'the run itself' | 'sandbox' | 'database' | 'store'

export interface Pulse {
  /** Did the machine stand still then, or shortly before it? Milliseconds since 1970. */
  stood(at: number): boolean
  /** For how long it neither stood still nor had done so shortly before. */
  calmMs(from: number, to: number): number
}

/** Whoever takes so long for an answer of a millisecond stands still, in milliseconds. */
const stallMinMs = 1_000
const beatEveryMs = 200
const answerWaitMs = 30_000
/** Waits and retries of what stood still are over so long after. */
const echoMs = 5_000

/** Feels until `until` is aborted. */
export function feelPulse({ plant, sandboxUrl }: World, until: AbortSignal): Pulse {
  const stalls: Stall[] = []
  const beats = new Map<Who, number>()
  const over = (who: Who, to: number): Stall[] => {
    const from = beats.get(who) ?? to
    return to - from > stallMinMs + beatEveryMs ? [{ who, from, to }] : []
  }
  const feel = async (who: Who, beat: () => Promise<unknown>): Promise<void> => {
    while (!until.aborted) {
      beats.set(who, Date.now())
      await pause(beatEveryMs)
      await beat().catch(() => {}) // an answer all the same
      stalls.push(...over(who, Date.now()))
    }
    beats.delete(who)
  }
  void feel('the run itself', () => Promise.resolve())
  void feel('sandbox', () => ask(sandboxUrl))
  void feel('database', () => plant.sql`select 1`.execute())
  void feel('store', () => plant.store`select 1`.execute())
  const stills = () =>
    standstills([...stalls, ...[...beats.keys()].flatMap((who) => over(who, Date.now()))])
  return {
    stood: (at) => stills().some(({ from, to }) => from <= at && at <= to + echoMs),
    calmMs: (from, to) => calmMs(stills(), { from, to }),
  }
}

type Span = Pick<Stall, 'from' | 'to'>

/**
 * When the machine stood still. A database alone may be slow of what a deployment does with it; two that have nothing to do with
 * each other are not.
 */
export function standstills(stalls: readonly Stall[]): Span[] {
  const of = (who: Who) => stalls.filter((stall) => stall.who === who)
  const both = of('database').flatMap((one) =>
    of('store').map((other) => ({
      from: Math.max(one.from, other.from),
      to: Math.min(one.to, other.to),
    }))
  )
  return [
    ...of('the run itself'),
    ...of('sandbox'),
    ...both.filter(({ from, to }) => to - from > stallMinMs),
  ]
}

/** How much of a span no standstill, and no echo of one, covers. */
export function calmMs(stills: readonly Span[], { from, to }: Span): number {
  let calm = 0
  let reached = from
  for (const still of [...stills].sort((one, other) => one.from - other.from)) {
    calm += Math.max(0, Math.min(still.from, to) - reached)
    reached = Math.max(reached, Math.min(still.to + echoMs, to))
  }
  return calm + Math.max(0, to - reached)
}

async function ask(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerWaitMs) })
  await response.arrayBuffer()
}
