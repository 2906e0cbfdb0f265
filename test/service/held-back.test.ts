// Goal: rows that an adapter held back for a lost reply are sent once the doubt is settled, each once, and never where it is
// not, where one was refused, or where nobody waits any more. Method: a real store, an adapter of which the test plays
// writing and inquiring.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { outcomeOf, type RowResult } from '../../src/platforms/outcome.ts'
import type { Doubt } from '../../src/platforms/platform.ts'
import type { ServiceDeps } from '../../src/service/service.ts'
import { createJournal } from '../../src/store/journal.ts'
import { presenceClass } from '../../src/store/presence.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import {
  type Answer,
  fakeAdapter,
  gate,
  headers,
  post,
  type TestService,
  testService,
  until,
} from './help.ts'

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

async function row(id: string) {
  const [found] = await store.sql`
    select state, service, next_inquiry_at is not null as open
    from sluice_store.mutations where id = ${id}`
  return found ?? assert.fail(`no row ${id}`)
}

const heldWords = 'it was in doubt whether rows before it were written, so nothing more was sent'

/** What DETAIL says of each row. */
function toldOf({ fault }: Answer): { state: string; message?: string }[] {
  return JSON.parse(fault?.detail ?? '') as { state: string; message?: string }[]
}

type Fate = RowResult['state']

/** The outcome in which the rows have these fates, in order. */
function fated(mutation: Mutation, fates: readonly Fate[]): Outcome {
  const results = fates.map((state, at): RowResult => {
    const { ordinal, id, values } = mutation.rows[at] ?? assert.fail('more fates than rows')
    switch (state) {
      case 'written':
        return { state, ordinal, id: id ?? '', values }
      case 'refused':
        return { state, ordinal, fault: faultData('validation_error', { row: ordinal }) }
      case 'unknown':
        return { state, ordinal, fault: faultData('outcome_unknown', { row: ordinal }) }
      case 'unsent':
        return { state, ordinal }
    }
  })
  return outcomeOf(mutation, results, { platform: 'salesforce' })
}

const several = (count: number) =>
  update({
    rows: Array.from({ length: count }, (_, at) => ({
      ordinal: at + 1,
      id: `003${at}`,
      values: { email: `${at}@x.org` },
    })),
  })

interface Script {
  /** What becomes of the rows of each write. */
  readonly writes: readonly (readonly Fate[])[]
  /** What each inquiry finds. */
  readonly inquiries: readonly (readonly Fate[])[]
  /** What each inquiry takes, by the service's clock, in milliseconds; its clock is the machine's when absent. */
  readonly takesMs?: readonly number[]
  /** Comes before the answer to an inquiry. */
  readonly asked?: (service: TestService, signal: AbortSignal) => Promise<void>
}

async function start(
  { writes, inquiries, asked, takesMs }: Script,
  deps: Partial<ServiceDeps> = {},
) {
  const left = [...writes]
  let now = Date.now()
  const doubts: Doubt[] = []
  const adapter = fakeAdapter({
    write: (mutation) => fated(mutation, left.shift() ?? assert.fail('one write too many')),
    inquire: async (doubt, _table, { signal }) => {
      const at = doubts.push(doubt) - 1
      const found = inquiries[at] ?? assert.fail('one inquiry too many')
      now += takesMs?.[at] ?? 0
      await asked?.(service, signal)
      return { outcome: fated(doubt.mutation, found), seen: [] }
    },
  })
  const held = takesMs === undefined ? {} : { now: () => now }
  const service = await testService(url, adapter, { ...held, ...deps })
  services.push(service)
  return { service, adapter, doubts }
}

test('rows that were held back for a lost reply are sent when it is found to be written, each once', async () => {
  const { service, adapter, doubts } = await start({
    writes: [
      ['unknown', 'unknown', 'unsent', 'unsent', 'unsent'],
      ['written', 'unknown', 'unsent'],
      [
        'written',
      ],
    ],
    inquiries: [
      ['written', 'written', 'unsent', 'unsent', 'unsent'],
      ['written', 'written', 'written', 'written', 'unsent'],
    ],
  })
  const mutation = several(5)
  const { body } = await post(service, mutation)
  assert.equal(body.state, 'accepted')
  assert.deepEqual(body.rows?.map(({ ordinal }) => ordinal), [1, 2, 3, 4, 5])
  assert.deepEqual(
    adapter.writes.map(({ id, rows }) => [id, rows.map(({ ordinal }) => ordinal)]),
    [[mutation.id, [1, 2, 3, 4, 5]], [mutation.id, [3, 4, 5]], [mutation.id, [5]]],
  )
  // the whole statement is inquired about, with what is known of it
  const [, second] = doubts
  assert.equal(second?.mutation.rows.length, 5)
  assert.ok(second?.outcome.state === 'partial')
  assert.deepEqual(second.outcome.rows.map(({ ordinal }) => ordinal), [1, 2, 3])
  assert.deepEqual(
    second.outcome.others.map(({ ordinal, state }) => [ordinal, state]),
    [[4, 'unknown'], [5, 'unsent']],
  )
  const { state, open } = await row(mutation.id)
  assert.deepEqual([state, open], ['accepted', false])
})

