// Goal: a key stands for one request, and one process at a time is at work on it. Method: several processes on one store.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { fault } from '../../src/mutation/fault.ts'
import { createIdempotencyKeys, type KeyedRequest } from '../../src/store/idempotency.ts'
import { announce, type Presence } from '../../src/store/presence.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { leaveFully, seed, testStore } from './help.ts'

const cluster = await testCluster()
let store: Store
let mine: Presence
let other: Presence

before(async () => {
  store = await testStore(await cluster.createDatabase())
  await seed(store)
  mine = await announce(store, { name: 'mine', log: silentLog })
  other = await announce(store, { name: 'other', log: silentLog })
})
after(async () => {
  await Promise.allSettled([mine?.leave(), other?.leave()])
  await store?.close()
  await cluster.stop()
})

const request = (body = 'body', key: string = randomUUID()): KeyedRequest => ({
  syncId: 'sync_test01',
  key,
  hash: createHash('sha256').update(body).digest(),
})
const answer = { status: 201, contentType: 'application/json', body: '{}' }

test('a key is begun once, then in use, then answered; another request cannot have it', async () => {
  const keys = createIdempotencyKeys(store, mine)
  const elsewhere = createIdempotencyKeys(store, other)
  const one = request()
  const mutationId = randomUUID()
  assert.deepEqual(await keys.take(one, { mutationId }), { kind: 'begun', mutationId })
  const again = { mutationId: randomUUID() }
  assert.equal((await keys.take(one, again)).kind, 'running')
  assert.equal((await elsewhere.take(one, again)).kind, 'running')
  assert.equal((await keys.take(request('other', one.key), again)).kind, 'reused')
  await elsewhere.answer(one, { mutationId, ...answer, body: 'not theirs' })
  await keys.answer(one, { mutationId, ...answer })
  assert.deepEqual(await elsewhere.take(one, again), { kind: 'answered', answer })
  await keys.release(one, { mutationId })
  assert.equal((await keys.take(one, again)).kind, 'answered')
})

test('of many requests of one process that come at once, one is begun', async () => {
  const keys = createIdempotencyKeys(store, mine)
  for (let round = 0; round < 20; round++) {
    const one = request()
    const taken = await Promise.all(
      Array.from({ length: 8 }, () => keys.take(one, { mutationId: randomUUID() })),
    )
    const kinds = taken.map(({ kind }) => kind).sort((a, b) => a < b ? -1 : 1)
    assert.deepEqual(kinds, ['begun', ...Array.from({ length: 7 }, () => 'running')])
  }
})

test('a key that is given back can be begun anew, with another mutation', async () => {
  const keys = createIdempotencyKeys(store, mine)
  const one = request()
  const [first, second] = [randomUUID(), randomUUID()]
  await keys.take(one, { mutationId: first })
  await keys.release(one, { mutationId: first })
  const begun = await keys.take(one, { mutationId: second })
  assert.deepEqual(begun, { kind: 'begun', mutationId: second })
})

test('what a process leaves, one other takes over, under the same mutation', async () => {
  const gone = await announce(store, { name: 'gone', log: silentLog })
  const one = request()
  const mutationId = randomUUID()
  await createIdempotencyKeys(store, gone).take(one, { mutationId })
  await leaveFully(store, gone)
  const processes = [mine, other].map((presence) => createIdempotencyKeys(store, presence))
  const takes = [...processes, ...processes].map((keys) =>
    keys.take(one, { mutationId: randomUUID() })
  )
  const taken = await Promise.all(takes)
  assert.deepEqual(taken.filter(({ kind }) => kind === 'left'), [{ kind: 'left', mutationId }])
  assert.equal(taken.filter(({ kind }) => kind === 'running').length, 3)
})

