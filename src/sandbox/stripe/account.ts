// Room sandbox: the objects of the emulated Stripe account. Rows never change, they are replaced; and every replacement
// can be taken back, so that a request that is refused has written nothing.

import type { JsonObject } from '../json.ts'
import { StripeFailure } from './errors.ts'
import { createShelf, type Entry, type Shelf } from './shelf.ts'

export interface Account {
  /** Seconds since 1970. */
  nowS(): number
  /** A new id: `cus_…`. */
  nextId(prefix: string): string
  /** A word that nobody can guess: `whsec_…`. */
  nextSecret(prefix: string): string
  /** A text of capitals and digits that was not given out before, such as a coupon's code. */
  nextCode(): string
  /** The object, when it is there and was not deleted. */
  get(object: string, id: string): JsonObject | null
  /** The object, also when it was deleted. */
  getEver(object: string, id: string): JsonObject | null
  /** The living objects of a kind, oldest first. */
  rows(object: string): JsonObject[]
  /** Those that have the value in a member, such as the items of a subscription. */
  rowsBy(object: string, member: string, value: string): JsonObject[]
  /** The objects of a kind in their order. */
  shelf(object: string): Shelf
  /** Adds an object, or replaces the one with its id. */
  put(object: string, row: JsonObject): void
  /** Marks as deleted. */
  remove(object: string, id: string): void
  /** Deletes for good what came first of a kind, but for so many. */
  keepLast(object: string, count: number): void
  /**
   * What `act` answers. When it throws, all that it wrote is taken back, unless Stripe would have kept it. What stays
   * written is told once it is all there, each object once.
   */
  attempt<T>(act: () => T, told: (changes: readonly Change[]) => void): T
}

/** What became of one object. */
export interface Change {
  readonly object: string
  /** null: it is new. */
  readonly before: JsonObject | null
  /** null: it is gone. */
  readonly after: JsonObject | null
}

interface Write {
  readonly object: string
  readonly id: string
  readonly before: Entry | undefined
}

/** `now`: milliseconds since 1970. */
export function createAccount(
  { now: nowMs, makeSecret }: { now: () => number; makeSecret: () => string },
): Account {
  const shelves = new Map<string, Shelf>()
  let writes: Write[] = []
  let count = 0
  const shelfOf = (object: string): Shelf => {
    const shelf = shelves.get(object) ?? createShelf()
    shelves.set(object, shelf)
    return shelf
  }
  const note = (object: string, id: string) => {
    writes.push({ object, id, before: shelfOf(object).get(id) })
  }
  const rollback = () => {
    for (const { object, id, before } of writes.toReversed()) shelfOf(object).restore(id, before)
  }
  const tell = (told: (changes: readonly Change[]) => void) => {
    const firsts = new Map<string, Write>()
    for (const write of writes) {
      const key = `${write.object} ${write.id}`
      if (!firsts.has(key)) firsts.set(key, write)
    }
    const changes = [...firsts.values()].map(({ object, id, before }) => {
      return { object, before: living(before), after: living(shelfOf(object).get(id)) }
    })
    told(changes)
  }
  const next = () => {
    count += 1
    return count
  }
  return {
    nowS: () => Math.floor(nowMs() / 1000),
    nextId: (prefix) => `${prefix}1Sbx${base62(next() * stride).padStart(10, '0')}`,
    nextSecret: (prefix) => `${prefix}${makeSecret().replaceAll('-', '')}`,
    nextCode: () => (next() * stride).toString(36).toUpperCase().padStart(8, '0'),
    get: (object, id) => {
      const entry = shelfOf(object).get(id)
      return entry === undefined || entry.deleted ? null : entry.row
    },
    getEver: (object, id) => shelfOf(object).get(id)?.row ?? null,
    rows: (object) => shelfOf(object).rows(),
    rowsBy: (object, member, value) => shelfOf(object).rowsBy(member, value),
    shelf: shelfOf,
    put: (object, row) => {
      note(object, idOf(row))
      shelfOf(object).put(idOf(row), row)
    },
    remove: (object, id) => {
      note(object, id)
      shelfOf(object).remove(id)
    },
    keepLast: (object, count) => shelfOf(object).keepLast(count),
    attempt: (act, told) => {
      writes = []
      try {
        const answer = act()
        tell(told)
        return answer
      } catch (error) {
        if (error instanceof StripeFailure && error.kept) tell(told)
        else rollback()
        throw error
      } finally {
        writes = []
      }
    },
  }
}

function idOf({ id }: JsonObject): string {
  return typeof id === 'string' ? id : ''
}

function living(entry: Entry | undefined): JsonObject | null {
  return entry === undefined || entry.deleted ? null : entry.row
}

/** Spreads the ids, so that neighbours do not look alike. Odd: two counts never give the same text. */
const stride = 7_368_787

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function base62(number: number): string {
  const place = digits.charAt(number % 62)
  return number < 62 ? place : `${base62(Math.floor(number / 62))}${place}`
}
