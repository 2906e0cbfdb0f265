// Goal: a value goes to Stripe and comes back the same, for every type of column.
// Method: properties over generated values; the form is read back by a reader of the test's own.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Column } from '../../../src/mutation/table.ts'
import { parseJson } from '../../../src/platforms/json.ts'
import type { Parameter } from '../../../src/platforms/stripe/client.ts'
import { columnsOf } from '../../../src/platforms/stripe/object.ts'
import { objects } from '../../../src/platforms/stripe/objects.ts'
import { fromPlatform, toPlatform } from '../../../src/platforms/stripe/values.ts'
import { runsOf } from '../../help/property.ts'

function column(type: string, name = 'value'): Column {
  return { name, field: name, type, insertable: true, updatable: true, required: false }
}

/** What goes over the wire, and what comes back when Stripe answers it as `json` says. */
function roundTrip(text: string, type: string, json: (sent: string) => string) {
  const sent = toPlatform(text, column(type))
  assert.equal(typeof sent, 'string')
  return { sent, back: fromPlatform(parseJson(json(sent as string)), column(type)) }
}

function refusal(text: string, type: string, name = 'value'): string {
  try {
    toPlatform(text, column(type, name))
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.data.column, name)
    assert.match(error.data.detail ?? '', /^Key \(\w+\)=\(.*\) .+\.$/s)
    return error.code
  }
  throw new Error(`${text} was taken as ${type}`)
}

const quoted = (sent: string) => JSON.stringify(sent)
const bare = (sent: string) => sent

describe('round trips', () => {
  test('text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.deepEqual(roundTrip(text, 'text', quoted), { sent: text, back: text })
      }),
      runsOf(),
    )
  })

  test('bigint: every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        const text = String(number)
        assert.deepEqual(roundTrip(text, 'bigint', bare), { sent: text, back: text })
      }),
      runsOf(),
    )
  })

  test('numeric: every digit, also zeros at the end, as a number and as text', () => {
    const decimal = fc.tuple(
      fc.boolean(),
      fc.stringMatching(/^[1-9]\d{0,20}$/),
      fc.stringMatching(/^\d{0,15}$/),
    ).map(([minus, whole, rest]) => `${minus ? '-' : ''}${whole}${rest === '' ? '' : `.${rest}`}`)
    fc.assert(
      fc.property(decimal, (text) => {
        assert.deepEqual(roundTrip(text, 'numeric', bare), { sent: text, back: text })
        assert.deepEqual(roundTrip(text, 'numeric', quoted), { sent: text, back: text })
      }),
      runsOf(),
    )
  })

  test('boolean', () => {
    for (const text of ['true', 'false']) {
      assert.deepEqual(roundTrip(text, 'boolean', bare), { sent: text, back: text })
    }
  })

  test('timestamptz: the same instant, to the second, whatever the offset', () => {
    const instant = fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9998-12-31T00:00:00Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(instant, fc.integer({ min: -14 * 60, max: 14 * 60 }), (at, minutes) => {
        const seconds = Math.floor(at.getTime() / 1000)
        const shifted = new Date(at.getTime() + minutes * 60_000).toISOString().replace('Z', '')
        const sign = minutes < 0 ? '-' : '+'
        const hh = String(Math.trunc(Math.abs(minutes) / 60)).padStart(2, '0')
        const mm = String(Math.abs(minutes) % 60).padStart(2, '0')
        const { sent, back } = roundTrip(`${shifted}${sign}${hh}:${mm}`, 'timestamptz', bare)
        assert.equal(sent, String(seconds))
        assert.equal(Date.parse(back ?? ''), seconds * 1000)
        assert.match(back ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/)
      }),
      runsOf(),
    )
  })

  test('jsonb: every leaf is in the form under its path, with its digits', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.integer(),
      fc.bigInt().map((number) => ({ digits: String(number) })),
    )
    const key = fc.stringMatching(/^[a-z_]{1,8}$/)
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
        fc.dictionary(key, tie('node'), { minKeys: 1, maxKeys: 4 }),
      ),
    })).node
    fc.assert(
      fc.property(fc.dictionary(key, tree, { minKeys: 1, noNullPrototype: true }), (value) => {
        const text = jsonOf(value)
        const sent = toPlatform(text, column('jsonb'))
        assert.deepEqual(leavesOf(sent), leavesOf(value))
        assert.equal(fromPlatform(parseJson(text), column('jsonb')), text)
      }),
      runsOf(),
    )
  })

  test('metadata: keys and values as they are, null unsets', () => {
    const key = fc.string({ minLength: 1 }).filter((text) => !/[[\]]/.test(text))
    const value = fc.oneof(fc.string(), fc.constant(null))
    const metadata = fc.dictionary(key, value, { noNullPrototype: true })
    fc.assert(
      fc.property(metadata, (given) => {
        const sent = toPlatform(JSON.stringify(given), column('jsonb', 'metadata'))
        const wanted = Object.entries(given).map(([name, text]) => [name, text ?? ''])
        assert.deepEqual(Object.entries(sent), wanted)
      }),
      runsOf(),
    )
  })

  test('null unsets, and comes back as null, for every type', () => {
    for (const type of ['text', 'boolean', 'bigint', 'numeric', 'timestamptz', 'jsonb']) {
      assert.equal(toPlatform(null, column(type)), '')
      assert.equal(fromPlatform(null, column(type)), null)
    }
    assert.equal(toPlatform('null', column('jsonb')), '')
    assert.equal(toPlatform('null', column('jsonb', 'metadata')), '')
  })
})

