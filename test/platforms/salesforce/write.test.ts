// Goal: one statement is one write request; every answer becomes the outcome that it proves, and no better one.
// Method: a server that answers what the API's documents say, and the ways in which answers go wrong.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp } from '../../../src/lib/http.ts'
import { fault } from '../../../src/mutation/fault.ts'
import { answerBytesMax } from '../../../src/mutation/limits.ts'
import type { Outcome } from '../../../src/mutation/mutation.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { isOutcomeOf } from '../../../src/service/check.ts'
import { untilBegun } from '../../help/fake-api.ts'
import {
  type Answer,
  composite,
  contacts,
  type FakeOrg,
  fakeOrg,
  idAt,
  mutation,
  noReference,
  records,
  refusedRow,
  rolledBackRow,
  type Script,
  written,
} from './fake.ts'

let org: FakeOrg

before(async () => {
  org = await fakeOrg()
})
after(() => org.close())

const insertOne = mutation('insert', [{ last_name: 'Dune', email: 'pauldune.co' }])
const updateOne = mutation('update', [{ email: 'pauldune.co' }])
const deleteOne = mutation('delete', [{}])

function faultIn(outcome: Outcome, state: 'refused' | 'unknown') {
  const found: string = outcome.state
  assert.ok(found === state && outcome.state !== 'accepted', JSON.stringify(outcome))
  return outcome.fault
}

function acceptedRows(outcome: Outcome) {
  assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  assert.ok(outcome.state === 'accepted')
  return outcome.rows
}

async function writeAgainst(answers: (Script | Answer)[], what = insertOne): Promise<Outcome> {
  org.play(...answers.map((answer) => typeof answer === 'function' ? answer : () => answer))
  return await salesforce.write(what, contacts, org.caller())
}

describe('large and odd answers', () => {
  test('200 records with two texts of 100 kB each are read back whole', async () => {
    const http = createHttp({ bytesMax: answerBytesMax })
    try {
      const long = 'x'.repeat(100_000)
      const rows = Array.from({ length: 200 }, () => ({ last_name: 'Dune' }))
      const read = records(200, () => ({ FirstName: long, Status__c: long }))
      org.play(() => composite(written(200), read))
      const caller = org.caller({ http, deadline: deadlineIn(60_000) })
      const outcome = await salesforce.write(mutation('update', rows), contacts, caller)
      const answered = acceptedRows(outcome)
      assert.equal(answered.length, 200)
      assert.ok(answered.every(({ values }) => values?.['status__c'] === long))
      assert.equal(org.asked.length, 1)
    } finally {
      await http.close()
    }
  })

  for (const operation of ['update', 'delete'] as const) {
    test(`a record of an ${operation} keeps the id of 15 characters that it was given`, async () => {
      const id = idAt(1).slice(0, 15)
      const values = operation === 'update' ? { last_name: 'x' } : {}
      const one = { ...mutation(operation, [values]), rows: [{ ordinal: 1, id, values }] }
      const answer = operation === 'update'
        ? composite(written(1), records(1, () => ({ LastName: 'x' })))
        : written(1)
      const outcome = await writeAgainst([answer], one)
      assert.ok(isOutcomeOf(one, outcome))
      const [row] = acceptedRows(outcome)
      assert.equal(row?.id, id)
      assert.equal(row?.values?.['id'], operation === 'update' ? id : undefined)
    })
  }

  test('a code that is a name of every object is no hint, and lists and codes are told in part', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => idAt(i))
    const matchRecords = ids.map((Id) => ({ record: { Id } }))
    const error = {
      statusCode: 'DUPLICATES_DETECTED',
      message: 'like others',
      fields: [],
      duplicateResult: { matchResults: [{ matchRecords }] },
    }
    const refusal = { body: [{ success: false, errors: [error] }] }
    const found = faultIn(await writeAgainst([composite(refusal, noReference)]), 'refused')
    assert.match(found.detail ?? '', / and 990 more\)\.$/)
    assert.ok((found.detail ?? '').length < 500)
    const odd = { body: [refusedRow('constructor', '')] }
    const other = faultIn(await writeAgainst([composite(odd, noReference)]), 'refused')
    assert.deepEqual([other.code, other.hint], ['platform_failed', undefined])
    const long = { body: [refusedRow('X'.repeat(1_000_000), '')] }
    const cut = faultIn(await writeAgainst([composite(long, noReference)]), 'refused')
    assert.ok((cut.detail ?? '').length < 1_100)
  })
})

