// Room sandbox: how a payment goes: an intent is confirmed with a card, and a charge comes of it.
// https://docs.stripe.com/payments/paymentintents/lifecycle

import type { Json, JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { cardDetails, cardError, type Decline, declineOf } from './cards.ts'
import { assigned, given, hashOf, numberOf, textOf, withShipping } from './resource.ts'

const blankIntent: JsonObject = {
  object: 'payment_intent',
  allowed_payment_method_types: null,
  amount: 0,
  amount_capturable: 0,
  amount_details: { tip: {} },
  amount_received: 0,
  application: null,
  application_fee_amount: null,
  automatic_payment_methods: { allow_redirects: 'always', enabled: true },
  canceled_at: null,
  cancellation_reason: null,
  capture_method: 'automatic_async',
  client_secret: null,
  confirmation_method: 'automatic',
  created: 0,
  currency: '',
  customer: null,
  customer_account: null,
  description: null,
  excluded_payment_method_types: null,
  last_payment_error: null,
  latest_charge: null,
  livemode: false,
  managed_payments: null,
  metadata: {},
  next_action: null,
  on_behalf_of: null,
  payment_method: null,
  payment_method_configuration_details: null,
  payment_method_options: {},
  payment_method_types: ['card'],
  payment_record: null,
  processing: null,
  receipt_email: null,
  review: null,
  setup_future_usage: null,
  shipping: null,
  source: null,
  statement_descriptor: null,
  statement_descriptor_suffix: null,
  status: 'requires_payment_method',
  transfer_data: null,
  transfer_group: null,
}

const blankCharge: JsonObject = {
  object: 'charge',
  amount: 0,
  amount_captured: 0,
  amount_refunded: 0,
  application: null,
  application_fee: null,
  application_fee_amount: null,
  balance_transaction: null,
  billing_details: {},
  calculated_statement_descriptor: 'SANDBOX',
  captured: false,
  created: 0,
  currency: '',
  customer: null,
  description: null,
  disputed: false,
  failure_balance_transaction: null,
  failure_code: null,
  failure_message: null,
  fraud_details: {},
  livemode: false,
  metadata: {},
  on_behalf_of: null,
  outcome: null,
  paid: false,
  payment_intent: null,
  payment_method: null,
  payment_method_details: null,
  receipt_email: null,
  receipt_number: null,
  receipt_url: null,
  refunded: false,
  review: null,
  shipping: null,
  source: null,
  source_transfer: null,
  statement_descriptor: null,
  statement_descriptor_suffix: null,
  status: 'succeeded',
  transfer_data: null,
  transfer_group: null,
}

/** A new intent, stored. `card`: what it would be paid with. */
export function makeIntent(
  account: Account,
  params: JsonObject,
  card: JsonObject | null,
): JsonObject {
  const id = account.nextId('pi_')
  const start = { id, ...blankIntent, created: account.nowS() }
  const row = assigned(start, {
    ...withShipping(given(params), 'shipping'),
    client_secret: `${id}_secret_${account.nextCode()}`,
    payment_method: card?.['id'] ?? null,
    status: card === null ? 'requires_payment_method' : 'requires_confirmation',
  })
  account.put('payment_intent', row)
  return row
}

/** The intent after its card was asked, stored. Throws the 402 of a card that is declined; the intent stays. */
export function confirmIntent(account: Account, intent: JsonObject, card: JsonObject): JsonObject {
  const ending = declineOf(account, card)
  const next = { ...intent, payment_method: card['id'] ?? null, next_action: null }
  if (ending === 'authenticates') {
    return stored(account, {
      ...next,
      status: 'requires_action',
      next_action: { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect' } },
    })
  }
  const manual = intent['capture_method'] === 'manual'
  const charge = makeCharge(account, chargeParams(next), { card, captured: !manual, ending })
  const charged = { ...next, latest_charge: charge['id'] ?? null }
  if (ending === null) {
    const amount = numberOf(intent, 'amount')
    return stored(account, {
      ...charged,
      last_payment_error: null,
      status: manual ? 'requires_capture' : 'succeeded',
      amount_capturable: manual ? amount : 0,
      amount_received: manual ? 0 : amount,
    })
  }
  const failure = cardError(ending, { kept: true, more: { charge: charge['id'] ?? null } })
  const failed = stored(account, {
    ...charged,
    payment_method: null,
    status: 'requires_payment_method',
    last_payment_error: { ...failure.error, payment_method: card },
  })
  throw cardError(ending, {
    kept: true,
    more: { charge: charge['id'] ?? null, payment_intent: failed, payment_method: card },
  })
}

function stored(account: Account, intent: JsonObject): JsonObject {
  account.put('payment_intent', intent)
  return intent
}

function chargeParams(intent: JsonObject): JsonObject {
  const names = [
    'amount',
    'currency',
    'customer',
    'description',
    'metadata',
    'receipt_email',
    'shipping',
    'statement_descriptor',
    'statement_descriptor_suffix',
    'transfer_group',
  ]
  const shared = names.map((name) => [name, intent[name] ?? null] as const)
  return { ...Object.fromEntries(shared), payment_intent: intent['id'] ?? null }
}

/** A new charge, stored, however it ended. */
export function makeCharge(
  account: Account,
  params: JsonObject,
  { card, captured, ending }: {
    card: JsonObject
    captured: boolean
    ending: Decline | null
  },
): JsonObject {
  const id = account.nextId('ch_')
  const amount = numberOf(params, 'amount')
  const start = { id, ...blankCharge, created: account.nowS() }
  const row = assigned(start, {
    ...withShipping(given(params), 'shipping'),
    amount_captured: captured && ending === null ? amount : 0,
    balance_transaction: captured && ending === null ? account.nextId('txn_') : null,
    billing_details: hashOf(card, 'billing_details'),
    captured: captured && ending === null,
    failure_code: ending?.code ?? null,
    failure_message: ending?.message ?? null,
    outcome: outcomeOf(ending),
    paid: ending === null,
    payment_method: card['id'] ?? null,
    payment_method_details: cardDetails(card),
    receipt_url: ending === null ? `https://pay.stripe.com/receipts/payment/${id}` : null,
    status: ending === null ? 'succeeded' : 'failed',
  })
  account.put('charge', row)
  return row
}

function outcomeOf(ending: Decline | null): Json {
  const declined = ending !== null
  return {
    advice_code: declined ? 'try_again_later' : null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: declined ? 'declined_by_network' : 'approved_by_network',
    reason: ending?.decline ?? null,
    risk_level: 'normal',
    seller_message: declined
      ? 'The bank did not return any further details with this decline.'
      : 'Payment complete.',
    type: declined ? 'issuer_declined' : 'authorized',
  }
}

/** The charge with more of it captured, stored, and its intent with it. */
export function captureCharge(account: Account, charge: JsonObject, amount: number): JsonObject {
  const next: JsonObject = {
    ...charge,
    amount_captured: amount,
    amount_refunded: numberOf(charge, 'amount') - amount,
    balance_transaction: account.nextId('txn_'),
    captured: true,
  }
  account.put('charge', next)
  const intent = account.get('payment_intent', textOf(charge, 'payment_intent'))
  if (intent !== null) {
    const received = { amount_capturable: 0, amount_received: amount, status: 'succeeded' }
    account.put('payment_intent', { ...intent, ...received })
  }
  return next
}
