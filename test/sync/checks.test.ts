// Goal: what a check makes of an error says what to do about it. Method: the faults as they are made.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { storeDown } from '../../src/store/store.ts'
import { failure } from '../../src/sync/checks.ts'

test('a store that is down is told with where to look, and a fault with a hint of its own keeps that', () => {
  const down = failure('store', storeDown('Reading the syncs', undefined))
  assert.equal(down.hint, "Look at Sluice's own database (SLUICE_STORE_URL).")
  assert.match(down.about, /store is unreachable.*: Reading the syncs failed\.$/)
  const own = failure('service', fault('service_unreachable', { hint: 'Wait.' }))
  assert.equal(own.hint, 'Wait.')
})
