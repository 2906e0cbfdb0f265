// Room sandbox: the formulas by which lists are filtered; a part of Airtable's: comparisons, `&`, fields, texts, numbers
// and the functions below. https://support.airtable.com/docs/formula-field-reference

import { type Json, JsonNumber } from '../json.ts'
import { invalidFormula } from './errors.ts'
import { type Field, findField, type Table } from './field.ts'

const comparisons = ['<=', '>=', '!=', '=', '<', '>'] as const
export type Comparison = typeof comparisons[number]

export type Formula =
  | { readonly type: 'value'; readonly value: Json }
  | { readonly type: 'field'; readonly field: Field }
  | { readonly type: 'compare'; readonly by: Comparison; readonly sides: readonly Formula[] }
  | { readonly type: 'join'; readonly sides: readonly Formula[] }
  | { readonly type: 'call'; readonly name: string; readonly inputs: readonly Formula[] }

/** Reads a formula about the table. Throws an `ApiFailure`. */
export function readFormula(text: string, table: Table): Formula {
  const reader = new Reader(text, table)
  const formula = reader.comparison(0)
  reader.end()
  return formula
}

/** The functions that there are; `evaluation.ts` carries them out. */
export const functions: ReadonlySet<string> = new Set([
  'AND',
  'OR',
  'NOT',
  'IF',
  'TRUE',
  'FALSE',
  'BLANK',
  'LOWER',
  'UPPER',
  'LEN',
  'FIND',
  'RECORD_ID',
  'CREATED_TIME',
  'LAST_MODIFIED_TIME',
  'NOW',
  'DATETIME_PARSE',
  'IS_AFTER',
  'IS_BEFORE',
  'IS_SAME',
])

const depthMax = 100

/** A recursive-descent reader of one formula. */
class Reader {
  readonly #text: string
  readonly #table: Table
  #at = 0

  constructor(text: string, table: Table) {
    this.#text = text
    this.#table = table
  }

  comparison(depth: number): Formula {
    if (depth > depthMax) throw invalidFormula('it is nested too deep')
    const left = this.#joined(depth)
    const by = comparisons.find((sign) => this.#take(sign))
    if (by === undefined) return left
    return { type: 'compare', by, sides: [left, this.#joined(depth)] }
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw invalidFormula('Please check your formula text.')
  }

  #joined(depth: number): Formula {
    const sides = [this.#single(depth)]
    while (this.#take('&')) sides.push(this.#single(depth))
    const [only] = sides
    return only !== undefined && sides.length === 1 ? only : { type: 'join', sides }
  }

  #single(depth: number): Formula {
    if (this.#take('(')) {
      const inside = this.comparison(depth + 1)
      this.#need(')')
      return inside
    }
    const field = this.#match(/\{((?:[^{}\\]|\\.)*)\}/y)
    if (field !== null) return this.#field((field[1] ?? '').replaceAll(/\\(.)/g, '$1'))
    const quoted = this.#match(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/y)
    if (quoted !== null) {
      const value = (quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(.)/g, '$1')
      return { type: 'value', value }
    }
    const number = this.#match(/-?\d+(?:\.\d+)?/y)
    if (number !== null) return { type: 'value', value: new JsonNumber(number[0]) }
    const word = this.#match(/[A-Za-z_][A-Za-z0-9_]*/y)
    if (word === null) throw invalidFormula('Please check your formula text.')
    return this.#take('(') ? this.#call(word[0].toUpperCase(), depth) : this.#field(word[0])
  }

  #call(name: string, depth: number): Formula {
    if (!functions.has(name)) throw invalidFormula(`Unknown function names: ${name}`)
    const inputs: Formula[] = []
    if (this.#take(')')) return { type: 'call', name, inputs }
    do inputs.push(this.comparison(depth + 1))
    while (this.#take(','))
    this.#need(')')
    return { type: 'call', name, inputs }
  }

  #field(name: string): Formula {
    const field = findField(this.#table, name)
    if (field === undefined) throw invalidFormula(`Unknown field names: ${name.toLowerCase()}`)
    return { type: 'field', field }
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    this.#space()
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found !== null) this.#at += found[0].length
    return found
  }

  #take(sign: string): boolean {
    this.#space()
    if (!this.#text.startsWith(sign, this.#at)) return false
    this.#at += sign.length
    return true
  }

  #need(sign: string): void {
    if (!this.#take(sign)) throw invalidFormula('Please check your formula text.')
  }

  #space(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1
  }
}
