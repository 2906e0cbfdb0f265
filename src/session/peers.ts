// Room session: the other listeners behind the same name. A session that is not here may be there: they are asked, all at
// once, each once, and none of them asks another. It promises to be done in two seconds, whoever hangs.

import { randomUUID } from 'node:crypto'
import { deadlineIn, remainingMs } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { questionPath, type Sealed, sealQuestion, type SessionKey } from './peers-question.ts'

export interface PeersOptions {
  /** Of the peers, and of this listener itself perhaps. Never rejects, and takes a second at most. */
  readonly origins: () => Promise<readonly string[]>
  readonly sealKey: Uint8Array
  readonly http: Http
  readonly log: Log
  /** Time for all of it, in milliseconds; 2 s when absent. */
  readonly waitMs?: number
  /** Questions under way at a time, each to all peers; 64 when absent. */
  readonly askingMax?: number
}

/** elsewhere: a peer had the session and has passed the cancel on. dropped: too much is asked already. */
export type Asked = 'elsewhere' | 'nowhere' | 'dropped'

export interface Peers {
  /** Asks all peers to cancel what the session with this key does. Never rejects. */
  ask(key: SessionKey): Promise<Asked>
}

const defaults = { waitMs: 2_000, askingMax: 64 } as const

/** What the transport to the peers takes: so few connections to each that their port stays free for who watches it. */
export const peersTransport = {
  connectionsMax: 4,
  requestsMax: 2_048,
  bytesMax: 1_024,
  connectWaitMs: 1_000,
} as const

export function createPeers(options: PeersOptions): Peers {
  const { askingMax, waitMs } = { ...defaults, ...options }
  let asking = 0
  return {
    ask: async (key) => {
      if (asking >= askingMax) return 'dropped'
      asking += 1
      try {
        return await askAll(key, { ...options, waitMs }) ? 'elsewhere' : 'nowhere'
      } finally {
        asking -= 1
      }
    },
  }
}

type Asking = PeersOptions & { readonly waitMs: number }

async function askAll(key: SessionKey, options: Asking): Promise<boolean> {
  const deadline = deadlineIn(options.waitMs, performance.now())
  const origins = await options.origins()
  const question = { id: randomUUID(), atMs: Date.now(), key }
  const sealed = sealQuestion(question, options.sealKey)
  const stop = new AbortController()
  const waitMs = remainingMs(deadline, performance.now())
  const asks = origins.map(async (origin) => {
    if (!await askOne(origin, { ...options, sealed, waitMs, signal: stop.signal })) {
      throw new Error('not there')
    }
  })
  try {
    await Promise.any(asks)
    return true
  } catch {
    return false
  } finally {
    stop.abort()
  }
}

async function askOne(
  origin: string,
  { http, log, sealed, waitMs, signal }: Asking & { sealed: Sealed; signal: AbortSignal },
): Promise<boolean> {
  const { body, authorization } = sealed
  try {
    const { status } = await http.send({
      method: 'POST',
      url: `${origin}${questionPath}`,
      headers: { authorization, 'content-type': 'application/json' },
      body,
      waitMs,
      signal,
    })
    if (status === 401) log.warn('peer_refuses', { peer: origin })
    else log.debug('peer_asked', { peer: origin, status })
    return status === 200
  } catch (error) {
    if (!signal.aborted) log.debug('peer_silent', { peer: origin, error })
    return false
  }
}
