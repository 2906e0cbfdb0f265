// Room sandbox: the filters of a search.

import { never } from '../../lib/assert.ts'
import { isArray, isObject, type Json, scalarText } from '../json.ts'
import { compareDecimals, readDecimal } from '../salesforce/numbers.ts'
import { invalid } from './errors.ts'
import { readInstant } from './moments.ts'
import type { ObjectType } from './objects/definition.ts'
import type { Property } from './property.ts'

const operators = [
  'EQ',
  'NEQ',
  'LT',
  'LTE',
  'GT',
  'GTE',
  'BETWEEN',
  'IN',
  'NOT_IN',
  'HAS_PROPERTY',
  'NOT_HAS_PROPERTY',
  'CONTAINS_TOKEN',
  'NOT_CONTAINS_TOKEN',
] as const
type Operator = typeof operators[number]

export interface Filter {
  readonly property: Property
  readonly operator: Operator
  readonly value: string
  readonly highValue: string
  readonly values: readonly string[]
}

/** Reads one filter. Throws an `ApiFailure`. */
export function readFilter(json: Json, type: ObjectType): Filter {
  const object = isObject(json) ? json : {}
  const name = scalarText(object['propertyName']) ?? ''
  const property = type.byName.get(name)
  const operator = operators.find((known) => known === object['operator'])
  if (property === undefined) {
    throw invalid(`There was a problem with the request: unknown property "${name}"`)
  }
  if (operator === undefined) {
    throw invalid(`There was a problem with the request: unknown operator of ${name}`)
  }
  const list = object['values']
  const filter = {
    property,
    operator,
    value: scalarText(object['value']) ?? '',
    highValue: scalarText(object['highValue']) ?? '',
    values: isArray(list) ? list.map(String) : [],
  }
  for (const text of [filter.value, filter.highValue]) refuseUnreadable(property, text)
  return filter
}

function refuseUnreadable({ name, type }: Property, text: string): void {
  if (text === '') return
  const readable = type === 'number'
    ? readDecimal(text) !== null
    : (type !== 'date' && type !== 'datetime') || readInstant(text) !== null
  if (!readable) {
    throw invalid(`There was a problem with the request: ${text} is no value of ${name}`)
  }
}

/** Does a record with the values pass the filter? */
export function matches(values: ReadonlyMap<string, string>, filter: Filter): boolean {
  const { property, operator } = filter
  const own = values.get(property.name) ?? ''
  const compared = (text: string) => compareTexts(property, own, text)
  switch (operator) {
    case 'HAS_PROPERTY':
      return own !== ''
    case 'NOT_HAS_PROPERTY':
      return own === ''
    case 'EQ':
      return own !== '' && compared(filter.value) === 0
    case 'NEQ':
      return own === '' || compared(filter.value) !== 0
    case 'LT':
      return own !== '' && compared(filter.value) < 0
    case 'LTE':
      return own !== '' && compared(filter.value) <= 0
    case 'GT':
      return own !== '' && compared(filter.value) > 0
    case 'GTE':
      return own !== '' && compared(filter.value) >= 0
    case 'BETWEEN':
      return own !== '' && compared(filter.value) >= 0 && compared(filter.highValue) <= 0
    case 'IN':
      return own !== '' && filter.values.some((text) => compared(text) === 0)
    case 'NOT_IN':
      return own !== '' && filter.values.every((text) => compared(text) !== 0)
    case 'CONTAINS_TOKEN':
      return own !== '' && hasToken(own, filter.value)
    case 'NOT_CONTAINS_TOKEN':
      return own !== '' && !hasToken(own, filter.value)
    default:
      return never(operator)
  }
}

/** Negative, zero or positive, as the property's type orders its values. */
export function compareTexts({ type }: Property, left: string, right: string): number {
  if (type === 'number') {
    return compareDecimals(left === '' ? '0' : left, right === '' ? '0' : right)
  }
  if (type === 'date' || type === 'datetime') {
    return (readInstant(left) ?? 0) - (readInstant(right) ?? 0)
  }
  const [a, b] = [left.toLowerCase(), right.toLowerCase()]
  return a < b ? -1 : a > b ? 1 : 0
}

/** `*` stands for anything. */
function hasToken(text: string, token: string): boolean {
  const pattern = token.toLowerCase().split('*').map((part) =>
    part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  ).join('.*')
  return new RegExp(`(?:^|[^a-z0-9])${pattern}(?:$|[^a-z0-9])`).test(text.toLowerCase())
}
