// Room sandbox: what Salesforce works out itself when a record is written.

import { JsonNumber } from '../json.ts'
import { readDecimal, roundDecimal, writeDecimal } from './numbers.ts'
import { type Stage, stages } from './objects/opportunity.ts'
import type { Value } from './values.ts'

type Values = ReadonlyMap<string, Value>

/** The values that follow from the given ones. `before` is null for a new record. */
export function computedValues(
  objectName: string,
  values: Values,
  { id, before }: { id: string; before: Values | null },
): [string, Value][] {
  switch (objectName) {
    case 'Contact':
      return [['Name', fullName(values)], ['Email_Domain__c', emailDomain(values)]]
    case 'Lead':
      return [['Name', fullName(values)]]
    case 'Opportunity':
      return opportunityValues(values, before)
    case 'Project__c':
      return [['Name', values.get('Name') ?? id]]
    default:
      return []
  }
}

function fullName(values: Values): string {
  return ['FirstName', 'LastName'].flatMap((part) => values.get(part) ?? []).join(' ')
}

function emailDomain(values: Values): string | null {
  const email = values.get('Email')
  return typeof email === 'string' ? email.slice(email.indexOf('@') + 1) : null
}

function opportunityValues(values: Values, before: Values | null): [string, Value][] {
  const stage = stages.find(({ name }) => name === values.get('StageName'))
  const closing = String(values.get('CloseDate') ?? '')
  const [year = '', month = ''] = closing.split('-')
  const quarter = Math.ceil(Number(month) / 3)
  const probability = probabilityOf(values, { before, stage })
  return [
    ['IsClosed', stage?.closed ?? false],
    ['IsWon', stage?.won ?? false],
    ['ForecastCategory', stage?.forecast ?? 'Pipeline'],
    ['ForecastCategoryName', (stage?.forecast ?? 'Pipeline').replace('BestCase', 'Best Case')],
    ['Probability', probability],
    ['ExpectedRevenue', expectedRevenue(values.get('Amount'), probability)],
    ['FiscalYear', new JsonNumber(year)],
    ['FiscalQuarter', new JsonNumber(String(quarter))],
    ['Fiscal', `${year} ${quarter}`],
  ]
}

/** The stage's, unless the record is written with its own. */
function probabilityOf(
  values: Values,
  { before, stage }: { before: Values | null; stage: Stage | undefined },
): Value {
  const given = values.get('Probability') ?? null
  const stageMoved = before !== null && before.get('StageName') !== values.get('StageName')
  const givenNow = before === null || before.get('Probability') !== given
  if (given !== null && (givenNow || !stageMoved)) return given
  return new JsonNumber(`${stage?.probability ?? '0'}.0`)
}

function expectedRevenue(amount: Value | undefined, probability: Value): Value {
  if (!(amount instanceof JsonNumber) || !(probability instanceof JsonNumber)) return null
  const cents = scaledBy(amount.text, 2) * scaledBy(probability.text, 0)
  const digits = cents.toString()
  const product = readDecimal(`${digits}e-4`)
  if (product === null || product === 'huge') return null
  return new JsonNumber(writeDecimal(roundDecimal(product, 2), { point: true }))
}

function scaledBy(text: string, scale: number): bigint {
  const number = readDecimal(text)
  if (number === null || number === 'huge') return 0n
  const size = BigInt(`0${number.whole}${number.fraction.slice(0, scale).padEnd(scale, '0')}`)
  return number.negative ? -size : size
}
