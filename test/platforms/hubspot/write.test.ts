// Goal: what a mutation sends to HubSpot, and what each answer, or none, makes of every row.
// Method: the adapter over real sockets against a server that answers what the test says.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deadlineIn, withDeadline } from '../../../src/lib/deadline.ts'
import { fault } from '../../../src/mutation/fault.ts'
import type { Outcome, Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { untilBegun } from '../../help/fake-api.ts'
import {
  type Answer,
  apiError,
  badProperties,
  batch,
  contacts,
  type FakePortal,
  fakePortal,
  idAt,
  mutation,
  record,
} from './fake.ts'

let portal: FakePortal
before(async () => {
  portal = await fakePortal()
})
after(async () => await portal.close())

const answer = (given: Answer) => () => given
const batchInsert = { settings: { batchInsert: true } }

function numbered(count: number, values: (n: number) => Values): Values[] {
  return Array.from({ length: count }, (_, i) => values(i + 1))
}

function rowsOf(outcome: Outcome) {
  assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  return outcome.state === 'accepted' ? outcome.rows : []
}

function faultIn(outcome: Outcome, state: 'refused' | 'unknown') {
  assert.ok(outcome.state === state, JSON.stringify(outcome))
  return outcome.fault
}

function paths() {
  return portal.asked.map(({ method, url }) => `${method} ${url}`)
}

async function send(
  operation: 'insert' | 'update' | 'delete',
  rows: readonly Values[],
  more: Partial<Caller> & { table?: SyncedTable } = {},
): Promise<Outcome> {
  const { table = contacts, ...caller } = more
  return await hubspot.write(mutation(operation, rows), table, portal.caller(caller))
}

const one = { email: 'ann@example.com', lastname: 'Ash' }

/** The table with columns more that no other test needs. */
function withSeen(): SyncedTable {
  const [first] = contacts.columns.filter(({ name }) => name === 'lastname')
  assert.ok(first)
  const more = [['seen', 'last_seen', 'timestamptz'], ['born', 'born', 'date'], [
    'constructor',
    'constructor',
    'date',
  ]].map(([name = '', field = '', type = '']) => ({ ...first, name, field, type }))
  return { ...contacts, columns: [...contacts.columns, ...more] }
}

describe('an insert of one row', () => {
  test('posts one object and reads it back with every property of the table', async () => {
    portal.play(
      answer({ status: 201, body: record(1, { email: 'ann@example.com' }) }),
      answer({ body: batch([record(1, { ...one, num_notes: '3', topics: 'a;b', score: null })]) }),
    )
    const [row] = rowsOf(await send('insert', [{ ...one, firstname: null }]))
    assert.deepEqual(paths(), [
      'POST /crm/v3/objects/contacts',
      'POST /crm/v3/objects/contacts/batch/read',
    ])
    const [write, read] = portal.asked
    assert.deepEqual(JSON.parse(write?.body ?? ''), { properties: one })
    assert.equal(write?.headers['authorization'], 'Bearer first')
    assert.match(write?.headers['content-type'] ?? '', /^application\/json/)
    assert.equal(write?.headers['content-length'], String(write?.body.length))
    const properties = contacts.columns.map(({ field }) => field)
      .filter((field) => !['id', 'createdAt', 'updatedAt'].includes(field))
    assert.deepEqual(JSON.parse(read?.body ?? ''), {
      inputs: [{ id: idAt(1) }],
      properties,
      propertiesWithHistory: [],
    })
    assert.deepEqual(row, {
      ordinal: 1,
      id: idAt(1),
      values: {
        id: idAt(1),
        ...one,
        num_notes: '3',
        topics: '["a","b"]',
        score: null,
        created_at: '2026-11-03T23:36:13.632+00:00',
        updated_at: '2026-11-04T20:29:54.1+00:00',
      },
    })
  })

  test('numbers reach the wire digit for digit, and come back so', async () => {
    const score = '123456789012345678.123456789012345678'
    portal.play(
      answer({ status: 201, body: record(1, { score }) }),
      answer({ body: batch([record(1, { score })]) }),
    )
    const [row] = rowsOf(await send('insert', [{ score }]))
    assert.equal(portal.asked[0]?.body, `{"properties":{"score":"${score}"}}`)
    assert.equal(row?.values?.['score'], score)
  })

  test('a JSON number in an answer keeps its digits too', async () => {
    const body = JSON.stringify(batch([record(1, { score: 'here' })]))
      .replace('"here"', '900719925474099312.50')
    portal.play(answer({ status: 201, body: record(1, {}) }), answer({ body }))
    const [row] = rowsOf(await send('insert', [one]))
    assert.equal(row?.values?.['score'], '900719925474099312.50')
  })

  test('when it cannot be read back it is as it was sent, with what was answered', async () => {
    portal.play(
      answer({
        status: 201,
        body: record(1, { email: 'ann@example.com', lifecyclestage: 'lead' }),
      }),
      answer({ status: 500, body: '' }),
    )
    const [row] = rowsOf(await send('insert', [{ ...one, email: 'ANN@example.com' }]))
    assert.deepEqual(row?.values, {
      ...one,
      lifecyclestage: 'lead',
      id: idAt(1),
      created_at: '2026-11-03T23:36:13.632+00:00',
      updated_at: '2026-11-04T20:29:54.1+00:00',
    })
    assert.equal(portal.asked.length, 2)
  })

  test('it is read back within ten seconds, however late the deadline is', async () => {
    portal.play(answer({ status: 201, body: record(1, {}) }), answer({ status: 500 }))
    const { http } = portal.caller()
    const waitsMs: number[] = []
    const send: Caller['http']['send'] = (request) => {
      waitsMs.push(request.waitMs)
      return http.send(request)
    }
    const caller = portal.caller({ deadline: deadlineIn(60_000), http: { ...http, send } })
    rowsOf(await hubspot.write(mutation('insert', [one]), contacts, caller))
    const [writeMs = 0, readMs = 0] = waitsMs
    assert.ok(writeMs > 50_000 && readMs <= 10_000, String(waitsMs))
  })

  test('moments that no Postgres holds are null, one far away is itself, and no object has more', async () => {
    const far = Date.UTC(20_265, 0, 1)
    const odd = record(1, { last_seen: String(far), born: '99999999-01-01' })
    portal.play(answer({ status: 201, body: record(1, {}) }), answer({ body: batch([odd]) }))
    const [row] = rowsOf(await send('insert', [one], { table: withSeen() }))
    assert.equal(row?.values?.['seen'], '20265-01-01T00:00:00+00:00')
    assert.equal(row?.values?.['born'], null)
    assert.equal(Object.hasOwn(row?.values ?? {}, 'constructor'), false)
  })

  test('a list in an error is told in part', async () => {
    const scopes = Array.from({ length: 1000 }, (_, i) => `scope.${i}.${'x'.repeat(1000)}`)
    const body = {
      ...apiError('MISSING_SCOPES', 'no'),
      context: { requiredGranularScopes: scopes },
    }
    portal.play(answer({ status: 403, body }))
    const { hint = '' } = faultIn(await send('insert', [one]), 'refused')
    assert.match(hint, /scope\.9\.x+… and 990 more/)
    assert.ok(hint.length < 2_000, String(hint.length))
  })

  test('a cancelled statement whose write is done is still read back', async () => {
    const stop = new AbortController()
    portal.play(
      () => {
        stop.abort()
        return { status: 201, body: record(1, {}) }
      },
      answer({ body: batch([record(1, { lastname: 'Ash' })]) }),
    )
    const [row] = rowsOf(await send('insert', [one], { signal: stop.signal }))
    assert.equal(row?.values?.['lastname'], 'Ash')
  })

  test('a refused value names column, value and row', async () => {
    portal.play(answer({
      status: 400,
      body: badProperties({
        name: 'email',
        error: 'INVALID_EMAIL',
        message: 'Email address pauldune.co is invalid',
      }),
    }))
    const found = faultIn(await send('insert', [{ email: 'pauldune.co' }]), 'refused')
    assert.deepEqual(found, {
      platform: 'hubspot',
      schema: 'hubspot',
      table: 'contacts',
      column: 'email',
      constraint: 'INVALID_EMAIL',
      row: 1,
      code: 'validation_error',
      sqlstate: '23514',
      message: 'hubspot validation error',
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
    })
    assert.equal(portal.asked.length, 1)
  })

  test('a custom object is written under the name that HubSpot takes', async () => {
    const cases = [['cars', 'p_cars'], ['2-123456', '2-123456'], ['p45_cars', 'p45_cars']] as const
    for (const [object, type] of cases) {
      portal.play(answer({ status: 201, body: record(1, {}) }), answer({ body: batch([]) }))
      rowsOf(await send('insert', [one], { table: { ...contacts, object } }))
      assert.equal(portal.asked[0]?.url, `/crm/v3/objects/${type}`)
    }
  })
})

describe('limits', () => {
  test('two rows are too many for an insert, and the hint names the setting', async () => {
    portal.play(answer({ status: 500 }))
    const found = faultIn(await send('insert', [one, one]), 'refused')
    assert.equal(found.code, 'too_many_rows')
    assert.match(found.hint ?? '', /batchInsert/)
    assert.equal(portal.asked.length, 0)
  })

  for (const operation of ['insert', 'update', 'delete'] as const) {
    test(`100 rows are one ${operation} request, 101 are none`, async () => {
      const results = Array.from(
        { length: 100 },
        (_, i) => record(i + 1, {}, { objectWriteTraceId: String(i + 1) }),
      )
      const written = operation === 'delete'
        ? answer({ status: 204 })
        : answer({ status: operation === 'insert' ? 201 : 200, body: batch(results) })
      portal.play(written, answer({ body: batch(results) }))
      const values = operation === 'delete' ? () => ({}) : (n: number) => ({ lastname: `L${n}` })
      const planned = mutation(operation, numbered(100, values))
      const caller = portal.caller(batchInsert)
      const rows = rowsOf(await hubspot.write(planned, contacts, caller))
      assert.equal(rows.length, 100)
      const writes = paths().filter((path) => !path.endsWith('/batch/read'))
      const requests = hubspot.requests(planned, contacts, caller)
      assert.deepEqual(writes, requests.map(({ method, path }) => `${method} ${path}`))
      assert.deepEqual(requests.map((request) => request.rows), [100])
      assert.equal(portal.asked.length, operation === 'delete' ? 1 : 2)

      portal.play(written)
      const found = faultIn(await send(operation, numbered(101, values), batchInsert), 'refused')
      assert.equal(found.code, 'too_many_rows')
      assert.equal(found.sqlstate, '54000')
      assert.equal(portal.asked.length, 0)
    })
  }

  test('no rows are no request', async () => {
    portal.play(answer({ status: 500 }))
    assert.deepEqual(await send('update', []), { state: 'accepted', rows: [] })
    assert.deepEqual(hubspot.requests(mutation('update', []), contacts, portal.caller()), [])
    assert.equal(portal.asked.length, 0)
  })

  test('a setting that is not valid is a refusal, and nothing is sent', async () => {
    portal.play(answer({ status: 500 }))
    const found = faultIn(
      await send('insert', [one], { settings: { batchInsert: 'yes' } }),
      'refused',
    )
    assert.equal(found.code, 'bad_request')
    assert.equal(portal.asked.length, 0)
  })
})

describe('an insert of several rows', () => {
  const three = numbered(3, (n) => ({ email: `p${n}@example.com`, lastname: `L${n}` }))
  const created = (n: number, more: object = {}) =>
    record(n, { email: `p${n}@example.com`, lastname: `L${n}` }, more)

  test('sends a trace id with each and finds the rows by it, whatever the order', async () => {
    const traced = (n: number, trace: number) => created(n, { objectWriteTraceId: String(trace) })
    portal.play(
      answer({ status: 201, body: batch([traced(7, 3), traced(8, 1), traced(9, 2)]) }),
      answer({ body: batch([created(7), created(8), created(9)]) }),
    )
    const rows = rowsOf(await send('insert', three, batchInsert))
    assert.deepEqual(rows.map(({ id }) => id), [idAt(8), idAt(9), idAt(7)])
    const { inputs } = JSON.parse(portal.asked[0]?.body ?? '') as { inputs: unknown[] }
    assert.deepEqual(inputs[1], { properties: three[1], objectWriteTraceId: '2' })
    assert.equal(portal.asked[0]?.url, '/crm/v3/objects/contacts/batch/create')
  })

  const seen = '2026-01-01T00:00:00+00:00'
  const answered = (n: number, more: object = {}) =>
    record(n, { lastname: 'Ash', last_seen: '2026-01-01T00:00:00Z', ...more })

  test('without trace ids no row gets what was sent for another', async () => {
    const rows = [1, 2].map((n) => ({ email: `p${n}@example.com`, seen, score: String(n) }))
    const table = withSeen()
    portal.play(
      answer({
        status: 201,
        body: batch([
          answered(2, { email: 'p2@example.com' }),
          answered(1, { email: 'p1@example.com' }),
        ]),
      }),
      answer({ status: 500 }),
    )
    const written = rowsOf(await send('insert', rows, { ...batchInsert, table }))
    assert.deepEqual(written.map(({ id, values }) => [id, values?.['score']]), [
      [idAt(1), '1'],
      [idAt(2), '2'],
    ])
  })

  test('rows that cannot be told apart are written, with what HubSpot answered alone', async () => {
    const rows = [1, 2].map((n) => ({ lastname: 'Ash', score: String(n) }))
    portal.play(
      answer({ status: 201, body: batch([answered(2), answered(1)]) }),
      answer({ status: 500 }),
    )
    const written = rowsOf(await send('insert', rows, batchInsert))
    assert.deepEqual(written.map(({ id }) => id), [idAt(2), idAt(1)])
    for (const { values } of written) {
      assert.equal(values?.['lastname'], 'Ash')
      assert.equal(Object.hasOwn(values ?? {}, 'score'), false)
    }
  })

  test('207: the accepted rows are written, the refused one is named, nothing is sent again', async () => {
    const conflict = {
      status: 'error',
      category: 'CONFLICT',
      message: 'Contact already exists. Existing ID: 171591000198',
      context: { objectWriteTraceId: ['2'], existingId: ['171591000198'] },
    }
    portal.play(
      answer({ status: 207, body: batch([created(3), created(1)], [conflict]) }),
      answer({ body: batch([created(1), created(3)]) }),
    )
    const outcome = await send('insert', three, batchInsert)
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.rows.map(({ ordinal, id }) => [ordinal, id]), [
      [1, idAt(1)],
      [3, idAt(3)],
    ])
    const [other] = outcome.others
    assert.ok(other?.state === 'refused')
    assert.equal(other.fault.code, 'duplicate')
    assert.equal(other.fault.column, 'email')
    assert.equal(other.fault.row, 2)
    assert.equal(
      other.fault.detail,
      'Key (email)=(p2@example.com) already exists (id 171591000198).',
    )
    assert.equal(outcome.fault.code, 'partly_written')
    assert.equal(outcome.fault.sqlstate, 'SL003')
    const report = JSON.parse(outcome.fault.detail ?? '') as { state: string }[]
    assert.deepEqual(report.map(({ state }) => state), ['written', 'refused', 'written'])
    assert.equal(portal.asked.filter(({ url }) => url.endsWith('/batch/create')).length, 1)
  })

  test('207 without any result is a refusal', async () => {
    const errors = [1, 2, 3].map((n) => ({
      ...badProperties({ name: 'email', error: 'INVALID_EMAIL', message: 'no' }),
      context: { objectWriteTraceId: [String(n)] },
    }))
    portal.play(answer({ status: 207, body: batch([], errors) }))
    const found = faultIn(await send('insert', three, batchInsert), 'refused')
    assert.equal(found.code, 'validation_error')
    assert.equal(found.row, 1)
    assert.equal(portal.asked.length, 1)
  })

  test('a 201 that does not account for a row leaves that row unknown', async () => {
    const traced = (n: number) => created(n, { objectWriteTraceId: String(n) })
    portal.play(
      answer({ status: 201, body: batch([traced(1), traced(3)]) }),
      answer({ body: batch([created(1), created(3)]) }),
    )
    const outcome = await send('insert', three, batchInsert)
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.others.map(({ ordinal, state }) => [ordinal, state]), [[2, 'unknown']])
    assert.equal(outcome.fault.code, 'outcome_unknown')
    assert.equal(outcome.fault.sqlstate, '40003')
  })

  test('a 409 for the whole request refuses all rows and claims none of them', async () => {
    portal.play(answer({ status: 409, body: apiError('CONFLICT', 'Contact already exists') }))
    const found = faultIn(await send('insert', three, batchInsert), 'refused')
    assert.equal(found.code, 'duplicate')
    assert.equal(found.row, undefined)
    assert.equal(found.column, 'email')
  })
})

