// Goal: a value goes to Salesforce and comes back the same, for every type of column.
// Method: properties over generated values, with Salesforce's own changes (seconds, formats) played by the test.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Column } from '../../../src/mutation/table.ts'
import { parseJson, writeJson } from '../../../src/platforms/json.ts'
import { fromPlatform, toPlatform } from '../../../src/platforms/salesforce/values.ts'
import { runsOf } from '../../help/property.ts'

function column(type: string): Column {
  return {
    name: 'value__c',
    field: 'Value__c',
    type,
    insertable: true,
    updatable: true,
    required: false,
  }
}

/** What goes over the wire, and what then comes back. */
function roundTrip(text: string | null, type: string, platform = (sent: string) => sent) {
  const sent = writeJson(toPlatform(text, column(type)))
  return { sent, back: fromPlatform(parseJson(platform(sent)), column(type)) }
}

function refusal(text: string, type: string): string {
  try {
    toPlatform(text, column(type))
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.data.column, 'value__c')
    assert.match(
      error.data.detail ?? '',
      /^Key \(value__c\)=\(.*\) has no equivalent in Salesforce\.$/,
    )
    return error.code
  }
  throw new Error(`${text} was taken as ${type}`)
}

const digits = (max: number) => fc.stringMatching(new RegExp(`^[1-9]\\d{0,${max}}$`))

describe('round trips', () => {
  test('text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(roundTrip(text, 'text').back, text)
      }),
      runsOf(),
    )
  })

  test('numeric: every digit, also zeros at the end', () => {
    const decimal = fc.tuple(fc.boolean(), digits(20), fc.stringMatching(/^\d{0,15}$/))
      .map(([minus, whole, rest]) => `${minus ? '-' : ''}${whole}${rest === '' ? '' : `.${rest}`}`)
    fc.assert(
      fc.property(decimal, (text) => {
        const { sent, back } = roundTrip(text, 'numeric(36,15)')
        assert.equal(sent, text)
        assert.equal(back, text)
      }),
      runsOf(),
    )
  })

  test('bigint and integer, also when Salesforce writes them as decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        assert.equal(roundTrip(String(number), 'bigint').back, String(number))
      }),
      runsOf(),
    )
    fc.assert(
      fc.property(fc.integer(), (number) => {
        assert.equal(
          roundTrip(String(number), 'integer', (sent) => `${sent}.0`).back,
          String(number),
        )
      }),
      runsOf(),
    )
    assert.equal(fromPlatform(parseJson('1.2E7'), column('integer')), '12000000')
  })

  test('boolean', () => {
    for (const text of ['true', 'false']) {
      assert.deepEqual(roundTrip(text, 'boolean'), { sent: text, back: text })
    }
  })

  test('date', () => {
    const date = fc.date({
      min: new Date('1700-01-01T00:00:00Z'),
      max: new Date('4000-12-31T00:00:00Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(date, (day) => {
        const text = day.toISOString().slice(0, 10)
        assert.equal(roundTrip(text, 'date').back, text)
      }),
      runsOf(),
    )
  })

  test('timestamptz: the same instant, whatever the offset, in the form that the API documents', () => {
    const instant = fc.date({
      min: new Date('1700-01-01T00:00:00Z'),
      max: new Date('4000-12-31T00:00:00Z'),
      noInvalidDate: true,
    })
    const offset = fc.integer({ min: -14 * 60, max: 14 * 60 })
    fc.assert(
      fc.property(instant, offset, (at, minutes) => {
        const text = at.toISOString()
        const shifted = new Date(at.getTime() + minutes * 60_000).toISOString().replace('Z', '')
        const sign = minutes < 0 ? '-' : '+'
        const hh = String(Math.trunc(Math.abs(minutes) / 60)).padStart(2, '0')
        const mm = String(Math.abs(minutes) % 60).padStart(2, '0')
        const { sent, back } = roundTrip(
          `${shifted}${sign}${hh}:${mm}`,
          'timestamptz',
          (json) => json.replace('Z"', '+0000"'),
        )
        assert.equal(sent, `"${text}"`)
        assert.equal(new Date(back ?? '').getTime(), at.getTime())
        assert.match(back ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?\+00:00$/)
      }),
      runsOf(),
    )
  })

  test('time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_399 }), (second) => {
        const text = new Date(second * 1000).toISOString().slice(11, 19)
        const { sent, back } = roundTrip(text, 'time')
        assert.equal(sent, `"${text}.000Z"`)
        assert.equal(back, text)
      }),
      runsOf(),
    )
  })

  test('text[]: a multi-select picklist; an empty one is null', () => {
    const item = fc.string({ minLength: 1 }).filter((text) => !text.includes(';'))
    fc.assert(
      fc.property(fc.array(item, { minLength: 1 }), (items) => {
        const text = JSON.stringify(items)
        const { sent, back } = roundTrip(text, 'text[]')
        assert.equal(sent, JSON.stringify(items.join(';')))
        assert.equal(back, text)
      }),
      runsOf(),
    )
    assert.deepEqual(roundTrip('[]', 'text[]'), { sent: 'null', back: null })
  })

  test('null is null for every type', () => {
    const types = ['text', 'text[]', 'boolean', 'bigint', 'numeric', 'date', 'timestamptz', 'time']
    for (const type of [...types, 'jsonb']) {
      assert.deepEqual(roundTrip(null, type), { sent: 'null', back: null })
    }
  })
})

describe('what comes only from Salesforce', () => {
  test('date-times of its form become what Postgres reads', () => {
    const seen = [
      ['2026-11-22T10:20:30.000+0000', '2026-11-22T10:20:30+00:00'],
      ['2026-11-22T10:20:30.120-0530', '2026-11-22T10:20:30.12-05:30'],
      ['2026-11-22T10:20:30Z', '2026-11-22T10:20:30+00:00'],
    ]
    for (const [text, wanted] of seen) {
      assert.equal(fromPlatform(text ?? '', column('timestamptz')), wanted)
    }
  })

  test('compound fields become JSON text with their digits', () => {
    const address = '{"city":"Paris","latitude":48.123456789012345678,"street":null}'
    assert.equal(fromPlatform(parseJson(address), column('jsonb')), address)
  })
})

describe('what Salesforce cannot hold', () => {
  const cases: [string, string, string][] = [
    ['NaN', 'numeric', 'value_out_of_range'],
    ['-Infinity', 'numeric(10,2)', 'value_out_of_range'],
    ['infinity', 'date', 'value_out_of_range'],
    ['0044-03-15 BC', 'date', 'value_out_of_range'],
    ['-infinity', 'timestamptz', 'value_out_of_range'],
    ['12026-01-01T00:00:00+00:00', 'timestamptz', 'value_out_of_range'],
    ['24:00:00', 'time', 'value_out_of_range'],
    ['maybe', 'boolean', 'value_not_of_type'],
    ['["a;b"]', 'text[]', 'value_not_of_type'],
    ['["a",null]', 'text[]', 'value_not_of_type'],
    ['[["a"]]', 'text[]', 'value_not_of_type'],
    ['[""]', 'text[]', 'value_not_of_type'],
    ['no list', 'text[]', 'value_not_of_type'],
  ]
  for (const [text, type, code] of cases) {
    test(`${text} as ${type}`, () => assert.equal(refusal(text, type), code))
  }

  test('an offset with seconds, as old dates have, is understood', () => {
    const sent = toPlatform('1890-01-01T00:00:00-00:19:32', column('timestamptz'))
    assert.equal(sent, '1890-01-01T00:19:32.000Z')
  })
})
