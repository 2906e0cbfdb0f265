// Room service: tokens that a platform gave and the store did not take yet. Nobody else has them, and the refresh token
// that brought them may be dead: they are kept until the store has them, or another credential in their place.

import { setTimeout as startTimer } from 'node:timers'
import type { Log } from '../lib/log.ts'
import { type Connection, type Renewal, renewConnection } from '../store/connections.ts'
import { isStoreClosed, type Store } from '../store/store.ts'

export interface Held {
  /** The connection whose credential was renewed. */
  readonly before: Connection
  readonly renewal: Renewal
}

export interface Unsaved {
  has(connectionId: string): boolean
  /**
   * Saves the tokens, with a few tries; what the store does not take is tried again in the background, for a day. False:
   * they are of no use, the connection has another credential by now. Throws `service_unreachable`.
   */
  save(held: Held): Promise<boolean>
  /** Tries once more, if there is something. Throws as `save`. */
  saveAgain(connectionId: string): Promise<void>
  /** Tries once more with all. False: some are still in memory only. */
  flush(): Promise<boolean>
}

const triesMax = 4
const againMinMs = 1_000
const againMaxMs = 30_000
const againTriesMax = 2_880

export function createUnsaved({ store, log }: { store: Store; log: Log }): Unsaved {
  const all = new Map<string, Held>()
  /** Connections with a try in the background. */
  const retried = new Set<string>()
  const once = async (held: Held): Promise<boolean> => {
    const { id } = held.before
    const saved = await renewConnection(store, held)
    if (all.get(id) === held) all.delete(id)
    if (!saved) log.warn('credential.superseded', { connection: id })
    return saved
  }
  const several = async (held: Held): Promise<boolean> => {
    for (let tries = 1;; tries++) {
      try {
        return await once(held)
      } catch (error) {
        log.error('credential.not_saved', { connection: held.before.id, tries, error })
        if (tries === triesMax || isStoreClosed(error)) throw error
        await wait(100 * 2 ** tries)
      }
    }
  }
  const background = async (id: string): Promise<void> => {
    for (let tries = 0; tries < againTriesMax; tries++) {
      await pause(Math.min(againMaxMs, againMinMs * 2 ** Math.min(tries, 10)))
      const held = all.get(id)
      if (held === undefined) return
      try {
        await once(held)
      } catch (error) {
        log.error('credential.not_saved', { connection: id, tries, error })
        if (isStoreClosed(error)) return
      }
    }
  }
  const later = (id: string): void => {
    if (retried.has(id)) return
    retried.add(id)
    void background(id).finally(() => retried.delete(id))
  }
  const save = async (held: Held): Promise<boolean> => {
    const { id } = held.before
    all.set(id, held)
    try {
      return await several(held)
    } catch (error) {
      later(id)
      throw error
    }
  }
  return {
    has: (id) => all.has(id),
    save,
    saveAgain: async (id) => {
      const held = all.get(id)
      if (held !== undefined) await save(held)
    },
    flush: async () => {
      for (const held of all.values()) await several(held).catch(() => {})
      return all.size === 0
    },
  }
}

function wait(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}

/** A wait that does not keep the process: what is left when it ends is saved by `flush`, or by nobody. */
function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => startTimer(resolve, waitMs).unref())
}
