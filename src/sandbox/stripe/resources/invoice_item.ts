// Room sandbox: invoice items: what a customer owes, pending or on an invoice. https://docs.stripe.com/api/invoiceitems

import { isObject, type Json, type JsonObject, scalarText } from '../../json.ts'
import type { Account } from '../account.ts'
import { makePrice } from '../catalog.ts'
import { withDiscounts } from '../discounts.ts'
import { missing, onlyOne, refusal } from '../errors.ts'
import { costOf, itemLine, replaceItemLine } from '../invoicing.ts'
import { unitAmounts } from '../money.ts'
import {
  amountMax,
  boolean,
  currency,
  decimalText,
  type Fields,
  hash,
  integer,
  metadata,
  needed,
  reference,
  text,
  time,
} from '../params.ts'
import { assigned, given, hashOf, type Resource, textOf, without } from '../resource.ts'
import { discounts, oneTimePriceData, quantity, taxBehavior, taxRates } from '../shapes.ts'
import { pricingOf } from '../items.ts'
import { ratesShown } from './subscription_item.ts'

const writable: Fields = {
  amount: integer(-amountMax, amountMax),
  description: text(),
  discountable: boolean,
  discounts,
  metadata,
  period: hash({ end: needed(time), start: needed(time) }),
  price_data: oneTimePriceData,
  pricing: hash({ price: reference('price') }),
  quantity,
  quantity_decimal: decimalText,
  tax_behavior: taxBehavior,
  tax_code: text(),
  tax_rates: taxRates,
  unit_amount_decimal: decimalText,
}

const blank: JsonObject = {
  object: 'invoiceitem',
  amount: 0,
  currency: 'usd',
  customer: '',
  customer_account: null,
  date: 0,
  description: null,
  discountable: true,
  discounts: [],
  invoice: null,
  livemode: false,
  metadata: {},
  net_amount: 0,
  parent: null,
  period: {},
  pricing: null,
  proration: false,
  quantity: 1,
  quantity_decimal: '1',
  tax_rates: [],
  test_clock: null,
}

