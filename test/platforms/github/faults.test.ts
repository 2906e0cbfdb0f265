// Goal: every error body of GitHub that we have seen becomes a sensible fault.
// Method: bodies recorded, documented or reported by others, restated, each with the fault that a person would expect.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { createLog } from '../../../src/lib/log.ts'
import type { FaultCode } from '../../../src/mutation/fault.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import { readDocument, readRow } from '../../../src/platforms/github/answers.ts'
import { tableFor } from '../../../src/platforms/github/describe.ts'
import { mutationField } from '../../../src/platforms/github/documents.ts'
import { faultOfResponse } from '../../../src/platforms/github/faults.ts'
import { errorAt, tableOf } from './fake.ts'

let labels: SyncedTable
let issues: SyncedTable
let pulls: SyncedTable

before(async () => {
  labels = await tableOf('labels')
  issues = await tableOf('issues')
  pulls = await tableOf('pull_requests')
})

interface Expected {
  readonly code: FaultCode
  readonly column?: string
  readonly detail?: string
  readonly hint?: RegExp
}

type Errors = readonly (string | Record<string, unknown>)[]

/** Status, message, what is expected; errors; headers. */
type Case = [number, string, Expected, Errors?, Record<string, string>?]

/** Answers to a write of a label `{name: foo, color: invalid}`. */
const cases: Case[] = [
  [404, 'Branch not protected', { code: 'record_gone', hint: /permission as 404/ }],
  [422, 'Validation Failed', {
    code: 'validation_error',
    column: 'color',
    detail: 'Key (color)=(invalid) is not valid.',
  }, [{ resource: 'Label', code: 'invalid', field: 'color' }]],
  [422, 'Validation Failed', {
    code: 'duplicate',
    column: 'name',
    detail: 'Key (name)=(foo) already exists.',
  }, [{ resource: 'Label', code: 'already_exists', field: 'name' }]],
  [422, 'Validation Failed', { code: 'required_value_missing', column: 'name' }, [
    { resource: 'Label', code: 'missing_field', field: 'name' },
  ]],
  [422, 'Validation Failed', { code: 'reference_missing' }, [
    { resource: 'Milestone', code: 'missing', field: 'milestone' },
  ]],
  [422, 'Validation Failed', {
    code: 'value_too_long',
    column: 'name',
    detail: 'Key (name)=(foo) is too long (maximum is 50 characters).',
  }, [{
    resource: 'Label',
    code: 'custom',
    field: 'name',
    message: 'name is too long (maximum is 50 characters)',
  }]],
  [401, 'Bad credentials', { code: 'credential_refused', hint: /Reconnect/ }],
  [403, 'Max number of login attempt exceeded', { code: 'credential_refused' }],
  [422, 'Validation Failed', {
    code: 'validation_error',
    detail: 'Only organization repositories can have users and team restrictions.',
  }, ['Only organization repositories can have users and team restrictions']],
  [422, 'Invalid request.\n\n9 must be less than or equal to 6.', {
    code: 'validation_error',
    detail: 'Invalid request. 9 must be less than or equal to 6.',
  }],
  [422, 'Invalid request.\n\n"name" wasn\'t supplied.', {
    code: 'required_value_missing',
    column: 'name',
  }],
  [422, "Invalid request.\n\nFor 'properties/color', 7 is not a string.", {
    code: 'value_not_of_type',
    column: 'color',
  }],
  [422, 'Dismissal restrictions are supported only for repositories owned by an organization.', {
    code: 'validation_error',
  }],
  [422, 'Validation Failed', {
    code: 'validation_error',
    detail:
      "key is invalid. It must begin with 'ssh-rsa' or 'ssh-dss'. Check that you're copying the public half of the key.",
  }, [{
    field: 'key',
    resource: 'PublicKey',
    code: 'custom',
    message:
      "key is invalid. It must begin with 'ssh-rsa' or 'ssh-dss'. Check that you're copying the public half of the key",
  }]],
  [404, 'Not Found', { code: 'record_gone' }],
  [401, "'Expiration time' claim ('exp') must be a numeric value", { code: 'credential_refused' }],
  [400, 'Problems parsing JSON', { code: 'bad_request', detail: 'Problems parsing JSON.' }],
  [422, 'The permissions requested are not granted to this installation.', {
    code: 'validation_error',
  }],
  [422, 'Vulnerability alerts must be enabled to configure automated security fixes.', {
    code: 'validation_error',
  }],
  [403, 'You must be an admin to create an invitation to an organization.', {
    code: 'not_permitted',
  }],
  [403, 'You need to be a member', { code: 'not_permitted' }],
  [422, 'Invalid event: "non-existing-event"', { code: 'validation_error' }],
  [403, 'Must have push access to view collaborator permission.', { code: 'not_permitted' }],
  [409, 'There are merge conflicts', { code: 'row_locked' }],
  [409, 'Merge conflict', { code: 'row_locked' }],
  [422, 'Invalid new_owner', { code: 'validation_error' }],
  [401, 'Must specify two-factor authentication OTP code.', { code: 'credential_refused' }],
  [
    403,
    'You have triggered an abuse detection mechanism. Please wait a few minutes.',
    {
      code: 'rate_limited',
      hint: /^Try again in 17 seconds\.$/,
    },
    [],
    { 'retry-after': '17' },
  ],
  [403, 'Missing or invalid User Agent string.', { code: 'not_permitted' }],
  [
    403,
    'API Rate Limit Exceeded for 92.104.200.119',
    {
      code: 'rate_limited',
      hint: /^Try again in 40 seconds\.$/,
    },
    [],
    {
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1763805640',
      date: 'Sat, 22 Nov 2025 10:00:00 GMT',
    },
  ],
  [422, "Required input 'mandatory-parameter' not provided", { code: 'required_value_missing' }],
  [422, "Workflow does not have 'workflow_dispatch' trigger", { code: 'validation_error' }],
  [403, 'Unable to disable a workflow that is not active.', { code: 'not_permitted' }],
  [403, 'Must have admin rights to Repository.', { code: 'not_permitted' }],
  [422, 'Reference does not exist', { code: 'reference_missing' }],
  [422, 'Validation Failed', { code: 'duplicate' }, [{
    resource: 'PullRequest',
    code: 'custom',
    message: 'A pull request already exists for octo:feature.',
  }]],
  [405, 'Method not allowed. To make changes to a key, delete the existing key.', {
    code: 'form_not_supported',
  }],
  [
    403,
    'You have exceeded a secondary rate limit and have been temporarily blocked from content creation.',
    { code: 'rate_limited', hint: /^Try again in 60 seconds\.$/ },
  ],
  [403, 'You have exceeded a secondary rate limit. Please wait a few minutes.', {
    code: 'rate_limited',
  }],
  [403, 'API rate limit exceeded for installation ID 7.', { code: 'rate_limited' }],
  [429, 'Too many requests', { code: 'rate_limited' }],
  [409, 'is at 8362 but expected 72b0', { code: 'row_locked' }],
  [410, 'Issues are disabled for this repo', {
    code: 'form_not_supported',
    hint: /settings of the repository/,
  }],
  [410, 'This issue was deleted', { code: 'record_gone' }],
  [451, 'Repository access blocked', { code: 'not_permitted' }],
  [301, 'Moved Permanently', { code: 'record_gone', hint: /moved/ }],
  [418, 'I am a teapot', { code: 'platform_failed' }],
]

