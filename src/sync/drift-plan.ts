// Room sync: what becomes of a table's columns when its platform describes other fields than before. Pure; it promises that
// every field has a column of its type, that no column with values is given up, and that no column of a person is taken.

import {
  asideComment,
  attributesMax,
  columnComment,
  type ColumnStep,
  isCommentOf,
  type PresentColumn,
} from '../database/index.ts'
import { nameBytesMax } from '../lib/name.ts'
import { type Column, idColumn } from '../mutation/table.ts'
import type { Retired } from '../store/syncs.ts'
import { holds, isSameType, typeWord, widens } from './drift-types.ts'

/** A table before and after. */
export interface DriftInput {
  readonly platform: string
  /** Its columns as the store has them; none: it is new. */
  readonly known: readonly Column[]
  readonly retired: readonly Retired[]
  /** As the platform describes it now, what was not chosen left out. */
  readonly described: readonly Column[]
  /** Fields that the platform still has and that nobody wants any more. */
  readonly unchosen: ReadonlySet<string>
  /** What the database has; null: no such table yet. */
  readonly present: ReadonlyMap<string, PresentColumn> | null
  /** How many of `attributesMax` are used. */
  readonly attributes: number
  /** `2026-11-26`. */
  readonly today: string
}

export interface DriftPlan {
  /** As they will be, in their order; the first is `id`. */
  readonly columns: readonly Column[]
  readonly retired: readonly Retired[]
  readonly steps: readonly ColumnStep[]
  /** Columns that come to the table, or come back: they need a pass to be filled. */
  readonly added: readonly string[]
  /** What people should know, in words. */
  readonly notes: readonly string[]
}

interface Draft {
  readonly columns: Column[]
  readonly retired: Retired[]
  readonly steps: ColumnStep[]
  readonly added: string[]
  readonly notes: string[]
  /** Names that are taken in the table. */
  readonly taken: Set<string>
  attributes: number
}

/** Plans the change. */
export function planDrift(input: DriftInput): DriftPlan {
  const { known, described, present } = input
  const draft: Draft = {
    columns: [],
    retired: [...input.retired],
    steps: [],
    added: [],
    notes: [],
    taken: new Set([...present?.keys() ?? [], ...known.map(({ name }) => name)]),
    attributes: input.attributes,
  }
  const before = byKey(known)
  for (const [key, column] of byKey(described)) {
    const old = before.get(key)
    if (old === undefined) arrive(input, draft, column)
    else stay(input, draft, { old, column })
  }
  const now = byKey(described)
  for (const [key, old] of before) if (!now.has(key)) leave(input, draft, old)
  const { columns, retired, steps, added, notes } = draft
  return { columns, retired, steps, added, notes }
}

/** By the platform's field; where two columns are made of one field, by their names too. */
function byKey(columns: readonly Column[]): Map<string, Column> {
  const counts = new Map<string, number>()
  for (const { field } of columns) counts.set(field, (counts.get(field) ?? 0) + 1)
  return new Map(columns.map((column) => {
    const alone = counts.get(column.field) === 1
    return [alone ? column.field : `${column.field}\0${column.name}`, column]
  }))
}

function stay(
  input: DriftInput,
  draft: Draft,
  { old, column }: { old: Column; column: Column },
): void {
  const { label: _before, ...plain } = column
  const moved = column.name === old.name ? {} : { label: column.name }
  const kept: Column = { ...plain, ...moved, name: old.name }
  const type = input.present?.get(old.name)?.type ?? old.type
  if (!input.present?.has(old.name)) {
    draft.attributes += 1
    draft.added.push(old.name)
    draft.columns.push(kept)
    // what a person has made of it is theirs, as long as the platform has not changed it
  } else if (isSameType(old.type, column.type)) draft.columns.push(kept)
  else if (isSameType(type, column.type)) {
    // changed already, and whoever did it did not come to say so
    draft.columns.push(kept)
    draft.added.push(old.name)
    // what was narrowed at the platform fits; the column need not change
  } else if (holds(type, column.type)) draft.columns.push({ ...kept, type: old.type })
  else retype(input, draft, { old, kept, type })
}

