// Room sandbox: prices. A price for subscriptions is a plan too. https://docs.stripe.com/api/prices

import { isObject, type JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { claimKey, makePrice } from '../catalog.ts'
import { refusal } from '../errors.ts'
import {
  boolean,
  currency,
  decimalText,
  type Fields,
  hash,
  integer,
  list,
  metadata,
  needed,
  oneOf,
  reference,
  text,
} from '../params.ts'
import { assigned, hashOf, type Resource, textOf, without } from '../resource.ts'
import {
  currencyOptions,
  customUnitAmount,
  intervals,
  productData,
  recurring,
  taxBehavior,
  tiers,
  unitAmount,
} from '../shapes.ts'

const writable: Fields = {
  active: boolean,
  currency_options: currencyOptions,
  lookup_key: text(200),
  metadata,
  nickname: text(),
  tax_behavior: taxBehavior,
  transfer_lookup_key: boolean,
}

export const price: Resource = {
  object: 'price',
  path: 'prices',
  title: 'price',
  idParam: 'price',
  hidden: ['tiers', 'currency_options'],
  filters: {
    active: boolean,
    currency,
    lookup_keys: list(text()),
    product: reference('product'),
    recurring: hash({
      interval: oneOf(...intervals),
      meter: text(),
      usage_type: oneOf('licensed', 'metered'),
    }),
    type: oneOf('recurring', 'one_time'),
  },
  passes: (row, { lookup_keys: keys, recurring: wanted }) =>
    (!Array.isArray(keys) || keys.includes(row['lookup_key'] ?? null)) &&
    (!isObject(wanted) ||
      Object.entries(wanted).every(([name, value]) => hashOf(row, 'recurring')[name] === value)),
  create: {
    params: {
      ...writable,
      currency: needed(currency),
      billing_scheme: oneOf('per_unit', 'tiered'),
      custom_unit_amount: customUnitAmount,
      product: reference('product'),
      product_data: productData,
      recurring,
      tiers,
      tiers_mode: oneOf('graduated', 'volume'),
      transform_quantity: hash({
        divide_by: needed(integer(1)),
        round: needed(oneOf('up', 'down')),
      }),
      unit_amount: unitAmount,
      unit_amount_decimal: decimalText,
    },
    act: (account, params) => makePrice(account, params),
  },
  update: {
    params: writable,
    act: (account, row, params) => {
      if (params['active'] === false) refuseDefault(account, row)
      claimKey(account, row, params)
      const next = assigned(row, without(params, ['transfer_lookup_key']))
      account.put('price', next)
      return next
    },
  },
}

function refuseDefault(account: Account, row: JsonObject): void {
  const owner = account.get('product', textOf(row, 'product'))
  if (owner?.['default_price'] !== row['id']) return
  throw refusal(
    'This price cannot be archived because it is the default price of its product.',
    { param: 'active' },
  )
}
