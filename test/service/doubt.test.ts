// Goal: a client whose mutation came into doubt hears the truth where it can be found out, within a bound, and 40003 where
// it cannot. Method: a real store, an adapter of which the test plays writing and inquiring.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { Adapter, Doubt, Inquiry } from '../../src/platforms/platform.ts'
import type { ServiceDeps } from '../../src/service/service.ts'
import type { Store } from '../../src/store/store.ts'
import { inquiryLeaseMs } from '../../src/store/doubts.ts'
import { createJournal, type Journal, requestHash } from '../../src/store/journal.ts'
import { readSync } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, untilGone, update } from '../store/help.ts'
import { accept, fakeAdapter, gate, post, type TestService, testService, until } from './help.ts'

const cluster = await testCluster()
let url: string
let store: Store
const services: TestService[] = []

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})

beforeEach(async () => {
  await seed(store)
  await store.sql`delete from sluice_store.mutations`
})

after(async () => {
  await Promise.all(services.map((each) => each.close()))
  await store?.close()
  await cluster.stop()
})

const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
const refusal: Outcome = { state: 'refused', fault: faultData('platform_failed') }

/** A clock of the test, so that what an inquiry may take does not depend on the machine. */
function handClock() {
  let now = Date.now()
  return { now: () => now, pass: (ms: number) => void (now += ms) }
}

type Play = (doubt: Doubt, times: number) => Inquiry | Promise<Inquiry>

/** A service of which each write comes into doubt, and the inquiries are played. */
async function start(
  play: Play,
  { write = () => lost, ...deps }: Partial<ServiceDeps> & { write?: () => Outcome } = {},
) {
  const doubts: Doubt[] = []
  const inquire: Adapter['inquire'] = async (doubt) => {
    doubts.push(doubt)
    return await play(doubt, doubts.length)
  }
  const adapter = fakeAdapter({ write, inquire })
  const service = await testService(url, adapter, deps)
  services.push(service)
  return { service, adapter, doubts }
}

async function row(id: string) {
  const [found] = await store.sql`
    select state, outcome, next_inquiry_at is not null as open
    from sluice_store.mutations where id = ${id}`
  return found ?? assert.fail(`no row ${id}`)
}

const insert = (email: string, fields: Partial<Mutation> = {}) =>
  update({ operation: 'insert', rows: [{ ordinal: 1, id: null, values: { email } }], ...fields })

const found = (id: string, email: string): Inquiry => ({
  outcome: { state: 'accepted', rows: [{ ordinal: 1, id, values: { email } }] },
  seen: [],
})

test('a mutation whose reply was lost is answered with what became of it', async () => {
  for (const outcome of [accept(update()), refusal]) {
    const { service, adapter, doubts } = await start(() => ({ outcome, seen: [] }))
    const mutation = update()
    const { status, body } = await post(service, mutation)
    assert.equal(status, 200)
    assert.equal(body.state, outcome.state)
    assert.equal(adapter.writes.length, 1)
    assert.equal(doubts.length, 1)
    assert.deepEqual(doubts[0]?.outcome, lost)
    assert.equal(doubts[0]?.unheard, true)
    const { state, open } = await row(mutation.id)
    assert.deepEqual([state, open], [outcome.state, false])
  }
})

test('it is inquired about again while the platform fails or shows nothing yet', async () => {
  const { service, doubts } = await start((doubt, times) => {
    if (times === 1) throw fault('unreachable')
    if (times === 2) return { outcome: doubt.outcome, seen: [] }
    return { outcome: accept(doubt.mutation), seen: [] }
  })
  assert.equal((await post(service, update())).body.state, 'accepted')
  assert.equal(doubts.length, 3)
  const [first, , third] = doubts
  assert.ok(first !== undefined && third !== undefined)
  assert.equal(first.sentAt, third.sentAt)
  assert.ok(third.now > first.now && first.now >= first.sentAt)
})

test('what is not found out in time is 40003, and the worker is to go on', async () => {
  const { service, doubts } = await start(
    ({ outcome }) => ({ outcome, seen: [] }),
    { inquiryWaitMs: 600 },
  )
  const mutation = update()
  const { body } = await post(service, mutation)
  assert.deepEqual([body.state, body.fault?.sqlstate], ['unknown', '40003'])
  assert.ok(doubts.length <= 3, `in ${doubts.length} tries; all there are would take 13 seconds`)
  const { state, open } = await row(mutation.id)
  assert.deepEqual([state, open], ['unknown', true])
})

