// Room sandbox: what the emulated Stripe account starts with.

import type { JsonObject } from '../json.ts'
import type { Account } from './account.ts'
import { readForm } from './form.ts'
import { textOf } from './resource.ts'
import { routeOf } from './router.ts'

/** Plants the seed, as its owner would have made it over the API. */
export function plantSeed(account: Account): void {
  const make = (path: string, form: string): string =>
    textOf(routeOf('POST', `/v1/${path}`).act(account, readForm(form)), 'id')
  const paul = make(
    'customers',
    'email=paul@dune.example&name=Paul Atreides&description=Founder&address[city]=Arrakeen&address[country]=US' +
      '&payment_method=pm_card_visa&metadata[house]=Atreides',
  )
  make(
    'customers',
    'email=chani@sietch.example&name=Chani Kynes&phone=555-0101&balance=-500&payment_method=pm_card_mastercard',
  )
  make('customers', 'email=leto@dune.example&name=Leto Atreides&tax_exempt=exempt')
  const product = make('products', 'name=Spice&description=Melange, by the sack&unit_label=sack')
  const monthly = make(
    'prices',
    `product=${product}&currency=usd&unit_amount=2500&recurring[interval]=month&nickname=Monthly&lookup_key=spice`,
  )
  make('prices', `product=${product}&currency=usd&unit_amount=9900&nickname=Once`)
  make('coupons', 'id=FREMEN25&percent_off=25&duration=forever&name=Fremen discount')
  make(
    'tax_rates',
    'display_name=VAT&percentage=19&inclusive=false&country=DE&jurisdiction=DE&tax_type=vat',
  )
  for (const customer of account.rows('customer')) {
    const card = account.rowsBy('payment_method', 'customer', textOf(customer, 'id'))[0]
    if (card === undefined) continue
    const settings = `invoice_settings[default_payment_method]=${textOf(card, 'id')}`
    make(`customers/${textOf(customer, 'id')}`, settings)
  }
  make('subscriptions', `customer=${paul}&items[0][price]=${monthly}&items[0][quantity]=2`)
}

interface Planting {
  readonly table: string
  readonly count: number
  /** Are they to be told of, as what comes over the API is? */
  readonly told: boolean
}

/**
 * Makes so many more objects of a table, each like one that came over the API and yet unlike the others. false: it has no
 * such table.
 */
export function plantMany(account: Account, { table, count, told }: Planting): boolean {
  const sort = sorts[table === 'invoiceitems' ? 'invoice_items' : table]
  if (sort === undefined) return false
  const { object, form, vary } = sort
  const make = (path: string, text: string) =>
    routeOf('POST', `/v1/${path}`).act(account, readForm(text))
  const model = modelOf(account, object, textOf(form(make), 'id'))
  const put = (kind: string, row: JsonObject) =>
    told ? account.put(kind, row) : account.shelf(kind).put(textOf(row, 'id'), row)
  const prefix = /^[a-z]+_/.exec(textOf(model, 'id'))?.[0]
  const [item] = account.rowsBy('subscription_item', 'subscription', textOf(model, 'id'))
  const now = account.nowS()
  for (let made = 1; made < count; made += 1) {
    const id = prefix === undefined ? account.nextCode() : account.nextId(prefix)
    put(object, { ...model, id, ...dateOf(model, now), ...vary(id) })
    if (item !== undefined) {
      put('subscription_item', {
        ...item,
        id: account.nextId('si_'),
        created: now,
        subscription: id,
      })
    }
  }
  return true
}

function modelOf(account: Account, object: string, id: string): JsonObject {
  const row = account.get(object, id)
  if (row === null) throw new Error(`No ${object} to plant more like`)
  return row
}

function dateOf(model: JsonObject, now: number): JsonObject {
  const names = ['created', 'date'].filter((name) => model[name] !== undefined)
  return Object.fromEntries(names.map((name) => [name, now]))
}

