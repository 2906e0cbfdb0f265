// Goal: the HTTP API takes what is documented and says what is wrong with the rest. Method: requests to the app, and to
// a real socket where the socket matters.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import type { SyncConfig } from '../../src/mutation/config.ts'
import { revokeListenerKey, saveListenerKey } from '../../src/store/keys.ts'
import { setSyncState } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { address, contacts, seed, testStore, update } from '../store/help.ts'
import {
  accept,
  type Answer,
  fakeAdapter,
  gate,
  headers,
  listenerKey,
  post,
  type TestService,
  testService,
  until,
} from './help.ts'

let service: TestService
let clock = Date.now()
const adapter = fakeAdapter()
const cluster = await testCluster()

before(async () => {
  const url = await cluster.createDatabase()
  const store = await testStore(url)
  await seed(store)
  await store.close()
  service = await testService(url, adapter, { now: () => clock })
})

after(async () => {
  await service?.close()
  await cluster.stop()
})

test('a sync is told with an ETag, and not again while it is the same', async () => {
  const path = '/internal/syncs/sync_test01'
  const first = await service.app.request(path, { headers })
  const config = await first.json() as SyncConfig
  assert.deepEqual(config.tables, [contacts()])
  assert.deepEqual(config.database, address)
  const etag = first.headers.get('etag') ?? ''
  const again = { headers: { ...headers, 'if-none-match': etag } }
  const second = await service.app.request(path, again)
  assert.deepEqual([second.status, await second.text()], [304, ''])
  await setSyncState(service.store, { id: 'sync_test01', state: 'disabled' })
  const third = await service.app.request(path, again)
  assert.equal(((await third.json()) as SyncConfig).state, 'disabled')
  await setSyncState(service.store, { id: 'sync_test01', state: 'active' })
})

test('a sync that is not there is a problem with status 404', async () => {
  for (const id of ['sync_nothere', '%00', 'a%2Fb']) {
    const response = await service.app.request(`/internal/syncs/${id}`, { headers })
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    const problem = await response.json() as Answer
    assert.equal(problem.type, 'urn:sluice:fault:not_found')
    assert.deepEqual([problem.status, problem.fault?.sqlstate], [404, '42704'])
  }
})

test('without a valid key nothing is told', async () => {
  const bad = [
    undefined,
    'Bearer',
    'Bearer wrong',
    `Basic ${listenerKey}`,
    `Bearer ${listenerKey}x`,
  ]
  for (const path of ['/internal/syncs/sync_test01', '/internal/nothing']) {
    for (const authorization of bad) {
      const request = authorization === undefined ? {} : { headers: { authorization } }
      const response = await service.app.request(path, request)
      assert.equal(response.status, 401, String(authorization))
      assert.equal(((await response.json()) as Answer).fault?.code, 'unauthorized')
    }
  }
})

test('a revoked key stops working within seconds, and a new one works at once', async () => {
  await saveListenerKey(service.store, { id: 'fra', key: 'second' })
  clock += 1_000
  const ask = async () => {
    const authorization = 'Bearer second'
    return (await service.app.request('/internal/syncs/sync_test01', {
      headers: { authorization },
    }))
      .status
  }
  assert.equal(await ask(), 200)
  await revokeListenerKey(service.store, 'fra')
  clock += 5_001
  assert.equal(await ask(), 401)
})

test('a key for some syncs is told of no other, and may mutate no other', async () => {
  const authorization = 'Bearer narrow'
  const ask = (path: string, init: RequestInit = {}) =>
    service.app.request(path, { ...init, headers: { authorization } })
  const send = (path: string) =>
    ask(path, { method: 'POST', body: JSON.stringify({ mutation: update(), waitMs: 1_000 }) })
  const quote = () =>
    ask('/internal/quotes', { method: 'POST', body: JSON.stringify({ mutation: update() }) })
  await saveListenerKey(service.store, { id: 'narrow', key: 'narrow', syncs: ['sync_others'] })
  clock += 5_001
  for (
    const answer of [
      await ask('/internal/syncs/sync_test01'),
      await send('/internal/mutations'),
      await quote(),
    ]
  ) {
    assert.equal(answer.status, 404)
    assert.deepEqual(
      ((await answer.json()) as Answer).fault?.message,
      'sync "sync_test01" not found',
    )
  }
  await saveListenerKey(service.store, { id: 'narrow', key: 'narrow', syncs: ['sync_test01'] })
  clock += 5_001
  assert.equal((await ask('/internal/syncs/sync_test01')).status, 200)
})

