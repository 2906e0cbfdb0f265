// Room sync: records that a read has brought and the table does not have: are they new, or is a mutation about to carry
// them in, or has one just deleted them?

import type { Values } from '../mutation/mutation.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Maker, UnderWay } from './newer.ts'
import { isBefore, type Moment } from './writer-moment.ts'
import type { Later } from './writing.ts'

interface Record {
  readonly id: string
  readonly values: Values
}

/** How far the clock of a platform may be from ours, in milliseconds. */
const skewMs = 10 * 60_000
const rememberedMax = 10_000

/** What a writer remembers of records that are not in the table. Bounded: what it forgets is only read once more. */
export interface Absences {
  /** Why the record is not to be inserted; null: it is. `under`: the journal, read after the record was. */
  reasonOf(
    record: Record,
    options: {
      under: UnderWay
      moment: Moment
      /** When the platform had it already, by the store's clock, as others remember it. */
      knownAt?: number | undefined
    },
  ): Later | null
  /** These have been removed by the transaction of this number. */
  removed(ids: readonly string[], xid: string): void
}

/** For one table. */
export function createAbsences(table: SyncedTable): Absences {
  const removals = new Map<string, string>()
  /** The latest removal that was forgotten. */
  let forgotten: string | null = null
  /** When a record that waits for a mutation was first known to be there, by the store's clock. */
  const known = new Map<string, number>()
  const stamps = stampsOf(table)
  return {
    reasonOf: (record, { under, moment, knownAt = Infinity }) => {
      const removal = removals.get(record.id) ?? forgotten
      if (removal !== null && !isBefore(removal, moment)) return 'newer'
      if (under.open.has(record.id)) return 'inserting'
      if (under.answered.has(record.id)) return 'newer'
      const knownSince = Math.min(knownAt, known.get(record.id) ?? Infinity)
      const madeBefore = { newest: newestOf(record, stamps), known: knownSince }
      if (!under.makers.some((maker) => mayHaveMade(maker, record, madeBefore))) {
        known.delete(record.id)
        return null
      }
      if (known.size < rememberedMax && !known.has(record.id)) known.set(record.id, under.now)
      return 'inserting'
    },
    removed: (ids, xid) => {
      for (const id of ids) {
        removals.delete(id) // the newest last
        removals.set(id, xid)
      }
      for (const [id, old] of removals) {
        if (removals.size <= rememberedMax) break
        removals.delete(id)
        forgotten = old
      }
    },
  }
}

/** Columns in which a platform says when it made or changed a record: moments that nobody else sets. */
function stampsOf({ columns }: SyncedTable): string[] {
  return columns
    .filter(({ type, insertable, updatable }) =>
      /^timestamp(tz| with time zone)/.test(type) && !insertable && !updatable
    )
    .map(({ name }) => name)
}

/** The latest moment that the platform has put on the record; null: none. */
function newestOf({ values }: Record, stamps: readonly string[]): number | null {
  const moments = stamps.map((name) => Date.parse(values[name] ?? ''))
    .filter((moment) => !Number.isNaN(moment))
  return moments.length === 0 ? null : Math.max(...moments)
}

/**
 * Not what was there before the request left: known to us, or stamped long before by the platform. An upsert may change a
 * record that has been there for ever, but only one with a key of its own.
 */
function mayHaveMade(
  { sentAt, upsert }: Maker,
  { values }: Record,
  before: { newest: number | null; known: number },
): boolean {
  if (upsert !== null) {
    const key = values[upsert.column]?.toLowerCase() ?? null
    return key !== null && upsert.keys.some((one) => one.toLowerCase() === key)
  }
  if (sentAt === null) return false
  if (before.known < sentAt) return false
  return before.newest === null || before.newest >= sentAt - skewMs
}
