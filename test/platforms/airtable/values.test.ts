// Goal: a value goes to Airtable and comes back as it was. Method: values of every type around the circle through JSON
// text, and those that Airtable does not have.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Column } from '../../../src/mutation/table.ts'
import { columnsOf, readField } from '../../../src/platforms/airtable/columns.ts'
import { fromPlatform, toPlatform } from '../../../src/platforms/airtable/values.ts'
import { type Json, parseJson, writeJson } from '../../../src/platforms/json.ts'
import { runsOf } from '../../help/property.ts'

const column = (type: string): Column => ({
  name: 'c',
  field: 'fldC',
  type,
  insertable: true,
  updatable: true,
  required: false,
})

const around = (text: string | null, type: string) =>
  fromPlatform(parseJson(writeJson(toPlatform(text, column(type)))), column(type))

const digits = fc.bigInt().map(String)
const samples: Record<string, fc.Arbitrary<string>> = {
  text: fc.string({ unit: 'grapheme', minLength: 1 }),
  integer: fc.integer().map(String),
  numeric: fc.tuple(digits, fc.stringMatching(/^\d{1,30}$/)).map(([whole, part]) =>
    `${whole}.${part}`
  ),
  boolean: fc.constantFrom('true', 'false'),
  date: fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  timestamptz: fc.date({
    min: new Date('0001-01-01'),
    max: new Date('9999-12-31'),
    noInvalidDate: true,
  })
    .map((date) => date.toISOString().replace(/\.(\d*?)0*Z$/, '.$1+00:00').replace('.+', '+')),
  'text[]': fc.array(fc.string()).map((list) => JSON.stringify(list)),
  jsonb: fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== null).map((value) =>
    JSON.stringify(value)
  ),
}

for (const [type, values] of Object.entries(samples)) {
  test(`a ${type} comes back as it was sent`, () => {
    fc.assert(
      fc.property(values, (text) => {
        assert.equal(around(text, type), text)
      }),
      runsOf(),
    )
    assert.equal(around(null, type), type === 'boolean' ? 'false' : null)
  })
}

test('an instant with an offset is the same instant in UTC', () => {
  assert.equal(around('2026-11-22T10:20:30.5+05:30', 'timestamptz'), '2026-11-22T04:50:30.5+00:00')
  assert.equal(around('1890-01-01T00:00:00-00:01:15', 'timestamptz'), '1890-01-01T00:01:15+00:00')
})

test('what Airtable does not have is refused with column and value', () => {
  const cases: [string, string, string][] = [
    ['NaN', 'numeric', '22003'],
    ['infinity', 'timestamptz', '22003'],
    ['0044-03-15 BC', 'date', '22003'],
    ['[1]', 'text[]', '22P02'],
  ]
  for (const [text, type, sqlstate] of cases) {
    assert.throws(() => toPlatform(text, column(type)), (error) => {
      assert.ok(error instanceof Fault)
      assert.equal(error.data.sqlstate, sqlstate)
      assert.equal(error.data.column, 'c')
      assert.ok(error.data.detail?.includes(text))
      return true
    })
  }
})

test('what a formula could not compute is null or not a number', () => {
  const value = (json: string, type: string) => fromPlatform(parseJson(json), column(type))
  assert.equal(value('{"specialValue":"NaN"}', 'numeric'), 'NaN')
  assert.equal(value('{"error":"#ERROR!"}', 'numeric'), null)
  assert.equal(value('{"error":"#ERROR!"}', 'text'), null)
  assert.equal(value('5.0', 'integer'), '5')
  assert.equal(value('["a"]', 'jsonb'), '["a"]')
})

test('every type of field has its column, and computed ones are read-only', () => {
  const fields = [
    { id: 'fld1', name: 'Name', type: 'singleLineText' },
    { id: 'fld2', name: 'E-Mail (work)', type: 'email' },
    { id: 'fld3', name: 'name', type: 'number', options: { precision: 2 } },
    { id: 'fld4', name: 'ID', type: 'autoNumber' },
    { id: 'fld5', name: 'Sum', type: 'formula', options: { result: { type: 'number' } } },
    { id: 'fld6', name: 'Lookup', type: 'multipleLookupValues' },
    { id: 'fld7', name: 'Größe', type: 'checkbox' },
    { id: 'fld8', name: '2nd', type: 'multipleRecordLinks' },
    { id: 'fld9', name: '★', type: 'someNewType' },
  ].map((field) => readField(field as unknown as Json)).filter((field) => field !== undefined)
  const shown = columnsOf(fields).map(({ name, type, insertable }) => [name, type, insertable])
  assert.deepEqual(shown, [
    ['id', 'text', false],
    ['created_time', 'timestamptz', false],
    ['name', 'text', true],
    ['e_mail_work', 'text', true],
    ['name_2', 'numeric', true],
    ['id_2', 'integer', false],
    ['sum', 'numeric', false],
    ['lookup', 'jsonb', false],
    ['größe', 'boolean', true],
    ['_2nd', 'text[]', true],
    ['unnamed', 'jsonb', true],
  ])
})