test('a key for some syncs says of no mutation of another that it is applied, and cancels none', async () => {
  const narrow = { authorization: 'Bearer narrower' }
  const [mine, theirs] = ['sync_test01', 'sync_others']
  const rescope = async (syncs: string[]) => {
    await saveListenerKey(service.store, { id: 'narrower', key: 'narrower', syncs })
    clock += 5_001
  }
  const mutation = update()
  assert.equal((await post(service, mutation)).body.state, 'accepted')
  const say = async () => {
    const body = JSON.stringify({ ids: [mutation.id] })
    const request = { method: 'POST', headers: narrow, body }
    const answer = await service.app.request('/internal/applied', request)
    assert.equal(answer.status, 200)
    return ((await answer.json()) as { applied: string[] }).applied
  }
  const cancel = async (id: string) => {
    const path = `/internal/mutations/${id}/cancel`
    const answer = await service.app.request(path, { method: 'POST', headers: narrow })
    return ((await answer.json()) as Answer).state
  }
  const stateOf = async () => {
    const [row] = await service.store.sql`
      select state from sluice_store.mutations where id = ${mutation.id}`
    return row?.['state'] as string
  }
  await rescope([theirs])
  assert.deepEqual(await say(), [])
  assert.equal(await cancel(mutation.id), 'unknown', 'as one that there is not')
  assert.equal(await stateOf(), 'accepted')
  await rescope([theirs, mine])
  assert.equal(await cancel(mutation.id), 'sent')
  assert.deepEqual(await say(), [mutation.id])
  assert.equal(await stateOf(), 'applied')
})

test('what a listener is told holds no credential of a platform, and no key but that of the tickets', async () => {
  const authorization = `Bearer ${listenerKey}`
  const answer = await service.app.request('/internal/syncs/sync_test01', {
    headers: { authorization },
  })
  const config = await answer.json() as Record<string, unknown>
  const known = ['allow', 'database', 'id', 'state', 'tables', 'ticketKey', 'users']
  assert.deepEqual(Object.keys(config).filter((key) => !known.includes(key)), [])
  const database = config['database'] as Record<string, unknown>
  assert.deepEqual(Object.keys(database).sort(), [
    'database',
    'host',
    'password',
    'port',
    'sslmode',
    'user',
  ])
  assert.doesNotMatch(
    JSON.stringify(config['tables']),
    /token|secret|password|credential|refresh|bearer|key/i,
  )
})

test('a request that is not of the documented form is refused with the place where it differs', async () => {
  const good = update()
  const row = { ordinal: 1, id: '003A', values: { email: 'a' } }
  const insert = { ...good, operation: 'insert' }
  const cases: [unknown, string][] = [
    [null, 'mutation must be an object'],
    [[], 'mutation must be an object'],
    [{ ...good, extra: 1 }, 'mutation has an unknown key "extra"'],
    [{ ...good, id: 'x' }, 'mutation.id must be a UUID'],
    [{ ...good, syncId: 1 }, 'mutation.syncId must be a string of 1 to 255 characters'],
    [{ ...good, operation: 'merge' }, 'mutation.operation must be insert, update, delete'],
    [{ ...good, rows: [] }, 'mutation.rows must hold a row'],
    [{ ...good, rows: {} }, 'mutation.rows must hold a row'],
    [{ ...good, rows: [{ ...row, x: 1 }] }, 'mutation.rows[0] has an unknown key "x"'],
    [
      { ...good, rows: [{ ...row, ordinal: 0 }] },
      'mutation.rows[0].ordinal must be an integer from 1',
    ],
    [{ ...good, rows: [row, { ...row, id: '003B' }] }, 'ordinal 1 stands twice'],
    [{ ...good, rows: [row, { ...row, ordinal: 2 }] }, 'mutation.rows[1].id stands twice'],
    [
      { ...good, rows: [{ ...row, id: null }] },
      'mutation.rows[0].id must be a string of 1 to 255 characters',
    ],
    [{ ...insert, rows: [row] }, 'mutation.rows[0].id must be null in an insert'],
    [{ ...good, upsertBy: 'email' }, 'mutation.upsertBy is for an insert'],
    [
      { ...insert, upsertBy: '', rows: [row] },
      'mutation.upsertBy must be a string of 1 to 255 characters',
    ],
    [
      { ...insert, upsertBy: 'email', rows: [row, { ...row, ordinal: 2 }] },
      'mutation.rows[1].id stands twice',
    ],
    [
      { ...insert, upsertBy: 'email', rows: [{ ...row, id: '' }] },
      'mutation.rows[0].id must be a string of 1 to 255 characters',
    ],
    [
      { ...good, operation: 'delete', rows: [row] },
      'mutation.rows[0].values must be empty in a delete',
    ],
    [
      { ...good, rows: [{ ...row, values: { email: 1 } }] },
      'mutation.rows[0].values.email must be a string or null',
    ],
    [
      { ...good, rows: [{ ...row, values: { email: 'a\0' } }] },
      'mutation.rows[0].values.email holds a character that Postgres text cannot hold',
    ],
  ]
  const sent = adapter.writes.length
  for (const [mutation, message] of cases) {
    const { status, body } = await post(service, mutation)
    assert.deepEqual([status, body.fault?.code, body.title], [400, 'bad_request', message])
  }
  for (const waitMs of [0, 1.5, 180_001]) {
    assert.equal((await post(service, good, { waitMs })).status, 400)
  }
  assert.equal(adapter.writes.length, sent)
})