describe('what is sent', () => {
  for (const count of [1, 200]) {
    test(`an insert of ${count} rows is one request that reads the records back`, async () => {
      const rows = Array.from(
        { length: count },
        (_, i) => ({ last_name: `Dune ${i}`, email: null }),
      )
      const read = records(count, (i) => ({ LastName: `Dune ${i}`, Name: `Dune ${i}` }))
      const outcome = await writeAgainst(
        [composite(written(count), read)],
        mutation('insert', rows),
      )
      assert.equal(org.asked.length, 1)
      const [asked] = org.asked
      assert.equal(asked?.method, 'POST')
      assert.equal(asked?.url, '/services/data/v62.0/composite')
      assert.equal(asked?.headers['authorization'], 'Bearer first')
      assert.equal(asked?.headers['content-length'], String(Buffer.byteLength(asked?.body ?? '')))
      const body = JSON.parse(asked?.body ?? '')
      assert.equal(body.collateSubrequests, false)
      const [write, back] = body.compositeRequest
      assert.equal(write.method, 'POST')
      assert.equal(write.url, '/services/data/v62.0/composite/sobjects')
      assert.equal(write.body.allOrNone, true)
      assert.equal(write.body.records.length, count)
      assert.deepEqual(write.body.records[0], {
        attributes: { type: 'Contact' },
        LastName: 'Dune 0',
      })
      assert.equal(back.method, 'POST')
      assert.equal(back.url, '/services/data/v62.0/composite/sobjects/Contact')
      assert.equal(back.body.ids[count - 1], `@{write[${count - 1}].id}`)
      assert.deepEqual(back.body.fields, contacts.columns.map(({ field }) => field))
      const accepted = acceptedRows(outcome)
      assert.equal(accepted.length, count)
      assert.deepEqual(accepted[count - 1], {
        ordinal: count,
        id: idAt(count),
        values: { id: idAt(count), last_name: `Dune ${count - 1}`, name: `Dune ${count - 1}` },
      })
    })

    test(`an update of ${count} rows is one request that reads the records back`, async () => {
      const rows = Array.from({ length: count }, () => ({ email: null, do_not_call: 'true' }))
      const read = records(count, () => ({ Email: null, DoNotCall: true }))
      const outcome = await writeAgainst(
        [composite(written(count), read)],
        mutation('update', rows),
      )
      assert.equal(org.asked.length, 1)
      const [write, back] = JSON.parse(org.asked[0]?.body ?? '').compositeRequest
      assert.equal(write.method, 'PATCH')
      assert.deepEqual(write.body.records[0], {
        attributes: { type: 'Contact' },
        id: idAt(1),
        Email: null,
        DoNotCall: true,
      })
      assert.equal(back.body.ids.length, count)
      assert.equal(back.body.ids[0], idAt(1))
      assert.deepEqual(acceptedRows(outcome)[0]?.values, {
        id: idAt(1),
        email: null,
        do_not_call: 'true',
      })
    })

    test(`a delete of ${count} rows is one request`, async () => {
      const rows = Array.from({ length: count }, () => ({}))
      const outcome = await writeAgainst([written(count)], mutation('delete', rows))
      assert.equal(org.asked.length, 1)
      const [asked] = org.asked
      assert.equal(asked?.method, 'DELETE')
      const ids = rows.map((_, i) => idAt(i + 1)).join(',')
      assert.equal(
        asked?.url,
        `/services/data/v62.0/composite/sobjects?ids=${ids}&allOrNone=true`,
      )
      assert.deepEqual(acceptedRows(outcome).at(-1), {
        ordinal: count,
        id: idAt(count),
        values: null,
      })
    })
  }

  test('numbers go out and come back with every digit', async () => {
    const text = '123456789012345.678'
    const read = `{"compositeResponse":[
      {"referenceId":"write","httpStatusCode":201,"httpHeaders":{},"body":[{"id":"${
      idAt(1)
    }","success":true,"errors":[]}]},
      {"referenceId":"read","httpStatusCode":200,"httpHeaders":{},"body":[{"Id":"${
      idAt(1)
    }","Score__c":${text},"Visits__c":9007199254740993}]}]}`
    const what = mutation('insert', [{
      last_name: 'x',
      score__c: text,
      visits__c: '9007199254740993',
    }])
    const outcome = await writeAgainst([{ body: read }], what)
    assert.match(org.asked[0]?.body ?? '', /"Score__c":123456789012345\.678,/)
    assert.match(org.asked[0]?.body ?? '', /"Visits__c":9007199254740993[,}]/)
    const [row] = acceptedRows(outcome)
    assert.equal(row?.values?.['score__c'], text)
    assert.equal(row?.values?.['visits__c'], '9007199254740993')
  })

  test('a value that holds @{ is never put where Salesforce would take it for a reference', async () => {
    const what = mutation('insert', [{ last_name: 'Dune', first_name: '@{write[0].id}' }])
    const read = records(1, () => ({ LastName: 'Dune', FirstName: '@{write[0].id}' }))
    const outcome = await writeAgainst([written(1), read], what)
    assert.deepEqual(org.asked.map(({ url }) => url), [
      '/services/data/v62.0/composite/sobjects',
      '/services/data/v62.0/composite/sobjects/Contact',
    ])
    assert.equal(JSON.parse(org.asked[0]?.body ?? '').allOrNone, true)
    assert.equal(acceptedRows(outcome)[0]?.values?.['first_name'], '@{write[0].id}')
  })

  test('no rows are no request', async () => {
    assert.deepEqual(acceptedRows(await writeAgainst([], mutation('update', []))), [])
    assert.equal(org.asked.length, 0)
  })
})

