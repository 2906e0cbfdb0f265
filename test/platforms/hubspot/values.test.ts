// Goal: a value goes to HubSpot and comes back the same, for every type of column.
// Method: properties over generated values, with HubSpot's own changes (milliseconds, formats) played by the test.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Column } from '../../../src/mutation/table.ts'
import { parseJson } from '../../../src/platforms/json.ts'
import { fromPlatform, toPlatform } from '../../../src/platforms/hubspot/values.ts'
import { runsOf } from '../../help/property.ts'

function column(type: string): Column {
  return { name: 'value', field: 'value', type, insertable: true, updatable: true, required: false }
}

/** What goes over the wire, and what then comes back through the JSON of an answer. */
function roundTrip(text: string | null, type: string, platform = (sent: string) => sent) {
  const sent = toPlatform(text, column(type))
  const json = parseJson(JSON.stringify(platform(sent)))
  return { sent, back: fromPlatform(json, column(type)) }
}

function refusal(text: string, type: string): string {
  try {
    toPlatform(text, column(type))
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.data.column, 'value')
    assert.match(error.data.detail ?? '', /^Key \(value\)=\(.*\) has no equivalent in HubSpot\.$/)
    return error.code
  }
  throw new Error(`${text} was taken as ${type}`)
}

describe('round trips', () => {
  test('text; the empty string is no value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        assert.equal(roundTrip(text, 'text').back, text)
      }),
      runsOf(),
    )
    assert.deepEqual(roundTrip('', 'text'), { sent: '', back: null })
  })

  test('numeric: every digit, also zeros at the end', () => {
    const decimal = fc.tuple(
      fc.boolean(),
      fc.stringMatching(/^[1-9]\d{0,20}$/),
      fc.stringMatching(/^\d{0,15}$/),
    ).map(([minus, whole, rest]) => `${minus ? '-' : ''}${whole}${rest === '' ? '' : `.${rest}`}`)
    fc.assert(
      fc.property(decimal, (text) => {
        assert.deepEqual(roundTrip(text, 'numeric'), { sent: text, back: text })
      }),
      runsOf(),
    )
  })

  test('boolean', () => {
    for (const text of ['true', 'false']) {
      assert.deepEqual(roundTrip(text, 'boolean'), { sent: text, back: text })
    }
  })

  const day = fc.date({
    min: new Date('0001-01-02T00:00:00Z'),
    max: new Date('9999-12-30T00:00:00Z'),
    noInvalidDate: true,
  })

  test('date: as ISO 8601, and when it comes back as milliseconds', () => {
    fc.assert(
      fc.property(day, (date) => {
        const text = date.toISOString().slice(0, 10)
        assert.deepEqual(roundTrip(text, 'date'), { sent: text, back: text })
        assert.equal(roundTrip(text, 'date', (sent) => String(Date.parse(sent))).back, text)
      }),
      runsOf(),
    )
  })

  test('timestamptz: the same instant to the millisecond, whatever the offset and form', () => {
    const minutes = fc.integer({ min: -15 * 60, max: 15 * 60 })
    const micros = fc.integer({ min: 0, max: 999 })
    fc.assert(
      fc.property(day, minutes, micros, (date, offset, extra) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
        const at = Math.abs(offset)
        const pad = (number: number) => String(number).padStart(2, '0')
        const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(at / 60))}:${pad(at % 60)}`
        const text = `${local}${String(extra).padStart(3, '0')}${zone}`
        const { sent, back } = roundTrip(text, 'timestamptz')
        assert.equal(sent, date.toISOString())
        assert.equal(Date.parse(back ?? ''), date.getTime())
        assert.match(back ?? '', /\+00:00$/)
        const asNumber = roundTrip(text, 'timestamptz', () => String(date.getTime()))
        assert.equal(asNumber.back, back)
      }),
      runsOf(),
    )
  })

  test('text[]: checkboxes; an empty list is no value', () => {
    const item = fc.string({ minLength: 1 }).filter((text) => !text.includes(';'))
    fc.assert(
      fc.property(fc.array(item, { minLength: 1 }), (items) => {
        const text = JSON.stringify(items)
        assert.deepEqual(roundTrip(text, 'text[]'), { sent: items.join(';'), back: text })
      }),
      runsOf(),
    )
    assert.deepEqual(roundTrip('[]', 'text[]'), { sent: '', back: null })
  })

  test('jsonb: the text of a document; what is no JSON becomes a JSON string', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.equal(roundTrip(text, 'jsonb').back, text)
      }),
      runsOf(),
    )
    assert.equal(fromPlatform('1-2-3', column('jsonb')), '"1-2-3"')
  })

  test('null is the empty string on the way and null again, for every type', () => {
    for (const type of ['text', 'text[]', 'boolean', 'numeric', 'date', 'timestamptz', 'jsonb']) {
      assert.deepEqual(roundTrip(null, type), { sent: '', back: null })
      assert.equal(fromPlatform(null, column(type)), null)
    }
  })
})

describe('what comes only from HubSpot', () => {
  const cases: [string, string, string | null][] = [
    ['"2026-11-22T10:20:30Z"', 'timestamptz', '2026-11-22T10:20:30+00:00'],
    ['"2026-11-22T10:20:30.120Z"', 'timestamptz', '2026-11-22T10:20:30.12+00:00'],
    ['"0"', 'timestamptz', '1970-01-01T00:00:00+00:00'],
    ['"-86400000"', 'date', '1969-12-31'],
    ['"2026-11-22T00:00:00Z"', 'date', '2026-11-22'],
    ['";a;;b;"', 'text[]', '["a","b"]'],
    ['";"', 'text[]', null],
    ['900719925474099312.50', 'numeric', '900719925474099312.50'],
    ['true', 'boolean', 'true'],
    ['{"a":1.50}', 'jsonb', '{"a":1.50}'],
  ]
  for (const [json, type, wanted] of cases) {
    test(`${json} as ${type}`, () => {
      assert.equal(fromPlatform(parseJson(json), column(type)), wanted)
    })
  }
})

describe('what HubSpot cannot hold', () => {
  const cases: [string, string, string][] = [
    ['NaN', 'numeric', 'value_out_of_range'],
    ['-Infinity', 'numeric', 'value_out_of_range'],
    ['infinity', 'date', 'value_out_of_range'],
    ['0044-03-15 BC', 'date', 'value_out_of_range'],
    ['-infinity', 'timestamptz', 'value_out_of_range'],
    ['12026-01-01T00:00:00+00:00', 'timestamptz', 'value_out_of_range'],
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
