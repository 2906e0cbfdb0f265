// Room sandbox: payment intents. https://docs.stripe.com/api/payment_intents

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { cardOf } from '../cards.ts'
import { refusal } from '../errors.ts'
import { checkCharge, money } from '../money.ts'
import {
  boolean,
  currency,
  either,
  email,
  type Fields,
  free,
  hash,
  integer,
  list,
  metadata,
  needed,
  oneOf,
  reference,
  text,
  unset,
} from '../params.ts'
import { captureCharge, confirmIntent, makeIntent } from '../payments.ts'
import { assigned, numberOf, type Resource, textOf, without, withShipping } from '../resource.ts'
import { shipping } from '../shapes.ts'

const futureUsage = unset(oneOf('off_session', 'on_session'))
const captureMethod = oneOf('automatic', 'automatic_async', 'manual')

const writable: Fields = {
  allowed_payment_method_types: list(text()),
  amount_details: unset(free),
  application_fee_amount: unset(integer(0)),
  capture_method: captureMethod,
  customer: reference('customer'),
  customer_account: text(),
  description: text(1000),
  excluded_payment_method_types: unset(list(text())),
  hooks: free,
  metadata,
  payment_details: unset(free),
  payment_method: text(),
  payment_method_configuration: text(),
  payment_method_data: free,
  payment_method_options: free,
  receipt_email: email,
  setup_future_usage: futureUsage,
  shipping,
  statement_descriptor: text(22),
  statement_descriptor_suffix: text(22),
  transfer_data: free,
  transfer_group: text(),
}

const confirming: Fields = {
  confirmation_token: text(),
  error_on_requires_action: boolean,
  mandate: text(),
  mandate_data: unset(free),
  off_session: either(free, oneOf('true', 'false', 'one_off', 'recurring')),
  radar_options: free,
  return_url: text(),
  use_stripe_sdk: boolean,
}

/** Parameters that are not members of the object. */
const passing = [
  'confirm',
  'confirmation_token',
  'error_on_requires_action',
  'mandate',
  'mandate_data',
  'off_session',
  'payment_method',
  'payment_method_configuration',
  'payment_method_data',
  'radar_options',
  'return_url',
  'use_stripe_sdk',
  'amount_to_confirm',
]

const open = ['requires_payment_method', 'requires_confirmation', 'requires_action']

export const paymentIntent: Resource = {
  object: 'payment_intent',
  path: 'payment_intents',
  title: 'payment_intent',
  idParam: 'intent',
  filters: { customer: reference('customer'), customer_account: text() },
  create: {
    params: {
      ...writable,
      ...confirming,
      amount: needed(integer()),
      automatic_payment_methods: hash({
        allow_redirects: oneOf('always', 'never'),
        enabled: needed(boolean),
      }),
      confirm: boolean,
      confirmation_method: oneOf('automatic', 'manual'),
      currency: needed(currency),
      on_behalf_of: text(),
    },
    act: (account, params) => {
      checkCharge(numberOf(params, 'amount'), textOf(params, 'currency'))
      const card = cardIn(account, params, textOf(params, 'customer'))
      const row = makeIntent(account, without(params, passing), card)
      return params['confirm'] === true ? confirmed(account, row, card) : row
    },
  },
  update: {
    params: { ...writable, amount: integer(), currency },
    act: (account, row, params) => {
      checkOpen(row, params)
      const amount = params['amount'] === undefined ? row : params
      checkCharge(numberOf(amount, 'amount'), textOf({ ...row, ...params }, 'currency'))
      const card = cardIn(account, params, textOf({ ...row, ...params }, 'customer'))
      const next = assigned(row, {
        ...without(withShipping(params, 'shipping'), passing),
        ...(card === null
          ? {}
          : { payment_method: card['id'] ?? null, status: 'requires_confirmation' }),
      })
      account.put('payment_intent', next)
      return next
    },
  },
  actions: {
    confirm: {
      params: {
        ...writable,
        ...confirming,
        amount_to_confirm: integer(1),
      },
      act: (account, row, params) => {
        if (!open.includes(textOf(row, 'status'))) throw unexpected(row, 'confirm')
        const card = cardIn(account, params, textOf(row, 'customer')) ??
          account.get('payment_method', textOf(row, 'payment_method'))
        return confirmed(
          account,
          assigned(row, without(withShipping(params, 'shipping'), passing)),
          card,
        )
      },
    },
    cancel: {
      params: {
        cancellation_reason: oneOf(
          'abandoned',
          'duplicate',
          'fraudulent',
          'requested_by_customer',
        ),
      },
      act: (account, row, params) => canceled(account, row, params),
    },
    capture: {
      params: {
        amount_details: unset(free),
        amount_to_capture: integer(1),
        application_fee_amount: integer(0),
        final_capture: boolean,
        hooks: free,
        metadata,
        payment_details: unset(free),
        statement_descriptor: text(22),
        statement_descriptor_suffix: text(22),
        transfer_data: free,
      },
      act: (account, row, params) => captured(account, row, params),
    },
  },
}

