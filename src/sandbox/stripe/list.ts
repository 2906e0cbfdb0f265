// Room sandbox: lists, newest first, in pages. https://docs.stripe.com/api/pagination

import { isObject, type Json, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { noSuch, onlyOne } from './errors.ts'
import { type Fields, integer, range, text } from './params.ts'
import { numberOf, type Resource, textOf } from './resource.ts'
import { madeAtOf } from './shelf.ts'

const pageDefault = 10
const pageMax = 100

/** Parameters that every list takes. */
export const pageFields: Fields = {
  limit: integer(1, pageMax),
  starting_after: text(),
  ending_before: text(),
}

/** Parameters of the list of a kind of object. */
export function listFields({ filters, undated = false }: Resource): Fields {
  return { ...pageFields, ...filters, ...(undated ? {} : { created: range }) }
}

export interface Page {
  readonly rows: readonly JsonObject[]
  readonly hasMore: boolean
}

/** One page of the objects of a kind that pass the filters. Throws `StripeFailure` for a cursor that is none of them. */
export function pageOfShelf(account: Account, resource: Resource, params: JsonObject): Page {
  const { object, stored = object, title } = resource
  const shelf = account.shelf(stored)
  const { limit, after, before } = placeIn(params)
  const at = (id: string, param: string): number => {
    const entry = shelf.get(id)
    if (entry === undefined || entry.deleted) throw noSuch(title, id, { param })
    return entry.at
  }
  const passes = filterOf(account, resource, params)
  if (before !== '') {
    const newer = shelf.from(at(before, 'ending_before') + 1, 1)
    const found = firstOf(newer, passes, limit + 1)
    return { rows: found.slice(0, limit).toReversed(), hasMore: found.length > limit }
  }
  const start = after === '' ? shelf.end - 1 : at(after, 'starting_after') - 1
  const oldest = shelf.isDated ? oldestOf(params, resource, account) : 0
  const older = until(shelf.from(start, -1), (row) => (madeAtOf(row) ?? oldest) < oldest)
  const found = firstOf(older, passes, limit + 1)
  return { rows: found.slice(0, limit), hasMore: found.length > limit }
}

/** Nothing older than this passes the filters: seconds since 1970. */
function oldestOf({ created }: JsonObject, { lifetimeS }: Resource, account: Account): number {
  const born = lifetimeS === undefined ? 0 : account.nowS() - lifetimeS
  if (!isObject(created)) return typeof created === 'number' ? Math.max(born, created) : born
  return Math.max(born, numberOf(created, 'gte'), numberOf(created, 'gt'))
}

function* until(rows: Iterable<JsonObject>, isOver: (row: JsonObject) => boolean) {
  for (const row of rows) {
    if (isOver(row)) return
    yield row
  }
}

function firstOf(
  rows: Iterable<JsonObject>,
  passes: (row: JsonObject) => boolean,
  count: number,
): JsonObject[] {
  const found: JsonObject[] = []
  for (const row of rows) {
    if (!passes(row)) continue
    found.push(row)
    if (found.length === count) break
  }
  return found
}

function filterOf(
  account: Account,
  { passes = () => true, ownFilters = [], has = () => true, lifetimeS }: Resource,
  filters: JsonObject,
): (row: JsonObject) => boolean {
  const plain = Object.entries(filters).filter(([name]) => !ownFilters.includes(name))
  const oldest = lifetimeS === undefined ? 0 : account.nowS() - lifetimeS
  return (row) =>
    has(row) && (lifetimeS === undefined || numberOf(row, 'created') > oldest) &&
    plain.every(([name, value]) => passesMember(row, name, value)) && passes(row, filters, account)
}

/** A filter named like a member, with a plain value, is about that member. */
function passesMember(row: JsonObject, name: string, value: Json): boolean {
  const member = name === 'created' ? madeAtOf(row) : row[name]
  if (name in pageFields || member === undefined) return true
  if (name === 'created' || name.endsWith('_date')) return inRange(member, value)
  return typeof value === 'object' || member === value
}

/** Is the number what is wanted, or within the bounds `{gt, gte, lt, lte}`? */
export function inRange(value: Json | undefined, wanted: Json | undefined): boolean {
  if (wanted === undefined || wanted === null) return true
  if (typeof value !== 'number') return false
  if (!isObject(wanted)) return value === wanted
  const { gt, gte, lt, lte } = wanted
  return (typeof gt !== 'number' || value > gt) && (typeof gte !== 'number' || value >= gte) &&
    (typeof lt !== 'number' || value < lt) && (typeof lte !== 'number' || value <= lte)
}

interface Place {
  readonly limit: number
  readonly after: string
  readonly before: string
}

function placeIn(params: JsonObject): Place {
  const limit = typeof params['limit'] === 'number' ? params['limit'] : pageDefault
  const after = textOf(params, 'starting_after')
  const before = textOf(params, 'ending_before')
  if (after !== '' && before !== '') throw onlyOne('ending_before', 'starting_after')
  return { limit, after, before }
}

/** One page of rows. Throws `StripeFailure` for a cursor that is not among them. */
export function pageOf(
  rows: readonly JsonObject[],
  params: JsonObject,
  { title }: { title: string },
): Page {
  const { limit, after, before } = placeIn(params)
  if (before !== '') {
    const end = indexOf(rows, before, { title, param: 'ending_before' })
    const start = Math.max(0, end - limit)
    return { rows: rows.slice(start, end), hasMore: start > 0 }
  }
  const start = after === '' ? 0 : indexOf(rows, after, { title, param: 'starting_after' }) + 1
  return { rows: rows.slice(start, start + limit), hasMore: start + limit < rows.length }
}

function indexOf(
  rows: readonly JsonObject[],
  id: string,
  { title, param }: { title: string; param: string },
): number {
  const index = rows.findIndex((row) => row['id'] === id)
  if (index < 0) throw noSuch(title, id, { param })
  return index
}
