// Goal: the recogniser is never wrong where it is certain. Method: known statements, cut up by Postgres's own scanner, put
// together again with comments, quotes, casts and wrappings between (and then with tokens lost, doubled and strewn in),
// compared with Postgres's grammar. Seeded: see test/help/property.ts.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { mayMutate, recognise, recogniseMutation } from '../../src/sql/index.ts'
import { runsOf } from '../help/property.ts'
import { compare } from './compare.ts'
import { choices, dressed, knownStatements, strewn, strewnIn } from './fuzz.ts'
import { loadOracle, oracle } from './oracle.ts'

const seed = 20261125
const runs = runsOf(5000).numRuns

let statements: string[][] = []

before(async () => {
  await loadOracle()
  statements = knownStatements()
})

const known = (start: number): string[] => statements[start % statements.length] ?? []

test('a known statement in another dress is read as the grammar reads it', () => {
  const verdicts = { equal: 0, unsure: 0, refused: 0 }
  fc.assert(
    fc.property(choices, (chosen) => {
      verdicts[compare(dressed(known(chosen.start), chosen))]++
    }),
    runsOf(5000, { seed }),
  )
  const read = verdicts.equal + verdicts.unsure
  assert.ok(read > runs / 3, `too few were accepted by the grammar: ${JSON.stringify(verdicts)}`)
  assert.ok(verdicts.unsure < read * 0.05, `too many are unsure: ${JSON.stringify(verdicts)}`)
})

test('a statement with tokens lost, doubled, moved and strewn in is never read wrongly', () => {
  const verdicts = { equal: 0, unsure: 0, refused: 0 }
  fc.assert(
    fc.property(choices, fc.integer({ min: 1, max: 2 }), (chosen, changes) => {
      verdicts[compare(strewnIn(known(chosen.start), chosen, changes))]++
    }),
    runsOf(15_000, { seed }),
  )
  const read = verdicts.equal + verdicts.unsure
  assert.ok(read > runs / 10, `too few were accepted by the grammar: ${JSON.stringify(verdicts)}`)
})

test('what the pre-filter stops has no mutation by the grammar', () => {
  fc.assert(
    fc.property(choices, (chosen) => {
      const text = dressed(known(chosen.start), chosen)
      if (mayMutate(text)) return
      const found = oracle(text) ?? []
      assert.ok(
        found.every(({ targets, kind }) => targets.length === 0 && kind !== 'execute'),
        text,
      )
    }),
    runsOf(5000, { seed }),
  )
})

test('no text makes the recogniser throw, under any setting', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...strewn,
      `'`,
      '"',
      '\\',
      '$a$',
      "E'",
      'U&"',
      '\0',
      '\ud800',
      '[',
      ']',
      '::',
      '+-',
      '/*',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  const setting = fc.constantFrom(true, false, undefined)
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), setting, (pieces, on) => {
      for (const text of [pieces.join(''), pieces.join(' ')]) {
        const options = { standardConformingStrings: on }
        const recognition = recognise(text, options)
        assert.equal(typeof recognition.certain, 'boolean')
        assert.equal(typeof recogniseMutation(text, options).certain, 'boolean')
      }
    }),
    runsOf(5000, { seed }),
  )
})
