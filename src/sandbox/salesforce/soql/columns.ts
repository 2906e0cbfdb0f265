// Room sandbox: the names in a query, to fields. A name may go through lookups: `Account.Owner.Name`.

import { failure } from '../errors.ts'
import type { Field } from '../field.ts'
import { findField, findSobject, type Sobject, sobjectOfId } from '../objects/schema.ts'
import type { Org, Row } from '../org.ts'
import type { Value } from '../values.ts'
import { queryFailure } from './lexer.ts'
import type { Path, Query } from './query.ts'

/** A field, and the lookups on the way to it. */
export interface ColumnRef {
  readonly via: readonly Field[]
  readonly field: Field
}

const lookupsMax = 5

const hint = 'Please reference your WSDL or the describe call for the appropriate names.'

/** The object that a query is about. Throws INVALID_TYPE. */
export function resolveObject({ text, from }: Query): Sobject {
  const name = from.parts.join('.')
  const object = findSobject(name)
  if (object !== undefined) return object
  const message =
    `sObject type '${name}' is not supported. If you are attempting to use a custom ` +
    `object, be sure to append the '__c' after the entity name. ${hint}`
  throw queryFailure(text, from.at, message, 'INVALID_TYPE')
}

/** The field behind a name. Throws INVALID_FIELD. */
export function resolvePath(query: Query, object: Sobject, path: Path): ColumnRef {
  const own = path.parts.length > 1 && path.parts[0]?.toLowerCase() === object.name.toLowerCase()
  const parts = own ? path.parts.slice(1) : path.parts
  const via: Field[] = []
  let here: Sobject = object
  for (const part of parts.slice(0, -1)) {
    const parent = here.parentsByName.get(part.toLowerCase())
    const target = findSobject(parent?.referenceTo[0] ?? '')
    if (parent === undefined || target === undefined || via.length >= lookupsMax) {
      const message = `Didn't understand relationship '${part}' in field path. If you are ` +
        "attempting to use a custom relationship, be sure to append the '__r' after the custom " +
        `relationship name. ${hint}`
      throw queryFailure(query.text, path.at, message, 'INVALID_FIELD')
    }
    via.push(parent)
    here = target
  }
  const name = parts.at(-1) ?? ''
  const field = findField(here, name)
  if (field !== undefined) return { via, field }
  const message = `No such column '${name}' on entity '${here.name}'. If you are attempting to ` +
    `use a custom field, be sure to append the '__c' after the custom field name. ${hint}`
  throw queryFailure(query.text, path.at, message, 'INVALID_FIELD')
}

/** As `resolvePath`, for a field in WHERE. */
export function resolveFilter(query: Query, object: Sobject, path: Path): ColumnRef {
  const column = resolvePath(query, object, path)
  if (column.field.filterable && column.field.type !== 'address') return column
  const message = `field '${column.field.name}' can not be filtered in a query call`
  throw failure('INVALID_FIELD', message)
}

/** The value of a column of a row; null when a lookup on the way is empty. */
export function valueOf(org: Org, row: Row, { via, field }: ColumnRef): Value {
  let here: Row | undefined = row
  for (const step of via) here = parentOf(org, here, step)
  return here?.values.get(field.name) ?? null
}

/** The row that a lookup refers to. */
export function parentOf(org: Org, row: Row | undefined, lookup: Field): Row | undefined {
  const id = row?.values.get(lookup.name)
  if (typeof id !== 'string' || sobjectOfId(id) === undefined) return undefined
  return org.get(id)
}
