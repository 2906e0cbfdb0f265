// Room sandbox: payment links. https://docs.stripe.com/api/payment-link

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { makePrice } from '../catalog.ts'
import { missing, refusal } from '../errors.ts'
import { costOf } from '../invoicing.ts'
import {
  boolean,
  currency,
  decimal,
  type Fields,
  free,
  hash,
  integer,
  list,
  metadata,
  needed,
  oneOf,
  reference,
  solid,
  text,
  unset,
} from '../params.ts'
import {
  assigned,
  dataOf,
  given,
  hashesOf,
  hashOf,
  listOf,
  type Resource,
  textOf,
  without,
} from '../resource.ts'
import { recurringPriceData } from '../shapes.ts'

const adjustable = hash({
  enabled: needed(boolean),
  maximum: integer(0, 999_999),
  minimum: integer(0, 999_999),
})

const writable: Fields = {
  after_completion: hash({
    hosted_confirmation: hash({ custom_message: text(500) }),
    redirect: hash({ url: needed(solid(text(2048))) }),
    type: needed(oneOf('hosted_confirmation', 'redirect')),
  }),
  allow_promotion_codes: boolean,
  automatic_tax: hash({ enabled: needed(boolean), liability: free }),
  billing_address_collection: oneOf('auto', 'required'),
  custom_fields: unset(free),
  custom_text: free,
  customer_creation: oneOf('always', 'if_required'),
  inactive_message: text(500),
  invoice_creation: free,
  metadata,
  name_collection: unset(free),
  optional_items: unset(free),
  payment_intent_data: free,
  payment_method_collection: oneOf('always', 'if_required'),
  payment_method_options: unset(free),
  payment_method_types: unset(list(text())),
  phone_number_collection: hash({ enabled: needed(boolean) }),
  restrictions: unset(hash({
    completed_sessions: needed(hash({ limit: needed(integer(1)) })),
  })),
  shipping_address_collection: unset(hash({ allowed_countries: needed(list(text(2))) })),
  shipping_options: unset(free),
  submit_type: oneOf('auto', 'book', 'donate', 'pay', 'subscribe'),
  subscription_data: free,
  tax_id_collection: hash({
    enabled: needed(boolean),
    required: oneOf('if_supported', 'never'),
  }),
}

const blank: JsonObject = {
  object: 'payment_link',
  active: true,
  after_completion: { hosted_confirmation: { custom_message: null }, type: 'hosted_confirmation' },
  allow_promotion_codes: false,
  application: null,
  application_fee_amount: null,
  application_fee_percent: null,
  automatic_tax: { enabled: false, liability: null },
  billing_address_collection: 'auto',
  consent_collection: null,
  currency: 'usd',
  custom_fields: [],
  custom_text: {
    after_submit: null,
    shipping_address: null,
    submit: null,
    terms_of_service_acceptance: null,
  },
  customer_creation: 'if_required',
  inactive_message: null,
  invoice_creation: { enabled: false, invoice_data: null },
  livemode: false,
  managed_payments: null,
  metadata: {},
  on_behalf_of: null,
  optional_items: null,
  payment_intent_data: null,
  payment_method_collection: 'always',
  payment_method_options: null,
  payment_method_types: null,
  phone_number_collection: { enabled: false },
  restrictions: null,
  shipping_address_collection: null,
  shipping_options: [],
  submit_type: 'auto',
  subscription_data: null,
  tax_id_collection: { enabled: false, required: 'never' },
  transfer_data: null,
  url: '',
}

export const paymentLink: Resource = {
  object: 'payment_link',
  path: 'payment_links',
  title: 'payment_link',
  idParam: 'payment_link',
  hidden: ['line_items'],
  undated: true,
  lists: { line_items: (row) => dataOf(row, 'line_items') },
  filters: { active: boolean },
  create: {
    params: {
      ...writable,
      application_fee_amount: integer(0),
      application_fee_percent: decimal(0, 100),
      consent_collection: free,
      currency,
      line_items: needed(list(hash({
        adjustable_quantity: adjustable,
        price: reference('price'),
        price_data: recurringPriceData.kind === 'hash'
          ? hash({ ...recurringPriceData.fields, recurring: free })
          : recurringPriceData,
        quantity: needed(integer(1)),
      }))),
      managed_payments: free,
      on_behalf_of: text(),
      transfer_data: free,
    },
    act: (account, params) => makeLink(account, params),
  },
  update: {
    params: {
      ...writable,
      active: boolean,
      line_items: list(hash({
        adjustable_quantity: adjustable,
        id: needed(solid(text())),
        quantity: integer(1),
      })),
    },
    act: (account, row, params) => {
      const fields = params['custom_fields'] === null ? { custom_fields: [] } : {}
      const lines = dataOf(row, 'line_items')
      const next = assigned(row, {
        ...without(params, ['line_items']),
        ...fields,
        line_items: linesShown(lines.map((line) => changedLine(line, params)), row),
      })
      account.put('payment_link', next)
      return next
    },
  },
}

function makeLink(account: Account, params: JsonObject): JsonObject {
  const lines = hashesOf(params, 'line_items').map((line, index) => makeLine(account, line, index))
  const [first] = lines
  if (first === undefined) throw missing('line_items')
  const id = account.nextId('plink_')
  const row = assigned({
    id,
    ...blank,
    currency: first['currency'] ?? 'usd',
    url: `https://buy.stripe.com/test_${account.nextCode()}`,
  }, without(given(params), ['line_items', 'currency']))
  const next = { ...row, line_items: linesShown(lines, row) }
  account.put('payment_link', next)
  return next
}

function linesShown(lines: readonly JsonObject[], row: JsonObject): JsonObject {
  return listOf(lines, `/v1/payment_links/${textOf(row, 'id')}/line_items`)
}

function makeLine(account: Account, line: JsonObject, index: number): JsonObject {
  const data = hashOf(line, 'price_data')
  const price = line['price_data'] === undefined
    ? account.get('price', textOf(line, 'price'))
    : makePrice(account, data)
  if (price === null) throw missing(`line_items[${index}][price]`)
  if (price['active'] !== true) {
    throw refusal('The price specified is inactive. This field only accepts active prices.', {
      param: `line_items[${index}][price]`,
    })
  }
  return counted({
    id: account.nextId('li_'),
    object: 'item',
    amount_discount: 0,
    amount_subtotal: 0,
    amount_tax: 0,
    amount_total: 0,
    currency: price['currency'] ?? null,
    description: account.get('product', textOf(price, 'product'))?.['name'] ?? null,
    price: without(price, ['tiers', 'currency_options']),
    quantity: 1,
  }, Number(line['quantity']))
}

function counted(line: JsonObject, quantity: number): JsonObject {
  const amount = costOf(hashOf(line, 'price'), quantity)
  return { ...line, amount_subtotal: amount, amount_total: amount, quantity }
}

function changedLine(line: JsonObject, params: JsonObject): JsonObject {
  const change = hashesOf(params, 'line_items').find((other) => other['id'] === line['id'])
  return typeof change?.['quantity'] === 'number' ? counted(line, change['quantity']) : line
}
