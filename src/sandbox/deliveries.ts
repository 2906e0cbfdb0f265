// Room sandbox: the webhooks that platforms call, one after the other for each platform, as they came about.

import { setTimeout as pause } from 'node:timers/promises'
import type { WebhookDelivery } from './platform.ts'

/** A delivery and how it ended; status 0: nobody answered. */
export interface Delivered extends WebhookDelivery {
  readonly platform: string
  readonly status: number
  readonly tries: number
}

export interface Deliveries {
  /** Sends it when those before it of the same platform have ended. */
  send(platform: string, delivery: WebhookDelivery): void
  /** Those that have ended, the newest last. */
  ended(): readonly Delivered[]
  /** Gives up what is under way and what waits, and forgets those that have ended. */
  clear(): void
  /** The same, and takes no more. */
  close(): Promise<void>
}

const triesMax = 5
/** As GitHub waits. */
const answerWaitMs = 10_000
const againMs = 200
const waitingMax = 10_000
const keptMax = 1_000

/** Deliveries of all platforms of a sandbox. What nobody takes after some tries is dropped, as platforms do. */
export function createDeliveries(): Deliveries {
  const lines = new Map<string, Promise<void>>()
  const waiting = new Map<string, number>()
  let kept: Delivered[] = []
  let isClosed = false
  let round = new AbortController()
  const deliver = async (
    platform: string,
    { delivery, over }: { delivery: WebhookDelivery; over: AbortSignal },
  ): Promise<void> => {
    for (let tries = 1; !over.aborted; tries++) {
      const status = await post(delivery, over)
      if (over.aborted) return
      const isTaken = status >= 200 && status < 300
      if (isTaken || tries === triesMax) {
        kept = [...kept.slice(1 - keptMax), { ...delivery, platform, status, tries }]
        return
      }
      await pause(againMs * tries, undefined, { signal: over }).catch(() => {})
    }
  }
  return {
    send: (platform, delivery) => {
      const count = waiting.get(platform) ?? 0
      if (isClosed || count >= waitingMax) return
      waiting.set(platform, count + 1)
      const before = lines.get(platform) ?? Promise.resolve()
      const { signal: over } = round
      const done = before.then(() => deliver(platform, { delivery, over })).finally(() => {
        waiting.set(platform, (waiting.get(platform) ?? 1) - 1)
      })
      lines.set(platform, done)
    },
    ended: () => kept,
    clear: () => {
      kept = []
      round.abort()
      round = new AbortController()
    },
    close: async () => {
      isClosed = true
      round.abort()
      await Promise.all(lines.values())
    },
  }
}

async function post(
  { url, headers, body }: WebhookDelivery,
  over: AbortSignal,
): Promise<number> {
  try {
    const signal = AbortSignal.any([over, AbortSignal.timeout(answerWaitMs)])
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0 // as good as no answer
  }
}
