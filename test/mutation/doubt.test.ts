// Goal: of what is found out about a mutation, only what fits what was known is believed. Method: outcomes made by hand.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isInDoubt, isLearnedFrom, makesRecords, mayMakeTheSame } from '../../src/mutation/doubt.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome, UnwrittenRow, Values } from '../../src/mutation/mutation.ts'

const mutation: Mutation = {
  id: 'c0ffee00-0000-4000-8000-000000000001',
  syncId: 'sync_a',
  schema: 'salesforce',
  table: 'contacts',
  operation: 'update',
  rows: [1, 2, 3].map((ordinal) => ({ ordinal, id: `r${ordinal}`, values: { email: 'a' } })),
}
const written = (ordinal: number, id = `r${ordinal}`) => ({ ordinal, id, values: { email: 'a' } })
const other = (ordinal: number, state: UnwrittenRow['state']): UnwrittenRow =>
  state === 'unsent'
    ? { state, ordinal, id: `r${ordinal}` }
    : { state, ordinal, id: `r${ordinal}`, fault: faultData('duplicate') }
const fault = faultData('partly_written')
const partial = (rows: number[], others: UnwrittenRow[]): Outcome & { state: 'partial' } => ({
  state: 'partial',
  rows: rows.map((ordinal) => written(ordinal)),
  others,
  fault,
})
const unknown = { state: 'unknown', fault } as const
const refused = { state: 'refused', fault } as const
const accepted: Outcome = { state: 'accepted', rows: [1, 2, 3].map((at) => written(at)) }

test('in doubt is what is unknown, as a whole or in a row', () => {
  assert.ok(isInDoubt(unknown))
  assert.ok(isInDoubt(partial([1], [other(2, 'unknown'), other(3, 'unsent')])))
  assert.ok(!isInDoubt(partial([1], [other(2, 'refused'), other(3, 'unsent')])))
  assert.ok(!isInDoubt(accepted))
  assert.ok(!isInDoubt(refused))
})

test('what was unknown as a whole may become anything that is of its rows', () => {
  const learned = (after: Outcome) => isLearnedFrom({ mutation, before: unknown }, after)
  assert.ok(learned(accepted) && learned(refused) && learned(unknown))
  assert.ok(learned(partial([2], [other(1, 'unknown'), other(3, 'refused')])))
  assert.ok(!learned({ state: 'accepted', rows: [written(1)] }))
  assert.ok(!learned({ state: 'accepted', rows: [written(1), written(2), written(3, 'r4')] }))
})

test('a row that was known stays as it was', () => {
  const before = partial([1], [other(2, 'unknown'), other(3, 'refused')])
  const learned = (after: Outcome) => isLearnedFrom({ mutation, before }, after)
  assert.ok(learned(before))
  assert.ok(learned(partial([1, 2], [other(3, 'refused')])))
  assert.ok(learned(partial([1], [other(2, 'refused'), other(3, 'refused')])))
  assert.ok(!learned(partial([2], [other(1, 'refused'), other(3, 'refused')])), 'written is lost')
  assert.ok(!learned(partial([1, 2], [other(3, 'unknown')])), 'refused is doubted')
  assert.ok(!learned(accepted), 'refused is written')
  assert.ok(!learned(refused) && !learned(unknown))
})

describe('another insert may have made a record that was found', () => {
  const insert = (...rows: Values[]): Mutation => ({
    ...mutation,
    operation: 'insert',
    rows: rows.map((values, at) => ({ ordinal: at + 1, id: null, values })),
  })
  /** The record is as ours was sent, unless the test says otherwise. */
  const alike = (ours: Values, theirs: Values, held: Values | null = ours) =>
    mayMakeTheSame(insert(ours), [{ values: held }])(insert(theirs))

  test('unless it gives another value in a column that the platform keeps', () => {
    assert.ok(alike({ email: 'a@x.org', name: 'A' }, { email: 'A@X.org ' }))
    assert.ok(alike({ email: 'a@x.org' }, { name: 'A' }), 'nothing tells them apart')
    assert.ok(!alike({ email: 'a@x.org', name: 'A' }, { email: 'b@x.org', name: 'A' }))
    assert.ok(!alike({ score: '1.5' }, { score: '15' }))
    assert.ok(!alike({ code: '-1' }, { code: '1' }))
  })

  test('whatever of its writing platforms change', () => {
    const pairs = [
      ['Ann  B', 'Ann B'],
      ['Ze\u0301', 'Z\u00e9'],
      ['1.50', '1.5'],
      ['1000000', '1E6'],
      ['12345678901234567890123', '1.2345678901234568E22'],
      ['+1 (555) 123', '1555123'],
      ['<p>Some text.</p>', 'Some text'],
      ['2026-11-22T10:20:30Z', '2026-11-22T12:20:30.5+02:00'],
      ['2026-11-22 10:20:30+00', '2026-11-22T10:20:30+00:00'],
      ['10:20:30', '10:20:30.0'],
      ['0035j00000ABCde', '0035j00000ABCdeXYZ'],
      ['["b","a"]', '["a","b"]'],
      ['{"a":1,"b":null}', '{"b":null,"a":1}'],
    ] as const
    for (const [one, two] of pairs) {
      assert.ok(alike({ it: one }, { it: two }), `${one}, ${two}`)
      assert.ok(alike({ it: two }, { it: one }), `${two}, ${one}`)
    }
    assert.ok(!alike({ it: '0035j00000ABCde' }, { it: '0035j00000ABCdfXYZ' }))
  })

  test('a null may have become a default', () => {
    assert.ok(alike({ name: 'A' }, { name: null }))
    assert.ok(alike({ name: null }, { name: 'A' }))
  })

  test('what the platform does not answer, or answers otherwise, tells nothing', () => {
    const [ours, theirs] = [{ email: 'a', method: 'card' }, { email: 'a', method: 'bank' }]
    assert.ok(!alike(ours, theirs))
    assert.ok(alike(ours, theirs, { email: 'a' }), 'not answered')
    assert.ok(alike(ours, theirs, { email: 'a', method: null }), 'answered as none')
    assert.ok(alike({ head: 'me:b' }, { head: 'you:b' }, { head: 'b' }), 'answered otherwise')
    assert.ok(alike(ours, { email: 'b' }, null), 'it is gone, and cannot be looked at')
  })

  test('each row for itself, and each record', () => {
    const ours = insert({ email: 'a' }, { email: 'b' })
    const mayBe = mayMakeTheSame(ours, [{ values: { email: 'a' } }, { values: { email: 'b' } }])
    assert.ok(mayBe(insert({ email: 'c' }, { email: 'b' })))
    assert.ok(!mayBe(insert({ email: 'c' }, { email: 'd' })))
  })
})

test('only an insert that is no upsert makes records that must be told from others', () => {
  assert.ok(makesRecords({ ...mutation, operation: 'insert' }))
  assert.ok(!makesRecords({ ...mutation, operation: 'insert', upsertBy: 'email' }))
  assert.ok(!makesRecords(mutation))
})
