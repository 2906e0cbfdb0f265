// Room sandbox: the records of one object in the order of their SystemModstamp and then of their ids, so that a reader that
// goes by it need not look at all of them.

/** A record had this stamp; it may have got another since. */
export interface Stamped {
  readonly stamp: string
  readonly id: string
}

export interface Stamps {
  add(entry: Stamped): void
  /** From the first with this stamp or a later one, in order; with those of records that have another stamp by now. */
  from(stamp: string): Iterable<Stamped>
  /** From the last on. */
  backwards(): Iterable<Stamped>
  /** Forgets those of which `isNow` says false, when they have become many. */
  tidy(isNow: (entry: Stamped) => boolean): void
}

/** Entries that are kept however many of them are old. */
const roomMin = 10_000

export function createStamps(): Stamps {
  let entries: Stamped[] = []
  let whole = 0
  /** Where the entry stands, or would. */
  const placeOf = (entry: Stamped): number => {
    let [low, high] = [0, entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = entries[middle]
      if (other !== undefined && isBefore(other, entry)) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    add: (entry) => {
      const last = entries.at(-1)
      if (last === undefined || isBefore(last, entry)) {
        entries.push(entry)
        return
      }
      const place = placeOf(entry)
      const other = entries[place]
      if (other?.id !== entry.id || other.stamp !== entry.stamp) entries.splice(place, 0, entry)
    },
    *from(stamp) {
      for (let at = placeOf({ stamp, id: '' }); at < entries.length; at += 1) {
        const entry = entries[at]
        if (entry !== undefined) yield entry
      }
    },
    *backwards() {
      for (let at = entries.length - 1; at >= 0; at -= 1) {
        const entry = entries[at]
        if (entry !== undefined) yield entry
      }
    },
    tidy: (isNow) => {
      if (entries.length < 2 * whole + roomMin) return
      entries = entries.filter(isNow)
      whole = entries.length
    },
  }
}

function isBefore(left: Stamped, right: Stamped): boolean {
  return left.stamp < right.stamp || (left.stamp === right.stamp && left.id < right.id)
}
