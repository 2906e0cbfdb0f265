// Goal: never more than a platform allows, however many processes take, and hardly less; nothing is promised twice.
// Method: a real store, several pools on it, and a count over every window of the moments that were promised.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import {
  blockBucket,
  type Bucket,
  correctBucket,
  type Job,
  leaseUnits,
  shareUnits,
  type Taken,
  takeTurns,
  watchBuckets,
} from '../../src/store/buckets.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { type HeldClock, holdClock, keyring, seed, testStore } from './help.ts'
import { openStore } from '../../src/store/store.ts'

const connection = 'connection of sync_test01'
const cluster = await testCluster()
let url: string
let store: Store
/** It stands still, so that how long anything takes here does not matter. */
let clock: HeldClock

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
  await seed(store)
})

beforeEach(async () => {
  await store.sql`delete from sluice_store.buckets`
  clock = await holdClock(store)
})

afterEach(() => clock.free())

after(async () => {
  await store?.close()
  await cluster.stop()
})

/** 10 units in any 1000 ms, in grains of 2 ms, with a margin of 40 ms. */
const ten: Bucket = {
  rule: 'second',
  key: '',
  limit: 10,
  grainMs: 2,
  windowGrains: 521,
  spacing: null,
}
const minute: Bucket = {
  rule: 'minute',
  key: '',
  limit: 30,
  grainMs: 120,
  windowGrains: 509,
  spacing: null,
}

function job(fields: Partial<Job> = {}): Job {
  return {
    leadMs: 0,
    waitMs: 60_000,
    background: false,
    confirm: false,
    back: [],
    requests: [[[0, 1]]],
    ...fields,
  }
}

async function take(bucket: Bucket | readonly Bucket[], ...jobs: Job[]): Promise<Taken> {
  const buckets = Array.isArray(bucket) ? bucket as Bucket[] : [bucket as Bucket]
  return await takeTurns(store, connection, { buckets, jobs }) ?? assert.fail('held')
}

function momentsOf({ jobs }: Taken): readonly number[] {
  return jobs.flatMap((turned) =>
    turned !== null && 'moments' in turned ? turned.moments : assert.fail('too late')
  )
}

/** The most units that any window of so many milliseconds holds. */
function fullest(units: readonly (readonly [at: number, units: number])[], windowMs: number) {
  const loads = units.map(([end]) =>
    units.filter(([at]) => at > end - windowMs && at <= end).reduce((sum, [, u]) => sum + u, 0)
  )
  return Math.max(...loads)
}

test('three processes at once never promise more than the limit in any window, and hardly less', async () => {
  await clock.free()
  const stores = [1, 2, 3].map(() => openStore({ url, keyring, connectionsMax: 4 }))
  const takes = stores.flatMap((each) =>
    Array.from(
      { length: 100 },
      async () =>
        await takeTurns(each, connection, { buckets: [ten], jobs: [job()] }) ?? assert.fail(),
    )
  )
  const all = await Promise.all(takes)
  const moments = all.flatMap(momentsOf).sort((a, b) => a - b)
  // a unit of margin and jitter later or earlier changes nothing
  assert.equal(fullest(moments.map((at) => [at, 1]), 1_035), 10)
  const tookMs = (moments.at(-1) ?? 0) - (moments[0] ?? 0)
  const asked = all.map(({ now }) => now)
  const askedMs = Math.max(...asked) - Math.min(...asked)
  // one window more, and what may have passed unused while all stood still before the next was promised
  const mostMs = 30 * 1_044 + 20 + askedMs
  assert.ok(tookMs <= mostMs, `300 units of 10 a second in ${tookMs} ms, asked for ${askedMs} ms`)
  await Promise.all(stores.map((each) => each.close()))
})

test('requests of many sizes never take more than the limit in any window', async () => {
  const sizes = [1, 3, 2, 10, 1, 4, 7, 1, 5, 12, 2, 1]
  const taken: [number, number][] = []
  for (let round = 0; round < 8; round++) {
    const jobs = sizes.map((units) => job({ requests: [[[0, units]]] }))
    const moments = momentsOf(await take(ten, ...jobs))
    moments.forEach((at, i) => taken.push([at, Math.min(sizes[i] ?? 0, 10)]))
    // something in the middle is given back, and must be taken again without harm
    const [gone] = taken.splice(Math.floor(taken.length / 2), 1)
    assert.ok(gone)
    await take(ten, job({ requests: [], back: [[0, Math.floor(gone[0] / 2), gone[1], 0]] }))
  }
  // a request for 12 is one for all there is: it has a window for itself
  assert.ok(fullest(taken, 1_035) <= 10)
})