test('what this process has given up is taken over by its next request', async () => {
  const keys = createIdempotencyKeys(store, mine)
  const one = request()
  const mutationId = randomUUID()
  await keys.take(one, { mutationId })
  assert.equal((await keys.take(one, { mutationId: randomUUID() })).kind, 'running')
  keys.done(mutationId)
  const next = await keys.take(one, { mutationId: randomUUID() })
  assert.deepEqual(next, { kind: 'left', mutationId })
})

test('a key that is left goes to the next request in any process, under the same mutation', async () => {
  const [keys, elsewhere] = [mine, other].map((presence) => createIdempotencyKeys(store, presence))
  assert.ok(keys !== undefined && elsewhere !== undefined)
  const one = request()
  const mutationId = randomUUID()
  await keys.take(one, { mutationId })
  await keys.leave(one, { mutationId })
  const busy = await keys.take(one, { mutationId: randomUUID() })
  assert.equal(busy.kind, 'running', 'this process is not done with it')
  const taken = await elsewhere.take(one, { mutationId: randomUUID() })
  assert.deepEqual(taken, { kind: 'left', mutationId })
  keys.done(mutationId)
  assert.equal((await keys.take(one, { mutationId: randomUUID() })).kind, 'running')
  await keys.answer(one, { mutationId, ...answer, body: 'too late' })
  await elsewhere.answer(one, { mutationId, ...answer })
  assert.deepEqual(await keys.take(one, { mutationId }), { kind: 'answered', answer })
})

/** The store, of which the answer to the first question is lost, after it was carried out. */
function deafOnce(): Store {
  let heard = false
  return {
    ...store,
    ask: async (what, question) => {
      const found = await store.ask(what, question)
      if (heard) return found
      heard = true
      throw fault('service_unreachable')
    },
  }
}

test('a key whose taking was not heard of is begun by the next request: nothing ran under it', async () => {
  const keys = createIdempotencyKeys(deafOnce(), mine)
  const one = request()
  const mutationId = randomUUID()
  await assert.rejects(keys.take(one, { mutationId }), { code: 'service_unreachable' })
  const taken = await Promise.all([1, 2, 3].map(() => keys.take(one, { mutationId: randomUUID() })))
  assert.deepEqual(taken.filter(({ kind }) => kind !== 'running'), [{ kind: 'begun', mutationId }])
  keys.done(mutationId)
  const next = await keys.take(one, { mutationId: randomUUID() })
  assert.equal(next.kind, 'left', 'now something may have run')
})

test('a sweep gives it back, so that another process can begin it', async () => {
  const keys = createIdempotencyKeys(deafOnce(), mine)
  const elsewhere = createIdempotencyKeys(store, other)
  const one = request()
  await assert.rejects(keys.take(one, { mutationId: randomUUID() }))
  const mutationId = randomUUID()
  assert.equal((await elsewhere.take(one, { mutationId })).kind, 'running')
  await keys.sweep()
  assert.deepEqual(await elsewhere.take(one, { mutationId }), { kind: 'begun', mutationId })
  await keys.sweep()
  await elsewhere.answer(one, { mutationId, ...answer })
  assert.equal((await keys.take(one, { mutationId })).kind, 'answered', 'it was theirs by then')
})

test('keys are kept for a day, then forgotten', async () => {
  const keys = createIdempotencyKeys(store, mine)
  const [old, young] = [request(), request()]
  for (const one of [old, young]) {
    const mutationId = randomUUID()
    await keys.take(one, { mutationId })
    await keys.answer(one, { mutationId, ...answer })
  }
  await store.sql`update sluice_store.idempotency_keys set begun_at = now() - interval '25 hours'
    where key = ${old.key}`
  const mutationId = randomUUID()
  const other = { ...old, hash: request('other').hash }
  assert.equal((await keys.take(other, { mutationId })).kind, 'begun', 'even unswept')
  await store.sql`update sluice_store.idempotency_keys set begun_at = now() - interval '25 hours'
    where key = ${old.key}`
  assert.equal(await keys.sweep(), 1)
  assert.equal((await keys.take(young, { mutationId })).kind, 'answered')
})