function cardIn(account: Account, params: JsonObject, customer: string): JsonObject | null {
  const token = textOf(params, 'payment_method')
  if (token === '') return null
  return cardOf(account, token, {
    customer: customer === '' ? null : customer,
    param: 'payment_method',
  })
}

function confirmed(account: Account, row: JsonObject, card: JsonObject | null): JsonObject {
  if (card !== null) return confirmIntent(account, row, card)
  throw refusal(
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the " +
      'PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment ' +
      'method or ConfirmationToken.',
    { code: 'payment_intent_unexpected_state' },
  )
}

/** Once paid or canceled, only what describes it may be changed. */
function checkOpen(row: JsonObject, params: JsonObject): void {
  const status = textOf(row, 'status')
  if (open.includes(status)) return
  const [name] = Object.keys(params).filter((other) =>
    !['metadata', 'description', 'receipt_email', 'transfer_group'].includes(other)
  )
  if (name === undefined) return
  throw refusal(
    `This PaymentIntent's ${name} could not be updated because it has a status of ${status}. You may only update the ` +
      `${name} of a PaymentIntent with one of the following statuses: ${open.join(', ')}.`,
    { code: 'payment_intent_unexpected_state', param: name },
  )
}

function unexpected(row: JsonObject, deed: 'confirm' | 'capture' | 'cancel'): Error {
  const status = textOf(row, 'status')
  const allowed = {
    confirm:
      `confirm this PaymentIntent because it has already succeeded after being previously confirmed.`,
    capture:
      `capture this PaymentIntent because it has a status of ${status}. Only a PaymentIntent with one of the ` +
      'following statuses may be captured: requires_capture.',
    cancel:
      `cancel this PaymentIntent because it has a status of ${status}. Only a PaymentIntent with one of the ` +
      'following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, ' +
      'requires_action, processing.',
  }
  const words = deed === 'confirm' && status !== 'succeeded'
    ? `confirm this PaymentIntent because it has a status of ${status}.`
    : allowed[deed]
  return refusal(`You cannot ${words}`, { code: 'payment_intent_unexpected_state' })
}

function canceled(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  if (![...open, 'requires_capture', 'processing'].includes(textOf(row, 'status'))) {
    throw unexpected(row, 'cancel')
  }
  const next: JsonObject = {
    ...row,
    amount_capturable: 0,
    canceled_at: account.nowS(),
    cancellation_reason: params['cancellation_reason'] ?? null,
    next_action: null,
    status: 'canceled',
  }
  account.put('payment_intent', next)
  return next
}

function captured(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  if (row['status'] !== 'requires_capture') throw unexpected(row, 'capture')
  const most = numberOf(row, 'amount_capturable')
  const amount = params['amount_to_capture'] === undefined
    ? most
    : numberOf(params, 'amount_to_capture')
  if (amount > most) {
    const unit = textOf(row, 'currency')
    throw refusal(
      `The provided capture amount (${
        money(amount, unit)
      }) is greater than the amount that is capturable (${money(most, unit)}).`,
      { code: 'amount_too_large', param: 'amount_to_capture' },
    )
  }
  const charge = account.get('charge', textOf(row, 'latest_charge'))
  if (charge !== null) captureCharge(account, charge, amount)
  const { metadata: given } = params
  const now = account.get('payment_intent', textOf(row, 'id')) ?? row
  const next = assigned(now, given === undefined ? {} : { metadata: given })
  account.put('payment_intent', next)
  return next
}
