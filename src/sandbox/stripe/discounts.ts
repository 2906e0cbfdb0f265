// Room sandbox: discounts: coupons as they hang on what they make cheaper. https://docs.stripe.com/api/discounts

import type { JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { refusal } from './errors.ts'
import { hashesOf, hashOf, numberOf, textOf } from './resource.ts'

const blank: JsonObject = {
  object: 'discount',
  checkout_session: null,
  customer: null,
  customer_account: null,
  end: null,
  invoice: null,
  invoice_item: null,
  promotion_code: null,
  subscription: null,
  subscription_item: null,
}

/** The parameters with the ids of their discounts, which are stored; those that name no discounts as they are. */
export function withDiscounts(
  account: Account,
  params: JsonObject,
  owner: JsonObject,
): JsonObject {
  if (!Array.isArray(params['discounts'])) return params
  const ids = hashesOf(params, 'discounts').map((given, index) =>
    makeDiscount(account, given, { owner, path: `discounts[${index}]` })
  )
  return { ...params, discounts: ids }
}

function makeDiscount(
  account: Account,
  given: JsonObject,
  { owner, path }: { owner: JsonObject; path: string },
): string {
  const held = textOf(given, 'discount')
  if (held !== '') return held
  const code = account.get('promotion_code', textOf(given, 'promotion_code'))
  const id = code === null ? textOf(given, 'coupon') : textOf(hashOf(code, 'promotion'), 'coupon')
  const coupon = account.get('coupon', id)
  if (coupon === null) {
    throw refusal('You must specify one of `coupon`, `discount`, or `promotion_code`.', {
      param: path,
    })
  }
  account.put('coupon', { ...coupon, times_redeemed: numberOf(coupon, 'times_redeemed') + 1 })
  if (code !== null) {
    account.put('promotion_code', { ...code, times_redeemed: numberOf(code, 'times_redeemed') + 1 })
  }
  const row: JsonObject = {
    id: account.nextId('di_'),
    ...blank,
    ...owner,
    promotion_code: code?.['id'] ?? null,
    source: { coupon: id, type: 'coupon' },
    start: account.nowS(),
  }
  account.put('discount', row)
  return textOf(row, 'id')
}
