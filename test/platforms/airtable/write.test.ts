// Goal: a mutation is one request to Airtable, accepted only when Airtable says so of every record, refused only when
// surely nothing was written, unknown else. Method: the real SDK against a scripted server on a real socket.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Mutation, Outcome } from '../../../src/mutation/mutation.ts'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import { type Answer, type FakeApi, fakeApi } from '../../help/fake-api.ts'
import { base, contacts, idAt, mutation, records, refusal, settings } from './help.ts'

let api: FakeApi
before(async () => {
  api = await fakeApi()
})
after(() => api.close())

const write = (one: Mutation, more = {}) =>
  airtable.write(one, contacts, api.caller({ settings, ...more }))

async function answered(answer: Answer, one: Mutation): Promise<Outcome> {
  api.play(() => answer)
  const outcome = await write(one)
  assert.equal(api.asked.length, 1)
  return outcome
}

function faultIn(outcome: Outcome) {
  assert.ok(outcome.state === 'refused' || outcome.state === 'unknown', outcome.state)
  return outcome.fault
}

const ten = Array.from({ length: 10 }, (_, i) => ({ name: `N${i}` }))

describe('what is sent', () => {
  test('ten rows are one request, with fields by id and no typecast', async () => {
    const outcome = await answered(
      records(...ten.map(({ name }) => ({ fldName: name }))),
      mutation('insert', ten),
    )
    const [asked] = api.asked
    assert.equal(asked?.method, 'POST')
    assert.equal(asked?.url, `/v0/${base}/${contacts.object}/`)
    assert.equal(asked?.headers['authorization'], 'Bearer first')
    assert.deepEqual(JSON.parse(asked?.body ?? ''), {
      records: ten.map(({ name }) => ({ fields: { fldName: name } })),
      returnFieldsByFieldId: true,
    })
    assert.equal(outcome.state, 'accepted')
  })

  test('eleven rows are not sent', async () => {
    api.play()
    const outcome = await write(mutation('insert', [...ten, { name: 'N' }]))
    assert.equal(faultIn(outcome).sqlstate, '54000')
    assert.equal(api.asked.length, 0)
  })

  test('numbers keep every digit on the way there and back', async () => {
    const score = '123456789012345678.000000000000000001'
    const raw = `{"records":[{"id":"${idAt(1)}","createdTime":"2026-11-01T10:00:00.000Z",` +
      `"fields":{"fldScore":${score}}}]}`
    const outcome = await answered({ body: raw }, mutation('insert', [{ score }]))
    assert.match(
      api.asked[0]?.body ?? '',
      new RegExp(`"fldScore":${score.replace('.', '\\.')}[,}]`),
    )
    assert.equal(outcome.state === 'accepted' && outcome.rows[0]?.values?.['score'], score)
  })

  test('an update is a PATCH with ids, and null empties a cell', async () => {
    const outcome = await answered(
      records({ fldName: 'A' }, {}),
      mutation('update', [{ email: null, active: 'true' }, { tags: '["a","b"]' }]),
    )
    assert.equal(api.asked[0]?.method, 'PATCH')
    assert.deepEqual(JSON.parse(api.asked[0]?.body ?? '').records, [
      { id: idAt(1), fields: { fldEmail: null, fldActive: true } },
      { id: idAt(2), fields: { fldTags: ['a', 'b'] } },
    ])
    assert.equal(outcome.state, 'accepted')
  })

  test('a delete names its records in the query', async () => {
    const body = { records: [1, 2].map((n) => ({ id: idAt(n), deleted: true })) }
    const outcome = await answered({ body }, mutation('delete', [{}, {}]))
    const [asked] = api.asked
    assert.equal(asked?.method, 'DELETE')
    assert.equal(asked?.body, '')
    const url = new URL(asked?.url ?? '', 'http://x')
    assert.deepEqual(url.searchParams.getAll('records[]'), [idAt(1), idAt(2)])
    assert.deepEqual(outcome, {
      state: 'accepted',
      rows: [1, 2].map((n) => ({ ordinal: n, id: idAt(n), values: null })),
    })
  })

  test('the requests told beforehand are those that are made', async () => {
    const each = [
      [mutation('insert', ten), records(...ten)],
      [mutation('update', ten), records(...ten)],
      [mutation('delete', [{}]), { body: { records: [{ id: idAt(1), deleted: true }] } }],
    ] as const
    for (const [one, answer] of each) {
      const told = airtable.requests(one, contacts, { baseUrl: api.url, settings })
      await answered(answer, one)
      const made = api.asked.map(({ method, url }) => [method, url.split('?')[0]])
      assert.deepEqual(told.map(({ method, path }) => [method, path]), made)
      const { body, url } = api.asked[0] ?? { body: '', url: '' }
      const rated = { method: told[0]?.method ?? 'GET', url: api.url + url, body }
      assert.deepEqual(
        airtable.rates.charges(rated, { baseUrl: api.url, settings }),
        told[0]?.charges,
      )
    }
  })
})