const log = createLog({ level: 'error', write: () => {} })

const row = (id: string | null) => ({
  ordinal: 7,
  id,
  values: { repository: 'octo/hello', name: 'foo', color: 'invalid' },
  key: { repository: 'octo/hello', name: 'foo', node_id: 'LA_1' },
})

function target(table: SyncedTable, operation: Operation) {
  return { table, operation, shape: tableFor(table.object), log }
}

describe('answers of the REST API', () => {
  for (const [status, message, expected, errors = [], headers = {}] of cases) {
    test(`${status}: ${message} ${JSON.stringify(errors)}`.slice(0, 120), () => {
      const response = { status, headers, body: JSON.stringify({ message, errors }) }
      const result = readRow(response, row('1'), target(labels, 'update'))
      assert.ok(result.state === 'refused', JSON.stringify(result))
      const { fault } = result
      assert.equal(fault.code, expected.code, JSON.stringify(fault))
      assert.equal(fault.column, expected.column)
      assert.equal(fault.row, 7)
      assert.equal(fault.schema, 'github')
      assert.equal(fault.table, 'labels')
      if (expected.detail !== undefined) assert.equal(fault.detail, expected.detail)
      if (expected.hint !== undefined) assert.match(fault.hint ?? '', expected.hint)
    })
  }

  test('an answer that is none of the API is a failure that wrote nothing', () => {
    for (const body of ['', '<html>', '[]', '{"error":"Bad Request"}']) {
      const fault = faultOfResponse({ status: 404, headers: {}, body: '' }, {})
      assert.equal(fault.code, 'not_found')
      const result = readRow({ status: 415, headers: {}, body }, row('1'), target(labels, 'update'))
      assert.ok(result.state === 'refused')
      assert.equal(result.fault.code, 'platform_failed')
    }
  })

  test('a long value is cut and the words of GitHub are kept', () => {
    const long = { ...row(null), values: { title: 'x'.repeat(300), head: 'nope', base: 'main' } }
    const body = JSON.stringify({
      message: 'Validation Failed',
      errors: [{ resource: 'PullRequest', field: 'head', code: 'invalid' }],
    })
    const bad = readRow({ status: 422, headers: {}, body }, long, target(pulls, 'insert'))
    assert.ok(bad.state === 'refused')
    assert.equal(bad.fault.detail, 'Key (head)=(nope) is not valid.')
    assert.equal(bad.fault.message, 'github validation error')
    const title = JSON.stringify({
      message: 'Validation Failed',
      errors: [{ field: 'title', code: 'invalid' }],
    })
    const cut = readRow({ status: 422, headers: {}, body: title }, long, target(pulls, 'insert'))
    assert.ok(cut.state === 'refused')
    assert.ok((cut.fault.detail ?? '').length < 150)
  })
})

