// Room sandbox: products and prices as they are made, alone or on the way to something else.

import { isObject, type JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { onlyOne, refusal } from './errors.ts'
import { unitAmounts } from './money.ts'
import { assigned, given, hashesOf, hashOf, textOf, without } from './resource.ts'

const blankProduct: JsonObject = {
  object: 'product',
  active: true,
  created: 0,
  default_price: null,
  description: null,
  images: [],
  livemode: false,
  marketing_features: [],
  metadata: {},
  name: '',
  package_dimensions: null,
  shippable: null,
  statement_descriptor: null,
  tax_code: null,
  tax_details: null,
  type: 'service',
  unit_label: null,
  updated: 0,
  url: null,
}

const blankPrice: JsonObject = {
  object: 'price',
  active: true,
  billing_scheme: 'per_unit',
  created: 0,
  currency: '',
  custom_unit_amount: null,
  livemode: false,
  lookup_key: null,
  metadata: {},
  nickname: null,
  product: '',
  recurring: null,
  tax_behavior: 'unspecified',
  tiers_mode: null,
  transform_quantity: null,
  type: 'one_time',
  unit_amount: null,
  unit_amount_decimal: null,
}

/** A new product, stored. Throws when its id is taken. */
export function makeProduct(account: Account, params: JsonObject): JsonObject {
  const id = params['id'] === undefined ? account.nextId('prod_') : textOf(params, 'id')
  if (account.get('product', id) !== null) {
    throw refusal('Product already exists.', { code: 'resource_already_exists', param: 'id' })
  }
  const now = account.nowS()
  const row = assigned({ id, ...blankProduct, created: now, updated: now }, given(params))
  account.put('product', row)
  return row
}

/** A new price, stored, with its product when that comes along. `prefix`: of its id, unless the parameters give one. */
export function makePrice(account: Account, params: JsonObject, prefix = 'price_'): JsonObject {
  checkAmounts(params)
  const id = textOf(params, 'id') === '' ? account.nextId(prefix) : textOf(params, 'id')
  claimKey(account, { id }, params)
  const amounts = unitAmounts(params['unit_amount'], params['unit_amount_decimal'])
  const every = params['recurring']
  const row = assigned({ id, ...blankPrice, created: account.nowS() }, {
    ...without(given(params), ['id', 'product_data', 'transfer_lookup_key']),
    product: productOf(account, params),
    recurring: isObject(every) ? recurrence(every) : null,
    type: isObject(every) ? 'recurring' : 'one_time',
    unit_amount: amounts.amount,
    unit_amount_decimal: amounts.decimal,
    custom_unit_amount: shownCustom(params),
    ...tiersShown(params),
  })
  account.put('price', row)
  return row
}

function recurrence(every: JsonObject): JsonObject {
  return {
    interval: every['interval'] ?? null,
    interval_count: every['interval_count'] ?? 1,
    meter: every['meter'] ?? null,
    trial_period_days: every['trial_period_days'] ?? null,
    usage_type: every['usage_type'] ?? 'licensed',
  }
}

function shownCustom(params: JsonObject): JsonObject | null {
  const { enabled, maximum = null, minimum = null, preset = null } = hashOf(
    params,
    'custom_unit_amount',
  )
  return enabled === true ? { maximum, minimum, preset } : null
}

function tiersShown(params: JsonObject): JsonObject {
  if (params['tiers'] === undefined) return {}
  return {
    tiers: hashesOf(params, 'tiers').map((tier) => {
      const flat = unitAmounts(tier['flat_amount'], tier['flat_amount_decimal'])
      const unit = unitAmounts(tier['unit_amount'], tier['unit_amount_decimal'])
      return {
        flat_amount: flat.amount,
        flat_amount_decimal: flat.decimal,
        unit_amount: unit.amount,
        unit_amount_decimal: unit.decimal,
        up_to: tier['up_to'] === 'inf' ? null : Number(textOf(tier, 'up_to')),
      }
    }),
  }
}

function checkAmounts(params: JsonObject): void {
  if (params['unit_amount'] !== undefined && params['unit_amount_decimal'] !== undefined) {
    throw onlyOne('unit_amount', 'unit_amount_decimal')
  }
  const tiered = params['billing_scheme'] === 'tiered'
  if (tiered && (params['tiers'] === undefined || params['tiers_mode'] === undefined)) {
    throw refusal('You must specify `tiers` and `tiers_mode` when `billing_scheme=tiered`.', {
      code: 'parameter_missing',
      param: params['tiers'] === undefined ? 'tiers' : 'tiers_mode',
    })
  }
  const named = ['unit_amount', 'unit_amount_decimal', 'custom_unit_amount']
  if (tiered || named.some((name) => params[name] !== undefined)) return
  throw refusal('Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.', {
    code: 'parameter_missing',
    param: 'unit_amount',
  })
}

function productOf(account: Account, params: JsonObject): string {
  const data = params['product_data']
  if (data !== undefined && params['product'] !== undefined) {
    throw onlyOne('product', 'product_data')
  }
  if (isObject(data)) return textOf(makeProduct(account, data), 'id')
  const id = textOf(params, 'product')
  if (id !== '') return id
  throw refusal('You must specify either `product` or `product_data` when creating a price.', {
    code: 'parameter_missing',
    param: 'product',
  })
}

/** A lookup key belongs to one price; with `transfer_lookup_key` it changes hands. */
export function claimKey(account: Account, row: JsonObject, params: JsonObject): void {
  const key = textOf(params, 'lookup_key')
  if (key === '') return
  const holder = account.rowsBy('price', 'lookup_key', key)
    .find((other) => other['id'] !== row['id'])
  if (holder === undefined) return
  if (params['transfer_lookup_key'] !== true) {
    throw refusal(`A price (\`${textOf(holder, 'id')}\`) already uses that lookup key.`, {
      param: 'lookup_key',
    })
  }
  account.put('price', { ...holder, lookup_key: null })
}