describe('an update', () => {
  test('sends every row in one batch; null clears with the empty string', async () => {
    portal.play(
      answer({ body: batch([record(2, {}), record(1, {})]) }),
      answer({ body: batch([record(1, { firstname: null }), record(2, { firstname: 'B' })]) }),
    )
    const rows = rowsOf(await send('update', [{ firstname: null }, { firstname: 'B' }]))
    assert.equal(portal.asked[0]?.url, '/crm/v3/objects/contacts/batch/update')
    assert.deepEqual(JSON.parse(portal.asked[0]?.body ?? ''), {
      inputs: [
        { id: idAt(1), properties: { firstname: '' } },
        { id: idAt(2), properties: { firstname: 'B' } },
      ],
    })
    assert.deepEqual(rows.map(({ id, values }) => [id, values?.['firstname']]), [
      [idAt(1), null],
      [idAt(2), 'B'],
    ])
    assert.equal(Object.hasOwn(rows[0]?.values ?? {}, 'lastname'), false, 'absent stays absent')
  })

  test('207: unknown ids are gone, the others are written', async () => {
    const gone = {
      status: 'error',
      category: 'OBJECT_NOT_FOUND',
      message: 'Could not get some CONTACT objects, they may be deleted or not exist.',
      context: { ids: [idAt(1), idAt(3)] },
    }
    portal.play(
      answer({ status: 207, body: batch([record(2, {})], [gone]) }),
      answer({ body: batch([record(2, { firstname: 'B' })]) }),
    )
    const outcome = await send('update', numbered(3, () => ({ firstname: 'B' })))
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [2])
    assert.deepEqual(
      outcome.others.map((other) => [
        other.ordinal,
        other.id,
        other.state === 'refused' && other.fault.sqlstate,
      ]),
      [[1, idAt(1), 'P0002'], [3, idAt(3), 'P0002']],
    )
  })

  test('a row in neither results nor errors is unknown, also with status 200', async () => {
    portal.play(
      answer({ body: batch([record(1, {})]) }),
      answer({ body: batch([record(1, {})]) }),
    )
    const outcome = await send('update', numbered(2, () => ({ firstname: 'B' })))
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.others.map(({ state }) => state), ['unknown'])
  })

  test('an answer about another record is not taken for ours', async () => {
    portal.play(answer({ body: batch([record(9, {})]) }))
    const outcome = await send('update', [{ firstname: 'B' }])
    assert.equal(outcome.state, 'unknown')
    assert.equal(portal.asked.length, 1)
  })

  test('of many rows the one whose value the message quotes is at fault', async () => {
    portal.play(answer({
      status: 400,
      body: badProperties({
        name: 'email',
        error: 'INVALID_EMAIL',
        message: 'Email address nope-2 is invalid',
      }),
    }))
    const rows = [{ email: 'a@example.com' }, { email: 'nope-2' }, { email: 'b@example.com' }]
    const found = faultIn(await send('update', rows), 'refused')
    assert.equal(found.row, 2)
    assert.equal(found.detail, 'Key (email)=(nope-2) is not a valid email address.')
  })
})

