// Room platforms: which records were made of which rows of an insert, where nobody heard the answer. A record is taken for a
// row's only when there are exactly as many records as rows that they can be of.

import type { PlannedRow, Values } from '../mutation/mutation.ts'
import { isEqual, isPossible, type Likeness } from './likeness.ts'

/** A record as the platform has it now. */
export interface Trace {
  readonly id: string
  readonly values: Values
  /** When it was made and last changed, by the platform's clock, in milliseconds since 1970; absent where it does not say. */
  readonly createdAt?: number
  readonly changedAt?: number
  /** It is in the platform's bin. */
  readonly deleted?: boolean
}

/** found: the row's record. none: no record can be the row's. unclear: these may be, one of them or none. */
export type Match =
  | { readonly state: 'found'; readonly trace: Trace }
  | { readonly state: 'none' }
  | { readonly state: 'unclear'; readonly traces: readonly Trace[] }

interface Matching {
  readonly likeness: (row: PlannedRow, trace: Trace) => Likeness
  /** Was it made when the row was sent, or so shortly before that two clocks may differ? */
  readonly isTimely: (trace: Trace) => boolean
}

/**
 * Matches rows with the records made about that time. Rows that hold the same, and records that hold what they sent, are one
 * group: as many records as rows, all timely and none deleted, are those of the rows; otherwise nothing is claimed.
 */
export function matchTraces(
  rows: readonly PlannedRow[],
  traces: readonly Trace[],
  { likeness, isTimely }: Matching,
): ReadonlyMap<PlannedRow, Match> {
  const alike = new Map(rows.map((row) => [
    row,
    traces.map((trace) => ({ trace, likeness: likeness(row, trace) })),
  ]))
  const edges = new Map([...alike].map(([row, all]) => [
    row,
    all.filter((one) => isEqual(one.likeness)).map(({ trace }) => trace),
  ]))
  const matches = new Map<PlannedRow, Match>()
  for (const group of groupsOf(edges)) {
    const pairs = group.traces.length === group.rows.length &&
        group.traces.every((trace) => isTimely(trace) && trace.deleted !== true)
      ? paired(group.rows, edges)
      : undefined
    for (const row of group.rows) {
      const trace = pairs?.get(row)
      if (trace !== undefined) matches.set(row, { state: 'found', trace })
      else if (group.traces.length > 0) matches.set(row, { state: 'unclear', traces: group.traces })
    }
  }
  const taken = new Set(
    [...matches.values()].flatMap((one) => one.state === 'found' ? [one.trace] : []),
  )
  for (const [row, all] of alike) {
    if (matches.has(row)) continue
    const possible = all.filter((one) => !taken.has(one.trace) && isPossible(one.likeness))
      .map(({ trace }) => trace)
    matches.set(
      row,
      possible.length > 0 ? { state: 'unclear', traces: possible } : { state: 'none' },
    )
  }
  return matches
}

type Edges = ReadonlyMap<PlannedRow, readonly Trace[]>

interface Group {
  readonly rows: readonly PlannedRow[]
  readonly traces: readonly Trace[]
}

/** Rows that share records, directly or through others, with their records. */
function groupsOf(edges: Edges): Group[] {
  let groups: Group[] = []
  for (const [row, traces] of edges) {
    const touched = groups.filter((group) => group.traces.some((trace) => traces.includes(trace)))
    const merged = {
      rows: [...touched.flatMap((group) => group.rows), row],
      traces: [...new Set([...touched.flatMap((group) => group.traces), ...traces])],
    }
    groups = [...groups.filter((group) => !touched.includes(group)), merged]
  }
  return groups
}

/** A record of its own for every row, by augmenting paths; undefined when there is no such pairing. */
function paired(
  rows: readonly PlannedRow[],
  edges: Edges,
): ReadonlyMap<PlannedRow, Trace> | undefined {
  const holders = new Map<Trace, PlannedRow>()
  const place = (row: PlannedRow, tried: Set<Trace>): boolean => {
    for (const trace of edges.get(row) ?? []) {
      if (tried.has(trace)) continue
      tried.add(trace)
      const holder = holders.get(trace)
      if (holder === undefined || place(holder, tried)) {
        holders.set(trace, row)
        return true
      }
    }
    return false
  }
  if (!rows.every((row) => place(row, new Set()))) return undefined
  return new Map([...holders].map(([trace, row]) => [row, trace]))
}
