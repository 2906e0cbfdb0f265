// Room platforms: money that moves, as Stripe describes it: payment intents, charges, refunds.
// Source: Stripe API reference, version 2026-10-28.endive, as the types of stripe 23.1.0 have it.

import type { StripeObject } from '../object.ts'

export const paymentIntents: StripeObject = {
  name: 'payment_intents',
  path: 'payment_intents',
  kind: 'payment_intent',
  fields: {
    write: {
      bigint: 'amount application_fee_amount',
      jsonb: `allowed_payment_method_types amount_details excluded_payment_method_types hooks
        metadata payment_details payment_method_options shipping transfer_data`,
      text: `capture_method currency customer customer_account description payment_method
        receipt_email setup_future_usage statement_descriptor statement_descriptor_suffix
        transfer_group`,
    },
    insert: { jsonb: 'automatic_payment_methods', text: 'confirmation_method on_behalf_of' },
    read: {
      bigint: 'amount_capturable amount_received',
      boolean: 'livemode',
      jsonb: `last_payment_error managed_payments next_action payment_method_configuration_details
        payment_method_types presentment_details processing`,
      text: `application cancellation_reason client_secret latest_charge payment_record review
        source status`,
      timestamptz: 'canceled_at created',
    },
  },
  parameters: {
    write: { jsonb: 'payment_method_data', text: 'payment_method_configuration' },
    insert: {
      boolean: 'confirm error_on_requires_action use_stripe_sdk',
      jsonb: 'mandate_data radar_options',
      text: 'confirmation_token mandate off_session return_url',
    },
  },
  required: 'amount currency',
  refuses: {
    delete: {
      detail: 'Stripe cannot delete a payment intent, and canceling one is not deleting it.',
      hint: 'Cancel it at Stripe: POST /v1/payment_intents/:id/cancel, or in the Dashboard.',
    },
  },
}

/** A charge that fails is kept at Stripe and answered as an error, so that a row of it would be refused and yet exist. */
export const charges: StripeObject = {
  name: 'charges',
  path: 'charges',
  kind: 'charge',
  fields: {
    update: {
      jsonb: 'fraud_details metadata shipping',
      text: 'customer description receipt_email transfer_group',
    },
    read: {
      bigint: 'amount amount_captured amount_refunded application_fee_amount',
      boolean: 'captured disputed livemode paid refunded',
      jsonb: `billing_details level3 outcome payment_method_details presentment_details
        radar_options transfer_data`,
      text: `application application_fee authorization_code balance_transaction
        calculated_statement_descriptor currency failure_balance_transaction failure_code
        failure_message on_behalf_of payment_intent payment_method receipt_number receipt_url
        review source source_transfer statement_descriptor statement_descriptor_suffix status
        transfer`,
      timestamptz: 'created',
    },
  },
  refuses: {
    insert: {
      detail: 'Stripe makes a charge when a payment intent is confirmed.',
      hint: 'Insert into payment_intents with payment_method and confirm = true.',
    },
    delete: {
      detail: 'Stripe cannot delete a charge.',
      hint: 'To give the money back, insert into refunds.',
    },
  },
}

export const refunds: StripeObject = {
  name: 'refunds',
  path: 'refunds',
  kind: 'refund',
  fields: {
    write: { jsonb: 'metadata' },
    insert: {
      bigint: 'amount',
      text: 'charge currency customer instructions_email payment_intent reason',
    },
    read: {
      jsonb: 'destination_details next_action presentment_details',
      text: `balance_transaction customer_account description failure_balance_transaction
        failure_reason payment_method pending_reason receipt_number source_transfer_reversal
        status transfer_reversal`,
      timestamptz: 'created',
    },
  },
  parameters: {
    insert: { boolean: 'refund_application_fee reverse_transfer', text: 'origin' },
  },
  refuses: {
    delete: {
      detail: 'Stripe cannot delete a refund.',
      hint: 'One that requires action can be canceled at Stripe: POST /v1/refunds/:id/cancel.',
    },
  },
}