describe('what comes back', () => {
  test('rows of an insert that come in another order are told apart by what was sent', async () => {
    const rows = [{ name: 'A', score: '1.50' }, { name: 'B', score: '1.50' }, { name: 'C' }]
    const outcome = await answered(
      records({ fldName: 'B', fldScore: 1.5 }, { fldName: 'C' }, { fldName: 'A', fldScore: 1.5 }),
      mutation('insert', rows),
    )
    assert.ok(outcome.state === 'accepted')
    assert.deepEqual(outcome.rows.map(({ ordinal, id }) => [ordinal, id]), [
      [1, idAt(3)],
      [2, idAt(1)],
      [3, idAt(2)],
    ])
  })

  test('rows that nothing tells apart are as they stand', async () => {
    const outcome = await answered(
      records({ fldName: 'A' }, { fldName: 'A' }, { fldName: 'changed' }),
      mutation('insert', [{ name: 'A' }, { name: 'A' }, { name: 'C' }]),
    )
    assert.ok(outcome.state === 'accepted')
    assert.deepEqual(outcome.rows.map(({ id }) => id), [idAt(1), idAt(2), idAt(3)])
  })

  test('a moment that no Postgres holds is null, and one far away is itself', async () => {
    const far = { fldSeen: '+020265-01-01T00:00:00.000Z', fldBirthday: '99999999-01-01' }
    const outcome = await answered(records(far), mutation('insert', [{ name: 'A' }]))
    assert.ok(outcome.state === 'accepted')
    const [row] = outcome.rows
    assert.equal(row?.values?.['seen'], '20265-01-01T00:00:00+00:00')
    assert.equal(row?.values?.['birthday'], null)
  })

  test('what Airtable leaves out is null, and false for a checkbox', async () => {
    const outcome = await answered(records({ fldName: 'A' }), mutation('insert', [{ name: 'A' }]))
    assert.equal(outcome.state, 'accepted')
    assert.deepEqual(outcome.state === 'accepted' && outcome.rows[0], {
      ordinal: 1,
      id: idAt(1),
      values: {
        id: idAt(1),
        created_time: '2026-11-01T10:00:00+00:00',
        name: 'A',
        email: null,
        score: null,
        stars: null,
        active: 'false',
        birthday: null,
        seen: null,
        tags: null,
        files: null,
        total: null,
      },
    })
  })

  test('updated records may come in any order', async () => {
    const body = {
      records: [2, 1].map((n) => ({
        id: idAt(n),
        createdTime: '2026-11-01T10:00:00.000Z',
        fields: { fldName: `N${n}` },
      })),
    }
    const outcome = await answered({ body }, mutation('update', [{ name: 'N1' }, { name: 'N2' }]))
    assert.equal(outcome.state, 'accepted')
    const names = outcome.state === 'accepted' && outcome.rows.map(({ values }) => values?.['name'])
    assert.deepEqual(names, ['N1', 'N2'])
  })

  const unreadable: [string, Answer][] = [
    ['HTML', { body: '<html>' }],
    ['too few records', records({})],
    ['records without ids', { body: { records: [{ fields: {} }, { fields: {} }] } }],
    ['one record twice', { body: { records: [1, 1].map((n) => ({ id: idAt(n), fields: {} })) } }],
    ['records of others', { body: { records: [8, 9].map((n) => ({ id: idAt(n), fields: {} })) } }],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' }, body: '' }],
    ['a server error', refusal(500, 'SERVER_ERROR')],
    ['a gateway’s time-out', { status: 504, body: '' }],
  ]
  for (const [name, answer] of unreadable) {
    test(`${name}: the outcome is unknown`, async () => {
      const outcome = await answered(answer, mutation('update', [{ name: 'A' }, { name: 'B' }]))
      assert.equal(outcome.state, 'unknown')
      assert.equal(faultIn(outcome).sqlstate, '40003')
    })
  }

  test('a lost reply is unknown, and nothing is sent again', async () => {
    api.play((_asked, response) => void response.socket?.destroy())
    assert.equal((await write(mutation('insert', ten))).state, 'unknown')
    assert.equal(api.asked.length, 1)
  })

  test('a truncated reply is unknown', async () => {
    api.play((_asked, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"records":[')
      response.socket?.end()
      return undefined
    })
    assert.equal((await write(mutation('insert', ten))).state, 'unknown')
    assert.equal(api.asked.length, 1)
  })

  test('a refused connection is 58030', async () => {
    const outcome = await write(mutation('insert', ten), { baseUrl: 'http://127.0.0.1:1' })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultIn(outcome).sqlstate, '58030')
  })

  test('a cancelled statement is not sent', async () => {
    api.play()
    const outcome = await write(mutation('insert', ten), { signal: AbortSignal.abort() })
    assert.equal(faultIn(outcome).sqlstate, '57014')
    assert.equal(api.asked.length, 0)
  })

  test('a token refused on the way is replaced once', async () => {
    const unauthorized = refusal(401, 'AUTHENTICATION_REQUIRED', 'Authentication required')
    api.play(() => unauthorized, () => records({ fldName: 'A' }))
    assert.equal((await write(mutation('insert', [{ name: 'A' }]))).state, 'accepted')
    assert.deepEqual(
      api.asked.map(({ headers }) => headers['authorization']),
      ['Bearer first', 'Bearer second'],
    )
    api.play(() => unauthorized)
    assert.equal(faultIn(await write(mutation('insert', [{ name: 'A' }]))).sqlstate, '28000')
    assert.equal(api.asked.length, 2)
  })
})

