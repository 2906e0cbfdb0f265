// Room sandbox: a WHERE clause, to a test of rows. Literals are checked against the types of the fields once, before
// any row is looked at. Text is compared without telling cases apart.

import { never } from '../../../lib/assert.ts'
import { JsonNumber } from '../../json.ts'
import { datetimeMs, readDate, readTime, writeDatetime } from '../dates.ts'
import { failure } from '../errors.ts'
import type { Field } from '../field.ts'
import { readId } from '../ids.ts'
import { compareDecimals, readDecimal, writeDecimal } from '../numbers.ts'
import type { Sobject } from '../objects/schema.ts'
import type { Org, Row } from '../org.ts'
import type { Value } from '../values.ts'
import { type ColumnRef, resolveFilter, valueOf } from './columns.ts'
import type { Comparison, Condition, Literal, Path, Query } from './query.ts'

export type Test = (row: Row) => boolean

interface Scope {
  readonly org: Org
  readonly query: Query
  readonly object: Sobject
}

/** Throws an `ApiFailure` for a name that is no field or a literal of the wrong type. */
export function compileCondition(scope: Scope, condition: Condition): Test {
  switch (condition.kind) {
    case 'and': {
      const tests = condition.parts.map((part) => compileCondition(scope, part))
      return (row) => tests.every((test) => test(row))
    }
    case 'or': {
      const tests = condition.parts.map((part) => compileCondition(scope, part))
      return (row) => tests.some((test) => test(row))
    }
    case 'not': {
      const test = compileCondition(scope, condition.part)
      return (row) => !test(row)
    }
    case 'compare':
      return compileComparison(scope, condition)
    case 'like':
      return compileLike(scope, condition)
    case 'in':
      return compileIn(scope, condition)
    case 'includes':
      return compileIncludes(scope, condition)
    default:
      return never(condition)
  }
}

function columnOf({ query, object }: Scope, path: Path): ColumnRef {
  return resolveFilter(query, object, path)
}

function compileComparison(
  scope: Scope,
  { path, operator, literal }: { path: Path; operator: Comparison; literal: Literal },
): Test {
  const column = columnOf(scope, path)
  const wanted = comparable(column.field, literal)
  const compare = compareBy(column.field)
  return (row) => {
    const value = valueOf(scope.org, row, column)
    if (value === null || wanted === null) return nullComparison(value, { operator, wanted })
    const order = compare(value, wanted)
    switch (operator) {
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
        return never(operator)
    }
  }
}

/** In SOQL null equals null and differs from everything else; it is neither below nor above. */
function nullComparison(
  value: Value,
  { operator, wanted }: { operator: Comparison; wanted: Value },
): boolean {
  const both = value === null && wanted === null
  return operator === '=' ? both : operator === '!=' ? !both : false
}

function compileLike(scope: Scope, { path, pattern }: { path: Path; pattern: string }): Test {
  const column = columnOf(scope, path)
  const shape = likeShape(pattern)
  return (row) => {
    const value = valueOf(scope.org, row, column)
    return typeof value === 'string' && shape.test(value)
  }
}

/** % for any text and _ for any character, but for those that a backslash stands before. */
function likeShape(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|%|_|[.*+?^${}()|[\]]/gs, (part, escaped?: string) => {
    if (escaped !== undefined) return escaped.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    return part === '%' ? '.*' : part === '_' ? '.' : `\\${part}`
  })
  return new RegExp(`^${source.replace(/(?:\.\*)+/g, '.*')}$`, 'is')
}

function compileIn(
  scope: Scope,
  { path, literals, negated }: { path: Path; literals: readonly Literal[]; negated: boolean },
): Test {
  const column = columnOf(scope, path)
  const keys = new Set(literals.map((literal) => keyOf(comparable(column.field, literal))))
  return (row) => keys.has(keyOf(valueOf(scope.org, row, column))) !== negated
}

/** One text for values that are equal. */
function keyOf(value: Value): string {
  if (value instanceof JsonNumber) return `number ${canonical(value.text)}`
  return value === null ? 'null' : `${typeof value} ${String(value).toLowerCase()}`
}