describe('what is refused before anything is sent', () => {
  const cases: Record<string, { what: Parameters<typeof salesforce.write>[0]; code: string }> = {
    'more rows than 200': {
      what: mutation('delete', Array.from({ length: 201 }, () => ({}))),
      code: 'too_many_rows',
    },
    'a column that is computed': {
      what: mutation('update', [{ name: 'x' }]),
      code: 'column_read_only',
    },
    'a column that is not there': {
      what: mutation('insert', [{ nope: 'x' }]),
      code: 'column_unknown',
    },
    'a number that JSON does not have': {
      what: mutation('insert', [{ score__c: 'NaN' }]),
      code: 'value_out_of_range',
    },
    'a list item with the separator in it': {
      what: mutation('insert', [{ topics__c: '["a;b"]' }]),
      code: 'value_not_of_type',
    },
    'an id that is not one': {
      what: { ...deleteOne, rows: [{ ordinal: 1, id: '1&x=', values: {} }] },
      code: 'value_not_of_type',
    },
  }
  for (const [name, { what, code }] of Object.entries(cases)) {
    test(name, async () => {
      const fault = faultIn(await writeAgainst([], what), 'refused')
      assert.equal(fault.code, code)
      assert.equal(fault.table, 'contacts')
      assert.equal(fault.platform, 'salesforce')
      assert.equal(org.asked.length, 0)
    })
  }

  test('a statement that was cancelled, timed out, or has no credential', async () => {
    org.play(() => written(1))
    const cancelled = org.caller({ signal: AbortSignal.abort() })
    const late = org.caller({ deadline: deadlineIn(-1) })
    const revoked = org.caller({ token: () => Promise.reject(fault('credential_refused')) })
    const codes = []
    for (const caller of [cancelled, late, revoked]) {
      codes.push(faultIn(await salesforce.write(deleteOne, contacts, caller), 'refused').code)
    }
    assert.deepEqual(codes, ['statement_cancelled', 'statement_timed_out', 'credential_refused'])
    assert.equal(org.asked.length, 0)
  })

  test('a platform that cannot be reached', async () => {
    const gone = await fakeOrg()
    await gone.close()
    const caller = org.caller({ baseUrl: gone.url })
    const outcome = await salesforce.write(insertOne, contacts, caller)
    const refused = faultIn(outcome, 'refused')
    assert.equal(refused.code, 'unreachable')
    assert.equal(refused.sqlstate, '58030')
  })

  test('a token that is slow to come does not outlast the deadline', async () => {
    const caller = org.caller({ deadline: deadlineIn(50), token: () => new Promise(() => {}) })
    const outcome = await salesforce.write(insertOne, contacts, caller)
    assert.equal(faultIn(outcome, 'refused').code, 'statement_timed_out')
  })
})

