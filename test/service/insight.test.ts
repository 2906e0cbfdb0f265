// Goal: administrators see what was written, by whom, how long it took, and what is left of the limits; answers are those of
// the OpenAPI document. Method: the service on a real store, with a platform that the test plays.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Administration } from '../../src/service/admin/administration.ts'
import { documentOf } from '../../src/service/v1/document.ts'
import { saveAdminToken } from '../../src/store/admin-tokens.ts'
import { takeTurns } from '../../src/store/buckets.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { readConnection } from '../../src/store/connections.ts'
import { saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { readSync } from '../../src/store/syncs.ts'
import { limitOf } from '../../src/service/limits/limit.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from '../store/help.ts'
import { accept, fakeAdapter, headers, type TestService, testService, until } from './help.ts'

let cluster: TestCluster
let service: TestService
const token = 'sluice_admin_of_the_insight_tests_01234567'
const now = Date.now()

before(async () => {
  cluster = await testCluster()
  const url = await cluster.createDatabase()
  const store = await testStore(url)
  await seed(store)
  await saveAdminToken(store, { id: 'a', name: 'a', token })
  await store.close()
  const rates = {
    rules: () => [{ name: 'second', limit: 5, windowMs: 1_000, about: '5 a second' }],
    charges: () => [],
    learn: () => ({ refused: false, news: [] }),
  }
  const requests = (mutation: Mutation) => [
    {
      method: 'PATCH' as const,
      path: '/records?key=sk_live_0123456789ab',
      rows: mutation.rows.length,
      charges: [],
    },
  ]
  const adapter = fakeAdapter({
    rates,
    requests,
    write: (mutation) => {
      const email = mutation.rows[0]?.values['email']
      if (email !== 'bad') return accept(mutation)
      const detail = 'Key (email)=("code":"duplicate") is bad.'
      return { state: 'refused', fault: faultData('validation_error', { detail }) }
    },
  })
  service = await testService(url, adapter, {
    now: () => now,
    adapterFor: (platform) => platform === 'salesforce' ? adapter : adapterFor(platform),
    administration: () => ({} as Administration),
    place: {
      regions: [{ name: 'iad', host: 'iad.example', port: 5432 }],
      outbound: ['203.0.113.7'],
      hosted: false,
    },
  })
})
after(async () => {
  await service?.drain({ waitMs: 2_000 })
  await service?.close()
  await cluster?.stop()
})

const ajv = new Ajv2020({ strict: false })
ajvFormats.default(ajv)
ajv.addSchema(JSON.parse(JSON.stringify(documentOf())) as object, 'doc')

/** Asks, and holds the answer against the document. */
async function ask(
  path: string,
  { at = path.split('?')[0] ?? '', body }: { at?: string; body?: unknown } = {},
  // oxlint-disable-next-line typescript/no-explicit-any
): Promise<{ status: number; body: any }> {
  const method = body === undefined ? 'GET' : 'POST'
  const response = await service.app.request(`/v1/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
  const answer: unknown = await response.json()
  const steps = ['paths', `/v1/admin${at}`, method.toLowerCase(), 'responses']
  const pointer = [...steps, String(response.status), 'content', type, 'schema']
    .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')
  const validate = ajv.getSchema(`doc#/${encodeURI(pointer)}`)
  assert.ok(validate, `${method} ${at} ${response.status} is in the document`)
  assert.equal(validate(answer), true, JSON.stringify([validate.errors, answer]))
  return { status: response.status, body: answer }
}

async function write(
  { id = randomUUID(), email, record = null, by }: {
    id?: string
    email: string
    record?: string | null
    by?: string
  },
): Promise<string> {
  const mutation: Mutation = {
    id,
    syncId: 'sync_test01',
    schema: 'salesforce',
    table: 'contacts',
    operation: record === null ? 'insert' : 'update',
    rows: [{ ordinal: 1, id: record, values: { email } }],
  }
  await service.app.request('/internal/mutations', {
    method: 'POST',
    headers: {
      ...headers,
      ...(by === undefined ? {} : { 'sluice-login': encodeURIComponent(by) }),
    },
    body: JSON.stringify({ mutation, waitMs: 60_000 }),
  })
  return id
}

test('mutations are listed with who sent them, how many requests it took, and what was wrong', async () => {
  await write({ email: 'first', by: 'Paul Ö' })
  await write({ email: 'bad' })
  const { body } = await ask('/mutations')
  const [refused, written] = body.mutations
  // the platform of the test was sent nothing
  const { by, requests, state, fault } = written
  assert.deepEqual([by, requests, state, fault], ['Paul Ö', 0, 'accepted', null])
  assert.deepEqual([refused.by, refused.state, refused.fault.code], [
    null,
    'refused',
    'validation_error',
  ])
  assert.ok(written.answeredAt >= written.receivedAt)
})

test('a list is searched by what mutations are and hold, and goes on where it ended', async () => {
  for (const name of ['one', 'two', 'three']) await write({ email: `${name}"s`, by: 'pager' })
  const pages: string[][] = []
  let after: string | null = ''
  while (after !== null) {
    const query = new URLSearchParams({ by: 'pager', limit: '2', ...(after ? { after } : {}) })
    const { body }: { body: { mutations: { id: string }[]; next: string | null } } = await ask(
      `/mutations?${query}`,
    )
    pages.push(body.mutations.map(({ id }) => id))
    after = body.next
  }
  assert.deepEqual(pages.map(({ length }) => length), [2, 1])
  assert.equal(new Set(pages.flat()).size, 3)
  const count = async (query: Record<string, string>) =>
    (await ask(`/mutations?${new URLSearchParams(query)}`)).body.mutations.length
  assert.equal(await count({ q: 'two"s' }), 1, 'by a value, with the characters that JSON escapes')
  assert.equal(
    await count({ q: pages[0]?.[0]?.slice(0, 13) ?? '' }),
    1,
    'by the beginning of an id',
  )
  assert.equal(await count({ q: '%' }), 0, 'by characters that are no wildcards')
  assert.equal(await count({ state: 'refused' }), 1)
  assert.equal(await count({ sync: 'sync_other' }), 0)
  assert.equal((await ask('/mutations?state=nonsense')).status, 400)
  assert.equal((await ask('/mutations?after=nonsense')).status, 400)
  assert.equal((await ask('/mutations?nonsense=1')).status, 400)
})

test('a mutation is read with its rows before and after, and without what looks like a secret', async () => {
  await write({ email: 'before@dune.co', record: 'r1' })
  const id = await write({ email: 'sk_live_abcdefgh12345678', record: 'r1' })
  const { body } = await ask(`/mutations/${id}`, { at: '/mutations/{mutation}' })
  assert.deepEqual(body.changes[0].cells, [{
    column: 'email',
    before: 'before@dune.co',
    sent: '(redacted)',
    after: '(redacted)',
  }])
  assert.ok(body.changes[0].earlier.mutation)
  assert.deepEqual(body.sends, [{ method: 'PATCH', path: '(redacted)', rows: 1 }])
  const first = await write({ email: 'x', record: 'r2' })
  const alone = (await ask(`/mutations/${first}`, { at: '/mutations/{mutation}' })).body
  assert.equal(alone.changes[0].earlier, null, 'nobody knows how it was before')
  assert.deepEqual(alone.changes[0].cells, [{ column: 'email', sent: 'x', after: 'x' }])
  for (const nobody of [randomUUID(), 'nonsense']) {
    assert.equal((await ask(`/mutations/${nobody}`, { at: '/mutations/{mutation}' })).status, 404)
  }
})

test('minutes count what was received, and faults by the code that they have', async () => {
  const { body } = await ask('/figures?minutes=10')
  const sum = (name: string) =>
    body.minutes.reduce((all: number, each: Record<string, number>) => all + (each[name] ?? 0), 0)
  assert.ok(sum('mutations') >= 5)
  assert.equal(sum('refused'), 1)
  for (const { p50, p99 } of body.minutes) assert.ok(p50 >= 0 && p99 >= p50)
  assert.deepEqual(body.faults, [{ code: 'validation_error', blame: 'client', count: 1 }])
  assert.deepEqual((await ask('/figures?sync=sync_other')).body.minutes, [])
})

test('buckets say what is used, and what is promised to those who wait', async () => {
  const { bucket } = limitOf({ name: 'second', limit: 5, windowMs: 1_000, about: '' })
  const { connectionId } = await service.store.sql<{ connectionId: string }[]>`
    select connection_id as "connectionId" from sluice_store.syncs`.then(([row]) => row) ??
    { connectionId: '' }
  const read = async () => (await ask('/buckets')).body.connections[0].buckets[0]
  assert.deepEqual([(await read()).limit, (await read()).ahead], [5, 0])
  const requests = Array.from({ length: 300 }, () => [[0, 1] as const])
  const job = { leadMs: 0, waitMs: 120_000, background: false, confirm: false, back: [], requests }
  assert.ok(await takeTurns(service.store, connectionId, { buckets: [bucket], jobs: [job] }))
  const full = await read()
  assert.ok(full.ahead > 0 && full.aheadMs > 0, JSON.stringify(full))
  assert.ok(full.used <= 5)
  const overview = (await ask('/overview')).body.syncs[0]
  assert.deepEqual([overview.id, overview.quota.rule, overview.failures], [
    'sync_test01',
    'second',
    1,
  ])
})

test('a place says its regions and addresses, and which platforms people can log in at', async () => {
  await saveOAuthApp(service.store, { platform: 'github', clientId: 'c', clientSecret: 's' })
  const { body } = await ask('/place')
  assert.deepEqual([body.regions[0].host, body.outbound, body.hosted], [
    'iad.example',
    ['203.0.113.7'],
    false,
  ])
  const github = body.platforms.find(({ platform }: { platform: string }) => platform === 'github')
  assert.deepEqual([github.oauth, github.app], [true, true])
})

test('a link connects a new account, and none is made for another platform or another site', async () => {
  const at = '/connections/{connection}/link'
  const wanted = {
    platform: 'github',
    settings: { repositories: ['a/b'] },
    returnTo: '/console/back',
  }
  const { status, body } = await ask('/connections/hub/link', { at, body: wanted })
  assert.equal(status, 201)
  const url = new URL(body.url)
  assert.equal(url.pathname, '/oauth/github/start')
  assert.equal(url.searchParams.get('return'), '/console/back')
  const made = await readConnection(service.store, 'hub')
  assert.deepEqual([made.state, made.settings], ['revoked', { repositories: ['a/b'] }])
  for (
    const [id, other] of [
      ['hub', { platform: 'stripe' }],
      ['hub', { ...wanted, returnTo: 'https://evil.example/' }],
      ['not an id', wanted],
      ['other', { ...wanted, baseUrl: 'file:///etc/passwd' }],
      ['other', { ...wanted, baseUrl: 'http://api.example.com' }],
      ['other', { ...wanted, baseUrl: 'https://169.254.169.254' }],
      ['other', { ...wanted, baseUrl: 'https://user:word@api.example.com' }],
    ] as const
  ) {
    const answer = await ask(`/connections/${encodeURIComponent(id)}/link`, { at, body: other })
    assert.equal(answer.status, 400, JSON.stringify([id, other]))
  }
})

test('what is not shown of a value is not found either, in JSON too', async () => {
  const values = {
    email: 'shown@dune.co',
    api_token: 'hidden-by-column',
    name: '{"city":"Arrakeen","number":12345678901234567890,"access_key":"hidden-by-key"}',
  }
  const id = randomUUID()
  const journal = createJournal(service.store, { service: 0 })
  const mutation: Mutation = {
    id,
    syncId: 'sync_test01',
    schema: 'salesforce',
    table: 'contacts',
    operation: 'update',
    rows: [{ ordinal: 1, id: '003-searched', values }],
  }
  const { version } = await readSync(service.store, 'sync_test01')
  const options = { hash: requestHash(mutation), syncVersion: version, state: 'sent' } as const
  assert.equal((await journal.begin(mutation, options)).kind, 'begun')
  const detail = 'Key (email)=("shown-detail") is bad.'
  await journal.settle(id, { state: 'refused', fault: faultData('validation_error', { detail }) })
  const found = async (q: string) => {
    const { body } = await ask(`/mutations?${new URLSearchParams({ q, limit: '1' })}`)
    return { ids: body.mutations.map((each: { id: string }) => each.id), next: body.next }
  }
  for (
    const q of ['shown@dune', 'Arrakeen', '12345678901234567890', '003-searched', 'shown-detail']
  ) {
    assert.deepEqual(await found(q), { ids: [id], next: null }, q)
  }
  for (const q of ['hidden-by-column', 'hidden-by-key']) {
    assert.deepEqual(await found(q), { ids: [], next: null }, q)
  }
  const { body } = await ask(`/mutations/${id}`, { at: '/mutations/{mutation}' })
  const cell = body.changes[0].cells.find(({ column }: { column: string }) => column === 'name')
  assert.equal(
    cell.sent,
    '{"city":"Arrakeen","number":12345678901234567890,"access_key":"(redacted)"}',
  )
})

test('two search at a time, the third is told so, and lists are not searches', async () => {
  const locked = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<void>()
  // so that searches wait
  const locking = service.store.sql.begin(async (sql) => {
    await sql`lock table sluice_store.mutations in access exclusive mode`
    ready.resolve()
    await locked.promise
  })
  await ready.promise
  try {
    const searches = [ask('/mutations?q=x'), ask('/mutations?q=y')]
    await until(async () =>
      (await service.store.sql`
        select from pg_locks where not granted and locktype = 'relation'
          and relation = 'sluice_store.mutations'::regclass`).count >= 2
    )
    const third = await ask('/mutations?q=z')
    assert.equal(third.status, 429)
    assert.match(third.body.title, /2 searches of the journal are under way/)
    locked.resolve()
    await locking
    assert.deepEqual((await Promise.all(searches)).map(({ status }) => status), [200, 200])
    assert.equal((await ask('/mutations?q=z')).status, 200, 'when they are over')
  } finally {
    locked.resolve()
  }
})

test('nobody but an administrator sees any of it', async () => {
  for (
    const path of ['overview', 'mutations', 'figures', 'buckets', 'place', 'connections/x/objects']
  ) {
    for (const authorization of ['', 'Bearer sluice_wrong', headers.authorization]) {
      const response = await service.app.request(`/v1/admin/${path}`, {
        headers: { authorization },
      })
      assert.equal(response.status, 401, path)
      await response.text()
    }
  }
})
