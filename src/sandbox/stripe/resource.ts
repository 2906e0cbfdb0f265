// Room sandbox: what one kind of Stripe object is: its parameters as data, and what making, changing and deleting do.

import { isObject, type Json, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import type { Fields } from './params.ts'
import { mergeMetadata } from './read.ts'

export interface Resource {
  /** `customer`: the value of `object`. */
  readonly object: string
  /** `customers`: the collection's name in URLs. */
  readonly path: string
  /** What errors call it: `No such customer: …` */
  readonly title: string
  /** What errors call the id in the path. */
  readonly idParam: string
  /** Where its rows are stored, when that is not under its own name. */
  readonly stored?: string
  /** What its events are called, when not after the object; null: it has none. */
  readonly eventName?: string | null
  /** Members that are answered only when they are asked for with `expand`. */
  readonly hidden?: readonly string[]
  /** Members that only the answer to its making has. */
  readonly shownOnce?: readonly string[]
  /** How long it is there, in seconds; for ever when absent. */
  readonly lifetimeS?: number
  /** It does not say when it was made, so that lists cannot be narrowed by it. */
  readonly undated?: boolean
  /** Lists that stand below an object: GET /v1/<path>/<id>/<name> */
  readonly lists?: Readonly<Record<string, (row: JsonObject) => JsonObject[]>>
  /** May it be looked up although it was deleted? The answer is then the deletion's. */
  readonly outlivesDeletion?: boolean
  /** Its objects, when they are not simply all that are stored: the rows that belong to it. */
  readonly has?: (row: JsonObject) => boolean
  /** The object as answered, made from its row. */
  readonly render?: (account: Account, row: JsonObject) => JsonObject
  /** Parameters of a list beside the pages' and `created`. */
  readonly filters: Fields
  /** Filters that are named like a member, and do not simply ask for its value. */
  readonly ownFilters?: readonly string[]
  /** Throws `StripeFailure` for filters that do not go together. */
  readonly checkFilters?: (filters: JsonObject) => void
  /** Does a row pass the filters? Those named like a member of the object are applied anyway. */
  readonly passes?: (row: JsonObject, filters: JsonObject, account: Account) => boolean
  readonly create?: Operation<(account: Account, params: JsonObject) => JsonObject>
  readonly update?: Operation<(account: Account, row: JsonObject, params: JsonObject) => JsonObject>
  /** Answers the deleted object as it was, to be told of in an event. */
  readonly remove?: Operation<(account: Account, row: JsonObject, params: JsonObject) => Removal>
  /** POST /v1/<path>/<id>/<name> */
  readonly actions?: Readonly<Record<string, Action>>
}

export type Action = Operation<
  (account: Account, row: JsonObject, params: JsonObject) => JsonObject
>

/** `act` answers the object's row, stored. */
export interface Operation<Act> {
  readonly params: Fields
  readonly act: Act
}

/** What a DELETE comes to: an object that is gone, or one that lives on changed. */
export type Removal = 'deleted' | JsonObject

export function textOf(row: JsonObject, name: string): string {
  const value = row[name]
  return typeof value === 'string' ? value : ''
}

export function numberOf(row: JsonObject, name: string): number {
  const value = row[name]
  return typeof value === 'number' ? value : 0
}

export function hashOf(row: JsonObject, name: string): JsonObject {
  const value = row[name]
  return isObject(value) ? value : {}
}

/** The hashes in a list. */
export function hashesOf(row: JsonObject, name: string): JsonObject[] {
  const value = row[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** The list object `{object: 'list', data, …}` of everything there is. */
export function listOf(data: readonly Json[], url: string): JsonObject {
  return { object: 'list', data, has_more: false, url }
}

/** The data of a list object. */
export function dataOf(row: JsonObject, name: string): JsonObject[] {
  return hashesOf(hashOf(row, name), 'data')
}

export function deletedAnswer({ object }: Resource, id: string): JsonObject {
  return { id, object, deleted: true }
}

/** Members that are empty, not null, when they are unset. */
const lists = [
  'default_tax_rates',
  'discounts',
  'images',
  'marketing_features',
  'preferred_locales',
  'shipping_options',
  'tax_rates',
]

/** The row with the parameters in the place of its members; `metadata` and settings merge. */
export function assigned(row: JsonObject, params: JsonObject): JsonObject {
  const { metadata, ...rest } = params
  const members = Object.entries(rest).map(([name, value]) => {
    const merges = name.endsWith('_settings') || name === 'automatic_tax'
    if (merges && isObject(value)) return [name, { ...hashOf(row, name), ...value }] as const
    return [name, value === null && lists.includes(name) ? [] : value] as const
  })
  return {
    ...row,
    ...Object.fromEntries(members),
    metadata: mergeMetadata(hashOf(row, 'metadata'), metadata),
  }
}

/** The members that a hash has, each null until given. */
export function filled(value: Json | undefined, names: readonly string[]): Json {
  if (!isObject(value)) return null
  return Object.fromEntries(names.map((name) => [name, value[name] ?? null]))
}

/** A shipping address, whole, in the place of the one that was given; parameters that give none stay as they are. */
export function withShipping(params: JsonObject, name: string): JsonObject {
  const given = params[name]
  if (!isObject(given)) return params
  const { carrier = null, name: receiver = null, phone = null, tracking_number: tracking = null } =
    given
  const place = filled(given['address'], addressNames)
  return {
    ...params,
    [name]: { address: place, carrier, name: receiver, phone, tracking_number: tracking },
  }
}

export const addressNames = ['city', 'country', 'line1', 'line2', 'postal_code', 'state']

/** Without members that are null: the ones that a new object takes from its defaults. */
export function given(params: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null))
}

/** Without some members. */
export function without(row: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => Object.hasOwn(row, name))) return row
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)))
}
