// Room sandbox: subscriptions and their items. They are billed once, when they are made; time does not renew them.
// https://docs.stripe.com/billing/subscriptions/overview

import { type Json, type JsonObject, scalarText } from '../json.ts'
import type { Account } from './account.ts'
import { cardOf } from './cards.ts'
import { withDiscounts } from './discounts.ts'
import { missing, onlyOne, refusal, StripeFailure } from './errors.ts'
import { itemsOf, lastItem, makeItem, placeItem, pricingOf } from './items.ts'
import {
  chargeInvoice,
  costOf,
  finalizeInvoice,
  makeInvoice,
  makeLine,
  noCard,
  payingCard,
} from './invoicing.ts'
import { assigned, given, hashesOf, hashOf, numberOf, textOf, without } from './resource.ts'

const blank: JsonObject = {
  object: 'subscription',
  application: null,
  application_fee_percent: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null },
  billing_cycle_anchor: 0,
  billing_cycle_anchor_config: null,
  billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
  billing_schedules: [],
  billing_thresholds: null,
  cancel_at: null,
  cancel_at_period_end: false,
  canceled_at: null,
  cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
  collection_method: 'charge_automatically',
  created: 0,
  currency: 'usd',
  customer: '',
  customer_account: null,
  days_until_due: null,
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  description: null,
  discounts: [],
  ended_at: null,
  invoice_settings: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: { type: 'self' },
  },
  latest_invoice: null,
  livemode: false,
  managed_payments: null,
  metadata: {},
  next_pending_invoice_item_invoice: null,
  on_behalf_of: null,
  pause_collection: null,
  payment_settings: {
    payment_method_options: null,
    payment_method_types: null,
    save_default_payment_method: 'off',
  },
  pending_invoice_item_interval: null,
  pending_setup_intent: null,
  pending_update: null,
  schedule: null,
  start_date: 0,
  status: 'active',
  test_clock: null,
  transfer_data: null,
  trial_end: null,
  trial_settings: {
    end_behavior: { billing_cycle_anchor: null, missing_payment_method: 'create_invoice' },
  },
  trial_start: null,
}

/** Parameters of a request that are not members of the object. */
const passing = [
  'add_invoice_items',
  'backdate_start_date',
  'items',
  'off_session',
  'payment_behavior',
  'proration_behavior',
  'proration_date',
  'trial_from_plan',
  'trial_period_days',
]

const daySeconds = 86_400

/** A new subscription with its items and its first invoice, stored. */
export function makeSubscription(account: Account, params: JsonObject): JsonObject {
  const customer = account.get('customer', textOf(params, 'customer'))
  if (customer === null) throw missing('customer')
  if (params['collection_method'] === 'send_invoice' && params['days_until_due'] === undefined) {
    throw missing('days_until_due')
  }
  const now = account.nowS()
  const trialEnd = trialEndOf(params, now)
  const id = account.nextId('sub_')
  const start = { id, ...blank, created: now, start_date: now }
  const row = withCard(
    account,
    assigned(start, {
      ...without(
        given(
          withDiscounts(account, params, {
            customer: params['customer'] ?? null,
            subscription: id,
          }),
        ),
        passing,
      ),
      billing_cycle_anchor: params['billing_cycle_anchor'] ?? trialEnd ?? now,
      trial_end: trialEnd,
      trial_start: trialEnd === null ? null : now,
      status: trialEnd === null ? 'active' : 'trialing',
    }),
    params,
  )
  account.put('subscription', row)
  const wanted = hashesOf(params, 'items')
  if (wanted.length === 0) throw missing('items')
  const items = wanted.map((item, index) =>
    makeItem(account, { ...item, subscription: id }, `items[${index}]`)
  )
  const currency = currencyOf(account, items)
  account.put('subscription', { ...row, currency })
  if (customer['currency'] === null) account.put('customer', { ...customer, currency })
  return billed(account, { ...row, currency }, { items, params, customer })
}

