// Room sandbox: `expand`: ids answered as the objects that they name. https://docs.stripe.com/api/expanding_objects

import { isArray, isObject, type Json, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { refusal } from './errors.ts'
import { deletedAnswer, textOf } from './resource.ts'
import { findRow, resourceOfObject, shown, whole } from './schema.ts'

const levelsMax = 4

/** Which kind of object a member's id is of. */
const kinds: Readonly<Record<string, string>> = {
  charge: 'charge',
  coupon: 'coupon',
  customer: 'customer',
  default_payment_method: 'payment_method',
  default_price: 'price',
  invoice: 'invoice',
  latest_charge: 'charge',
  latest_invoice: 'invoice',
  payment_intent: 'payment_intent',
  payment_method: 'payment_method',
  price: 'price',
  product: 'product',
  subscription: 'subscription',
}

/** The answer with what was asked for put in. Throws `StripeFailure` for what cannot be expanded. */
export function expanded(
  account: Account,
  answer: JsonObject,
  paths: readonly string[],
): JsonObject {
  return paths.reduce<JsonObject>((value, path) => {
    const levels = path.split('.')
    const depth = levels.filter((level) => level !== 'data').length
    if (depth > levelsMax) {
      throw refusal(
        `You cannot expand more than ${levelsMax} levels of a property. Property: ${path}`,
      )
    }
    return below(account, value, { levels, path })
  }, answer)
}

interface Wanted {
  readonly levels: readonly string[]
  /** The whole of what was asked for. */
  readonly path: string
}

function below(account: Account, value: JsonObject, { levels, path }: Wanted): JsonObject {
  const [name = '', ...rest] = levels
  const member = Object.hasOwn(value, name) ? value[name] : hiddenMember(account, value, name)
  if (member === undefined || name === 'id' || name === 'object') throw impossible(path)
  // what an object could show and does not have stays absent, asked for or not
  if (member === null && !Object.hasOwn(value, name)) return value
  return { ...value, [name]: within(account, member, { name, wanted: { levels: rest, path } }) }
}

function within(
  account: Account,
  member: Json,
  { name, wanted }: { name: string; wanted: Wanted },
): Json {
  if (member === null) return null
  if (typeof member === 'string') {
    const object = objectOf(account, kinds[name], member)
    if (object === null) throw impossible(wanted.path)
    return wanted.levels.length === 0 ? object : below(account, object, wanted)
  }
  if (wanted.levels.length === 0) return member
  if (isArray(member)) {
    return member.map((item) => isObject(item) ? below(account, item, wanted) : item)
  }
  if (!isObject(member)) throw impossible(wanted.path)
  return below(account, member, wanted)
}

/** A member that is answered only when it is asked for. */
function hiddenMember(account: Account, value: JsonObject, name: string): Json | undefined {
  const resource = resourceOfObject(textOf(value, 'object'))
  if (resource === undefined || resource.hidden?.includes(name) !== true) return undefined
  const row = findRow(account, resource, textOf(value, 'id'))
  return row === null ? undefined : whole(account, resource, row)[name] ?? null
}

function objectOf(account: Account, kind: string | undefined, id: string): JsonObject | null {
  const resource = resourceOfObject(kind ?? '')
  if (resource === undefined) return null
  const row = findRow(account, resource, id)
  if (row !== null) return shown(account, resource, row)
  const gone = account.getEver(resource.stored ?? resource.object, id)
  return gone === null ? null : deletedAnswer(resource, id)
}

function impossible(path: string): Error {
  return refusal(`This property cannot be expanded (${path}).`)
}
