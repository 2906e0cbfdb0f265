// Goal: a record is taken for a row's only when there are as many records as rows that it can be of. Method: fast-check makes
// rows, the records made of them and others, and looks what is claimed.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { PlannedRow } from '../../src/mutation/mutation.ts'
import { matchTraces, type Trace } from '../../src/platforms/traces.ts'
import { runsOf } from '../help/property.ts'

const row = (ordinal: number, word: string): PlannedRow => ({
  ordinal,
  id: null,
  values: { word },
})
const trace = (id: string, word: string, more: Partial<Trace> = {}): Trace => ({
  id,
  values: { word },
  createdAt: 1,
  ...more,
})

function match(rows: readonly PlannedRow[], traces: readonly Trace[]) {
  return matchTraces(rows, traces, {
    likeness: ({ values: sent }, { values }) => {
      const wanted = sent['word'] ?? ''
      const word = values['word'] ?? ''
      const same = wanted.split('').every((letter) => word.includes(letter))
      const telling = { compared: 1, alike: same ? 1 : 0 }
      return { compared: 1, unequal: same ? 0 : 1, telling, exact: wanted === word }
    },
    isTimely: ({ createdAt }) => createdAt === 1,
  })
}

describe('matching records with rows', () => {
  test('whatever is claimed is equal, timely, nobody else’s, and of a row of its own', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'ab', 'abc'), { maxLength: 8 })
    fc.assert(
      fc.property(words, words, (sent, held) => {
        const rows = sent.map((word, i) => row(i + 1, word))
        const traces = held.map((word, i) => trace(`t${i}`, word))
        const matches = match(rows, traces)
        assert.equal(matches.size, rows.length)
        const found = rows.flatMap((each) => {
          const one = matches.get(each)
          return one?.state === 'found' ? [{ each, found: one.trace }] : []
        })
        assert.equal(new Set(found.map((one) => one.found)).size, found.length)
        for (const { each, found: { values } } of found) {
          const letters = (each.values['word'] ?? '').split('')
          assert.ok(letters.every((letter) => values['word']?.includes(letter)))
        }
        // with a record more, or one less, than rows that can have made it, nothing is claimed of these rows
        for (const each of rows) {
          if (matches.get(each)?.state !== 'none') continue
          const letters = (each.values['word'] ?? '').split('')
          const own = found.filter((one) => one.each !== each).map((one) => one.found)
          const left = traces.filter((one) => !own.includes(one))
          assert.ok(
            !left.some(({ values }) => letters.every((one) => values['word']?.includes(one))),
          )
        }
      }),
      runsOf(),
    )
  })

  test('rows that share records find the pairing that gives each its own', () => {
    const rows = [row(1, 'a'), row(2, 'ab')]
    for (
      const traces of [[trace('x', 'ab'), trace('y', 'a')], [trace('y', 'a'), trace('x', 'ab')]]
    ) {
      const matches = match(rows, traces)
      const ids = rows.map((each) => {
        const one = matches.get(each)
        return one?.state === 'found' ? one.trace.id : one?.state
      })
      assert.deepEqual(ids, ['y', 'x'])
    }
  })

  test('equal rows and as many records are theirs; one too many or too few proves nothing', () => {
    const rows = [row(1, 'a'), row(2, 'a')]
    const states = (count: number) => {
      const traces = Array.from({ length: count }, (_, i) => trace(`t${i}`, 'a'))
      return [...match(rows, traces).values()].map(({ state }) => state)
    }
    assert.deepEqual(states(0), ['none', 'none'])
    assert.deepEqual(states(1), ['unclear', 'unclear'])
    assert.deepEqual(states(2), ['found', 'found'])
    assert.deepEqual(states(3), ['unclear', 'unclear'])
  })

  test('a record of another time, or in the bin, is not taken but makes it unclear', () => {
    for (const more of [{ createdAt: 0 }, { deleted: true }]) {
      const matches = match([row(1, 'a')], [trace('x', 'a', more)])
      assert.deepEqual([...matches.values()].map(({ state }) => state), ['unclear'])
    }
  })
})