test('what is given back is the next one’s', async () => {
  const first = momentsOf(await take(ten, job({ requests: Array(20).fill([[0, 1]]) })))
  const given = first[15] ?? 0
  const back = [[0, Math.floor(given / 2), 1, 0]] as const
  const [again] = momentsOf(await take(ten, job({ back })))
  assert.equal(again, given, 'not the end of the line')
})

test('what arrived later than at its turn counts from then on', async () => {
  const first = momentsOf(await take(ten, job({ requests: Array(10).fill([[0, 1]]) })))
  const promised = momentsOf(await take(ten, job()))
  const grainOf = (at = 0) => Math.floor(at / 2)
  await take(
    ten,
    job({ requests: [], back: first.map((at) => [0, grainOf(at), 1, 1, grainOf(at) + 40]) }),
  )
  const back = [[0, grainOf(promised[0]), 1, 0]] as const
  const [confirmed = 0] = momentsOf(await take(ten, job({ confirm: true, back })))
  assert.equal(confirmed - (promised[0] ?? 0), 80)
})

test('who leaves late keeps his place, and those behind him leave as much later', async () => {
  const first = await take(ten, job({ requests: Array(20).fill([[0, 1]]) }))
  const [turned] = first.jobs
  assert.ok(turned && 'firms' in turned)
  assert.deepEqual(turned.firms, [
    ...Array<boolean>(10).fill(true),
    ...Array<boolean>(10).fill(false),
  ])
  const grainOf = (at: number) => Math.floor(at / 2)
  await clock.pass(50) // late
  const back = [[0, grainOf(turned.moments[0] ?? 0), 1, 1]] as const
  const late = await take(ten, job({ confirm: true, back }))
  assert.equal(momentsOf(late)[0], late.now, 'at once')
  const promised = turned.moments.slice(10)
  const confirms = promised.map((at) => job({ confirm: true, back: [[0, grainOf(at), 1, 0]] }))
  const confirmed = momentsOf(await take(ten, ...confirms))
  const firm = [...turned.moments.slice(1, 10), ...momentsOf(late), ...confirmed]
  assert.equal(fullest(firm.map((at) => [at, 1]), 1_035), 10)
  assert.deepEqual(confirmed.slice(0, 9), promised.slice(0, 9), 'nine as they were promised')
  const delayMs = (confirmed[9] ?? 0) - (promised[9] ?? 0)
  const lateMs = late.now - (turned.moments[0] ?? 0)
  assert.equal(lateMs, 50)
  const differenceMs = Math.abs(delayMs - lateMs)
  assert.ok(differenceMs <= 2 * ten.grainMs, `${delayMs} ms later, for ${lateMs}`)
})

test('a job takes all of its turns or none, and is told how long it would have been', async () => {
  const all = Array(25).fill([[0, 1]])
  const { jobs, now } = await take(ten, job({ requests: all, waitMs: 1_500 }))
  const [late] = jobs
  assert.ok(late && 'waitMs' in late)
  assert.ok(late.waitMs >= 2_000 && late.waitMs < 2_200, `${late.waitMs} ms`)
  const moments = momentsOf(await take(ten, job({ requests: Array(10).fill([[0, 1]]) })))
  assert.ok(moments.every((at) => at - now < 1_000), 'nothing was left behind')
})

test('what waits for one bucket does not keep others waiting', async () => {
  const narrow = { ...ten, rule: 'endpoint', key: 'a', limit: 1 }
  const other = { ...narrow, key: 'b' }
  const buckets = [narrow, other, { ...ten, rule: 'z' }]
  for (let times = 0; times < 5; times++) {
    await take(buckets, job({ requests: [[[0, 1], [2, 1]]] }))
  }
  const taken = await take(buckets, job({ requests: [[[1, 1], [2, 1]]] }))
  assert.equal(momentsOf(taken)[0], taken.now)
})

