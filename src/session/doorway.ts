// Room session: whom a listener lets in: so many connections that are not logged in, so many sessions, so many mutations
// at a time, in all and for each address or sync; and who has to wait because he fails.

import type { Socket } from 'node:net'
import { fault } from '../mutation/fault.ts'
import type { ListenerLimits } from './limits.ts'
import { type Guest, Lobby } from './lobby.ts'
import { addressKey, type Peer, peerOf, type Ranges, readRanges } from './peer.ts'
import { type Place, Tally } from './tally.ts'
import { Throttle, throttleDefaults, type ThrottleOptions } from './throttle.ts'

export interface DoorwayOptions {
  readonly limits: ListenerLimits
  /** Sessions in all. */
  readonly connectionsMax: number
  /** Ranges of the proxies in front, each of whose connections begins with a PROXY header. */
  readonly proxyFrom: readonly string[]
  readonly throttle: Partial<ThrottleOptions>
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
}

/** A connection until it is a session; options of its handshake. */
export interface Visit {
  readonly proxied: boolean
  readonly throttle: Throttle
  readonly admit: (peer: Peer) => boolean
  /** It is a session now, or closed. A second call does nothing. */
  readonly leave: () => void
}

export class Doorway {
  readonly #lobby: Lobby
  readonly #throttle: Throttle
  readonly #proxies: Ranges
  readonly #sessions: Tally
  readonly #mutations: Tally

  /** Throws RangeError for a range that is none. */
  constructor({ limits, connectionsMax, proxyFrom, throttle, now }: DoorwayOptions) {
    this.#lobby = new Lobby({
      max: limits.unauthenticatedMax,
      perAddressMax: limits.unauthenticatedPerAddressMax,
      now,
    })
    this.#throttle = new Throttle({ ...throttleDefaults, now, ...throttle })
    this.#proxies = readRanges(proxyFrom)
    this.#sessions = new Tally({ max: connectionsMax, perKeyMax: limits.connectionsPerSyncMax })
    this.#mutations = new Tally({
      max: limits.mutationsMax,
      perKeyMax: limits.mutationsPerSyncMax,
    })
  }

  /** Lets a connection in; it is destroyed when it has to make room. Null: there is no room. */
  enter(socket: Socket): Visit | null {
    const guest: Guest | null = this.#lobby.enter(() => socket.destroy())
    if (guest === null) return null
    socket.once('close', guest.leave)
    return {
      proxied: this.#proxies.has(peerOf(socket).address),
      throttle: this.#throttle,
      admit: ({ address }) => guest.settle(addressKey(address)),
      leave: guest.leave,
    }
  }

  /** The place of a session. Gives the function that leaves it. Throws the fault `too_many_connections`. */
  takeSession(syncId: string): () => void {
    return placeOr(this.#sessions.take(syncId), (of) => {
      const message = `too many connections for sync "${syncId}"`
      return fault('too_many_connections', of === 'all' ? {} : { message })
    })
  }

  /** The place of a mutation. Gives the function that leaves it. Throws the fault `rate_limited`. */
  takeMutation(syncId: string): () => void {
    return placeOr(this.#mutations.take(syncId), (of) =>
      fault('rate_limited', {
        message: of === 'all'
          ? 'too many mutations under way in this listener, nothing was sent'
          : `too many mutations under way for sync "${syncId}", nothing was sent`,
        hint: 'Try again in a few seconds, or send more rows with each statement.',
      }))
  }

  /** Closes every connection that is not logged in. */
  empty(): void {
    this.#lobby.empty()
  }
}

function placeOr(place: Place, refusal: (of: 'all' | 'key') => Error): () => void {
  if (place.kind === 'full') throw refusal(place.of)
  return place.leave
}
