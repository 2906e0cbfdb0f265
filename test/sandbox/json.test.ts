// Goal: JSON goes in and out with every digit, and errors say where. Method: texts at the edges.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type JsonObject,
  JsonSyntaxError,
  parseJson,
  placeOf,
  writeJson,
} from '../../src/sandbox/json.ts'
import { runsOf } from '../help/property.ts'

test('numbers are written as they were read, whatever their size', () => {
  for (
    const text of [
      '[9007199254740993,0.1,-0,1e400,1.50,123456789012345678.123456789]',
      '{"a":1234567890123456.78}',
    ]
  ) {
    assert.equal(writeJson(parseJson(text)), text)
  }
})

test('it reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(JSON.parse(writeJson(parseJson(text))), JSON.parse(text))
    }),
    runsOf(),
  )
})

test('it refuses what JSON.parse refuses', () => {
  const broken = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', '"', '\u0001', 'x'))
    .map(([text, at, put]) => {
      const place = at % (text.length + 1)
      return `${text.slice(0, place)}${put}${text.slice(place + 1)}`
    })
  fc.assert(
    fc.property(broken, (text) => {
      let refused = false
      try {
        JSON.parse(text)
      } catch {
        refused = true
      }
      if (refused) assert.throws(() => parseJson(text), JsonSyntaxError)
      else assert.doesNotThrow(() => parseJson(text))
    }),
    runsOf(),
  )
})

test('a syntax error is worded as Jackson words it, with its place', () => {
  assert.throws(() => parseJson('{}}'), { message: /^Unexpected character \('}' \(code 125\)\)/ })
  assert.throws(() => parseJson('{x'), {
    message:
      "Unexpected character ('x' (code 120)): was expecting double-quote to start field name at [line:1, column:2]",
  })
  assert.throws(() => parseJson('{\n "a": nul}'), { message: /'nul'.*at \[line:2, column:7\]$/ })
  assert.throws(() => parseJson(''), { message: /^Unexpected end-of-input at/ })
})

test('nesting has a bound', () => {
  assert.doesNotThrow(() => parseJson(`${'['.repeat(101)}${']'.repeat(101)}`))
  assert.throws(() => parseJson(`${'['.repeat(102)}${']'.repeat(102)}`), JsonSyntaxError)
})

test('__proto__ is a member like any other', () => {
  const value = parseJson('{"__proto__":{"polluted":true}}') as JsonObject
  assert.equal((value as Record<string, unknown>)['polluted'], undefined)
  assert.deepEqual(Object.keys(value), ['__proto__'])
})

test('a member knows where its value stands', () => {
  const value = parseJson('{"a": 1,\n  "b": 2}') as JsonObject
  assert.deepEqual(placeOf(value, 'a'), { line: 1, column: 7 })
  assert.deepEqual(placeOf(value, 'b'), { line: 2, column: 8 })
})
