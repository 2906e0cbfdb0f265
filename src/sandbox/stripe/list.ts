// Room sandbox: lists, newest first, in pages. https://docs.stripe.com/api/pagination

import { isObject, type Json, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { noSuch, onlyOne } from './errors.ts'
import { type Fields, integer, range, text } from './params.ts'
import { type Resource, textOf } from './resource.ts'

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

/** The rows that pass the filters, newest first. */
export function filtered(
  account: Account,
  resource: Resource,
  { rows, filters }: { rows: readonly JsonObject[]; filters: JsonObject },
): JsonObject[] {
  const { passes = () => true, ownFilters = [] } = resource
  const plain = Object.entries(filters).filter(([name]) => !ownFilters.includes(name))
  return rows.toReversed().filter((row) =>
    plain.every(([name, value]) => passesMember(row, name, value)) && passes(row, filters, account)
  )
}

/** A filter named like a member, with a plain value, is about that member. */
function passesMember(row: JsonObject, name: string, value: Json): boolean {
  const member = row[name]
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

/** One page of rows. Throws `StripeFailure` for a cursor that is not among them. */
export function pageOf(
  rows: readonly JsonObject[],
  params: JsonObject,
  { title }: { title: string },
): Page {
  const limit = typeof params['limit'] === 'number' ? params['limit'] : pageDefault
  const after = textOf(params, 'starting_after')
  const before = textOf(params, 'ending_before')
  if (after !== '' && before !== '') throw onlyOne('ending_before', 'starting_after')
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