describe('refusals', () => {
  const rows = [{ name: 'Anna', score: '5' }, { name: 'Ben', email: 'b@x', tags: '["vE4"]' }]
  const cases: [
    what: string,
    Answer,
    { sqlstate: string; column?: string; row?: number; detail?: RegExp; hint?: RegExp },
  ][] = [
    ['an unknown field', refusal(422, 'UNKNOWN_FIELD_NAME', 'Unknown field name: "name"'), {
      sqlstate: '42703',
      column: 'name',
    }],
    [
      'a value that cannot be parsed',
      refusal(422, 'INVALID_VALUE_FOR_COLUMN', 'Cannot parse value "5" for field Score'),
      { sqlstate: '22P02', column: 'score', row: 1, detail: /^Key \(score\)=\(5\) was refused/ },
    ],
    [
      'a value of the wrong kind',
      refusal(422, 'INVALID_VALUE_FOR_COLUMN', 'Field "Email" cannot accept the provided value'),
      { sqlstate: '23514', column: 'email', row: 2, detail: /^Key \(email\)=\(b@x\)/ },
    ],
    [
      'a date that cannot be read',
      refusal(
        422,
        'INVALID_VALUE_FOR_COLUMN',
        'Cannot parse date value "21/4/2026" for field Seen',
      ),
      { sqlstate: '22P02', column: 'seen' },
    ],
    [
      'an option that does not exist',
      refusal(
        422,
        'INVALID_MULTIPLE_CHOICE_OPTIONS',
        'Insufficient permissions to create new select option ""vE4""',
      ),
      { sqlstate: '22P02', column: 'tags', row: 2 },
    ],
    [
      'a link to what is no record',
      refusal(422, 'INVALID_RECORD_ID', 'Value "vE4" is not a valid record ID.'),
      { sqlstate: '23503', column: 'tags', row: 2 },
    ],
    [
      'a computed field',
      refusal(
        422,
        'INVALID_VALUE_FOR_COLUMN',
        'Field "Total" cannot accept a value because the field is computed',
      ),
      { sqlstate: '428C9', column: 'total' },
    ],
    [
      'no permission',
      refusal(403, 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND', 'Invalid permissions.'),
      {
        sqlstate: '42501',
        hint: /access/,
      },
    ],
    [
      'a record that is gone',
      refusal(404, 'MODEL_ID_NOT_FOUND', `Record ID ${idAt(2)} does not exist`),
      {
        sqlstate: 'P0002',
        row: 2,
      },
    ],
    ['a bare word', { status: 404, body: { error: 'NOT_FOUND' } }, { sqlstate: 'P0002' }],
    [
      'the rate limit',
      {
        status: 429,
        body: { errors: [{ error: 'RATE_LIMIT_REACHED', message: 'Rate limit exceeded.' }] },
      },
      { sqlstate: '53400', hint: /^Try again in 30 s\.$/ },
    ],
    ['a body too large', { status: 413, body: '' }, { sqlstate: '54000' }],
    ['what nobody knows', refusal(422, 'SOMETHING_NEW', 'Hm.'), { sqlstate: '58000' }],
    ['a 400 that is not Airtable’s', { status: 400, body: '<html>' }, { sqlstate: '58000' }],
  ]
  for (const [what, answer, expected] of cases) {
    test(`${what} is ${expected.sqlstate}`, async () => {
      const fault = faultIn(await answered(answer, mutation('update', rows)))
      assert.equal(fault.sqlstate, expected.sqlstate)
      assert.equal(fault.column, expected.column)
      assert.equal(fault.row, expected.row)
      if (expected.detail) assert.match(fault.detail ?? '', expected.detail)
      if (expected.hint) assert.match(fault.hint ?? '', expected.hint)
      assert.deepEqual([fault.schema, fault.table], ['airtable', 'contacts'])
    })
  }

  test('a 429 is one that the transport may send again, half a minute later', () => {
    const request = { method: 'POST', url: `${api.url}/v0/${base}/tbl1/` } as const
    const response = { status: 429, headers: {}, body: '' }
    const at = { baseUrl: api.url, settings }
    assert.deepEqual(airtable.rates.learn(request, response, at), {
      refused: true,
      news: [{ kind: 'blocked', rule: 'base', key: base, waitMs: 30_000 }],
    })
    assert.deepEqual(airtable.rates.learn(request, { ...response, status: 200 }, at), {
      refused: false,
      news: [],
    })
  })

  test('a column with a name that every object has is never at fault by mistake', async () => {
    const [id, , name] = contacts.columns
    assert.ok(id && name)
    const columns = [id, name, { ...name, name: 'constructor', field: 'constructor' }]
    const table = { ...contacts, columns }
    api.play(() => refusal(422, 'INVALID_MULTIPLE_CHOICE_OPTIONS', 'new select option ""zzz""'))
    const one = mutation('insert', [{ name: 'x' }, { name: 'zzz' }])
    const outcome = await airtable.write(one, table, api.caller({ settings }))
    assert.deepEqual([faultIn(outcome).column, faultIn(outcome).row], ['name', 2])
    api.play(() => refusal(422, 'constructor', 'Hm.'))
    const odd = await airtable.write(one, table, api.caller({ settings }))
    assert.equal(faultIn(odd).sqlstate, '58000')
    api.play(() => records({ fldName: 'x' }, { fldName: 'zzz' }))
    const good = await airtable.write(one, table, api.caller({ settings }))
    assert.ok(good.state === 'accepted')
    assert.deepEqual(good.rows.map(({ values }) => values?.['constructor']), [null, null])
  })

  test('a connection without its base is told so, and nothing is sent', async () => {
    api.play()
    const outcome = await write(mutation('insert', ten), { settings: {} })
    assert.match(faultIn(outcome).message, /which base/)
    assert.equal(api.asked.length, 0)
  })
})
