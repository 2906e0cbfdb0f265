// Goal: of what is found out about a mutation, only what fits what was known is believed. Method: outcomes made by hand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('two inserts may make the same record unless a column that both give differs', () => {
  const insert = (...rows: Values[]): Mutation => ({
    ...mutation,
    operation: 'insert',
    rows: rows.map((values, at) => ({ ordinal: at + 1, id: null, values })),
  })
  const alike = (one: Values, two: Values) => mayMakeTheSame(insert(one), insert(two))
  assert.ok(alike({ email: 'a@x.org', name: 'A' }, { email: 'A@X.org ' }))
  assert.ok(alike({ score: '1.50' }, { score: '1.5' }))
  assert.ok(alike({ name: null }, { name: '' }))
  assert.ok(alike({ email: 'a@x.org' }, { name: 'A' }), 'nothing tells them apart')
  assert.ok(!alike({ email: 'a@x.org', name: 'A' }, { email: 'b@x.org', name: 'A' }))
  assert.ok(!alike({ score: '12345678901234567' }, { score: '12345678901234568' }))
  const many = insert({ email: 'a' }, { email: 'b' })
  assert.ok(mayMakeTheSame(many, insert({ email: 'c' }, { email: 'b' })))
})

test('only an insert that is no upsert makes records that must be told from others', () => {
  assert.ok(makesRecords({ ...mutation, operation: 'insert' }))
  assert.ok(!makesRecords({ ...mutation, operation: 'insert', upsertBy: 'email' }))
  assert.ok(!makesRecords(mutation))
})
