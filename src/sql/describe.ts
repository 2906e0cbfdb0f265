// Room sql: a second opinion. Behind a gate, pgsql-ast-parser reads a mutation again; where the two readings differ, the
// text is uncertain. The gate keeps away everything on which that parser hangs, takes long, or is known to misread.

import { type InsertStatement, parse, type Statement as Parsed } from 'pgsql-ast-parser'
import { lex } from './lexer.ts'
import type { Statement, Target } from './statement.ts'
import { at, isSymbol, isWord, type Tokens } from './token.ts'
import { Unsure } from './unsure.ts'

export type Agreement =
  | { readonly agrees: true }
  | { readonly agrees: false; readonly reason: string }
  | { readonly agrees: 'not asked'; readonly reason: string }

/** The longest statement that is read a second time, in UTF-16 units, without comments. */
export const describeTextMax = 4096
/** The most tokens that such a statement may have: the parser's time grows by 10 to 25 µs a token. */
export const describeTokensMax = 120
/** The deepest parentheses that such a statement may have. */
export const describeDepthMax = 12

/**
 * Does pgsql-ast-parser read the mutation as the recogniser did: kind, target, columns, ON CONFLICT, RETURNING?
 * `statement`: one of `recognise(text)`. `not asked`: the gate is closed, or that parser does not know the form.
 */
export function describeMutation(text: string, statement: Statement): Agreement {
  const [target, another] = statement.targets
  if (target === undefined || another !== undefined) return notAsked('not a single mutation')
  if (!(target.operation === statement.kind && isDescribed(target.operation))) {
    return notAsked('not an INSERT, UPDATE or DELETE')
  }
  const passed = passGate(text.slice(statement.start, statement.end))
  if ('reason' in passed) return notAsked(passed.reason)
  let parsed: Parsed[]
  try {
    parsed = parse(passed.text)
  } catch {
    return notAsked('the parser does not know the form')
  }
  const [only, more] = parsed
  if (only === undefined || more !== undefined) return differ('the number of statements')
  return compare(target, only)
}

const notAsked = (reason: string): Agreement => ({ agrees: 'not asked', reason })

const differ = (what: string): Agreement => ({
  agrees: false,
  reason: `two readings of the statement differ in ${what}`,
})

const isDescribed = (operation: string): boolean =>
  operation === 'insert' || operation === 'update' || operation === 'delete'

/** The text without comments and with single spaces, or why it is not read a second time. */
function passGate(text: string): { text: string } | { reason: string } {
  if (text.length > describeTextMax * 2) return { reason: 'too long a text' } // comments included
  const tokens = lexAgain(text)
  if (tokens === null) return { reason: 'the text cannot be cut into tokens' }
  if (tokens.list.length > describeTokensMax) return { reason: 'too many tokens' }
  if (isWord(tokens, 0, 'with')) return { reason: 'a WITH clause' }
  let compact = ''
  let depth = 0
  for (const [index, token] of tokens.list.entries()) {
    const source = text.slice(token.start, token.end)
    if (token.kind === 'literal' && !source.startsWith("'")) {
      return { reason: 'a constant in a form of its own' }
    }
    if (token.kind === 'literal' && source.includes('\\')) return { reason: 'a backslash' }
    if (token.kind === 'name' && /^[^"]|""/.test(source)) return { reason: 'a name with escapes' }
    if (token.kind === 'name' && /^"\s|\s"$/.test(source)) {
      return { reason: 'a name with outer spaces' }
    }
    if (/[^ -~]/.test(source) && token.kind !== 'literal') return { reason: 'a name not in ASCII' }
    if (source.length > 63 && token.kind !== 'literal') return { reason: 'a long name' }
    if (isSymbol(tokens, index, '(')) depth++
    if (isSymbol(tokens, index, ')')) depth--
    if (depth > describeDepthMax) return { reason: 'too deep parentheses' }
    if (index > 0 && at(tokens, index - 1).end < token.start) compact += ' '
    compact += source
  }
  return compact.length > describeTextMax ? { reason: 'too long a text' } : { text: compact }
}

/** Backslashes are kept away later, so the setting does not matter. */
function lexAgain(text: string): Tokens | null {
  try {
    return lex(text, { standardConformingStrings: true })
  } catch (error) {
    if (error instanceof Unsure) return null
    throw error
  }
}

interface Reading {
  readonly operation: string
  readonly schema: string | null
  readonly name: string
  readonly setColumns: readonly string[] | null
  readonly insertColumns: readonly string[] | null
  readonly onConflict: Target['onConflict']
  /** Of ON CONFLICT DO UPDATE. */
  readonly conflictColumns: readonly string[] | null
  readonly returning: boolean
}

function compare(target: Target, parsed: Parsed): Agreement {
  const reading = read(parsed)
  if (reading === null || reading.operation !== target.operation) return differ('its kind')
  if (reading.schema !== target.schema || reading.name !== target.name) return differ('the table')
  if (!sameList(reading.setColumns, target.setColumns)) return differ('the columns set')
  if (!sameList(reading.insertColumns, target.insertColumns)) return differ('the columns inserted')
  if (reading.onConflict !== target.onConflict) return differ('ON CONFLICT')
  const { upsert } = target
  if (upsert?.plain && !sameList(reading.conflictColumns, upsert.setColumns)) {
    return differ('the columns that ON CONFLICT sets')
  }
  if (reading.returning !== target.returning) return differ('RETURNING')
  return { agrees: true }
}

function read(parsed: Parsed): Reading | null {
  const none = { setColumns: null, insertColumns: null, onConflict: null, conflictColumns: null }
  if (parsed.type === 'insert') {
    return {
      ...none,
      ...table(parsed.into, parsed),
      insertColumns: parsed.columns?.map((column) => column.name) ?? null,
      ...readConflict(parsed),
    }
  }
  if (parsed.type === 'update') {
    const setColumns = parsed.sets.map((set) => set.column.name)
    return { ...none, ...table(parsed.table, parsed), setColumns }
  }
  return parsed.type === 'delete' ? { ...none, ...table(parsed.from, parsed) } : null
}

const table = (
  { schema, name }: { schema?: string; name: string },
  { type, returning }: { type: string; returning?: readonly unknown[] | null | undefined },
) => ({ operation: type, schema: schema ?? null, name, returning: (returning ?? null) !== null })

function readConflict(
  { onConflict }: InsertStatement,
): Pick<Reading, 'onConflict' | 'conflictColumns'> {
  if (onConflict === undefined || onConflict === null) {
    return { onConflict: null, conflictColumns: null }
  }
  if (onConflict.do === 'do nothing') return { onConflict: 'nothing', conflictColumns: null }
  const conflictColumns = onConflict.do.sets.map((set) => set.column.name)
  return { onConflict: 'update', conflictColumns }
}

function sameList(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other
  return one.length === other.length && one.every((value, index) => value === other[index])
}
