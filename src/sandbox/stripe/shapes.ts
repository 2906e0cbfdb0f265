// Room sandbox: parameters that many of Stripe's endpoints share.

import {
  amountMax,
  boolean,
  currency,
  decimalText,
  either,
  type Fields,
  free,
  hash,
  integer,
  list,
  map,
  metadata,
  needed,
  oneOf,
  reference,
  solid,
  text,
  unset,
} from './params.ts'
import { addressNames } from './resource.ts'

const addressFields: Fields = Object.fromEntries(addressNames.map((name) => [name, text()]))
export const address = unset(hash(addressFields))

export const shipping = unset(hash({
  address: needed(hash(addressFields)),
  name: needed(solid(text())),
  carrier: text(),
  phone: text(),
  tracking_number: text(),
}))

export const customerShipping = unset(hash({
  address: needed(hash(addressFields)),
  name: needed(solid(text())),
  phone: text(20),
}))

export const customFields = unset(list(hash({
  name: needed(solid(text(40))),
  value: needed(solid(text(140))),
})))

export const intervals = ['day', 'month', 'week', 'year']
export const taxBehavior = oneOf('unspecified', 'exclusive', 'inclusive')
export const unitAmount = integer(0, amountMax)
export const quantity = integer(0)
export const collectionMethod = oneOf('charge_automatically', 'send_invoice')
export const prorationBehavior = oneOf('none', 'always_invoice', 'create_prorations')
export const paymentMethod = reference('payment_method', 'PaymentMethod')

export const tiers = list(hash({
  up_to: needed(either(free, text())),
  flat_amount: unitAmount,
  flat_amount_decimal: decimalText,
  unit_amount: unitAmount,
  unit_amount_decimal: decimalText,
}))

export const customUnitAmount = hash({
  enabled: needed(boolean),
  maximum: unitAmount,
  minimum: unitAmount,
  preset: unitAmount,
})

export const currencyOptions = unset(map(hash({
  custom_unit_amount: customUnitAmount,
  tax_behavior: taxBehavior,
  tiers,
  unit_amount: unitAmount,
  unit_amount_decimal: decimalText,
})))

export const recurring = hash({
  interval: needed(oneOf(...intervals)),
  interval_count: integer(1, 1095),
  meter: text(),
  trial_period_days: integer(0, 730),
  usage_type: oneOf('licensed', 'metered'),
})

export const productData = hash({
  active: boolean,
  id: solid(text()),
  metadata,
  name: needed(solid(text())),
  statement_descriptor: text(22),
  tax_code: text(),
  tax_details: free,
  unit_label: text(12),
})

/** A price made on the way, to be paid once. */
export const oneTimePriceData = hash({
  currency: needed(currency),
  product: needed(reference('product')),
  tax_behavior: taxBehavior,
  unit_amount: integer(-amountMax, amountMax),
  unit_amount_decimal: decimalText,
})

/** A price made on the way, for subscriptions. */
export const recurringPriceData = hash({
  currency: needed(currency),
  product: needed(reference('product')),
  recurring: needed(recurring),
  tax_behavior: taxBehavior,
  unit_amount: unitAmount,
  unit_amount_decimal: decimalText,
})

export const discounts = unset(list(hash({
  coupon: reference('coupon'),
  discount: reference('discount'),
  promotion_code: reference('promotion_code', 'promotion code'),
})))

export const taxRates = unset(list(reference('tax_rate', 'tax rate')))
