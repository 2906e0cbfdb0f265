// Room sql: reads one mutation at its verb: the target and what is written. Strict: whatever does not have the form of
// the manual is "not certain".
// https://www.postgresql.org/docs/current/sql-insert.html, sql-update, sql-delete, sql-merge, sql-truncate, sql-copy

import { clauseAt, isClause, isKeyword } from './clause.ts'
import { readConflict } from './conflict.ts'
import { nameOf, readQualified } from './name.ts'
import type { Target, TargetOperation } from './statement.ts'
import { at, isIdent, isSymbol, isWord, mateOf, skip, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

/** Where a mutation stands: its verb at `index`, everything of it before `end`. */
export interface Span {
  readonly text: string
  readonly tokens: Tokens
  readonly index: number
  readonly end: number
  readonly place: Target['place']
}

interface Found {
  readonly schema: string | null
  readonly name: string
  readonly next: number
}

const target = (span: Span, operation: TargetOperation, found: Found): Target => ({
  operation,
  schema: found.schema,
  name: found.name,
  place: span.place,
  setColumns: null,
  insertColumns: null,
  onConflict: null,
  upsert: null,
  returning: false,
})

/** Can a query start with the token at the index? `values` may also be a column's name. */
export function startsQuery(tokens: Tokens, index: number): boolean {
  const token = at(tokens, index)
  if (token.kind === 'symbol') return token.text === '('
  if (token.kind !== 'word') return false
  return ['select', 'with', 'table'].includes(token.text) ||
    (token.text === 'values' && isSymbol(tokens, index + 1, '('))
}

/** INSERT INTO name [AS alias] [(columns)] [OVERRIDING … VALUE] {query | DEFAULT VALUES} [ON CONFLICT …] [RETURNING …] */
export function readInsert(span: Span): Target {
  const { text, tokens, end } = span
  expectWord(tokens, span.index + 1, 'into')
  const found = readQualified(text, tokens, span.index + 2)
  let { next } = found
  if (isWord(tokens, next, 'as')) next = readIdent(tokens, next + 1)
  let insertColumns: string[] | null = null
  if (isSymbol(tokens, next, '(') && !startsQuery(tokens, next + 1)) {
    insertColumns = readColumns(text, tokens, next)
    next = mateOf(tokens, next) + 1
  }
  if (isWord(tokens, next, 'overriding')) {
    expectWord(tokens, next + 2, 'value')
    next += 3
  }
  const defaults = isWord(tokens, next, 'default') && isWord(tokens, next + 1, 'values')
  if (next >= end || !(defaults || startsQuery(tokens, next))) {
    unsure('an INSERT is not written as expected')
  }
  const returning = clauseAt(tokens, { from: next, end, word: 'returning' })
  return {
    ...target(span, 'insert', found),
    insertColumns,
    ...readConflict({ text, tokens, from: next, end: returning }),
    returning: returning < end,
  }
}

/** UPDATE [ONLY] name [*] [[AS] alias] SET … [FROM …] [WHERE …] [RETURNING …] */
export function readUpdate(span: Span): Target {
  const { tokens, end } = span
  const found = readRelation(span, span.index + 1)
  const next = readAlias(tokens, found.next, ['set'])
  expectWord(tokens, next, 'set')
  const { columns, next: after } = readSet(span, next + 1)
  return {
    ...target(span, 'update', found),
    setColumns: columns,
    returning: clauseAt(tokens, { from: after, end, word: 'returning' }) < end,
  }
}

/** The list after SET, up to FROM, WHERE, RETURNING or the end. */
function readSet(
  { text, tokens, end }: Span,
  from: number,
): { columns: string[]; next: number } {
  const columns: string[] = []
  let next = from
  for (;;) {
    if (isSymbol(tokens, next, '(')) {
      columns.push(...readColumns(text, tokens, next))
      next = mateOf(tokens, next) + 1
    } else {
      columns.push(nameOf(text, at(tokens, requireIdent(tokens, next))))
      next = readIndirection(tokens, next + 1)
    }
    if (!isSymbol(tokens, next, '=')) unsure('a SET list is not written as expected')
    const value = next + 1
    next = expressionEnd(tokens, value, end)
    if (next === value) unsure('a SET list is not written as expected')
    if (!isSymbol(tokens, next, ',') || next >= end) return { columns, next }
    next++
  }
}

/** The index of the `,` or of the clause that ends an expression of SET. FROM also stands in IS DISTINCT FROM. */
function expressionEnd(tokens: Tokens, from: number, end: number): number {
  let index = from
  for (; index < end; index = skip(tokens, index)) {
    if (isSymbol(tokens, index, ',')) break
    if (isClause(tokens, index, 'where') || isClause(tokens, index, 'returning')) break
    if (isClause(tokens, index, 'from') && !isKeyword(tokens, index - 1, 'distinct')) break
  }
  return index
}

/** DELETE FROM [ONLY] name [*] [[AS] alias] [USING …] [WHERE …] [RETURNING …] */
export function readDelete(span: Span): Target {
  const { tokens, end } = span
  expectWord(tokens, span.index + 1, 'from')
  const found = readRelation(span, span.index + 2)
  const clauses = ['using', 'where', 'returning']
  const next = found.next >= end ? end : readAlias(tokens, found.next, clauses)
  if (next < end && !clauses.some((word) => isWord(tokens, next, word))) {
    unsure('a DELETE is not written as expected')
  }
  return {
    ...target(span, 'delete', found),
    returning: clauseAt(tokens, { from: next, end, word: 'returning' }) < end,
  }
}

/** MERGE INTO [ONLY] name [*] [[AS] alias] USING … */
export function readMerge(span: Span): Target {
  const { tokens, end } = span
  expectWord(tokens, span.index + 1, 'into')
  const found = readRelation(span, span.index + 2)
  const next = readAlias(tokens, found.next, ['using'])
  expectWord(tokens, next, 'using')
  return {
    ...target(span, 'merge', found),
    returning: clauseAt(tokens, { from: next, end, word: 'returning' }) < end,
  }
}

/** TRUNCATE [TABLE] [ONLY] name [*] [, …] [RESTART IDENTITY | CONTINUE IDENTITY] [CASCADE | RESTRICT] */
export function readTruncate(span: Span): Target[] {
  const { tokens, end } = span
  const found: Target[] = []
  let next = isWord(tokens, span.index + 1, 'table') ? span.index + 2 : span.index + 1
  for (;;) {
    const relation = readRelation(span, next)
    found.push(target(span, 'truncate', relation))
    next = relation.next
    if (!isSymbol(tokens, next, ',')) break
    next++
  }
  if (isWord(tokens, next, 'restart') || isWord(tokens, next, 'continue')) {
    expectWord(tokens, next + 1, 'identity')
    next += 2
  }
  if (isWord(tokens, next, 'cascade') || isWord(tokens, next, 'restrict')) next++
  if (next !== end) unsure('a TRUNCATE is not written as expected')
  return found
}

/** COPY [BINARY] name [(columns)] {FROM | TO} …; null for TO. */
export function readCopy(span: Span): Target | null {
  const { text, tokens } = span
  const from = isWord(tokens, span.index + 1, 'binary') ? span.index + 2 : span.index + 1
  const found = readQualified(text, tokens, from)
  const listed = isSymbol(tokens, found.next, '(')
  const insertColumns = listed ? readColumns(text, tokens, found.next) : null
  const next = listed ? mateOf(tokens, found.next) + 1 : found.next
  if (isWord(tokens, next, 'to')) return null
  expectWord(tokens, next, 'from')
  return { ...target(span, 'copy_from', found), insertColumns }
}

/** [ONLY] name [*] or ONLY (name) */
function readRelation({ text, tokens }: Span, index: number): Found {
  if (!isWord(tokens, index, 'only')) {
    const found = readQualified(text, tokens, index)
    return isSymbol(tokens, found.next, '*') ? { ...found, next: found.next + 1 } : found
  }
  if (!isSymbol(tokens, index + 1, '(')) return readQualified(text, tokens, index + 1)
  const found = readQualified(text, tokens, index + 2)
  if (found.next !== mateOf(tokens, index + 1)) unsure('ONLY is not written as expected')
  return { ...found, next: found.next + 1 }
}

/** The index after `[AS] alias`. A word of `clauses` is no alias, unless AS says so. */
function readAlias(tokens: Tokens, index: number, clauses: readonly string[]): number {
  if (isWord(tokens, index, 'as')) return readIdent(tokens, index + 1)
  if (clauses.some((word) => isWord(tokens, index, word))) return index
  return readIdent(tokens, index)
}

/** The names in a list of columns in parentheses; `a.b` and `a[1]` write column a. */
function readColumns(text: string, tokens: Tokens, open: number): string[] {
  const columns: string[] = []
  const close = mateOf(tokens, open)
  for (let next = open; next < close;) {
    columns.push(nameOf(text, at(tokens, requireIdent(tokens, next + 1))))
    next = readIndirection(tokens, next + 2)
    if (next !== close && !isSymbol(tokens, next, ',')) {
      unsure('a list of columns is not written as expected')
    }
  }
  return columns
}

/** The index after any `.field` and `[subscript]`. */
function readIndirection(tokens: Tokens, index: number): number {
  let next = index
  for (;;) {
    if (isSymbol(tokens, next, '[')) next = skip(tokens, next)
    else if (isSymbol(tokens, next, '.') && isIdent(tokens, next + 1)) next += 2
    else return next
  }
}

function requireIdent(tokens: Tokens, index: number): number {
  if (!isIdent(tokens, index)) unsure('a name was expected')
  return index
}

const readIdent = (tokens: Tokens, index: number): number => requireIdent(tokens, index) + 1

function expectWord(tokens: Tokens, index: number, word: string): void {
  if (!isWord(tokens, index, word)) unsure(`${word.toUpperCase()} was expected`)
}
