// Goal: waits for turns, refusals of the platform and what is under way are counted as they were. Method: a platform of a
// few lines with a limit, a real store, and scrapes while somebody waits and afterwards.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import { createServiceMetrics } from '../../src/service/metrics.ts'
import { testCluster } from '../help/cluster.ts'
import { readExposition } from '../help/exposition.ts'
import type { Store } from '../../src/store/store.ts'
import { seed, testStore, update } from '../store/help.ts'
import { gate, post, type TestService, testService, until } from './help.ts'
import {
  countingAdapter,
  type CountingPlatform,
  countingPlatform,
  second,
  takeAhead,
} from './limits-platform.ts'

const cluster = await testCluster()
let platform: CountingPlatform
let service: TestService
let store: Store

const registry = createMetrics({ log: silentLog })
const scrape = async () => readExposition(await registry.expose())
const salesforce = { platform: 'salesforce' }

before(async () => {
  const url = await cluster.createDatabase()
  store = await testStore(url)
  await seed(store)
  platform = await countingPlatform()
  const adapter = countingAdapter(platform.url, { rules: [second] })
  const watched = { registry, metrics: createServiceMetrics(registry) }
  service = await testService(url, adapter, { http: platform.http, watched, inFlightMax: 8 })
})
after(async () => {
  await service?.drain({ waitMs: 5_000 })
  await service?.close()
  await platform?.close()
  await store?.close()
  await cluster.stop()
})

test('who waits for a turn is seen to wait, and the wait is counted', async () => {
  const held = gate()
  platform.hold = held.promise
  await takeAhead(store, 300) // so that nobody's turn comes until it is seen that they wait
  const from = performance.now()
  const waits = Array.from({ length: 8 }, () => post(service, update(), { waitMs: 120_000 }))
  await until(async () => (await scrape()).value('sluice_bucket_waiting', salesforce) === 8)
  const seenAt = performance.now()
  const meanwhile = await scrape()
  assert.equal(meanwhile.value('sluice_mutations_under_way'), 8)
  const { body } = await post(service, update())
  assert.equal(body.fault?.code, 'rate_limited', 'a ninth is more than may be under way')
  platform.hold = null
  held.open()
  await until(() => performance.now() - seenAt > 500)
  const waitedMs = performance.now() - seenAt
  await store.sql`delete from sluice_store.slots`
  await store.sql`update sluice_store.buckets set full_before = 0, epoch = epoch + 1`
  for (const { body: answer } of await Promise.all(waits)) assert.equal(answer.state, 'accepted')
  const exposed = await scrape()
  const urgency = { ...salesforce, urgency: 'mutation' }
  assert.equal(exposed.value('sluice_bucket_wait_seconds_count', urgency), 8)
  const sum = exposed.value('sluice_bucket_wait_seconds_sum', urgency) ?? 0
  const [least, most] = [8 * waitedMs / 1_000, 8 * (performance.now() - from) / 1_000]
  assert.ok(sum >= least && sum <= most, `eight wait for ${waitedMs} ms: ${sum} s`)
  const turn = { ...salesforce, phase: 'turn', operation: 'update' }
  assert.ok((exposed.value('sluice_mutation_phase_seconds_sum', turn) ?? 0) >= least)
  assert.equal(exposed.value('sluice_bucket_waiting', salesforce), 0)
  const unsent = { platform: 'other', operation: 'update', state: 'unsent' }
  assert.equal(exposed.value('sluice_mutations_total', unsent), 1)
  assert.equal(exposed.value('sluice_mutation_faults_total', { code: 'rate_limited' }), 1)
})

test('a request that the platform refuses for a limit is counted apart, and the one after it too', async () => {
  const of = async (result: string) =>
    (await scrape()).value('sluice_platform_requests_total', { ...salesforce, result }) ?? 0
  const [taken, refused] = [await of('2xx'), await of('429')]
  platform.play.push({ status: 429, headers: { 'retry-after': '0' } })
  assert.equal((await post(service, update())).body.state, 'accepted')
  assert.deepEqual([await of('2xx') - taken, await of('429') - refused], [1, 1])
})

test('HTTP requests are counted by door and class of status', async () => {
  const of = async (door: string, status: string) =>
    (await scrape()).value('sluice_http_requests_total', { door, status }) ?? 0
  const before = await Promise.all([of('internal', '4xx'), of('other', '2xx'), of('v1', '4xx')])
  await service.app.request('/internal/mutations', { method: 'POST' })
  await service.app.request('/healthz')
  await service.app.request('/v1/mutations')
  const after = await Promise.all([of('internal', '4xx'), of('other', '2xx'), of('v1', '4xx')])
  assert.deepEqual(after.map((count, i) => count - (before[i] ?? 0)), [1, 1, 1])
})
