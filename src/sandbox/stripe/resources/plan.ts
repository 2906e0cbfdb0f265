// Room sandbox: plans: the prices of subscriptions by their older name. https://docs.stripe.com/api/plans

import { isObject, type JsonObject } from '../../json.ts'
import { makePrice } from '../catalog.ts'
import { missing, refusal } from '../errors.ts'
import {
  boolean,
  currency,
  decimalText,
  either,
  hash,
  integer,
  metadata,
  needed,
  oneOf,
  reference,
  solid,
  text,
} from '../params.ts'
import { assigned, hashOf, type Resource, textOf } from '../resource.ts'
import { intervals, productData, tiers, unitAmount } from '../shapes.ts'

export const plan: Resource = {
  object: 'plan',
  path: 'plans',
  title: 'plan',
  idParam: 'plan',
  stored: 'price',
  has: (row) => isObject(row['recurring']),
  hidden: ['tiers'],
  render: (_account, row) => planOf(row),
  filters: { active: boolean, product: reference('product') },
  create: {
    params: {
      active: boolean,
      amount: unitAmount,
      amount_decimal: decimalText,
      billing_scheme: oneOf('per_unit', 'tiered'),
      currency: needed(currency),
      id: solid(text()),
      interval: needed(oneOf(...intervals)),
      interval_count: integer(1, 1095),
      metadata,
      meter: text(),
      nickname: text(),
      product: either(productData, reference('product')),
      tiers,
      tiers_mode: oneOf('graduated', 'volume'),
      transform_usage: hash({ divide_by: needed(integer(1)), round: needed(oneOf('up', 'down')) }),
      trial_period_days: integer(0, 730),
      usage_type: oneOf('licensed', 'metered'),
    },
    act: (account, params) => {
      const id = textOf(params, 'id')
      if (id !== '' && account.get('price', id) !== null) {
        throw refusal('Plan already exists.', { code: 'resource_already_exists', param: 'id' })
      }
      if (params['product'] === undefined) throw missing('product')
      return makePrice(account, priceParams(params), 'plan_')
    },
  },
  update: {
    params: {
      active: boolean,
      metadata,
      nickname: text(),
      product: reference('product'),
      trial_period_days: integer(0, 730),
    },
    act: (account, row, { trial_period_days: days, ...params }) => {
      const recurring = days === undefined
        ? hashOf(row, 'recurring')
        : { ...hashOf(row, 'recurring'), trial_period_days: days }
      const next = { ...assigned(row, params), recurring }
      account.put('price', next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      account.remove('price', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

/** A plan's parameters as those of the price that it is. */
function priceParams(params: JsonObject): JsonObject {
  const {
    amount,
    amount_decimal: decimal,
    interval = null,
    interval_count: count = 1,
    meter = null,
    product,
    transform_usage: transform,
    trial_period_days: days = null,
    usage_type: usage = 'licensed',
    ...rest
  } = params
  return {
    ...rest,
    ...(amount === undefined ? {} : { unit_amount: amount }),
    ...(decimal === undefined ? {} : { unit_amount_decimal: decimal }),
    ...(transform === undefined ? {} : { transform_quantity: transform }),
    ...(isObject(product) ? { product_data: product } : { product: product ?? null }),
    recurring: {
      interval,
      interval_count: count,
      meter,
      trial_period_days: days,
      usage_type: usage,
    },
  }
}

/** The plan that a price is. */
export function planOf(row: JsonObject): JsonObject {
  const every = hashOf(row, 'recurring')
  return {
    id: row['id'] ?? null,
    object: 'plan',
    active: row['active'] ?? null,
    amount: row['unit_amount'] ?? null,
    amount_decimal: row['unit_amount_decimal'] ?? null,
    billing_scheme: row['billing_scheme'] ?? null,
    created: row['created'] ?? null,
    currency: row['currency'] ?? null,
    interval: every['interval'] ?? null,
    interval_count: every['interval_count'] ?? null,
    livemode: false,
    metadata: row['metadata'] ?? {},
    meter: every['meter'] ?? null,
    nickname: row['nickname'] ?? null,
    product: row['product'] ?? null,
    ...(row['tiers'] === undefined ? {} : { tiers: row['tiers'] }),
    tiers_mode: row['tiers_mode'] ?? null,
    transform_usage: row['transform_quantity'] ?? null,
    trial_period_days: every['trial_period_days'] ?? null,
    usage_type: every['usage_type'] ?? null,
  }
}
