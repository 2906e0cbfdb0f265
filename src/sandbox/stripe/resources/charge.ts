// Room sandbox: charges. New ones come of payment intents, or of a source in the older way.
// https://docs.stripe.com/api/charges

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { cardError, cardOf, declineOf } from '../cards.ts'
import { missing, refusal } from '../errors.ts'
import { payingCard } from '../invoicing.ts'
import { checkCharge, money } from '../money.ts'
import {
  boolean,
  currency,
  email,
  type Fields,
  free,
  hash,
  integer,
  metadata,
  needed,
  oneOf,
  reference,
  text,
  unset,
} from '../params.ts'
import { captureCharge, makeCharge } from '../payments.ts'
import { assigned, numberOf, type Resource, textOf, without, withShipping } from '../resource.ts'
import { shipping } from '../shapes.ts'

const writable: Fields = {
  customer: reference('customer'),
  description: text(40_000),
  metadata,
  receipt_email: email,
  shipping,
  transfer_group: text(),
}

export const charge: Resource = {
  object: 'charge',
  path: 'charges',
  title: 'charge',
  idParam: 'id',
  filters: {
    customer: reference('customer'),
    payment_intent: reference('payment_intent'),
    transfer_group: text(),
  },
  create: {
    params: {
      ...writable,
      amount: integer(),
      application_fee: integer(0),
      application_fee_amount: integer(0),
      capture: boolean,
      currency,
      destination: free,
      on_behalf_of: text(),
      radar_options: free,
      source: text(),
      statement_descriptor: text(22),
      statement_descriptor_suffix: text(22),
      transfer_data: free,
    },
    act: (account, params) => createCharge(account, params),
  },
  update: {
    params: {
      ...writable,
      fraud_details: hash({ user_report: needed(unset(oneOf('fraudulent', 'safe'))) }),
    },
    act: (account, row, params) => {
      if (params['customer'] !== undefined && row['customer'] !== null) {
        throw refusal('You cannot update the customer of a charge that already has one.', {
          param: 'customer',
        })
      }
      const next = assigned(row, withShipping(params, 'shipping'))
      account.put('charge', next)
      return next
    },
  },
  actions: {
    capture: {
      params: {
        amount: integer(1),
        application_fee: integer(0),
        application_fee_amount: integer(0),
        receipt_email: email,
        statement_descriptor: text(22),
        statement_descriptor_suffix: text(22),
        transfer_data: free,
        transfer_group: text(),
      },
      act: (account, row, params) => capture(account, row, params),
    },
  },
}

function createCharge(account: Account, params: JsonObject): JsonObject {
  if (params['amount'] === undefined) throw missing('amount')
  if (params['currency'] === undefined) throw missing('currency')
  checkCharge(numberOf(params, 'amount'), textOf(params, 'currency'))
  const customer = textOf(params, 'customer')
  const token = textOf(params, 'source')
  const card = token === ''
    ? payingCard(account, [account.get('customer', customer)])
    : cardOf(account, token, { customer: customer === '' ? null : customer, param: 'source' })
  if (card === null) {
    throw customer === ''
      ? refusal('Must provide source or customer.', { code: 'parameter_missing' })
      : refusal('Cannot charge a customer that has no active card', {
        code: 'missing',
        param: 'card',
        status: 402,
        type: 'card_error',
        executed: true,
      })
  }
  const ending = declineOf(account, card)
  const decline = ending === 'authenticates' ? null : ending
  const row = makeCharge(account, without(params, ['capture', 'source', 'radar_options']), {
    card,
    captured: params['capture'] !== false,
    ending: decline,
  })
  if (decline === null) return row
  throw cardError(decline, { kept: true, more: { charge: row['id'] ?? null } })
}

function capture(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  const id = textOf(row, 'id')
  if (row['captured'] === true) {
    throw refusal(`Charge ${id} has already been captured.`, { code: 'charge_already_captured' })
  }
  if (row['status'] !== 'succeeded') {
    throw refusal(`Charge ${id} could not be captured because it failed.`)
  }
  const most = numberOf(row, 'amount')
  const amount = params['amount'] === undefined ? most : numberOf(params, 'amount')
  if (amount <= most) return captureCharge(account, row, amount)
  const unit = textOf(row, 'currency')
  throw refusal(
    `Capture amount (${money(amount, unit)}) is greater than the amount of the charge (${
      money(most, unit)
    })`,
    { code: 'amount_too_large', param: 'amount' },
  )
}