test('a body that is not JSON in UTF-8 is refused', async () => {
  for (const body of ['{', new Uint8Array([0x22, 0xff, 0x22])]) {
    const response = await service.app.request('/internal/mutations', {
      method: 'POST',
      headers,
      body,
    })
    assert.equal(((await response.json()) as Answer).title, 'the body must be JSON in UTF-8')
  }
})

test('a body of 32 MB is read and one byte more is refused', async () => {
  const send = async (bytes: number) => {
    const body = new Uint8Array(bytes).fill(0x20)
    const request = { method: 'POST', headers, body }
    return await (await service.app.request('/internal/mutations', request)).json() as Answer
  }
  assert.equal((await send(32 * 1024 * 1024)).fault?.code, 'bad_request')
  const { status, title } = await send(32 * 1024 * 1024 + 1)
  assert.deepEqual([status, title], [413, 'request body is too large, nothing was sent'])
})

test("the platform's limit of rows is taken and one row more is refused unsent", async () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      ordinal: index + 1,
      id: `003${index}`,
      values: { email: 'a' },
    }))
  assert.equal((await post(service, update({ rows: rows(200) }))).body.state, 'accepted')
  const sent = adapter.writes.length
  const { status, body } = await post(service, update({ rows: rows(201) }))
  assert.deepEqual([status, body.fault?.code, body.fault?.sqlstate], [
    413,
    'too_many_rows',
    '54000',
  ])
  assert.match(body.fault?.detail ?? '', /^201 rows; salesforce takes 200/)
  assert.equal(adapter.writes.length, sent)
})

test('tables and columns must be there, and columns writable', async () => {
  const sent = adapter.writes.length
  const rows = (name: string) => [{ ordinal: 1, id: '003A', values: { [name]: 'a' } }]
  const cases: [Parameters<typeof update>[0], number, string][] = [
    [{ syncId: 'sync_nothere' }, 404, 'not_found'],
    [{ table: 'nothing' }, 404, 'not_found'],
    [{ schema: 'nothing' }, 404, 'not_found'],
    [{ rows: rows('nothing') }, 422, 'column_unknown'],
    [{ rows: rows('__proto__') }, 422, 'column_unknown'],
    [{ rows: rows('created_at') }, 422, 'column_read_only'],
    [{ rows: rows('id') }, 422, 'column_read_only'],
  ]
  for (const [fields, status, code] of cases) {
    const answer = await post(service, update(fields))
    assert.deepEqual([answer.status, answer.body.fault?.code], [status, code])
  }
  assert.equal(adapter.writes.length, sent)
})

test('applied is taken once and again, of many at a time, and of what was accepted only', async () => {
  const mutations = [update(), update()]
  for (const mutation of mutations) await post(service, mutation)
  const ids = mutations.map(({ id }) => id)
  const say = async (body: unknown) => {
    const request = { method: 'POST', headers, body: JSON.stringify(body) }
    const answer = await service.app.request('/internal/applied', request)
    return [answer.status, await answer.json() as { applied?: string[] }] as const
  }
  for (const _turn of [1, 2]) {
    const [status, { applied }] = await say({ ids: [...ids, crypto.randomUUID()] })
    assert.equal(status, 200)
    assert.deepEqual(applied?.toSorted(), ids.toSorted())
  }
  assert.equal((await say({ ids: ['nothing'] }))[0], 400)
  assert.equal((await say({ ids: Array.from({ length: 1001 }, () => ids[0]) }))[0], 400)
  assert.equal((await say({}))[0], 400)
})

test('an error that is not a fault reaches the log, and the client hears its id only', async () => {
  const broken = await testService(service.store.url, adapter, {
    adapterFor: () => {
      throw new TypeError('inner words')
    },
    newId: () => 'log id 2',
  })
  const { status, body } = await post(broken, update())
  assert.deepEqual([status, body.fault?.sqlstate, body.title], [
    500,
    'XX000',
    'internal error log id 2',
  ])
  assert.doesNotMatch(JSON.stringify(body), /inner words/)
  assert.ok(broken.lines.some((line) => /log id 2/.test(line) && /inner words/.test(line)))
  await broken.close()
})

test('no key, token or password is ever logged', () => {
  for (const line of service.lines) {
    assert.ok(!line.includes(listenerKey) && !line.includes('the key'))
    assert.ok(!line.includes(address.password))
  }
})

test('over a socket: a client that goes away does not stop its mutation', async () => {
  const open = gate()
  const slow = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const other = await testService(service.store.url, slow)
  const server = createAdaptorServer({ fetch: other.app.fetch, overrideGlobalObjects: false })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const mutation = update()
  const body = JSON.stringify({ mutation, waitMs: 60_000 })
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
  socket.write(
    `POST /internal/mutations HTTP/1.1\r\nHost: a\r\nAuthorization: ${headers.authorization}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  await until(() => slow.writes.length === 1)
  socket.destroy()
  await once(socket, 'close')
  open.open()
  await until(async () => {
    const [row] = await service.store.sql`
      select state from sluice_store.mutations where id = ${mutation.id}`
    return row?.['state'] === 'accepted'
  })
  await new Promise((resolve) => server.close(resolve))
  await other.close()
})
