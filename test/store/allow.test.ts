// Goal: an allowlist is given in the same words wherever the command line takes one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowOf } from '../../src/store/syncs.ts'

test('ranges stand between commas, the word anywhere is no list, and nothing is passed over', () => {
  assert.deepEqual(allowOf('10.0.0.0/8, 2001:db8::/32'), ['10.0.0.0/8', '2001:db8::/32'])
  assert.equal(allowOf('anywhere'), null)
  assert.deepEqual(allowOf('any'), ['any'])
  assert.deepEqual(allowOf('10.0.0.0/8,'), ['10.0.0.0/8', ''], 'which is refused as no range')
})
