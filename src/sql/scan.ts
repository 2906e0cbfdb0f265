// Room sql: finds every mutation inside one statement and accounts for every other place where such a verb stands.
//
// By gram.y an INSERT, UPDATE, DELETE or MERGE starts in these places only: where the statement's head says so, in the
// parentheses of a WITH query, after the last WITH query, in COPY (…), and in the definition of a rule or function (these
// are not looked into). The scan passes over every token once, so it finds every WITH; a verb elsewhere is a name or part
// of another clause. One that yet looks like the start of a mutation makes the text uncertain.

import type { Target } from './statement.ts'
import { readDelete, readInsert, readMerge, readUpdate, type Span, startsQuery } from './target.ts'
import { at, isIdent, isSymbol, isWord, mateOf, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

/** What a query or mutation at a known place turned out to be. */
export type MainKind = 'select' | 'insert' | 'update' | 'delete' | 'merge'

export interface ScanOptions {
  readonly text: string
  readonly tokens: Tokens
  /** The statement's tokens: from its first up to, not including, `end`. */
  readonly from: number
  readonly end: number
  /** Where a statement that can be prepared starts, and where it ends; null when the head has none. */
  readonly inner: { readonly index: number; readonly end: number } | null
}

/** The mutations in the order of the text; `main`: what starts at `inner`, past its WITH clause. */
export interface Scan {
  readonly targets: readonly Target[]
  readonly main: MainKind | null
}

interface Start {
  readonly place: Target['place']
  readonly end: number
  readonly main: boolean
  readonly withAllowed: boolean
}

/** Scans one statement. @throws Unsure */
export function scan(options: ScanOptions): Scan {
  const { text, tokens, from, end, inner } = options
  const starts = new Starts(tokens)
  const targets: Target[] = []
  if (inner !== null) {
    starts.add(inner.index, { place: 'top', end: inner.end, main: true, withAllowed: true })
  }
  for (let index = from; index < end; index++) {
    const token = at(tokens, index)
    if (token.kind === 'symbol') {
      if (token.text === ';') unsure('a semicolon stands in parentheses')
      continue
    }
    if (token.kind !== 'word') continue
    switch (token.text) {
      case 'with':
        enterWith(tokens, { index, end, starts })
        break
      case 'insert':
      case 'update':
      case 'delete':
      case 'merge': {
        const start = starts.at(index)
        if (start !== null) targets.push(readTarget(token.text, { text, tokens, index, ...start }))
        else if (looksLikeStart(tokens, index)) {
          unsure(`${token.text} stands in an unexpected place`)
        }
        break
      }
      case 'uescape':
        if (at(tokens, index - 1).kind === 'name') unsure('UESCAPE is not read')
        break
      default:
    }
  }
  return { targets, main: starts.main }
}

function readTarget(verb: Exclude<MainKind, 'select'>, span: Span): Target {
  switch (verb) {
    case 'insert':
      return readInsert(span)
    case 'update':
      return readUpdate(span)
    case 'delete':
      return readDelete(span)
    case 'merge':
      return readMerge(span)
  }
}

/** The places where a query or mutation must start. */
class Starts {
  readonly #tokens: Tokens
  readonly #found = new Map<number, Start>()
  main: MainKind | null = null

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  at(index: number): Start | null {
    return this.#found.get(index) ?? null
  }

  add(index: number, start: Start): void {
    if (index >= start.end) unsure('a statement was expected')
    const { kind, text } = at(this.#tokens, index)
    const word = kind === 'word' ? text : ''
    if (word === 'with') {
      if (!start.withAllowed) unsure('WITH follows WITH')
      this.#found.set(index, start)
      return
    }
    const verb = word === 'insert' || word === 'update' || word === 'delete' || word === 'merge'
    if (verb) this.#found.set(index, start)
    else if (!startsQuery(this.#tokens, index)) unsure('a statement of an unknown kind')
    if (start.main) this.main = verb ? word : 'select'
  }
}

/** Notes where the queries of a WITH clause start, and what follows the clause. WITH has other uses; those are left. */
function enterWith(
  tokens: Tokens,
  { index, end, starts }: { index: number; end: number; starts: Starts },
): void {
  const start = starts.at(index)
  const clause = readWith(tokens, index)
  if (clause === null) {
    if (start !== null) unsure('a WITH clause is not written as expected')
    return
  }
  for (const body of clause.bodies) {
    starts.add(body.index, { place: 'cte', end: body.end, main: false, withAllowed: true })
  }
  if (start !== null) starts.add(clause.next, { ...start, withAllowed: false })
  else if (clause.next >= end || !startsQuery(tokens, clause.next)) {
    unsure('a WITH clause in an unexpected place')
  }
}

interface WithClause {
  readonly bodies: readonly { readonly index: number; readonly end: number }[]
  /** The index after the clause. */
  readonly next: number
}

/** WITH [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (…) [, …]; null when WITH means something else here. */
function readWith(tokens: Tokens, index: number): WithClause | null {
  const bodies: { index: number; end: number }[] = []
  let next = isWord(tokens, index + 1, 'recursive') && startsQueryName(tokens, index + 2)
    ? index + 2
    : index + 1
  for (;;) {
    const open = queryAt(tokens, next)
    if (open === null) {
      return bodies.length === 0 ? null : unsure('a WITH clause is not written as expected')
    }
    const close = mateOf(tokens, open)
    bodies.push({ index: open + 1, end: close })
    if (isWord(tokens, close + 1, 'search') || isWord(tokens, close + 1, 'cycle')) {
      unsure('SEARCH and CYCLE are not read')
    }
    if (!isSymbol(tokens, close + 1, ',')) return { bodies, next: close + 1 }
    next = close + 2
  }
}

/** `recursive` before `as` or `(` is itself the name. */
const startsQueryName = (tokens: Tokens, index: number): boolean =>
  isIdent(tokens, index) && !isWord(tokens, index, 'as')

/** The index of the `(` before the query of the WITH query whose name is at `index`; null when there is none. */
function queryAt(tokens: Tokens, index: number): number | null {
  if (!isIdent(tokens, index)) return null
  let next = index + 1
  if (isSymbol(tokens, next, '(')) next = mateOf(tokens, next) + 1
  if (!isWord(tokens, next, 'as')) return null
  next++
  if (isWord(tokens, next, 'not')) next++
  if (isWord(tokens, next, 'materialized')) next++
  return isSymbol(tokens, next, '(') ? next : null
}

/** Could a mutation start here, by what stands before and after? A second line of defence behind the places. */
function looksLikeStart(tokens: Tokens, index: number): boolean {
  const opened = isSymbol(tokens, index - 1, '(') &&
    ['as', 'materialized', 'copy'].some((word) => isWord(tokens, index - 2, word))
  if (!opened && !isSymbol(tokens, index - 1, ')')) return false
  const next = at(tokens, index + 1)
  switch (at(tokens, index).text) {
    case 'delete':
      return next.kind === 'word' && next.text === 'from'
    case 'update':
      return next.kind === 'name' || (next.kind === 'word' && next.text !== 'from')
    default:
      return next.kind === 'word' && next.text === 'into'
  }
}
