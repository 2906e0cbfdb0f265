// Room sandbox: coupons. https://docs.stripe.com/api/coupons

import { type JsonObject, scalarText } from '../../json.ts'
import { missing, onlyOne, refusal } from '../errors.ts'
import {
  currency,
  decimal,
  type Fields,
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
  time,
} from '../params.ts'
import { assigned, given, numberOf, type Resource, textOf } from '../resource.ts'

const writable: Fields = {
  currency_options: map(hash({ amount_off: needed(integer(1)) })),
  metadata,
  name: text(40),
}

const blank: JsonObject = {
  object: 'coupon',
  amount_off: null,
  created: 0,
  currency: null,
  duration: 'once',
  duration_in_months: null,
  livemode: false,
  max_redemptions: null,
  metadata: {},
  name: null,
  percent_off: null,
  redeem_by: null,
  times_redeemed: 0,
}

export const coupon: Resource = {
  object: 'coupon',
  path: 'coupons',
  title: 'coupon',
  idParam: 'coupon',
  hidden: ['applies_to', 'currency_options'],
  filters: {},
  render: (account, row) => ({ ...row, valid: isValid(row, account.nowS()) }),
  create: {
    params: {
      ...writable,
      amount_off: integer(1),
      applies_to: hash({ products: list(reference('product')) }),
      currency,
      duration: oneOf('forever', 'once', 'repeating'),
      duration_in_months: integer(1),
      id: solid(text()),
      max_redemptions: integer(1),
      percent_off: decimal(0, 100),
      redeem_by: time,
    },
    act: (account, params) => {
      checkCoupon(params, account.nowS())
      const id = params['id'] === undefined ? account.nextCode() : textOf(params, 'id')
      if (account.get('coupon', id) !== null) {
        throw refusal('Coupon already exists.', { code: 'resource_already_exists', param: 'id' })
      }
      const row = assigned({ id, ...blank, created: account.nowS() }, given({ ...params, id }))
      account.put('coupon', row)
      return row
    },
  },
  update: {
    params: writable,
    act: (account, row, params) => {
      const next = assigned(row, params)
      account.put('coupon', next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      account.remove('coupon', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

function checkCoupon(params: JsonObject, nowS: number): void {
  const { amount_off: amount, percent_off: percent, currency: unit } = params
  if (amount !== undefined && percent !== undefined) throw onlyOne('percent_off', 'amount_off')
  if (amount === undefined && percent === undefined) {
    throw refusal(
      'You must pass either `percent_off`, or `amount_off` with `currency`, when creating a coupon.',
      { code: 'parameter_missing', param: 'percent_off' },
    )
  }
  if (scalarText(percent) === '0') {
    throw refusal('Invalid decimal: 0; must be greater than 0', { param: 'percent_off' })
  }
  if (amount !== undefined && unit === undefined) throw missing('currency')
  const repeats = params['duration'] === 'repeating'
  if (repeats && params['duration_in_months'] === undefined) throw missing('duration_in_months')
  if (!repeats && params['duration_in_months'] !== undefined) {
    throw refusal('You may only set duration_in_months when duration is repeating.', {
      param: 'duration_in_months',
    })
  }
  if (params['redeem_by'] !== undefined && numberOf(params, 'redeem_by') <= nowS) {
    throw refusal('The redeem_by timestamp must be in the future.', { param: 'redeem_by' })
  }
}

function isValid(row: JsonObject, nowS: number): boolean {
  const { redeem_by: until, max_redemptions: most } = row
  return (typeof until !== 'number' || until > nowS) &&
    (typeof most !== 'number' || numberOf(row, 'times_redeemed') < most)
}
