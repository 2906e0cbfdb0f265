// Compares the recogniser with the oracle over one text.

import assert from 'node:assert/strict'
import { recognise } from '../../src/sql/index.ts'
import { oracle } from './oracle.ts'

/** equal: both read the same. unsure: the recogniser says so. refused: the grammar refuses the text. */
export type Verdict = 'equal' | 'unsure' | 'refused'

/** Throws where the recogniser is certain of something that the grammar does not say. */
export function compare(text: string): Verdict {
  const recognition = recognise(text, { standardConformingStrings: true })
  const expected = oracle(text)
  if (expected === null) return 'refused'
  if (!recognition.certain) return 'unsure'
  const got = recognition.statements.map(({ start: _start, end: _end, ...rest }) => rest)
  assert.deepEqual(got, expected, `text: ${JSON.stringify(text)}`)
  for (const [index, { start, end }] of recognition.statements.entries()) {
    const alone = oracle(text.slice(start, end))
    assert.deepEqual(alone, [expected[index]], `range ${start}-${end} of ${JSON.stringify(text)}`)
  }
  return 'equal'
}
