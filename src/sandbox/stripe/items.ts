// Room sandbox: the items of subscriptions: prices, how many of each, and the period that they are paid for.
// https://docs.stripe.com/billing/subscriptions/multiple-products

import { isObject, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { makePrice } from './catalog.ts'
import { withDiscounts } from './discounts.ts'
import { missing, refusal } from './errors.ts'
import { assigned, given, hashOf, numberOf, textOf, without } from './resource.ts'

const daySeconds = 86_400

/** `pricing` of a line or an invoice item. */
export function pricingOf(price: JsonObject): JsonObject {
  return {
    price_details: { price: price['id'] ?? null, product: price['product'] ?? null },
    type: 'price_details',
    unit_amount_decimal: price['unit_amount_decimal'] ?? null,
  }
}

/** A new item of a subscription, stored. `path` is the name of its parameters, empty when they stand alone. */
export function makeItem(account: Account, params: JsonObject, path: string): JsonObject {
  const subscription = account.get('subscription', textOf(params, 'subscription')) ?? {}
  const price = priceOf(account, params, path)
  const now = account.nowS()
  const trial = numberOf(subscription, 'trial_end')
  const every = hashOf(price, 'recurring')
  const end = trial > now ? trial : periodEnd(now, every)
  const id = account.nextId('si_')
  const metered = every['usage_type'] === 'metered'
  const row: JsonObject = assigned({
    id,
    object: 'subscription_item',
    billing_thresholds: null,
    created: now,
    current_period_end: end,
    current_period_start: now,
    current_trial: null,
    discounts: [],
    metadata: {},
    price: '',
    ...(metered ? {} : { quantity: 1 }),
    subscription: '',
    tax_rates: [],
  }, {
    ...without(given(withDiscounts(account, params, { subscription_item: id })), itemPassing),
    price: price['id'] ?? null,
  })
  account.put('subscription_item', row)
  return row
}

const itemPassing = [
  'id',
  'deleted',
  'clear_usage',
  'plan',
  'price_data',
  'payment_behavior',
  'proration_behavior',
  'proration_date',
  'off_session',
]

function priceOf(account: Account, params: JsonObject, path: string): JsonObject {
  const name = (member: string) => path === '' ? member : `${path}[${member}]`
  const data = params['price_data']
  if (isObject(data)) return makePrice(account, data)
  const given = params['price'] === undefined ? 'plan' : 'price'
  const id = textOf(params, given)
  if (id === '') throw missing(name('price'))
  const price = account.get('price', id) ?? {}
  if (price['type'] !== 'recurring') {
    throw refusal(
      'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.',
      { param: name(given) },
    )
  }
  if (price['active'] === true) return price
  throw refusal('The price specified is inactive. This field only accepts active prices.', {
    param: name(given),
  })
}

/** An item with other members, stored. */
export function changeItem(
  account: Account,
  item: JsonObject,
  { params, path }: { params: JsonObject; path: string },
): JsonObject {
  const named = ['price', 'plan', 'price_data'].some((name) => params[name] !== undefined)
  const price = named ? { price: priceOf(account, params, path)['id'] ?? null } : {}
  const owner = { subscription_item: item['id'] ?? null }
  const discounted = withDiscounts(account, params, owner)
  const next = assigned(item, { ...without(discounted, itemPassing), ...price })
  account.put('subscription_item', next)
  return next
}

/** The items of a subscription, oldest first. */
export function itemsOf(account: Account, subscription: string): JsonObject[] {
  return account.rowsBy('subscription_item', 'subscription', subscription)
}

/** When a period ends that starts then, in seconds. A month has as many days as it has. */
function periodEnd(startS: number, every: JsonObject): number {
  const count = numberOf(every, 'interval_count') || 1
  const interval = textOf(every, 'interval')
  if (interval === 'day') return startS + count * daySeconds
  if (interval === 'week') return startS + count * 7 * daySeconds
  const start = new Date(startS * 1000)
  const months = interval === 'year' ? 12 * count : count
  const end = new Date(start)
  end.setUTCDate(1)
  end.setUTCMonth(start.getUTCMonth() + months)
  const days = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate()
  end.setUTCDate(Math.min(start.getUTCDate(), days))
  return Math.floor(end.getTime() / 1000)
}

interface Placing {
  readonly item: JsonObject
  readonly subscription: string
  readonly path: string
}

/** An item of an update of its subscription: changed, deleted, or new. */
export function placeItem(account: Account, { item, subscription, path }: Placing): void {
  const id = textOf(item, 'id')
  if (id === '') {
    makeItem(account, { ...item, subscription }, path)
    return
  }
  const held = itemsOf(account, subscription).find((other) => other['id'] === id)
  if (held === undefined) {
    throw refusal(`No such subscription item: '${id}'`, {
      code: 'resource_missing',
      param: `${path}[id]`,
    })
  }
  if (item['deleted'] === true) account.remove('subscription_item', id)
  else changeItem(account, held, { params: item, path })
}

/** A subscription without items is none. */
export function lastItem(): Error {
  return refusal(
    'A subscription must have at least one active plan. To cancel a subscription, please use the cancel API endpoint ' +
      'on /v1/subscriptions.',
  )
}
