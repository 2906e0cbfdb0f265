// Room session: a client's CancelRequest: to the session it is for, here or at a peer. It promises that who sends many that
// lead nowhere is not passed on any more, and that nothing is ever answered: Postgres does not either.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS

import type { Log } from '../lib/log.ts'
import { Allowance } from './cancelling-allowance.ts'
import { addressKey } from './peer.ts'
import type { Peers } from './peers.ts'
import type { SessionKey } from './peers-question.ts'

/**
 * here, elsewhere, nowhere: the session. failed: it is here, and the database could not be asked. held_back: too many of
 * this address led nowhere. dropped: the peers are asked too much already. for_peer, peer_refused: what peers ask.
 */
export const cancelResults = [
  'here',
  'elsewhere',
  'nowhere',
  'failed',
  'held_back',
  'dropped',
  'for_peer',
  'peer_refused',
] as const
export type CancelResult = typeof cancelResults[number]

export interface CancellingOptions {
  /** Cancels what a session of this listener does; null: it has no such session. */
  readonly cancel: (key: SessionKey) => Promise<void> | null
  /** Null: there are none. */
  readonly peers: Peers | null
  readonly count: (result: CancelResult) => void
  readonly log: Log
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
}

/** A session is found by this. */
export function keyText({ pid, secret }: SessionKey): string {
  return `${pid}:${[...secret].join('.')}`
}

export class Cancelling {
  readonly #options: CancellingOptions
  readonly #allowance: Allowance

  constructor(options: CancellingOptions) {
    this.#options = options
    this.#allowance = new Allowance(options)
  }

  /** Passes a request on. `address`: the client's. Never rejects; done when there is nothing more to wait for. */
  async pass(key: SessionKey, { address }: { address: string }): Promise<void> {
    const { count, log } = this.#options
    const result = await this.#find(key, addressKey(address))
    count(result)
    log.debug('cancel_request', { client: address, pid: key.pid, result })
  }

  async #find(key: SessionKey, from: string): Promise<CancelResult> {
    const { cancel, peers, log } = this.#options
    const here = cancel(key)
    if (here !== null) {
      return await here.then(() => 'here', (error: unknown) => {
        log.warn('cancel_failed', { error })
        return 'failed'
      })
    }
    if (peers === null) return 'nowhere'
    if (!this.#allowance.take(from)) return 'held_back'
    const asked = await peers.ask(key)
    // a request that was not asked about says nothing of who sent it
    if (asked !== 'nowhere') this.#allowance.giveBack(from)
    return asked
  }
}
