// Goal: work in the background leaves mutations their part of every limit. Method: real buckets in a real store; many who
// ask in the background without a pause, and mutations whose waits are measured.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import type { RateRule } from '../../src/platforms/rates.ts'
import { createLimiter } from '../../src/service/limits/limiter.ts'
import { limitOf } from '../../src/service/limits/limit.ts'
import type { Store } from '../../src/store/store.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from '../store/help.ts'

let cluster: TestCluster
let store: Store
const connection = 'connection of sync_test01'
const about = 'of the test'
const second: RateRule = { name: 'second', limit: 20, windowMs: 1_000, about }
const day: RateRule = { name: 'day', limit: 20_000, windowMs: 86_400_000, about }

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

type Limiter = ReturnType<typeof createLimiter>

/** Sends a request in its turn. Gives how far ahead its turn was, in milliseconds: what a slow machine adds is not in it. */
async function pass(
  limiter: Limiter,
  { rule, background, signal, units = 1, waitMs = 30_000 }: {
    rule: RateRule
    background: boolean
    signal: AbortSignal
    units?: number
    waitMs?: number
  },
): Promise<number> {
  const gate = limiter.gate(connection, 'salesforce')
  const wanting = { until: limiter.now() + waitMs, background, signal }
  const [turn] = await gate.reserve([[{ limit: limitOf(rule), units }]], wanting)
  assert.ok(turn)
  const aheadMs = Math.max(0, gate.timeOf(turn) - limiter.now())
  await gate.enter(turn, wanting)
  gate.leave(turn)
  return aheadMs
}

test('mutations do not wait for a backfill that asks without a pause, and it uses no more than its share', async () => {
  const limiter = createLimiter({ store, log: silentLog, backgroundShare: 0.5 })
  const stop = new AbortController()
  let asked = 0
  const hogs = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      await pass(limiter, { rule: second, background: true, signal: stop.signal })
      asked += 1
    }
  })
  const waits: number[] = []
  const from = limiter.now()
  for (let n = 0; n < 15; n++) {
    waits.push(await pass(limiter, { rule: second, background: false, signal: stop.signal }))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const seconds = (limiter.now() - from) / 1000
  stop.abort()
  await Promise.allSettled(hogs)
  await limiter.close()
  const median = waits.toSorted((a, b) => a - b)[7] ?? Infinity
  assert.ok(median < 250, `waits: ${waits.map(Math.round).join()} ms`)
  assert.ok(asked <= 10 * (seconds + 2), `${asked} in ${seconds} s`)
  assert.ok(asked > 0)
})

test('of a long limit the background leaves a part that is for mutations', async () => {
  const limiter = createLimiter({ store, log: silentLog, backgroundShare: 0.5 })
  const { signal } = new AbortController()
  // a fifth of their half is left to mutations alone: 2,000
  await pass(limiter, { rule: day, background: false, signal })
  await store.sql`
    insert into sluice_store.slots (bucket, grain, units, firm)
    select id, sluice_store.clock_ms() / grain_ms, 18100, 18100 from sluice_store.buckets
    where rule = 'day'
    on conflict (bucket, grain) do update set units = 18100, firm = 18100`
  const fresh = createLimiter({ store, log: silentLog, backgroundShare: 0.5 })
  const background = { rule: day, background: true, signal, waitMs: 1_000 }
  await assert.rejects(pass(fresh, background), { code: 'rate_limited' })
  await pass(fresh, { rule: day, background: false, signal })
  await Promise.all([limiter.close(), fresh.close()])
})
