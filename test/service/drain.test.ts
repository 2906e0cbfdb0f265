// Goal: draining takes the time that it is given, once. Method: a service whose statements and whose store take theirs.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { withDeadline } from '../../src/lib/deadline.ts'
import { type Journal } from '../../src/store/journal.ts'
import type { IdempotencyKeys } from '../../src/store/idempotency.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { fakeAdapter, post, testService } from './help.ts'
import { countingAdapter, countingPlatform } from './limits-platform.ts'

const cluster = await testCluster()
let url: string
let store: Store

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})
after(async () => {
  await store?.close()
  await cluster.stop()
})

const never = () => new Promise<never>(() => {})

test('statements that do not end and answers that cannot be kept share one deadline', async () => {
  const graces: number[] = []
  let now = Date.now()
  const service = await testService(url, fakeAdapter(), {
    now: () => now,
    journal: { applied: never } as unknown as Journal,
    door: {
      keys: {} as IdempotencyKeys,
      statements: (carrier) => {
        carrier.applied(randomUUID())
        return {
          run: never,
          close: ({ graceMs }) => {
            graces.push(graceMs)
            now += graceMs
            return Promise.resolve()
          },
        }
      },
    },
  })
  await service.drain({ waitMs: 3_000 })
  assert.deepEqual(graces, [1_500])
  const given = service.lines.find((line) => line.includes('door.not_settled')) ?? ''
  assert.match(given, /Keeping the answers took longer than 1500 ms/, 'what the statements left')
  await service.close()
})

test('a store that says nothing any more does not keep a drain from ending', async () => {
  await seed(store)
  const platform = await countingPlatform()
  const day = { name: 'day', limit: 10_000, windowMs: 86_400_000, about: '10,000 a day' }
  const charges = [{ rule: 'day', units: 1 }]
  const adapter = countingAdapter(platform.url, { rules: [day], charges })
  const service = await testService(url, adapter, { http: platform.http })
  assert.equal((await post(service, update())).body.state, 'accepted')
  let asked = 0
  const ask = service.store.ask.bind(service.store)
  const silent = () => (asked++, never())
  Object.assign(service.store, { ask: silent })
  const drained = service.drain({ waitMs: 300 })
  await withDeadline(drained, { waitMs: 15_000, what: 'Draining' })
  assert.ok(asked > 0, 'there was something to give back')
  Object.assign(service.store, { ask })
  await service.close()
  await platform.close()
})
