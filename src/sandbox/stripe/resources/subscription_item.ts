// Room sandbox: items of subscriptions. https://docs.stripe.com/api/subscription_items

import type { JsonObject } from '../../json.ts'
import type { Account, Change } from '../account.ts'
import {
  boolean,
  type Fields,
  free,
  metadata,
  needed,
  reference,
  text,
  time,
  unset,
} from '../params.ts'
import { hashesOf, listOf, type Resource, textOf, without } from '../resource.ts'
import { discounts, prorationBehavior, quantity, recurringPriceData, taxRates } from '../shapes.ts'
import { changeItem, itemsOf, lastItem, makeItem } from '../items.ts'
import { planOf } from './plan.ts'

/** What an item takes, inside a subscription too. */
export const itemParams: Fields = {
  billing_thresholds: unset(free),
  current_trial: free,
  discounts,
  metadata,
  plan: reference('price', 'plan'),
  price: reference('price'),
  price_data: recurringPriceData,
  quantity,
  tax_rates: taxRates,
}

const billing: Fields = {
  payment_behavior: text(),
  proration_behavior: prorationBehavior,
  proration_date: time,
}

export const subscriptionItem: Resource = {
  object: 'subscription_item',
  path: 'subscription_items',
  title: 'subscription_item',
  idParam: 'item',
  eventName: null,
  undated: true,
  filters: { subscription: needed(reference('subscription')) },
  render: (account, row) => itemShown(account, row),
  create: {
    params: { ...itemParams, ...billing, subscription: needed(reference('subscription')) },
    act: (account, params) => {
      const row = makeItem(account, params, '')
      touch(account, row)
      return row
    },
  },
  update: {
    params: { ...itemParams, ...billing, off_session: boolean },
    act: (account, row, params) => {
      const next = changeItem(account, row, { params, path: '' })
      touch(account, next)
      return next
    },
  },
  remove: {
    params: { ...billing, clear_usage: boolean },
    act: (account, row) => {
      if (itemsOf(account, textOf(row, 'subscription')).length < 2) throw lastItem()
      account.remove('subscription_item', textOf(row, 'id'))
      touch(account, row)
      return 'deleted'
    },
  },
}

/** A change of an item is one of its subscription, whose event tells of it. */
function touch(account: Account, item: JsonObject): void {
  const subscription = account.get('subscription', textOf(item, 'subscription'))
  if (subscription !== null) account.put('subscription', subscription)
}

/** The `items` that a subscription had before these changes; `{}` when they are the same. */
export function itemsBefore(
  account: Account,
  subscription: JsonObject,
  changes: readonly Change[],
): JsonObject {
  const id = textOf(subscription, 'id')
  const mine = changes.filter(({ object, before, after }) =>
    object === 'subscription_item' && textOf(before ?? after ?? {}, 'subscription') === id
  )
  if (mine.length === 0) return {}
  const changed = new Set(mine.map(({ before, after }) => textOf(before ?? after ?? {}, 'id')))
  const kept = itemsOf(account, id).filter((item) => !changed.has(textOf(item, 'id')))
  const items = [...kept, ...mine.map(({ before }) => before).filter((item) => item !== null)]
  return { items: shownList(account, id, items) }
}

/** `items` of a subscription. */
export function shownList(
  account: Account,
  subscription: string,
  items: readonly JsonObject[],
): JsonObject {
  const url = `/v1/subscription_items?subscription=${subscription}`
  return listOf(items.map((item) => itemShown(account, item)), url)
}

/** The item with its price, whole, and the plan that it is. */
export function itemShown(account: Account, row: JsonObject): JsonObject {
  const price = account.getEver('price', textOf(row, 'price')) ?? {}
  const shown = without(price, ['tiers', 'currency_options'])
  return {
    ...row,
    plan: planOf(shown),
    price: shown,
    tax_rates: ratesShown(account, row, 'tax_rates'),
  }
}

/** Tax rates whole, from their ids. */
export function ratesShown(account: Account, row: JsonObject, name: string): JsonObject[] {
  const ids = row[name]
  return (Array.isArray(ids) ? ids : []).flatMap((id) => {
    const rate = account.get('tax_rate', String(id))
    return rate === null ? [] : [rate]
  }).concat(hashesOf(row, name))
}
