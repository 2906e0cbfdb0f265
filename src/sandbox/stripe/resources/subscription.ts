// Room sandbox: subscriptions. DELETE cancels. https://docs.stripe.com/api/subscriptions

import { isObject, type JsonObject } from '../../json.ts'
import { noSuch } from '../errors.ts'
import { inRange } from '../list.ts'
import {
  boolean,
  currency,
  decimal,
  either,
  type Fields,
  free,
  hash,
  integer,
  list,
  metadata,
  needed,
  oneOf,
  range,
  reference,
  solid,
  text,
  time,
  unset,
} from '../params.ts'
import { hashOf, type Resource, textOf } from '../resource.ts'
import {
  collectionMethod,
  discounts,
  oneTimePriceData,
  prorationBehavior,
  quantity,
  taxRates,
} from '../shapes.ts'
import { itemsOf } from '../items.ts'
import { cancelSubscription, changeSubscription, makeSubscription } from '../subscribing.ts'
import { itemParams, ratesShown, shownList } from './subscription_item.ts'

const cancellation = hash({
  comment: text(),
  feedback: unset(
    oneOf(
      'other',
      'customer_service',
      'low_quality',
      'missing_features',
      'switched_service',
      'too_complex',
      'too_expensive',
      'unused',
    ),
  ),
  feedback_option: text(),
})

const writable: Fields = {
  add_invoice_items: list(hash({
    discountable: boolean,
    discounts,
    metadata,
    period: free,
    price: reference('price'),
    price_data: oneTimePriceData,
    quantity,
    tax_rates: taxRates,
  })),
  application_fee_percent: unset(decimal(0, 100)),
  automatic_tax: hash({ enabled: needed(boolean), liability: free }),
  billing_schedules: unset(free),
  billing_thresholds: unset(free),
  cancel_at: unset(either(free, text())),
  cancel_at_period_end: boolean,
  collection_method: collectionMethod,
  days_until_due: integer(0),
  default_payment_method: text(),
  default_source: text(),
  default_tax_rates: taxRates,
  description: text(500),
  discounts,
  invoice_settings: free,
  metadata,
  off_session: boolean,
  on_behalf_of: text(),
  payment_behavior: oneOf(
    'allow_incomplete',
    'default_incomplete',
    'error_if_incomplete',
    'pending_if_incomplete',
  ),
  payment_settings: free,
  pending_invoice_item_interval: unset(free),
  proration_behavior: prorationBehavior,
  transfer_data: unset(free),
  trial_end: solid(text()),
  trial_from_plan: boolean,
  trial_settings: free,
}

const statuses = [
  'active',
  'past_due',
  'unpaid',
  'canceled',
  'incomplete',
  'incomplete_expired',
  'trialing',
  'paused',
  'all',
  'ended',
]

export const subscription: Resource = {
  object: 'subscription',
  path: 'subscriptions',
  title: 'subscription',
  idParam: 'id',
  eventName: 'customer.subscription',
  filters: {
    automatic_tax: hash({ enabled: needed(boolean) }),
    collection_method: collectionMethod,
    current_period_end: range,
    current_period_start: range,
    customer: reference('customer'),
    customer_account: text(),
    plan: reference('price', 'plan'),
    price: reference('price'),
    status: oneOf(...statuses),
    test_clock: text(),
  },
  ownFilters: ['status'],
  passes: (row, filters, account) =>
    hasStatus(row, filters) &&
    itemsOf(account, textOf(row, 'id')).some((item) =>
      (filters['price'] === undefined || item['price'] === filters['price']) &&
      (filters['plan'] === undefined || item['price'] === filters['plan']) &&
      inRange(item['current_period_end'], filters['current_period_end']) &&
      inRange(item['current_period_start'], filters['current_period_start'])
    ),
  render: (account, row) => {
    const id = textOf(row, 'id')
    return {
      ...row,
      default_tax_rates: ratesShown(account, row, 'default_tax_rates'),
      items: shownList(account, id, itemsOf(account, id)),
    }
  },
  create: {
    params: {
      ...writable,
      backdate_start_date: time,
      billing_cycle_anchor: time,
      billing_cycle_anchor_config: free,
      billing_mode: free,
      currency,
      customer: reference('customer'),
      customer_account: text(),
      items: list(hash(itemParams)),
      trial_period_days: integer(0, 730),
    },
    act: (account, params) => makeSubscription(account, params),
  },
  update: {
    params: {
      ...writable,
      billing_cycle_anchor: oneOf('now', 'unchanged'),
      cancellation_details: cancellation,
      items: list(hash({
        ...itemParams,
        clear_usage: boolean,
        deleted: boolean,
        id: solid(text()),
      })),
      pause_collection: unset(hash({
        behavior: needed(oneOf('keep_as_draft', 'mark_uncollectible', 'void')),
        resumes_at: time,
      })),
      proration_date: time,
    },
    act: (account, row, { billing_cycle_anchor: anchor, ...params }) =>
      changeSubscription(
        account,
        anchor === 'now' ? { ...row, billing_cycle_anchor: account.nowS() } : row,
        params,
      ),
  },
  remove: {
    params: { cancellation_details: cancellation, invoice_now: boolean, prorate: boolean },
    act: (account, row, params) => {
      if (row['status'] === 'canceled') {
        throw noSuch('subscription', textOf(row, 'id'), { status: 404, param: 'id' })
      }
      return cancelSubscription(account, row, params)
    },
  },
}

/** Canceled ones are listed only when they are asked for. */
function hasStatus(row: JsonObject, { status, automatic_tax: tax }: JsonObject): boolean {
  const mine = textOf(row, 'status')
  const ended = mine === 'canceled' || mine === 'incomplete_expired'
  const passes = status === undefined
    ? mine !== 'canceled'
    : status === 'all' || status === mine || (status === 'ended' && ended)
  return passes && (!isObject(tax) || hashOf(row, 'automatic_tax')['enabled'] === tax['enabled'])
}
