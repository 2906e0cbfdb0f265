// The contract at Stripe: customers, and objects that have every type of parameter.

import fc from 'fast-check'
import type { Column } from '../../../src/mutation/table.ts'
import { stripe } from '../../../src/platforms/stripe/index.ts'
import type { Subject, ValueSubject } from './subject.ts'

export const subjects: readonly Subject[] = [{
  title: 'stripe customers',
  adapter: stripe,
  object: 'customers',
  settings: { concurrency: 4 },
  records: 'customers',
  tokenPath: '/v1/oauth/token',
  draft: (n) => ({ email: `leto${n}@example.com`, metadata: `{"n":"${n}"}` }),
  change: { name: 'Changed', email: null },
  requests: (_operation, rows) => rows,
  bad: { values: { email: 'pauldune.co' }, sqlstate: '23514', column: 'email' },
  partial: true,
  gone: { update: 'P0002', delete: 'P0002' },
  forbidden: {
    status: 403,
    body: {
      error: {
        type: 'invalid_request_error',
        message: 'The provided key does not have the required permissions for this endpoint.',
      },
    },
  },
  replays: true,
  undated: true,
  rowsForTwoPages: 101,
}, {
  title: 'stripe coupons',
  adapter: stripe,
  object: 'coupons',
  settings: { concurrency: 1 },
  records: 'coupons',
  tokenPath: '/v1/oauth/token',
  draft: (n) => ({ id: `LETO${n}`, percent_off: '12.5', duration: 'once' }),
  change: { name: 'Changed' },
  requests: (_operation, rows) => rows,
  bad: { values: { percent_off: '250', duration: 'once' }, sqlstate: '23514' },
  partial: true,
  duplicates: [
    { id: 'SAME', percent_off: '1', duration: 'once' },
    { id: 'SAME', percent_off: '2', duration: 'once' },
  ],
  gone: { update: 'P0002', delete: 'P0002' },
  forbidden: {
    status: 403,
    body: { error: { type: 'invalid_request_error', message: 'Not permitted.' } },
  },
  replays: true,
  undated: true,
  rowsForTwoPages: 101,
}]

const addressNames = ['city', 'country', 'line1', 'line2', 'postal_code', 'state']
const address = fc.record({ city: fc.constantFrom('Arrakeen', 'Caladan') })
  .map((some) => JSON.stringify(some))

/** A hash comes back whole: what was not given is null. */
function kept({ name }: Column, text: string): string | undefined {
  if (name !== 'address') return undefined
  const nothing = Object.fromEntries(addressNames.map((part) => [part, null]))
  return JSON.stringify({ ...nothing, ...JSON.parse(text) })
}

const metadata = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^\S{1,20}$/), {
  minKeys: 1,
  maxKeys: 3,
}).map((some) => JSON.stringify(some))

const answered = 'Stripe takes it and does not answer it'
const other = 'refers to another object; in its own tests'
const common = {
  adapter: stripe,
  settings: {},
  rows: 10,
  precisionMs: 1000,
  merged: ['metadata'],
} as const

export const valueSubjects: readonly ValueSubject[] = [
  {
    ...common,
    object: 'customers',
    always: () => ({}),
    columns: {
      address,
      metadata,
      balance: fc.maxSafeInteger().map(String),
      next_invoice_sequence: fc.integer({ min: 1, max: 999_999 }).map(String),
      invoice_prefix: fc.stringMatching(/^[A-Z0-9]{3,12}$/),
      preferred_locales: fc.subarray(['en', 'de', 'fr'], { minLength: 1 })
        .map((list) => JSON.stringify(list)),
      tax_exempt: fc.constantFrom('none', 'exempt', 'reverse'),
      email: fc.nat({ max: 99 }).map((n) => `a${n}@example.com`),
      phone: fc.stringMatching(/^\+[0-9]{3,12}$/),
    },
    solid: ['balance', 'next_invoice_sequence', 'metadata', 'preferred_locales', 'tax_exempt'],
    left: {
      invoice_settings: other,
      shipping: other,
      test_clock: other,
      default_source: other,
      validate: answered,
      cash_balance: answered,
      tax: answered,
      source: answered,
      tax_id_data: answered,
      payment_method: answered,
    },
    kept,
  },
  {
    ...common,
    object: 'coupons',
    always: (n) => ({
      id: `CIRCLE${n}`,
      percent_off: '5',
      duration: 'repeating',
      duration_in_months: '3',
    }),
    columns: {
      metadata,
      percent_off: fc.integer({ min: 1, max: 9999 }).map((n) => String(n / 100)),
      max_redemptions: fc.integer({ min: 1, max: 99_999 }).map(String),
      redeem_by: fc.date({
        min: new Date('2030-01-01T00:00:00Z'),
        max: new Date('2034-01-01T00:00:00Z'),
        noInvalidDate: true,
      }).map((date) => date.toISOString().replace('Z', '+00:00')),
    },
    solid: ['metadata'],
    left: {
      id: 'given always',
      duration: 'given always',
      duration_in_months: 'given always',
      currency: 'goes with amount_off',
      amount_off: 'stands against percent_off',
      currency_options: 'goes with amount_off',
      applies_to: other,
    },
  },
  {
    ...common,
    object: 'tax_rates',
    always: (n) => ({ display_name: `VAT ${n}`, inclusive: 'false', percentage: '19' }),
    columns: {
      metadata,
      percentage: fc.integer({ min: 0, max: 99_9999 }).map((n) => String(n / 10_000)),
      country: fc.constantFrom('DE', 'FR'),
      tax_type: fc.constantFrom('vat', 'gst'),
      state: fc.constantFrom('CA', 'NY'),
    },
    solid: ['metadata', 'active', 'inclusive', 'display_name', 'percentage'],
    left: {},
  },
]
