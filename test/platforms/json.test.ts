// Goal: JSON goes through without loss.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  isJsonNumber,
  isJsonObject,
  jsonNumber,
  parseJson,
  toInteger,
  tryParseJson,
  writeJson,
} from '../../src/platforms/json.ts'
import { runsOf } from '../help/property.ts'

test('numbers keep the text they were written with', () => {
  const text = '{"a":123456789012345678.90,"b":[1.0,-0,1e400],"c":9007199254740993}'
  assert.equal(writeJson(parseJson(text)), text)
})

test('what is not a number is as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(writeJson(parseJson(JSON.stringify(value))), JSON.stringify(value))
    }),
    runsOf(),
  )
})

test('it takes and refuses what JSON.parse takes and refuses', () => {
  const accepts = (parse: (text: string) => unknown, text: string) => {
    try {
      parse(text)
      return true
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error))
      return false
    }
  }
  const damage = fc.record({
    at: fc.nat(),
    cut: fc.nat(3),
    put: fc.constantFrom(
      '',
      '"',
      '\\',
      '\\u',
      '\u0001',
      ',',
      ':',
      '{',
      ']',
      '-',
      '0',
      '.',
      'e',
      ' ',
      'null',
      '\n',
    ),
  })
  fc.assert(
    fc.property(fc.json(), fc.array(damage, { maxLength: 3 }), (json, damages) => {
      const text = damages.reduce((text, { at, cut, put }) => {
        const from = at % (text.length + 1)
        return text.slice(0, from) + put + text.slice(from + cut)
      }, json)
      assert.equal(accepts(parseJson, text), accepts(JSON.parse, text), JSON.stringify(text))
    }),
    runsOf(3_000),
  )
})

test('escapes, odd names and great depth', () => {
  const text = String.raw`{"__proto__":1,"a\\\"":"\"\\\u00e9\ud83d","":[]}`
  const read = parseJson(text)
  assert.deepEqual(Object.keys(read as object), Object.keys(JSON.parse(text) as object))
  assert.equal(writeJson(read), JSON.stringify(JSON.parse(text)))
  assert.equal((parseJson(`"${'x\\"'.repeat(1_000_000)}"`) as string).length, 2_000_000)
  assert.ok(parseJson('['.repeat(512) + ']'.repeat(512)))
  assert.throws(() => parseJson('['.repeat(513) + ']'.repeat(513)), /deeper than 512/)
})

test('a number is neither an object nor an integer beyond what JavaScript holds', () => {
  const number = parseJson('12')
  assert.equal(isJsonNumber(number), true)
  assert.equal(isJsonObject(number), false)
  assert.equal(toInteger(number), 12)
  assert.equal(toInteger(parseJson('9007199254740993')), undefined)
  assert.equal(toInteger(parseJson('1.5')), undefined)
  assert.equal(toInteger('12'), undefined)
})

test('only numbers of JSON become number tokens', () => {
  for (const text of ['NaN', 'Infinity', '', ' 1', '01', '.5', '1.', '0x1', '1,"x":2', 'true']) {
    assert.throws(() => jsonNumber(text), SyntaxError, text)
  }
  assert.equal(writeJson({ n: jsonNumber('-0.50') }), '{"n":-0.50}')
})

test('text that is not JSON is undefined', () => {
  assert.equal(tryParseJson('<html>'), undefined)
  assert.equal(tryParseJson('{"a":'), undefined)
})
