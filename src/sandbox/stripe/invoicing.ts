// Room sandbox: invoices and their lines. Taxes and discounts are carried along, not counted.
// https://docs.stripe.com/invoicing/overview

import type { Json, JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { cardOf } from './cards.ts'
import { withDiscounts } from './discounts.ts'
import { refusal } from './errors.ts'
import { checkCharge } from './money.ts'
import { confirmIntent, makeIntent } from './payments.ts'
import {
  assigned,
  dataOf,
  given,
  hashesOf,
  hashOf,
  listOf,
  numberOf,
  textOf,
  withShipping,
} from './resource.ts'

const daySeconds = 86_400

const blank: JsonObject = {
  object: 'invoice',
  account_country: 'US',
  account_name: 'Sandbox',
  account_tax_ids: null,
  amount_due: 0,
  amount_overpaid: 0,
  amount_paid: 0,
  amount_remaining: 0,
  amount_shipping: 0,
  application: null,
  attempt_count: 0,
  attempted: false,
  auto_advance: false,
  automatic_tax: {
    disabled_reason: null,
    enabled: false,
    liability: null,
    provider: null,
    status: null,
  },
  automatically_finalizes_at: null,
  billing_reason: 'manual',
  collection_method: 'charge_automatically',
  created: 0,
  currency: 'usd',
  custom_fields: null,
  customer: null,
  customer_account: null,
  customer_address: null,
  customer_email: null,
  customer_name: null,
  customer_phone: null,
  customer_shipping: null,
  customer_tax_exempt: 'none',
  customer_tax_ids: [],
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  description: null,
  discounts: [],
  due_date: null,
  effective_at: null,
  ending_balance: null,
  footer: null,
  from_invoice: null,
  hosted_invoice_url: null,
  invoice_pdf: null,
  issuer: { type: 'self' },
  last_finalization_error: null,
  latest_revision: null,
  lines: {},
  livemode: false,
  metadata: {},
  next_payment_attempt: null,
  number: null,
  on_behalf_of: null,
  parent: null,
  payment_settings: {
    default_mandate: null,
    payment_method_options: null,
    payment_method_types: null,
  },
  period_end: 0,
  period_start: 0,
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  starting_balance: 0,
  statement_descriptor: null,
  status: 'draft',
  status_transitions: {
    finalized_at: null,
    marked_uncollectible_at: null,
    paid_at: null,
    voided_at: null,
  },
  subtotal: 0,
  subtotal_excluding_tax: 0,
  test_clock: null,
  total: 0,
  total_discount_amounts: [],
  total_excluding_tax: 0,
  total_pretax_credit_amounts: [],
  total_taxes: [],
  webhooks_delivered_at: null,
}

/** A new draft, stored. */
export function makeInvoice(
  account: Account,
  params: JsonObject,
  lines: readonly JsonObject[] = [],
): JsonObject {
  const now = account.nowS()
  const customer = account.get('customer', textOf(params, 'customer')) ?? {}
  const days = params['days_until_due']
  const id = account.nextId('in_')
  const owner = { customer: params['customer'] ?? null, invoice: id }
  const { days_until_due: _days, ...rest } = given(withDiscounts(account, params, owner))
  const start = {
    id,
    ...blank,
    created: now,
    period_end: now,
    period_start: now,
  }
  const row = assigned(start, {
    customer_address: customer['address'] ?? null,
    customer_email: customer['email'] ?? null,
    customer_name: customer['name'] ?? null,
    customer_phone: customer['phone'] ?? null,
    customer_shipping: customer['shipping'] ?? null,
    customer_tax_exempt: customer['tax_exempt'] ?? 'none',
    currency: customer['currency'] ?? 'usd',
    ...(typeof days === 'number' ? { due_date: now + days * daySeconds } : {}),
    ...withShipping(rest, 'shipping_details'),
  })
  const next = withLines(row, lines)
  account.put('invoice', next)
  return next
}

/** The invoice with other lines, and the sums that they make. */
export function withLines(invoice: JsonObject, lines: readonly JsonObject[]): JsonObject {
  const id = textOf(invoice, 'id')
  const total = lines.reduce((sum, line) => sum + numberOf(line, 'amount'), 0)
  const due = Math.max(0, total)
  return {
    ...invoice,
    amount_due: due,
    amount_remaining: due - numberOf(invoice, 'amount_paid'),
    lines: listOf(lines.map((line) => ({ ...line, invoice: id })), `/v1/invoices/${id}/lines`),
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_excluding_tax: total,
  }
}

/** A line of an invoice. */
export function makeLine(account: Account, members: JsonObject): JsonObject {
  return {
    id: account.nextId('il_'),
    object: 'line_item',
    amount: 0,
    currency: 'usd',
    description: null,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: {},
    parent: null,
    period: { end: account.nowS(), start: account.nowS() },
    pretax_credit_amounts: [],
    pricing: null,
    quantity: 1,
    quantity_decimal: '1',
    subtotal: members['amount'] ?? 0,
    taxes: [],
    ...members,
  }
}

/** The line that an invoice item becomes. */
export function itemLine(account: Account, item: JsonObject): JsonObject {
  const names = [
    'amount',
    'currency',
    'description',
    'discountable',
    'metadata',
    'period',
    'pricing',
  ]
  const shared = names.map((name) => [name, item[name] ?? null] as const)
  return makeLine(account, {
    ...Object.fromEntries(shared),
    quantity: item['quantity'] ?? 1,
    quantity_decimal: item['quantity_decimal'] ?? '1',
    parent: {
      invoice_item_details: {
        invoice_item: item['id'] ?? null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: null,
      },
      subscription_item_details: null,
      type: 'invoice_item_details',
    },
  })
}

/** The draft with the line of an item replaced (or, with null, gone), stored. */
export function replaceItemLine(
  account: Account,
  { itemId, line }: { itemId: string; line: JsonObject | null },
  invoiceId: string,
): void {
  const invoice = account.get('invoice', invoiceId)
  if (invoice === null) return
  const others = dataOf(invoice, 'lines').filter((other) => itemOfLine(other) !== itemId)
  account.put('invoice', withLines(invoice, line === null ? others : [line, ...others]))
}

function itemOfLine(line: JsonObject): string {
  return textOf(hashOf(hashOf(line, 'parent'), 'invoice_item_details'), 'invoice_item')
}

/** What a price costs, in the smallest unit of its currency. */
export function costOf(price: JsonObject, quantity: number): number {
  if (price['billing_scheme'] === 'tiered') return tieredCost(price, quantity)
  return Math.round(Number(textOf(price, 'unit_amount_decimal') || '0') * quantity)
}

function tieredCost(price: JsonObject, quantity: number): number {
  let below = 0
  let sum = 0
  for (const tier of hashesOf(price, 'tiers')) {
    const upTo = typeof tier['up_to'] === 'number' ? tier['up_to'] : Number.POSITIVE_INFINITY
    const flat = Number(textOf(tier, 'flat_amount_decimal') || '0')
    const unit = Number(textOf(tier, 'unit_amount_decimal') || '0')
    if (price['tiers_mode'] === 'volume') {
      if (quantity <= upTo) return Math.round(flat + unit * quantity)
    } else if (quantity > below) {
      sum += flat + unit * (Math.min(quantity, upTo) - below)
    }
    below = upTo
  }
  return Math.round(sum)
}

/** The invoice open, with its number; paid when nothing is due. Stored. */
export function finalizeInvoice(account: Account, invoice: JsonObject): JsonObject {
  if (invoice['status'] !== 'draft') {
    throw refusal("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: 'invoice_not_editable',
    })
  }
  const id = textOf(invoice, 'id')
  const now = account.nowS()
  const open: JsonObject = {
    ...invoice,
    effective_at: invoice['effective_at'] ?? now,
    ending_balance: 0,
    hosted_invoice_url: `https://invoice.stripe.com/i/acct_1Sandbox/test_${id}`,
    invoice_pdf: `https://pay.stripe.com/invoice/acct_1Sandbox/test_${id}/pdf`,
    number: invoice['number'] ?? nextNumber(account, textOf(invoice, 'customer')),
    status: 'open',
    status_transitions: { ...hashOf(invoice, 'status_transitions'), finalized_at: now },
  }
  if (numberOf(invoice, 'amount_due') === 0) return paidInvoice(account, open)
  account.put('invoice', open)
  return open
}

