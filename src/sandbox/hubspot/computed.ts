// Room sandbox: the properties that HubSpot works out itself.

import { type Decimal, readDecimal, writeDecimal } from '../salesforce/numbers.ts'
import type { ObjectType } from './objects/definition.ts'

/** What the record's calculated properties are, by its other values. An empty text is one that is not set. */
export function computedValues(
  type: ObjectType,
  values: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const valueOf = (name: string) => values.get(name) ?? ''
  switch (type.name) {
    case 'contacts':
      return contactValues(valueOf)
    case 'deals':
      return {
        amount_in_home_currency: valueOf('amount'),
        hs_is_closed: String(valueOf('dealstage').startsWith('closed')),
        hs_is_closed_won: String(valueOf('dealstage') === 'closedwon'),
      }
    case 'line_items':
      return { amount: product(valueOf('price'), valueOf('quantity')) }
    case 'tasks':
      return { hs_task_is_completed: String(valueOf('hs_task_status') === 'COMPLETED') }
    default:
      return {}
  }
}

function contactValues(valueOf: (name: string) => string): Readonly<Record<string, string>> {
  const email = valueOf('email')
  const name = [valueOf('firstname'), valueOf('lastname')].filter(Boolean).join(' ')
  return {
    hs_email_domain: email.slice(email.indexOf('@') + 1),
    hs_full_name_or_email: name === '' ? email : name,
    hs_is_unworked: 'true',
  }
}

function product(left: string, right: string): string {
  const [a, b] = [readDecimal(left), readDecimal(right)]
  if (a === null || b === null || a === 'huge' || b === 'huge') return ''
  const scale = a.fraction.length + b.fraction.length
  const digits = (integerOf(a) * integerOf(b)).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale).replace(/^0+/, '')
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  const negative = a.negative !== b.negative && `${whole}${fraction}` !== ''
  return writeDecimal({ negative, whole, fraction }, { point: false })
}

function integerOf({ whole, fraction }: Decimal): bigint {
  return BigInt(`0${whole}${fraction}`)
}
