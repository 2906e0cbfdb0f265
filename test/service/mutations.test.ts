// Goal: a mutation is sent once, and what is said of it is true, whatever goes wrong. Method: a real store, a platform
// that the test plays, several service processes on one store, and a store that can be cut off.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { readSync, setSyncState } from '../../src/store/syncs.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { startLink } from '../store/link.ts'
import { accept, fakeAdapter, gate, post, type TestService, testService, until } from './help.ts'

let url: string
let store: Store
const cluster = await testCluster()

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})

beforeEach(() => seed(store))

after(async () => {
  await store?.close()
  await cluster.stop()
})

/** A clock that stands still: the time that a mutation has does not pass before it is sent, however slow the machine is. */
const still = { now: ((at) => () => at)(Date.now()) }

/** Has the service know the token, which a mutation with little time may not wait for. */
async function warm(service: TestService): Promise<void> {
  const deadline = deadlineIn(60_000)
  await (await service.callerFor('connection of sync_test01', { deadline })).token()
}

/** What is heard of a mutation that is accepted: the adapter of these tests makes no request. */
const heard = (mutation: Mutation) => ({ ...accept(mutation), requests: 0 })

async function stateOf(id: string): Promise<string | undefined> {
  const [row] = await store.sql<{ state: string }[]>`
    select state from sluice_store.mutations where id = ${id}`
  return row?.state
}

test('a mutation is in the journal before the platform hears of it, and its outcome before the listener does', async () => {
  const states: unknown[] = []
  const adapter = fakeAdapter({
    write: async (mutation) => {
      states.push(await stateOf(mutation.id))
      return accept(mutation)
    },
  })
  const service = await testService(url, adapter)
  const mutation = update()
  const { status, body } = await post(service, mutation)
  assert.equal(status, 200)
  assert.deepEqual(body, heard(mutation))
  assert.deepEqual(states, ['sent'])
  assert.equal(await stateOf(mutation.id), 'accepted')
  assert.deepEqual(adapter.writes, [mutation])
  await service.close()
})

test('an insert and a delete go through as well', async () => {
  const service = await testService(url, fakeAdapter())
  const rows = [{ ordinal: 1, id: null, values: { email: 'a@dune.co' } }]
  const inserted = await post(service, update({ operation: 'insert', rows }))
  assert.deepEqual(inserted.body.rows?.map(({ id }) => id), ['new 1'])
  const gone = [{ ordinal: 1, id: '003A', values: {} }]
  const deleted = await post(service, update({ operation: 'delete', rows: gone }))
  assert.equal(deleted.body.state, 'accepted')
  await service.close()
})

test('a refusal is an answer, and is kept', async () => {
  const refused: Outcome = { state: 'refused', fault: faultData('validation_error') }
  const adapter = fakeAdapter({ write: () => refused })
  const service = await testService(url, adapter)
  const mutation = update()
  assert.deepEqual(await post(service, mutation), { status: 200, body: refused })
  assert.deepEqual(await post(service, mutation), { status: 200, body: refused })
  assert.equal(adapter.writes.length, 1)
  await service.close()
})

test('the same mutation twenty times at once is sent once, and all hear the same', async () => {
  const open = gate()
  const adapter = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const service = await testService(url, adapter)
  const mutation = update()
  const answers = Array.from({ length: 20 }, () => post(service, mutation))
  await until(() => adapter.writes.length > 0)
  answers.push(post(service, mutation))
  open.open()
  for (const { body } of await Promise.all(answers)) assert.deepEqual(body, heard(mutation))
  assert.equal(adapter.writes.length, 1)
  await service.close()
})

test('the same mutation at two service processes at once is sent once', async () => {
  const open = gate()
  const adapter = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const services = await Promise.all([testService(url, adapter), testService(url, adapter)])
  const mutation = update()
  const answers = services.map((service) => post(service, mutation))
  await until(() => adapter.writes.length > 0)
  open.open()
  for (const { body } of await Promise.all(answers)) assert.deepEqual(body, heard(mutation))
  assert.equal(adapter.writes.length, 1)
  await Promise.all(services.map((service) => service.close()))
})

test('a mutation that another process still has when the time is up is unknown', async () => {
  const open = gate()
  const adapter = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const services = await Promise.all([testService(url, adapter), testService(url, adapter)])
  const mutation = update()
  const first = post(services[0] ?? assert.fail(), mutation)
  await until(() => adapter.writes.length > 0)
  const { body } = await post(services[1] ?? assert.fail(), mutation, { waitMs: 1_500 })
  assert.equal(body.state, 'unknown')
  open.open()
  assert.equal((await first).body.state, 'accepted')
  assert.equal(await stateOf(mutation.id), 'accepted')
  await Promise.all(services.map((service) => service.close()))
})