test('a request that takes of two buckets has both in the same moment', async () => {
  const buckets = [minute, ten]
  const jobs = Array.from(
    { length: 40 },
    () => job({ waitMs: 120_000, requests: [[[0, 1], [1, 1]]] }),
  )
  const moments = momentsOf(await take(buckets, ...jobs))
  assert.equal(fullest(moments.map((at) => [at, 1]), 1_035), 10)
  assert.equal(fullest(moments.map((at) => [at, 1]), 60_900), 30)
})

test('a burst in short grains is spread', async () => {
  const spaced = { ...ten, limit: 50, spacing: 3 }
  const moments = momentsOf(await take(spaced, job({ requests: Array(50).fill([[0, 1]]) })))
  const grains = moments.map((at) => Math.floor(at / 2))
  assert.ok(grains.every((grain, i) => i === 0 || grain - (grains[i - 1] ?? 0) >= 3))
  assert.ok((moments.at(-1) ?? 0) - (moments[0] ?? 0) < 310)
})

test('the background takes what is there, leaves a fifth, and takes nothing that somebody waits for', async () => {
  const background = job({ background: true })
  const taken = await take(ten, ...Array<Job>(10).fill(background))
  assert.equal(taken.jobs.filter((turned) => turned !== null && 'moments' in turned).length, 8)
  assert.equal(momentsOf(await take(ten, job()))[0] !== undefined, true)
  const other = { ...ten, key: 'other' }
  await take(other, ...Array<Job>(11).fill(job()))
  const bigger = { ...other, limit: 100 }
  const [refused] = (await take(bigger, background)).jobs
  assert.ok(refused && 'waitMs' in refused, 'a mutation waits there')
})

test('a block holds for everybody, and whoever holds a promise can see that it is no longer good', async () => {
  const before = await take(ten, job())
  const until = await blockBucket(store, connection, { bucket: ten, waitMs: 5_000 })
  assert.ok(until >= before.now + 5_000)
  const after = await take(ten, job())
  assert.ok((momentsOf(after)[0] ?? 0) >= until)
  assert.ok(after.epoch > before.epoch)
  const watched = await watchBuckets(store, [connection, 'nobody'])
  assert.deepEqual(watched.connections, [{
    connection,
    epoch: after.epoch,
    blocks: [{ rule: 'second', key: '', until }],
  }])
  const shorter = await blockBucket(store, connection, { bucket: ten, waitMs: 1 })
  assert.equal(shorter, until)
})

test('what others use of the account is taken from the bucket, and comes back', async () => {
  await take(minute, job({ requests: Array(5).fill([[0, 1]]) }))
  const correct = (remaining: number, resetMs: number | null = null) =>
    correctBucket(store, connection, { bucket: minute, remaining, resetMs })
  assert.equal(await correct(25), 0)
  assert.equal(await correct(29), 0, 'more than we count is not believed')
  assert.equal(await correct(10), 15)
  const taken = await take(minute, job({ waitMs: 120_000, requests: Array(11).fill([[0, 1]]) }))
  const moments = momentsOf(taken)
  assert.equal(moments.filter((at) => at === taken.now).length, 10)
  const other = { ...minute, key: 'other' }
  const reset = { bucket: other, remaining: 0, resetMs: 10_000 }
  assert.equal(await correctBucket(store, connection, reset), 30)
  const next = await take(other, job())
  const moment = momentsOf(next)[0] ?? 0
  // the correction was made between the two, by the same clock
  assert.ok(moment >= taken.now + 10_000, `${moment - taken.now} ms after what came before it`)
  assert.ok(moment < next.now + 10_400, `${moment - next.now} ms until the platform's own reset`)
})

test('a lease of a wide window is a hundredth of what is left at most, and none is left in the end', async () => {
  const day: Bucket = {
    rule: 'daily',
    key: '',
    limit: 1_000,
    grainMs: 172_800,
    windowGrains: 503,
    spacing: null,
  }
  const lease = (units: number) => leaseUnits(store, connection, { bucket: day, units })
  assert.deepEqual(await lease(4).then(({ units, left }) => [units, left]), [4, 996])
  assert.deepEqual(await lease(500).then(({ units, left }) => [units, left]), [9, 987])
  await correctBucket(store, connection, { bucket: day, remaining: 1, resetMs: null })
  assert.equal((await lease(500)).units, 1)
  const { units, freeAt, now } = await lease(500)
  assert.equal(units, 0)
  assert.ok(freeAt - now > 80_000_000 && freeAt - now < 90_000_000, 'a day later')
})