type Make = (path: string, form: string) => JsonObject

/** How the first of many is made, and what the others have of their own. */
interface Sort {
  readonly object: string
  readonly form: (make: Make) => JsonObject
  readonly vary: (id: string) => JsonObject
}

const paid = 'amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa' +
  '&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never'

function priced(make: Make, more = ''): string {
  const product = textOf(make('products', 'name=Planted'), 'id')
  return textOf(make('prices', `product=${product}&currency=usd&unit_amount=1000${more}`), 'id')
}

function subscribed(make: Make): JsonObject {
  const customer = textOf(make('customers', 'name=Planted'), 'id')
  const price = priced(make, '&recurring[interval]=month')
  return make(
    'subscriptions',
    `customer=${customer}&items[0][price]=${price}&collection_method=send_invoice&days_until_due=30`,
  )
}

const described = (id: string): JsonObject => ({ description: `Planted ${id}` })
const noted = (id: string): JsonObject => ({ metadata: { planted: id } })

const sorts: Readonly<Record<string, Sort>> = {
  customers: {
    object: 'customer',
    form: (make) => make('customers', 'email=planted@sandbox.example&name=Planted'),
    vary: (id) => ({ email: `${id.toLowerCase()}@sandbox.example`, name: `Planted ${id}` }),
  },
  products: {
    object: 'product',
    form: (make) => make('products', 'name=Planted'),
    vary: (id) => ({ name: `Planted ${id}` }),
  },
  prices: {
    object: 'price',
    form: (make) => make('prices', `product_data[name]=Planted&currency=usd&unit_amount=1000`),
    vary: (id) => ({ nickname: `Planted ${id}` }),
  },
  plans: {
    object: 'price',
    form: (make) => make('plans', 'product[name]=Planted&currency=usd&amount=1000&interval=month'),
    vary: (id) => ({ nickname: `Planted ${id}` }),
  },
  coupons: {
    object: 'coupon',
    form: (make) => make('coupons', 'percent_off=5&duration=once'),
    vary: (id) => ({ name: `Planted ${id}` }),
  },
  promotion_codes: {
    object: 'promotion_code',
    form: (make) => {
      const coupon = textOf(make('coupons', 'percent_off=5&duration=once'), 'id')
      return make('promotion_codes', `promotion[type]=coupon&promotion[coupon]=${coupon}`)
    },
    vary: (id) => ({ code: id.slice(-12).toUpperCase() }),
  },
  tax_rates: {
    object: 'tax_rate',
    form: (make) => make('tax_rates', 'display_name=Planted&inclusive=false&percentage=19'),
    vary: described,
  },
  payment_links: {
    object: 'payment_link',
    form: (make) =>
      make('payment_links', `line_items[0][price]=${priced(make)}&line_items[0][quantity]=1`),
    vary: noted,
  },
  payment_intents: {
    object: 'payment_intent',
    form: (make) => make('payment_intents', 'amount=2000&currency=usd'),
    vary: described,
  },
  charges: {
    object: 'charge',
    form: (make) => make(`charges/${textOf(make('payment_intents', paid), 'latest_charge')}`, ''),
    vary: described,
  },
  refunds: {
    object: 'refund',
    form: (make) =>
      make('refunds', `payment_intent=${textOf(make('payment_intents', paid), 'id')}`),
    vary: noted,
  },
  invoices: {
    object: 'invoice',
    form: (make) => make('invoices', `customer=${textOf(make('customers', 'name=Planted'), 'id')}`),
    vary: described,
  },
  invoice_items: {
    object: 'invoiceitem',
    form: (make) => {
      const customer = textOf(make('customers', 'name=Planted'), 'id')
      return make('invoiceitems', `customer=${customer}&currency=usd&amount=100`)
    },
    vary: described,
  },
  subscriptions: { object: 'subscription', form: subscribed, vary: described },
  subscription_items: { object: 'subscription', form: subscribed, vary: described },
}
