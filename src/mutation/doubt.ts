// Room mutation: what is in doubt of an outcome, and which later outcome of the same mutation may be believed.

import type { Mutation, Outcome, UnwrittenRow, Values } from './mutation.ts'

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

/** A record as a platform has it; null: it is gone. */
interface Held {
  readonly values: Values | null
}

/**
 * Tells of another insert whether it may have made one of the records that were found for ours. So it is unless it gives
 * another value in a column that tells, and that is one in which the record is as a row of ours: what a platform does not
 * answer, or answers otherwise than it was sent, tells nothing.
 */
export function mayMakeTheSame(
  ours: Mutation,
  records: readonly Held[],
): (theirs: Pick<Mutation, 'rows'>) => boolean {
  const rows = ours.rows.map(({ values }) => formsOf(values))
  const telling = records.map(({ values }) =>
    [...formsOf(values ?? {})].filter(([name, held]) =>
      rows.some((row) => row.has(name) && !differs(row.get(name), held))
    )
  )
  return (theirs) =>
    theirs.rows.some(({ values }) => {
      const forms = formsOf(values)
      return telling.some((columns) =>
        columns.every(([name, held]) => !differs(forms.get(name), held))
      )
    })
}

/** What platforms leave of a value, whatever they make of its writing. */
interface Form {
  readonly raw: string
  readonly text: string
  /** null: it is none. */
  readonly number: number | null
}

/** The columns that can tell records apart: texts and numbers. Lists, objects and moments can be written in many ways. */
function formsOf(values: Values): ReadonlyMap<string, Form> {
  return new Map(
    Object.entries(values).flatMap(([name, value]) =>
      value === null || isStructured(value) ? [] : [[name, formOf(value)] as const]
    ),
  )
}

/** JSON, or a point in time: `2026-11-26T…`, `2026-11-26 …`, `10:20`. */
function isStructured(text: string): boolean {
  return /^\s*[[{]|^\s*\d{4,}-\d\d-\d\d[T ]|^\s*\d\d:\d\d/.test(text)
}

function formOf(raw: string): Form {
  const number = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(raw) ? Number(raw) : null
  return { raw, text: bare(raw), number }
}

/** The letters and digits; of a text that has none, the text. What is between `<` and `>` may be HTML. */
function bare(text: string): string {
  const plain = text.normalize('NFC').toLowerCase()
  return plain.replace(/<[^<>]*>|<|[^\p{L}\p{N}<]+/gu, '') || plain.replace(/\s+/g, '')
}

/** undefined: the column was not given, and may have any value. */
function differs(one: Form | undefined, other: Form): boolean {
  if (one === undefined) return false
  if (one.number !== null && other.number !== null) return one.number !== other.number
  return one.text !== other.text && !isSameId(one.raw, other.raw)
}

/** An id of 15 characters that comes back with the three that say which of them are in upper case. */
function isSameId(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return short.length === 15 && long.length === 18 && long.startsWith(short)
}
