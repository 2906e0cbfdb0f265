// Room sandbox: promotion codes. https://docs.stripe.com/api/promotion_codes

import type { JsonObject } from '../../json.ts'
import { refusal } from '../errors.ts'
import {
  boolean,
  currency,
  hash,
  integer,
  map,
  metadata,
  needed,
  oneOf,
  type Param,
  reference,
  solid,
  text,
  time,
} from '../params.ts'
import { assigned, given, hashOf, type Resource, textOf } from '../resource.ts'

const currencyOptions: Param = map(hash({ minimum_amount: integer(1) }))

const blank: JsonObject = {
  object: 'promotion_code',
  active: true,
  code: '',
  created: 0,
  customer: null,
  customer_account: null,
  expires_at: null,
  livemode: false,
  max_redemptions: null,
  metadata: {},
  promotion: {},
  restrictions: {
    first_time_transaction: false,
    minimum_amount: null,
    minimum_amount_currency: null,
  },
  times_redeemed: 0,
}

export const promotionCode: Resource = {
  object: 'promotion_code',
  path: 'promotion_codes',
  title: 'promotion code',
  idParam: 'promotion_code',
  filters: {
    active: boolean,
    code: text(),
    coupon: reference('coupon'),
    customer: reference('customer'),
    customer_account: text(),
  },
  passes: (row, { coupon }) =>
    coupon === undefined || hashOf(row, 'promotion')['coupon'] === coupon,
  create: {
    params: {
      active: boolean,
      code: solid(text(500)),
      customer: reference('customer'),
      customer_account: text(),
      expires_at: time,
      max_redemptions: integer(1),
      metadata,
      promotion: needed(hash({
        coupon: needed(reference('coupon')),
        type: needed(oneOf('coupon')),
      })),
      restrictions: hash({
        currency_options: currencyOptions,
        first_time_transaction: boolean,
        minimum_amount: integer(1),
        minimum_amount_currency: currency,
      }),
    },
    act: (account, params) => {
      const code = params['code'] === undefined ? account.nextCode() : textOf(params, 'code')
      const taken = account.rows('promotion_code').some((other) =>
        other['active'] === true && textOf(other, 'code').toLowerCase() === code.toLowerCase()
      )
      if (taken && params['active'] !== false) {
        throw refusal(`An active promotion code with \`code: ${code}\` already exists.`, {
          code: 'resource_already_exists',
          param: 'code',
        })
      }
      const start = { id: account.nextId('promo_'), ...blank, created: account.nowS() }
      const row = assigned(start, {
        ...given(params),
        code,
        restrictions: { ...hashOf(blank, 'restrictions'), ...hashOf(params, 'restrictions') },
      })
      account.put('promotion_code', row)
      return row
    },
  },
  update: {
    params: {
      active: boolean,
      metadata,
      restrictions: hash({ currency_options: currencyOptions }),
    },
    act: (account, row, params) => {
      const restrictions = { ...hashOf(row, 'restrictions'), ...hashOf(params, 'restrictions') }
      const next = assigned(row, { ...params, restrictions })
      account.put('promotion_code', next)
      return next
    },
  },
}
