// Room sandbox: running a query: which rows, in which order, shown how.

import type { Json } from '../../json.ts'
import { failure } from '../errors.ts'
import type { Field } from '../field.ts'
import type { Sobject } from '../objects/schema.ts'
import type { Org, Row } from '../org.ts'
import { attributesOf, type BasePath, renderField } from '../render.ts'
import { type ColumnRef, parentOf, resolveObject, resolvePath, valueOf } from './columns.ts'
import { compareBy as compareOf, compileCondition } from './filter.ts'
import { parseQuery } from './parser.ts'
import { planOf } from './plan.ts'
import type { Ordering, Query, SelectItem } from './query.ts'

/** What a query finds. `show` gives a row as an answer shows it. */
export interface Found {
  readonly rows: readonly Row[]
  /** How many there are; with COUNT() the rows are not given. */
  readonly total: number
  readonly show: (row: Row) => Json
}

const everyLimitMax = 200

export interface Running {
  /** Rows count too that were put into the recycle bin since, in milliseconds since 1970; null: none. */
  readonly binnedSince: number | null
  readonly base: BasePath
}

/** Runs a query. Throws an `ApiFailure`. */
export function runQuery(org: Org, text: string, { binnedSince, base }: Running): Found {
  const query = parseQuery(text)
  const object = resolveObject(query)
  const test = query.where === null
    ? () => true
    : compileCondition({ org, query, object }, query.where)
  const compare = compareBy(org, query, object)
  const columns = columnsOf(query, object)
  const { rows: candidates, isOrdered } = planOf(org, query, object)
  const end = query.limit === null ? Number.POSITIVE_INFINITY : query.offset + query.limit
  const matching: Row[] = []
  for (const row of candidates) {
    if (isOrdered && matching.length >= end) break
    if (isThere(row, binnedSince) && test(row)) matching.push(row)
  }
  if (compare !== null && !isOrdered) matching.sort(compare)
  const rows = matching.slice(query.offset, end)
  const show = (row: Row) => showRow(org, { row, columns, base })
  return query.selection.kind === 'count'
    ? { rows: [], total: rows.length, show }
    : { rows, total: rows.length, show }
}

function isThere({ deletedAtMs }: Row, binnedSince: number | null): boolean {
  return deletedAtMs === null || (binnedSince !== null && deletedAtMs >= binnedSince)
}

function columnsOf(query: Query, object: Sobject): ColumnRef[] {
  if (query.selection.kind === 'count') return []
  const columns = query.selection.items.flatMap((item) => itemColumns(query, object, item))
  const seen = new Set<string>()
  return columns.filter(({ via, field }) => {
    const name = [...via, field].map((each) => each.name).join('.')
    if (seen.has(name)) return false
    seen.add(name)
    return true
  })
}

function itemColumns(query: Query, object: Sobject, item: SelectItem): ColumnRef[] {
  if (item.kind === 'path') return [resolvePath(query, object, item.path)]
  if (item.group !== 'STANDARD' && (query.limit === null || query.limit > everyLimitMax)) {
    const message = `The SOQL FIELDS function must have a LIMIT of at most ${everyLimitMax}`
    throw failure('MALFORMED_QUERY', message)
  }
  return object.fields
    .filter(({ custom }) => item.group === 'ALL' || custom === (item.group === 'CUSTOM'))
    .map((field) => ({ via: [], field }))
}

function compareBy(
  org: Org,
  query: Query,
  object: Sobject,
): ((left: Row, right: Row) => number) | null {
  if (query.orderBy.length === 0) return null
  const orders = query.orderBy.map((ordering) => {
    const column = resolvePath(query, object, ordering.path)
    if (!column.field.sortable) {
      const message = `field '${column.field.name}' can not be sorted in a query call`
      throw failure('INVALID_FIELD', message)
    }
    return compareColumn(org, column, ordering)
  })
  return (left, right) => {
    for (const order of orders) {
      const result = order(left, right)
      if (result !== 0) return result
    }
    return 0
  }
}

function compareColumn(
  org: Org,
  column: ColumnRef,
  { descending, nullsLast }: Ordering,
): (left: Row, right: Row) => number {
  const compare = compareOf(column.field)
  return (left, right) => {
    const [a, b] = [valueOf(org, left, column), valueOf(org, right, column)]
    if (a === null || b === null) {
      const nulls = Number(a !== null) - Number(b !== null)
      return nullsLast ? -nulls : nulls
    }
    return descending ? -compare(a, b) : compare(a, b)
  }
}

/** A row with the columns; those of parents are in objects of their own. */
function showRow(
  org: Org,
  { row, columns, base }: { row: Row; columns: readonly ColumnRef[]; base: BasePath },
): Json {
  const shown: Record<string, Json> = { attributes: attributesOf(row, base) }
  for (const { via, field } of columns) {
    const [first] = via
    if (first === undefined) shown[field.name] = renderField(row, field)
    else if (!(relationshipOf(first) in shown)) {
      const inner = columns.filter((column) => column.via[0] === first)
        .map((column) => ({ via: column.via.slice(1), field: column.field }))
      const parent = parentOf(org, row, first)
      shown[relationshipOf(first)] = parent === undefined
        ? null
        : showRow(org, { row: parent, columns: inner, base })
    }
  }
  return shown
}

function relationshipOf(lookup: Field): string {
  return lookup.relationshipName ?? lookup.name
}