describe('refusals', () => {
  test('an invalid e-mail address has the promised text', async () => {
    const body = [
      refusedRow('INVALID_EMAIL_ADDRESS', 'Email: invalid email address: pauldune.co', ['Email']),
    ]
    for (const what of [insertOne, updateOne]) {
      const fault = faultIn(await writeAgainst([composite({ body }, noReference)], what), 'refused')
      assert.deepEqual(fault, {
        platform: 'salesforce',
        schema: 'salesforce',
        table: 'contacts',
        constraint: 'INVALID_EMAIL_ADDRESS',
        detail: 'Key (email)=(pauldune.co) is not a valid email address.',
        column: 'email',
        row: 1,
        code: 'validation_error',
        sqlstate: '23514',
        message: 'salesforce validation error',
      })
      assert.equal(org.asked.length, 1)
    }
  })

  test('the row at fault is named, not those that were rolled back with it', async () => {
    const what = mutation('insert', [{ last_name: 'a' }, { first_name: 'b' }, { last_name: 'c' }])
    const body = [
      rolledBackRow,
      refusedRow('REQUIRED_FIELD_MISSING', 'Required fields are missing: [LastName]', ['LastName']),
      rolledBackRow,
    ]
    const fault = faultIn(await writeAgainst([composite({ body }, noReference)], what), 'refused')
    assert.equal(fault.code, 'required_value_missing')
    assert.equal(fault.sqlstate, '23502')
    assert.equal(fault.row, 2)
    assert.equal(fault.column, 'last_name')
    assert.equal(fault.detail, 'Required fields are missing: [LastName].')
  })

  test('of several rows at fault the first is named and the others are counted', async () => {
    const row = refusedRow(
      'STRING_TOO_LONG',
      'First Name: data value too large: x (max length=40)',
      [
        'FirstName',
      ],
    )
    const long = 'x'.repeat(300)
    const what = mutation('insert', [{ last_name: 'a' }, { first_name: long }, {
      first_name: long,
    }])
    const body = [rolledBackRow, row, row]
    const fault = faultIn(await writeAgainst([composite({ body }, noReference)], what), 'refused')
    assert.equal(fault.code, 'value_too_long')
    assert.equal(fault.row, 2)
    assert.equal(
      fault.detail,
      `Key (first_name)=(${
        'x'.repeat(100)
      }…) is longer than 40 characters. 1 more row is at fault.`,
    )
  })

  test('a duplicate names the record that has the value', async () => {
    const what = mutation('insert', [{ last_name: 'a', external_id__c: 'x-1' }])
    const words =
      'duplicate value found: External_Id__c duplicates value on record with id: 003xx000003DGb2'
    const body = [refusedRow('DUPLICATE_VALUE', words)]
    const fault = faultIn(await writeAgainst([composite({ body }, noReference)], what), 'refused')
    assert.equal(fault.sqlstate, '23505')
    assert.equal(fault.column, 'external_id__c')
    assert.equal(fault.detail, 'Key (external_id__c)=(x-1) already exists (id 003xx000003DGb2).')
  })

  test('a delete of a record that is gone', async () => {
    const body = [refusedRow('ENTITY_IS_DELETED', 'entity is deleted')]
    const fault = faultIn(await writeAgainst([{ body }], deleteOne), 'refused')
    assert.equal(fault.code, 'record_gone')
    assert.equal(fault.row, 1)
  })

  test('an unknown code in an all-or-none collection surely wrote nothing', async () => {
    const body = [refusedRow('SOMETHING_NEW', 'Nobody has seen this.')]
    const fault = faultIn(await writeAgainst([composite({ body }, noReference)]), 'refused')
    assert.equal(fault.code, 'platform_failed')
    assert.equal(fault.constraint, 'SOMETHING_NEW')
    assert.equal(fault.detail, 'Nobody has seen this.')
  })

  test('rows that were all rolled back, without a reason', async () => {
    const fault = faultIn(
      await writeAgainst([composite({ body: [rolledBackRow] }, noReference)]),
      'refused',
    )
    assert.equal(fault.code, 'platform_failed')
  })

  test('a part that was refused as a whole', async () => {
    const write: Answer = {
      status: 400,
      body: [{ errorCode: 'JSON_PARSER_ERROR', message: 'Cannot deserialize instance of date' }],
    }
    const fault = faultIn(await writeAgainst([composite(write, noReference)]), 'refused')
    assert.equal(fault.code, 'value_not_of_type')
    assert.equal(fault.row, 1)
  })

  const requests: [string, Answer, string][] = [
    ['the daily limit', {
      status: 403,
      body: [{ errorCode: 'REQUEST_LIMIT_EXCEEDED', message: 'TotalRequests Limit exceeded.' }],
    }, 'rate_limited'],
    ['a limit at a gateway', {
      status: 429,
      headers: { 'retry-after': '7' },
      body: '<html>slow down</html>',
    }, 'rate_limited'],
    ['a missing permission', {
      status: 403,
      body: [{ errorCode: 'INSUFFICIENT_ACCESS_OR_READONLY', message: 'insufficient access' }],
    }, 'not_permitted'],
    ['an unreadable 404', { status: 404, body: '<html>' }, 'platform_failed'],
    ['a lock, said with 500', {
      status: 500,
      body: [{ errorCode: 'UNABLE_TO_LOCK_ROW', message: 'unable to obtain exclusive access' }],
    }, 'row_locked'],
  ]
  for (const [name, answer, code] of requests) {
    test(`the whole request: ${name}`, async () => {
      const fault = faultIn(await writeAgainst([answer]), 'refused')
      assert.equal(fault.code, code)
      assert.equal(org.asked.length, code === 'row_locked' ? 4 : 1) // a lock is waited for
      if (answer.headers !== undefined) assert.equal(fault.hint, 'Try again in 7 s.')
    })
  }
})

