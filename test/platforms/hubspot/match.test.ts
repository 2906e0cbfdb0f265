// Goal: results and errors of a batch find their rows, and no row is claimed that the answer does not speak of.
// Method: answers of batches, as HubSpot writes them, against rows of an insert and of an update.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Values } from '../../../src/mutation/mutation.ts'
import { type BatchAnswer, readBatch } from '../../../src/platforms/hubspot/answer.ts'
import { matchById, matchByTrace, type Matched } from '../../../src/platforms/hubspot/match.ts'
import { parseJson } from '../../../src/platforms/json.ts'
import { batch, idAt, mutation, record } from './fake.ts'

function answerOf(results: readonly object[], errors: readonly object[] = []): BatchAnswer {
  const answer = readBatch(parseJson(JSON.stringify(batch(results, errors))))
  assert.ok(answer)
  return answer
}

function inserted(rows: readonly Record<string, string>[], answer: BatchAnswer) {
  const planned = mutation('insert', rows as readonly Values[])
  return shown(matchByTrace(planned, answer, new Map(rows.map((row, i) => [i + 1, row]))))
}

function updated(count: number, answer: BatchAnswer) {
  const planned = mutation('update', Array.from({ length: count }, () => ({})))
  return shown(matchById(planned, answer))
}

function shown({ written, refused }: Matched) {
  const rows = [...written].map(([ordinal, { record: { id }, sure }]) =>
    `${ordinal}: ${id}${sure ? '' : '?'}`
  )
  const others = [...refused].map(([ordinal, { errors, sure }]) =>
    `${ordinal}: ${errors[0].message}${sure ? '' : '?'}`
  )
  return [rows.toSorted(), others.toSorted()]
}

const failed = (message: string, context?: object) => ({
  status: 'error',
  category: 'VALIDATION_ERROR',
  message,
  ...(context === undefined ? {} : { context }),
})

const people = [{ email: 'a@x.org' }, { email: 'b@x.org' }, { email: 'c@x.org' }]

describe('rows of an insert', () => {
  test('are found by the values that were sent when no trace id comes back', () => {
    const results = [record(8, { email: 'C@X.org' }), record(9, { email: 'a@x.org' })]
    const errors = [failed('no', { objectWriteTraceId: ['2'] })]
    assert.deepEqual(inserted(people, answerOf(results, errors)), [
      [`1: ${idAt(9)}`, `3: ${idAt(8)}`],
      ['2: no'],
    ])
  })

  test('that are alike are taken in order when all of them are accounted for', () => {
    const alike = [{ lastname: 'A' }, { lastname: 'A' }]
    const results = [record(1, { lastname: 'A' }), record(2, { lastname: 'A' })]
    assert.deepEqual(inserted(alike, answerOf(results)), [
      [`1: ${idAt(1)}?`, `2: ${idAt(2)}?`],
      [],
    ])
  })

  test('are told apart by one value of several, whatever HubSpot made of the others', () => {
    const day = '2026-01-01T00:00:00.000Z'
    const rows = ['a@x.org', 'b@x.org', 'c@x.org'].map((email) => ({ email, seen: day, city: 'X' }))
    const answered = (n: number, email: string) =>
      record(n, { email, seen: '2026-01-01T00:00:00Z', city: 'x' })
    const results = [answered(1, 'c@x.org'), answered(2, 'a@x.org'), answered(3, 'b@x.org')]
    assert.deepEqual(inserted(rows, answerOf(results)), [
      [`1: ${idAt(2)}`, `2: ${idAt(3)}`, `3: ${idAt(1)}`],
      [],
    ])
    const [one, two] = results
    assert.ok(one && two)
    assert.deepEqual(inserted(rows, answerOf([one, two], [failed('no')])), [
      [`1: ${idAt(2)}`, `3: ${idAt(1)}`],
      ['2: no'],
    ])
  })

  test('of which one has all that another has are not claimed by what the other lacks', () => {
    const rows = [{ city: 'X' }, { city: 'X', phone: '0171 1' }]
    const results = [record(1, { city: 'X', phone: '+491711' })]
    assert.deepEqual(inserted(rows, answerOf(results, [failed('no')])), [[], []])
  })

  test('with a property that every object has are matched by what HubSpot answered', () => {
    const rows = [{ constructor: 'a' }, { constructor: 'b' }]
    const results = [record(1, { constructor: 'b' }), record(2, {})]
    assert.deepEqual(inserted(rows, answerOf(results)), [[`1: ${idAt(2)}`, `2: ${idAt(1)}`], []])
  })

  test('that are alike and not all accounted for are not claimed', () => {
    const alike = [{ lastname: 'A' }, { lastname: 'A' }]
    assert.deepEqual(inserted(alike, answerOf([record(1, { lastname: 'A' })])), [[], []])
  })

  test('whose values HubSpot changed are found by what is left', () => {
    const results = [record(1, { email: 'a@x.org' }), record(2, { email: 'changed' })]
    assert.deepEqual(inserted(people.slice(0, 2), answerOf(results)), [
      [`1: ${idAt(1)}`, `2: ${idAt(2)}`],
      [],
    ])
  })

  test('left over with as many errors are refused, without a claim which error is whose', () => {
    const results = [record(1, { email: 'b@x.org' }, { objectWriteTraceId: '2' })]
    const errors = [failed('first'), failed('second')]
    assert.deepEqual(inserted(people, answerOf(results, errors)), [
      [`2: ${idAt(1)}`],
      ['1: first?', '3: second?'],
    ])
  })

  test('left over with fewer errors stay open', () => {
    const results = [record(1, {}, { objectWriteTraceId: '2' })]
    assert.deepEqual(inserted(people, answerOf(results, [failed('x')])), [[`2: ${idAt(1)}`], []])
  })

  test('a trace id at the top of an error counts too', () => {
    const errors = [{ ...failed('no'), objectWriteTraceId: '1' }]
    const results = [2, 3].map((n) => record(n, {}, { objectWriteTraceId: String(n) }))
    assert.deepEqual(inserted(people, answerOf(results, errors)), [
      [`2: ${idAt(2)}`, `3: ${idAt(3)}`],
      ['1: no'],
    ])
  })
})

describe('rows of an update', () => {
  test('are found by id, in results and in errors', () => {
    const errors = [failed('gone', { ids: [idAt(1), idAt(4), '9'] })]
    assert.deepEqual(updated(4, answerOf([record(3, {}), record(2, {})], errors)), [
      [`2: ${idAt(2)}`, `3: ${idAt(3)}`],
      ['1: gone', '4: gone'],
    ])
  })

  test('the one left over has the error that names nobody', () => {
    const errors = [failed('why')]
    assert.deepEqual(updated(2, answerOf([record(1, {})], errors)), [[`1: ${idAt(1)}`], ['2: why']])
  })

  test('is not refused for an error when a record came back that is nobody’s', () => {
    assert.deepEqual(updated(1, answerOf([record(7, {})], [failed('why')])), [[], []])
  })

  test('in results and in errors is written', () => {
    const errors = [failed('odd', { ids: [idAt(1)] })]
    assert.deepEqual(updated(1, answerOf([record(1, {})], errors)), [[`1: ${idAt(1)}`], []])
  })
})

test('what is no batch is none', () => {
  for (const body of ['[]', '{}', '{"results":{}}', 'null', '"x"']) {
    assert.equal(readBatch(parseJson(body)), undefined)
  }
  const odd = readBatch(parseJson('{"results":[1,{"id":2},{"id":"3"}],"errors":"x"}'))
  assert.deepEqual(odd, { records: [], errors: [] })
})
