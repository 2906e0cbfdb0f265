// Room sandbox: the living records of one type in the order of their last change. A record that changes again leaves a hole
// where it was; how many there are before a place is known without looking at all of them.

export interface Modified<Row> {
  /** A living record changed; `seq` grows with every change. */
  push(row: Row, at: Change): void
  /** Takes the last push back. */
  pop(): void
  /** The record with this change is no longer as that change left it. */
  drop(seq: number): void
  /** Takes a drop back. */
  restore(seq: number): void
  /** Records last changed from one moment to another, both included, in that order. */
  walk(span: Span): Iterable<Row>
  /** How many that are. */
  count(span: Span): number
  /** Fills the holes when they are many. */
  tidy(): void
}

export interface Change {
  readonly atMs: number
  readonly seq: number
}

export interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

interface Entry<Row> {
  readonly row: Row
  readonly atMs: number
  readonly seq: number
}

const blockSize = 4096
const holesMax = 10_000

/** An empty one. Moments must not go back; one that does is taken for the latest seen. */
export function createModified<Row>(): Modified<Row> {
  let entries: Entry<Row>[] = []
  let holes = new Set<number>()
  let filled: number[] = []
  const blockAt = (index: number) => Math.floor(index / blockSize)
  const tell = (index: number, by: number) => {
    filled[blockAt(index)] = (filled[blockAt(index)] ?? 0) + by
  }
  const indexOf = (seq: number) => firstIndex(entries, (entry) => entry.seq >= seq)
  const from = (atMs: number) => firstIndex(entries, (entry) => entry.atMs >= atMs)
  const isHole = (index: number) => holes.has(entries[index]?.seq ?? -1)
  const countBefore = (index: number) => {
    let count = 0
    for (let block = 0; block < blockAt(index); block++) count += filled[block] ?? 0
    for (let i = blockAt(index) * blockSize; i < index; i++) count += isHole(i) ? 0 : 1
    return count
  }
  const add = (entry: Entry<Row>) => {
    entries.push(entry)
    tell(entries.length - 1, 1)
  }
  return {
    push: (row, { atMs, seq }) => {
      add({ row, seq, atMs: Math.max(atMs, entries.at(-1)?.atMs ?? atMs) })
    },
    pop: () => {
      tell(entries.length - 1, -1)
      entries.pop()
    },
    drop: (seq) => {
      holes.add(seq)
      tell(indexOf(seq), -1)
    },
    restore: (seq) => {
      holes.delete(seq)
      tell(indexOf(seq), 1)
    },
    walk: function* ({ fromMs, untilMs }) {
      for (let index = from(fromMs); index < entries.length; index++) {
        const entry = entries[index]
        if (entry === undefined || entry.atMs > untilMs) return
        if (!holes.has(entry.seq)) yield entry.row
      }
    },
    count: ({ fromMs, untilMs }) =>
      Math.max(
        0,
        countBefore(firstIndex(entries, ({ atMs }) => atMs > untilMs)) - countBefore(from(fromMs)),
      ),
    tidy: () => {
      if (holes.size < holesMax || holes.size * 2 < entries.length) return
      const kept = entries.filter(({ seq }) => !holes.has(seq))
      holes = new Set()
      entries = []
      filled = []
      for (const entry of kept) add(entry)
    },
  }
}

/** The first index at which it holds, where it holds for all after it; the length when it never does. */
export function firstIndex<T>(list: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = list[middle]
    if (item !== undefined && holds(item)) high = middle
    else low = middle + 1
  }
  return low
}