function trialEndOf(params: JsonObject, now: number): number | null {
  const { trial_end: end, trial_period_days: days } = params
  if (end !== undefined && days !== undefined) throw onlyOne('trial_end', 'trial_period_days')
  if (typeof days === 'number' && days > 0) return now + days * daySeconds
  return readTrialEnd(end, now)
}

/** `now` is no trial. */
function readTrialEnd(end: Json | undefined, now: number): number | null {
  if (end === undefined || end === null || end === 'now') return null
  const at = Number(end)
  if (!Number.isSafeInteger(at)) {
    throw refusal(`Invalid integer: ${scalarText(end) ?? ''}`, {
      code: 'parameter_invalid_integer',
      param: 'trial_end',
    })
  }
  if (at > now) return at
  throw refusal('Invalid timestamp: must be an integer Unix timestamp in the future.', {
    param: 'trial_end',
  })
}

function withCard(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  const token = textOf(params, 'default_payment_method')
  if (token === '') return row
  const card = cardOf(account, token, {
    customer: textOf(row, 'customer'),
    param: 'default_payment_method',
  })
  return { ...row, default_payment_method: card['id'] ?? null }
}

interface Billing {
  readonly items: readonly JsonObject[]
  readonly params: JsonObject
  readonly customer: JsonObject
}

/** The first invoice: paid at once, or a draft when it is to be sent. */
function billed(
  account: Account,
  row: JsonObject,
  { items, params, customer }: Billing,
): JsonObject {
  const free = row['status'] === 'trialing'
  const lines = items.map((item) => itemLine(account, row, { item, free }))
  const invoice = makeInvoice(account, {
    billing_reason: 'subscription_create',
    collection_method: row['collection_method'] ?? null,
    currency: row['currency'] ?? null,
    customer: row['customer'] ?? null,
    days_until_due: row['days_until_due'] ?? null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: row['metadata'] ?? {}, subscription: row['id'] ?? null },
      type: 'subscription_details',
    },
  }, lines)
  const next = { ...row, latest_invoice: invoice['id'] ?? null }
  account.put('subscription', next)
  if (row['collection_method'] === 'send_invoice') return next
  const behaviour = params['payment_behavior'] ?? 'allow_incomplete'
  const due = numberOf(invoice, 'amount_due') > 0
  const card = due ? payingCard(account, [row, customer]) : null
  if (due && card === null && behaviour !== 'default_incomplete') throw noCard()
  const open = finalizeInvoice(account, invoice)
  if (!due) return next
  const paid = card !== null && behaviour !== 'default_incomplete' &&
    isPaid(account, { open, card, strict: behaviour === 'error_if_incomplete' })
  const ended = paid ? next : { ...next, status: 'incomplete' }
  account.put('subscription', ended)
  return ended
}

/** Could the card pay? `strict`: when it could not, nothing stays written. */
function isPaid(
  account: Account,
  { open, card, strict }: { open: JsonObject; card: JsonObject; strict: boolean },
): boolean {
  try {
    return chargeInvoice(account, open, card)['status'] === 'paid'
  } catch (error) {
    if (!(error instanceof StripeFailure) || error.status !== 402) throw error
    if (!strict) return false
    throw new StripeFailure(error.message, {
      code: textOf(error.error, 'code'),
      status: 402,
      type: 'card_error',
      executed: true,
      more: { decline_code: error.error['decline_code'] ?? null },
    })
  }
}

function itemLine(
  account: Account,
  row: JsonObject,
  { item, free }: { item: JsonObject; free: boolean },
): JsonObject {
  const price = account.getEver('price', textOf(item, 'price')) ?? {}
  const quantity = typeof item['quantity'] === 'number' ? item['quantity'] : 1
  const product = account.getEver('product', textOf(price, 'product')) ?? {}
  return makeLine(account, {
    amount: free ? 0 : costOf(price, quantity),
    currency: row['currency'] ?? null,
    description: `${quantity} × ${textOf(product, 'name')}`,
    period: {
      end: item['current_period_end'] ?? null,
      start: item['current_period_start'] ?? null,
    },
    pricing: pricingOf(price),
    quantity,
    quantity_decimal: String(quantity),
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: row['id'] ?? null,
        subscription_item: item['id'] ?? null,
      },
      type: 'subscription_item_details',
    },
  })
}

