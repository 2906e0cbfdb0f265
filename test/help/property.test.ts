// Goal: property tests say the same each time unless they are told otherwise, and all of them can be told.
// Method: the parameters for given variables; the text of the tests.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { propertyFiles } from './property-files.ts'
import { runsOf } from './property.ts'

test('unless told otherwise the seed is always the same, and as many runs as the test says', () => {
  const drawn = () => fc.sample(fc.integer(), runsOf(20, {}, {}))
  assert.equal(drawn().length, 20)
  assert.deepEqual(drawn(), drawn())
  assert.equal(runsOf(20, { seed: 7 }, {}).seed, 7)
})

test('a variable says another seed, any seed, and how much longer', () => {
  assert.equal(runsOf(20, { seed: 7 }, { SLUICE_TEST_SEED: '-12' }).seed, -12)
  assert.equal('seed' in runsOf(20, { seed: 7 }, { SLUICE_TEST_SEED: 'any' }), false)
  assert.equal(runsOf(20, {}, { SLUICE_TEST_RUNS: '2.5' }).numRuns, 50)
  assert.equal(runsOf(20, {}, { SLUICE_TEST_RUNS: '0.001' }).numRuns, 1)
})

test('what is no seed or no factor is refused', () => {
  for (const seed of ['', 'some', '1.5', '0x10']) {
    assert.throws(() => runsOf(1, {}, { SLUICE_TEST_SEED: seed }), /SLUICE_TEST_SEED is no seed/)
  }
  for (const factor of ['', '0', '-1', 'many', 'Infinity']) {
    assert.throws(
      () => runsOf(1, {}, { SLUICE_TEST_RUNS: factor }),
      /SLUICE_TEST_RUNS is no factor/,
    )
  }
})

test('a failure says its seed and path', () => {
  const refuse = () => fc.assert(fc.property(fc.nat(), (n) => n < 10), runsOf(100, {}, {}))
  assert.throws(refuse, /seed: 20261126, path: "\d/)
})

test('each property of the suite takes its parameters from here', () => {
  const own = join('test', 'sql', 'check.ts') // is told in its arguments
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('test', name))
    .filter((file) => file !== own)
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    const count = (words: RegExp) => text.match(words)?.length ?? 0
    assert.ok(count(/fc\.assert\(/g) <= count(/runsOf\(/g), `${file}: fc.assert without runsOf`)
  }
  const found = propertyFiles()
  assert.ok(found.includes(join('test', 'store', 'walk.test.ts')))
  assert.ok(
    found.includes(join('test', 'platforms', 'contract.test.ts')),
    'through what it imports',
  )
  assert.ok(!found.includes(join('test', 'tidy.test.ts')))
})
