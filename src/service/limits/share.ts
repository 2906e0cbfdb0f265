// Room service: this process's share in what may be under way at one time. While the share is large enough nobody asks the
// store; it is kept by asking now and then, shrinks when another process wants a part, and is lost when this process dies.

import type { Bucket, Share as Asked, Shared } from '../../store/buckets.ts'
import type { Limit } from './limit.ts'

export interface ShareDeps {
  readonly holder: string
  /** In the background no more than this part of the share is used. */
  readonly backgroundShare: number
  readonly ask: (share: Asked) => Promise<Shared>
  readonly now: () => number
}

export interface EnterOptions {
  readonly waitMs: number
  readonly background: boolean
  readonly signal: AbortSignal
}

const keepMs = 15_000
const renewMs = 3_000
/** A share that was not used for so long is given up. */
const idleMs = 60_000

interface Waiting {
  readonly units: number
  readonly background: boolean
  readonly enter: () => void
}

/** The share of one bucket. */
export class Share {
  readonly #deps: ShareDeps
  #bucket: Bucket | null = null
  #granted = 0
  #grantedUntil = -Infinity
  #askedAt = -Infinity
  #usedAt = -Infinity
  /** When a place was last wanted for a mutation. */
  #mutatedAt = -Infinity
  #busy = 0
  /** While the store is told less: more at work would be more than it counts. */
  #busyMax = Infinity
  #asking = false
  /** Others want a part of it. */
  #shrinks = false
  #waiting: Waiting[] = []

  constructor(deps: ShareDeps) {
    this.#deps = deps
  }

  /** Enters at once, if that is possible without asking anybody. */
  tryEnter({ bucket }: Limit, units: number, { background }: { background: boolean }): boolean {
    this.#bucket = bucket
    this.#usedAt = this.#deps.now()
    if (!background) this.#mutatedAt = this.#usedAt
    const later = this.#waiting.some((one) => background || !one.background)
    if (later || !this.#hasRoom(units, background)) return false
    this.#busy += units
    return true
  }

  /** Enters when there is room; first come, first served, mutations first. False: not in time, or aborted. */
  enter(limit: Limit, units: number, options: EnterOptions): Promise<boolean> {
    if (this.tryEnter(limit, units, options)) return Promise.resolve(true)
    const { waitMs, background, signal } = options
    if (waitMs <= 0 || signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const end = (entered: boolean) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        resolve(entered)
      }
      const one = { units, background, enter: () => end(true) }
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((each) => each !== one)
        end(false)
      }
      const timer = setTimeout(giveUp, waitMs)
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(one)
      void this.#ask({ shrink: false })
    })
  }

  leave(units: number): void {
    this.#busy -= units
    this.#usedAt = this.#deps.now()
    this.#admit()
  }

  /** To be called every now and then: keeps the share, asks for more, gives up one that was of no use for long. */
  tend(): void {
    if (this.#granted === 0 && this.#waiting.length === 0) return
    const due = this.#deps.now() - this.#askedAt >= renewMs
    if (this.#shrinks || due || this.#waiting.length > 0) void this.#ask({ shrink: this.#shrinks })
  }

  /** Gives the share up; what is under way keeps its place until it runs out. */
  async close(): Promise<void> {
    const bucket = this.#bucket
    if (bucket === null || this.#granted === 0) return
    this.#granted = 0
    const { holder, ask } = this.#deps
    await ask({ bucket, holder, busy: this.#busy, want: 0, keepMs })
  }

  #hasRoom(units: number, background: boolean): boolean {
    if (this.#deps.now() >= this.#grantedUntil) return false
    const granted = Math.min(this.#granted, this.#busyMax)
    const { backgroundShare, now } = this.#deps
    const alone = now() - this.#mutatedAt > idleMs
    const part = alone ? granted : Math.floor(granted * backgroundShare)
    const max = background ? Math.max(units, part) : granted
    return this.#busy + units <= Math.min(max, granted)
  }

  /** A process that only works in the background leaves the rest to those that carry out mutations. */
  #mostOf({ limit }: Bucket): number {
    const { backgroundShare, now } = this.#deps
    if (now() - this.#mutatedAt <= idleMs) return limit
    return Math.max(1, Math.floor(limit * backgroundShare))
  }

  #admit(): void {
    for (const background of [false, true]) {
      for (const one of this.#waiting.filter((each) => each.background === background)) {
        if (!this.#hasRoom(one.units, background)) return
        this.#waiting = this.#waiting.filter((each) => each !== one)
        this.#busy += one.units
        one.enter()
      }
    }
  }

  async #ask({ shrink }: { shrink: boolean }): Promise<void> {
    const { now, ask, holder } = this.#deps
    const bucket = this.#bucket
    if (this.#asking || bucket === null) return
    const expired = now() >= this.#grantedUntil
    const wanted = this.#busy + this.#waiting.reduce((sum, { units }) => sum + units, 0)
    const idle = wanted === 0 && now() - this.#usedAt > idleMs
    const most = this.#mostOf(bucket)
    const more = wanted > this.#granted || expired ? most : this.#granted
    const want = idle ? 0 : Math.min(most, more)
    // told as at work the whole share stays ours; where it may shrink nobody enters until the answer is here
    const busy = shrink || expired || idle ? this.#busy : this.#granted
    if (busy === this.#busy) this.#busyMax = busy
    this.#asking = true
    const askedAt = this.#askedAt = now()
    try {
      const shared = await ask({ bucket, holder, busy, want, keepMs })
      this.#granted = shared.units
      this.#grantedUntil = askedAt + keepMs
      this.#shrinks = shared.wanted
    } catch {
      // what was granted is good until it runs out; that the store is down is heard elsewhere
    } finally {
      this.#asking = false
      this.#busyMax = Infinity
      this.#admit()
    }
  }
}
