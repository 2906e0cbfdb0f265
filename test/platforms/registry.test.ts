// Goal: the registry knows what exists and says clearly what does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowLimits } from '../../src/mutation/limits.ts'
import { type Platform, platforms } from '../../src/mutation/table.ts'
import { Fault } from '../../src/mutation/fault.ts'
import { adapterFor } from '../../src/platforms/index.ts'

test('salesforce has its adapter, with the limits of the catalogue', () => {
  const adapter = adapterFor('salesforce')
  assert.equal(adapter.platform, 'salesforce')
  assert.deepEqual(adapter.limits, rowLimits.salesforce)
})

test('every platform has its own adapter or a clear refusal', () => {
  for (const platform of platforms) {
    try {
      assert.equal(adapterFor(platform).platform, platform)
    } catch (error) {
      assert.ok(error instanceof Fault)
      assert.equal(error.code, 'form_not_supported')
      assert.match(error.message, new RegExp(platform))
    }
  }
})

test('a name that is no platform is not found', () => {
  for (const name of ['oracle', 'constructor', '__proto__']) {
    assert.throws(
      () => adapterFor(name as Platform),
      (error) => error instanceof Fault && error.code === 'not_found',
    )
  }
})