test('an id that was used for another mutation is refused, under way or done', async () => {
  const open = gate()
  const adapter = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const service = await testService(url, adapter)
  const mutation = update()
  const other = { ...mutation, rows: [{ ordinal: 1, id: '003B', values: {} }] }
  const first = post(service, mutation)
  await until(() => adapter.writes.length > 0)
  const during = await post(service, other)
  open.open()
  await first
  const afterwards = await post(service, other)
  for (const { status, body } of [during, afterwards]) {
    assert.deepEqual([status, body.fault?.code], [409, 'mutation_id_reused'])
  }
  await service.close()
})

test('what a killed process had sent is unknown and is not sent again', async () => {
  const adapter = fakeAdapter({ write: () => new Promise(() => {}) })
  const killed = await testService(url, adapter)
  const mutation = update()
  void post(killed, mutation).catch(() => {})
  await until(() => adapter.writes.length > 0)
  await killed.close()
  const next = fakeAdapter()
  const service = await testService(url, next)
  const { body } = await post(service, mutation)
  assert.deepEqual([body.state, body.fault?.sqlstate], ['unknown', '40003'])
  assert.equal(next.writes.length, 0)
  assert.equal(await stateOf(mutation.id), 'unknown')
  await service.close()
})

test('an adapter that throws leaves the outcome unknown, and its words in the log only', async () => {
  const write = () => Promise.reject(new Error('inner words'))
  const service = await testService(url, fakeAdapter({ write }), { newId: () => 'log id 1' })
  const mutation = update()
  const { status, body } = await post(service, mutation)
  assert.deepEqual([status, body.state, body.fault?.code], [200, 'unknown', 'outcome_unknown'])
  assert.equal(
    body.fault?.detail,
    `Mutation ${mutation.id}. The service's log has it under log id 1.`,
  )
  assert.match(body.fault?.hint ?? '', new RegExp(`sluice mutations show ${mutation.id}`))
  assert.doesNotMatch(JSON.stringify(body), /inner words/)
  assert.ok(service.lines.some((line) => /log id 1/.test(line) && /inner words/.test(line)))
  assert.equal(await stateOf(mutation.id), 'unknown')
  await service.close()
})

test('an adapter that answers for other rows is not believed', async () => {
  const outcomes: Outcome[] = [
    { state: 'accepted', rows: [] },
    { state: 'accepted', rows: [{ ordinal: 2, id: '003A', values: {} }] },
    { state: 'accepted', rows: [{ ordinal: 1, id: '003B', values: {} }] },
    { state: 'accepted', rows: [{ ordinal: 1, id: '003A', values: null }] },
  ]
  for (const outcome of outcomes) {
    const service = await testService(url, fakeAdapter({ write: () => outcome }))
    assert.equal((await post(service, update())).body.state, 'unknown')
    await service.close()
  }
})

test('an adapter that never answers is given up, and its late answer is kept', async () => {
  const late = gate<Outcome>()
  const adapter = fakeAdapter({ write: () => late.promise })
  const service = await testService(url, adapter, still)
  await warm(service)
  const mutation = update()
  const { body } = await post(service, mutation, { waitMs: 1_000 })
  assert.equal(body.state, 'unknown')
  assert.equal(await stateOf(mutation.id), 'unknown')
  late.open(accept(mutation))
  await until(async () => await stateOf(mutation.id) === 'accepted')
  await service.close()
})

test('a late answer is kept although the store is down when it comes, and a drain waits for it', async () => {
  const link = await startLink(cluster.port)
  const late = gate<Outcome>()
  const adapter = fakeAdapter({ write: () => late.promise })
  const through = url.replace(String(cluster.port), String(link.port))
  const service = await testService(through, adapter, still)
  await warm(service)
  const mutation = update()
  assert.equal((await post(service, mutation, { waitMs: 1_000 })).body.state, 'unknown')
  link.cut()
  late.open(accept(mutation))
  await until(() => service.lines.some((line) => line.includes('mutation.settle_again')))
  const drained = service.drain({ waitMs: 120_000 })
  assert.equal(await stateOf(mutation.id), 'unknown')
  link.mend()
  assert.equal(await drained, true)
  assert.equal(await stateOf(mutation.id), 'accepted')
  await service.close()
  await link.close()
})

test('a drain says so when an adapter that was given up may still answer', async () => {
  const late = gate<Outcome>()
  const service = await testService(url, fakeAdapter({ write: () => late.promise }), still)
  await warm(service)
  const mutation = update()
  assert.equal((await post(service, mutation, { waitMs: 1_000 })).body.state, 'unknown')
  assert.equal(await service.drain({ waitMs: 100 }), false)
  late.open(accept(mutation))
  assert.equal(await service.drain({ waitMs: 60_000 }), true)
  assert.equal(await stateOf(mutation.id), 'accepted')
  await service.close()
})

