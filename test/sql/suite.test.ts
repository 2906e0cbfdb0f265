// Goal: the recogniser is never wrong on the statements of Postgres's own regression suite. Method: each of the forty
// thousand, cut out of the suite's files, is read by the recogniser and by Postgres's grammar. The suite is fetched by
// .ci/postgres-suite; `npm run check:sql` goes further.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { cutApart, suiteTexts } from '../regression/names.ts'
import { suiteMissing } from '../regression/suite.ts'
import { compare } from './compare.ts'
import { loadOracle } from './oracle.ts'

before(loadOracle)

const missing = suiteMissing()

test('every statement of the regression suite is read as the grammar reads it', {
  skip: missing ?? false,
}, () => {
  const verdicts = { equal: 0, unsure: 0, refused: 0 }
  for (const text of new Set(suiteTexts().flatMap(cutApart))) verdicts[compare(text)] += 1
  const { equal, unsure, refused } = verdicts
  assert.ok(equal > 40_000, JSON.stringify(verdicts))
  assert.ok(unsure < (equal + unsure) * 0.005, JSON.stringify(verdicts))
  assert.ok(refused < 1_000, JSON.stringify(verdicts))
})
