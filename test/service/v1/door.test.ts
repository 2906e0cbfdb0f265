// Goal: the HTTP door does what the SQL door does, and answers in JSON that has lost nothing. Method: the whole system, HTTP
// over sockets, and looks at the platform, the database and the journal.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { saveToken } from '../../../src/store/tokens.ts'
import { openStore, type Store } from '../../../src/store/store.ts'
import { parseKeyring } from '../../../src/store/seal.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Parts, startParts, until, writesOf } from '../../help/system.ts'

let system: Parts
let store: Store

const token = 'sluice_demo_salesforce'
const table = '/v1/syncs/sync_salesforce/tables/contacts/records'
const query = '/v1/syncs/sync_salesforce/query'

before(async () => {
  system = await startParts()
  const { keys } = JSON.parse(readFileSync(join(system.dataDir, 'secrets.json'), 'utf8')) as {
    keys: string
  }
  const url = `postgres://postgres:postgres@127.0.0.1:${system.databasePort}/sluice_store`
  store = openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
})
after(async () => {
  await store?.close()
  await system?.stop()
})
beforeEach(async () => {
  await system.clearMischief()
  await system.clearExchanges()
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body; numbers as JSON.parse reads them. */
  readonly body: Body
}

/** What a test looks at of any body. */
interface Body {
  readonly records: Record<string, unknown>[]
  readonly rows: Record<string, unknown>[]
  readonly command: string
  readonly rowCount: number
  readonly fields: { name: string; type: string }[]
  readonly mutation: string | null
  readonly code: string
  readonly sqlstate: string
  readonly title: string
  readonly detail: string
  readonly fault: Record<string, unknown>
  readonly mutations: Record<string, unknown>[]
  readonly next: string | null
  readonly state: string
  readonly results: Record<string, unknown>[]
}

async function ask(
  method: string,
  path: string,
  { body, headers = {}, signal }: {
    body?: unknown
    headers?: Record<string, string>
    signal?: AbortSignal
  } = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${system.servicePort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: signal ?? AbortSignal.timeout(120_000),
  })
  const text = await response.text()
  const { status, headers: given } = response
  const json = given.get('content-type')?.includes('json') === true
  return { status, headers: given, text, body: (json ? JSON.parse(text) : {}) as Body }
}

const writes = async () => writesOf(await system.exchanges())
const rowsOf = (lastName: string) =>
  system.sql`select id, email from salesforce.contacts where last_name = ${lastName} order by id`
const platformRows = async (lastName: string) =>
  (await system.records('contacts')).filter(({ LastName }) => LastName === lastName)

test('records are inserted, updated and deleted at the platform first, then in the database', async () => {
  const made = await ask('POST', table, {
    body: { records: [{ last_name: 'Door', email: 'a@dune.co' }, { last_name: 'Door' }] },
  })
  assert.equal(made.status, 201, made.text)
  const ids = made.body.records.map(({ id }) => id as string)
  assert.equal(ids.length, 2)
  assert.deepEqual(made.body.records.map(({ email }) => email), ['a@dune.co', null])
  assert.equal((await platformRows('Door')).length, 2)
  assert.deepEqual((await rowsOf('Door')).map(({ id }) => id as string), [...ids].sort())

  const [first = '', second = ''] = ids
  const changed = await ask('PATCH', table, {
    body: { records: [{ id: second, email: 'c@dune.co' }, { id: first, email: 'b@dune.co' }] },
  })
  assert.equal(changed.status, 200, changed.text)
  assert.deepEqual(changed.body.records.map(({ id, email }) => [id, email]), [
    [second, 'c@dune.co'],
    [first, 'b@dune.co'],
  ])
  const single = await ask('PATCH', table, { body: { id: first, title: 'Planetologist' } })
  assert.equal(single.body.records[0]?.['email'], 'b@dune.co', 'what is not given stays')

  const gone = await ask('DELETE', `${table}?id=${first}`)
  assert.equal(gone.status, 200, gone.text)
  assert.deepEqual(gone.body.records.map(({ id }) => id), [first])
  assert.equal((await ask('DELETE', table, { body: { ids: [second] } })).status, 200)
  assert.equal((await platformRows('Door')).length, 0)
  assert.equal((await rowsOf('Door')).length, 0)
  assert.equal((await writes()).length, 5, 'one request for each mutation')
})

