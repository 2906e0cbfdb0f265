// Room sandbox: customers. https://docs.stripe.com/api/customers

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { cancelSubscription } from '../subscribing.ts'
import { attachCard, cardOf } from '../cards.ts'
import {
  boolean,
  email,
  type Fields,
  free,
  hash,
  integer,
  list,
  metadata,
  oneOf,
  text,
  unset,
} from '../params.ts'
import {
  addressNames,
  assigned,
  filled,
  given,
  hashOf,
  type Resource,
  textOf,
  without,
} from '../resource.ts'
import { address, customerShipping, customFields } from '../shapes.ts'

const writable: Fields = {
  address,
  balance: integer(),
  business_name: text(150),
  cash_balance: free,
  description: text(),
  email,
  individual_name: text(150),
  invoice_prefix: text(12),
  invoice_settings: hash({
    custom_fields: customFields,
    default_payment_method: text(),
    footer: text(),
    rendering_options: unset(free),
  }),
  metadata,
  name: text(256),
  next_invoice_sequence: integer(1),
  phone: text(20),
  preferred_locales: list(text()),
  shipping: customerShipping,
  source: text(),
  tax: free,
  tax_exempt: unset(oneOf('none', 'exempt', 'reverse')),
  validate: boolean,
}

const blank: JsonObject = {
  object: 'customer',
  address: null,
  balance: 0,
  created: 0,
  currency: null,
  customer_account: null,
  default_source: null,
  delinquent: false,
  description: null,
  email: null,
  invoice_prefix: null,
  invoice_settings: {
    custom_fields: null,
    default_payment_method: null,
    footer: null,
    rendering_options: null,
  },
  livemode: false,
  metadata: {},
  name: null,
  next_invoice_sequence: 1,
  phone: null,
  preferred_locales: [],
  shipping: null,
  tax_exempt: 'none',
  test_clock: null,
}

export const customer: Resource = {
  object: 'customer',
  path: 'customers',
  title: 'customer',
  idParam: 'id',
  outlivesDeletion: true,
  hidden: ['tax'],
  filters: { email: text(), test_clock: text() },
  create: {
    params: { ...writable, payment_method: text(), tax_id_data: list(free), test_clock: text() },
    act: (account, params) => {
      const id = account.nextId('cus_')
      const start: JsonObject = {
        id,
        ...blank,
        created: account.nowS(),
        invoice_prefix: account.nextCode(),
      }
      account.put('customer', start)
      const card = textOf(params, 'payment_method')
      if (card !== '') attachCard(account, id, card)
      return written(account, start, given(params))
    },
  },
  update: {
    params: { ...writable, default_source: text() },
    act: (account, row, params) => written(account, row, params),
  },
  remove: {
    params: {},
    act: (account, row) => {
      for (const subscription of account.rowsBy('subscription', 'customer', textOf(row, 'id'))) {
        if (subscription['status'] !== 'canceled') cancelSubscription(account, subscription, {})
      }
      account.remove('customer', textOf(row, 'id'))
      return 'deleted'
    },
  },
}

/** Absent, not null, when they have no value. */
const neverNull = ['business_name', 'individual_name']

const notMembers = ['payment_method', 'source', 'tax_id_data', 'validate', 'cash_balance']

function written(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  const id = textOf(row, 'id')
  const settings = hashOf(params, 'invoice_settings')
  const token = textOf(settings, 'default_payment_method')
  const source = textOf(params, 'source')
  const card = token === ''
    ? null
    : cardOf(account, token, { customer: id, param: 'invoice_settings[default_payment_method]' })
  const all = assigned(row, {
    ...without(params, notMembers),
    invoice_settings: {
      ...hashOf(row, 'invoice_settings'),
      ...settings,
      ...(card === null ? {} : { default_payment_method: card['id'] ?? null }),
    },
    ...(params['address'] === undefined
      ? {}
      : { address: filled(params['address'], addressNames) }),
    ...(params['shipping'] === undefined ? {} : { shipping: shippingOf(params) }),
    ...(params['tax_exempt'] === null ? { tax_exempt: 'none' } : {}),
    ...(source === '' ? {} : { default_source: attachCard(account, id, source)['id'] ?? null }),
  })
  const next = without(all, neverNull.filter((name) => all[name] === null))
  account.put('customer', next)
  return next
}

function shippingOf(params: JsonObject): JsonObject | null {
  if (params['shipping'] === null) return null
  const { address: place, name = null, phone = null } = hashOf(params, 'shipping')
  return { address: filled(place, addressNames), name, phone }
}
