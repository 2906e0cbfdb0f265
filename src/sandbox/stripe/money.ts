// Room sandbox: currencies, and amounts as Stripe's messages write them. https://docs.stripe.com/currencies

import { type Json, JsonNumber } from '../json.ts'
import { refusal } from './errors.ts'
import { amountMax } from './params.ts'

export const currencies =
  ('usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd ' +
    'bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd ' +
    'hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga ' +
    'mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub ' +
    'rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf ' +
    'xcd xof xpf yer zar zmw usdc btn ghs eek lvl svc vef ltl').split(' ')

const wholeCurrencies = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '),
)
const symbols: Readonly<Record<string, string>> = { usd: '$', eur: '€', gbp: '£', jpy: '¥' }
const chargeLeast: Readonly<Record<string, number>> = {
  gbp: 30,
  chf: 50,
  dkk: 250,
  nok: 300,
  sek: 300,
}

/** `$10.00`, `¥500`, `10.00` */
export function money(amount: number, currency: string): string {
  const whole = wholeCurrencies.has(currency)
  const number = whole ? amount.toLocaleString('en-US') : (amount / 100).toLocaleString('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  })
  return `${symbols[currency] ?? ''}${number}`
}

/** Throws when the amount is none that can be charged. */
export function checkCharge(amount: number, currency: string): void {
  if (amount < 1) throw refusal(zeroAmount, { code: 'parameter_invalid_integer', param: 'amount' })
  const least = chargeLeast[currency] ?? 50
  if (amount < least) {
    const message = `Amount must be at least ${money(least, currency)} ${currency}`
    throw refusal(message, { code: 'amount_too_small', param: 'amount' })
  }
  if (amount <= amountMax) return
  const message = `Amount must be no more than ${money(amountMax, currency)}`
  throw refusal(message, { code: 'amount_too_large', param: 'amount' })
}

const zeroAmount =
  'The amount must be greater than or equal to the minimum charge amount allowed for your account and the currency ' +
  'set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).  If you want to save a Payment Method ' +
  'for future use without an immediate payment, use a Setup Intent instead: https://docs.stripe.com/payments/setup-intents'

/** A decimal without zeros that say nothing: `0019.500` is `19.5`. */
export function plainDecimal(decimal: string): string {
  const [, sign = '', whole = '', places = ''] = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(decimal) ?? []
  const number = `${whole === '' ? '0' : whole}${places === '' ? '' : `.${places}`}`
  return number === '0' ? '0' : `${sign}${number}`
}

/** The decimal as a JSON number with all its digits. */
export function decimalNumber(decimal: string): Json {
  return new JsonNumber(plainDecimal(decimal))
}

/** `unit_amount` and `unit_amount_decimal` of a price, from whichever was given. */
export function unitAmounts(amount: Json | undefined, decimal: Json | undefined): {
  amount: number | null
  decimal: string | null
} {
  if (typeof decimal === 'string') {
    const plain = plainDecimal(decimal)
    return { amount: /^-?\d+$/.test(plain) ? Number(plain) : null, decimal: plain }
  }
  return typeof amount === 'number'
    ? { amount, decimal: String(amount) }
    : { amount: null, decimal: null }
}
