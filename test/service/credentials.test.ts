// Goal: a token is refreshed once, is never used before it is safe in the store, and is never lost. Method: a platform
// that rotates its refresh tokens and refuses the old ones, several service processes on one store.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { fault } from '../../src/mutation/fault.ts'
import type { Adapter, Tokens } from '../../src/platforms/platform.ts'
import { readConnection, revokeConnection } from '../../src/store/connections.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { startLink } from '../store/link.ts'
import { accept, fakeAdapter, gate, post, type TestService, testService, until } from './help.ts'

let url: string
let store: Store
let count = 0
const cluster = await testCluster()
const id = 'connection of sync_test01'

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})

after(async () => {
  await store?.close()
  await cluster.stop()
})

beforeEach(() => {
  count += 1
  return seed(store, { credential: { kind: 'oauth', refreshToken: `grant ${count}.0` } })
})

/** A platform where each refresh token works once. */
function rotating(more: (number: number) => Partial<Tokens> = () => ({})) {
  const grants: string[] = []
  const valid = new Set([`grant ${count}.0`])
  const refresh: Adapter['refresh'] = async ({ refreshToken }) => {
    grants.push(refreshToken)
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (!valid.delete(refreshToken)) throw fault('credential_refused')
    const next = `grant ${count}.${grants.length}`
    valid.add(next)
    return { accessToken: `token ${grants.length}`, refreshToken: next, ...more(grants.length) }
  }
  return { grants, refresh }
}

async function token(service: TestService, refused?: string, waitMs = 10_000): Promise<string> {
  return await (await service.callerFor(id, { deadline: deadlineIn(waitMs) })).token(refused)
}

function stored() {
  return readConnection(store, id)
}

test('fifty callers at two service processes cause one refresh', async () => {
  const { grants, refresh } = rotating()
  const adapter = fakeAdapter({ refresh })
  const services = await Promise.all([testService(url, adapter), testService(url, adapter)])
  const ask = (refused?: string) =>
    Promise.all(services.flatMap((each) => Array.from({ length: 25 }, () => token(each, refused))))
  assert.deepEqual(new Set(await ask()), new Set(['token 1']))
  assert.equal(grants.length, 1)
  assert.deepEqual(new Set(await ask('token 1')), new Set(['token 2']))
  assert.equal(grants.length, 2)
  assert.deepEqual(new Set(await ask('token 1')), new Set(['token 2']))
  assert.equal(grants.length, 2)
  await Promise.all(services.map((each) => each.close()))
})

test('the tokens are committed before the access token is used', async () => {
  const { refresh } = rotating()
  const seen: unknown[] = []
  const adapter = fakeAdapter({
    refresh,
    write: async (mutation, caller) => {
      const used = await caller.token()
      const { credential } = await stored()
      seen.push([used, credential.kind === 'oauth' && credential.accessToken])
      assert.ok(credential.kind === 'oauth' && credential.refreshToken === `grant ${count}.1`)
      return accept(mutation)
    },
  })
  const service = await testService(url, adapter)
  assert.equal((await post(service, update())).body.state, 'accepted')
  assert.deepEqual(seen, [['token 1', 'token 1']])
  await service.close()
})

test('a refused grant revokes the connection, and nobody asks again', async () => {
  let grants = 0
  const refresh = () => {
    grants += 1
    return Promise.reject(fault('credential_refused'))
  }
  const adapter = fakeAdapter({ refresh })
  const service = await testService(url, adapter)
  for (let times = 0; times < 3; times++) {
    const { status, body } = await post(service, update())
    assert.deepEqual([status, body.state, body.fault?.sqlstate], [200, 'refused', '28000'])
  }
  assert.equal((await stored()).state, 'revoked')
  assert.deepEqual([grants, adapter.writes.length], [1, 0])
  await seed(store, { credential: { kind: 'oauth', refreshToken: 'another' } })
  assert.equal((await stored()).state, 'active')
  await service.close()
})

test('a token endpoint that fails refuses the mutation unsent and leaves the connection active', async () => {
  const refresh = () => Promise.reject(fault('unreachable', { platform: 'salesforce' }))
  const adapter = fakeAdapter({ refresh })
  const service = await testService(url, adapter)
  const { body } = await post(service, update())
  assert.deepEqual([body.state, body.fault?.sqlstate], ['refused', '58030'])
  assert.deepEqual([(await stored()).state, adapter.writes.length], ['active', 0])
  await service.close()
})

