// Goal: a token is refreshed once, is never used before it is safe in the store, and is never lost. Method: a platform
// that rotates its refresh tokens and refuses the old ones, several service processes on one store.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { fault } from '../../src/mutation/fault.ts'
import { refreshWith } from '../../src/platforms/grants.ts'
import type { Adapter, Tokens } from '../../src/platforms/platform.ts'
import { entryRefused, grantRefused } from '../../src/platforms/refusal.ts'
import { salesforce } from '../../src/platforms/salesforce/index.ts'
import { readConnection, renewConnection, revokeConnection } from '../../src/store/connections.ts'
import { saveOAuthApp } from '../../src/store/oauth-apps.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { startLink } from '../store/link.ts'
import {
  accept,
  type Answer,
  fakeAdapter,
  gate,
  post,
  type TestService,
  testService,
  until,
} from './help.ts'

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
    if (!valid.delete(refreshToken)) throw grantRefused({})
    const next = `grant ${count}.${grants.length}`
    valid.add(next)
    return { accessToken: `token ${grants.length}`, refreshToken: next, ...more(grants.length) }
  }
  return { grants, refresh }
}

async function token(service: TestService, refused?: string, waitMs = 60_000): Promise<string> {
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
    return Promise.reject(grantRefused({ platform: 'salesforce' }))
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
    await (await service.callerFor(id, { deadline: deadlineIn(60_000, now) })).token()
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
  const now = Date.now()
  const { grants, refresh } = rotating(() => ({ expiresAt: now + 20_000 }))
  const service = await testService(url, fakeAdapter({ refresh }), { now: () => now })
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
  const cut = gate()
  const { grants, refresh } = rotating()
  const adapter = fakeAdapter({
    refresh: async (grant) => {
      const tokens = await refresh(grant)
      if (grants.length === 1) link.cut()
      cut.open()
      return tokens
    },
  })
  const through = url.replace(String(cluster.port), String(link.port))
  const service = await testService(through, adapter)
  await assert.rejects(token(service, undefined, 500), { code: 'unreachable' })
  await cut.promise // it may come later than who asks gives up
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
    await (await service.callerFor(id, { deadline: deadlineIn(60_000, now) })).token()
  await ask()
  await revokeConnection(store, { id })
  now += 60_001
  await assert.rejects(ask(), { code: 'credential_refused' })
  await service.close()
})

test('tokens are kept when the lease ran out and another process was refused with the old grant', async () => {
  const link = await startLink(cluster.port)
  const cut = gate()
  const { grants, refresh } = rotating()
  const slow = fakeAdapter({
    refresh: async (grant) => {
      const tokens = await refresh(grant)
      link.cut()
      cut.open()
      return tokens
    },
  })
  const through = url.replace(String(cluster.port), String(link.port))
  const [one, two] = [
    await testService(through, slow),
    await testService(url, fakeAdapter({ refresh })),
  ]
  await assert.rejects(token(one, undefined, 500), { code: 'unreachable' })
  await cut.promise // it may come later than who asks gives up
  // the lease ends before the store is back
  await store.sql`update sluice_store.connections set lease_until = now()`
  await assert.rejects(token(two), { code: 'credential_refused' })
  assert.equal((await stored()).state, 'revoked')
  await until(() => one.lines.some((line) => line.includes('"tries":4')))
  link.mend()
  // nobody asks for a token: it is saved all the same
  await until(async () => (await stored()).state === 'active')
  const { credential } = await stored()
  assert.ok(credential.kind === 'oauth' && credential.refreshToken === `grant ${count}.1`)
  for (const service of [one, two]) assert.equal(await token(service), 'token 1')
  assert.equal(grants.length, 2)
  await Promise.all([one.close(), two.close()])
  await link.close()
})

test('tokens of a credential that was replaced meanwhile are dropped, and those of the new one are used', async () => {
  const { grants, refresh } = rotating()
  const replaced = { kind: 'oauth', refreshToken: 'another', accessToken: 'of another' } as const
  const adapter = fakeAdapter({
    refresh: async (grant) => {
      const tokens = await refresh(grant)
      await seed(store, { credential: replaced })
      return tokens
    },
  })
  const service = await testService(url, adapter)
  assert.equal(await token(service), 'of another')
  assert.deepEqual([(await stored()).credential, grants.length], [replaced, 1])
  await service.close()
})

test('a grant that is refused after another process renewed it revokes nothing', async () => {
  const adapter = fakeAdapter({
    refresh: async () => {
      const before = await stored()
      assert.ok(before.credential.kind === 'oauth')
      const credential = { ...before.credential, refreshToken: 'next', accessToken: 'of the other' }
      await renewConnection(store, { before, renewal: { baseUrl: before.baseUrl, credential } })
      throw grantRefused({})
    },
  })
  const service = await testService(url, adapter)
  assert.equal(await token(service), 'of the other')
  assert.equal((await stored()).state, 'active')
  await service.close()
})

