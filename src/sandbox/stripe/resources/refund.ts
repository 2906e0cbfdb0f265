// Room sandbox: refunds. https://docs.stripe.com/api/refunds

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { refusal } from '../errors.ts'
import { money } from '../money.ts'
import { boolean, currency, email, integer, metadata, oneOf, reference } from '../params.ts'
import { assigned, numberOf, type Resource, textOf } from '../resource.ts'

const blank: JsonObject = {
  object: 'refund',
  amount: 0,
  balance_transaction: null,
  charge: null,
  created: 0,
  currency: '',
  customer: null,
  customer_account: null,
  destination_details: {},
  metadata: {},
  payment_intent: null,
  payment_method: null,
  reason: null,
  receipt_number: null,
  source_transfer_reversal: null,
  status: 'succeeded',
  transfer_reversal: null,
}

export const refund: Resource = {
  object: 'refund',
  path: 'refunds',
  title: 'refund',
  idParam: 'refund',
  filters: { charge: reference('charge'), payment_intent: reference('payment_intent') },
  create: {
    params: {
      amount: integer(1),
      charge: reference('charge'),
      currency,
      customer: reference('customer'),
      instructions_email: email,
      metadata,
      origin: oneOf('customer_balance'),
      payment_intent: reference('payment_intent'),
      reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
      refund_application_fee: boolean,
      reverse_transfer: boolean,
    },
    act: (account, params) => makeRefund(account, params),
  },
  update: {
    params: { metadata },
    act: (account, row, params) => {
      const next = assigned(row, params)
      account.put('refund', next)
      return next
    },
  },
  actions: {
    cancel: {
      params: {},
      act: (_account, row) => {
        throw refusal(
          `Refund ${textOf(row, 'id')} cannot be canceled because it has a status of ${
            textOf(row, 'status')
          }.`,
          { param: 'refund' },
        )
      },
    },
  },
}

function makeRefund(account: Account, params: JsonObject): JsonObject {
  const charge = chargeOf(account, params)
  const id = textOf(charge, 'id')
  if (charge['status'] !== 'succeeded') {
    throw refusal(`Charge ${id} is not refundable: it failed.`, {
      code: 'charge_not_refundable',
      param: 'charge',
    })
  }
  const left = numberOf(charge, 'amount') - numberOf(charge, 'amount_refunded')
  if (left === 0) {
    throw refusal(`Charge ${id} has already been refunded.`, { code: 'charge_already_refunded' })
  }
  const amount = params['amount'] === undefined ? left : numberOf(params, 'amount')
  if (amount > left) {
    const unit = textOf(charge, 'currency')
    throw refusal(
      `Refund amount (${money(amount, unit)}) is greater than unrefunded amount on charge (${
        money(left, unit)
      })`,
      { param: 'amount' },
    )
  }
  const refunded = numberOf(charge, 'amount_refunded') + amount
  account.put('charge', {
    ...charge,
    amount_refunded: refunded,
    refunded: refunded === numberOf(charge, 'amount'),
  })
  const row = assigned({ id: account.nextId('re_'), ...blank, created: account.nowS() }, {
    amount,
    balance_transaction: account.nextId('txn_'),
    charge: id,
    currency: charge['currency'] ?? null,
    destination_details: {
      card: {
        reference_status: 'pending',
        reference_type: 'acquirer_reference_number',
        type: 'refund',
      },
      type: 'card',
    },
    metadata: params['metadata'] ?? {},
    payment_intent: charge['payment_intent'] ?? null,
    reason: params['reason'] ?? null,
  })
  account.put('refund', row)
  return row
}

function chargeOf(account: Account, params: JsonObject): JsonObject {
  const intent = account.get('payment_intent', textOf(params, 'payment_intent'))
  const id = intent === null ? textOf(params, 'charge') : textOf(intent, 'latest_charge')
  const charge = account.get('charge', id)
  if (charge !== null) return charge
  if (intent === null) {
    throw refusal(
      'One of the following params should be provided for this request: payment_intent or charge.',
      { code: 'parameter_missing' },
    )
  }
  throw refusal(
    `This PaymentIntent (${textOf(intent, 'id')}) does not have a successful charge to refund.`,
    { code: 'payment_intent_unexpected_state', param: 'payment_intent' },
  )
}