describe('a delete', () => {
  test('archives all rows in one request and reads nothing back', async () => {
    portal.play(answer({ status: 204 }))
    const rows = rowsOf(await send('delete', [{}, {}]))
    assert.deepEqual(paths(), ['POST /crm/v3/objects/contacts/batch/archive'])
    assert.deepEqual(JSON.parse(portal.asked[0]?.body ?? ''), {
      inputs: [{ id: idAt(1) }, { id: idAt(2) }],
    })
    assert.deepEqual(rows, [
      { ordinal: 1, id: idAt(1), values: null },
      { ordinal: 2, id: idAt(2), values: null },
    ])
  })

  test('207 with errors: the rows that are in neither list are unknown', async () => {
    const denied = {
      status: 'error',
      category: 'USER_DOES_NOT_HAVE_PERMISSIONS',
      message: 'No.',
      context: { ids: [idAt(2)] },
    }
    portal.play(answer({ status: 207, body: batch([], [denied]) }))
    const found = faultIn(await send('delete', [{}, {}]), 'unknown')
    const report = JSON.parse(found.detail ?? '') as { state: string }[]
    assert.deepEqual(report.map(({ state }) => state), ['unknown', 'refused'])
  })

  test('200 with a page in HTML is unknown', async () => {
    portal.play(answer({ body: '<html>', headers: { 'content-type': 'text/html' } }))
    assert.equal((await send('delete', [{}])).state, 'unknown')
  })
})

