// Goal: a refusal of many rows says which row. Method: the pure function.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameRow } from '../../src/engine/refusal.ts'
import { faultData } from '../../src/mutation/fault.ts'
import { contacts } from '../help/stage.ts'

const rows = [1, 2, 3].map((ordinal) => ({ ordinal, id: null, values: {} }))
const plan = { table: contacts, operation: 'insert', rows } as const

test('the row of an insert is named by its position', () => {
  const data = faultData('validation_error', { row: 2, detail: 'Key (email)=(x) is bad.' })
  assert.equal(nameRow(data, plan).detail, 'Key (email)=(x) is bad. Row 2 of 3.')
  assert.equal(nameRow(faultData('validation_error', { row: 3 }), plan).detail, 'Row 3 of 3.')
})

test('the row of an update or delete is named by its id', () => {
  const updated = {
    ...plan,
    operation: 'update',
    rows: rows.map((row) => ({ ...row, id: `r${row.ordinal}` })),
  } as const
  assert.equal(
    nameRow(faultData('validation_error', { row: 2 }), updated).detail,
    'Record r2, one of 3.',
  )
})

test('a statement of one row, and a fault of none, are left alone', () => {
  const data = faultData('validation_error', { row: 1, detail: 'd' })
  assert.equal(nameRow(data, { ...plan, rows: rows.slice(0, 1) }), data)
  const whole = faultData('credential_refused')
  assert.equal(nameRow(whole, plan), whole)
  const other = faultData('validation_error', { row: 9 })
  assert.equal(nameRow(other, plan), other)
})
