// Goal: the catalogue keeps the promises that drivers rely on. Method: every entry is looked at.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  catalogue,
  constraintMax,
  Fault,
  fault,
  type FaultCode,
  faultData,
  isFaultData,
  textMax,
} from '../../src/mutation/fault.ts'

const entries = Object.entries(catalogue)

test('every fault has a SQLSTATE, and none of class 08, which drivers take for a broken connection', () => {
  for (const [code, { sqlstate }] of entries) {
    assert.match(sqlstate, /^[0-9A-Z]{5}$/, code)
    assert.ok(!sqlstate.startsWith('08') && !sqlstate.startsWith('00'), code)
  }
})

test('messages are written as Postgres writes them, and say what happened', () => {
  for (const [code, { message, about }] of entries) {
    assert.match(message, /^[^A-Z].*[^.]$/, code)
    assert.ok(about.length > message.length / 2, code)
  }
})

test('only what may have been written asks to look before a retry', () => {
  const look = entries.filter(([, { retry }]) => retry === 'look').map(([code]) => code).sort()
  assert.deepEqual(look, ['internal_error', 'not_yet_applied', 'outcome_unknown', 'partly_written'])
})

test('a fault carries its fields, the platform in its message, and its cause', () => {
  const cause = new Error('why')
  const one = fault('duplicate', { platform: 'stripe', column: 'email', row: 3 }, { cause })
  assert.ok(one instanceof Fault)
  assert.equal(one.message, 'stripe refused a duplicate')
  assert.equal(one.code, 'duplicate')
  assert.equal(one.cause, cause)
  assert.deepEqual({ ...one.data }, {
    platform: 'stripe',
    column: 'email',
    row: 3,
    code: 'duplicate',
    sqlstate: '23505',
    message: 'stripe refused a duplicate',
  })
  assert.equal(faultData('duplicate', { message: 'mine' }).message, 'mine')
})

test('a fault is known again after a journey as JSON, and nothing else is', () => {
  for (const [code] of entries) {
    assert.ok(isFaultData(JSON.parse(JSON.stringify(faultData(code as FaultCode)))))
  }
  for (
    const value of [null, 1, 'x', [], {}, { code: 'toString', sqlstate: '1', message: 'x' }, {
      code: 'duplicate',
      sqlstate: 5,
      message: 'x',
    }]
  ) {
    assert.equal(isFaultData(value), false)
  }
})

test('words of a platform are cut at their bounds, and left as they are up to there', () => {
  const words = (max: number) => ({ fits: 'x'.repeat(max), long: 'x'.repeat(max + 1) })
  const [code, text] = [words(constraintMax), words(textMax)]
  const whole = { constraint: code.fits, detail: text.fits, hint: text.fits, message: text.fits }
  assert.deepEqual(faultData('duplicate', whole), {
    ...whole,
    code: 'duplicate',
    sqlstate: '23505',
  })
  const cut = faultData('duplicate', {
    constraint: code.long,
    detail: text.long,
    hint: text.long,
    message: text.long,
    table: 't',
  })
  assert.deepEqual(cut, {
    constraint: `${code.fits}…`,
    detail: `${text.fits}…`,
    hint: `${text.fits}…`,
    message: `${text.fits}…`,
    table: 't',
    code: 'duplicate',
    sqlstate: '23505',
  })
  const split = faultData('duplicate', { constraint: `${'x'.repeat(constraintMax - 1)}😀` })
  assert.equal(split.constraint, `${'x'.repeat(constraintMax - 1)}…`)
})