describe('before anything is sent', () => {
  const cases: [string, Values, string, string?][] = [
    ['an unknown column', { nickname: 'A' }, '42703'],
    ['a read-only column', { num_notes: '3' }, '428C9'],
    ['a value that HubSpot does not have', { met_at: 'infinity' }, '22003'],
    ['a list with a semicolon in an item', { topics: '["a;b"]' }, '22P02'],
  ]
  for (const [what, values, sqlstate] of cases) {
    test(`${what} is refused, with its column and row`, async () => {
      portal.play(answer({ status: 500 }))
      const found = faultIn(await send('update', [{ firstname: 'A' }, values]), 'refused')
      assert.equal(found.sqlstate, sqlstate)
      assert.equal(found.row, 2)
      assert.equal(found.column, Object.keys(values)[0])
      assert.equal(found.schema, 'hubspot')
      assert.equal(portal.asked.length, 0)
    })
  }

  test('an id that is none of HubSpot is refused', async () => {
    portal.play(answer({ status: 500 }))
    const planned = mutation('delete', [{}])
    const rows = planned.rows.map((row) => ({ ...row, id: '../1' }))
    const outcome = await hubspot.write({ ...planned, rows }, contacts, portal.caller())
    assert.equal(faultIn(outcome, 'refused').detail, 'Key (id)=(../1) is not a HubSpot id.')
    assert.equal(portal.asked.length, 0)
  })

  test('a cancelled statement is refused', async () => {
    portal.play(answer({ status: 500 }))
    const found = faultIn(await send('insert', [one], { signal: AbortSignal.abort() }), 'refused')
    assert.equal(found.code, 'statement_cancelled')
    assert.equal(portal.asked.length, 0)
  })

  test('a deadline that has passed is a refusal', async () => {
    portal.play(answer({ status: 500 }))
    const found = faultIn(await send('insert', [one], { deadline: deadlineIn(-1) }), 'refused')
    assert.equal(found.code, 'statement_timed_out')
    assert.equal(portal.asked.length, 0)
  })

  test('a turn that would come too late is a refusal', async () => {
    const http = {
      send: () => Promise.reject(fault('rate_limited', { hint: 'Try again in 12 s.' })),
      close: () => Promise.resolve(),
    }
    const found = faultIn(await send('insert', [one], { http }), 'refused')
    assert.equal(found.code, 'rate_limited')
    assert.equal(found.hint, 'Try again in 12 s.')
    assert.equal(found.table, 'contacts')
  })

  test('a server that is not there is unreachable', async () => {
    const found = faultIn(await send('insert', [one], { baseUrl: 'http://127.0.0.1:1' }), 'refused')
    assert.equal(found.code, 'unreachable')
    assert.equal(found.sqlstate, '58030')
  })
})

