// Room sandbox: every kind of Stripe object that the sandbox has.

import type { JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { type Resource, without } from './resource.ts'
import { charge } from './resources/charge.ts'
import { coupon } from './resources/coupon.ts'
import { customer } from './resources/customer.ts'
import { discount } from './resources/discount.ts'
import { event } from './resources/event.ts'
import { invoice } from './resources/invoice.ts'
import { invoiceItem } from './resources/invoice_item.ts'
import { paymentIntent } from './resources/payment_intent.ts'
import { paymentLink } from './resources/payment_link.ts'
import { paymentMethod } from './resources/payment_method.ts'
import { plan } from './resources/plan.ts'
import { price } from './resources/price.ts'
import { product } from './resources/product.ts'
import { promotionCode } from './resources/promotion_code.ts'
import { refund } from './resources/refund.ts'
import { subscription } from './resources/subscription.ts'
import { subscriptionItem } from './resources/subscription_item.ts'
import { taxRate } from './resources/tax_rate.ts'
import { webhookEndpoint } from './resources/webhook_endpoint.ts'

const resources: readonly Resource[] = [
  charge,
  coupon,
  customer,
  event,
  invoice,
  invoiceItem,
  paymentIntent,
  paymentLink,
  paymentMethod,
  plan,
  price,
  product,
  promotionCode,
  refund,
  subscription,
  subscriptionItem,
  taxRate,
  webhookEndpoint,
]

const byPath = new Map(resources.map((resource) => [resource.path, resource]))
const byObject = new Map(
  [...resources, discount].map((resource) => [resource.object, resource]),
)

/** By the name in URLs: `customers`. */
export function resourceOfPath(path: string): Resource | undefined {
  return byPath.get(path)
}

/** By the value of `object`: `customer`. */
export function resourceOfObject(object: string): Resource | undefined {
  return byObject.get(object)
}

/** By the name of a table: as in URLs, and `invoice_items`. */
export function resourceOfTable(table: string): Resource | undefined {
  return byPath.get(table === 'invoice_items' ? 'invoiceitems' : table)
}

/** The living objects of a kind as they are stored, oldest first. */
export function rowsOf(account: Account, { object, stored = object, has }: Resource): JsonObject[] {
  const rows = account.rows(stored)
  return has === undefined ? rows : rows.filter(has)
}

/** The living object with the id, as it is stored. */
export function findRow(
  account: Account,
  { object, stored = object, has }: Resource,
  id: string,
): JsonObject | null {
  const row = account.get(stored, id)
  return row === null || (has !== undefined && !has(row)) ? null : row
}

/** The object as answered, without what is shown only when it is asked for. */
export function shown(account: Account, resource: Resource, row: JsonObject): JsonObject {
  const { hidden = [], shownOnce = [] } = resource
  return without(whole(account, resource, row), [...hidden, ...shownOnce])
}

/** The object as answered, with all that it has. */
export function whole(account: Account, { render }: Resource, row: JsonObject): JsonObject {
  return render === undefined ? row : render(account, row)
}
