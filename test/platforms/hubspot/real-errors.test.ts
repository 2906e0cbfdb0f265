// Goal: every error body of HubSpot that we have seen becomes a sensible fault.
// Method: bodies recorded, documented or reported by others, each with the fault that a person would expect.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FaultCode } from '../../../src/mutation/fault.ts'
import type { PlannedRow } from '../../../src/mutation/mutation.ts'
import { readErrors } from '../../../src/platforms/hubspot/errors.ts'
import { faultOf, faultOfResponse, isRefusal } from '../../../src/platforms/hubspot/faults.ts'
import { parseJson } from '../../../src/platforms/json.ts'
import { apiError, badProperties, contacts } from './fake.ts'

const row: PlannedRow = {
  ordinal: 1,
  id: '123456',
  values: {
    email: 'nope@example.con',
    firstname: 'Dune',
    lifecyclestage: 'reports',
    hubspot_owner_id: '29947847357121',
    external_key: 'x',
    birthday: null,
  },
}

interface Expected {
  readonly code: FaultCode
  readonly constraint?: string
  readonly column?: string
  readonly detail?: string
  readonly hint?: RegExp
}

const bad = (name: string, error: string, message: string) =>
  badProperties({ name, error, message })

/** Answers to a whole request: status, body, what is expected. */
const requests: [string, number, object, Expected][] = [
  ['an invalid e-mail address', 400, bad('email', 'INVALID_EMAIL', 'Email address x is invalid'), {
    code: 'validation_error',
    constraint: 'INVALID_EMAIL',
    column: 'email',
    detail: 'Key (email)=(nope@example.con) is not a valid email address.',
  }],
  [
    'properties that do not exist, once in the message and once in errors',
    400,
    {
      ...badProperties(
        {
          name: 'first000name',
          error: 'PROPERTY_DOESNT_EXIST',
          message: 'Property "first000name" does not exist',
        },
        {
          name: 'last000name',
          error: 'PROPERTY_DOESNT_EXIST',
          message: 'Property "last000name" does not exist',
        },
      ),
      errors: ['first000name', 'last000name', 'first000name'].map((name) => ({
        message: `Property "${name}" does not exist`,
        code: 'PROPERTY_DOESNT_EXIST',
        context: { propertyName: [name] },
      })),
    },
    {
      code: 'column_unknown',
      constraint: 'PROPERTY_DOESNT_EXIST',
      detail: 'Property "first000name" does not exist. HubSpot names 1 more error.',
    },
  ],
  [
    'an option that is not one',
    400,
    bad('lifecyclestage', 'INVALID_OPTION', 'reports was not one of the allowed options: [a, b]'),
    {
      code: 'validation_error',
      constraint: 'INVALID_OPTION',
      column: 'lifecyclestage',
      detail: 'Key (lifecyclestage)=(reports) was not one of the allowed options: [a, b].',
    },
  ],
  [
    'an owner that is not one',
    400,
    bad(
      'hubspot_owner_id',
      'INVALID_INTEGER',
      '29947847357121 was not a valid integer (for owner ID).',
    ),
    {
      code: 'value_not_of_type',
      constraint: 'INVALID_INTEGER',
      column: 'hubspot_owner_id',
      detail: 'Key (hubspot_owner_id)=(29947847357121) was not a valid integer (for owner ID).',
    },
  ],
  ['a date with a time', 400, bad('birthday', 'INVALID_DATE', 'x is not midnight'), {
    code: 'value_not_of_type',
    constraint: 'INVALID_DATE',
    column: 'birthday',
  }],
  ['a long that is none', 400, bad('num_notes', 'INVALID_LONG', 'x was not a valid long.'), {
    code: 'value_not_of_type',
    column: 'num_notes',
    detail: 'x was not a valid long.',
  }],
  ['a read-only property', 400, bad('num_notes', 'READ_ONLY_VALUE', 'num_notes is read only'), {
    code: 'column_read_only',
    constraint: 'READ_ONLY_VALUE',
    column: 'num_notes',
  }],
  ['a code of the family of lengths', 400, bad('firstname', 'STRING_TOO_LONG', 'max 10'), {
    code: 'value_too_long',
    column: 'firstname',
    detail: 'Key (firstname)=(Dune) was refused: max 10.',
  }],
  [
    'required properties, named in the context',
    400,
    apiError('VALIDATION_ERROR', 'Error creating CONTACT. Some required properties were not set.', {
      context: { properties: ['firstname', 'lastname'] },
    }),
    {
      code: 'required_value_missing',
      column: 'firstname',
      detail: 'Error creating CONTACT. Some required properties were not set.',
    },
  ],
  [
    'required properties, named in errors',
    400,
    apiError('VALIDATION_ERROR', 'Validation failed', {
      errors: [{
        message: 'Missing required properties',
        context: { missingRequiredProperties: ['lastname'] },
      }],
    }),
    { code: 'required_value_missing', column: 'lastname' },
  ],
  ['a list in the message that is cut', 400, {
    message:
      'Property values were not valid: [{"isValid":false,"message":"x was not one of the all',
    category: 'VALIDATION_ERROR',
  }, { code: 'validation_error', constraint: 'VALIDATION_ERROR' }],
  [
    'validation without a word more',
    400,
    apiError('VALIDATION_ERROR', 'Property values were not valid'),
    {
      code: 'validation_error',
      detail: 'Property values were not valid.',
    },
  ],
  [
    'a contact that exists, with its id',
    409,
    apiError('CONFLICT', 'Contact already exists. Existing ID: 245634182382'),
    {
      code: 'duplicate',
      constraint: 'CONFLICT',
      column: 'email',
      detail: 'Key (email)=(nope@example.con) already exists (id 245634182382).',
    },
  ],
  ['a contact that exists, without id', 409, apiError('CONFLICT', 'Contact already exists'), {
    code: 'duplicate',
    column: 'email',
    detail: 'Key (email)=(nope@example.con) already exists.',
  }],
  [
    'a unique value that another record has',
    400,
    apiError(
      'VALIDATION_ERROR',
      'Cannot set PropertyValueCoordinates{portalId=1, objectTypeId=ObjectTypeId{legacyObjectType=CONTACT}, propertyName=external_key, value=x} on 194. 195 already has that value.',
    ),
    {
      code: 'duplicate',
      column: 'external_key',
      detail: 'Key (external_key)=(x) already exists (id 195).',
    },
  ],
  [
    'the same id twice',
    400,
    apiError(
      'VALIDATION_ERROR',
      'Duplicate IDs found in batch input: [123456]. IDs must be unique',
      {
        context: { ids: ['123456'] },
      },
    ),
    {
      code: 'validation_error',
      detail: 'Duplicate IDs found in batch input: [123456]. IDs must be unique.',
    },
  ],
  ['a record that is gone', 404, apiError('OBJECT_NOT_FOUND', 'resource not found'), {
    code: 'record_gone',
    constraint: 'OBJECT_NOT_FOUND',
    hint: /next sync/,
  }],
  ['404 without category', 404, { status: 'error', message: 'resource not found' }, {
    code: 'record_gone',
  }],
  [
    'a scope that is missing',
    403,
    apiError('MISSING_SCOPES', 'One or more of the following scopes are required.', {
      context: {
        requiredGranularScopes: ['custom-object-read'],
        links: ['https://developers.hubspot.com/scopes'],
      },
    }),
    { code: 'not_permitted', constraint: 'MISSING_SCOPES', hint: /the scope custom-object-read/ },
  ],
  [
    'a scope that is missing, named in errors',
    403,
    apiError('MISSING_SCOPES', 'This app hasn’t been granted all required scopes.', {
      errors: [{
        message: 'One or more of the following scopes are required.',
        context: { requiredGranularScopes: ['crm.objects.deals.read'] },
      }],
    }),
    { code: 'not_permitted', hint: /the scope crm\.objects\.deals\.read/ },
  ],
  ['403 without category', 403, { status: 'error', message: 'No.' }, { code: 'not_permitted' }],
  [
    'an object type that is not one',
    400,
    { status: 'error', message: 'Unable to infer object type from: butterflies' },
    { code: 'not_found', detail: 'Unable to infer object type from: butterflies.' },
  ],
  [
    'a body that cannot be read',
    400,
    {
      status: 'error',
      message:
        'Invalid input JSON on line 3, column 9: Cannot deserialize value of type `com.hubspot.Input` from Array value',
    },
    { code: 'value_not_of_type' },
  ],
  [
    'no token or a wrong one',
    401,
    apiError('INVALID_AUTHENTICATION', 'Authentication credentials not found.'),
    { code: 'credential_refused', constraint: 'INVALID_AUTHENTICATION', hint: /Reconnect/ },
  ],
  ['an expired token', 401, apiError('EXPIRED_AUTHENTICATION', 'The token expired.'), {
    code: 'credential_refused',
    constraint: 'EXPIRED_AUTHENTICATION',
  }],
  ['the limit of a second', 429, {
    status: 'error',
    message: 'You have reached your secondly limit.',
    errorType: 'RATE_LIMIT',
    policyName: 'SECONDLY',
  }, { code: 'rate_limited', constraint: 'RATE_LIMIT', hint: /in 1 s/ }],
  ['the limit of ten seconds', 429, {
    status: 'error',
    message: 'You have reached your ten_secondly_rolling limit.',
    errorType: 'RATE_LIMIT',
    policyName: 'TEN_SECONDLY_ROLLING',
    groupName: 'publicapi:private-apps-burst:0:1',
  }, { code: 'rate_limited', hint: /in 10 s/ }],
  ['the limit of a day', 429, {
    status: 'error',
    message: 'You have reached your daily limit.',
    errorType: 'RATE_LIMIT',
    policyName: 'DAILY',
  }, { code: 'rate_limited', hint: /in 900 s/ }],
  ['a category of its own', 400, apiError('SOMETHING_NEW', 'It is new.'), {
    code: 'platform_failed',
    constraint: 'SOMETHING_NEW',
    detail: 'It is new.',
  }],
]