describe('a token that is refused', () => {
  const expired = apiError('EXPIRED_AUTHENTICATION', 'The OAuth token expired 7 seconds ago.')

  test('is replaced once, and the write is sent once more', async () => {
    portal.play(
      answer({ status: 401, body: expired }),
      answer({ status: 201, body: record(1, {}) }),
      answer({ body: batch([record(1, {})]) }),
    )
    rowsOf(await send('insert', [one]))
    assert.deepEqual(portal.asked.slice(0, 2).map(({ headers }) => headers['authorization']), [
      'Bearer first',
      'Bearer second',
    ])
    assert.equal(portal.asked.length, 3)
  })

  test('twice is a refusal with the way out', async () => {
    portal.play(answer({ status: 401, body: expired }))
    const found = faultIn(await send('update', [one]), 'refused')
    assert.equal(found.code, 'credential_refused')
    assert.equal(found.sqlstate, '28000')
    assert.equal(found.constraint, 'EXPIRED_AUTHENTICATION')
    assert.match(found.hint ?? '', /Reconnect/)
    assert.equal(portal.asked.length, 2)
  })

  test('without another to be had is a refusal', async () => {
    portal.play(answer({ status: 401, body: expired }))
    const token = (refused?: string) =>
      refused === undefined ? Promise.resolve('first') : Promise.reject(fault('credential_refused'))
    const found = faultIn(await send('update', [one], { token }), 'refused')
    assert.equal(found.code, 'credential_refused')
    assert.equal(portal.asked.length, 1)
  })
})

