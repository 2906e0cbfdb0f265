// Goal: what the platforms allow is used up and not exceeded, by as many processes as there are; who comes first is first;
// who cannot have his turn in time hears so at once, and nothing was sent. Method: a server that counts arrivals, a real
// store, one service process and three.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Fault } from '../../src/mutation/fault.ts'
import { createLimiter } from '../../src/service/limits/limiter.ts'
import { limitOf } from '../../src/service/limits/limit.ts'
import type { Http } from '../../src/lib/http.ts'
import type { Quote } from '../../src/mutation/quote.ts'
import type { RateRule } from '../../src/platforms/rates.ts'
import { readBuckets } from '../../src/service/admin/buckets.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { type Store, storeDown } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts, seed, testStore, update } from '../store/help.ts'
import {
  type Answer,
  gate,
  headers,
  listenerKey,
  post,
  type TestService,
  testService,
  until,
} from './help.ts'
import {
  countingAdapter,
  type CountingPlatform,
  countingPlatform,
  fullest,
  notingHttp,
  second,
  takeAhead,
  watchStillness,
} from './limits-platform.ts'

const connection = 'connection of sync_test01'
const cluster = await testCluster()
let url: string
let store: Store
let platform: CountingPlatform
let services: TestService[] = []

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
  await seed(store)
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.buckets`
  platform = await countingPlatform()
})

afterEach(async () => {
  for (const service of services) {
    await service.drain({ waitMs: 60_000 })
    await service.close()
  }
  services = []
  await platform.close()
})

after(async () => {
  await store?.close()
  await cluster.stop()
})

async function start(
  count: number,
  options: Parameters<typeof countingAdapter>[1] = { rules: [second] },
  http: Http = platform.http,
): Promise<TestService[]> {
  const adapter = countingAdapter(platform.url, options)
  for (let n = 0; n < count; n++) {
    services.push(await testService(url, adapter, { http }))
  }
  return services
}

async function startOne(options?: Parameters<typeof countingAdapter>[1]): Promise<TestService> {
  const [service] = await start(1, options)
  return service ?? assert.fail()
}

const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ ordinal: i + 1, id: `00${i}`, values: {} }))

type Answered = { status: number; body: Answer & { fault?: { hint?: string } } }

const slow: RateRule = {
  name: 'second',
  limit: 10,
  windowMs: 3_000,
  about: '10 requests in 3 seconds',
}

for (const count of [1, 3]) {
  test(`${count} processes use up what the platform allows, and no more`, async () => {
    const http = notingHttp(platform.http)
    await start(count, { rules: [slow] }, http)
    const stood = watchStillness(services.map((each) => each.store))
    const from = performance.now()
    const sent = Array.from(
      { length: 31 },
      (_, i) => post(services[i % count] ?? assert.fail(), update(), { waitMs: 120_000 }),
    )
    for (const { body } of await Promise.all(sent)) assert.equal(body.state, 'accepted')
    stood.end()
    assert.equal(platform.arrivals.length, 31)
    const tookMs = Math.max(...http.left.map(({ at }) => at)) - from
    assert.ok(fullest(http.left, 3_000) <= slow.limit)
    // the last one's turn is in the fourth window: what is wasted would bring it into a fifth
    const words = `${Math.round(tookMs)} ms, of which all stood still for ${Math.round(stood.ms)}`
    assert.ok(tookMs - stood.ms < 4 * 3_000, `31 requests of 10 in 3 s took ${words}`)
  })
}

test('who comes first is first', async () => {
  const service = await startOne({ rules: [{ ...second, windowMs: 1_500 }] })
  const halves = async (): Promise<number[][]> => {
    await Promise.all(Array.from({ length: 5 }, () => post(service, update())))
    const order: number[] = []
    const all: Promise<unknown>[] = []
    for (let n = 0; n < 10; n++) {
      all.push(post(service, update(), { waitMs: 120_000 }).then(() => order.push(n)))
      await until(async () => await waiting() + order.length > n)
    }
    await Promise.all(all)
    return [order.slice(0, 5), order.slice(5)].map((half) => half.toSorted((a, b) => a - b))
  }
  const expected = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
  // a turn that passed while all stood still is had anew, behind others: that says nothing of the order. It is good for 18 ms
  for (let tries = 1;; tries++) {
    const stood = watchStillness([service.store], { usualMs: 20 })
    const found = await halves()
    stood.end()
    if (stood.ms === 0 || tries === 5) assert.deepEqual(found, expected)
    if (JSON.stringify(found) === JSON.stringify(expected)) break
  }
})

async function waiting(): Promise<number> {
  const [row] = await store.sql`
    select count(*)::int from sluice_store.mutations where state = 'received'`
  return Number(row?.['count'])
}

test('a turn that would come too late is refused at once, and says what the limit is and when to come', async () => {
  const service = await startOne()
  await takeAhead(store, 200)
  const from = performance.now()
  const mutation = update()
  const refused = await post(service, mutation, { waitMs: 20_000 }) as Answered
  assert.ok(performance.now() - from < 15_000, 'it does not wait for as long as it may')
  assert.equal(refused.status, 429)
  assert.equal(refused.body.fault?.sqlstate, '53400')
  assert.equal(refused.body.fault?.detail, 'The limit is 5 requests a second. Nothing was sent.')
  const [, seconds] = /^Try again in (\d+) seconds\.$/.exec(refused.body.fault?.hint ?? '') ?? []
  assert.ok(Number(seconds) > 16 && Number(seconds) <= 43, seconds)
  const kept = await store.sql`select from sluice_store.mutations where id = ${mutation.id}`
  assert.equal(kept.length, 0)
  assert.equal(platform.arrivals.length, 0)
})

test('a mutation whose last request would come too late sends none', async () => {
  const service = await startOne()
  const { status } = await post(service, update({ rows: rows(60) }), { waitMs: 5_000 })
  assert.equal(status, 429)
  assert.equal(platform.arrivals.length, 0)
  const again = await post(service, update({ rows: rows(5) }), { waitMs: 60_000 })
  assert.equal(again.body.state, 'accepted')
})

test('the same id gets its recorded outcome even when there is no turn to be had', async () => {
  const service = await startOne()
  const mutation = update()
  const first = await post(service, mutation)
  await store.sql`update sluice_store.buckets
    set blocked_until = sluice_store.clock_ms() + 3600000, blocked_for = 3600000, epoch = epoch + 1`
  assert.equal((await post(service, update(), { waitMs: 2_000 })).status, 429)
  assert.deepEqual(await post(service, mutation, { waitMs: 2_000 }), first)
})

const cancelPath = (id: string) => `/internal/mutations/${id}/cancel`

async function cancel(
  { app }: TestService,
  id: string,
  { key = listenerKey }: { key?: string } = {},
): Promise<unknown> {
  const headers = { authorization: `Bearer ${key}` }
  const response = await app.request(cancelPath(id), { method: 'POST', headers })
  return (await response.json() as { state?: unknown }).state
}

for (const where of ['the same process', 'another process']) {
  test(`a mutation that waits for its turn is cancelled at ${where}, and its turn is the next one’s`, async () => {
    await saveListenerKey(store, { id: 'others', key: 'others', syncs: ['sync_others'] })
    await start(2)
    const [one, other] = services
    assert.ok(one && other)
    await takeAhead(store, 200)
    const last = await lastTaken()
    const mutation = update({ rows: rows(20) })
    const waits = post(one, mutation, { waitMs: 120_000 })
    await until(async () =>
      (await store.sql`select from sluice_store.mutations where id = ${mutation.id}`).length > 0
    )
    assert.ok(await lastTaken() > last, 'its turns are behind those of others')
    const at = where === 'the same process' ? one : other
    assert.equal(await cancel(at, mutation.id, { key: 'others' }), 'unknown', 'not theirs')
    assert.equal(await cancel(at, mutation.id), 'cancelled')
    const { body } = await waits
    assert.equal(body.state, 'refused')
    assert.equal(body.fault?.sqlstate, '57014')
    await until(async () => await lastTaken() === last) // the turns are given back
    await store.sql`delete from sluice_store.buckets`
    assert.equal((await post(one, update())).body.state, 'accepted')
    assert.equal(platform.arrivals.length, 1)
    assert.equal(await cancel(at, mutation.id), 'sent', 'it is over')
  })
}

/** The last grain of the bucket of `second` in which somebody has a turn. */
async function lastTaken(): Promise<number> {
  const [row] = await store.sql`
    select max(s.grain)::float8 as last
    from sluice_store.buckets b join sluice_store.slots s on s.bucket = b.id
    where b.rule = ${second.name}`
  return Number(row?.['last'])
}

test('a mutation that is being sent goes on when it is cancelled', async () => {
  const service = await startOne()
  const held = gate()
  platform.hold = held.promise
  const mutation = update()
  const sending = post(service, mutation)
  await until(() => platform.arrivals.length > 0)
  assert.equal(await cancel(service, mutation.id), 'sent')
  held.open()
  assert.equal((await sending).body.state, 'accepted')
  assert.equal(await cancel(service, crypto.randomUUID()), 'unknown')
  const nonsense = await service.app.request(cancelPath('nonsense'), { method: 'POST', headers })
  assert.equal(nonsense.status, 404)
})

test('a refusal stops all processes for as long as the platform says, and is then made good', async () => {
  await start(2)
  const [one, other] = services
  assert.ok(one && other)
  platform.play.push({ status: 429, headers: { 'retry-after': '2' } })
  const from = performance.now()
  const first = post(one, update())
  await until(() => platform.arrivals.length > 0)
  await until(async () =>
    (await store.sql`select from sluice_store.buckets where blocked_until > 0`).length > 0
  )
  const second = post(other, update())
  assert.equal((await first).body.state, 'accepted')
  assert.equal((await second).body.state, 'accepted')
  assert.ok(performance.now() - from >= 1_990) // timers come up to a millisecond early
  const [refused, ...others] = platform.arrivals
  assert.ok(refused)
  assert.equal(others.length, 2)
  for (const { at } of others) assert.ok(at - refused.at >= 1_990, 'not before its time')
})

test('those who had a turn already stop as well, and keep their order', async () => {
  await start(2)
  const [one, other] = services
  assert.ok(one && other)
  await Promise.all(Array.from({ length: 5 }, () => post(one, update())))
  platform.play.push({ status: 429, headers: { 'retry-after': '2' } })
  const waits = [one, other, one, other].map((service) =>
    post(service, update(), { waitMs: 120_000 })
  )
  for (const { body } of await Promise.all(waits)) assert.equal(body.state, 'accepted')
  const refusedAt = platform.arrivals[5]?.at ?? 0
  const early = platform.arrivals.slice(6).filter(({ at }) => at - refusedAt < 1_990)
  assert.ok(early.length <= 3, 'those whose moment was the same cannot know')
  assert.equal(platform.arrivals.length, 5 + 1 + 4)
})

test('a platform that goes on refusing is asked four times, and its answer is the mutation’s', async () => {
  const service = await startOne()
  for (let n = 0; n < 4; n++) platform.play.push({ status: 429, headers: { 'retry-after': '0' } })
  const { body } = await post(service, update())
  assert.equal(body.state, 'refused')
  assert.equal(body.fault?.code, 'rate_limited')
  assert.equal(platform.arrivals.length, 4)
})

test('a refusal that says to come later than there is time for is the answer', async () => {
  const service = await startOne()
  platform.play.push({ status: 429, headers: { 'retry-after': '60' } })
  const from = performance.now()
  const { body } = await post(service, update(), { waitMs: 40_000 })
  assert.equal(body.fault?.code, 'rate_limited')
  assert.ok(performance.now() - from < 30_000, 'it does not wait for as long as it may')
  assert.equal(platform.arrivals.length, 1)
})

test('mutations go before reads in the background, which take what is left', async () => {
  const service = await startOne()
  const adapter = countingAdapter(platform.url, { rules: [second] })
  const page = async () => {
    const deadline = deadlineIn(120_000)
    return await adapter.page(contacts(), null, await service.callerFor(connection, { deadline }))
  }
  await takeAhead(store, 300)
  const last = await lastTaken()
  const mutations = Array.from({ length: 3 }, () => post(service, update(), { waitMs: 120_000 }))
  await until(async () => await waiting() === 3)
  // the others are gone: there is room, but mutations wait
  await store.sql`delete from sluice_store.slots where grain <= ${last}`
  const pages = Array.from({ length: 4 }, page)
  await turnsAsked(service, 6)
  assert.equal(platform.arrivals.length, 0, 'none while a mutation waits')
  await store.sql`update sluice_store.buckets set full_before = 0, epoch = epoch + 1`
  for (const { body } of await Promise.all(mutations)) assert.equal(body.state, 'accepted')
  await Promise.all(pages)
  assert.deepEqual([arrived('/write'), arrived('/page')], [3, 4])
})

function arrived(path: string): number {
  return platform.arrivals.filter((each) => each.path === path).length
}

/** Waits until turns have been asked for so many times more: those in the background do so again and again. */
async function turnsAsked({ store }: TestService, times: number): Promise<void> {
  const ask = store.ask.bind(store)
  let asked = 0
  Object.assign(store, {
    ask: (what: string, work: Parameters<typeof ask>[1]) => {
      if (what === 'Taking turns') asked += 1
      return ask(what, work)
    },
  })
  await until(() => asked >= times)
  Object.assign(store, { ask })
}

test('a read in the background that finds no room in time is refused', async () => {
  const service = await startOne()
  const adapter = countingAdapter(platform.url, { rules: [second] })
  await takeAhead(store, 200)
  const caller = await service.callerFor(connection, { deadline: deadlineIn(1_000) })
  await assert.rejects(adapter.page(contacts(), null, caller), { code: 'rate_limited' })
  assert.equal(platform.arrivals.length, 0)
})

test('what the platform does not count is given back once, and no more than it allows is sent all the same', async () => {
  const http = notingHttp(platform.http)
  platform.unchanged = true
  const hour: RateRule = { ...slow, name: 'hour', limit: 1_000, windowMs: 3_600_000 }
  const rules = [slow, hour]
  const options = { rules, charges: rules.map(({ name }) => ({ rule: name, units: 1 })) }
  await start(3, options, http)
  const stood = watchStillness(services.map((each) => each.store))
  const adapter = countingAdapter(platform.url, options)
  const reads = services.map(async (service) => {
    for (let n = 0; n < 20; n++) {
      const caller = await service.callerFor(connection, { deadline: deadlineIn(60_000) })
      await adapter.page(contacts(), null, caller)
    }
  })
  const from = performance.now()
  const writes = Array.from(
    { length: 15 },
    (_, i) => post(services[i % 3] ?? assert.fail(), update(), { waitMs: 120_000 }),
  )
  for (const { body } of await Promise.all(writes)) assert.equal(body.state, 'accepted')
  await Promise.all(reads)
  stood.end()
  const tookMs = Math.max(...http.left.map(({ at }) => at)) - from
  // counted, 60 reads of 5 in a window take 12 of them
  assert.ok(tookMs - stood.ms < 8 * 3_000, `${Math.round(tookMs)} ms`)
  assert.ok(fullest(http.left.filter(({ method }) => method === 'POST'), 3_000) <= slow.limit)
  assert.equal(platform.arrivals.length, 75)
  await until(async () => await unitsTaken(hour) === 15)
})

async function unitsTaken({ name }: RateRule): Promise<number> {
  const [row] = await store.sql`
    select coalesce(sum(s.units), 0)::int as sum
    from sluice_store.buckets b join sluice_store.slots s on s.bucket = b.id where b.rule = ${name}`
  return Number(row?.['sum'])
}

const wide: RateRule = {
  name: 'daily',
  limit: 20_000,
  windowMs: 86_400_000,
  about: '20000 requests a day',
}
const concurrent: RateRule = {
  name: 'concurrent',
  limit: 6,
  windowMs: null,
  about: '6 requests at one time',
}
const wideCharges = [{ rule: 'daily', units: 1 }, { rule: 'concurrent', units: 1 }]

test('three processes never have more under way than the platform allows', async () => {
  await start(3, { rules: [wide, concurrent], charges: wideCharges })
  const held = gate()
  platform.hold = held.promise
  const sent = services.flatMap((service) =>
    Array.from({ length: 10 }, () => post(service, update(), { waitMs: 120_000 }))
  )
  await until(() => platform.busy === 6)
  held.open()
  for (const { body } of await Promise.all(sent)) assert.equal(body.state, 'accepted')
  assert.equal(platform.busiest, 6)
})

test('a wide limit costs no question to the store once it is begun, and is given back in the end', async () => {
  const service = await startOne({ rules: [wide, concurrent], charges: wideCharges })
  const ask = service.store.ask.bind(service.store)
  await post(service, update())
  const asked: string[] = []
  Object.assign(service.store, {
    ask: (what: string, work: Parameters<typeof ask>[1]) => {
      asked.push(what)
      return ask(what, work)
    },
  })
  const from = performance.now()
  for (let n = 0; n < 8; n++) await post(service, update())
  const ours = asked.filter((what) => /turns|units/.test(what))
  // a share is renewed every three seconds
  const most = 1 + (performance.now() - from) / 3_000
  assert.ok(ours.length <= most, `asked ${ours.join(', ')}`)
  await service.drain({ waitMs: 60_000 })
  const [row] = await store.sql`select sum(units)::int from sluice_store.slots`
  assert.equal(row?.['sum'], 9)
  const shares = await store.sql`select from sluice_store.shares where units > 0`
  assert.equal(shares.length, 0)
})

test('of a wide limit, what the platform does not count is another request’s', async () => {
  platform.unchanged = true
  const service = await startOne({ rules: [wide, concurrent], charges: wideCharges })
  const adapter = countingAdapter(platform.url, {
    rules: [wide, concurrent],
    charges: wideCharges,
  })
  for (let n = 0; n < 50; n++) {
    const caller = await service.callerFor(connection, { deadline: deadlineIn(60_000) })
    await adapter.page(contacts(), null, caller)
  }
  assert.equal((await post(service, update())).body.state, 'accepted')
  await service.drain({ waitMs: 60_000 })
  assert.equal(await unitsTaken(wide), 1)
})

test('a day that is used up is told with the time until there is more', async () => {
  const small = { ...wide, limit: 10_000 }
  const service = await startOne({ rules: [small, concurrent], charges: wideCharges })
  platform.play.push({ status: 200, headers: { remaining: '0' } })
  assert.equal((await post(service, update())).body.state, 'accepted')
  await until(async () => {
    const { status } = await post(service, update(), { waitMs: 20_000 })
    return status === 429
  })
  const { body } = await post(service, update(), { waitMs: 20_000 }) as Answered
  assert.equal(body.fault?.detail, 'The limit is 20000 requests a day. Nothing was sent.')
  assert.match(body.fault?.hint ?? '', /^Try again in 8\d{4} seconds\.$/)
})

test('people see the limit that the platform tells, and what is used of that one', async () => {
  const service = await startOne({ rules: [wide, concurrent], charges: wideCharges })
  platform.play.push({ status: 200, headers: { remaining: '14656', limit: '15000' } })
  const adapter = countingAdapter(platform.url, { rules: [wide, concurrent] })
  const deps = { store, adapterFor: () => adapter, waiting: () => new Map() }
  const seen = async () => (await readBuckets(deps)).connections[0]?.buckets[0]
  assert.deepEqual([(await seen())?.limit, (await seen())?.used], [20_000, 0])
  assert.equal((await post(service, update())).body.state, 'accepted')
  await until(async () => (await seen())?.limit === 15_000)
  const { about, used, left } = await seen() ?? {}
  assert.deepEqual([about, used, left], ['15000 requests a day', 344, 14_656])
  const response = await service.app.request('/internal/quotes', {
    method: 'POST',
    headers,
    body: JSON.stringify({ mutation: update() }),
  })
  const { charges } = await response.json() as Quote
  assert.deepEqual(charges, [{ about: '15000 requests a day', units: 1, limit: 15_000 }])
})

test('without the store no turn is had, and nothing is sent', async () => {
  const service = await startOne()
  await post(service, update()) // it knows the listener's key from now on
  const ask = service.store.ask.bind(service.store)
  Object.assign(service.store, {
    ask: (what: string, work: Parameters<typeof ask>[1]) =>
      what === 'Taking turns' ? Promise.reject(storeDown(what, undefined)) : ask(what, work),
  })
  const { status, body } = await post(service, update())
  assert.deepEqual([status, body.fault?.code], [503, 'service_unreachable'])
  assert.equal(platform.arrivals.length, 1)
})

test('who finds that others hold the buckets for seconds is told when to come again', async () => {
  const service = await startOne()
  await post(service, update())
  const ask = service.store.ask.bind(service.store)
  const held = Object.assign(new Error('canceling statement due to lock timeout'), {
    name: 'PostgresError',
    code: '55P03',
  })
  Object.assign(service.store, {
    ask: (what: string, work: Parameters<typeof ask>[1]) =>
      what === 'Taking turns' ? Promise.reject(held) : ask(what, work),
  })
  const { status, body } = await post(service, update()) as Answered
  assert.deepEqual([status, body.fault?.code], [429, 'rate_limited'])
  assert.equal(body.fault?.detail, 'The limit is 5 requests a second. Nothing was sent.')
  assert.equal(body.fault?.hint, 'Try again in 5 seconds.')
  assert.equal(platform.arrivals.length, 1)
})

test('those who wait go on when the store’s clock is put back', async () => {
  await start(2)
  const [one, other] = services
  assert.ok(one && other)
  const waits = Array.from(
    { length: 20 },
    (_, i) => post(i % 2 === 0 ? one : other, update(), { waitMs: 120_000 }),
  )
  await until(() => platform.arrivals.length >= 7)
  const clock = (backMs: number) =>
    store.sql.unsafe(`create or replace function sluice_store.clock_ms() returns bigint
      language sql volatile return floor(extract(epoch from clock_timestamp()) * 1000)::bigint - ${backMs}`)
  await clock(3_600_000)
  try {
    for (const { body } of await Promise.all(waits)) assert.equal(body.state, 'accepted')
    const from = performance.now()
    assert.equal((await post(one, update())).body.state, 'accepted')
    assert.ok(performance.now() - from < 60_000, 'it does not wait for an hour')
  } finally {
    await clock(0)
  }
  assert.equal(platform.arrivals.length, 21)
})

test('requests that arrive late count from then on, so that the platform refuses none', async () => {
  const adapter = countingAdapter(platform.url, { rules: [slow] })
  const left: { at: number; lateMs: number }[] = []
  let sent = 0
  const http: Http = {
    ...platform.http,
    send: async (request) => {
      sent += 1
      const askedAt = performance.now()
      // a connection that is slow to be made
      if (sent <= 10) await new Promise((resolve) => setTimeout(resolve, 250))
      const at = performance.now()
      left.push({ at, lateMs: at - askedAt })
      return await platform.http.send(request)
    },
  }
  const service = await testService(url, adapter, { http })
  services.push(service)
  const all = Array.from({ length: 20 }, () => post(service, update(), { waitMs: 120_000 }))
  for (const { body } of await Promise.all(all)) assert.equal(body.state, 'accepted')
  assert.equal(left.length, 20)
  // what is later than a tenth of the window and the margin, on a machine that stood still, is not made up for
  const counted = left.filter(({ lateMs }) => lateMs <= 380)
  assert.ok(fullest(counted, 3_000) <= slow.limit)
})

test('a process that comes too late for each of its turns says that it is too slow, and not that the quota is used up', async () => {
  // half a second passes whenever the clock is looked at
  let stoodMs = 0
  const monotonic = () => performance.now() + (stoodMs += 500)
  const limiter = createLimiter({ store, log: silentLog, monotonic })
  const late = limiter.gate(connection, 'stripe')
  const wanting = {
    until: performance.now() + 3_600_000,
    background: false,
    signal: new AbortController().signal,
  }
  const takings = [{ limit: limitOf(second), units: 1 }]
  const [turn = assert.fail()] = await late.reserve([takings], wanting)
  await assert.rejects(late.enter(turn, wanting), (error) => {
    assert.ok(error instanceof Fault)
    const { sqlstate, message, detail, hint } = error.data
    assert.deepEqual([sqlstate, message], [
      '53400',
      'mutation service is too slow for its turns at stripe',
    ])
    assert.equal(detail, '50 turns passed before it could use them. Nothing was sent.')
    assert.match(hint ?? '', /^Try again in 1 second\. .*processor time\.$/)
    return true
  })
  await late.giveBack([turn])
  await limiter.close()
})