/** JSON in which `{digits}` stands for a number. */
function jsonOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const { digits } = value as { digits?: unknown }
  if (typeof digits === 'string') return digits
  const members = Object.entries(value).map(([name, one]) =>
    `${JSON.stringify(name)}:${jsonOf(one)}`
  )
  return `{${members.join(',')}}`
}

function leavesOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one, i) => leavesOf(one, `${path}[${i}]`))
  if (typeof value !== 'object' || value === null) return [`${path}=${String(value)}`]
  const { digits } = value as { digits?: unknown }
  if (typeof digits === 'string') return [`${path}=${digits}`]
  return Object.entries(value as Record<string, Parameter>)
    .flatMap(([name, one]) => leavesOf(one, `${path}.${name}`))
}

describe('what a form cannot say', () => {
  test('an empty list or hash unsets, at every depth', () => {
    assert.equal(toPlatform('[]', column('jsonb')), '')
    assert.equal(toPlatform('{}', column('jsonb')), '')
    assert.deepEqual(toPlatform('{"a":[],"b":{"c":{}}}', column('jsonb')), { a: '', b: { c: '' } })
    assert.deepEqual(toPlatform('{}', column('jsonb', 'metadata')), {})
  })

  const cases: [string, string, string][] = [
    ['NaN', 'numeric', 'value_out_of_range'],
    ['-Infinity', 'numeric', 'value_out_of_range'],
    ['infinity', 'timestamptz', 'value_out_of_range'],
    ['12026-01-01T00:00:00+00:00', 'timestamptz', 'value_out_of_range'],
    ['maybe', 'boolean', 'value_not_of_type'],
    ['no json', 'jsonb', 'value_not_of_type'],
    ['{"a]":1}', 'jsonb', 'validation_error'],
    ['{"a":{"":1}}', 'jsonb', 'validation_error'],
  ]
  for (const [text, type, code] of cases) {
    test(`${text} as ${type}`, () => assert.equal(refusal(text, type), code))
  }

  test('metadata that is not keys with text', () => {
    for (const text of ['"a"', '1', '["a"]', '{"a":["b"]}', '{"a":{"b":"c"}}']) {
      assert.equal(refusal(text, 'jsonb', 'metadata'), 'value_not_of_type')
    }
  })
})

describe('the tables', () => {
  const wanted =
    `customers products prices plans coupons promotion_codes subscriptions subscription_items invoices
    invoice_items payment_intents refunds charges tax_rates payment_links`

  test('are those that are promised', () => {
    assert.deepEqual(
      objects.map(({ name }) => name).toSorted(),
      wanted.split(/\s+/).toSorted(),
    )
  })

  for (const object of objects) {
    test(`${object.name}: id first, no column twice, what is required can be inserted`, () => {
      const columns = columnsOf(object)
      const names = columns.map(({ name }) => name)
      assert.equal(names[0], 'id')
      assert.equal(new Set(names).size, names.length)
      const required = (object.required ?? '').split(' ').filter((name) => name !== '')
      for (const name of required) {
        assert.ok(columns.some((each) => each.name === name && each.required && each.insertable))
      }
    })
  }
})
