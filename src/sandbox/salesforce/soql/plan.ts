// Room sandbox: which rows a query has to look at, and in which order they come by themselves. A reader that goes through
// a large object by its ids or its stamps is answered from where it stands.

import { readId } from '../ids.ts'
import { datetimeMs, writeDatetime } from '../dates.ts'
import type { Sobject } from '../objects/schema.ts'
import type { Org, Row } from '../org.ts'
import type { Condition, Ordering, Path, Query } from './query.ts'

export interface Plan {
  /** Every row that the query can find is among them. */
  readonly rows: Iterable<Row>
  /** Do they come in the order that the query asks for? */
  readonly isOrdered: boolean
}

/** The query has been checked: its names are fields, its literals of their types. */
export function planOf(org: Org, { where, orderBy }: Query, object: Sobject): Plan {
  const tests = where === null ? [] : where.kind === 'and' ? where.parts : [where]
  const ids = idsIn(tests)
  if (ids !== null) {
    const rows = ids.flatMap((id) => org.get(id) ?? []).filter((row) => row.object === object)
    return { rows, isOrdered: orderBy.length === 0 }
  }
  const [first, second, third] = orderBy
  const byStamp = isAscending(first, 'SystemModstamp')
  if (byStamp && isAscending(second, 'Id') && third === undefined) {
    return { rows: org.rowsFrom(object, stampIn(tests) ?? ''), isOrdered: true }
  }
  if (isOf(first?.path, 'SystemModstamp') && !byStamp && second === undefined) {
    return { rows: org.rowsBack(object), isOrdered: true }
  }
  const after = idIn(tests)
  const isOrdered = first === undefined || (isAscending(first, 'Id') && second === undefined)
  const stamp = after === null && !isOrdered ? stampIn(tests) : null
  if (stamp !== null) return { rows: org.rowsFrom(object, stamp), isOrdered: false }
  return { rows: org.rows(object, after ?? ''), isOrdered }
}

function isAscending(ordering: Ordering | undefined, name: string): boolean {
  return ordering?.descending === false && isOf(ordering.path, name)
}

function isOf(path: Path | undefined, name: string): boolean {
  return path?.parts.length === 1 && path.parts[0]?.toLowerCase() === name.toLowerCase()
}

/** The ids of `Id = '…'` or `Id IN ('…', …)`, each once, in the order of records. */
function idsIn(tests: readonly Condition[]): string[] | null {
  for (const test of tests) {
    const literals = test.kind === 'in' && !test.negated
      ? test.literals
      : test.kind === 'compare' && test.operator === '='
      ? [test.literal]
      : null
    if (literals === null || !('path' in test) || !isOf(test.path, 'Id')) continue
    const ids = literals.flatMap((literal) =>
      literal.kind === 'string' ? readId(literal.text) ?? [] : []
    )
    return [...new Set(ids)].sort((a, b) => a < b ? -1 : 1)
  }
  return null
}

/** The id of `Id > '…'`. */
function idIn(tests: readonly Condition[]): string | null {
  for (const test of tests) {
    if (test.kind !== 'compare' || test.operator !== '>' || !isOf(test.path, 'Id')) continue
    if (test.literal.kind === 'string') return readId(test.literal.text)
  }
  return null
}

/** The stamp of `SystemModstamp >= …` or `> …`. */
function stampIn(tests: readonly Condition[]): string | null {
  for (const test of tests) {
    const isBound = test.kind === 'compare' && (test.operator === '>' || test.operator === '>=')
    if (!isBound || !isOf(test.path, 'SystemModstamp')) continue
    const ms = test.literal.kind === 'moment' ? datetimeMs(test.literal.text) : null
    if (ms !== null) return writeDatetime(ms)
  }
  return null
}
