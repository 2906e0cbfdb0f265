// Room sandbox: lists of the REST API, in pages with a Link header.
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api

import type { Json } from '../../json.ts'
import { refuseInvalid } from '../refusal.ts'
import { timeText } from '../state/session.ts'
import type { Rows } from '../state/orders.ts'
import { type Call, type Reply, reply } from './call.ts'

export const perPageDefault = 30
export const perPageMax = 100

/** The page that the query asks for, each row written by `show`. */
export function paged<T>(
  call: Call,
  rows: Rows<T>,
  { show, wrap = (list) => list }: {
    readonly show: (row: T) => Json
    /** Puts the list into what the endpoint answers. */
    readonly wrap?: (list: readonly Json[]) => Json
  },
): Reply {
  const perPage = Math.min(countOf(call, 'per_page') ?? perPageDefault, perPageMax)
  const page = countOf(call, 'page') ?? 1
  const last = Math.max(1, Math.ceil(rows.length / perPage))
  const shown = rows.slice((page - 1) * perPage, page * perPage)
  const links = [
    ...(page > 1 ? [link(call, 'prev', page - 1)] : []),
    ...(page < last ? [link(call, 'next', page + 1), link(call, 'last', last)] : []),
    ...(page > 1 ? [link(call, 'first', 1)] : []),
  ]
  return reply(200, wrap(shown.map(show)), links.length === 0 ? {} : { link: links.join(', ') })
}

function link(call: Call, rel: string, page: number): string {
  const query = new URLSearchParams(call.query)
  query.set('page', String(page))
  return `<${call.session.base}${call.path}?${query}>; rel="${rel}"`
}

function countOf({ query }: Call, name: string): number | null {
  const text = query.get(name) ?? ''
  return /^[0-9]{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : null
}

/** One of the words that a query parameter can be; the first when it is absent. Throws `Refused`. */
export function choice<T extends string>(
  { query }: Call,
  name: string,
  { words, resource }: { readonly words: readonly [T, ...T[]]; readonly resource: string },
): T {
  const text = query.get(name)
  if (text === null || text === '') return words[0]
  const word = words.find((one) => one === text)
  if (word !== undefined) return word
  refuseInvalid([{ resource, field: name, code: 'invalid', value: text }])
  return words[0]
}

/** Milliseconds since 1970 of `since`; -Infinity when it is absent. Throws `Refused`. */
export function sinceOf({ query }: Call, resource: string): number {
  const text = query.get('since')
  if (text === null || text === '') return Number.NEGATIVE_INFINITY
  const since = Date.parse(text)
  if (Number.isNaN(since)) {
    refuseInvalid([{ resource, field: 'since', code: 'invalid', value: text }])
  }
  return since
}

/** The first moment, to the second, that is not before: as records have it. */
export function stampOf(since: number): string {
  return since <= 0 ? '' : timeText(Math.ceil(since / 1000) * 1000)
}

/** Rows in the order of `by`, and of their ids where that is the same. */
export function sorted<T extends { readonly id: bigint }>(
  rows: readonly T[],
  { by, descending }: { readonly by: (row: T) => string | number; readonly descending: boolean },
): readonly T[] {
  const sign = descending ? -1 : 1
  return rows.toSorted((left, right) => {
    const [one, other] = [by(left), by(right)]
    if (one !== other) return one < other ? -sign : sign
    return left.id < right.id ? -sign : sign
  })
}
