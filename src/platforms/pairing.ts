// Room platforms: which row of an insert each new record is about, where the answer does not name the rows.

/** `sure: false`: the record is that of one of several rows that its values do not tell apart. */
export interface Pair<Found> {
  readonly record: Found
  readonly sure: boolean
}

/**
 * Pairs rows with the records that were made of them. `likeness`: how many of the values sent a record has; a platform
 * changes some (case, form), so that none of them proves anything alone. Sure: a row and a record that are each more
 * like the other than like any other one, or all that is left. When just as many records as rows are left, they are taken
 * in order, which is not sure; when fewer, nobody can say which rows were written, and none is claimed.
 */
export function pairAlike<Row, Found>(
  rows: readonly Row[],
  records: readonly Found[],
  likeness: (row: Row, record: Found) => number,
): ReadonlyMap<Row, Pair<Found>> {
  const scores = new Map(
    rows.map((row) => [row, new Map(records.map((each) => [each, likeness(row, each)]))]),
  )
  const scoreOf = (row: Row, record: Found) => scores.get(row)?.get(record) ?? 0
  const pairs = new Map<Row, Pair<Found>>()
  let left: Left<Row, Found> = { rows, records }
  for (;;) {
    const best = bestPairs(left, scoreOf)
    if (best.size === 0) break
    for (const [row, record] of best) pairs.set(row, { record, sure: true })
    left = without(left, best)
  }
  if (left.rows.length !== left.records.length) return pairs
  const sure = left.rows.length === 1
  for (const [i, row] of left.rows.entries()) {
    const record = left.records[i]
    if (record !== undefined) pairs.set(row, { record, sure })
  }
  return pairs
}

interface Left<Row, Found> {
  readonly rows: readonly Row[]
  readonly records: readonly Found[]
}

function without<Row, Found>(
  { rows, records }: Left<Row, Found>,
  pairs: ReadonlyMap<Row, Found>,
): Left<Row, Found> {
  const taken = new Set(pairs.values())
  return {
    rows: rows.filter((row) => !pairs.has(row)),
    records: records.filter((record) => !taken.has(record)),
  }
}

/** Rows and records that are each the other's only best. */
function bestPairs<Row, Found>(
  { rows, records }: Left<Row, Found>,
  scoreOf: (row: Row, record: Found) => number,
): ReadonlyMap<Row, Found> {
  return new Map(rows.flatMap((row) => {
    const record = onlyBest(records, (each) => scoreOf(row, each))
    if (record === undefined) return []
    const rival = onlyBest(rows, (each) => scoreOf(each, record))
    return rival === row ? [[row, record] as const] : []
  }))
}

/** The one with the highest score, where no other has it and it is above zero. */
function onlyBest<T>(items: readonly T[], scoreOf: (item: T) => number): T | undefined {
  let [best, score]: [T | undefined, number] = [undefined, 0]
  for (const item of items) {
    const its = scoreOf(item)
    if (its > score) [best, score] = [item, its]
    else if (its === score) best = undefined
  }
  return best
}
