// Goal: every kind of error that Airtable is known to answer becomes a sensible fault.
// Method: errors recorded by others, restated, each with the fault that a person would expect.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { catalogue, type FaultCode } from '../../../src/mutation/fault.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import { faultOfResponse, isRefusal } from '../../../src/platforms/airtable/faults.ts'
import { contacts, mutation } from './help.ts'

interface Expected {
  readonly code: FaultCode
  readonly column?: string
  readonly row?: number
  readonly detail?: string
}

const rows: Values[] = [
  { name: 'Chani', score: '1' },
  { name: 'Paul', email: 'pauldune.co', tags: '["vE4T"]', birthday: '21/4/2026' },
]

/** Status, body, what is expected of a statement with those two rows. */
const errors: readonly (readonly [number, unknown, Expected])[] = [
  [422, typed('UNKNOWN_FIELD_NAME', 'Unknown field name: "email"'), {
    code: 'column_unknown',
    column: 'email',
    row: 2,
  }],
  [422, typed('INVALID_VALUE_FOR_COLUMN', 'Field "Email" cannot accept the provided value'), {
    code: 'validation_error',
    column: 'email',
    row: 2,
    detail:
      'Key (email)=(pauldune.co) was refused: Field "Email" cannot accept the provided value.',
  }],
  [422, typed('INVALID_VALUE_FOR_COLUMN', 'Cannot parse value "false" for field Active'), {
    code: 'value_not_of_type',
    column: 'active',
  }],
  [
    422,
    typed('INVALID_VALUE_FOR_COLUMN', 'Cannot parse date value "21/4/2026" for field Birthday'),
    {
      code: 'value_not_of_type',
      column: 'birthday',
      row: 2,
    },
  ],
  [
    422,
    typed(
      'INVALID_MULTIPLE_CHOICE_OPTIONS',
      'Insufficient permissions to create new select option ""vE4T""',
    ),
    { code: 'value_not_of_type', column: 'tags', row: 2 },
  ],
  [422, typed('INVALID_RECORD_ID', 'Value "rec---rec" is not a valid record ID.'), {
    code: 'reference_missing',
  }],
  [422, typed('ROW_DOES_NOT_EXIST', 'Record ID rec00000000000009 does not exist in this table'), {
    code: 'record_gone',
  }],
  [403, typed('INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND', 'Invalid permissions, or …'), {
    code: 'not_permitted',
  }],
  [404, { error: 'NOT_FOUND' }, { code: 'record_gone' }],
  [401, typed('AUTHENTICATION_REQUIRED', 'Authentication required'), {
    code: 'credential_refused',
  }],
  [429, { errors: [{ error: 'RATE_LIMIT_REACHED', message: 'Rate limit exceeded.' }] }, {
    code: 'rate_limited',
  }],
  [429, '<html>slow down</html>', { code: 'rate_limited' }],
  [413, '<html>too large</html>', { code: 'too_many_rows' }],
  [422, typed('SOMETHING_NEW', 'Nobody has seen this.'), { code: 'platform_failed' }],
  [418, '<html>', { code: 'platform_failed' }],
]

function typed(type: string, message: string) {
  return { error: { type, message } }
}

describe('errors of Airtable', () => {
  for (const [status, body, expected] of errors) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    test(`${status} ${text.slice(0, 90)}`, () => {
      const response = { status, headers: {}, body: text }
      const fault = faultOfResponse(response, {
        table: contacts,
        mutation: mutation('insert', rows),
      })
      assert.equal(fault.code, expected.code)
      assert.equal(fault.sqlstate, catalogue[expected.code].sqlstate)
      assert.equal(fault.column, expected.column)
      assert.equal(fault.row, expected.row)
      if (expected.detail !== undefined) assert.equal(fault.detail, expected.detail)
      assert.ok(isRefusal(response))
    })
  }
})