test('the platform refuses: the fault, its SQLSTATE and column, and nothing written anywhere', async () => {
  const { status, headers, body } = await ask('POST', table, {
    body: { records: [{ last_name: 'Refused' }, { last_name: 'Refused', email: 'nonsense' }] },
  })
  assert.equal(status, 422)
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal(body.code, 'validation_error')
  assert.equal(body.sqlstate, '23514')
  assert.equal(body.fault['column'], 'email')
  assert.equal(body.fault['row'], 2)
  assert.equal((await rowsOf('Refused')).length, 0)
  assert.equal((await platformRows('Refused')).length, 0)
  const journal = await ask('GET', `/v1/mutations/${body.mutation}`)
  assert.equal(journal.body.state, 'refused')
  assert.deepEqual(journal.body.results.map(({ state }) => state), ['refused', 'refused'])
})

const refusals: readonly [
  why: string,
  method: string,
  body: unknown,
  status: number,
  sqlstate: string,
][] = [
  ['an unknown column', 'POST', { last_name: 'X', nope: 1 }, 422, '42703'],
  ['a read-only column', 'POST', { last_name: 'X', name: 'no' }, 422, '428C9'],
  ['a list for a text column', 'POST', { last_name: ['X'] }, 400, '22023'],
  ['a value that is not of the type', 'POST', { last_name: 'X', birthdate: 'soon' }, 422, '22007'],
  ['no record', 'POST', { records: [] }, 400, '22023'],
  ['text that is no JSON', 'POST', '{', 400, '22023'],
  ['no body', 'POST', undefined, 400, '22023'],
  [
    'more rows than the platform takes',
    'POST',
    {
      records: Array.from({ length: 201 }, () => ({ last_name: 'X' })),
    },
    413,
    '54000',
  ],
  ['a record without id', 'PATCH', { last_name: 'X' }, 400, '22023'],
  ['a record that sets nothing', 'PATCH', { id: '003' }, 400, '22023'],
  [
    'records that set different columns',
    'PATCH',
    {
      records: [{ id: '1', email: 'a@b.co' }, { id: '2', title: 'x' }],
    },
    400,
    '22023',
  ],
  [
    'a record that stands twice',
    'PATCH',
    {
      records: [{ id: '1', email: 'a@b.co' }, { id: '1', email: 'c@b.co' }],
    },
    400,
    '22023',
  ],
  ['ids that are none', 'DELETE', { ids: [1] }, 400, '22023'],
]

for (const [why, method, body, status, sqlstate] of refusals) {
  test(`${method} with ${why} is refused with ${sqlstate}, and nothing is sent`, async () => {
    const answer = await ask(method, table, { body })
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.body.sqlstate, sqlstate)
    assert.deepEqual(await writes(), [])
  })
}

test('where one of the records is missing none is changed, and the missing ones are named', async () => {
  const made = await ask('POST', table, { body: { last_name: 'Present' } })
  const id = made.body.records[0]?.['id'] as string
  await system.clearExchanges()
  for (
    const answer of [
      await ask('PATCH', table, {
        body: { records: [{ id, title: 'x' }, { id: '003gone', title: 'x' }] },
      }),
      await ask('DELETE', `${table}?id=${id}&id=003gone`),
    ]
  ) {
    assert.equal(answer.status, 404, answer.text)
    assert.equal(answer.body.detail, 'Not found: "003gone".')
  }
  assert.deepEqual(await writes(), [])
  assert.equal((await rowsOf('Present')).length, 1)
})

test('two spellings of one id stand twice, and nothing is sent', async () => {
  const made = await ask('POST', table, { body: { last_name: 'Twin' } })
  const id = made.body.records[0]?.['id'] as string
  await system.clearExchanges()
  for (
    const answer of [
      await ask('PATCH', table, {
        body: { records: [{ id, title: 'one' }, { id: `${id} `, title: 'two' }] },
      }),
      await ask('DELETE', table, { body: { ids: [id, `${id}  `] } }),
    ]
  ) {
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.body.title, `record "${id}" stands twice, nothing was sent`)
  }
  assert.deepEqual(await writes(), [])
  assert.equal((await rowsOf('Twin')).length, 1)
})