test('shares are never more than the limit together, shrink for others, and are lost in time', async () => {
  const bucket: Bucket = {
    rule: 'concurrent',
    key: '',
    limit: 25,
    grainMs: 1,
    windowGrains: 1,
    spacing: null,
  }
  const share = (holder: string, busy: number, want: number, keepMs = 60_000) =>
    shareUnits(store, connection, { bucket, holder, busy, want, keepMs })
  assert.equal((await share('a', 0, 25)).units, 13)
  assert.equal((await share('a', 13, 25)).units, 19)
  assert.equal((await share('b', 0, 25)).units, 3)
  const told = await share('a', 19, 19)
  assert.deepEqual([told.units, told.wanted], [19, true])
  assert.equal((await share('a', 5, 19)).units, 12, 'half of it is for the other')
  assert.equal((await share('b', 3, 25)).units, 8)
  assert.equal((await share('a', 0, 0)).units, 0)
  assert.equal((await share('b', 8, 25)).units, 17)
  assert.equal((await share('c', 0, 25, 0)).units, 4)
  await clock.pass(2)
  assert.equal((await share('b', 17, 25)).units, 21, 'what c had is lost')
})

test('a bucket whose grains become longer keeps what was taken', async () => {
  const { now } = await take(ten, job({ requests: Array(10).fill([[0, 1]]) }))
  const longer = { ...ten, grainMs: 20, windowGrains: 54 }
  const [moment = 0] = momentsOf(await take(longer, job()))
  assert.ok(moment - now > 900 && moment - now < 1_200, `${moment - now} ms`)
})

test('what is over is removed', async () => {
  const short = { ...ten, windowGrains: 4 }
  await take(short, job({ requests: Array(10).fill([[0, 1]]) }))
  const count = async () => (await store.sql`select from sluice_store.slots`).length
  for (let times = 0; times < 10; times++) {
    await clock.pass(4)
    await take(short, job())
  }
  assert.ok(await count() <= 4, `${await count()} slots`)
})

/** As at Stripe: 25 requests a second to an endpoint, 100 to all of them. */
const endpoint: Bucket = { ...ten, rule: 'endpoint', limit: 25, spacing: 5 }
const account: Bucket = { ...endpoint, rule: 'second', limit: 100 }

test('many jobs of many requests are answered in short questions, and those that come too late say how long', async () => {
  const requests = Array(100).fill([[0, 1], [1, 1]])
  let open = Array.from({ length: 100 }, () => job({ waitMs: 120_000, requests }))
  const moments: number[] = []
  const waits: number[] = []
  let questions = 0
  while (open.length > 0) {
    questions += 1
    const { jobs } = await take([endpoint, account], ...open)
    const answered = jobs.filter((turned) => turned !== null)
    assert.ok(answered.length > 0, 'each question brings somebody on')
    for (const turned of answered) {
      if ('moments' in turned) moments.push(...turned.moments)
      else waits.push(turned.waitMs)
    }
    const taken = answered.filter((turned) => 'moments' in turned)
    assert.ok(taken.length <= 1, 'a hundred requests are enough for one question')
    open = open.filter((_, i) => jobs[i] === null)
  }
  // 25 in 1042 ms, for 120 s from each question on
  assert.ok(moments.length >= 2_800 && moments.length <= 3_200, `${moments.length} turns`)
  assert.equal(waits.length, 100 - moments.length / 100)
  assert.ok(waits.every((waitMs) => waitMs > 120_000 && waitMs < 126_000), `${waits[0]} ms`)
  assert.ok(questions <= moments.length / 100 + 1, `${questions} questions`)
  assert.equal(fullest(moments.slice(-200).map((at) => [at, 1]), 1_035), 25)
  const [row] = await store.sql`select sum(units)::int from sluice_store.slots
    join sluice_store.buckets on id = bucket where rule = 'endpoint' and grain > 0`
  assert.ok(row?.['sum'] <= moments.length, 'those who were late left nothing behind')
})

test('a job is not late because another one was that wants more, or that has less time', async () => {
  const many = (count: number, fields: Partial<Job> = {}) =>
    job({ requests: Array(count).fill([[0, 1]]), ...fields })
  const jobs = [
    many(100, { waitMs: 2_500 }),
    many(100, { waitMs: 2_000 }),
    many(20, { waitMs: 2_500 }),
    many(5, { waitMs: 2_500 }),
    many(40, { waitMs: 10_000 }),
    many(10, { waitMs: 2_500 }),
  ]
  const taken = await take(ten, ...jobs)
  const kinds = taken.jobs.map((turned) => turned !== null && 'moments' in turned)
  assert.deepEqual(kinds, [false, false, true, true, true, false])
})

