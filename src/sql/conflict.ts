// Room sql: reads the ON CONFLICT clause of an INSERT. An upsert is `plain` only where one request of a platform can mean
// the same: one column to find the record by, and every column set to what was to be inserted.
// https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT

import { isClause, isKeyword } from './clause.ts'
import { nameOf } from './name.ts'
import type { Target, Upsert } from './statement.ts'
import { at, isIdent, isSymbol, isWord, mateOf, skip, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

interface Clause {
  readonly text: string
  readonly tokens: Tokens
  /** The first token of the query. */
  readonly from: number
  /** RETURNING, or the end. */
  readonly end: number
}

/** ON CONFLICT [target] DO {NOTHING | UPDATE SET …}. `on conflict` may also be a join, `do` may also be a label. */
export function readConflict(clause: Clause): Pick<Target, 'onConflict' | 'upsert'> {
  const { tokens, from, end } = clause
  let on: number | null = null
  let found: Pick<Target, 'onConflict' | 'upsert'> | null = null
  for (let index = from; index < end; index = skip(tokens, index)) {
    if (isClause(tokens, index, 'on') && isWord(tokens, index + 1, 'conflict')) on = index
    if (!isClause(tokens, index, 'do')) continue
    if (on === null || found !== null) unsure('an INSERT is not written as expected')
    found = readAction(clause, { on, at: index })
  }
  if (on !== null && found === null) unsure('an ON CONFLICT clause is not written as expected')
  return found ?? { onConflict: null, upsert: null }
}

function readAction(
  clause: Clause,
  place: { on: number; at: number },
): Pick<Target, 'onConflict' | 'upsert'> {
  const { tokens } = clause
  if (isWord(tokens, place.at + 1, 'nothing')) return { onConflict: 'nothing', upsert: null }
  if (isWord(tokens, place.at + 1, 'update') && isWord(tokens, place.at + 2, 'set')) {
    return { onConflict: 'update', upsert: readUpsert(clause, place) }
  }
  return unsure('an ON CONFLICT clause is not written as expected')
}

function readUpsert(
  clause: Clause,
  { on, at: action }: { on: number; at: number },
): Upsert {
  const { text, tokens } = clause
  const open = on + 2
  const single = isSymbol(tokens, open, '(') && isIdent(tokens, open + 1) &&
    mateOf(tokens, open) === open + 2 && action === open + 3
  if (!single) return { plain: false, differs: 'target' }
  const set = readSets(clause, action + 3)
  if (!set.plain) return set
  return { ...set, by: nameOf(text, at(tokens, open + 1)), blank: blankIn(clause) }
}

/** Mappers write every column of an entity, those without a value as DEFAULT. */
function blankIn({ tokens, from, end }: Clause): number[] {
  let next = from
  while (isSymbol(tokens, next, '(')) next++
  if (!isWord(tokens, next, 'values')) return []
  const rows: Range[][] = []
  do {
    const open = next + 1
    if (!isSymbol(tokens, open, '(')) return []
    next = mateOf(tokens, open) + 1
    rows.push(itemsOf(tokens, { from: open + 1, end: next - 1 }))
  } while (isSymbol(tokens, next, ',') && next < end)
  while (isSymbol(tokens, next, ')')) next++
  if (!isClause(tokens, next, 'on')) return []
  const [first = []] = rows
  return first.flatMap((_, index) =>
    rows.every((row) => isBlank(tokens, row[index])) ? [index] : []
  )
}

function isBlank(tokens: Tokens, item: Range | undefined): boolean {
  if (item === undefined) return false
  const { from, end } = unwrap(tokens, item)
  return end === from + 1 && (isWord(tokens, from, 'default') || isWord(tokens, from, 'null'))
}

type Sets = { readonly plain: true; readonly setColumns: readonly string[] } | Odd
type Odd = Extract<Upsert, { plain: false }>

/** The list after SET, up to WHERE or the end. */
function readSets(clause: Clause, from: number): Sets {
  const { tokens, end } = clause
  const setColumns: string[] = []
  let plain = true
  for (let next = from;; next++) {
    const stop = itemEnd(clause, next)
    const columns = readItem(clause, { from: next, end: stop })
    if (columns === null) plain = false
    else setColumns.push(...columns)
    next = stop
    if (next < end && isClause(tokens, next, 'where')) return { plain: false, differs: 'where' }
    if (next >= end) break
  }
  return plain ? { plain, setColumns } : { plain: false, differs: 'value' }
}

/** The index of the `,` or WHERE after an item of the list, or the end. */
function itemEnd({ tokens, end }: Clause, from: number): number {
  let index = from
  for (; index < end; index = skip(tokens, index)) {
    if (isSymbol(tokens, index, ',') || isClause(tokens, index, 'where')) break
  }
  return index
}

interface Range {
  readonly from: number
  readonly end: number
}

/** The columns of `a = EXCLUDED.a` or `(a, b) = [ROW] (EXCLUDED.a, EXCLUDED.b)`; null for anything else. */
function readItem(clause: Clause, { from, end }: Range): string[] | null {
  const { tokens } = clause
  const listed = isSymbol(tokens, from, '(')
  const equals = listed ? mateOf(tokens, from) + 1 : from + 1
  if (!isSymbol(tokens, equals, '=')) return null
  const columns = listed ? itemsOf(tokens, { from: from + 1, end: equals - 1 }) : [{ from, end }]
  const given = { from: equals + 1, end }
  const values = listed ? itemsOf(tokens, unwrapRow(tokens, given)) : [given]
  const names = columns.flatMap((column, index) => {
    const name = listed && column.end !== column.from + 1 ? null : nameAt(clause, column.from)
    const value = values[index]
    return name !== null && value !== undefined && isExcluded(clause, { ...value, name })
      ? [name]
      : []
  })
  return names.length === columns.length && names.length === values.length ? names : null
}

/** What stands between the commas. */
function itemsOf(tokens: Tokens, { from, end }: Range): Range[] {
  const found: Range[] = []
  let start = from
  for (let index = from; index < end; index = skip(tokens, index)) {
    if (!isSymbol(tokens, index, ',')) continue
    found.push({ from: start, end: index })
    start = index + 1
  }
  return [...found, { from: start, end }]
}

/** Without parentheses around the whole. */
function unwrap(tokens: Tokens, { from, end }: Range): Range {
  let [start, stop] = [from, end]
  while (isSymbol(tokens, start, '(') && mateOf(tokens, start) === stop - 1) {
    start++
    stop--
  }
  return { from: start, end: stop }
}

function unwrapRow(tokens: Tokens, range: Range): Range {
  const { from, end } = unwrap(tokens, range)
  const row = isKeyword(tokens, from, 'row') && isSymbol(tokens, from + 1, '(') &&
    mateOf(tokens, from + 1) === end - 1
  return row ? { from: from + 2, end: end - 1 } : { from, end }
}

function nameAt({ text, tokens }: Clause, index: number): string | null {
  return isIdent(tokens, index) ? nameOf(text, at(tokens, index)) : null
}

/** Is it `EXCLUDED.name`, and nothing more? */
function isExcluded(clause: Clause, { name, ...range }: Range & { name: string }): boolean {
  const { from, end } = unwrap(clause.tokens, range)
  return end === from + 3 && nameAt(clause, from) === 'excluded' &&
    isSymbol(clause.tokens, from + 1, '.') && nameAt(clause, from + 2) === name
}