test('with the store down nothing is sent, and the fault says so', async () => {
  const link = await startLink(cluster.port)
  const adapter = fakeAdapter()
  const service = await testService(url.replace(String(cluster.port), String(link.port)), adapter)
  assert.equal((await post(service, update())).status, 200)
  link.cut()
  const mutation = update()
  const { status, body } = await post(service, mutation)
  assert.deepEqual([status, body.fault?.sqlstate], [503, '58030'])
  assert.match(body.fault?.message ?? '', /store is unreachable, nothing was sent/)
  assert.equal(adapter.writes.length, 1)
  assert.equal((await service.app.request('/readyz')).status, 503)
  assert.equal((await service.app.request('/healthz')).status, 200)
  link.mend()
  // what was told to be unsent is, and stays so
  await until(async () => (await post(service, mutation)).body.state === 'refused')
  assert.equal((await post(service, update())).body.state, 'accepted')
  assert.equal(adapter.writes.length, 2)
  await service.close()
  await link.close()
})

test('a store that goes down while the platform works does not lose what the platform accepted', async () => {
  const link = await startLink(cluster.port)
  const adapter = fakeAdapter({
    write: (mutation) => {
      link.cut()
      return accept(mutation)
    },
  })
  const service = await testService(url.replace(String(cluster.port), String(link.port)), adapter)
  const mutation = update()
  const answer = await post(service, mutation)
  assert.deepEqual(answer, { status: 200, body: heard(mutation) })
  assert.equal(await stateOf(mutation.id), 'sent')
  assert.deepEqual((await post(service, mutation)).body, heard(mutation))
  link.mend()
  await until(async () => await stateOf(mutation.id) === 'accepted')
  assert.equal(adapter.writes.length, 1)
  assert.equal(await service.drain({ waitMs: 60_000 }), true)
  await service.close()
  await link.close()
})

test('a disabled sync takes no new mutations but remembers the old ones', async () => {
  const service = await testService(url, fakeAdapter())
  const mutation = update()
  await post(service, mutation)
  await setSyncState(store, { id: 'sync_test01', state: 'disabled' })
  const { status, body } = await post(service, update())
  assert.deepEqual([status, body.fault?.code], [403, 'sync_disabled'])
  assert.deepEqual((await post(service, mutation)).body, heard(mutation))
  await setSyncState(store, { id: 'sync_test01', state: 'active' })
  assert.equal((await post(service, update())).body.state, 'accepted')
  await service.close()
})

test('a sync that changed since it was read is read again', async () => {
  const adapter = fakeAdapter({
    write: (mutation, caller) => (urls.push(caller.baseUrl), accept(mutation)),
  })
  const urls: string[] = []
  const service = await testService(url, adapter)
  await post(service, update())
  await store.sql`update sluice_store.connections set base_url = 'http://moved'`
  await store.sql`update sluice_store.syncs set version = version + 1`
  await post(service, update())
  assert.deepEqual(urls, ['http://127.0.0.1:1/salesforce', 'http://moved'])
  assert.equal((await readSync(store, 'sync_test01')).baseUrl, 'http://moved')
  await service.close()
})

test('one mutation more than may be under way is refused unsent', async () => {
  const open = gate()
  const adapter = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const service = await testService(url, adapter, { inFlightMax: 2 })
  const first = [post(service, update()), post(service, update())]
  await until(() => adapter.writes.length === 2)
  const { status, body } = await post(service, update())
  assert.deepEqual([status, body.fault?.code], [429, 'rate_limited'])
  assert.equal(body.title, 'mutation service has 2 mutations under way, nothing was sent')
  open.open()
  await Promise.all(first)
  assert.equal((await post(service, update())).status, 200)
  assert.equal(adapter.writes.length, 3)
  await service.close()
})

test('draining takes nothing new, finishes what is under way, and gives up what waits', async () => {
  const open = gate()
  const adapter = fakeAdapter({
    write: (mutation, { signal }) =>
      new Promise((resolve) => {
        void open.promise.then(() => resolve(accept(mutation)))
        signal.addEventListener('abort', () => {
          resolve({ state: 'refused', fault: faultData('unreachable') })
        })
      }),
  })
  const service = await testService(url, adapter)
  const [quick, waiting] = [post(service, update()), post(service, update())]
  await until(() => adapter.writes.length === 2)
  const drained = service.drain({ waitMs: 400 })
  const { status, body } = await post(service, update())
  assert.deepEqual([status, body.title], [503, 'mutation service is stopping, nothing was sent'])
  // in half of that time it gives up what waits; what came of that may reach the journal later
  await drained
  assert.equal(await service.drain({ waitMs: 60_000 }), true)
  assert.deepEqual([(await quick).body.state, (await waiting).body.state], ['refused', 'refused'])
  await service.close()
})
