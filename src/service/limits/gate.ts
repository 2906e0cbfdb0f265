// Room service: the gate of one connection: every request to its platform passes here, in its turn. Turns come from the
// store (windows), out of a pool (wide windows), and out of a share (what may be under way at one time).

import type { Log } from '../../lib/log.ts'
import { type Fault, fault } from '../../mutation/fault.ts'
import type { Platform } from '../../mutation/table.ts'
import { type Bucket, leaseUnits, takeTurns, type Watched } from '../../store/buckets.ts'
import type { Store } from '../../store/store.ts'
import type { StoreClock } from './clock.ts'
import { asTold, bucketId, type Limit, missedFault, rateFault, type Taking } from './limit.ts'
import { createLag } from './lag.ts'
import { createLine, type Line, type Promised } from './line.ts'
import { createPool, type Pool, type PoolAnswer, type Portion } from './pool.ts'
import { createPlaces, type Places } from './places.ts'
import { createBell, waitUntil } from './wait.ts'

/** The right to send one request at its moment. */
export interface Turn {
  /** All that the request takes. */
  readonly takings: readonly Taking[]
  /** What it takes of windows in the store; null when that is nothing. */
  promised: Promised | null
  readonly ticket: number
  /** The gate's epoch at that time: a promise is no longer good in another one. */
  epoch: number
  readonly portions: readonly PortionOf[]
  /** Used or given back. */
  over: boolean
}

/** Units out of the pool of this bucket. */
interface PortionOf {
  readonly id: string
  readonly portions: readonly Portion[]
}

export interface GateDeps {
  readonly store: Store
  readonly clock: StoreClock
  readonly connection: string
  readonly platform: Platform
  /** Names this process. */
  readonly holder: string
  /** The part of each limit that is for the background, from 0 to 1. */
  readonly backgroundShare: number
  readonly log: Log
  /** A clock that only goes forward, in milliseconds; all times here are by it. */
  readonly now: () => number
}

export interface Wanting {
  /** No turn may be later. */
  readonly until: number
  /** Nor sooner than so long from now, in milliseconds. */
  readonly leadMs?: number
  /** Takes only what no mutation waits for. */
  readonly background: boolean
  /** Gives up waiting when aborted. */
  readonly signal: AbortSignal
}

const usedMs = 60_000
/** How soon somebody in the background looks again whether there is room, in milliseconds. */
const againMinMs = 20
const againMaxMs = 1_000
/** A wake that was too late, a promise that was taken back: so often in a row nobody is lucky any more. */
const turnsMax = 50
/** When something under way will be over is not known; this is what a client is told. */
const placeWaitMs = 5_000
/**
 * Of a day's requests mutations need this part of their part to be left. Not all of it: others use the account too, and what
 * they have used up must not keep tables from following for the rest of the day.
 */
const keptOfWide = 0.2
/** Then the background looks again after so long, in milliseconds. */
const sharedWaitMs = 60_000
/** So long before its moment a turn is confirmed, in milliseconds. */
const confirmMs = 15
const lateShareMax = 0.1
const correctMinMs = 1_000
const correctMaxMs = 60_000
const nothing = {
  requests: [],
  leadMs: 0,
  waitMs: () => 0,
  background: false,
  share: 1,
  confirm: false,
  ticket: 0,
}

export class Gate {
  readonly #deps: GateDeps
  readonly #line: Line
  readonly #pools = new Map<string, { readonly pool: Pool; limit: Limit }>()
  readonly #places: Places
  /** Blocks of buckets that are not asked for at every turn, by the store's clock. */
  readonly #blocks = new Map<string, number>()
  /** Limits as the platform has told them here. */
  readonly #told = new Map<string, number>()
  /** When the platform's count was last looked at. */
  readonly #correctedAt = new Map<string, number>()
  readonly #bell = createBell()
  readonly #lag = createLag()
  #epoch = 0
  #tickets = 0
  #waiting = 0
  #usedAt = -Infinity