test('of a rest that is refused, or is lost in its turn, the rows are told with what was written before', async () => {
  const first: readonly Fate[] = ['unknown', 'unsent', 'unsent']
  const found: readonly Fate[] = ['written', 'unsent', 'unsent']
  const neutral = 'not written: it was not sent, or refused as row 2 was'
  const cases: [rest: readonly Fate[], code: string, states: readonly string[]][] = [
    [['refused', 'unsent'], 'SL003', ['written', 'refused', 'not sent']],
    [['refused', 'refused'], 'SL003', ['written', 'refused', 'not sent']],
    [['written', 'refused'], 'SL003', ['written', 'written', 'refused']],
    [['unknown', 'unknown'], '40003', ['written', 'unknown', 'unknown']],
    [['unknown', 'unsent'], '40003', ['written', 'unknown', 'not sent']],
  ]
  for (const [rest, code, states] of cases) {
    const stays: readonly Fate[] = ['written', ...rest]
    const { service, adapter } = await start({
      writes: [first, rest],
      inquiries: [found, ...Array.from({ length: 9 }, () => stays)],
      takesMs: [0, 400],
    }, { inquiryWaitMs: 400 })
    const mutation = several(3)
    const { body } = await post(service, mutation)
    assert.equal(body.state, 'partial', String(rest))
    assert.equal(body.fault?.sqlstate, code, String(rest))
    const told = toldOf(body)
    assert.deepEqual(told.map(({ state }) => state), states)
    // the platform may have refused that row too: an outcome that is refused tells of one
    const why = rest[0] === 'refused' ? neutral : rest[1] === 'unsent' ? heldWords : undefined
    if (why !== undefined) assert.equal(told[2]?.message, why, String(rest))
    assert.equal(adapter.writes.length, 2)
    const { state, open } = await row(mutation.id)
    assert.deepEqual([state, open], ['accepted', code === '40003'])
  }
})

test('a rest is not sent while there is doubt, after a refusal, or when the time is over; DETAIL says why', async () => {
  const cases: [found: readonly Fate[], waitMs: number, why: string | undefined][] = [
    [['unknown', 'unsent'], 60_000, heldWords],
    [['written', 'unsent'], 1_300, heldWords],
    [['refused', 'unsent'], 60_000, undefined],
  ]
  for (const [found, waitMs, why] of cases) {
    const { service, adapter } = await start({
      writes: [['unknown', 'unsent']],
      inquiries: Array.from({ length: 9 }, () => found),
      takesMs: [400],
    }, { inquiryWaitMs: 400 })
    const { body } = await post(service, several(2), { waitMs })
    assert.equal(adapter.writes.length, 1, String(found))
    if (why === undefined) {
      assert.deepEqual([body.state, body.fault?.sqlstate], ['refused', '23514'])
      continue
    }
    const told = toldOf(body)
    assert.deepEqual([told[1]?.state, told[1]?.message], ['not sent', why])
  }
})

test('a rest is not sent by a service that is told to end', async () => {
  const { service, adapter } = await start({
    writes: [['unknown', 'unsent']],
    inquiries: [['written', 'unsent']],
    asked: (service, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve())
        void service.drain({ waitMs: 2_000 })
      }),
  })
  const { body } = await post(service, several(2))
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', 'SL003'])
  assert.equal(adapter.writes.length, 1)
})

/** Ends the session by which others see that the process is alive. */
async function cutPresence(service: number): Promise<void> {
  await store.sql`
    select pg_terminate_backend(pid, 30000) from pg_stat_activity
    where application_name = ${`sluice presence ${service}`} and datname = current_database()`
}

/** Do others see that the process is alive? */
async function isSeen(service: number): Promise<boolean> {
  const seen = await store.sql`
    select from pg_locks where locktype = 'advisory' and granted
      and classid = ${presenceClass} and objid = ${service}
      and database = (select oid from pg_database where datname = current_database())`
  return seen.count > 0
}

