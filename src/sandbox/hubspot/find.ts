// Room sandbox: the records that a search finds. One by the time of the last change costs what is on its page.

import { compareTexts, type Filter, matches } from './filter.ts'
import { readInstant } from './moments.ts'
import type { Span } from './modified.ts'
import type { Lag } from './lag.ts'
import type { ObjectType } from './objects/definition.ts'
import type { Portal, Row } from './portal.ts'
import { isLiving } from './table.ts'

export interface Order {
  readonly name: string
  readonly descending: boolean
}

export interface Query {
  readonly type: ObjectType
  /** Any of these groups, in which all must hold; none: everything. */
  readonly groups: readonly (readonly Filter[])[]
  /** In lower case; empty: none. */
  readonly words: string
  readonly order: Order | null
  readonly after: number
  readonly limit: number
}

export interface Found {
  readonly rows: readonly Row[]
  readonly total: number
}

interface Searched {
  readonly portal: Portal
  readonly lag: Lag
  readonly nowMs: number
}

/** One page of what is found, and how many there are. */
export function find(searched: Searched, query: Query): Found {
  const { type, after, limit } = query
  const { modified } = searched.portal.table(type)
  const behind = searched.lag.behind(type, searched.nowMs)
  const span = spanOf(query)
  if (behind.size === 0 && isByChange(query)) {
    return { rows: slice(modified.walk(span), after, limit), total: modified.count(span) }
  }
  const known = [...modified.walk(span)].filter(({ id }) => !behind.has(id))
  const earlier = [...behind.values()].filter((row) => row !== undefined && isLiving(row))
  const found = [...known, ...earlier].filter((row) => row !== undefined).filter((row) =>
    passes(row, query)
  )
  const rows = sorted(found, query.order).slice(after, after + limit)
  return { rows: rows.map((row) => shown(row, searched)), total: found.length }
}

/** As it is now, where the search shows that and it still is. */
function shown(row: Row, { portal, lag }: Searched): Row {
  if (lag.shows === 'index') return row
  const now = portal.get(row.type, row.id)
  return now !== undefined && now.id === row.id && isLiving(now) ? now : row
}

function slice<T>(items: Iterable<T>, after: number, limit: number): T[] {
  const taken: T[] = []
  let index = 0
  for (const item of items) {
    if (index++ < after) continue
    if (taken.length === limit) break
    taken.push(item)
  }
  return taken
}

function passes({ type, values }: Row, { groups, words }: Query): boolean {
  return holds(type, values, words) && (groups.length === 0 ||
    groups.some((filters) => filters.every((filter) => matches(values, filter))))
}

/** Does any of the record's texts hold the words? */
function holds(type: ObjectType, values: Row['values'], words: string): boolean {
  return words === '' ||
    type.properties.some(({ name, type: sort }) =>
      sort === 'string' && (values.get(name) ?? '').toLowerCase().includes(words)
    )
}

function sorted(rows: readonly Row[], order: Order | null): readonly Row[] {
  const { name, descending } = order ?? { name: 'hs_object_id', descending: false }
  const property = rows[0]?.type.byName.get(name)
  if (property === undefined) return rows
  const sign = descending ? -1 : 1
  return rows.map((row) => ({ row, value: row.values.get(name) ?? '' }))
    .sort((left, right) => sign * compareTexts(property, left.value, right.value))
    .map(({ row }) => row)
}

const everything: Span = { fromMs: -Infinity, untilMs: Infinity }

/** Does it ask for nothing but a span of changes, in their order? */
function isByChange({ type, groups, words, order }: Query): boolean {
  const [filters = []] = groups
  return words === '' && groups.length < 2 && order?.name === type.modifiedName &&
    !order.descending && filters.every((filter) => spanIn(filter, type) !== null)
}

/** The changes among which everything is that can be found. */
function spanOf({ type, groups }: Query): Span {
  const [filters = [], ...others] = groups
  if (others.length > 0) return everything
  return filters.reduce((span, filter) => {
    const { fromMs, untilMs } = spanIn(filter, type) ?? everything
    return { fromMs: Math.max(span.fromMs, fromMs), untilMs: Math.min(span.untilMs, untilMs) }
  }, everything)
}

function spanIn({ property, operator, value, highValue }: Filter, type: ObjectType): Span | null {
  const at = readInstant(value)
  if (property.name !== type.modifiedName || at === null) return null
  switch (operator) {
    case 'EQ':
      return { fromMs: at, untilMs: at }
    case 'GT':
      return { ...everything, fromMs: at + 1 }
    case 'GTE':
      return { ...everything, fromMs: at }
    case 'LT':
      return { ...everything, untilMs: at - 1 }
    case 'LTE':
      return { ...everything, untilMs: at }
    case 'BETWEEN': {
      const high = readInstant(highValue)
      return high === null ? null : { fromMs: at, untilMs: high }
    }
    default:
      return null
  }
}