describe('unknown outcomes', () => {
  const destroy: Script = (_asked, response) => {
    response.socket?.destroy()
    return undefined
  }
  const truncate: Script = (_asked, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' })
    response.write('{"compositeResponse":[')
    response.socket?.end()
    return undefined
  }
  const twoWritten: Answer = composite(written(2), records(2, () => ({})))
  const answers: Record<string, Script | Answer> = {
    'a dropped connection': destroy,
    'a truncated answer': truncate,
    'a redirect': { status: 302, headers: { location: 'https://example.com/' }, body: '' },
    'HTML with 200': { headers: { 'content-type': 'text/html' }, body: '<html>ok</html>' },
    'JSON that is cut': { body: '{"compositeResponse":[' },
    'JSON of another shape': { body: { ok: true } },
    'a composite without the part that writes': { body: { compositeResponse: [] } },
    'more results than rows': twoWritten,
    'results without ids': composite({ body: [{ success: true, errors: [] }] }, noReference),
    'results that are not objects': composite({ body: [null] }, noReference),
    'a result that is neither': composite({ body: [{ id: idAt(1), errors: [] }] }, noReference),
    'a 500 without a code': { status: 500, body: '<html>' },
    'a 503': {
      status: 503,
      body: [{ errorCode: 'SERVER_UNAVAILABLE', message: 'Server Unavailable' }],
    },
    'a 500 in the part': composite(
      { status: 500, body: [{ errorCode: 'UNKNOWN_EXCEPTION', message: 'An unexpected error' }] },
      noReference,
    ),
    'a 408': { status: 408, body: '' },
  }
  for (const [name, answer] of Object.entries(answers)) {
    test(`${name} is unknown after one request`, async () => {
      const fault = faultIn(await writeAgainst([answer]), 'unknown')
      assert.equal(fault.code, 'outcome_unknown')
      assert.equal(fault.sqlstate, '40003')
      assert.equal(fault.table, 'contacts')
      assert.notEqual(fault.hint, undefined)
      assert.equal(org.asked.length, 1)
    })
  }

  test('an answer that never comes is unknown at the deadline', async () => {
    org.play(() => undefined)
    const outcome = await untilBegun(
      () => salesforce.write(insertOne, contacts, org.caller({ deadline: deadlineIn(1_000) })),
      () => org.asked.length > 0,
    )
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
    assert.equal(org.asked.length, 1)
  })

  test('some written and others not, which all-or-none rules out, is unknown', async () => {
    const what = mutation('insert', [{ last_name: 'a' }, { last_name: 'b' }])
    const body = [{ id: idAt(1), success: true, errors: [] }, refusedRow('APEX_ERROR', 'x')]
    const answer = composite({ body }, noReference)
    assert.equal(faultIn(await writeAgainst([answer], what), 'unknown').code, 'outcome_unknown')
  })

  test('an update that is answered with the id of another record is unknown', async () => {
    const body = [{ id: idAt(9), success: true, errors: [] }]
    const answer = composite({ body }, records(1, () => ({})))
    assert.equal(
      faultIn(await writeAgainst([answer], updateOne), 'unknown').code,
      'outcome_unknown',
    )
  })
})