test('an inquiry that never ends keeps the client no longer than the others', async () => {
  const { service } = await start(() => new Promise(() => {}), { inquiryWaitMs: 300 })
  assert.equal((await post(service, update())).body.state, 'unknown')
})

test('a credential that is refused ends the inquiries', async () => {
  const { service, doubts } = await start(() => {
    throw fault('credential_refused')
  })
  assert.equal((await post(service, update())).body.state, 'unknown')
  assert.equal(doubts.length, 1)
})

test('an answer that does not fit what was known is not believed', async () => {
  const one = (ordinal: number) => ({ ordinal, id: `003${ordinal}`, values: { email: 'a' } })
  const rows = [one(1), one(2)]
  const partial: Outcome = {
    state: 'partial',
    rows: [one(1)],
    others: [{ state: 'unknown', ordinal: 2, id: '0032', fault: faultData('outcome_unknown') }],
    fault: faultData('outcome_unknown'),
  }
  const answers: Outcome[] = [
    { state: 'refused', fault: faultData('platform_failed') },
    { state: 'accepted', rows: [one(1)] },
    { state: 'accepted', rows: [{ ...one(1), id: 'other' }, one(2)] },
    lost,
  ]
  for (const outcome of answers) {
    const { service } = await start(() => ({ outcome, seen: [] }), {
      write: () => partial,
      inquiryWaitMs: 150,
    })
    const mutation = update({ rows })
    assert.equal((await post(service, mutation)).body.state, 'partial')
    const { state, open } = await row(mutation.id)
    assert.deepEqual([state, open], ['accepted', true])
  }
  const { service } = await start(() => ({
    outcome: { state: 'accepted', rows: [one(1), one(2)] },
    seen: [],
  }), { write: () => partial })
  assert.equal((await post(service, update({ rows }))).body.state, 'accepted')
})

test('an insert hears of the records that others have made, and does not take one of them', async () => {
  const clock = handClock()
  const { service, doubts } = await start((doubt) => {
    clock.pass(300)
    if (doubt.others.has('new 1')) return { outcome: doubt.outcome, seen: [] }
    return found('new 1', 'a@x.org')
  }, { inquiryWaitMs: 300, now: clock.now })
  const other = await testService(url, fakeAdapter())
  services.push(other)
  await post(other, insert('somebody@else.org'))
  assert.equal((await post(service, insert('a@x.org'))).body.state, 'unknown')
  assert.deepEqual([...doubts[0]?.others ?? []], ['new 1'])
})

test('a record that an insert like it may be making is not taken for its own until that one is answered', async () => {
  const open = gate()
  const running = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const other = await testService(url, running)
  services.push(other)
  const first = post(other, insert('Same@x.org'))
  await until(() => running.writes.length > 0)
  const { service, doubts } = await start((doubt) =>
    doubt.others.has('new 1') ? { outcome: refusal, seen: [] } : found('new 1', 'same@x.org')
  )
  const mutation = insert('same@x.org ')
  const answer = post(service, mutation)
  await until(() => doubts.length >= 2)
  assert.equal((await row(mutation.id)).state, 'sent')
  open.open()
  assert.equal((await first).body.state, 'accepted')
  assert.equal((await answer).body.state, 'refused')
})

test('an insert that is unlike it does not stand in its way', async () => {
  const open = gate()
  const running = fakeAdapter({ write: (mutation) => open.promise.then(() => accept(mutation)) })
  const other = await testService(url, running)
  services.push(other)
  const first = post(other, insert('one@x.org'))
  await until(() => running.writes.length > 0)
  const { service, doubts } = await start(() => found('new 2', 'two@x.org'))
  assert.equal((await post(service, insert('two@x.org'))).body.state, 'accepted')
  assert.equal(doubts.length, 1)
  open.open()
  await first
})

