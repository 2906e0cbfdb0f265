// Goal: draining takes the time that it is given, once. Method: a service whose statements and whose store take theirs.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Journal } from '../../src/store/journal.ts'
import type { IdempotencyKeys } from '../../src/store/idempotency.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { testStore } from '../store/help.ts'
import { fakeAdapter, testService } from './help.ts'

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
  const service = await testService(url, fakeAdapter(), {
    journal: { applied: never } as unknown as Journal,
    door: {
      keys: {} as IdempotencyKeys,
      statements: (carrier) => {
        carrier.applied(randomUUID())
        return {
          run: never,
          close: async ({ graceMs }) => {
            graces.push(graceMs)
            await new Promise((resolve) => setTimeout(resolve, graceMs))
          },
        }
      },
    },
  })
  const started = performance.now()
  await service.drain({ waitMs: 1_000 })
  const tookMs = performance.now() - started
  assert.ok(tookMs > 900 && tookMs < 1_800, `${tookMs} ms`)
  assert.ok(graces.length === 1 && (graces[0] ?? 0) >= 400, String(graces))
  await service.close()
})
