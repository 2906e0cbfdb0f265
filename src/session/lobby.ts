// Room session: connections that are not authenticated yet, in all and of each address. When it is full whoever has
// waited longest makes room, once that is longer than a client takes: idle connections keep nobody out.

/** How long nobody is asked to make room, in milliseconds: far more than a client takes to log in. */
export const unaskedMs = 1_000

interface LobbyOptions {
  /** Guests in all. */
  readonly max: number
  /** Guests of one address. */
  readonly perAddressMax: number
  readonly now: () => number
}

/** One connection in the lobby. */
export interface Guest {
  /** Counts it with this address. False: the address has no room for it, and it has left. */
  readonly settle: (address: string) => boolean
  /** A second call does nothing. */
  readonly leave: () => void
}

interface Waiting {
  readonly since: number
  readonly close: () => void
  readonly leave: () => void
}

export class Lobby {
  readonly #options: LobbyOptions
  /** The oldest first. */
  readonly #waiting = new Set<Waiting>()
  readonly #byAddress = new Map<string, Set<Waiting>>()

  constructor(options: LobbyOptions) {
    this.#options = options
  }

  /** How many there are. */
  get size(): number {
    return this.#waiting.size
  }

  /** Lets a connection in; `close` is called when it has to make room. Null: there is none. */
  enter(close: () => void): Guest | null {
    if (!this.#makeRoom(this.#waiting, this.#options.max)) return null
    let address: string | null = null
    const waiting: Waiting = {
      since: this.#options.now(),
      close,
      leave: () => {
        this.#waiting.delete(waiting)
        if (address !== null) this.#leaveAddress(address, waiting)
        address = null
      },
    }
    this.#waiting.add(waiting)
    return {
      leave: waiting.leave,
      settle: (to) => {
        if (!this.#waiting.has(waiting)) return false
        const there = this.#byAddress.get(to) ?? new Set()
        if (!this.#makeRoom(there, this.#options.perAddressMax)) {
          waiting.leave()
          return false
        }
        address = to
        this.#byAddress.set(to, there.add(waiting))
        return true
      },
    }
  }

  /** Asks everybody to go. */
  empty(): void {
    for (const waiting of this.#waiting) ask(waiting)
  }

  #makeRoom(guests: ReadonlySet<Waiting>, max: number): boolean {
    if (guests.size < max) return true
    const [oldest] = guests
    if (oldest === undefined || this.#options.now() - oldest.since < unaskedMs) return false
    ask(oldest)
    return true
  }

  #leaveAddress(address: string, waiting: Waiting): void {
    const there = this.#byAddress.get(address)
    there?.delete(waiting)
    if (there?.size === 0) this.#byAddress.delete(address)
  }
}

function ask(waiting: Waiting): void {
  waiting.leave()
  waiting.close()
}
