// Goal: every kind of error that Stripe was seen to answer becomes the fault that it is.
// Method: the facts of recorded answers (status, type, code, param; the words are ours), each to the request it fits.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpResponse } from '../../../src/lib/http.ts'
import type { PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import { catalogue } from '../../../src/mutation/fault.ts'
import { faultOf } from '../../../src/platforms/stripe/faults.ts'
import { tableOf } from './fake.ts'

interface Case {
  readonly status: number
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly message: string
  readonly more?: Record<string, unknown>
  readonly headers?: Record<string, string>
  /** Table and the row's values; with an id it is an update. */
  readonly table: string
  readonly values?: Values
  readonly id?: string
  readonly sqlstate: string
  readonly column?: string
  readonly detail?: string | RegExp
  readonly hint?: RegExp
}

const cases: Record<string, Case> = {
  'a key that is not valid': {
    status: 401,
    message: 'This is no API key: sk_live_***abcd',
    table: 'customers',
    sqlstate: '28000',
    detail: 'This is no API key: sk_….',
    hint: /Reconnect/,
  },
  'a key that has expired': {
    status: 401,
    code: 'api_key_expired',
    message: 'The key has expired',
    table: 'customers',
    sqlstate: '28000',
  },
  'a key without the permission': {
    status: 403,
    message: 'The key lacks the permission rak_customer_write.',
    table: 'customers',
    sqlstate: '42501',
    hint: /permission/,
  },
  'the customer of the path is not there, param id': {
    status: 404,
    code: 'resource_missing',
    param: 'id',
    message: "There is no customer 'cus_9'",
    table: 'customers',
    id: 'cus_9',
    values: { name: 'x' },
    sqlstate: 'P0002',
    detail: "There is no customer 'cus_9'.",
    hint: /sync/,
  },
  'the record of the path is not there, param of the endpoint': {
    status: 404,
    code: 'resource_missing',
    param: 'intent',
    message: "There is no payment_intent 'pi_9'",
    table: 'payment_intents',
    id: 'pi_9',
    values: { amount: '5' },
    sqlstate: 'P0002',
  },
  'a deletion of what is not there': {
    status: 404,
    code: 'resource_missing',
    param: 'id',
    message: "There is no customer 'cus_9'",
    table: 'customers',
    id: 'cus_9',
    sqlstate: 'P0002',
  },
  'a payment method that does not exist, answered with 404': {
    status: 404,
    code: 'resource_missing',
    param: 'payment_method',
    message: "There is no PaymentMethod 'invalid'",
    table: 'customers',
    values: { payment_method: 'invalid' },
    sqlstate: '23503',
    column: 'payment_method',
    detail: "Key (payment_method)=(invalid) was refused: There is no PaymentMethod 'invalid'.",
  },
  'the same in an update of a record that is there': {
    status: 404,
    code: 'resource_missing',
    param: 'payment_method',
    message: "There is no PaymentMethod 'abcd'",
    table: 'payment_intents',
    id: 'pi_1',
    values: { payment_method: 'abcd' },
    sqlstate: '23503',
    column: 'payment_method',
  },
  'a price within items that does not exist': {
    status: 400,
    code: 'resource_missing',
    param: 'items[0][price]',
    message: "There is no price 'invalid'",
    table: 'subscriptions',
    values: { customer: 'cus_1', items: '[{"price":"invalid"}]' },
    sqlstate: '23503',
    column: 'items',
    detail:
      'Key (items)=([{"price":"invalid"}]) was refused: There is no price \'invalid\' (items[0][price]).',
  },
  'a plan that does not exist, named by its leaf': {
    status: 400,
    code: 'resource_missing',
    param: 'plan',
    message: "There is no plan 'invalid'",
    table: 'subscriptions',
    values: { customer: 'cus_1', items: '[{"plan":"invalid"}]' },
    sqlstate: '23503',
    detail: "There is no plan 'invalid'.",
  },
  'a customer without a way to pay': {
    status: 400,
    code: 'resource_missing',
    message: 'The customer has nothing attached to pay with.',
    table: 'subscriptions',
    values: { customer: 'cus_1' },
    sqlstate: '23503',
    detail: 'The customer has nothing attached to pay with.',
  },
  'one of two parameters is needed: no code, no param': {
    status: 400,
    message: 'Give a `customer` or a `subscription`.',
    table: 'invoices',
    values: {},
    sqlstate: '23514',
    detail: 'Give a `customer` or a `subscription`.',
  },
  'an amount that is too small': {
    status: 400,
    code: 'parameter_invalid_integer',
    param: 'amount',
    message: 'This value must be greater than or equal to 1.',
    table: 'payment_intents',
    values: { amount: '0', currency: 'usd' },
    sqlstate: '23514',
    column: 'amount',
    detail: 'Key (amount)=(0) must be greater than or equal to 1.',
  },
  'an amount under the minimum of the currency': {
    status: 400,
    code: 'parameter_invalid_integer',
    param: 'amount',
    message: 'The amount must be at least the minimum.',
    table: 'payment_intents',
    values: { amount: '0', currency: 'usd' },
    sqlstate: '23514',
    column: 'amount',
    detail: 'Key (amount)=(0) was refused: The amount must be at least the minimum.',
  },
  'an integer that is none': {
    status: 400,
    code: 'parameter_invalid_integer',
    param: 'shipping[address][line9]',
    message: 'Invalid integer: abc',
    table: 'customers',
    values: { shipping: '{}' },
    sqlstate: '22P02',
    column: 'shipping',
    detail: /\(shipping\[address\]\[line9\]\)\.$/,
  },
  'a card that is declined': {
    status: 402,
    type: 'card_error',
    code: 'card_declined',
    param: '',
    message: 'The card was declined.',
    more: { decline_code: 'generic_decline', advice_code: 'try_again_later' },
    table: 'customers',
    values: { payment_method: 'pm_1' },
    sqlstate: '23514',
    detail: 'The card was declined (generic_decline).',
  },
  'an unknown parameter': {
    status: 400,
    code: 'parameter_unknown',
    param: 'pineapple',
    message: 'pineapple is not known',
    table: 'customers',
    sqlstate: '42703',
    detail: 'pineapple is not known.',
  },
  'a missing parameter': {
    status: 400,
    code: 'parameter_missing',
    param: 'currency',
    message: 'currency is missing.',
    table: 'prices',
    values: {},
    sqlstate: '23502',
    column: 'currency',
    detail: 'currency is missing.',
  },
  'an empty value where none may be': {
    status: 400,
    code: 'parameter_invalid_empty',
    param: 'name',
    message: 'name cannot be unset.',
    table: 'products',
    id: 'prod_1',
    values: { name: null },
    sqlstate: '23502',
    column: 'name',
  },
  'an email that is none': {
    status: 400,
    code: 'email_invalid',
    param: 'email',
    message: 'Not an email address: pauldune.co',
    table: 'customers',
    values: { email: 'pauldune.co' },
    sqlstate: '23514',
    column: 'email',
    detail: 'Key (email)=(pauldune.co) is not a valid email address.',
  },
  'an id that is taken': {
    status: 400,
    code: 'resource_already_exists',
    message: 'There is such a coupon.',
    table: 'coupons',
    values: { id: 'A', percent_off: '5' },
    sqlstate: '23505',
    column: 'id',
    detail: 'Key (id)=(A) already exists.',
  },
  'text that is too long': {
    status: 400,
    param: 'metadata[a]',
    message: 'Values can have up to 500 characters, but there are 501.',
    table: 'customers',
    values: { metadata: '{"a":"…"}' },
    sqlstate: '22001',
    column: 'metadata',
  },
  'a key used with other parameters': {
    status: 400,
    type: 'idempotency_error',
    message: 'The key was used with other parameters.',
    table: 'customers',
    sqlstate: 'XX000',
  },
  'a key used at another endpoint': {
    status: 400,
    type: 'idempotency_error',
    message: "The key was used for another endpoint ('/v1/invoices').",
    table: 'customers',
    sqlstate: 'XX000',
  },
  'a key whose first request is under way': {
    status: 409,
    code: 'idempotency_key_in_use',
    message: 'The key is in use.',
    table: 'customers',
    sqlstate: '55P03',
  },
  'an object that is locked': {
    status: 429,
    code: 'lock_timeout',
    message: 'Something else has the object.',
    table: 'customers',
    id: 'cus_1',
    sqlstate: '55P03',
    hint: /Nothing was written/,
  },
  'a limit': {
    status: 429,
    code: 'rate_limit',
    message: 'Too many requests.',
    table: 'customers',
    sqlstate: '53400',
    hint: /^Try again in 1 s\.$/,
  },
  'a limit that says how long': {
    status: 429,
    code: 'rate_limit',
    message: 'Too many requests.',
    headers: { 'retry-after': '12' },
    table: 'customers',
    sqlstate: '53400',
    hint: /^Try again in 12 s\.$/,
  },
  'a failure that says so with 400': {
    status: 400,
    type: 'api_error',
    message: 'We failed.',
    table: 'customers',
    sqlstate: '58000',
  },
}

async function faultFor(one: Case, body: unknown) {
  const { status, headers = {}, table, values = {}, id = null } = one
  const row: PlannedRow = { ordinal: 3, id, values }
  const response: HttpResponse = { status, headers, body: JSON.stringify(body) }
  return faultOf(response, { table: await tableOf(table), row })
}

describe('errors of Stripe', () => {
  for (const [name, one] of Object.entries(cases)) {
    test(name, async () => {
      const { type = 'invalid_request_error', code, param, message, more = {} } = one
      const body = { error: { type, code, param, message, ...more } }
      const found = await faultFor(one, body)
      assert.equal(found.sqlstate, one.sqlstate, JSON.stringify(found))
      assert.equal(found.platform, 'stripe')
      assert.equal(found.schema, 'stripe')
      assert.equal(found.table, one.table)
      assert.equal(found.row, 3)
      assert.equal(found.column, one.column)
      assert.equal(found.constraint, code ?? type)
      if (typeof one.detail === 'string') assert.equal(found.detail, one.detail)
      if (one.detail instanceof RegExp) assert.match(found.detail ?? '', one.detail)
      if (one.hint !== undefined) assert.match(found.hint ?? '', one.hint)
      assert.ok(Object.hasOwn(catalogue, found.code))
    })
  }

  test('bodies that are none of the API are a failure of the platform', async () => {
    for (const body of ['<html>', null, {}, { error: 'invalid_grant' }, { error: { code: 1 } }]) {
      const found = await faultFor(
        { status: 400, message: '', table: 'customers', sqlstate: '' },
        body,
      )
      assert.equal(found.code, 'platform_failed')
      assert.match(found.detail ?? '', /HTTP status 400/)
    }
  })

  test('the words of Stripe are cut, and no key is repeated', async () => {
    const message = `sk_test_51Habc and ${'long '.repeat(1000)}`
    const body = { error: { type: 'invalid_request_error', message } }
    const found = await faultFor({ status: 400, message, table: 'customers', sqlstate: '' }, body)
    assert.ok((found.detail ?? '').length < 1100)
    assert.doesNotMatch(found.detail ?? '', /51Habc/)
  })
})
