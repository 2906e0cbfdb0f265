// Whether the machine, or a process of the run, stood still: each is asked for a sign of life again and again. What clients meet
// then is no fault of a deployment.

import { connect } from 'node:net'
import { pause } from './processes.ts'
import type { World } from './world.ts'

/** Somebody gave no sign of life for so long. Milliseconds since 1970. */
export interface Stall {
  readonly who: string
  readonly from: number
  readonly to: number
}

export interface Pulse {
  readonly stalls: readonly Stall[]
  /** Did anybody stand still in this time, or shortly before it? Milliseconds since 1970. */
  stood(from: number, to: number): boolean
}

/** Whoever takes so long for an answer of a millisecond stands still, in milliseconds. */
const stallMinMs = 1_000
const beatEveryMs = 200
const answerWaitMs = 30_000
/** Waits and retries of what stood still are over so long after. */
const echoMs = 10_000

/** Feels until `until` is aborted. */
export function feelPulse(world: World, until: AbortSignal): Pulse {
  const stalls: Stall[] = []
  const feel = async (who: string, beat: () => Promise<unknown>): Promise<void> => {
    while (!until.aborted) {
      const from = Date.now()
      await pause(beatEveryMs)
      await beat().catch(() => {}) // one that is being replaced
      const to = Date.now()
      if (to - from > stallMinMs + beatEveryMs) stalls.push({ who, from, to })
    }
  }
  const { slots, plant, sandboxUrl } = world
  void feel('the run itself', () => Promise.resolve())
  void feel('sandbox', () => ask(sandboxUrl))
  void feel('database', () => plant.sql`select 1`.execute())
  void feel('store', () => plant.store`select 1`.execute())
  for (const slot of slots.service) {
    void feel('service', () => ask(`http://127.0.0.1:${slot.proc?.port ?? 1}/healthz`))
  }
  for (const slot of slots.listener) {
    void feel('listener', () => knock(slot.proc?.port ?? 1))
  }
  return {
    stalls,
    stood: (from, to) => stalls.some((stall) => stall.from <= to && stall.to >= from - echoMs),
  }
}

async function ask(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerWaitMs) })
  await response.arrayBuffer()
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, "SSLRequest": answered with a letter. */
const sslRequest = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47)

function knock(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => void socket.write(sslRequest))
    const end = () => {
      socket.destroy()
      resolve()
    }
    socket.setTimeout(answerWaitMs, end)
    socket.once('data', end).once('error', end).once('close', end)
  })
}
