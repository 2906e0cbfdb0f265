// Goal: a record holds what a row sent when, and only when, the platform can have kept it so. Method: pairs of values.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Values } from '../../src/mutation/mutation.ts'
import type { Column, SyncedTable } from '../../src/mutation/table.ts'
import {
  createComparison,
  isEqual,
  isExact,
  isPossible,
  isSameValue,
  type Keeping,
} from '../../src/platforms/likeness.ts'

const column = (name: string, type: string): Column => ({
  name,
  field: name,
  type,
  insertable: true,
  updatable: true,
  required: false,
})

const keeping: Keeping = { precisionMs: 1000 }
const same = (type: string, sent: string | null, held: string | null) =>
  isSameValue(sent, held, { column: column('x', type), keeping })

describe('values that are the same', () => {
  const pairs: readonly (readonly [type: string, sent: string | null, held: string | null])[] = [
    ['text', 'Ada', 'Ada'],
    ['text', '  Ada \r\n Lovelace ', 'ada lovelace'],
    ['text', 'Z\u0065\u0301', 'z\u00e9'],
    ['text', '', null],
    ['text', null, null],
    ['numeric(18,2)', '1.50', '1.5'],
    ['numeric', '-0', '0'],
    ['numeric', '0012.0', '12'],
    ['numeric', '1000000', '1E6'],
    ['numeric', '12345678901234567890.5', '12345678901234567890.50'],
    // beyond the digits of a double a platform rounds
    ['numeric', '12345678901234567890123', '1.2345678901234568E22'],
    ['integer', '7', '7.0'],
    ['boolean', null, 'false'],
    ['timestamptz', '2026-11-22T12:20:30.9+02:00', '2026-11-22T10:20:30+00:00'],
    ['time', '10:20:30.500', '10:20:30.5'],
    ['time', '10:20:30', '10:20:30'],
    ['varchar(18)', '0035j00000ABCde', '0035j00000ABCdeXYZ'],
    ['text[]', '["b","A"]', '["a","B"]'],
    ['text[]', null, '[]'],
    ['jsonb', '{"a":1,"gone":null}', '{"a":"1","more":[]}'],
    ['jsonb', '{"a":{"b":["x","y"]}}', '{"a":{"b":["x","y"],"c":1}}'],
    ['jsonb', '{"price":"price_1"}', '{"price":{"id":"price_1","object":"price"}}'],
    ['jsonb', '{}', null],
  ]
  for (const [type, sent, held] of pairs) {
    test(`${type}: ${sent} is kept as ${held}`, () => assert.ok(same(type, sent, held)))
  }
})

describe('values that are not the same', () => {
  const pairs: readonly (readonly [type: string, sent: string | null, held: string | null])[] = [
    ['text', 'Ada', 'Adam'],
    ['text', 'Ada', null],
    ['text', null, 'Ada'],
    ['numeric', '1.5', '1.51'],
    ['numeric', '-1', '1'],
    ['numeric', 'NaN', '0'],
    ['boolean', 'true', 'false'],
    ['boolean', 'true', null],
    ['date', '2026-01-02', '2026-01-03'],
    ['timestamptz', '2026-11-22T10:20:30+00:00', '2026-11-22T10:20:31+00:00'],
    ['timestamptz', 'infinity', '2026-11-22T10:20:31+00:00'],
    ['varchar(18)', '0035j00000ABCde', '0035j00000abcdeXYZ'],
    ['text[]', '["a"]', '["a","b"]'],
    ['jsonb', '{"a":1,"b":2}', '{"a":1}'],
    ['jsonb', '["x","y"]', '["y","x"]'],
    ['jsonb', '{"a":null}', '{"a":1}'],
    ['jsonb', 'broken', '{"a":1}'],
  ]
  for (const [type, sent, held] of pairs) {
    test(`${type}: ${sent} is not kept as ${held}`, () => assert.ok(!same(type, sent, held)))
  }
})

