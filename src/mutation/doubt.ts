// Room mutation: what is in doubt of an outcome, and which later outcome of the same mutation may be believed.

import type { Mutation, Outcome, PlannedRow, UnwrittenRow, Values } from './mutation.ts'

/** An outcome of which not everything is known. */
export type DoubtfulOutcome = Extract<Outcome, { state: 'unknown' | 'partial' }>

/** An outcome with rows that are written. */
export type WrittenOutcome = Extract<Outcome, { state: 'accepted' | 'partial' }>

export function isWritten(outcome: Outcome): outcome is WrittenOutcome {
  return outcome.state === 'accepted' || outcome.state === 'partial'
}

/** Is any row in doubt? */
export function isInDoubt(outcome: Outcome): outcome is DoubtfulOutcome {
  if (outcome.state === 'unknown') return true
  return outcome.state === 'partial' && outcome.others.some(({ state }) => state === 'unknown')
}

/** Does the outcome speak of exactly the rows of the mutation? What does not must not be believed. */
export function isOutcomeOf(mutation: Mutation, outcome: Outcome): boolean {
  if (outcome.state === 'refused' || outcome.state === 'unknown') return true
  const planned = new Map(mutation.rows.map((row) => [row.ordinal, row]))
  const others = outcome.state === 'partial' ? outcome.others : []
  if (outcome.state === 'partial' && outcome.rows.length === 0) return false
  if (outcome.rows.length + others.length !== planned.size) return false
  if (!others.every(({ ordinal }) => planned.delete(ordinal))) return false
  const deleted = mutation.operation === 'delete'
  return outcome.rows.every((row) => {
    const plan = planned.get(row.ordinal)
    if (plan === undefined || !planned.delete(row.ordinal)) return false
    const anyRecord = plan.id === null || mutation.upsertBy !== undefined
    const sameRecord = anyRecord ? row.id !== '' : plan.id === row.id
    return sameRecord && (deleted || row.values !== null)
  })
}

/**
 * May `after` take the place of `before`? It must speak of the mutation's rows; what was known of a row before must be in
 * it: a row written stays written, as the same record, and one that was refused or not sent stays so.
 */
export function isLearnedFrom(
  { mutation, before }: { mutation: Mutation; before: DoubtfulOutcome },
  after: Outcome,
): boolean {
  if (!isOutcomeOf(mutation, after)) return false
  if (before.state === 'unknown') return true
  if (!isWritten(after)) return false
  const written = new Map(after.rows.map(({ ordinal, id }) => [ordinal, id]))
  const others = new Map(othersOf(after).map(({ ordinal, state }) => [ordinal, state]))
  return before.rows.every(({ ordinal, id }) => written.get(ordinal) === id) &&
    before.others.every(({ ordinal, state }) =>
      state === 'unknown' || others.get(ordinal) === state
    )
}

function othersOf(outcome: Outcome): readonly UnwrittenRow[] {
  return outcome.state === 'partial' ? outcome.others : []
}

/** Does it make records that were not there? Those must then be told from what other inserts make. */
export function makesRecords(mutation: Mutation): boolean {
  return mutation.operation === 'insert' && mutation.upsertBy === undefined
}

/**
 * Can one record be what either of two inserts has made? So it is unless a column that both give differs; without regard
 * to case, space around it and the writing of numbers, which platforms change.
 */
export function mayMakeTheSame(ours: Mutation, theirs: Pick<Mutation, 'rows'>): boolean {
  const normal = ours.rows.map(({ values }) => values)
  return theirs.rows.some((row: PlannedRow) =>
    normal.some((values) => areAlike(values, row.values))
  )
}

function areAlike(one: Values, other: Values): boolean {
  return Object.entries(one).every(([name, value]) =>
    !Object.hasOwn(other, name) || plain(value) === plain(other[name] ?? null)
  )
}

function plain(value: string | null): string {
  const text = (value ?? '').trim().toLowerCase()
  return /^[+-]?\d{1,15}(\.\d{1,15})?$/.test(text) ? String(Number(text)) : text
}
