// Room sandbox: invoices. https://docs.stripe.com/api/invoices

import type { JsonObject } from '../../json.ts'
import type { Account } from '../account.ts'
import { cardOf } from '../cards.ts'
import { withDiscounts } from '../discounts.ts'
import { missing, onlyOne, refusal } from '../errors.ts'
import {
  chargeInvoice,
  finalizeInvoice,
  itemLine,
  makeInvoice,
  noCard,
  paidInvoice,
  payingCard,
  withLines,
} from '../invoicing.ts'
import {
  boolean,
  currency,
  type Fields,
  free,
  hash,
  integer,
  list,
  metadata,
  needed,
  oneOf,
  range,
  reference,
  text,
  time,
  unset,
} from '../params.ts'
import {
  type Action,
  assigned,
  dataOf,
  hashOf,
  type Resource,
  textOf,
  withShipping,
} from '../resource.ts'
import { collectionMethod, customFields, discounts, shipping, taxRates } from '../shapes.ts'
import { ratesShown } from './subscription_item.ts'

const writable: Fields = {
  account_tax_ids: unset(list(text())),
  application_fee_amount: integer(0),
  auto_advance: boolean,
  automatic_tax: hash({ enabled: needed(boolean), liability: free }),
  automatically_finalizes_at: time,
  collection_method: collectionMethod,
  custom_fields: customFields,
  days_until_due: integer(0),
  default_payment_method: text(),
  default_source: text(),
  default_tax_rates: taxRates,
  description: text(1500),
  discounts,
  due_date: time,
  effective_at: unset(time),
  footer: text(),
  issuer: free,
  metadata,
  number: text(26),
  on_behalf_of: text(),
  payment_settings: free,
  rendering: free,
  shipping_cost: unset(free),
  shipping_details: shipping,
  statement_descriptor: text(22),
  transfer_data: unset(free),
}

/** What may be changed once an invoice is finalized. */
const alwaysWritable = ['metadata', 'auto_advance', 'default_payment_method', 'default_source']

const finalize: Action = {
  params: { auto_advance: boolean },
  act: (account, row) => finalizeInvoice(account, row),
}

const pay: Action = {
  params: {
    forgive: boolean,
    mandate: text(),
    off_session: boolean,
    paid_out_of_band: boolean,
    payment_method: text(),
    source: text(),
  },
  act: (account, row, params) => payInvoice(account, row, params),
}

export const invoice: Resource = {
  object: 'invoice',
  path: 'invoices',
  title: 'invoice',
  idParam: 'invoice',
  lists: { lines: (row) => dataOf(row, 'lines') },
  filters: {
    collection_method: collectionMethod,
    customer: reference('customer'),
    customer_account: text(),
    due_date: range,
    status: oneOf('draft', 'open', 'paid', 'uncollectible', 'void'),
    subscription: reference('subscription'),
  },
  passes: (row, { subscription }) =>
    subscription === undefined || subscriptionOf(row) === subscription,
  render: (account, row) => ({
    ...row,
    default_tax_rates: ratesShown(account, row, 'default_tax_rates'),
  }),
  create: {
    params: {
      ...writable,
      currency,
      customer: reference('customer'),
      customer_account: text(),
      from_invoice: free,
      pending_invoice_items_behavior: oneOf('exclude', 'include'),
      subscription: reference('subscription'),
    },
    act: (account, params) => createInvoice(account, params),
  },
  update: {
    params: writable,
    act: (account, row, params) => {
      const refused = Object.keys(params).find((name) => !alwaysWritable.includes(name))
      if (row['status'] !== 'draft' && refused !== undefined) {
        throw refusal("Finalized invoices can't be updated in this way", { param: refused })
      }
      checkDue(row, params)
      const owner = { customer: row['customer'] ?? null, invoice: row['id'] ?? null }
      const { days_until_due: days, ...rest } = withDiscounts(account, params, owner)
      const due = typeof days === 'number' ? { due_date: account.nowS() + days * 86_400 } : {}
      const next = assigned(row, { ...withShipping(rest, 'shipping_details'), ...due })
      account.put('invoice', next)
      return next
    },
  },
  remove: {
    params: {},
    act: (account, row) => {
      if (row['status'] !== 'draft') throw refusal('You can only delete draft invoices.')
      if (subscriptionOf(row) !== '') {
        throw refusal("You can't delete invoices created by subscriptions.")
      }
      for (const item of account.rowsBy('invoiceitem', 'invoice', textOf(row, 'id'))) {
        account.put('invoiceitem', { ...item, invoice: null })
      }
      account.remove('invoice', textOf(row, 'id'))
      return 'deleted'
    },
  },
  actions: {
    finalize,
    pay,
    send: { params: {}, act: (account, row) => opened(account, row) },
    void: {
      params: {},
      act: (account, row) => ended(account, row, { status: 'void', at: 'voided_at' }),
    },
    mark_uncollectible: {
      params: {},
      act: (account, row) =>
        ended(account, row, { status: 'uncollectible', at: 'marked_uncollectible_at' }),
    },
  },
}