test('a table of another sync is not written to, by any route, and can be read', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const sql = `insert into stripe.customers (email) values ('cross@dune.co') returning id`
  for (let round = 0; round < 2; round++) {
    const refused = await ask('POST', query, { body: { sql }, headers })
    assert.deepEqual([refused.status, refused.body.sqlstate], [403, '42501'], refused.text)
    assert.match(refused.body.title, /"stripe.customers" is not of sync "sync_salesforce"/)
    assert.equal(refused.body.mutation, undefined)
  }
  const path = '/v1/syncs/sync_salesforce/tables/customers/records'
  assert.equal((await ask('POST', path, { body: { email: 'cross@dune.co' } })).status, 404)
  assert.deepEqual(await writes(), [])
  const read = await ask('POST', query, { body: { sql: 'select count(*) from stripe.customers' } })
  assert.equal(read.status, 200, read.text)
})

test('a path of other methods says which, and what is wrong with a number is said of a number', async () => {
  for (
    const [method, path, allow] of [
      ['GET', query, 'POST'],
      ['PUT', table, 'POST, PATCH, DELETE'],
      ['POST', '/v1/mutations', 'GET'],
    ] as const
  ) {
    const answer = await ask(method, path, method === 'GET' ? {} : { body: {} })
    assert.equal(answer.status, 405, answer.text)
    assert.deepEqual([answer.body.code, answer.headers.get('allow')], ['method_not_allowed', allow])
  }
  assert.equal((await ask('GET', '/v1/nothing')).status, 404)
  const number = await ask('POST', query, { body: { sql: 1 } })
  assert.equal(number.status, 400)
  assert.match(number.body.title, /"sql" in the body is not valid: .*received number$/)
})

test('what the store cannot be asked for is a bad request', async () => {
  const cursor = (time: string) =>
    Buffer.from(JSON.stringify([time, randomUUID()])).toString('base64url')
  const times = [
    '+275760-09-13T00:00:00.000Z',
    '0000-01-01T00:00:00+00:00',
    '2026-02-30T00:00:00+00:00',
    '2026-01-01T25:00:00+00:00',
    '2026-01-01T00:00:00+99:00',
    '1',
  ]
  for (
    const path of [
      '/v1/mutations?table=%00',
      ...times.map((time) => `/v1/mutations?cursor=${cursor(time)}`),
      '/oauth/salesforce/start?connection=%00&ticket=x',
      '/oauth/salesforce/callback?state=%00',
    ]
  ) {
    const answer = await ask('GET', path)
    assert.deepEqual([answer.status, answer.body.code], [400, 'bad_request'], path)
  }
  assert.equal(
    (await ask('GET', `/v1/mutations?cursor=${cursor('2026-01-01T00:00:00+00:00')}`)).status,
    200,
  )
})

test('a query reads with parameters, and its values keep every digit', async () => {
  const sql =
    `select $1::numeric as n, 9007199254740993::int8 as b, $2::jsonb as j, $3::text[] as a,
    $4::bool as t, null::text as x, timestamptz '2026-01-05 08:06:00.5+02' as at`
  const { status, text, body } = await ask('POST', query, {
    body: `{"sql": ${JSON.stringify(sql)}, "params": [0.10, {"a": [1.50]}, ["x", null], true]}`,
  })
  assert.equal(status, 200, text)
  assert.ok(text.includes('"n":0.10,"b":9007199254740993,"j":{"a": [1.50]},"a":["x",null]'), text)
  assert.equal(body.rows[0]?.['at'], '2026-01-05T06:06:00.5+00:00')
  assert.equal(body.mutation, null)
  assert.deepEqual(body.fields[0], { name: 'n', type: 'numeric' })
})