export const invoiceItem: Resource = {
  object: 'invoiceitem',
  path: 'invoiceitems',
  title: 'invoiceitem',
  idParam: 'invoiceitem',
  filters: {
    customer: reference('customer'),
    customer_account: text(),
    invoice: reference('invoice'),
    pending: boolean,
  },
  passes: (row, { pending }) => pending === undefined || (row['invoice'] === null) === pending,
  render: (account, row) => ({ ...row, tax_rates: ratesShown(account, row, 'tax_rates') }),
  create: {
    params: {
      ...writable,
      currency,
      customer: reference('customer'),
      customer_account: text(),
      invoice: reference('invoice'),
      subscription: reference('subscription'),
    },
    act: (account, params) => createItem(account, params),
  },
  update: {
    params: writable,
    act: (account, row, params) => {
      checkEditable(account, row)
      const price = priced(account, params, textOf(row, 'currency'))
      const next = valued(row, assigned(row, without(discounted(account, params, row), passing)), {
        params,
        price,
      })
      account.put('invoiceitem', next)
      place(account, next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      checkEditable(account, row)
      replaceItemLine(account, { itemId: textOf(row, 'id'), line: null }, textOf(row, 'invoice'))
      account.remove('invoiceitem', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

const passing = [
  'price_data',
  'pricing',
  'subscription',
  'tax_behavior',
  'tax_code',
  'unit_amount_decimal',
]

function createItem(account: Account, params: JsonObject): JsonObject {
  const invoice = account.get('invoice', textOf(params, 'invoice'))
  const subscription = textOf(params, 'subscription')
  const customer = textOf(params, 'customer') || textOf(invoice ?? {}, 'customer')
  if (customer === '') throw missing('customer')
  if (invoice !== null && invoice['customer'] !== customer) {
    throw refusal('The invoice does not belong to the customer that you specified.', {
      param: 'invoice',
    })
  }
  const now = account.nowS()
  const unit = textOf(params, 'currency') || textOf(invoice ?? {}, 'currency') ||
    textOf(account.get('customer', customer) ?? {}, 'currency')
  const price = priced(account, params, unit)
  const start = { id: account.nextId('ii_'), ...blank, date: now, period: { end: now, start: now } }
  const row = valued(
    start,
    assigned(start, {
      ...without(given(discounted(account, params, start)), passing),
      customer,
      currency: price['currency'] ?? null,
      ...(subscription === '' ? {} : { parent: parentOf(subscription) }),
    }),
    { params, price },
  )
  checkEditable(account, row)
  account.put('invoiceitem', row)
  place(account, row)
  return row
}

function discounted(account: Account, params: JsonObject, row: JsonObject): JsonObject {
  return withDiscounts(account, params, { invoice_item: row['id'] ?? null })
}

function parentOf(subscription: string): JsonObject {
  return { subscription_details: { subscription }, type: 'subscription_details' }
}

/** The price that the item is of; `{}` when the parameters say nothing of it, made on the way when it is new. */
function priced(account: Account, params: JsonObject, currency: string): JsonObject {
  const { amount, pricing, price_data: data, unit_amount_decimal: decimal } = params
  const named = textOf(hashOf(params, 'pricing'), 'price')
  if (amount !== undefined && pricing !== undefined) throw onlyOne('amount', 'pricing')
  if (amount !== undefined && data !== undefined) throw onlyOne('amount', 'price_data')
  if (amount !== undefined && decimal !== undefined) throw onlyOne('amount', 'unit_amount_decimal')
  if (named !== '') return oneTime(account.get('price', named) ?? {})
  if (isObject(data)) return makePrice(account, data)
  if (currency === '') throw missing('currency')
  const amounts = unitAmounts(amount, decimal)
  return { ...oneOff(account), currency, unit_amount_decimal: amounts.decimal }
}

/** What an amount is the price of has ids, but is not listed. */
function oneOff(account: Account): JsonObject {
  return { id: account.nextId('price_'), product: account.nextId('prod_') }
}

function oneTime(price: JsonObject): JsonObject {
  if (price['type'] === 'one_time') return price
  throw refusal(
    'The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.',
    { param: 'pricing[price]' },
  )
}

/** The item with its amount and what follows from it. */
function valued(
  before: JsonObject,
  row: JsonObject,
  { params, price }: { params: JsonObject; price: JsonObject },
): JsonObject {
  const given = params['quantity_decimal'] ?? params['quantity'] ?? before['quantity']
  const exact = scalarText(given) ?? '1'
  const count = Number(exact)
  const repriced = typeof price['unit_amount_decimal'] === 'string'
  const unit: Json = repriced
    ? price['unit_amount_decimal'] ?? null
    : hashOf(before, 'pricing')['unit_amount_decimal'] ?? '0'
  const amount = typeof params['amount'] === 'number'
    ? params['amount']
    : costOf({ unit_amount_decimal: unit }, count)
  return {
    ...row,
    amount,
    net_amount: amount,
    pricing: repriced ? pricingOf(price) : row['pricing'] ?? null,
    quantity: Math.trunc(count),
    quantity_decimal: exact,
  }
}

function place(account: Account, row: JsonObject): void {
  const line = itemLine(account, row)
  replaceItemLine(account, { itemId: textOf(row, 'id'), line }, textOf(row, 'invoice'))
}

/** Only a pending item, or one on a draft, may be changed. */
function checkEditable(account: Account, row: JsonObject): void {
  const invoice = account.get('invoice', textOf(row, 'invoice'))
  if (invoice === null || invoice['status'] === 'draft') return
  throw refusal('This invoice item is attached to an invoice that is no longer editable.', {
    code: 'invoice_not_editable',
    param: 'invoice',
  })
}
