// Room sandbox: carrying out formulas, row by row. A formula is prepared once, so that a list of many rows is quick; what
// Airtable shows as #ERROR! makes a row not match.

import { never } from '../../lib/assert.ts'
import type { Json } from '../json.ts'
import type { Base, Row } from './base.ts'
import { readInstant, writeInstant } from './dates.ts'
import type { Comparison, Formula } from './formula.ts'
import { cellOf } from './render.ts'
import { compareScalars, isNumber, textOf } from './scalars.ts'

export interface Scene {
  readonly base: Base
  readonly row: Row
  readonly nowMs: number
}

/** Prepares a formula: is a row one that it filters for? */
export function createFilter(formula: Formula): (scene: Scene) => boolean {
  const run = prepare(formula)
  return (scene) => {
    try {
      return isTruthy(run(scene))
    } catch (error) {
      if (error instanceof FormulaError) return false
      throw error
    }
  }
}

/** The ids that a matching row can have, where the formula names them; null: any. */
export function idsNamed(formula: Formula): ReadonlySet<string> | null {
  if (formula.type === 'compare' && formula.by === '=') {
    const [left, right] = formula.sides
    return namedBy(left, right) ?? namedBy(right, left)
  }
  if (formula.type !== 'call') return null
  const inputs = formula.inputs.map(idsNamed)
  if (formula.name === 'AND') return inputs.find((ids) => ids !== null) ?? null
  if (formula.name !== 'OR') return null
  const all = new Set<string>()
  for (const ids of inputs) {
    if (ids === null) return null
    for (const id of ids) all.add(id)
  }
  return all
}

function namedBy(call: Formula | undefined, value: Formula | undefined) {
  if (call?.type !== 'call' || call.name !== 'RECORD_ID' || value?.type !== 'value') return null
  return new Set([textOf(value.value)])
}

/** #ERROR! */
class FormulaError extends Error {
  override name = 'FormulaError'
}

type Run = (scene: Scene) => Json
type Clock = (scene: Scene) => number | null

function isTruthy(value: Json): boolean {
  if (value === null || value === false || value === '') return false
  return !isNumber(value) || compareScalars(value, 0) !== 0
}

function prepare(formula: Formula): Run {
  switch (formula.type) {
    case 'value': {
      const { value } = formula
      return () => value
    }
    case 'field': {
      const { field } = formula
      return ({ base, row }) => cellOf(base, row, field)
    }
    case 'compare':
      return prepareComparison(formula.by, formula.sides)
    case 'join': {
      const sides = formula.sides.map(prepare)
      return (scene) => sides.map((side) => textOf(side(scene))).join('')
    }
    case 'call':
      return prepareCall(formula.name, formula.inputs)
    default:
      return never(formula)
  }
}

function prepareComparison(by: Comparison, [first, second]: readonly Formula[]): Run {
  const [left, right] = [runOf(first), runOf(second)]
  // a text that is no moment is compared with nothing as a moment
  const isPlain = [first, second].some((side) =>
    side?.type === 'value' && momentOf(side.value) === null
  )
  const compare = isPlain ? compareValues : compareSides
  return (scene) => holds(by, compare(left(scene), right(scene)))
}

function runOf(formula: Formula | undefined): Run {
  return formula === undefined ? () => null : prepare(formula)
}

/** Moments are compared as moments, however they are written. */
function compareSides(left: Json, right: Json): number {
  const [a, b] = [momentOf(left), momentOf(right)]
  return a !== null && b !== null ? a - b : compareValues(left, right)
}

/** What is empty counts as zero or the empty text. */
function compareValues(left: Json, right: Json): number {
  if (isNumber(left) && right === null) return compareScalars(left, 0)
  if (left === null && isNumber(right)) return compareScalars(0, right)
  return compareScalars(left, right)
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

function momentOf(value: Json): number | null {
  return typeof value === 'string' ? readInstant(value) : null
}

function instantOf(timeMs: number | null): Json {
  return timeMs === null ? null : writeInstant(timeMs)
}

function prepareCall(name: string, inputs: readonly Formula[]): Run {
  const [first, second, third] = inputs
  switch (name) {
    case 'IF': {
      const [condition, yes, no] = [runOf(first), runOf(second), runOf(third)]
      return (scene) => isTruthy(condition(scene)) ? yes(scene) : no(scene)
    }
    case 'IS_AFTER':
      return prepareOrder(inputs, (order) => order > 0)
    case 'IS_BEFORE':
      return prepareOrder(inputs, (order) => order < 0)
    case 'IS_SAME':
      return prepareOrder(inputs, (order) => order === 0)
    case 'CREATED_TIME':
    case 'LAST_MODIFIED_TIME':
    case 'NOW':
    case 'DATETIME_PARSE': {
      const clock = prepareClock({ type: 'call', name, inputs })
      return (scene) => instantOf(clock(scene))
    }
    default: {
      const runs = inputs.map(prepare)
      const act = plain[name]
      return (scene) => act?.(runs.map((run) => run(scene)), scene) ?? null
    }
  }
}

/** What every input is worked out for, whatever the others are. */
const plain: Readonly<Record<string, (inputs: readonly Json[], scene: Scene) => Json>> = {
  AND: (inputs) => inputs.every(isTruthy),
  OR: (inputs) => inputs.some(isTruthy),
  NOT: ([input = null]) => !isTruthy(input),
  TRUE: () => true,
  FALSE: () => false,
  BLANK: () => null,
  LOWER: ([input = null]) => textOf(input).toLowerCase(),
  UPPER: ([input = null]) => textOf(input).toUpperCase(),
  LEN: ([input = null]) => textOf(input).length,
  FIND: ([what = null, where = null]) => textOf(where).indexOf(textOf(what)) + 1,
  RECORD_ID: (_inputs, { row }) => row.id,
}

function prepareOrder(inputs: readonly Formula[], is: (order: number) => boolean): Run {
  const [left, right] = [prepareClock(inputs[0]), prepareClock(inputs[1])]
  return (scene) => {
    const [a, b] = [left(scene), right(scene)]
    if (a === null || b === null) throw new FormulaError('what is no moment cannot be compared')
    return is(a - b)
  }
}

function prepareClock(formula: Formula | undefined): Clock {
  if (formula?.type === 'value') {
    const timeMs = momentOf(formula.value)
    return () => timeMs
  }
  const name = formula?.type === 'call' ? formula.name : ''
  switch (name) {
    case 'CREATED_TIME':
      return ({ row }) => row.createdAtMs
    case 'LAST_MODIFIED_TIME':
      return ({ row }) => row.modifiedAtMs
    case 'NOW':
      return ({ nowMs }) => nowMs
    case 'DATETIME_PARSE':
      return prepareClock(formula?.type === 'call' ? formula.inputs[0] : undefined)
    default: {
      const run = runOf(formula)
      return (scene) => momentOf(run(scene))
    }
  }
}