test('a query mutates by the rules of the SQL door', async () => {
  const made = await ask('POST', query, {
    body: {
      sql: `with made as (
          insert into salesforce.contacts (last_name, email) values ($1, $2) returning id)
        insert into public.local_notes select id, 'over HTTP' from made returning body`,
      params: ['Query', 'query@dune.co'],
    },
  })
  assert.equal(made.status, 200, made.text)
  assert.deepEqual(made.body.rows, [{ body: 'over HTTP' }])
  assert.equal(made.body.command, 'INSERT')
  assert.equal((await platformRows('Query')).length, 1)
  const refused = await ask('POST', query, { body: { sql: 'truncate salesforce.contacts' } })
  assert.equal(refused.status >= 400, true, refused.text)
  const cut = await ask('POST', query, { body: { sql: 'begin' } })
  assert.equal(cut.body.sqlstate, '0A000')
  const params = await ask('POST', query, { body: { sql: 'select $1::int', params: [] } })
  assert.equal(params.status, 400, params.text)
  const wrong = await ask('POST', query, { body: { sql: 'selekt' } })
  assert.deepEqual([wrong.status, wrong.body.code, wrong.body.sqlstate], [
    422,
    'database_refused',
    '42601',
  ])
})

test('a key is carried out once: the same body gets the same answer, another is refused', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const body = { last_name: 'Once' }
  const first = await ask('POST', table, { body, headers })
  const again = await ask('POST', table, { body, headers })
  assert.equal(first.status, 201, first.text)
  assert.equal(again.status, 201)
  assert.equal(again.text, first.text)
  assert.equal(first.headers.get('idempotency-replayed'), null)
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.equal((await writes()).length, 1)
  const other = await ask('POST', table, { body: { last_name: 'Twice' }, headers })
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused'])
  const refused = { 'idempotency-key': randomUUID() }
  for (const replayed of [null, 'true']) {
    const answer = await ask('POST', table, {
      body: { last_name: 'O', email: 'no' },
      headers: refused,
    })
    assert.deepEqual([answer.status, answer.headers.get('idempotency-replayed')], [422, replayed])
  }
  assert.equal((await writes()).length, 2)
})

test('a long answer is made again from the database, or is said to be too long, and nothing runs twice', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const records = Array.from({ length: 40 }, (_, n) => ({
    last_name: 'Long',
    description: String(n).padEnd(30_000, 'x'),
  }))
  const first = await ask('POST', table, { body: { records }, headers })
  assert.equal(first.status, 201, first.text.slice(0, 1_000))
  const again = await ask('POST', table, { body: { records }, headers })
  assert.deepEqual([again.status, again.body.mutation], [201, first.body.mutation])
  assert.deepEqual(again.body.records, first.body.records)
  assert.equal((await writes()).length, 1)
  const sql =
    `insert into public.local_notes values ('x', 'long') returning repeat('x', 2000000) as x`
  const noted = { 'idempotency-key': randomUUID() }
  assert.equal((await ask('POST', query, { body: { sql }, headers: noted })).status, 200)
  const told = await ask('POST', query, { body: { sql }, headers: noted })
  assert.deepEqual([told.status, told.body.code], [422, 'result_too_large'])
  assert.match(told.body.title, /was carried out/)
  assert.equal(told.headers.get('idempotency-replayed'), 'true')
  assert.equal((await system.sql`select from public.local_notes where body = 'long'`).length, 1)
  const [kept] = await system
    .store`select max(length(body)) as most from sluice_store.idempotency_keys`
  assert.ok(Number(kept?.['most']) <= 1_048_576)
})

test('of many requests with one key one is carried out', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  await system.mischief({ kind: 'latency', latencyMs: 300, times: 1 })
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => ask('POST', table, { body: { last_name: 'Crowd' }, headers })),
  )
  const statuses = answers.map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 201).length >= 1, true, statuses.join())
  for (const { status, body, headers: given } of answers) {
    if (status === 201) continue
    assert.equal(body.code, 'idempotency_key_in_use')
    assert.equal(given.get('retry-after'), '1')
  }
  assert.equal((await platformRows('Crowd')).length, 1)
})

test('a key whose request was not sent may be tried again', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const body = { last_name: 'Later' }
  await system.sql`create function public.hold() returns trigger language plpgsql as $$
    begin raise exception 'not now' using errcode = '57014'; end $$`
  await system.sql`create trigger hold before insert on salesforce.contacts
    for each row execute function public.hold()`
  const first = await ask('POST', table, { body, headers })
  await system.sql`drop function public.hold() cascade`
  assert.deepEqual([first.status, first.body.sqlstate], [504, '57014'], first.text)
  const second = await ask('POST', table, { body, headers })
  assert.equal(second.status, 201, second.text)
  assert.equal((await platformRows('Later')).length, 1)
})

