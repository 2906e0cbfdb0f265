// Goal: every error body of Salesforce that we have seen becomes a sensible fault.
// Method: bodies recorded, documented or reported by others, each with the fault that a person would expect.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FaultCode } from '../../../src/mutation/fault.ts'
import { parseJson } from '../../../src/platforms/json.ts'
import { readErrors } from '../../../src/platforms/salesforce/errors.ts'
import {
  culprits,
  faultOf,
  faultOfResponse,
  isRefusal,
} from '../../../src/platforms/salesforce/faults.ts'
import { contacts } from './fake.ts'

const row = {
  ordinal: 1,
  id: null,
  values: { last_name: 'Dune', email: 'nope', status__c: 'Unknown', external_id__c: 'x' },
}
const place = { table: contacts, row }

interface Expected {
  readonly code: FaultCode
  readonly column?: string
  readonly detail?: string
}

/** Answers to a whole request: status, code, message, what is expected; then fields and what else the error says. */
const requests: [number, string, string, Expected, object?][] = [
  [400, 'REQUIRED_FIELD_MISSING', 'At least 1 record is required', {
    code: 'required_value_missing',
    detail: 'At least 1 record is required.',
  }],
  [404, 'ENTITY_IS_DELETED', 'entity is deleted', { code: 'record_gone' }, { fields: [] }],
  [
    400,
    'INVALID_FIELD_FOR_INSERT_UPDATE',
    'Unable to create/update fields: Name. Please check the security settings of this field and verify that it is read/write for your profile or permission set.',
    { code: 'column_read_only', column: 'name' },
    { fields: ['Name'] },
  ],
  [400, 'INVALID_FIELD', "No such column 'LastName' on sobject of type Account", {
    code: 'column_unknown',
    column: 'last_name',
    detail: "No such column 'LastName' on sobject of type Account.",
  }],
  [400, 'INVALID_FIELD', "No such column 'foo' on sobject of type Bar", { code: 'column_unknown' }],
  [
    400,
    'INVALID_TYPE',
    "\nName FROM Accout\n          ^\nERROR at Row:1:Column:43\nsObject type 'Accout' is not supported.",
    {
      code: 'not_found',
      detail: "Name FROM Accout ^ ERROR at Row:1:Column:43 sObject type 'Accout' is not supported.",
    },
  ],
  [
    400,
    'DUPLICATE_VALUE',
    'Duplicate PermissionSetAssignment.  Assignee: 005; Permission Set: 0PS',
    {
      code: 'duplicate',
      detail: 'Duplicate PermissionSetAssignment. Assignee: 005; Permission Set: 0PS.',
    },
    { fields: ['AssigneeId', 'PermissionSetId'] },
  ],
  [400, 'INVALID_EMAIL_ADDRESS', 'Email: invalid email address: Not a real email address', {
    code: 'validation_error',
    column: 'email',
    detail: 'Key (email)=(nope) is not a valid email address.',
  }, { fields: ['Email'] }],
  [400, 'DUPLICATES_DETECTED', 'Use one of these records?', {
    code: 'duplicate',
    detail: 'Use one of these records? (id 003aj000002oTldAAE).',
  }, {
    duplicateResult: {
      allowSave: true,
      duplicateRule: 'Standard_Contact_Duplicate_Rule',
      matchResults: [{
        matchRecords: [{ matchConfidence: 100, record: { Id: '003aj000002oTldAAE' } }],
      }],
    },
  }],
  [
    400,
    'DUPLICATES_DETECTED',
    "You're creating a duplicate record. We recommend you use an existing record instead.",
    { code: 'duplicate' },
  ],
  [401, 'INVALID_SESSION_ID', 'Session expired or invalid', { code: 'credential_refused' }],
  [400, 'REQUIRED_FIELD_MISSING', 'Required fields are missing: [LastName]', {
    code: 'required_value_missing',
    column: 'last_name',
    detail: 'Required fields are missing: [LastName].',
  }, { fields: ['LastName'] }],
  [404, 'NOT_FOUND', 'Provided external ID field does not exist or is not accessible: Namez', {
    code: 'record_gone',
  }],
  [400, 'MALFORMED_SEARCH', 'No search term found. The search term must be enclosed in braces.', {
    code: 'platform_failed',
  }],
  [400, 'STRING_TOO_LONG', 'LastName: data value too large: Dune (max length=80)', {
    code: 'value_too_long',
    column: 'last_name',
    detail: 'Key (last_name)=(Dune) is longer than 80 characters.',
  }, { fields: ['LastName'] }],
  [
    400,
    'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
    'Status__c: bad value for restricted picklist field: Unknown',
    {
      code: 'validation_error',
      column: 'status__c',
      detail: 'Key (status__c)=(Unknown) is not a value of the restricted picklist.',
    },
    { fields: ['Status__c'] },
  ],
  [
    400,
    'DUPLICATE_VALUE',
    'duplicate value found: External_Id__c duplicates value on record with id: a01xx000003DGb2AAG',
    {
      code: 'duplicate',
      column: 'external_id__c',
      detail: 'Key (external_id__c)=(x) already exists (id a01xx000003DGb2AAG).',
    },
    { fields: [] },
  ],
  [
    400,
    'FIELD_CUSTOM_VALIDATION_EXCEPTION',
    'Photo is required before submitting the audit.',
    { code: 'validation_error', detail: 'Photo is required before submitting the audit.' },
    { fields: [] },
  ],
  [400, 'MALFORMED_ID', 'malformed id abc123', {
    code: 'reference_missing',
    detail: 'malformed id abc123.',
  }, { fields: [] }],
  [
    400,
    'UNABLE_TO_LOCK_ROW',
    'unable to obtain exclusive access to this record or 1 records: a01xx000003DGb2AAG',
    { code: 'row_locked' },
  ],
  [
    400,
    'JSON_PARSER_ERROR',
    "Unexpected character ('}' (code 125)): was expecting double-quote to start field name\n at [line:1, column:2]",
    { code: 'value_not_of_type' },
  ],
  [
    403,
    'INSUFFICIENT_ACCESS_OR_READONLY',
    'insufficient access rights on cross-reference id',
    { code: 'not_permitted' },
  ],
  [403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', { code: 'rate_limited' }],
  [404, 'NOT_FOUND', 'The requested resource does not exist', { code: 'record_gone' }],
  [405, 'METHOD_NOT_ALLOWED', "HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET,PATCH", {
    code: 'form_not_supported',
  }],
]

function check(found: { code: string; column?: string; detail?: string }, expected: Expected) {
  assert.equal(found.code, expected.code)
  assert.equal(found.column, expected.column)
  if (expected.detail !== undefined) assert.equal(found.detail, expected.detail)
}

describe('a request that failed', () => {
  for (const [status, errorCode, message, expected, more] of requests) {
    test(`${status} ${errorCode}: ${message.trim().slice(0, 60)}`, () => {
      const body = JSON.stringify([{ message, errorCode, ...more }])
      const response = { status, headers: {}, body }
      assert.equal(isRefusal(response), true)
      const fault = faultOfResponse(response, place)
      check(fault, expected)
      assert.equal(fault.constraint, errorCode)
      assert.equal(fault.schema, 'salesforce')
    })
  }

  test('503 SERVER_UNAVAILABLE says nothing about what was written', () => {
    const body = '[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]'
    assert.equal(isRefusal({ status: 503, headers: {}, body }), false)
  })
})

/** Results of records in a collection. */
const results: [string, Expected][] = [
  [
    '[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [LastName]","fields":["LastName"]}]',
    { code: 'required_value_missing', column: 'last_name' },
  ],
  [
    '[{"statusCode":"MISSING_ARGUMENT","message":"Id not specified in an update call","fields":[]}]',
    { code: 'required_value_missing' },
  ],
  [
    `[{"statusCode":"INVALID_FIELD","message":"No such column 'unknownField_LastName' on sobject of type Contact","fields":[]}]`,
    { code: 'column_unknown' },
  ],
  [
    '[{"statusCode":"JSON_PARSER_ERROR","message":"Nested object for polymorphic foreign key must have an attributes field before any other fields.","fields":[]}]',
    { code: 'value_not_of_type' },
  ],
  [
    '[{"statusCode":"DUPLICATES_DETECTED","message":"Use one of these records?","fields":[]}]',
    { code: 'duplicate', detail: 'Use one of these records?' },
  ],
  [
    '[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"Record rolled back because not all records were valid and the request was using AllOrNone header","fields":[]}]',
    { code: 'platform_failed' },
  ],
]

describe('a record that failed', () => {
  for (const [body, expected] of results) {
    test(body.slice(16, 80), () => {
      const [error] = culprits(readErrors(parseJson(body)))
      assert.ok(error)
      check(faultOf(error, place), expected)
    })
  }
})

test('a body that is no error of the API is a failure of the platform', () => {
  for (const body of ['', '<html>', '{}', '[]', 'null', '[1]', '[{"message":"x"}]', '"x"']) {
    const fault = faultOfResponse({ status: 400, headers: {}, body }, place)
    assert.equal(fault.code, 'platform_failed', body)
    assert.match(fault.detail ?? '', /HTTP status 400/)
  }
})

test('a long message of the platform is cut and put on one line', () => {
  const body = JSON.stringify([{ errorCode: 'APEX_ERROR', message: 'x \n'.repeat(5000) }])
  const fault = faultOfResponse({ status: 400, headers: {}, body }, place)
  assert.equal(fault.code, 'validation_error')
  assert.ok((fault.detail ?? '').length < 1100)
  assert.doesNotMatch(fault.detail ?? '', /\n/)
})
