// Goal: JSON is read as JSON.parse reads it, and no value loses a character. Method: tables, and JSON.parse as a second
// opinion over random documents and over every cut and every changed character of one document.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readJsonObject } from '../../src/lib/json.ts'
import { runsOf } from '../help/property.ts'

test('members are read in order, strings decoded, everything else as its own text', () => {
  assert.deepEqual(
    readJsonObject(
      ' {"a": 1.10, "b":"x\\u00e9\\n\\"", "c" : [1, {"d": 2.0}], "": null,"t":true,"f":false,"o":{ "p": [] } } ',
    ),
    [
      { name: 'a', kind: 'number', text: '1.10' },
      { name: 'b', kind: 'string', text: 'xé\n"' },
      { name: 'c', kind: 'array', text: '[1, {"d": 2.0}]' },
      { name: '', kind: 'null', text: 'null' },
      { name: 't', kind: 'boolean', text: 'true' },
      { name: 'f', kind: 'boolean', text: 'false' },
      { name: 'o', kind: 'object', text: '{ "p": [] }' },
    ],
  )
  assert.deepEqual(readJsonObject('{}'), [])
})

test('numbers keep every digit', () => {
  for (const text of ['123456789012345678901234567890.10', '-0', '1e400', '0.1E-7', '-1.5e+3']) {
    assert.deepEqual(readJsonObject(`{"n":${text}}`), [{ name: 'n', kind: 'number', text }])
  }
})

test('members of the same name are all there, and __proto__ is a name like any other', () => {
  const members = readJsonObject('{"a":1,"a":2,"__proto__":3}')
  assert.deepEqual(members.map(({ name, text }) => [name, text]), [
    ['a', '1'],
    ['a', '2'],
    ['__proto__', '3'],
  ])
})

test('refuses what is not one JSON object and says where', () => {
  const refused: [string, RegExp][] = [
    ['', /unexpected end of text at position 0/],
    ['[]', /unexpected "\[" at position 0/],
    ['{"a":1}x', /unexpected "x" at position 7/],
    ['{"a":1,}', /unexpected "}" at position 7/],
    ['{"a"}', /unexpected "}" at position 4/],
    ['{"a":}', /unexpected "}" at position 5/],
    ['{"a":01}', /unexpected "1" at position 6/],
    ['{"a":tru}', /unexpected "t" at position 5/],
    ['{"a":[1 2]}', /unexpected "2" at position 8/],
    ['{"a":"\n"}', /unexpected "\\"" at position 5/],
    ['{"a":"\\x"}', /unexpected "\\"" at position 5/],
    ['{a:1}', /unexpected "a" at position 1/],
  ]
  for (const [text, message] of refused) {
    assert.throws(() => readJsonObject(text), { name: 'SyntaxError', message }, text)
  }
})

test('refuses nesting deeper than 512', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
  assert.equal(readJsonObject(nested(512))[0]?.kind, 'array')
  assert.throws(() => readJsonObject(nested(513)), /nested deeper than 512/)
})

/** Do JSON.parse and the reader agree about this text? */
function agrees(text: string): void {
  let expected: unknown
  try {
    expected = JSON.parse(text)
  } catch {
    expected = undefined
  }
  const isObject = typeof expected === 'object' && expected !== null && !Array.isArray(expected)
  if (!isObject) {
    assert.throws(() => readJsonObject(text), SyntaxError, text)
    return
  }
  const read = Object.fromEntries(
    readJsonObject(text).map(({ name, kind, text }) => [
      name,
      kind === 'string' ? text : JSON.parse(text) as unknown,
    ]),
  )
  assert.deepEqual(read, expected, text)
}

test('agrees with JSON.parse on any object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (value, space) => {
      agrees(JSON.stringify(value, null, space))
    }),
    runsOf(500, { seed: 20261125 }),
  )
})

test('agrees with JSON.parse on every cut and every changed character of a document', () => {
  const document = '{"a\\n": [1.5e-3, null, {"b":"\\u00e9\\\\"}], "c":true,"d" : -0 }'
  for (let at = 0; at <= document.length; at++) {
    agrees(document.slice(0, at))
    for (const character of ['', '"', '\\', '{', '}', ',', '0', 'e', ' ', '\t', '-', 'é']) {
      agrees(document.slice(0, at) + character + document.slice(at + 1))
    }
  }
})

test('without nulls all other members are there, whatever stands around them', () => {
  const texts = [
    '{"a":null,"b":null,"c":1,"d":null}',
    '{ "a" : null , "b":"\\"x\\":null,", "c":{"n":null},"\\u0061":null,"e":[null],"f":null }',
    '{"a":null}',
    '{}',
  ]
  for (const text of texts) {
    const filled = readJsonObject(text).filter(({ kind }) => kind !== 'null')
    assert.deepEqual(readJsonObject(text, { nulls: false }), filled)
  }
  for (const text of ['{"a":null,', '{"a":null,}', '{"a":null,null}', '{"a":null,"b":nul}']) {
    assert.throws(() => readJsonObject(text, { nulls: false }), SyntaxError, text)
  }
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(fc.constant(null), fc.string())), (object) => {
      const text = JSON.stringify(object)
      const filled = readJsonObject(text).filter(({ kind }) => kind !== 'null')
      assert.deepEqual(readJsonObject(text, { nulls: false }), filled)
    }),
    runsOf(300, { seed: 20261125 }),
  )
})
