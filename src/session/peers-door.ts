// Room session: what a listener answers another that looks for a session. It promises that a question is acted on once,
// however often it comes, and is never passed on.

import type { Log } from '../lib/log.ts'
import {
  openQuestion,
  type Question,
  type Sealed,
  type SessionKey,
  skewMs,
} from './peers-question.ts'

export interface PeersDoorOptions {
  readonly sealKey: Uint8Array
  /** Cancels what a session of this listener does; null: it has no such session. */
  readonly cancel: (key: SessionKey) => Promise<void> | null
  /** Hears of each that was cancelled, and of each that was refused. */
  readonly count: (result: 'for_peer' | 'peer_refused') => void
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** 200: the session is here, and the cancel was passed on. 404: it is not. 401: who asks is none of us. 503: too many. */
export type DoorStatus = 200 | 401 | 404 | 503

/** Questions remembered until they are too old to come again. Only those that found their session are. */
const rememberedMax = 10_000

interface Remembered {
  /** By then it is too old, even if the clock of who asked it is ahead of ours. */
  readonly forgetAt: number
  readonly done: Promise<void>
}

/** Gives the function that answers. It never rejects. */
export function createPeersDoor(
  { sealKey, cancel, count, log, now }: PeersDoorOptions,
): (sealed: Sealed) => Promise<DoorStatus> {
  const remembered = new Map<string, Remembered>()
  const act = async (question: Question): Promise<DoorStatus> => {
    const known = remembered.get(question.id)
    if (known !== undefined) return await known.done.then(() => 200)
    if (!makeRoom(remembered, now())) return 503
    const cancelling = cancel(question.key)
    if (cancelling === null) return 404
    const done = cancelling.catch((error: unknown) => log.warn('cancel_failed', { error }))
    remembered.set(question.id, { forgetAt: now() + 2 * skewMs, done })
    count('for_peer')
    log.debug('cancelled_for_peer', { pid: question.key.pid })
    return await done.then(() => 200)
  }
  return async (sealed) => {
    const question = openQuestion(sealed, { sealKey, nowMs: now() })
    if (question !== null) return await act(question)
    count('peer_refused')
    log.debug('peer_refused')
    return 401
  }
}

/** False: all of them may come again yet. The oldest are the first. */
function makeRoom(remembered: Map<string, Remembered>, nowMs: number): boolean {
  for (const [id, { forgetAt }] of remembered) {
    if (forgetAt >= nowMs) break
    remembered.delete(id)
  }
  return remembered.size < rememberedMax
}