test('asked again after its process died, the mutation is looked up and told, and not sent', async () => {
  const buried = gate<Outcome>()
  const dead = await testService(url, fakeAdapter({ write: () => buried.promise }))
  const mutation = update()
  void post(dead, mutation).catch(() => {})
  const sentBy = async () => {
    const [found] = await store.sql<{ service: number }[]>`
      select service from sluice_store.mutations where state = 'sent'`
    return found?.service
  }
  await until(async () => await sentBy() !== undefined)
  const gone = await sentBy() ?? assert.fail()
  await dead.close()
  await untilGone(store, gone)
  buried.open(lost) // it has no store any more
  // late enough for the watch over cancelled mutations to look
  const { service, adapter, doubts } = await start((doubt, times) => ({
    outcome: times < 4 ? doubt.outcome : accept(doubt.mutation),
    seen: [],
  }))
  assert.equal((await post(service, mutation)).body.state, 'accepted')
  assert.equal(adapter.writes.length, 0)
  assert.equal((await row(mutation.id)).state, 'accepted')
  assert.deepEqual(
    doubts.map(({ unheard }) => unheard),
    [false, false, false, false],
    'nor replayed',
  )
})

test('while another process inquires about it, the one that is asked waits for that', async () => {
  const mutation = update()
  const { version: syncVersion } = await readSync(store, mutation.syncId)
  const journal = createJournal(store, { service: 999 })
  const hash = requestHash(mutation)
  await journal.begin(mutation, { hash, syncVersion, state: 'sent' })
  await journal.settle(mutation.id, lost)
  await store.sql`
    update sluice_store.mutations
    set inquired_at = now(), next_inquiry_at = now() + ${inquiryLeaseMs} * interval '1 millisecond'
    where id = ${mutation.id}`
  let recalls = 0
  const watched: Journal = {
    ...journal,
    recall: (...given) => (recalls++, journal.recall(...given)),
  }
  const play: Play = () => ({ outcome: refusal, seen: [] })
  const { service, doubts } = await start(play, { journal: watched })
  const answer = post(service, mutation)
  await until(() => recalls >= 2)
  await journal.settle(mutation.id, accept(mutation))
  assert.equal((await answer).body.state, 'accepted')
  assert.equal(doubts.length, 0)
})

test('where nobody inquires any more, whoever asks again is answered at once', async () => {
  const mutation = update()
  const { version: syncVersion } = await readSync(store, mutation.syncId)
  const journal = createJournal(store, { service: 999 })
  const hash = requestHash(mutation)
  await journal.begin(mutation, { hash, syncVersion, state: 'sent' })
  await journal.settle(mutation.id, lost)
  await store.sql`update sluice_store.mutations set inquiries = 9, next_inquiry_at = null
    where id = ${mutation.id}`
  const play: Play = () => assert.fail('inquired')
  let recalls = 0
  const watched: Journal = {
    ...journal,
    recall: (...given) => (recalls++, journal.recall(...given)),
  }
  const { service } = await start(play, { journal: watched })
  assert.equal((await post(service, mutation)).body.state, 'unknown')
  assert.ok(recalls <= 2, `it was waited for, and looked at ${recalls} times`)
})

test('a drain ends the inquiries; what is in doubt is in the journal as such', async () => {
  const { service, doubts } = await start(({ outcome }) => ({ outcome, seen: [] }))
  const mutation = update()
  const answer = post(service, mutation)
  await until(() => doubts.length > 0)
  // in half of that time they end; what came of it may reach the journal later
  await service.drain({ waitMs: 1_000 })
  assert.equal(await service.drain({ waitMs: 60_000 }), true)
  assert.equal((await answer).body.state, 'unknown')
  assert.ok(doubts.length <= 3, `${doubts.length} tries`)
  assert.equal((await row(mutation.id)).state, 'unknown')
})

test('what somebody else has found out meanwhile is told instead', async () => {
  const clock = handClock()
  const { service } = await start(async ({ mutation, outcome }) => {
    clock.pass(150)
    await store.sql`update sluice_store.mutations set state = 'unknown',
      outcome = ${JSON.stringify(lost)}::text::json where id = ${mutation.id}`
    const journal = createJournal(store, { service: 999 })
    await journal.settle(mutation.id, accept(mutation))
    return { outcome, seen: [] }
  }, { inquiryWaitMs: 150, now: clock.now })
  assert.equal((await post(service, update())).body.state, 'accepted')
})