test('a token is refreshed before it expires; when that fails, it is used while it lasts', async () => {
  let now = Date.now()
  let down = false
  const { grants, refresh } = rotating(() => ({ expiresAt: now + 3_600_000 }))
  const adapter = fakeAdapter({
    refresh: (grant) => down ? Promise.reject(fault('platform_failed')) : refresh(grant),
  })
  const service = await testService(url, adapter, { now: () => now })
  const ask = async () =>
    await (await service.callerFor(id, { deadline: deadlineIn(5_000, now) })).token()
  assert.equal(await ask(), 'token 1')
  now += 3_539_000
  assert.equal(await ask(), 'token 1')
  down = true
  now += 2_000
  assert.equal(await ask(), 'token 1')
  down = false
  now += 15_000
  assert.equal(await ask(), 'token 2')
  down = true
  now += 3_600_000
  await assert.rejects(ask(), { code: 'platform_failed' })
  assert.equal(grants.length, 2)
  await service.close()
})

test('a token that lives only seconds is not refreshed at every call', async () => {
  const { grants, refresh } = rotating(() => ({ expiresAt: Date.now() + 20_000 }))
  const service = await testService(url, fakeAdapter({ refresh }))
  for (let times = 0; times < 5; times++) assert.equal(await token(service), 'token 1')
  assert.equal(grants.length, 1)
  await service.close()
})

test('a caller waits for a refresh no longer than its deadline, and the refresh goes on', async () => {
  const open = gate()
  const { grants, refresh } = rotating()
  const adapter = fakeAdapter({ refresh: (grant) => open.promise.then(() => refresh(grant)) })
  const service = await testService(url, adapter)
  await assert.rejects(token(service, undefined, 100), { code: 'unreachable' })
  open.open()
  assert.equal(await token(service), 'token 1')
  assert.equal(grants.length, 1)
  await service.close()
})

test('tokens that the store could not take at once are not lost', async () => {
  const link = await startLink(cluster.port)
  const { grants, refresh } = rotating()
  const adapter = fakeAdapter({
    refresh: async (grant) => {
      const tokens = await refresh(grant)
      if (grants.length === 1) link.cut()
      return tokens
    },
  })
  const through = url.replace(String(cluster.port), String(link.port))
  const service = await testService(through, adapter)
  await assert.rejects(token(service, undefined, 1_000), { code: 'unreachable' })
  link.mend()
  await until(() => token(service).then((got) => got === 'token 1', () => false))
  const { credential, state } = await stored()
  assert.ok(credential.kind === 'oauth' && credential.refreshToken === `grant ${count}.1`)
  assert.deepEqual([state, grants.length], ['active', 1])
  await service.close()
  await link.close()
})

test('a base URL that comes with the token is where mutations go from then on', async () => {
  const { refresh } = rotating(() => ({ baseUrl: 'http://instance/' }))
  const urls: string[] = []
  const adapter = fakeAdapter({
    refresh,
    write: async (mutation, caller) => {
      await caller.token()
      urls.push(caller.baseUrl)
      return accept(mutation)
    },
  })
  const service = await testService(url, adapter)
  await post(service, update())
  await post(service, update())
  assert.equal(urls[1], 'http://instance')
  await service.close()
})

test('a key that was refused is read again, and the same key is refused', async () => {
  await seed(store, { credential: { kind: 'key', key: 'key 1' } })
  const service = await testService(url, fakeAdapter())
  assert.equal(await token(service), 'key 1')
  await assert.rejects(token(service, 'key 1'), { code: 'credential_refused' })
  await seed(store, { credential: { kind: 'key', key: 'key 2' } })
  assert.equal(await token(service, 'key 1'), 'key 2')
  await service.close()
})

test('a connection that was revoked in the store is noticed within a minute', async () => {
  let now = Date.now()
  await seed(store, { credential: { kind: 'key', key: `key ${count}` } })
  const service = await testService(url, fakeAdapter(), { now: () => now })
  const ask = async () =>
    await (await service.callerFor(id, { deadline: deadlineIn(5_000, now) })).token()
  await ask()
  await revokeConnection(store, { id })
  now += 60_001
  await assert.rejects(ask(), { code: 'credential_refused' })
  await service.close()
})