function subscriptionOf(row: JsonObject): string {
  return textOf(hashOf(hashOf(row, 'parent'), 'subscription_details'), 'subscription')
}

function createInvoice(account: Account, params: JsonObject): JsonObject {
  const { pending_invoice_items_behavior: pending, subscription, from_invoice: source, ...rest } =
    params
  const from = textOf(account.get('subscription', textOf(params, 'subscription')) ?? {}, 'customer')
  const customer = textOf(params, 'customer') || from
  if (customer === '') throw missing('customer')
  checkDue({}, params)
  if (source !== undefined) {
    throw refusal('You may only revise a finalized invoice.', { param: 'from_invoice' })
  }
  const parent = subscription === undefined ? null : {
    quote_details: null,
    subscription_details: { metadata: {}, subscription },
    type: 'subscription_details',
  }
  const draft = makeInvoice(account, { ...rest, customer, parent })
  if (pending !== 'include') return draft
  const items = account.rowsBy('invoiceitem', 'customer', customer).filter((item) =>
    item['invoice'] === null &&
    item['currency'] === draft['currency']
  )
  for (const item of items) {
    account.put('invoiceitem', { ...item, invoice: draft['id'] ?? null })
  }
  const next = withLines(draft, items.map((item) => itemLine(account, item)).toReversed())
  account.put('invoice', next)
  return next
}

/** When an invoice is due is said once, and of invoices that are sent. */
function checkDue(row: JsonObject, params: JsonObject): void {
  const { days_until_due: days, due_date: date } = params
  if (days !== undefined && date !== undefined) throw onlyOne('days_until_due', 'due_date')
  const method = params['collection_method'] ?? row['collection_method'] ?? 'charge_automatically'
  const due = days ?? date
  if (method === 'send_invoice' && due === undefined && (row['due_date'] ?? null) === null) {
    throw missing('days_until_due')
  }
  if (method === 'send_invoice' || due === undefined || due === null) return
  const param = days === undefined ? 'due_date' : 'days_until_due'
  throw refusal(`You can only set \`${param}\` when \`collection_method\` is \`send_invoice\`.`, {
    param,
  })
}

function opened(account: Account, row: JsonObject): JsonObject {
  if (row['status'] === 'draft') return finalizeInvoice(account, row)
  if (row['status'] === 'open') return row
  throw refusal("You can only send open invoices. This invoice isn't open.")
}

function ended(
  account: Account,
  row: JsonObject,
  { status, at }: { status: string; at: string },
): JsonObject {
  if (row['status'] !== 'open' && !(status === 'void' && row['status'] === 'uncollectible')) {
    throw refusal("You can only pass in open invoices. This invoice isn't open.")
  }
  const transitions = { ...hashOf(row, 'status_transitions'), [at]: account.nowS() }
  const next = { ...row, status, auto_advance: false, status_transitions: transitions }
  account.put('invoice', next)
  return next
}

function payInvoice(account: Account, row: JsonObject, params: JsonObject): JsonObject {
  if (row['status'] === 'paid') throw refusal('Invoice is already paid')
  if (row['status'] === 'void') throw refusal('Invoice is already voided')
  const open = row['status'] === 'draft' ? finalizeInvoice(account, row) : row
  if (open['status'] === 'paid') return open
  if (params['paid_out_of_band'] === true) return paidInvoice(account, open)
  const customer = textOf(row, 'customer')
  const token = textOf(params, 'payment_method') || textOf(params, 'source')
  const card = token === ''
    ? payingCard(account, [row, account.get('customer', customer)])
    : cardOf(account, token, { customer, param: 'payment_method' })
  if (card === null) throw noCard()
  const paid = chargeInvoice(account, open, card)
  activate(account, subscriptionOf(row))
  return paid
}

/** A subscription whose first payment was missing starts with it. */
function activate(account: Account, id: string): void {
  const subscription = account.get('subscription', id)
  if (subscription?.['status'] !== 'incomplete') return
  account.put('subscription', { ...subscription, status: 'active' })
}