test('a lost reply is found out, and told as if it had come', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  await system.mischief({ kind: 'lost-reply', times: 1 })
  const first = await ask('POST', table, { body: { last_name: 'Sought' }, headers })
  assert.equal(first.status, 201, first.text)
  const again = await ask('POST', table, { body: { last_name: 'Sought' }, headers })
  assert.equal(again.text, first.text)
  assert.equal((await platformRows('Sought')).length, 1, 'written once')
  assert.equal((await rowsOf('Sought')).length, 1)
})

test('a client that goes away while the platform works gets its record all the same', async () => {
  await system.mischief({ kind: 'latency', latencyMs: 600_000, times: 1 })
  const gone = new AbortController()
  const work = ask('POST', table, { body: { last_name: 'Gone' }, signal: gone.signal })
    .catch(() => null)
  await until('the mutation to be sent', async () => {
    const [row] = await system.store`select from sluice_store.mutations
      where state = 'sent' and request::text like '%"Gone"%'`
    return row !== undefined && (await platformRows('Gone')).length === 1
  }, { waitMs: 60_000 })
  gone.abort()
  await work
  await system.clearMischief() // answers what was held back
  await until('the row', async () => (await rowsOf('Gone')).length === 1, { waitMs: 60_000 })
  assert.equal((await platformRows('Gone')).length, 1)
})

test('mutations of both doors are listed, newest first, in pages and by filters', async () => {
  for (const name of ['L1', 'L2', 'L3']) await ask('POST', table, { body: { last_name: name } })
  const one = await ask('GET', '/v1/mutations?limit=2')
  assert.equal(one.status, 200, one.text)
  assert.equal(one.body.mutations.length, 2)
  const two = await ask('GET', `/v1/mutations?limit=2&cursor=${one.body.next}`)
  const times = [...one.body.mutations, ...two.body.mutations].map(({ receivedAt }) =>
    String(receivedAt)
  )
  assert.deepEqual(times, times.toSorted((a, b) => a < b ? 1 : -1))
  assert.equal(new Set(times).size, 4)
  const id = one.body.mutations[0]?.['id'] as string
  const entry = await ask('GET', `/v1/mutations/${id}`)
  assert.equal(entry.body.results[0]?.['state'], 'written')
  const values = entry.body.results[0]?.['values'] as Record<string, string> | undefined
  assert.equal(values?.['last_name'], 'L3')
  const refused = await ask('GET', '/v1/mutations?state=refused&table=contacts')
  assert.ok(
    refused.body.mutations.every(({ state, fault }) => state === 'refused' && fault !== null),
  )
  assert.equal((await ask('GET', '/v1/mutations?table=none')).body.mutations.length, 0)
  for (const path of ['?limit=0', '?limit=201', '?state=odd', '?cursor=x', '?odd=1']) {
    assert.equal((await ask('GET', `/v1/mutations${path}`)).status, 400, path)
  }
  assert.equal((await ask('GET', `/v1/mutations/${randomUUID()}`)).status, 404)
  assert.equal((await ask('GET', '/v1/mutations/x')).status, 404)
})

test('only a valid token of the sync is let in', async () => {
  const as = (authorization: string) => ({
    headers: { authorization },
    body: { sql: 'select 1 as one' },
  })
  for (
    const header of ['', 'Bearer', 'Bearer sluice_wrong', 'Basic abc', `Bearer ${'x'.repeat(600)}`]
  ) {
    const answer = await ask('POST', query, as(header))
    assert.deepEqual([answer.status, answer.body.sqlstate], [401, '28000'], header)
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
  }
  const other = await ask('POST', '/v1/syncs/sync_other01/query', { body: { sql: 'select 1' } })
  assert.equal(other.status, 401)
  const path = '/v1/syncs/sync_salesforce/tables/users/records'
  assert.equal((await ask('POST', path, { body: { a: 1 } })).status, 404)

  await saveToken(store, { id: 'mine', syncId: 'sync_salesforce', name: '', token: 'sluice_mine' })
  assert.equal((await ask('POST', query, as('Bearer sluice_mine'))).status, 200)
  await system.store`update sluice_store.tokens set revoked_at = now() where id = 'mine'`
  await until('the token to be refused', async () => {
    return (await ask('POST', query, as('Bearer sluice_mine'))).status === 401
  }, { waitMs: 60_000 })
  const [used] = await system.store`select last_used_at from sluice_store.tokens where id = 'mine'`
  assert.notEqual(used?.['last_used_at'], null)
})