function retype(
  input: DriftInput,
  draft: Draft,
  { old, kept, type }: { old: Column; kept: Column; type: string },
): void {
  const { today } = input
  if (old.name === idColumn || draft.attributes >= attributesMax) {
    draft.columns.push({ ...kept, type: old.type })
    draft.notes.push(`column "${old.name}" stays ${old.type}, though the field is ${kept.type} now`)
    return
  }
  const aside = freeName(`${old.name}_was_${typeWord(type)}`, draft.taken)
  const why = `until ${today}; since then the field is ${kept.type}, in column "${old.name}"`
  draft.taken.add(aside)
  draft.attributes += 1
  draft.columns.push(kept)
  draft.added.push(old.name)
  draft.retired.push({ name: aside, field: old.field, type, why: 'retyped', on: today })
  draft.steps.push({
    kind: 'retype',
    name: old.name,
    type: kept.type,
    inPlace: widens(type, kept.type),
    aside,
    comment: asideComment({ field: old.field, why }),
  })
}

/** A field that has no column in the store: its column may be there from before. */
function arrive(input: DriftInput, draft: Draft, column: Column): void {
  const back = draft.retired.find(({ name, field, type, why }) =>
    field === column.field && why !== 'retyped' && isSameType(type, column.type) &&
    input.present?.has(name)
  )
  if (back !== undefined) {
    draft.retired.splice(draft.retired.indexOf(back), 1)
    draft.columns.push(named(column, back.name))
    draft.added.push(back.name)
    return
  }
  const ours = leftOver(input, draft, column)
  if (ours === undefined && draft.attributes >= attributesMax) {
    draft.notes.push(
      `field ${column.field} has no column: a table of Postgres holds ${attributesMax}`,
    )
    return
  }
  const name = ours ?? freeName(column.name, draft.taken)
  if (ours === undefined) draft.attributes += 1
  draft.taken.add(name)
  draft.columns.push(named(column, name))
  draft.added.push(name)
}

/** A column that was made for this field by somebody who did not come to say so, or before the store was lost. */
function leftOver(input: DriftInput, draft: Draft, column: Column): string | undefined {
  const claimed = new Set(
    [...input.known, ...draft.columns, ...draft.retired].map(({ name }) => name),
  )
  const isOurs = ([name, { type, comment }]: [string, PresentColumn]) =>
    !claimed.has(name) && isSameType(type, column.type) &&
    (name === idColumn
      ? column.name === idColumn
      : isCommentOf(comment, column.field) && !comment?.startsWith(`${column.field} (until `))
  const found = [...input.present ?? []].filter(isOurs).map(([name]) => name)
  return found.includes(column.name) ? column.name : found[0]
}

function named(column: Column, name: string): Column {
  return name === column.name ? column : { ...column, name, label: column.name }
}

function leave({ platform, unchosen, present, today }: DriftInput, draft: Draft, old: Column) {
  if (present !== null && !present.has(old.name)) return
  const why = unchosen.has(old.field) ? 'unchosen' : 'removed'
  const { name, field, type } = old
  const words = why === 'removed'
    ? `removed at ${platform} on ${today}`
    : `not synced since ${today}`
  draft.retired.push({ name, field, type, why, on: today })
  draft.steps.push({ kind: 'leave', name, comment: `${columnComment(old)} (${words})` })
}

/** The name, or the first of `name_2`, `name_3`, … that is free, within what Postgres takes. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = fit(wanted, '')
  for (let count = 2; taken.has(name); count++) name = fit(wanted, `_${count}`)
  return name
}

function fit(stem: string, suffix: string): string {
  let text = stem
  while (Buffer.byteLength(text + suffix) > nameBytesMax) text = text.replace(/.$/su, '')
  return text + suffix
}
