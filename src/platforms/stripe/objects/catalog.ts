// Room platforms: what is sold, as Stripe describes it: products, prices, plans, coupons, promotion codes, tax rates,
// payment links. Source: Stripe API reference, version 2026-10-28.endive, as the types of stripe 23.1.0 have it.

import type { Refusal } from '../../../mutation/table.ts'
import type { StripeObject } from '../object.ts'

function onlyDeactivated(what: string, table: string): Refusal {
  return {
    detail: `Stripe cannot delete ${what}.`,
    hint: `Deactivate it: UPDATE ${table} SET active = false.`,
  }
}

export const products: StripeObject = {
  name: 'products',
  path: 'products',
  kind: 'product',
  fields: {
    write: {
      boolean: 'active shippable',
      jsonb: 'images marketing_features metadata package_dimensions tax_details',
      text: 'description name statement_descriptor tax_code unit_label url',
    },
    insert: { text: 'type' },
    update: { text: 'default_price' },
    read: { boolean: 'livemode', timestamptz: 'created updated' },
  },
  parameters: { insert: { jsonb: 'default_price_data' } },
  required: 'name',
  ownIds: true,
}

export const prices: StripeObject = {
  name: 'prices',
  path: 'prices',
  kind: 'price',
  fields: {
    write: {
      boolean: 'active',
      jsonb: 'currency_options metadata',
      text: 'lookup_key nickname tax_behavior',
    },
    insert: {
      bigint: 'unit_amount',
      jsonb: 'custom_unit_amount recurring tiers transform_quantity',
      numeric: 'unit_amount_decimal',
      text: 'billing_scheme currency product tiers_mode',
    },
    read: { boolean: 'livemode', text: 'type', timestamptz: 'created' },
  },
  parameters: {
    write: { boolean: 'transfer_lookup_key' },
    insert: { jsonb: 'product_data' },
  },
  required: 'currency',
  expand: 'currency_options tiers',
  refuses: { delete: onlyDeactivated('a price', 'prices') },
}

export const plans: StripeObject = {
  name: 'plans',
  path: 'plans',
  kind: 'plan',
  fields: {
    write: {
      bigint: 'trial_period_days',
      boolean: 'active',
      jsonb: 'metadata',
      text: 'nickname product',
    },
    insert: {
      bigint: 'amount interval_count',
      jsonb: 'tiers transform_usage',
      numeric: 'amount_decimal',
      text: 'billing_scheme currency interval meter tiers_mode usage_type',
    },
    read: { boolean: 'livemode', timestamptz: 'created' },
  },
  required: 'currency interval',
  ownIds: true,
  expand: 'tiers',
}

export const coupons: StripeObject = {
  name: 'coupons',
  path: 'coupons',
  kind: 'coupon',
  fields: {
    write: { jsonb: 'currency_options metadata', text: 'name' },
    insert: {
      bigint: 'amount_off duration_in_months max_redemptions',
      jsonb: 'applies_to',
      numeric: 'percent_off',
      text: 'currency duration',
      timestamptz: 'redeem_by',
    },
    read: { bigint: 'times_redeemed', boolean: 'livemode valid', timestamptz: 'created' },
  },
  ownIds: true,
  expand: 'applies_to currency_options',
}

export const promotionCodes: StripeObject = {
  name: 'promotion_codes',
  path: 'promotion_codes',
  kind: 'promotion_code',
  fields: {
    write: { boolean: 'active', jsonb: 'metadata restrictions' },
    insert: {
      bigint: 'max_redemptions',
      jsonb: 'promotion',
      text: 'code customer customer_account',
      timestamptz: 'expires_at',
    },
    read: { bigint: 'times_redeemed', boolean: 'livemode', timestamptz: 'created' },
  },
  required: 'promotion',
  refuses: { delete: onlyDeactivated('a promotion code', 'promotion_codes') },
}

export const taxRates: StripeObject = {
  name: 'tax_rates',
  path: 'tax_rates',
  kind: 'tax_rate',
  fields: {
    write: {
      boolean: 'active',
      jsonb: 'metadata',
      text: 'country description display_name jurisdiction state tax_type',
    },
    insert: { boolean: 'inclusive', numeric: 'percentage' },
    read: {
      boolean: 'livemode',
      jsonb: 'flat_amount',
      numeric: 'effective_percentage',
      text: 'jurisdiction_level rate_type',
      timestamptz: 'created',
    },
  },
  required: 'display_name inclusive percentage',
  refuses: { delete: onlyDeactivated('a tax rate', 'tax_rates') },
}

export const paymentLinks: StripeObject = {
  name: 'payment_links',
  path: 'payment_links',
  kind: 'payment_link',
  fields: {
    write: {
      bigint: 'application_fee_amount',
      boolean: 'allow_promotion_codes',
      jsonb: `after_completion automatic_tax consent_collection custom_fields custom_text
        invoice_creation line_items metadata name_collection optional_items payment_intent_data
        payment_method_options payment_method_types phone_number_collection restrictions
        shipping_address_collection shipping_options subscription_data tax_id_collection
        transfer_data`,
      numeric: 'application_fee_percent',
      text: `billing_address_collection customer_creation inactive_message on_behalf_of
        payment_method_collection submit_type`,
    },
    insert: { jsonb: 'managed_payments', text: 'currency' },
    update: { boolean: 'active' },
    read: { boolean: 'livemode', text: 'application url' },
  },
  required: 'line_items',
  expand: 'line_items',
  refuses: { delete: onlyDeactivated('a payment link', 'payment_links') },
}
