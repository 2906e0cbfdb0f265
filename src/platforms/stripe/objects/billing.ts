// Room platforms: who is billed and for what, as Stripe describes it: customers, subscriptions and their items, invoices
// and theirs. Source: Stripe API reference, version 2026-10-28.endive, as the types of stripe 23.1.0 have it.

import type { StripeObject } from '../object.ts'

export const customers: StripeObject = {
  name: 'customers',
  path: 'customers',
  kind: 'customer',
  fields: {
    write: {
      bigint: 'balance next_invoice_sequence',
      jsonb: 'address invoice_settings metadata preferred_locales shipping',
      text: 'business_name description email individual_name invoice_prefix name phone tax_exempt',
    },
    insert: { text: 'test_clock' },
    update: { text: 'default_source' },
    read: {
      boolean: 'delinquent livemode',
      jsonb: 'discount',
      text: 'currency customer_account',
      timestamptz: 'created',
    },
  },
  parameters: {
    write: { boolean: 'validate', jsonb: 'cash_balance tax', text: 'source' },
    insert: { jsonb: 'tax_id_data', text: 'payment_method' },
  },
}

/** Not an anchor on update: there Stripe takes the words `now` and `unchanged` only, no point in time. */
export const subscriptions: StripeObject = {
  name: 'subscriptions',
  path: 'subscriptions',
  kind: 'subscription',
  fields: {
    write: {
      bigint: 'days_until_due',
      boolean: 'cancel_at_period_end',
      jsonb: `automatic_tax billing_schedules billing_thresholds default_tax_rates discounts
        invoice_settings items metadata payment_settings pending_invoice_item_interval
        transfer_data trial_settings`,
      numeric: 'application_fee_percent',
      text: 'collection_method default_payment_method default_source description on_behalf_of',
      timestamptz: 'cancel_at trial_end',
    },
    insert: {
      jsonb: 'billing_cycle_anchor_config billing_mode',
      text: 'currency customer customer_account',
      timestamptz: 'billing_cycle_anchor',
    },
    update: { jsonb: 'cancellation_details pause_collection' },
    read: {
      boolean: 'livemode',
      jsonb: 'managed_payments pending_update presentment_details status_details',
      text: 'application latest_invoice pending_setup_intent schedule status test_clock',
      timestamptz:
        'canceled_at created ended_at next_pending_invoice_item_invoice start_date trial_start',
    },
  },
  parameters: {
    write: {
      boolean: 'off_session trial_from_plan',
      jsonb: 'add_invoice_items',
      text: 'payment_behavior proration_behavior',
    },
    insert: { bigint: 'trial_period_days', timestamptz: 'backdate_start_date' },
    update: { timestamptz: 'proration_date' },
  },
  canceled: ['canceled', 'incomplete_expired'],
}

export const subscriptionItems: StripeObject = {
  name: 'subscription_items',
  path: 'subscription_items',
  kind: 'subscription_item',
  fields: {
    write: {
      bigint: 'quantity',
      jsonb: 'billing_thresholds current_trial discounts metadata tax_rates',
      text: 'plan price',
    },
    insert: { text: 'subscription' },
    read: { timestamptz: 'billed_until created current_period_end current_period_start' },
  },
  parameters: {
    write: {
      jsonb: 'price_data',
      text: 'payment_behavior proration_behavior',
      timestamptz: 'proration_date',
    },
    update: { boolean: 'off_session' },
  },
  required: 'subscription',
}

/** The subscription of an invoice and of an invoice item is given as `subscription` and answered within `parent`. */
const found = { subscription: 'parent.subscription_details.subscription' }

export const invoices: StripeObject = {
  name: 'invoices',
  path: 'invoices',
  kind: 'invoice',
  fields: {
    write: {
      boolean: 'auto_advance',
      jsonb:
        `account_tax_ids automatic_tax custom_fields default_tax_rates discounts issuer metadata
        payment_settings rendering shipping_cost shipping_details`,
      text: `collection_method default_payment_method default_source description footer number
        on_behalf_of statement_descriptor`,
      timestamptz: 'automatically_finalizes_at due_date effective_at',
    },
    insert: { jsonb: 'from_invoice', text: 'currency customer customer_account subscription' },
    read: {
      bigint: `amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining
        amount_shipping attempt_count ending_balance post_payment_credit_notes_amount
        pre_payment_credit_notes_amount starting_balance subtotal subtotal_excluding_tax total
        total_excluding_tax`,
      boolean: 'attempted livemode',
      jsonb: `confirmation_secret customer_address customer_shipping customer_tax_ids
        last_finalization_error lines parent status_details status_transitions threshold_reason
        total_discount_amounts total_pretax_credit_amounts total_taxes`,
      text: `account_country account_name application billing_reason customer_email customer_name
        customer_phone customer_tax_exempt hosted_invoice_url invoice_pdf latest_revision
        receipt_number status test_clock`,
      timestamptz: 'created next_payment_attempt period_end period_start webhooks_delivered_at',
    },
  },
  parameters: {
    write: { bigint: 'application_fee_amount days_until_due', jsonb: 'transfer_data' },
    insert: { text: 'pending_invoice_items_behavior' },
  },
  found,
}

export const invoiceItems: StripeObject = {
  name: 'invoice_items',
  path: 'invoiceitems',
  kind: 'invoiceitem',
  fields: {
    write: {
      bigint: 'amount quantity',
      boolean: 'discountable',
      jsonb: 'discounts metadata period pricing tax_rates',
      numeric: 'quantity_decimal',
      text: 'description',
    },
    insert: { text: 'currency customer customer_account invoice subscription' },
    update: { jsonb: 'invoicing_rules' },
    read: {
      bigint: 'net_amount',
      boolean: 'livemode proration',
      jsonb: 'frozen_fields parent proration_details',
      text: 'test_clock',
      timestamptz: 'date',
    },
  },
  parameters: {
    write: { jsonb: 'price_data', numeric: 'unit_amount_decimal', text: 'tax_behavior tax_code' },
  },
  found,
}
