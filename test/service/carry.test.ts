// Goal: a mutation of which the store does not say whether it has it is told to be unsent, is unsent, and does not stay
// open. Method: a real store whose answers are lost or late, and a platform that the test plays.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { createJournal, type Journal } from '../../src/store/journal.ts'
import { announce, type Presence } from '../../src/store/presence.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { createLog } from '../../src/lib/log.ts'
import { testCluster } from '../help/cluster.ts'
import { keyring, seed, testStore, update } from '../store/help.ts'
import { fakeAdapter, gate, post, type TestService, testService, until } from './help.ts'

const cluster = await testCluster()
let url: string
let store: Store
let presence: Presence
const services: TestService[] = []

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
  await seed(store)
  const log = createLog({ level: 'error', write: () => {} })
  presence = await announce(openStore({ url, keyring }), { name: 'ours', log })
})

after(async () => {
  await Promise.all(services.map((each) => each.close()))
  await presence?.leave()
  await store?.close()
  await cluster.stop()
})

/** A service process whose journal the test plays in part. */
async function start(play: (real: Journal) => Partial<Journal>) {
  const adapter = fakeAdapter()
  const real = createJournal(store, presence)
  const service = await testService(url, adapter, { journal: { ...real, ...play(real) } })
  services.push(service)
  return { service, adapter }
}

const lost = () => fault('service_unreachable', { detail: 'The answer is lost.' })

async function row(id: string) {
  const [found] = await store.sql`
    select state, outcome->'fault'->>'code' as code from sluice_store.mutations where id = ${id}`
  return found === undefined ? null : [found['state'], found['code']]
}

for (const call of ['begin', 'send'] as const) {
  test(`a mutation whose ${call} is answered by nobody is settled as refused, and not sent`, async () => {
    let answers = 0
    const { service, adapter } = await start((real) => ({
      [call]: async (...given: Parameters<Journal[typeof call]>) => {
        const answer = await (real[call] as (...all: unknown[]) => Promise<unknown>)(...given)
        if (++answers <= 1) throw lost()
        return answer
      },
    }))
    const mutation = update()
    const { status, body } = await post(service, mutation)
    assert.deepEqual([status, body.status], [503, 503])
    await until(async () => (await row(mutation.id))?.[0] === 'refused')
    assert.deepEqual(await row(mutation.id), ['refused', 'service_unreachable'])
    assert.equal(adapter.writes.length, 0)
    const again = await post(service, mutation)
    assert.deepEqual([again.body.state, again.body.fault?.code], ['refused', 'service_unreachable'])
    assert.equal((await post(service, update())).body.state, 'accepted')
  })
}

test('until the store is back, the same mutation hears the same, and the process is not drained', async () => {
  let down = true
  const back = gate()
  const { service, adapter } = await start((real) => ({
    begin: async (...given) => {
      if (down) throw lost()
      await back.promise
      return await real.begin(...given)
    },
  }))
  const mutation = update()
  for (let times = 0; times < 3; times++) assert.equal((await post(service, mutation)).status, 503)
  assert.equal(await service.drain({ waitMs: 200 }), false)
  down = false
  back.open()
  await until(async () => (await row(mutation.id))?.[0] === 'refused')
  assert.equal(await service.drain({ waitMs: 60_000 }), true)
  assert.equal(adapter.writes.length, 0)
})

test('a begin that reaches the store after it was given up finds the mutation refused', async () => {
  let late: (() => Promise<unknown>) | undefined
  const { service } = await start((real) => ({
    begin: async (...given) => {
      if (late !== undefined) return await real.begin(...given)
      late = () => real.begin(...given)
      throw lost()
    },
  }))
  const mutation = update()
  assert.equal((await post(service, mutation)).status, 503)
  await until(async () => (await row(mutation.id))?.[0] === 'refused')
  assert.deepEqual(await late?.(), {
    kind: 'settled',
    outcome: {
      state: 'refused',
      fault: { platform: 'salesforce', ...lost().data },
    },
  })
})