function check(found: { code: string }, expected: Expected) {
  const { code, constraint, column, detail, hint } = found as Record<string, string | undefined>
  assert.equal(code, expected.code)
  assert.equal(column, expected.column)
  if (expected.constraint !== undefined) assert.equal(constraint, expected.constraint)
  if (expected.detail !== undefined) assert.equal(detail, expected.detail)
  if (expected.hint !== undefined) assert.match(hint ?? '', expected.hint)
}

describe('a request that failed', () => {
  for (const [what, status, body, expected] of requests) {
    test(`${status}: ${what}`, () => {
      const response = { status, headers: {}, body: JSON.stringify(body) }
      assert.equal(isRefusal(response), true)
      const fault = faultOfResponse(response, { table: contacts, rows: [row] })
      check(fault, expected)
      assert.equal(fault.schema, 'hubspot')
      assert.equal(fault.platform, 'hubspot')
    })
  }

  test('500 and 408 say nothing about what was written', () => {
    for (const status of [408, 500, 502, 503, 504, 302]) {
      assert.equal(isRefusal({ status, headers: {}, body: '' }), false)
    }
  })
})

/** Errors in a 207. */
const partial: [object, Expected][] = [
  [{
    status: 'error',
    category: 'CONFLICT',
    message: 'Contact already exists. Existing ID: 171591000198',
    context: { objectWriteTraceId: ['1'], existingId: ['171591000198'] },
  }, {
    code: 'duplicate',
    column: 'email',
    detail: 'Key (email)=(nope@example.con) already exists (id 171591000198).',
  }],
  [{
    status: 'error',
    category: 'OBJECT_NOT_FOUND',
    message: 'Could not get some CONTACT objects, they may be deleted or not exist.',
    context: { ids: ['unknownIdentifier888'] },
  }, { code: 'record_gone' }],
  [{
    status: 'error',
    category: 'VALIDATION_ERROR',
    subCategory: 'crm.associations.INVALID_IDENTIFIER',
    message: 'unknown_id_123456798 is not a valid ID',
    context: { id: ['unknown_id_123456798'] },
  }, { code: 'reference_missing', constraint: 'INVALID_IDENTIFIER' }],
  [{
    status: 'error',
    category: 'VALIDATION_ERROR',
    message: 'Object 211762804612 cannot be associated to itself (211762804612)',
  }, { code: 'validation_error' }],
]

