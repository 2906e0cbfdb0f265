// Goal: what became of each row is told as one outcome that neither hides a row nor claims one. Method: every mixture of
// four fates over three rows, against the definition of the states.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { outcomeOf, type RowResult } from '../../src/platforms/outcome.ts'

const place = { platform: 'stripe', schema: 'stripe', table: 'customers' } as const
const fates = ['written', 'refused', 'unknown', 'unsent', 'silent'] as const
type Fate = typeof fates[number]

const mutation: Mutation = {
  id: '00000000-0000-4000-8000-000000000001',
  syncId: 'sync_outcome',
  schema: 'stripe',
  table: 'customers',
  operation: 'update',
  rows: [1, 2, 3].map((ordinal) => ({ ordinal, id: `cus_${ordinal}`, values: {} })),
}

function resultsOf(fate: Fate, ordinal: number): RowResult[] {
  switch (fate) {
    case 'written':
      return [{ state: fate, ordinal, id: `cus_${ordinal}`, values: {} }]
    case 'refused':
      return [{ state: fate, ordinal, fault: faultData('validation_error', place) }]
    case 'unknown':
      return [{ state: fate, ordinal, fault: faultData('outcome_unknown', place) }]
    case 'unsent':
      return [{ state: fate, ordinal }]
    case 'silent':
      return []
  }
}

test('every mixture of fates has its outcome, with each row in it once', () => {
  for (const a of fates) {
    for (const b of fates) {
      for (const c of fates) {
        const all = [a, b, c]
        const results = all.flatMap((fate, i) => resultsOf(fate, i + 1)).reverse()
        const outcome = outcomeOf(mutation, results, place)
        const written = all.filter((fate) => fate === 'written').length
        const unknown = all.includes('unknown')
        const state = written === 3
          ? 'accepted'
          : written > 0
          ? 'partial'
          : unknown
          ? 'unknown'
          : 'refused'
        assert.equal(outcome.state, state, String(all))
        if (outcome.state === 'accepted') continue
        const code = state === 'refused' ? undefined : unknown ? '40003' : 'SL003'
        if (code !== undefined) assert.equal(outcome.fault.sqlstate, code, String(all))
        if (outcome.state !== 'partial') continue
        const told = [...outcome.rows, ...outcome.others].map(({ ordinal }) => ordinal).toSorted((
          a,
          b,
        ) => a - b)
        assert.deepEqual(told, [1, 2, 3])
      }
    }
  }
})

test('DETAIL is JSON with each row, and long words are cut', () => {
  const fault = faultData('value_too_long', { ...place, column: 'name', detail: 'x'.repeat(1000) })
  const results: RowResult[] = [
    ...resultsOf('written', 1),
    { state: 'refused', ordinal: 2, fault },
  ]
  const outcome = outcomeOf(mutation, results, place)
  assert.equal(outcome.state, 'partial')
  if (outcome.state !== 'partial') return
  const told = JSON.parse(outcome.fault.detail ?? '') as Record<string, string>[]
  assert.deepEqual(told[0], { row: 1, id: 'cus_1', state: 'written' })
  assert.equal(told[1]?.['sqlstate'], '22001')
  assert.equal(told[1]?.['column'], 'name')
  assert.equal(told[1]?.['message']?.length, 301)
  assert.match(told[1]?.['message'] ?? '', /x…$/)
  assert.deepEqual(told[2], { row: 3, id: 'cus_3', state: 'not sent' })
  assert.deepEqual([outcome.fault.schema, outcome.fault.table], ['stripe', 'customers'])
})

const someRows = (count: number): Mutation => ({
  ...mutation,
  rows: Array.from({ length: count }, (_, i) => ({ ordinal: i + 1, id: null, values: {} })),
})

test('one row in doubt is told with its own fault', () => {
  const fault = faultData('outcome_unknown', { ...place, row: 1, detail: 'The reply was lost.' })
  const outcome = outcomeOf(someRows(1), [{ state: 'unknown', ordinal: 1, fault }], place)
  assert.deepEqual(outcome, { state: 'unknown', fault })
})

test('several rows in doubt, none written, say how many they may be', () => {
  const words = (doubtful: number) => {
    const results = Array.from({ length: doubtful }, (_, i) => resultsOf('unknown', i + 1)).flat()
    const outcome = outcomeOf(someRows(12), results, place)
    assert.ok(outcome.state === 'unknown')
    const told = JSON.parse(outcome.fault.detail ?? '') as { state: string }[]
    assert.equal(told.filter(({ state }) => state === 'unknown').length, doubtful)
    return outcome.fault.message
  }
  assert.equal(words(12), 'outcome unknown: stripe may have written any of 12 rows')
  assert.equal(words(3), 'outcome unknown: stripe may have written any of 3 rows')
  assert.equal(words(1), 'outcome unknown: stripe may have written 1 of 12 rows')
})

test('the DETAIL of 200 rows with the longest words is whole', () => {
  const fault = faultData('validation_error', { ...place, detail: '"\\'.repeat(5000) })
  const results = Array.from({ length: 200 }, (_, i): RowResult => (
    i === 0
      ? { state: 'written', ordinal: 1, id: 'cus_1', values: {} }
      : { state: 'refused', ordinal: i + 1, fault }
  ))
  const outcome = outcomeOf(someRows(200), results, place)
  assert.ok(outcome.state === 'partial')
  const detail = outcome.fault.detail ?? ''
  assert.equal((JSON.parse(detail) as unknown[]).length, 200)
  assert.ok(detail.length < 200_000, String(detail.length))
})

test('why rows were not sent is told where no row was refused', () => {
  const whyOf = (fates: readonly Fate[]) => {
    const results = fates.flatMap((fate, i) => resultsOf(fate, i + 1))
    const outcome = outcomeOf(mutation, results, place)
    assert.ok('fault' in outcome)
    const told = JSON.parse(outcome.fault.detail ?? '') as { state: string; message?: string }[]
    return told.filter(({ state }) => state === 'not sent').map(({ message }) => message)
  }
  const why = 'it was in doubt whether rows before it were written, so nothing more was sent'
  assert.deepEqual(whyOf(['written', 'unsent', 'silent']), [why, why])
  assert.deepEqual(whyOf(['written', 'unknown', 'unsent']), [why])
  assert.deepEqual(whyOf(['unknown', 'unsent', 'silent']), [why, why])
  assert.deepEqual(whyOf(['written', 'refused', 'unsent']), [undefined])
  assert.deepEqual(whyOf(['unknown', 'refused', 'unsent']), [undefined])
})

test('an outcome holds nothing but what outcomes have, whatever an adapter adds', () => {
  const fault = faultData('rate_limited', place)
  const refused = { state: 'refused', ordinal: 2, fault, limited: true } as const
  const unsent = { state: 'unsent', ordinal: 3, limited: false } as const
  const outcome = outcomeOf(mutation, [...resultsOf('written', 1), refused, unsent], place)
  assert.ok(outcome.state === 'partial')
  assert.deepEqual(outcome.others, [
    { state: 'refused', ordinal: 2, id: 'cus_2', fault },
    { state: 'unsent', ordinal: 3, id: 'cus_3' },
  ])
})