describe('a reply that is lost or is none', () => {
  test('a connection that dies after the request is unknown, and nothing is sent again', async () => {
    // on a connection that was used before, where clients like to try again
    portal.play(answer({ status: 204 }), (_asked, response) => {
      response.destroy()
      return undefined
    })
    rowsOf(await send('delete', [{}]))
    const found = faultIn(await send('insert', [one]), 'unknown')
    assert.equal(found.code, 'outcome_unknown')
    assert.match(found.hint ?? '', /Look at the rows/)
    assert.equal(portal.asked.length, 2)
  })

  test('no answer within the deadline is unknown', async () => {
    portal.play(() => undefined)
    const outcome = await withDeadline(
      untilBegun(
        () => send('insert', [one], { deadline: deadlineIn(1_000) }),
        () => portal.asked.length > 0,
      ),
      { waitMs: 60_000, what: 'An answer' },
    )
    assert.equal(outcome.state, 'unknown')
    assert.equal(portal.asked.length, 1)
  })

  const doubtful: [string, Answer][] = [
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
    ['a permanent redirect', { status: 308, headers: { location: '/elsewhere' } }],
    ['a page in HTML with status 200', {
      body: '<html>',
      headers: { 'content-type': 'text/html' },
    }],
    ['JSON of another kind', { status: 201, body: '{"ok":true}' }],
    ['JSON that is cut', { status: 201, body: '{"id":"171591","prop' }],
    ['an empty body', { status: 201 }],
    ['a body without content type', { status: 201, headers: { 'content-type': '' }, body: '[]' }],
    ['202', { status: 202, body: record(1, {}) }],
    ['207 for a single object', { status: 207, body: record(1, {}) }],
    ['408', { status: 408, body: '' }],
    ['500', { status: 500, body: apiError('INTERNAL_ERROR', 'internal error') }],
    ['502 in HTML', { status: 502, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['504', { status: 504, body: '' }],
    ['an error with status 200', { body: apiError('CONFLICT', 'Contact already exists') }],
  ]
  for (const [what, given] of doubtful) {
    test(`${what} is unknown`, async () => {
      portal.play(answer(given))
      const found = faultIn(await send('insert', [one]), 'unknown')
      assert.equal(found.sqlstate, '40003')
      assert.equal(found.table, 'contacts')
      assert.equal(portal.asked.length, 1)
    })
  }

  test('a body that ends before its length is unknown', async () => {
    portal.play((_asked, response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '500' })
      response.write('{"id":"171591000001","properties":{}}')
      response.socket?.end()
      return undefined
    })
    assert.equal((await send('insert', [one])).state, 'unknown')
    assert.equal(portal.asked.length, 1)
  })
})