describe('errors of the GraphQL API', () => {
  const types: [string, string, Expected, Operation?][] = [
    ['NOT_FOUND', "Could not resolve to a node with the global id of 'I_1'", {
      code: 'record_gone',
      hint: /permission as 404/,
    }],
    [
      'NOT_FOUND',
      'Could not resolve',
      { code: 'not_permitted', hint: /permission as 404/ },
      'insert',
    ],
    ['FORBIDDEN', 'Resource not accessible by integration', { code: 'not_permitted' }],
    ['INSUFFICIENT_SCOPES', 'Your token has not been granted the required scopes', {
      code: 'not_permitted',
      hint: /scopes/,
    }],
    ['UNPROCESSABLE', "Title can't be blank", { code: 'required_value_missing', column: 'title' }],
    ['UNPROCESSABLE', 'Body is too long (maximum is 65536 characters)', {
      code: 'value_too_long',
      column: 'body',
      detail: 'Key (body)=(b) is too long (maximum is 65536 characters).',
    }],
    ['UNPROCESSABLE', 'Could not resolve to a label', { code: 'reference_missing' }],
    ['UNPROCESSABLE', 'Something it does not like', { code: 'validation_error' }],
    ['UNPROCESSABLE', 'was submitted too quickly', { code: 'rate_limited' }],
    ['RATE_LIMITED', 'API rate limit exceeded for user ID 1.', { code: 'rate_limited' }],
  ]
  for (const [type, message, expected, operation = 'update'] of types) {
    test(`${type}: ${message}, ${operation}`, () => {
      const at = target(issues, operation)
      const field = mutationField(at)
      assert.ok(field)
      const body = JSON.stringify({ data: { m0: null }, errors: [errorAt('m0', type, message)] })
      const rows = [{ ordinal: 3, id: '1', values: { title: 't', body: 'b' } }]
      const [result] = readDocument({ status: 200, headers: {}, body }, {
        rows,
        mutation: field,
        target: at,
      })
      assert.ok(result?.state === 'refused', JSON.stringify(result))
      assert.equal(result.fault.code, expected.code)
      assert.equal(result.fault.row, 3)
      if (expected.column !== undefined) assert.equal(result.fault.column, expected.column)
      if (expected.detail !== undefined) assert.equal(result.fault.detail, expected.detail)
      if (expected.hint !== undefined) assert.match(result.fault.hint ?? '', expected.hint)
    })
  }

  test('a type that we do not know leaves the row unknown', () => {
    const at = target(issues, 'update')
    const field = mutationField(at)
    assert.ok(field)
    for (const type of ['SERVICE_UNAVAILABLE', 'INVALID_CURSOR_ARGUMENTS', 'constructor']) {
      const body = JSON.stringify({ data: { m0: null }, errors: [errorAt('m0', type, 'x')] })
      const rows = [{ ordinal: 3, id: '1', values: {} }]
      const [result] = readDocument({ status: 200, headers: {}, body }, {
        rows,
        mutation: field,
        target: at,
      })
      assert.equal(result?.state, 'unknown')
    }
  })
})
