// Room sandbox: what the emulated Stripe account starts with.

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
    const card = account.rows('payment_method').find((held) => held['customer'] === customer['id'])
    if (card === undefined) continue
    const settings = `invoice_settings[default_payment_method]=${textOf(card, 'id')}`
    make(`customers/${textOf(customer, 'id')}`, settings)
  }
  make('subscriptions', `customer=${paul}&items[0][price]=${monthly}&items[0][quantity]=2`)
}