describe('tokens', () => {
  const expired: Answer = {
    status: 401,
    body: [{ errorCode: 'INVALID_SESSION_ID', message: 'Session expired or invalid' }],
  }
  const good = composite(written(1), records(1, () => ({ LastName: 'Dune' })))

  test('a token that expired is replaced once and the write is sent again, as the first wrote nothing', async () => {
    const outcome = await writeAgainst([expired, good])
    acceptedRows(outcome)
    assert.deepEqual(org.asked.map(({ headers }) => headers['authorization']), [
      'Bearer first',
      'Bearer second',
    ])
  })

  test('a second refusal ends it', async () => {
    const fault = faultIn(await writeAgainst([expired]), 'refused')
    assert.equal(fault.code, 'credential_refused')
    assert.equal(fault.sqlstate, '28000')
    assert.match(fault.hint ?? '', /Reconnect/)
    assert.equal(org.asked.length, 2)
  })

  test('a connection lost after the token was replaced is unknown', async () => {
    const outcome = await writeAgainst([expired, (_asked, response) => {
      response.socket?.destroy()
      return undefined
    }])
    assert.equal(faultIn(outcome, 'unknown').code, 'outcome_unknown')
    assert.equal(org.asked.length, 2)
  })
})

describe('reading back', () => {
  const unread: Answer = { status: 400, body: [{ errorCode: 'INVALID_FIELD', message: 'No such' }] }

  test('a failure to read back is made good by one more read', async () => {
    const outcome = await writeAgainst([
      composite(written(1), unread),
      records(1, () => ({ LastName: 'From there' })),
    ])
    assert.equal(acceptedRows(outcome)[0]?.values?.['last_name'], 'From there')
    assert.equal(org.asked.length, 2)
    assert.equal(org.asked[1]?.url, '/services/data/v62.0/composite/sobjects/Contact')
    assert.deepEqual(JSON.parse(org.asked[1]?.body ?? '').ids, [idAt(1)])
  })

  for (const [name, second] of Object.entries({ refused: unread, html: { body: '<html>' } })) {
    test(`without that too (${name}) the rows are accepted as they were sent`, async () => {
      const outcome = await writeAgainst([composite(written(1), unread), second])
      assert.deepEqual(acceptedRows(outcome), [{
        ordinal: 1,
        id: idAt(1),
        values: { last_name: 'Dune', email: 'pauldune.co', id: idAt(1) },
      }])
      assert.equal(org.asked.length, 2)
    })
  }

  test('records of other ids are not believed', async () => {
    const wrong: Answer = { body: [{ Id: idAt(5), LastName: 'Someone else' }] }
    const outcome = await writeAgainst([composite(written(1), wrong), wrong])
    assert.equal(acceptedRows(outcome)[0]?.values?.['last_name'], 'Dune')
  })

  test('a record that is not visible any more comes back as it was sent', async () => {
    const outcome = await writeAgainst([composite(written(1), { body: [null] })])
    assert.equal(acceptedRows(outcome)[0]?.values?.['last_name'], 'Dune')
    assert.equal(org.asked.length, 1)
  })
})