test('a rest is not sent when another process has taken the mutation over meanwhile', async () => {
  const mutation = several(3)
  const { service, adapter } = await start({
    writes: [['unknown', 'unsent', 'unsent']],
    inquiries: [['written', 'unsent', 'unsent']],
    asked: async () => {
      const { service: number } = await row(mutation.id)
      await until(async () => {
        await cutPresence(number as number)
        await createJournal(store, { service: 0 }).sweep()
        // a slow machine sees it alive again before anybody has swept
        return (await row(mutation.id))['state'] === 'unknown'
      })
      // alive again, so that nothing but the row tells that it was taken
      await until(() => isSeen(number as number))
    },
    takesMs: [],
  })
  const { body } = await post(service, mutation)
  assert.equal(adapter.writes.length, 1)
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', 'SL003'])
  const told = toldOf(body)
  assert.deepEqual(told.map(({ state }) => state), ['written', 'not sent', 'not sent'])
  assert.deepEqual(told.map(({ message }) => message), [undefined, heldWords, heldWords])
  assert.ok(service.lines.some((line) => line.includes('mutation.taken_over')))
  const { state, open } = await row(mutation.id)
  assert.deepEqual([state, open], ['accepted', false])
})

test('a rest is not sent while the store does not say that the mutation is still ours', async () => {
  const journal = {
    ...createJournal(store, { service: 0 }),
    isStillSent: () => Promise.reject(fault('service_unreachable')),
  }
  const { service, adapter } = await start({
    writes: [['unknown', 'unsent']],
    inquiries: [['written', 'unsent']],
  }, { journal })
  const mutation = several(2)
  const { body } = await post(service, mutation)
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', 'SL003'])
  // the journal has the outcome, so the same id is not carried out again
  assert.equal((await post(service, mutation)).body.state, 'partial')
  assert.equal(adapter.writes.length, 1)
})

test('a rest is not sent after a cancel, though it comes when the mutation is being sent', async () => {
  const mutation = several(2)
  const { service, adapter } = await start({
    writes: [['unknown', 'unsent']],
    inquiries: [['written', 'unsent']],
    asked: async ({ app }) => {
      const path = `/internal/mutations/${mutation.id}/cancel`
      const response = await app.request(path, { method: 'POST', headers })
      assert.deepEqual(await response.json(), { state: 'sent' })
    },
  })
  const { body } = await post(service, mutation)
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', 'SL003'])
  assert.deepEqual(toldOf(body).map(({ state }) => state), ['written', 'not sent'])
  assert.equal(adapter.writes.length, 1)
})

test('of a mutation three rests are sent at most; what is left is not sent', async () => {
  const unsent = (count: number) => Array.from({ length: count }, () => 'unsent' as const)
  const written = (count: number) => Array.from({ length: count }, () => 'written' as const)
  const { service, adapter } = await start({
    writes: [5, 4, 3, 2].map((count) => ['unknown', ...unsent(count)]),
    inquiries: [1, 2, 3, 4].map((count) => [...written(count), ...unsent(6 - count)]),
  })
  const { body } = await post(service, several(6))
  assert.deepEqual(adapter.writes.map(({ rows }) => rows[0]?.ordinal), [1, 2, 3, 4])
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', 'SL003'])
  const told = toldOf(body)
  assert.deepEqual(told.map(({ state }) => state), [...written(4), 'not sent', 'not sent'])
  assert.equal(told[5]?.message, heldWords)
})

test('a rest that is answered late is inquired about at once', async () => {
  const late = gate<Outcome>()
  let now = Date.now()
  const mutation = several(2)
  const adapter = fakeAdapter({
    write: ({ rows }) => rows.length === 2 ? fated(mutation, ['unknown', 'unsent']) : late.promise,
    inquire: (doubt) => {
      const rest: Fate = adapter.writes.length === 1 ? 'unsent' : 'unknown'
      if (rest === 'unknown') now += 400
      return Promise.resolve({ outcome: fated(doubt.mutation, ['written', rest]), seen: [] })
    },
  })
  const service = await testService(url, adapter, { inquiryWaitMs: 400, now: () => now })
  services.push(service)
  const deadline = deadlineIn(60_000)
  // so that the mutation, which has little time, need not wait for it
  await (await service.callerFor('connection of sync_test01', { deadline })).token()
  const { body } = await post(service, mutation, { waitMs: 3_000 })
  assert.deepEqual([body.state, body.fault?.sqlstate], ['partial', '40003'])
  await store.sql`update sluice_store.mutations set next_inquiry_at = now() + interval '1 hour'`
  const [, rest] = adapter.writes
  late.open(fated(rest ?? assert.fail('no rest was sent'), ['written']))
  await until(async () =>
    (await store.sql`
      select from sluice_store.mutations where id = ${mutation.id} and next_inquiry_at <= now()`)
      .count === 1
  )
})
