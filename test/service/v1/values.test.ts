// Goal: no value changes between JSON and Postgres. Method: tables of values, and all of them through a real Postgres.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import postgres from 'postgres'
import { Fault } from '../../../src/mutation/fault.ts'
import { readArray, writeArray } from '../../../src/service/v1/arrays.ts'
import { type Json, readJson, writeJson } from '../../../src/service/v1/lossless.ts'
import { toJson, toParameter } from '../../../src/service/v1/values.ts'
import { testCluster } from '../../help/cluster.ts'
import { runsOf } from '../../help/property.ts'

const cluster = await testCluster()
let sql: postgres.Sql

before(async () => {
  sql = postgres(await cluster.createDatabase(), { max: 1, onnotice: () => {} })
  await sql`set timezone = 'UTC'`
})
after(async () => {
  await sql?.end()
  await cluster.stop()
})

const read = (text: string): Json => readJson(new TextEncoder().encode(text))

/** Type, JSON as a client sends it, JSON as it comes back when that differs. */
const circle: readonly (readonly [type: string, json: string, back?: string])[] = [
  ['int2', '-32768'],
  ['int4', '0'],
  ['int8', '9223372036854775807'],
  ['int8', '9007199254740993'],
  ['numeric', '0.10'],
  ['numeric', '123456789012345678901234567890.123456789012345678901234567890'],
  ['numeric', '1e3', '1000'],
  ['numeric', '"NaN"'],
  ['float8', '1e+100'],
  ['float8', '"-Infinity"'],
  ['bool', 'true'],
  ['bool', 'false'],
  ['text', '"a \\"b\\" \\\\ \\n 🏜"'],
  ['text', '12.50', '"12.50"'],
  ['text', 'null'],
  ['varchar(20)', '""'],
  ['uuid', '"6f0f8b0e-9c1b-4f6e-8a57-0b7b8f4c1d2e"'],
  ['date', '"2026-01-05"'],
  ['timestamptz', '"2026-01-05T08:06:00.123456+02:00"', '"2026-01-05T06:06:00.123456+00:00"'],
  ['timestamptz', '"infinity"'],
  ['timestamp', '"2026-01-05T08:06:00"'],
  ['jsonb', '{"a": [1.50, null, "x"]}'],
  ['jsonb', '"a string"'],
  ['jsonb', '12345678901234567890'],
  ['json', '{"b":1.10,"a":[]}'],
  ['text[]', '["a",null,"NULL","","with \\"quotes\\", {braces} and \\\\"]'],
  ['text[]', '[]'],
  ['int4[]', '[[1,2],[3,4]]'],
  ['numeric[]', '[1.10,9007199254740993]'],
  ['jsonb[]', '[{"a": 1},[1, 2],"x"]'],
  ['bool[]', '[true,false,null]'],
  ['timestamptz[]', '["2026-01-05T08:06:00+00:00"]'],
  ['interval', '"1 day 02:03:04"'],
  ['bytea', '"\\\\xdeadbeef"'],
  ['inet', '"10.0.0.1/8"'],
]

for (const [type, json, back = json] of circle) {
  test(`${json} goes through a ${type} and comes back as ${back}`, async () => {
    const [{ oid } = { oid: 0 }] = await sql<{ oid: number }[]>`
      select ${type.replace(/\(.*\)/, '')}::text::regtype::oid::int as oid`
    const parameter = toParameter(read(json), oid, '$1')
    const [{ value } = { value: null }] = await sql.unsafe<{ value: string | null }[]>(
      `select ($1::text::${type})::text as value`,
      [parameter],
    )
    // a boolean's output is t or f, its cast to text is not
    const output = type === 'bool' && value !== null ? value.charAt(0) : value
    assert.equal(toJson(output, oid), back)
  })
}

test('an array of any texts is read as it was written', async () => {
  const item = fc.option(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')))
  await fc.assert(
    fc.asyncProperty(fc.array(item), async (items) => {
      assert.deepEqual(readArray(writeArray(items)), items)
      const [row] = await sql`select to_json(${writeArray(items)}::text::text[])::text as list`
      assert.deepEqual(JSON.parse(row?.['list'] as string), items)
    }),
    runsOf(200),
  )
  assert.deepEqual(readArray('[0:1]={a,b}'), ['a', 'b'])
  for (const text of ['', '{', '{a', '{"a}', 'a', '{a}b', '{"a\\']) {
    assert.throws(() => readArray(text), SyntaxError, text)
  }
})

test('JSON is written as it was read, but for space and keys that stand twice', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const written = writeJson(read(text))
      assert.deepEqual(JSON.parse(written), JSON.parse(text))
      assert.equal(writeJson(read(written)), written)
    }),
    runsOf(),
  )
  const numbers = '{"a":[1.0,1E5,-0,0.10,12345678901234567890.5],"__proto__":1}'
  assert.equal(writeJson(read(numbers)), numbers)
})

test('what is no JSON, and text that Postgres cannot hold, is a bad request', () => {
  const code = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      return error instanceof Fault ? error.code : String(error)
    }
    return 'none'
  }
  assert.equal(code(() => read('{')), 'bad_request')
  assert.equal(code(() => read(`${'['.repeat(100_000)}`)), 'bad_request')
  assert.equal(code(() => readJson(Uint8Array.of(0x22, 0xff, 0x22))), 'bad_request')
  assert.equal(code(() => toParameter('a\0b', 25, '$1')), 'bad_request')
  assert.equal(code(() => toParameter('\ud800', 25, '$1')), 'bad_request')
  assert.equal(code(() => toParameter(read('{"a":1}'), 25, '$1')), 'bad_request')
  assert.equal(code(() => toParameter(read('[1]'), 23, '$1')), 'bad_request')
  assert.equal(code(() => toParameter(read('[{}]'), 1009, '$1')), 'bad_request')
})
