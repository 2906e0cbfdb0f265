// Goal: the service says what a mutation would send and take from the platform's limits, and sends, reserves and records
// nothing for it. Method: requests to the app, with a real adapter that can reach no network.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Quote } from '../../src/mutation/quote.ts'
import type { Adapter } from '../../src/platforms/platform.ts'
import { salesforce } from '../../src/platforms/salesforce/index.ts'
import { setSyncState } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { type Answer, fakeAdapter, headers, type TestService, testService } from './help.ts'

let service: TestService
let adapter: Adapter = salesforce
const played: Adapter = { ...salesforce, requests: (...asked) => adapter.requests(...asked) }
const rated: Adapter = {
  ...played,
  rates: { ...salesforce.rates, rules: (settings) => adapter.rates.rules(settings) },
}
const cluster = await testCluster()

before(async () => {
  const url = await cluster.createDatabase()
  const store = await testStore(url)
  await seed(store)
  await store.close()
  service = await testService(url, rated)
})
after(async () => {
  await service?.close()
  await cluster.stop()
})

const known = () =>
  update({
    rows: [{ ordinal: 1, id: '003000000000001AAA', values: { email: 'paul@dune.co' } }],
  })
const ask = async (body: unknown): Promise<{ status: number; body: Quote & Answer }> => {
  const response = await service.app.request('/internal/quotes', {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() as Quote & Answer }
}
const recorded = async (): Promise<number> =>
  await service.store.ask('Counting', async (sql) => {
    const [row] = await sql`select count(*)::int as count from sluice_store.mutations`
    return Number(row?.['count'])
  })

test('the adapter’s requests and the limits that they count against', async () => {
  adapter = salesforce
  const { status, body } = await ask({ mutation: known() })
  assert.equal(status, 200)
  assert.equal(body.requests.length, 1)
  assert.equal(body.requests[0]?.method, 'POST')
  assert.match(body.requests[0]?.path ?? '', /composite/)
  assert.equal(body.requests[0]?.rows, known().rows.length)
  assert.ok(body.charges.length > 0)
  for (const { about, units, limit } of body.charges) {
    assert.ok(about !== '' && units > 0 && limit >= units)
  }
  assert.equal(await recorded(), 0)
})

test('charges of one bucket are added up, and what is bounded at one time only is no cost', async () => {
  const rule = (name: string, windowMs: number | null) => ({
    name,
    limit: 10,
    windowMs,
    about: name,
  })
  const charges = (key: string) => [
    { rule: 'minute', key, units: 2 },
    { rule: 'concurrent', units: 1 },
  ]
  const request = (key: string) =>
    ({ method: 'POST', path: '/x', rows: 1, charges: charges(key) }) as const
  adapter = fakeAdapter({
    requests: () => [request('a'), request('a'), request('b')],
    rates: {
      ...salesforce.rates,
      rules: () => [rule('minute', 60_000), rule('concurrent', null)],
    },
  })
  const { body } = await ask({ mutation: update() })
  assert.equal(body.requests.length, 3)
  assert.deepEqual(body.charges, [
    { about: 'minute', units: 4, limit: 10 },
    { about: 'minute', units: 2, limit: 10 },
  ])
})

test('what would be refused is refused', async () => {
  adapter = salesforce
  const code = async (body: unknown) => (await ask(body)).body.fault?.code
  assert.equal(await code({ mutation: update(), waitMs: 1 }), 'bad_request')
  assert.equal(await code({ mutation: { ...update(), table: 'nosuch' } }), 'not_found')
  assert.equal(await code({ mutation: { ...update(), syncId: 'sync_nothere' } }), 'not_found')
  await setSyncState(service.store, { id: update().syncId, state: 'disabled' })
  assert.equal(await code({ mutation: update() }), 'sync_disabled')
  await setSyncState(service.store, { id: update().syncId, state: 'active' })
  const response = await service.app.request('/internal/quotes', { method: 'POST', body: '{}' })
  assert.equal(response.status, 401)
  assert.equal(await recorded(), 0)
})
