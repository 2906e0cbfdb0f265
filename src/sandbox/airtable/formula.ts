// Room sandbox: the formulas by which lists are filtered; a part of Airtable's: comparisons, `&`, fields, texts, numbers
// and the functions below. https://support.airtable.com/docs/formula-field-reference

import { never } from '../../lib/assert.ts'
import { type Json, JsonNumber } from '../json.ts'
import type { Base, Row } from './base.ts'
import { readInstant, writeInstant } from './dates.ts'
import { invalidFormula } from './errors.ts'
import { type Field, findField, type Table } from './field.ts'
import { cellOf } from './render.ts'
import { compareScalars, isNumber, textOf } from './scalars.ts'

const comparisons = ['<=', '>=', '!=', '=', '<', '>'] as const
type Comparison = typeof comparisons[number]

export type Formula =
  | { readonly type: 'value'; readonly value: Json }
  | { readonly type: 'field'; readonly field: Field }
  | { readonly type: 'compare'; readonly by: Comparison; readonly sides: readonly Formula[] }
  | { readonly type: 'join'; readonly sides: readonly Formula[] }
  | { readonly type: 'call'; readonly name: string; readonly inputs: readonly Formula[] }

export interface Scene {
  readonly base: Base
  readonly row: Row
  readonly nowMs: number
}

/** Reads a formula about the table. Throws an `ApiFailure`. */
export function readFormula(text: string, table: Table): Formula {
  const reader = new Reader(text, table)
  const formula = reader.comparison(0)
  reader.end()
  return formula
}

export function isTruthy(value: Json): boolean {
  if (value === null || value === false || value === '') return false
  return !isNumber(value) || compareScalars(value, 0) !== 0
}

/** What the formula is for a row. */
export function evaluate(formula: Formula, scene: Scene): Json {
  switch (formula.type) {
    case 'value':
      return formula.value
    case 'field':
      return cellOf(scene.base, scene.row, formula.field)
    case 'compare': {
      const [left = null, right = null] = formula.sides.map((side) => evaluate(side, scene))
      return holds(formula.by, compareSides(left, right))
    }
    case 'join':
      return formula.sides.map((side) => textOf(evaluate(side, scene))).join('')
    case 'call':
      return functions[formula.name]?.(
        formula.inputs.map((input) => evaluate(input, scene)),
        scene,
      ) ?? null
    default:
      return never(formula)
  }
}

/** Moments are compared as moments, however they are written; what is empty counts as zero or the empty text. */
function compareSides(left: Json, right: Json): number {
  const [a, b] = [momentOf(left), momentOf(right)]
  if (a !== null && b !== null) return a - b
  if (isNumber(left) && right === null) return compareScalars(left, 0)
  if (left === null && isNumber(right)) return compareScalars(0, right)
  return compareScalars(left, right)
}

function momentOf(value: Json): number | null {
  return typeof value === 'string' ? readInstant(value) : null
}

function holds(by: Comparison, order: number): boolean {
  switch (by) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    default:
      return never(by)
  }
}

function later(left: Json | undefined, right: Json | undefined): number | null {
  const [a, b] = [momentOf(left ?? null), momentOf(right ?? null)]
  return a === null || b === null ? null : a - b
}

const functions: Readonly<Record<string, (inputs: readonly Json[], scene: Scene) => Json>> = {
  AND: (inputs) => inputs.every(isTruthy),
  OR: (inputs) => inputs.some(isTruthy),
  NOT: ([input = null]) => !isTruthy(input),
  IF: ([condition = null, yes = null, no = null]) => isTruthy(condition) ? yes : no,
  TRUE: () => true,
  FALSE: () => false,
  BLANK: () => null,
  LOWER: ([input = null]) => textOf(input).toLowerCase(),
  UPPER: ([input = null]) => textOf(input).toUpperCase(),
  LEN: ([input = null]) => textOf(input).length,
  FIND: ([what = null, where = null]) => textOf(where).indexOf(textOf(what)) + 1,
  RECORD_ID: (_inputs, { row }) => row.id,
  CREATED_TIME: (_inputs, { row }) => writeInstant(row.createdAtMs),
  LAST_MODIFIED_TIME: (_inputs, { row }) => writeInstant(row.modifiedAtMs),
  NOW: (_inputs, { nowMs }) => writeInstant(nowMs),
  DATETIME_PARSE: ([input = null]) => {
    const timeMs = momentOf(input)
    return timeMs === null ? null : writeInstant(timeMs)
  },
  IS_AFTER: ([left, right]) => (later(left, right) ?? 0) > 0,
  IS_BEFORE: ([left, right]) => (later(left, right) ?? 0) < 0,
  IS_SAME: ([left, right]) => later(left, right) === 0,
}

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
    if (!Object.hasOwn(functions, name)) throw invalidFormula(`Unknown function names: ${name}`)
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