describe('the very value', () => {
  const exact = (type: string, sent: string | null, held: string | null, merged = false) => {
    const columns = [column('x', type)]
    const table = { syncId: 's', platform: 'github', schema: 'x', name: 't', object: 't' } as const
    const compare = createComparison({
      table: { ...table, columns },
      keeping: { ...keeping, merged: () => merged },
      insert: false,
    })
    return isExact(compare({ ordinal: 1, id: 'r', values: { x: sent } }, { x: held }))
  }

  test('is written in one way or the other, where no platform tells the two apart', () => {
    assert.ok(exact('text', 'Ada', 'Ada'))
    assert.ok(exact('text', '', null))
    assert.ok(exact('boolean', null, 'false'))
    assert.ok(exact('numeric(18,2)', '1.50', '1.5'))
    assert.ok(exact('numeric', '1000000', '1E6'))
    assert.ok(exact('timestamptz', '2026-11-22T12:20:30.9+02:00', '2026-11-22T10:20:30+00:00'))
    assert.ok(exact('varchar(18)', '0035j00000ABCde', '0035j00000ABCdeXYZ'))
    assert.ok(exact('jsonb', '{"a":1,"gone":null}', '{"a":"1","more":[]}'))
    assert.ok(exact('jsonb', '{"price":"price_1"}', '{"price":{"id":"price_1"}}', true))
  })

  test('is not one that only resembles it', () => {
    assert.ok(!exact('text', 'Ann', 'ann'))
    assert.ok(!exact('text', 'Ann B', 'Ann  B'))
    assert.ok(!exact('text', ' ', null))
    assert.ok(!exact('text', 'Z\u0065\u0301', 'z\u00e9'))
    assert.ok(!exact('numeric', '12345678901234567890123', '1.2345678901234568E22'))
    assert.ok(!exact('text[]', '["b","a"]', '["a","b"]'))
    assert.ok(!exact('jsonb', '{"a":"X"}', '{"a":"x"}'))
    assert.ok(!exact('jsonb', '["x"]', '{"data":["x"]}'))
  })

  test('an object that holds more is another one, except where a write adds to it', () => {
    assert.ok(!exact('jsonb', '{"a":"1"}', '{"a":"1","b":"2"}'))
    assert.ok(exact('jsonb', '{"a":"1"}', '{"a":"1","b":"2"}', true))
  })
})

describe('rows and records', () => {
  const table: SyncedTable = {
    syncId: 'sync_test',
    platform: 'github',
    schema: 'x',
    name: 't',
    object: 't',
    columns: [
      column('id', 'text'),
      column('place', 'text'),
      column('title', 'text'),
      column('body', 'text'),
      column('open', 'boolean'),
      column('items', 'jsonb'),
      column('secret', 'text'),
    ],
  }
  const shared: Keeping = {
    precisionMs: 1,
    mute: ({ name }) => name === 'secret',
    shared: ({ name }) => name === 'place',
  }
  const compare = (values: Values, held: Values, insert = true) =>
    createComparison({ table, keeping: shared, insert })({ ordinal: 1, id: null, values }, held)

  test('what a record does not tell, or tells in another form, is passed over', () => {
    const values = { title: 'A', body: 'B', items: '["x"]', secret: 'y', unknown: 'z' }
    const held = { title: 'a', items: '{"data":["x"]}', secret: null }
    const likeness = compare(values, held)
    assert.equal(likeness.compared, 1)
    assert.ok(isEqual(likeness))
    assert.ok(!isExact(likeness))
    assert.ok(!isExact(compare({ title: 'A', secret: 'y' }, { title: 'A', secret: 'y' })))
  })

  test('an upsert’s key says nothing beside other values, but must be the very one', () => {
    const keyed = createComparison({ table, keeping: shared, insert: false, key: 'title' })
    const likeness = (values: Values, held: Values) => keyed({ ordinal: 1, id: null, values }, held)
    assert.ok(!isEqual(likeness({ title: 'A', secret: 'y' }, { title: 'A', secret: null })))
    assert.ok(isEqual(likeness({ title: 'A' }, { title: 'a' })), 'there is nothing else')
    assert.ok(isExact(likeness({ title: 'A', body: 'B' }, { title: 'A', body: 'B' })))
    assert.ok(!isExact(likeness({ title: 'A', body: 'B' }, { title: 'a', body: 'B' })))
  })

  test('an insert’s null is not compared, an update’s is', () => {
    const [values, held] = [{ title: 'A', body: null }, { title: 'A', body: 'default' }]
    assert.ok(isEqual(compare(values, held)))
    assert.ok(!isEqual(compare(values, held, false)))
  })

  test('nothing that could be compared is not equal, but possible', () => {
    const likeness = compare({ secret: 'y' }, { secret: null })
    assert.ok(!isEqual(likeness))
    assert.ok(isPossible(likeness))
  })

  test('half of what tells records apart makes a record possible; what all share does not', () => {
    const values = { place: 'here', title: 'A', body: 'Text', open: 'true' }
    const held = { place: 'here', title: 'Z', body: 'Other', open: 'true' }
    assert.ok(!isPossible(compare(values, held)))
    assert.ok(isPossible(compare(values, { ...held, title: 'A' })))
  })

  test('a text put into HTML, cut short or cleaned is possible', () => {
    for (const body of ['<p>Some text.</p>', 'Some', 'SOME  text']) {
      assert.ok(isPossible(compare({ body: 'Some text' }, { body })), body)
    }
    assert.ok(!isPossible(compare({ body: 'Some text' }, { body: 'Other' })))
    assert.ok(!isPossible(compare({ body: '!!' }, { body: 'Other' })))
    assert.ok(!isPossible(compare({ body: 'Ot' }, { body: 'Other' })), 'too short to tell')
    assert.ok(isPossible(compare({ body: 'A.' }, { body: 'a' })))
  })
})