describe('a row that failed', () => {
  for (const [body, expected] of partial) {
    test(JSON.stringify(body).slice(20, 90), () => {
      const [first, ...others] = readErrors(parseJson(JSON.stringify(body)))
      assert.ok(first)
      check(faultOf([first, ...others], { table: contacts, rows: [row], status: 207 }), expected)
    })
  }
})

test('a body that is no error of the API is a failure of the platform', () => {
  for (const body of ['', '<html>', '{}', '[]', 'null', '[1]', '{"message":1}', '"x"']) {
    const fault = faultOfResponse({ status: 400, headers: {}, body }, { table: contacts })
    assert.equal(fault.code, 'platform_failed', body)
    assert.match(fault.detail ?? '', /HTTP status 400/)
  }
})

test('a long message of the platform is cut and put on one line', () => {
  const body = JSON.stringify(apiError('VALIDATION_ERROR', 'x \n'.repeat(5000)))
  const fault = faultOfResponse({ status: 400, headers: {}, body }, { table: contacts })
  assert.equal(fault.code, 'validation_error')
  assert.ok((fault.detail ?? '').length < 1100)
  assert.doesNotMatch(fault.detail ?? '', /\n/)
})

test('fields of the wrong kind are passed over', () => {
  const body = JSON.stringify({
    message: 'Property values were not valid: [1,null,{"message":"a","name":2,"error":3}]',
    category: 7,
    context: 'text',
    errors: { a: 1 },
  })
  const fault = faultOfResponse({ status: 400, headers: {}, body }, { table: contacts })
  assert.equal(fault.code, 'platform_failed')
})