describe('a refusal because of a limit', () => {
  const limited = {
    status: 'error',
    message: 'You have reached your ten_secondly_rolling limit.',
    errorType: 'RATE_LIMIT',
    policyName: 'TEN_SECONDLY_ROLLING',
  }
  const cases: [string, Answer, string, RegExp][] = [
    ['429', { status: 429, body: limited }, '53400', /^Try again in 10 s\.$/],
    [
      '429 with Retry-After',
      { status: 429, body: limited, headers: { 'retry-after': '7' } },
      '53400',
      /^Try again in 7 s\.$/,
    ],
    ['429 that is no JSON', { status: 429, body: 'slow down' }, '53400', /10 s/],
    ['423', { status: 423, body: apiError('LOCKED', 'Locked') }, '55P03', /in 2 s/],
    [
      '477',
      { status: 477, body: apiError('MIGRATION', 'x'), headers: { 'retry-after': '3600' } },
      '58000',
      /moving the account .* in 3600 s/,
    ],
  ]
  for (const [what, given, sqlstate, hint] of cases) {
    test(`${what} is a refusal that says when`, async () => {
      portal.play(answer(given))
      const found = faultIn(await send('update', [one]), 'refused')
      assert.equal(found.sqlstate, sqlstate)
      assert.match(found.hint ?? '', hint)
      assert.equal(portal.asked.length, 1)
    })
  }
})