test('a job that gives back is looked at again, though one like it was late', async () => {
  const first = momentsOf(await take(ten, job({ requests: Array(10).fill([[0, 1]]) })))
  const soon = job({ waitMs: 500 })
  const back = [[0, Math.floor((first[9] ?? 0) / 2), 1, 1]] as const
  const { jobs } = await take(ten, soon, { ...soon, back }, soon)
  const kinds = jobs.map((turned) => turned !== null && 'moments' in turned)
  assert.deepEqual(kinds, [false, true, false])
})

test('who finds a bucket held for seconds takes nothing, and hears that it is held', async () => {
  await take(ten, job())
  const holder = openStore({ url, keyring, connectionsMax: 1 })
  let free = (): void => {}
  const freed = new Promise<void>((resolve) => free = resolve)
  const held = new Promise<void>((resolve, reject) => {
    const holding = holder.sql.begin(async (sql) => {
      await sql`select from sluice_store.buckets for update`
      resolve()
      await freed
    })
    holding.catch(reject)
  })
  await held
  assert.equal(await takeTurns(store, connection, { buckets: [ten], jobs: [job()] }), null)
  free()
  await holder.close()
  const [row] = await store.sql`select sum(units)::int from sluice_store.slots`
  assert.equal(row?.['sum'], 1)
})

/** Puts the store's clock back before the work is done. */
async function withClockBack(byMs: number, work: () => Promise<void>): Promise<void> {
  await clock.pass(-byMs)
  await work()
}

for (const [name, byMs] of [['an hour', 3_600_000], ['three minutes', 180_000]] as const) {
  test(`when the clock has gone back by ${name}, turns are had as before, and promises are no longer good`, async () => {
    const before = await take(ten, job({ requests: Array(30).fill([[0, 1]]) }))
    await withClockBack(byMs, async () => {
      const after = await take(ten, job({ requests: Array(11).fill([[0, 1]]) }))
      const waits = momentsOf(after).map((at) => at - after.now)
      assert.deepEqual(waits.slice(0, 10), Array(10).fill(0))
      assert.ok((waits[10] ?? 0) >= 1_040 && (waits[10] ?? 0) < 1_050, `${waits[10]} ms`)
      assert.ok(after.epoch > before.epoch)
      const again = await take(ten, job())
      assert.equal(again.epoch, after.epoch, 'it is noticed once')
    })
  })
}

test('when the clock has gone back, the turns of long windows do not wait for it', async () => {
  const hour: Bucket = { ...minute, limit: 5_000, grainMs: 7_200, windowGrains: 502 }
  await take(hour, job())
  await withClockBack(600_000, async () => {
    const after = await take(hour, job())
    assert.ok((momentsOf(after)[0] ?? 0) - after.now <= 0)
  })
})

test('when the clock has gone back, a block lasts as long as it was made for', async () => {
  await blockBucket(store, connection, { bucket: ten, waitMs: 60_000 })
  await blockBucket(store, connection, { bucket: ten, waitMs: 5_000 })
  await withClockBack(3_600_000, async () => {
    const after = await take(ten, job({ waitMs: 120_000 }))
    const waitMs = (momentsOf(after)[0] ?? 0) - after.now
    assert.ok(waitMs > 59_000 && waitMs <= 60_002, `${waitMs} ms`)
  })
})

test('when the clock has gone back, the share of a process that is gone is lost all the same', async () => {
  const bucket: Bucket = { ...ten, rule: 'concurrent', grainMs: 1, windowGrains: 1 }
  const share = (holder: string, keepMs: number) =>
    shareUnits(store, connection, { bucket, holder, busy: 0, want: 10, keepMs })
  await share('a', 15_000)
  await withClockBack(3_600_000, async () => {
    await share('b', 1)
    const [row] = await store.sql`select max(until - sluice_store.clock_ms())::int as ms
      from sluice_store.shares where holder = 'a'`
    assert.ok(row?.['ms'] <= 15_000, `${row?.['ms']} ms`)
  })
})