test('answers fit the OpenAPI document, and the page shows every route', async () => {
  const document = JSON.parse((await ask('GET', '/openapi.json')).text) as {
    openapi: string
    paths: Record<
      string,
      Record<string, {
        summary: string
        responses: Record<string, { content: Record<string, { schema: object }> }>
      }>
    >
    components: { schemas: Record<string, object> }
  }
  assert.equal(document.openapi, '3.1.0')
  const ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'doc')
  const fits = (answer: Answer, [path, method]: [string, string]) => {
    const type = answer.headers.get('content-type') ?? ''
    const at = [
      'paths',
      path,
      method,
      'responses',
      String(answer.status),
      'content',
      type,
      'schema',
    ]
    const pointer = at.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')
    const validate = ajv.getSchema(`doc#/${encodeURI(pointer)}`)
    assert.ok(validate, `${method} ${path} ${answer.status} ${type} is in the document`)
    assert.equal(validate(answer.body), true, JSON.stringify(validate.errors))
  }
  const records = '/v1/syncs/{sync}/tables/{table}/records'
  const made = await ask('POST', table, { body: { last_name: 'Document' } })
  fits(made, [records, 'post'])
  fits(await ask('POST', table, { body: { last_name: 'D', email: 'x' } }), [records, 'post'])
  fits(await ask('PATCH', table, { body: { id: 'x', title: 'x' } }), [records, 'patch'])
  fits(await ask('POST', query, { body: { sql: 'select 1 as n' } }), [
    '/v1/syncs/{sync}/query',
    'post',
  ])
  fits(await ask('GET', '/v1/mutations'), ['/v1/mutations', 'get'])
  fits(await ask('GET', `/v1/mutations/${made.body.mutation}`), ['/v1/mutations/{id}', 'get'])
  const page = await ask('GET', '/docs')
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  assert.doesNotMatch(page.text, /<script|src=|https?:\/\/(?!localhost)/)
  for (const [path, item] of Object.entries(document.paths)) {
    assert.ok(page.text.includes(path))
    for (const { summary } of Object.values(item)) assert.ok(page.text.includes(summary), summary)
  }
})

test('a body of unknown length is read, and one that is too long is refused', async () => {
  const send = (body: string, more: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(system.servicePort, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => text += chunk).on('error', reject).on(
        'close',
        () => resolve(text),
      )
      socket.write(
        `POST ${query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${token}\r\n` +
          `content-type: application/json\r\n${more}\r\n\r\n${body}`,
      )
    })
  const sql = '{"sql":"select 1 as one"}'
  const chunked = await send(
    `${sql.length.toString(16)}\r\n${sql}\r\n0\r\n\r\n`,
    'transfer-encoding: chunked',
  )
  assert.match(chunked, /^HTTP\/1.1 200[^]*"rows":\[\{"one":1\}\]/)
  assert.match(await send('', `content-length: ${9 * 1024 * 1024}`), /^HTTP\/1.1 400[^]*too large/)
})

/** The last one, for its service finds out for a second only. */
test('an unknown outcome is told as such, and under its key nothing is sent again', async () => {
  await system.service.terminate()
  await system.service.start({ SLUICE_INQUIRY_WAIT_MS: '1000' })
  const headers = { 'idempotency-key': randomUUID() }
  await system.mischief({ kind: 'lost-reply', times: 1_000 })
  const first = await ask('POST', table, { body: { last_name: 'Lost' }, headers })
  assert.deepEqual([first.status, first.body.sqlstate], [504, '40003'], first.text)
  assert.ok(first.body.detail?.includes(`Mutation ${first.body.mutation}`), first.text)
  const again = await ask('POST', table, { body: { last_name: 'Lost' }, headers })
  assert.deepEqual([again.status, again.body.code, again.body.mutation], [
    504,
    'outcome_unknown',
    first.body.mutation,
  ])
  await system.clearMischief()
  assert.equal((await platformRows('Lost')).length, 1, 'written once')
})