function currencyOf(account: Account, items: readonly JsonObject[]): string {
  const found = items.map((item) =>
    textOf(account.getEver('price', textOf(item, 'price')) ?? {}, 'currency')
  )
  const [first = 'usd'] = found
  const other = found.findIndex((currency) => currency !== first)
  if (other < 0) return first
  throw refusal(
    `The price specified only supports \`${
      found[other] ?? ''
    }\`. This doesn't match the expected currency: \`${first}\`.`,
    { param: `items[${other}][price]` },
  )
}

/** The subscription with other members, stored. */
export function changeSubscription(
  account: Account,
  row: JsonObject,
  params: JsonObject,
): JsonObject {
  if (row['status'] === 'canceled') refuseCanceled(params)
  const id = textOf(row, 'id')
  hashesOf(params, 'items').forEach((item, index) =>
    placeItem(account, { item, subscription: id, path: `items[${index}]` })
  )
  if (itemsOf(account, id).length === 0) throw lastItem()
  const end = Math.max(...itemsOf(account, id).map((item) => numberOf(item, 'current_period_end')))
  const now = account.nowS()
  const owner = { customer: row['customer'] ?? null, subscription: id }
  const { trial_end: trial, default_payment_method: card, ...rest } = without(
    withDiscounts(account, params, owner),
    passing,
  )
  const next = withCard(
    account,
    assigned(row, {
      ...rest,
      ...(card === null ? { default_payment_method: null } : {}),
      ...(trial === undefined ? {} : trialChange(readTrialEnd(trial, now))),
      ...endingOf(row, { params, end, now }),
    }),
    params,
  )
  account.put('subscription', next)
  return next
}

function trialChange(end: number | null): JsonObject {
  return end === null ? { status: 'active' } : { status: 'trialing', trial_end: end }
}

function endingOf(
  row: JsonObject,
  { params, end, now }: { params: JsonObject; end: number; now: number },
): JsonObject {
  const { cancel_at: at, cancel_at_period_end: atEnd } = params
  const details = {
    ...hashOf(row, 'cancellation_details'),
    ...hashOf(params, 'cancellation_details'),
  }
  if (at !== undefined && at !== null && atEnd === true) {
    throw onlyOne('cancel_at', 'cancel_at_period_end')
  }
  if (atEnd === true || (at !== undefined && at !== null)) {
    const reason = 'cancellation_requested'
    const when = atEnd === true || !Number.isSafeInteger(Number(at)) ? end : Number(at)
    return { cancel_at: when, canceled_at: now, cancellation_details: { ...details, reason } }
  }
  if (atEnd === undefined && at === undefined) return { cancellation_details: details }
  return { cancel_at: null, canceled_at: null, cancellation_details: { ...details, reason: null } }
}

function refuseCanceled(params: JsonObject): void {
  const [other] = Object.keys(params).filter((name) =>
    name !== 'metadata' && name !== 'cancellation_details'
  )
  if (other === undefined) return
  throw refusal('A canceled subscription can only update its cancellation_details and metadata.', {
    param: other,
  })
}

/** The subscription canceled, stored. */
export function cancelSubscription(
  account: Account,
  row: JsonObject,
  params: JsonObject,
): JsonObject {
  const now = account.nowS()
  const next: JsonObject = {
    ...row,
    canceled_at: row['canceled_at'] ?? now,
    cancellation_details: {
      ...hashOf(row, 'cancellation_details'),
      ...hashOf(params, 'cancellation_details'),
      reason: 'cancellation_requested',
    },
    ended_at: now,
    status: 'canceled',
  }
  account.put('subscription', next)
  return next
}