test('a refusal that is not of the grant says what to do, and leaves the connection active', async () => {
  const answers: Record<string, [status: number, body: string]> = {
    'a gateway': [401, '<html>proxy authentication</html>'],
    'a wrong secret': [
      400,
      '{"error":"invalid_client","error_description":"invalid client credentials"}',
    ],
    'an address': [400, '{"error":"ip_restricted","error_description":"x"}'],
    'an address, said of the grant': [
      400,
      '{"error":"invalid_grant","error_description":"ip restricted"}',
    ],
  }
  for (const [name, [status, body]] of Object.entries(answers)) {
    const http = {
      send: () => Promise.resolve({ status, headers: {}, body }),
      close: async () => {},
    }
    const refresh: Adapter['refresh'] = (grant) =>
      refreshWith(salesforce.oauth, { ...grant, http }, 'salesforce')
    const service = await testService(url, fakeAdapter({ refresh }))
    const { body: answer } = await post(service, update())
    assert.deepEqual([answer.state, answer.fault?.code], ['refused', 'credential_refused'], name)
    assert.match(
      hintOf(answer),
      /^The connection is kept\. .*sluice apps set --platform salesforce/,
    )
    assert.match(hintOf(answer), / Try again in 1 second\.$/)
    assert.equal((await stored()).state, 'active', name)
    await service.close()
  }
})

test('while the app is refused, a token that still serves is used', async () => {
  const now = Date.now()
  const credential = { kind: 'oauth', refreshToken: 'r', accessToken: 'serves' } as const
  await seed(store, {
    credential: { ...credential, obtainedAt: now - 3_600_000, expiresAt: now + 30_000 },
  })
  const refresh = () => Promise.reject(entryRefused('salesforce', {}))
  const service = await testService(url, fakeAdapter({ refresh }))
  assert.equal(await token(service), 'serves')
  await service.close()
})

test('the secret that is sent is the one that the app has now, if it is the same app', async () => {
  const sent: (string | undefined)[] = []
  const refresh: Adapter['refresh'] = ({ clientSecret, refreshToken }) => {
    sent.push(clientSecret)
    return Promise.resolve({ accessToken: `token ${sent.length}`, refreshToken })
  }
  const credential = { kind: 'oauth', refreshToken: 'r', clientSecret: 'old' } as const
  await seed(store, { credential })
  const service = await testService(url, fakeAdapter({ refresh }))
  const platform = 'salesforce'
  await saveOAuthApp(store, { platform, clientId: 'another', clientSecret: 'of another' })
  await token(service)
  await saveOAuthApp(store, { platform, clientId: 'client', clientSecret: 'new' })
  await token(service, 'token 1')
  await store.sql`delete from sluice_store.oauth_apps`
  await token(service, 'token 2')
  assert.deepEqual(sent, ['old', 'new', 'new'])
  await service.close()
})

test('after a refresh that failed the platform is left alone for a pause that grows', async () => {
  let now = Date.now()
  let [asked, down] = [0, true]
  const refresh: Adapter['refresh'] = () => {
    asked += 1
    if (down) return Promise.reject(fault('rate_limited', { platform: 'salesforce' }))
    return Promise.resolve({ accessToken: 'at last', expiresAt: now + 3_600_000 })
  }
  const service = await testService(url, fakeAdapter({ refresh }), { now: () => now })
  const hint = async () => {
    const { body } = await post(service, update())
    assert.deepEqual([body.state, body.fault?.code], ['refused', 'rate_limited'])
    return hintOf(body)
  }
  for (let times = 0; times < 20; times++) assert.equal(await hint(), 'Try again in 1 second.')
  assert.equal(asked, 1)
  const pauses = [2, 4, 8, 16, 30, 30]
  for (const seconds of pauses) {
    now += 30_000
    assert.equal(await hint(), `Try again in ${seconds} seconds.`)
    now += (seconds - 1) * 1_000
    assert.equal(await hint(), 'Try again in 1 second.')
  }
  assert.equal(asked, 1 + pauses.length)
  down = false
  now += 1_000
  assert.equal((await post(service, update())).body.state, 'accepted')
  down = true
  now += 3_600_000
  assert.equal(await hint(), 'Try again in 1 second.')
  await service.close()
})

function hintOf({ fault }: Answer): string {
  return (fault as { hint?: string } | undefined)?.hint ?? ''
}