function nextNumber(account: Account, customerId: string): Json {
  const customer = account.get('customer', customerId)
  if (customer === null) return null
  const sequence = numberOf(customer, 'next_invoice_sequence')
  account.put('customer', { ...customer, next_invoice_sequence: sequence + 1 })
  return `${textOf(customer, 'invoice_prefix')}-${String(sequence).padStart(4, '0')}`
}

/** The invoice paid, stored. */
export function paidInvoice(account: Account, invoice: JsonObject): JsonObject {
  const next: JsonObject = {
    ...invoice,
    amount_paid: invoice['amount_due'] ?? 0,
    amount_remaining: 0,
    attempted: true,
    auto_advance: false,
    status: 'paid',
    status_transitions: { ...hashOf(invoice, 'status_transitions'), paid_at: account.nowS() },
  }
  account.put('invoice', next)
  return next
}

/** The open invoice paid with the card. Throws the 402 of a card that is declined; the attempt stays. */
export function chargeInvoice(account: Account, invoice: JsonObject, card: JsonObject): JsonObject {
  const amount = numberOf(invoice, 'amount_due')
  const currency = textOf(invoice, 'currency')
  checkCharge(amount, currency)
  const attempted = {
    ...invoice,
    attempt_count: numberOf(invoice, 'attempt_count') + 1,
    attempted: true,
  }
  account.put('invoice', attempted)
  const intent = makeIntent(account, {
    amount,
    currency,
    customer: invoice['customer'] ?? null,
    description: `Payment for Invoice`,
  }, card)
  confirmIntent(account, intent, card)
  return paidInvoice(account, attempted)
}

/** The card that a customer's invoices are paid with; null when there is none. */
export function payingCard(
  account: Account,
  holders: readonly (JsonObject | null)[],
): JsonObject | null {
  for (const holder of holders) {
    const own = textOf(holder ?? {}, 'default_payment_method')
    const settled = textOf(hashOf(holder ?? {}, 'invoice_settings'), 'default_payment_method')
    const id = own || settled || textOf(holder ?? {}, 'default_source')
    const customer = textOf(holder ?? {}, 'customer') || textOf(holder ?? {}, 'id')
    if (id !== '') return cardOf(account, id, { customer, param: 'default_payment_method' })
  }
  return null
}

/** Nothing to pay with. */
export function noCard(): Error {
  return refusal(
    'This customer has no attached payment source or default payment method. Please consider adding a default payment ' +
      'method. For more information, visit ' +
      'https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.',
    { code: 'resource_missing' },
  )
}
