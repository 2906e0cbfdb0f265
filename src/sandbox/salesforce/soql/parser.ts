// Room sandbox: SOQL text to a query. The part of the language that readers of whole tables use: SELECT, FROM, WHERE,
// ORDER BY, LIMIT, OFFSET; no subqueries, no grouping.

import { failure } from '../errors.ts'
import { queryFailure, readTokens, type Token } from './lexer.ts'
import type { Comparison, Condition, Literal, Ordering, Path, Query } from './query.ts'
import type { Selection, SelectItem } from './query.ts'

const comparisons: Record<string, Comparison> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

const offsetMax = 2000
const nestingMax = 50

/** Reads a query. Throws an `ApiFailure` with MALFORMED_QUERY. */
export function parseQuery(text: string): Query {
  return new Parser(text).query()
}

class Parser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #next = 0
  #nesting = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = readTokens(text)
  }

  query(): Query {
    this.#expect('SELECT')
    const selection = this.#selection()
    this.#expect('FROM')
    const from = this.#path()
    const where = this.#take('WHERE') ? this.#conditions() : null
    const orderBy = this.#take('ORDER') ? this.#orderings() : []
    const limit = this.#take('LIMIT') ? this.#count() : null
    const offset = this.#take('OFFSET') ? this.#count() : 0
    if (this.#peek().kind !== 'end') throw this.#unexpected()
    if (offset > offsetMax) {
      throw failure('NUMBER_OUTSIDE_VALID_RANGE', `Maximum SOQL offset allowed is ${offsetMax}`)
    }
    return { text: this.#text, selection, from, where, orderBy, limit, offset }
  }

  #selection(): Selection {
    if (this.#peek(1).text === '(' && this.#take('COUNT')) {
      this.#expect('(')
      this.#expect(')')
      return { kind: 'count' }
    }
    return { kind: 'fields', items: this.#list(() => this.#selectItem()) }
  }

  #selectItem(): SelectItem {
    const { at } = this.#peek()
    if (this.#peek(1).text !== '(') return { kind: 'path', path: this.#path() }
    this.#expect('FIELDS')
    this.#expect('(')
    const group = this.#peek().text.toUpperCase()
    if (group !== 'ALL' && group !== 'STANDARD' && group !== 'CUSTOM') throw this.#unexpected()
    this.#next += 1
    this.#expect(')')
    return { kind: 'every', group, at }
  }

  /** Conditions joined by AND or by OR; to mix them takes parentheses. */
  #conditions(): Condition {
    this.#nesting += 1
    if (this.#nesting > nestingMax) {
      throw failure('MALFORMED_QUERY', `Conditions cannot nest deeper than ${nestingMax}`)
    }
    const first = this.#condition()
    const word = this.#peek().text.toUpperCase()
    const joiner = word === 'AND' || word === 'OR' ? word : null
    const parts = [first]
    while (joiner !== null && this.#take(joiner)) parts.push(this.#condition())
    this.#nesting -= 1
    if (joiner === null) return first
    return { kind: joiner === 'AND' ? 'and' : 'or', parts }
  }

  #condition(): Condition {
    if (this.#take('NOT')) return { kind: 'not', part: this.#nested() }
    if (this.#peek().text === '(') return this.#nested()
    const path = this.#path()
    const comparison = comparisons[this.#peek().text]
    if (comparison !== undefined) {
      this.#next += 1
      return { kind: 'compare', path, operator: comparison, literal: this.#literal() }
    }
    if (this.#take('LIKE')) return { kind: 'like', path, pattern: this.#string().pattern }
    if (this.#take('INCLUDES')) return this.#choices(path, false)
    if (this.#take('EXCLUDES')) return this.#choices(path, true)
    const negated = this.#take('NOT')
    this.#expect('IN')
    this.#expect('(')
    const literals = this.#list(() => this.#literal())
    this.#expect(')')
    return { kind: 'in', path, literals, negated }
  }

  #nested(): Condition {
    if (this.#peek().text !== '(') return this.#condition()
    this.#expect('(')
    const inner = this.#conditions()
    this.#expect(')')
    return inner
  }

  #choices(path: Path, negated: boolean): Condition {
    this.#expect('(')
    const choices = this.#list(() => this.#string().text)
    this.#expect(')')
    return { kind: 'includes', path, choices, negated }
  }

  #orderings(): Ordering[] {
    this.#expect('BY')
    return this.#list(() => {
      const path = this.#path()
      const descending = this.#take('DESC')
      if (!descending) this.#take('ASC')
      const nulls = this.#take('NULLS')
      const nullsLast = nulls && this.#take('LAST')
      if (nulls && !nullsLast) this.#expect('FIRST')
      return { path, descending, nullsLast }
    })
  }

  #literal(): Literal {
    const token = this.#peek()
    const word = token.text.toUpperCase()
    if (token.kind === 'string') return this.#string()
    if (token.kind === 'number' || token.kind === 'moment') {
      this.#next += 1
      return { kind: token.kind, text: token.text }
    }
    if (token.kind === 'name' && this.#take('NULL')) return { kind: 'null' }
    if (token.kind === 'name' && (word === 'TRUE' || word === 'FALSE')) {
      this.#next += 1
      return { kind: 'boolean', value: word === 'TRUE' }
    }
    throw this.#unexpected()
  }

  #string(): Literal & { kind: 'string' } {
    const token = this.#peek()
    if (token.kind !== 'string') throw this.#unexpected()
    this.#next += 1
    return { kind: 'string', text: token.text, pattern: token.pattern }
  }

  #path(): Path {
    const token = this.#peek()
    if (token.kind !== 'name') throw this.#unexpected()
    this.#next += 1
    return { parts: token.text.split('.'), at: token.at }
  }

  #count(): number {
    const token = this.#peek()
    if (token.kind !== 'number' || !/^\d{1,9}$/.test(token.text)) throw this.#unexpected()
    this.#next += 1
    return Number(token.text)
  }

  #list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.#take(',')) items.push(item())
    return items
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? { kind: 'end', text: '', at: this.#text.length }
  }

  #take(word: string): boolean {
    const token = this.#peek()
    if (token.kind === 'string' || token.text.toUpperCase() !== word) return false
    this.#next += 1
    return true
  }

  #expect(word: string): void {
    if (!this.#take(word)) throw this.#unexpected()
  }

  #unexpected(): Error {
    const { text, at, kind } = this.#peek()
    const message = kind === 'end' ? `unexpected token: '<EOF>'` : `unexpected token: '${text}'`
    return queryFailure(this.#text, at, message)
  }
}
