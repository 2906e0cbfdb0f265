// Room sandbox: the objects of the emulated Stripe account. Rows never change, they are replaced; and every replacement
// can be taken back, so that a request that is refused has written nothing.

import type { JsonObject } from '../json.ts'
import { StripeFailure } from './errors.ts'

/** One object: as Stripe answers it, but for the parts that are put together when it is answered. */
interface Entry {
  readonly row: JsonObject
  readonly deleted: boolean
}

export interface Account {
  /** Seconds since 1970. */
  nowS(): number
  /** A new id: `cus_…`. */
  nextId(prefix: string): string
  /** A text of capitals and digits that was not given out before, such as a coupon's code. */
  nextCode(): string
  /** The object, when it is there and was not deleted. */
  get(object: string, id: string): JsonObject | null
  /** The object, also when it was deleted. */
  getEver(object: string, id: string): JsonObject | null
  /** The living objects of a kind, oldest first. */
  rows(object: string): JsonObject[]
  /** Adds an object, or replaces the one with its id. */
  put(object: string, row: JsonObject): void
  /** Marks as deleted. */
  remove(object: string, id: string): void
  /** Deletes an object for good. */
  forget(object: string, id: string): void
  /**
   * What `act` answers. When it throws, all that it wrote is taken back, unless Stripe would have kept it. What stays
   * written is told once it is all there, each object once.
   */
  attempt<T>(act: () => T, told: (change: Change) => void): T
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

/** `nowMs`: milliseconds since 1970. */
export function createAccount(nowMs: () => number): Account {
  const tables = new Map<string, Map<string, Entry>>()
  let writes: Write[] = []
  let count = 0
  const tableOf = (object: string): Map<string, Entry> => {
    const table = tables.get(object) ?? new Map<string, Entry>()
    tables.set(object, table)
    return table
  }
  const place = (object: string, id: string, entry: Entry | undefined) => {
    const table = tableOf(object)
    writes.push({ object, id, before: table.get(id) })
    if (entry === undefined) table.delete(id)
    else table.set(id, entry)
  }
  const rollback = () => {
    for (const { object, id, before } of writes.toReversed()) {
      if (before === undefined) tableOf(object).delete(id)
      else tableOf(object).set(id, before)
    }
  }
  const tell = (told: (change: Change) => void) => {
    const firsts = new Map<string, Write>()
    for (const write of writes) {
      const key = `${write.object} ${write.id}`
      if (!firsts.has(key)) firsts.set(key, write)
    }
    for (const { object, id, before } of firsts.values()) {
      told({ object, before: living(before), after: living(tableOf(object).get(id)) })
    }
  }
  const next = () => {
    count += 1
    return count
  }
  return {
    nowS: () => Math.floor(nowMs() / 1000),
    nextId: (prefix) => `${prefix}1Sbx${base62(next() * stride).padStart(10, '0')}`,
    nextCode: () => (next() * stride).toString(36).toUpperCase().padStart(8, '0'),
    get: (object, id) => {
      const entry = tableOf(object).get(id)
      return entry === undefined || entry.deleted ? null : entry.row
    },
    getEver: (object, id) => tableOf(object).get(id)?.row ?? null,
    rows: (object) =>
      [...tableOf(object).values()].filter(({ deleted }) => !deleted).map(({ row }) => row),
    put: (object, row) => place(object, idOf(row), { row, deleted: false }),
    remove: (object, id) => {
      const entry = tableOf(object).get(id)
      if (entry !== undefined) place(object, id, { ...entry, deleted: true })
    },
    forget: (object, id) => place(object, id, undefined),
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
