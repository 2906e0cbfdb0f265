// Room platforms: Stripe's events: reading one, and which records of a table it tells of.
// Source: Stripe API reference, "The Event object".

import { isJsonObject, type Json, type JsonObject, toInteger } from '../json.ts'
import { own } from '../own.ts'
import { wordsOf } from './object.ts'
import { recordItself, type Telling } from './tellings.ts'

export interface StripeEvent {
  readonly id: string
  /** `customer.subscription.updated` */
  readonly type: string
  /** Seconds since 1970, by Stripe's clock. */
  readonly createdS: number
  /** `object` as it was then, in the form of the event's own API version, and `previous_attributes`. */
  readonly data: JsonObject
}

/** The event, undefined when it is none. */
export function readEvent(json: Json | undefined): StripeEvent | undefined {
  if (!isJsonObject(json) || json['object'] !== 'event') return undefined
  const { id, type, created, data } = json
  const createdS = toInteger(created)
  const named = typeof id === 'string' && id !== '' && typeof type === 'string'
  if (!named || createdS === undefined || !isJsonObject(data)) return undefined
  return isJsonObject(data['object']) ? { id, type, createdS, data } : undefined
}

/** Of which records an event tells. */
export interface Told {
  readonly ids: readonly string[]
  /** It shows only some of the parts of this record: all of them are to be asked for. */
  readonly partsOf: string | null
}

/** The records that the event names by the tellings of a table. undefined: it is about one of them, and does not say which. */
export function toldBy(
  { type, data }: StripeEvent,
  tellings: readonly Telling[],
): Told | undefined {
  const mine = tellings.filter(({ types }) => wordsOf(types).includes(type))
  const ids = mine.flatMap(({ at }) => wordsOf(at).flatMap((path) => idsAt(data, path.split('.'))))
  if (ids.length === 0 && mine.some(({ at }) => at === recordItself)) return undefined
  const [partsOf = null] = mine.flatMap(({ parts }) => {
    if (parts === undefined || !isCut(valuesAt(data, parts.list.split('.'))[0])) return []
    return idsAt(data, recordItself.split('.'))
  })
  return { ids: [...new Set(ids)], partsOf }
}

/** A list within an object shows its first entries and says whether there are more. */
function isCut(list: Json | undefined): boolean {
  return isJsonObject(list) && list['has_more'] === true
}

/** An id stands for its object, or the object itself stands there. */
function idsAt(data: JsonObject, path: readonly string[]): string[] {
  return valuesAt(data, path).flatMap((value) => {
    const id = isJsonObject(value) ? value['id'] : value
    return typeof id === 'string' && id !== '' ? [id] : []
  })
}

/** What is at a path; `*` is each entry of a list. */
function valuesAt(value: Json | undefined, [name, ...rest]: readonly string[]): Json[] {
  if (value === undefined || value === null) return []
  if (name === undefined) return [value]
  if (name === '*') {
    const entries: readonly Json[] = Array.isArray(value) ? value : []
    return entries.flatMap((entry) => valuesAt(entry, rest))
  }
  return isJsonObject(value) ? valuesAt(own(value, name), rest) : []
}
