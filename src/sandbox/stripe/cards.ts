// Room sandbox: the cards of Stripe's test mode, by name. https://docs.stripe.com/testing
// A name (`pm_card_visa`, `tok_visa`) stands for a new card each time it is attached.

import type { Json, JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { noSuch, refusal, type StripeFailure } from './errors.ts'
import { hashOf, textOf } from './resource.ts'

/** How a charge of the card ends. */
type Ending = 'succeeds' | 'authenticates' | Decline

export interface Decline {
  readonly code: string
  readonly decline: string
  readonly message: string
  /** Is it refused already when it is attached to a customer? */
  readonly atOnce: boolean
}

interface TestCard {
  readonly brand: string
  readonly last4: string
  readonly ending: Ending
}

function declined(code: string, decline: string, message: string, atOnce = true): Decline {
  return { code, decline, message, atOnce }
}

const generic = declined('card_declined', 'generic_decline', 'Your card was declined.')
const poor = declined('card_declined', 'insufficient_funds', 'Your card has insufficient funds.')
const expired = declined('expired_card', 'expired_card', 'Your card has expired.')
const badCvc = declined('incorrect_cvc', 'incorrect_cvc', "Your card's security code is incorrect.")
const failing = declined(
  'processing_error',
  'processing_error',
  'An error occurred while processing your card. Try again in a little bit.',
)

const testCards: Readonly<Record<string, TestCard>> = {
  visa: { brand: 'visa', last4: '4242', ending: 'succeeds' },
  visa_debit: { brand: 'visa', last4: '5556', ending: 'succeeds' },
  mastercard: { brand: 'mastercard', last4: '4444', ending: 'succeeds' },
  amex: { brand: 'amex', last4: '8431', ending: 'succeeds' },
  authenticationRequired: { brand: 'visa', last4: '3184', ending: 'authenticates' },
  chargeDeclined: { brand: 'visa', last4: '0002', ending: generic },
  visa_chargeDeclined: { brand: 'visa', last4: '0002', ending: generic },
  chargeDeclinedInsufficientFunds: { brand: 'visa', last4: '9995', ending: poor },
  visa_chargeDeclinedInsufficientFunds: { brand: 'visa', last4: '9995', ending: poor },
  chargeDeclinedExpiredCard: { brand: 'visa', last4: '0069', ending: expired },
  chargeDeclinedIncorrectCvc: { brand: 'visa', last4: '0127', ending: badCvc },
  chargeDeclinedProcessingError: { brand: 'visa', last4: '0119', ending: failing },
  chargeCustomerFail: { brand: 'visa', last4: '0341', ending: { ...generic, atOnce: false } },
}

/**
 * The card with the id, or a new one of the named kind; one of another customer's is refused.
 * Throws `StripeFailure` with the parameter.
 */
export function cardOf(
  account: Account,
  token: string,
  { customer, param }: { customer: string | null; param: string },
): JsonObject {
  const held = account.get('payment_method', token)
  if (held !== null) {
    const owner = held['customer'] ?? null
    if (owner === null || owner === customer) return held
    throw refusal(
      'The payment method supplied does not belong to the Customer you supplied. Please use this payment method with ' +
        `the Customer that it belongs to instead.`,
      { param },
    )
  }
  const kind = kindOf(token)
  if (kind === null) throw noSuch('PaymentMethod', token, { param })
  return madeCard(account, kind, customer)
}

/** Attaches a card to a customer. Throws the 402 of a card that is declined at once. */
export function attachCard(account: Account, customer: string, token: string): JsonObject {
  const kind = kindOf(token)
  const ending = kind === null ? 'succeeds' : testCards[kind]?.ending ?? 'succeeds'
  if (typeof ending === 'object' && ending.atOnce) throw cardError(ending, { kept: false })
  const card = { ...cardOf(account, token, { customer, param: 'payment_method' }), customer }
  account.put('payment_method', card)
  return card
}

/** How a charge of the card ends: null when well. */
export function declineOf(account: Account, card: JsonObject): Decline | 'authenticates' | null {
  const known = account.get('card_kind', textOf(card, 'id')) ?? {}
  const ending = testCards[textOf(known, 'kind')]?.ending ?? 'succeeds'
  return ending === 'succeeds' ? null : ending
}

/** 402. With `kept` the objects that the request made stay. */
export function cardError(
  { code, decline, message }: Decline,
  { kept, more = {} }: { kept: boolean; more?: JsonObject },
): StripeFailure {
  return refusal(message, {
    code,
    status: 402,
    type: 'card_error',
    executed: true,
    kept,
    more: { decline_code: decline, ...more },
  })
}

/** `payment_method_details` of a charge. */
export function cardDetails(card: JsonObject): Json {
  return {
    card: {
      amount_authorized: null,
      authorization_code: null,
      electronic_commerce_indicator: null,
      installments: null,
      mandate: null,
      network_transaction_id: null,
      regulated_status: null,
      transaction_link_id: null,
      ...hashOf(card, 'card'),
    },
    type: 'card',
  }
}

function kindOf(token: string): string | null {
  const kind = /^(?:pm_card_|tok_)(\w+)$/.exec(token)?.[1] ?? ''
  return Object.hasOwn(testCards, kind) ? kind : null
}

function madeCard(account: Account, kind: string, customer: string | null): JsonObject {
  const { brand, last4 } = testCards[kind] ?? { brand: 'visa', last4: '4242' }
  const card: JsonObject = {
    id: account.nextId('pm_'),
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: {
      address: {
        city: null,
        country: null,
        line1: null,
        line2: null,
        postal_code: null,
        state: null,
      },
      email: null,
      name: null,
      phone: null,
      tax_id: null,
    },
    card: {
      brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
      country: 'US',
      exp_month: 12,
      exp_year: 2034,
      funding: 'credit',
      last4,
      network: brand,
      three_d_secure: null,
      wallet: null,
    },
    created: account.nowS(),
    customer,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: 'card',
  }
  account.put('payment_method', card)
  account.put('card_kind', { id: card['id'] ?? null, kind })
  return card
}