  constructor(deps: GateDeps) {
    this.#deps = deps
    this.#places = createPlaces(deps)
    this.#line = createLine(async (question) => {
      const askedAt = deps.now()
      const taken = await takeTurns(deps.store, deps.connection, question)
      if (taken === null) return null
      deps.clock.note(taken.now, askedAt)
      this.#learnEpoch(taken.epoch)
      return taken
    })
  }

  get platform(): Platform {
    return this.#deps.platform
  }

  /** So many wait here for a turn. */
  get waiters(): number {
    return this.#waiting
  }

  /** Somebody waits here for a turn. */
  get waiting(): boolean {
    return this.#waiting > 0
  }

  /** Somebody waits here, or has sent something within the last minute. */
  get used(): boolean {
    return this.waiting || this.#deps.now() - this.#usedAt < usedMs
  }

  /**
   * Takes turns for these requests: for all or for none. Throws `rate_limited` when the last one would come too late,
   * with the limit and the seconds; `service_unreachable`.
   */
  async reserve(
    requests: readonly (readonly Taking[])[],
    wanting: Wanting,
  ): Promise<readonly Turn[]> {
    this.#usedAt = this.#deps.now()
    const portions: PortionOf[][] = []
    const ticket = ++this.#tickets
    try {
      for (const takings of requests) {
        this.#refuseBlocked(takings, wanting)
        portions.push(await this.#portionsOf(takings, wanting))
      }
      const first = { confirm: false, back: [] }
      const promises = await this.#promisesOf(requests, { ...wanting, ticket }, first)
      return requests.map((takings, i): Turn => ({
        takings,
        ticket,
        promised: promises[i] ?? null,
        epoch: this.#epoch,
        portions: portions[i] ?? [],
        over: false,
      }))
    } catch (error) {
      this.#putBack(portions.flat())
      throw error
    }
  }

  /** When the turn comes. */
  timeOf({ promised, takings }: Turn): number {
    const { clock } = this.#deps
    const blockedUntil = clock.localOf(this.#blockOf(takings)?.until ?? -Infinity)
    const moment = promised === null ? -Infinity : clock.localOf(promised.moment)
    return Math.max(moment, blockedUntil)
  }

  /**
   * Waits until `aheadMs` before the turn comes, and has it confirmed: it may be a little later then. Throws
   * `rate_limited`, `statement_cancelled`.
   */
  async approach(turn: Turn, wanting: Wanting, { aheadMs }: { aheadMs: number }): Promise<void> {
    await this.#asWaiting(async () => {
      await this.#waitFor(turn, wanting, { aheadMs })
      if (turn.promised?.firm === false) await this.#confirm(turn, { ...wanting, leadMs: aheadMs })
      await this.#waitFor(turn, wanting, { aheadMs })
    })
  }

  /**
   * Waits for the turn and for a place among those under way. Then the request is to be sent at once; call `leave` when
   * its answer is there. Throws `rate_limited` when that would be too late, `statement_cancelled`; the turn is then still
   * to be given back.
   */
  async enter(turn: Turn, wanting: Wanting): Promise<void> {
    this.#usedAt = this.#deps.now()
    if (this.#isDue(turn) && this.#places.tryEnter(turn.takings, wanting)) {
      turn.over = true
      return
    }
    await this.#asWaiting(async () => {
      for (let turns = 0; turns < turnsMax; turns++) {
        await this.approach(turn, wanting, { aheadMs: confirmMs })
        await this.#waitFor(turn, wanting, { aheadMs: 0 })
        if (!this.#isDue(turn)) await this.#confirm(turn, wanting)
        else if (await this.#takePlaces(turn, wanting)) return
      }
      this.#deps.log.warn('limits.turns_missed', { times: turnsMax })
      throw missedFault(this.#deps.platform, { times: turnsMax })
    })
  }

  /** The answer is there. */
  leave({ takings }: Turn): void {
    this.#places.leave(takings)
  }

  /**
   * The answer took so long, in milliseconds: if the request arrived late, what it took counts from then on, so that the
   * next ones come as much later. A tenth of the window at most: more than that it was the platform's own time. Of the
   * buckets that are `uncounted` by their ids, the platform took nothing: that is given back.
   */
  async answered(
    { promised, portions }: Turn,
    { tookMs, uncounted }: { tookMs: number; uncounted: readonly string[] },
  ): Promise<void> {
    const lateOf = this.#lag.note(tookMs)
    this.#putBack(portions.filter(({ id }) => uncounted.includes(id)))
    if (promised === null) return
    const { takings, moment } = promised
    await this.#return(takings.flatMap((taking) => {
      const { rule, bucket, wayMs } = taking.limit
      if (uncounted.includes(bucketId(bucket))) return { ...promised, takings: [taking] }
      const lateMs = Math.min(lateOf(wayMs), (rule.windowMs ?? 0) * lateShareMax)
      return lateMs === 0 ? [] : { ...promised, takings: [taking], usedAt: moment + lateMs }
    }))
  }

  /** Gives back the turns that were not used; `unsent`: that were, but nothing of them reached the platform. */
  async giveBack(turns: readonly Turn[], { unsent = false } = {}): Promise<void> {
    const unused = turns.filter(({ over }) => unsent || !over)
    for (const turn of unused) turn.over = true
    this.#putBack(unused.flatMap(({ portions }) => portions))
    await this.#return(unused.flatMap(({ promised }) => promised ?? []))
  }

  /** What the store says of this connection. */
  notice({ epoch, blocks }: Pick<Watched, 'epoch' | 'blocks'>): void {
    for (const { rule, key, until } of blocks) this.#blocks.set(bucketId({ rule, key }), until)
    this.#learnEpoch(epoch)
  }

  /** Nothing may be taken from the bucket until then, by the store's clock. */
  noticeBlock(bucket: Pick<Bucket, 'rule' | 'key'>, until: number): void {
    this.#blocks.set(bucketId(bucket), until)
  }

  /** The limit of the bucket that the platform has told this process; null: none. */
  told(bucket: Pick<Bucket, 'rule' | 'key'>): number | null {
    return this.#told.get(bucketId(bucket)) ?? null
  }

  noteTold(bucket: Pick<Bucket, 'rule' | 'key'>, limit: number): void {
    this.#told.set(bucketId(bucket), limit)
  }

  /** The platform's count of a bucket is looked at so often: a second at least, a minute at most. */
  mayCorrect(id: string, { everyMs }: { everyMs: number }): boolean {
    const at = this.#deps.now()
    const waitMs = Math.min(correctMaxMs, Math.max(correctMinMs, everyMs))
    if (at - (this.#correctedAt.get(id) ?? -Infinity) < waitMs) return false
    this.#correctedAt.set(id, at)
    return true
  }

  /** To be called every now and then; `all`: the process ends, and keeps nothing. */
  async tend({ all }: { all: boolean }): Promise<void> {
    await this.#places.tend({ all })
    const back = [...this.#pools.values()].flatMap(({ pool, limit }) =>
      pool.empty({ all: all || !this.used }).map(({ grain, units }) => ({
        takings: [{ limit, units }],
        moment: grain * limit.bucket.grainMs,
        firm: true,
      }))
    )
    await this.#return(back)
  }

  /** A promise that is no longer good meanwhile is replaced. */
  async #waitFor(turn: Turn, wanting: Wanting, { aheadMs }: { aheadMs: number }): Promise<void> {
    const { now, clock } = this.#deps
    let asked = false
    while (this.timeOf(turn) - aheadMs > now()) {
      const { promised, epoch } = turn
      // nobody is promised a moment that is too late, unless the store's clock has been put back since
      const lost: boolean = promised !== null && clock.localOf(promised.moment) > wanting.until &&
        !asked
      if (lost || epoch !== this.#epoch) {
        asked = lost
        await this.#retake(turn, wanting, { confirm: false })
        continue
      }
      this.#refuseLate(turn, wanting)
      const at = this.timeOf(turn) - aheadMs
      await waitUntil(at, { signal: wanting.signal, bell: this.#bell, now })
      if (wanting.signal.aborted) throw this.#cancelled()
    }
  }

  async #asWaiting(work: () => Promise<void>): Promise<void> {
    this.#waiting += 1
    try {
      await work()
    } finally {
      this.#waiting -= 1
      this.#usedAt = this.#deps.now()
    }
  }

  #learnEpoch(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#bell.ring()
  }

  async #promisesOf(
    requests: readonly (readonly Taking[])[],
    wanting: Wanting & { readonly ticket: number },
    { confirm, back }: { confirm: boolean; back: readonly Promised[] },
  ): Promise<(Promised | null)[]> {
    const windows = requests.map((takings) => takings.filter(isWindow))
    if (windows.every(({ length }) => length === 0)) return windows.map(() => null)
    const { until, background, signal, ticket, leadMs = 0 } = wanting
    const { now, backgroundShare: share } = this.#deps
    const waitMs = () => until - now()
    for (let given: readonly Promised[] = back;; given = []) {
      const common = { leadMs, waitMs, background, share, confirm, ticket }
      const wish = { ...common, requests: windows, back: given }
      const answer = await this.#line.take(wish)
      if (answer.kind === 'taken') {
        const { moments, firms } = answer
        return windows.map((takings, i) => {
          if (takings.length === 0) return null
          return { takings, moment: moments[i] ?? 0, firm: firms[i] ?? false }
        })
      }
      const againMs = Math.min(againMaxMs, Math.max(againMinMs, answer.waitMs))
      if (!background || againMs > waitMs()) {
        throw this.#late(answer.taking ?? windows.flat()[0], answer.waitMs)
      }
      await waitUntil(now() + againMs, { signal, now })
      if (signal.aborted) throw this.#cancelled()
    }
  }

  #confirm(turn: Turn, wanting: Wanting): Promise<void> {
    return this.#retake(turn, wanting, { confirm: true })
  }

  /** Another moment for one that is no longer good, or is to be firm. */
  async #retake(
    turn: Turn,
    wanting: Wanting,
    { confirm }: { confirm: boolean },
  ): Promise<void> {
    const { promised, ticket } = turn
    turn.promised = null
    const back = promised === null ? [] : [promised]
    const again = { ...wanting, ticket }
    const [taken = null] = await this.#promisesOf([turn.takings], again, { confirm, back })
    turn.promised = taken
    turn.epoch = this.#epoch
  }

  async #portionsOf(takings: readonly Taking[], wanting: Wanting): Promise<PortionOf[]> {
    const found: PortionOf[] = []
    for (const taking of takings.filter(({ limit }) => limit.kind === 'wide')) {
      const { limit, units } = taking
      const answer = await this.#take(limit, units, wanting)
      if (answer.kind === 'taken') {
        found.push({ id: bucketId(limit.bucket), portions: answer.portions })
        continue
      }
      this.#putBack(found)
      const { now } = this.#deps
      const againMs = Math.min(answer.waitMs, againMaxMs)
      if (answer.waitMs > wanting.until - now()) throw this.#late(taking, answer.waitMs)
      await waitUntil(now() + againMs, { signal: wanting.signal, now })
      if (wanting.signal.aborted) throw this.#cancelled()
      return await this.#portionsOf(takings, wanting)
    }
    return found
  }

  /** In the background only while enough is left to mutations. */
  async #take(limit: Limit, units: number, { background }: Wanting): Promise<PoolAnswer> {
    const pool = this.#pool(limit)
    const answer = await pool.take(limit, units)
    if (!background || answer.kind === 'empty') return answer
    if (pool.left === null) await pool.look(limit)
    const kept = limit.bucket.limit * (1 - this.#deps.backgroundShare) * keptOfWide
    if (pool.left === null || pool.left >= kept) return answer
    pool.putBack(answer.portions)
    return { kind: 'empty', waitMs: sharedWaitMs }
  }

  #putBack(portions: readonly PortionOf[]): void {
    for (const { id, portions: units } of portions) this.#pools.get(id)?.pool.putBack(units)
  }

  async #return(back: readonly Promised[]): Promise<void> {
    if (back.length === 0) return
    const { log } = this.#deps
    try {
      const { kind } = await this.#line.take({ ...nothing, back })
      if (kind === 'late') log.warn('limits.not_given_back')
    } catch (error) {
      log.warn('limits.not_given_back', { error })
    }
  }

  #isDue(turn: Turn): boolean {
    const lateMs = this.#deps.now() - this.timeOf(turn)
    if (lateMs < 0) return false
    const { promised } = turn
    if (promised === null) return true
    const goodMs = Math.min(...promised.takings.map(({ limit }) => limit.goodMs))
    return promised.firm && turn.epoch === this.#epoch && lateMs <= goodMs
  }

  /** False: the moment has passed meanwhile. */
  async #takePlaces(turn: Turn, wanting: Wanting): Promise<boolean> {
    const waitMs = wanting.until - this.#deps.now()
    const full = await this.#places.enter(turn.takings, { ...wanting, waitMs })
    if (full !== null) {
      throw wanting.signal.aborted ? this.#cancelled() : this.#late(full, placeWaitMs)
    }
    turn.over = this.#isDue(turn)
    if (!turn.over) this.#places.leave(turn.takings)
    return turn.over
  }

  #blockOf(takings: readonly Taking[]): { taking: Taking; until: number } | null {
    let found: { taking: Taking; until: number } | null = null
    if (this.#blocks.size === 0) return found
    for (const taking of takings.filter((each) => !isWindow(each))) {
      const until = this.#blocks.get(bucketId(taking.limit.bucket)) ?? -Infinity
      if (until > (found?.until ?? -Infinity)) found = { taking, until }
    }
    return found
  }

  #refuseBlocked(takings: readonly Taking[], { until }: Wanting): void {
    const block = this.#blockOf(takings)
    if (block === null) return
    const at = this.#deps.clock.localOf(block.until)
    if (at > until) throw this.#late(block.taking, at - this.#deps.now())
  }

  #refuseLate(turn: Turn, { until }: Wanting): void {
    const at = this.timeOf(turn)
    if (at <= until) return
    throw this.#late(this.#blockOf(turn.takings)?.taking ?? turn.takings[0], at - this.#deps.now())
  }

  #late(taking: Taking | undefined, waitMs: number): Fault {
    const { platform } = this.#deps
    if (taking === undefined) return fault('rate_limited', { platform })
    const { rule, bucket } = taking.limit
    return rateFault(platform, asTold(rule, this.told(bucket)), { waitMs })
  }

  #cancelled(): Fault {
    return fault('statement_cancelled', { platform: this.#deps.platform })
  }

  #pool(limit: Limit): Pool {
    const id = bucketId(limit.bucket)
    const known = this.#pools.get(id)
    if (known !== undefined) {
      known.limit = limit
      return known.pool
    }
    const { store, clock, connection, now } = this.#deps
    const pool = createPool({
      now,
      lease: async (bucket, units) => {
        const askedAt = now()
        const leased = await leaseUnits(store, connection, { bucket, units })
        clock.note(leased.now, askedAt)
        return leased
      },
    })
    this.#pools.set(id, { pool, limit })
    return pool
  }
}

function isWindow({ limit }: Taking): boolean {
  return limit.kind === 'window'
}