function canonical(text: string): string {
  const number = readDecimal(text)
  return number === null || number === 'huge' ? text : writeDecimal(number, { point: false })
}

function compileIncludes(
  scope: Scope,
  { path, choices, negated }: { path: Path; choices: readonly string[]; negated: boolean },
): Test {
  const column = columnOf(scope, path)
  if (column.field.type !== 'multipicklist') {
    throw failure(
      'INVALID_QUERY_FILTER_OPERATOR',
      `includes/excludes can only be used on multi-select picklists: ${column.field.name}`,
    )
  }
  const sets = choices.map((choice) => choice.toLowerCase().split(';'))
  return (row) => {
    const value = valueOf(scope.org, row, column)
    const chosen = new Set(String(value ?? '').toLowerCase().split(';'))
    return sets.some((set) => set.every((one) => chosen.has(one))) !== negated
  }
}

/** The literal as a value of the field's type. Throws INVALID_FIELD. */
function comparable(field: Field, literal: Literal): Value {
  if (literal.kind === 'null') return null
  switch (field.type) {
    case 'boolean':
      return literal.kind === 'boolean' ? literal.value : wrongLiteral(field, 'boolean')
    case 'int':
    case 'double':
    case 'currency':
    case 'percent':
      if (literal.kind !== 'number') return wrongLiteral(field, field.type)
      return new JsonNumber(literal.text)
    case 'date':
      return momentOf(field, literal, readDate)
    case 'datetime':
      return momentOf(field, literal, exactDatetime)
    case 'time':
      return momentOf(field, literal, readTime)
    case 'id':
    case 'reference':
      return readIdLiteral(field, literal)
    case 'string':
    case 'email':
    case 'phone':
    case 'url':
    case 'textarea':
    case 'picklist':
    case 'multipicklist':
    case 'address':
      return readText(field, literal)
    default:
      return never(field.type)
  }
}

function readText(field: Field, literal: Literal): string {
  if (literal.kind === 'string') return literal.text
  throw failure(
    'INVALID_FIELD',
    `value of filter criterion for field '${field.name}' must be of type string and should be ` +
      'enclosed in quotes',
  )
}

function readIdLiteral(field: Field, literal: Literal): string {
  const text = readText(field, literal)
  const id = readId(text)
  if (id === null) throw failure('INVALID_QUERY_FILTER_OPERATOR', `invalid ID field: ${text}`)
  return id
}

/** Stored datetimes have whole seconds; a literal between two of them stays between them. */
function exactDatetime(text: string): string | null {
  const ms = datetimeMs(text)
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? ''
  if (ms === null) return null
  return /^0*$/.test(fraction)
    ? writeDatetime(ms)
    : writeDatetime(ms).replace('.000', `.${fraction.slice(0, 3).padEnd(3, '0')}`)
}

function momentOf(
  field: Field,
  literal: Literal,
  read: (text: string) => string | null,
): string {
  const moment = literal.kind === 'moment' ? read(literal.text) : null
  return moment ?? wrongLiteral(field, field.type === 'datetime' ? 'dateTime' : field.type)
}

function wrongLiteral(field: Field, type: string): never {
  throw failure(
    'INVALID_FIELD',
    `value of filter criterion for field '${field.name}' must be of type ${type} and should not ` +
      'be enclosed in quotes',
  )
}

/** Below, equal or above: -1, 0, 1; neither value is null. Ids tell cases apart, other texts do not. */
export function compareBy({ type }: Field): (left: Value, right: Value) => number {
  return type === 'id' || type === 'reference' ? compareIds : compareValues
}

function compareIds(left: Value, right: Value): number {
  const [a, b] = [String(left), String(right)]
  return a < b ? -1 : a > b ? 1 : 0
}

function compareValues(left: Value, right: Value): number {
  if (left instanceof JsonNumber && right instanceof JsonNumber) {
    return compareDecimals(left.text, right.text)
  }
  if (typeof left === 'boolean' || typeof right === 'boolean') return Number(left) - Number(right)
  const [a, b] = [String(left).toLowerCase(), String(right).toLowerCase()]
  return a < b ? -1 : a > b ? 1 : 0
}
