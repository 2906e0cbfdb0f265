// Goal: tokens are renewed before somebody needs them, and at least daily, once, off the clients' path. Method: a platform
// that the test plays, one store, two service processes, and a clock of our own.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { fault } from '../../src/mutation/fault.ts'
import type { Adapter } from '../../src/platforms/platform.ts'
import { grantRefused } from '../../src/platforms/refusal.ts'
import { type Credential, readConnection, saveConnection } from '../../src/store/connections.ts'
import { authorizationsMax, saveAuthorization } from '../../src/store/oauth-states.ts'
import type { Store } from '../../src/store/store.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { accept, fakeAdapter, post, type TestService, testService, until } from './help.ts'

const cluster = await testCluster()
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const id = 'connection of sync_test01'
const never = new AbortController().signal
let url: string
let store: Store
let services: TestService[] = []

before(async () => {
  url = await cluster.createDatabase()
  store = await testStore(url)
})

beforeEach(async () => {
  await Promise.all(services.map((each) => each.close()))
  services = []
  await store.sql`delete from sluice_store.syncs`
  await store.sql`delete from sluice_store.connections`
})

after(async () => {
  await Promise.all(services.map((each) => each.close()))
  await store?.close()
  await cluster.stop()
})

async function start(
  refresh: Adapter['refresh'],
  { now = Date.now, mint }: { now?: () => number; mint?: Adapter['mint'] } = {},
): Promise<TestService> {
  const adapter = { ...fakeAdapter({ refresh }), ...(mint === undefined ? {} : { mint }) }
  const service = await testService(url, adapter, { now })
  services.push(service)
  return service
}

/** Refreshes that answer tokens of an hour, or what `play` throws. */
function counting(play: (number: number) => void = () => {}) {
  const grants: string[] = []
  const refresh: Adapter['refresh'] = ({ refreshToken }) => {
    grants.push(refreshToken)
    play(grants.length)
    const expiresAt = Date.now() + 60 * minuteMs
    return Promise.resolve({ accessToken: `fresh ${grants.length}`, expiresAt })
  }
  return { grants, refresh }
}

function oauth(more: { obtainedAt?: number; expiresAt?: number }): Credential {
  return { kind: 'oauth', refreshToken: `grant ${Math.random()}`, accessToken: 'stored', ...more }
}

async function stored(connection = id) {
  const { credential, state } = await readConnection(store, connection)
  return { state, token: credential.kind === 'key' ? undefined : credential.accessToken }
}

test('what ends soon, or was obtained a day ago, is renewed, and nothing else', async () => {
  const now = Date.now()
  const cases: Record<string, [Credential, renewed: boolean]> = {
    'an hour left': [oauth({ obtainedAt: now, expiresAt: now + 60 * minuteMs }), false],
    'nine minutes of two hours left': [
      oauth({ obtainedAt: now - 111 * minuteMs, expiresAt: now + 9 * minuteMs }),
      true,
    ],
    'nine minutes of ten left': [
      oauth({ obtainedAt: now - minuteMs, expiresAt: now + 9 * minuteMs }),
      false,
    ],
    'one minute of ten left': [
      oauth({ obtainedAt: now - 9 * minuteMs, expiresAt: now + minuteMs }),
      true,
    ],
    'over': [oauth({ obtainedAt: now - 120 * minuteMs, expiresAt: now - 60 * minuteMs }), true],
    'a day without an end': [oauth({ obtainedAt: now - dayMs - 1 }), true],
    'an hour without an end': [oauth({ obtainedAt: now - 60 * minuteMs }), false],
    'a key': [{ kind: 'key', key: 'key' }, false],
  }
  for (const [name, [credential]] of Object.entries(cases)) {
    await saveConnection(store, {
      id: name,
      platform: 'salesforce',
      baseUrl: 'http://127.0.0.1:1',
      tokenUrl: 'http://127.0.0.1:1/token',
      clientId: 'client',
      credential,
    })
  }
  const { refresh } = counting()
  const service = await start(refresh)
  assert.equal(await service.renewDue({ signal: never }), 4)
  for (const [name, [credential, renewed]] of Object.entries(cases)) {
    const token = credential.kind === 'key' ? undefined : 'stored'
    const now = (await stored(name)).token
    assert.ok(renewed ? now?.startsWith('fresh') : now === token, `${name}: ${now}`)
  }
  assert.equal(await service.renewDue({ signal: never }), 0)
})

test('of two processes one renews, and the other uses what it brought', async () => {
  await seed(store, { credential: oauth({ obtainedAt: Date.now() - dayMs - 1 }) })
  const { grants, refresh } = counting()
  const both = [await start(refresh), await start(refresh)]
  const counts = await Promise.all(both.map((each) => each.renewDue({ signal: never })))
  assert.equal(counts.reduce((sum, count) => sum + count), 1)
  assert.equal(grants.length, 1)
  for (const service of both) {
    const caller = await service.callerFor(id, { deadline: deadlineIn(60_000) })
    assert.equal(await caller.token(), 'fresh 1')
  }
  assert.equal(grants.length, 1)
})

test('a renewal that fails is logged and tried again, and the others are renewed all the same', async () => {
  await seed(store, { credential: oauth({ obtainedAt: Date.now() - dayMs - 1 }) })
  await seed(store, {
    id: 'sync_test02',
    credential: oauth({ obtainedAt: Date.now() - dayMs - 1 }),
  })
  const { refresh } = counting((number) => {
    if (number === 1) throw fault('unreachable')
  })
  const service = await start(refresh)
  assert.equal(await service.renewDue({ signal: never }), 1)
  assert.equal(service.lines.filter((line) => line.includes('credential.not_renewed')).length, 1)
  assert.equal(await service.renewDue({ signal: never }), 1)
  for (const connection of [id, 'connection of sync_test02']) {
    assert.match((await stored(connection)).token ?? '', /^fresh/)
  }
})

test('a grant that is refused in the background marks the connection, once', async () => {
  await seed(store, { credential: oauth({ obtainedAt: Date.now() - dayMs - 1 }) })
  const { grants, refresh } = counting(() => {
    throw grantRefused({})
  })
  const service = await start(refresh)
  for (let pass = 0; pass < 2; pass++) assert.equal(await service.renewDue({ signal: never }), 0)
  assert.equal(grants.length, 1)
  assert.equal((await stored()).state, 'revoked')
})

test('a pass that is told to stop begins no further renewal', async () => {
  for (let number = 1; number <= 20; number++) {
    const credential = oauth({ obtainedAt: Date.now() - dayMs - 1 })
    await seed(store, { id: `sync_stop${number}`, credential })
  }
  const stop = new AbortController()
  const { grants, refresh } = counting(() => stop.abort())
  const service = await start(refresh)
  const renewed = await service.renewDue({ signal: stop.signal })
  assert.ok(renewed <= 4 && grants.length <= 4, `${renewed} of ${grants.length}`)
})

test('an installation gets its token once, however many ask, and another when that ends', async () => {
  let minted = 0
  let now = Date.now()
  const app = { kind: 'app', appId: '1', installationId: '2', privateKey: 'pem' } as const
  await seed(store, { credential: app })
  const mint: Adapter['mint'] = (grant) => {
    minted += 1
    assert.deepEqual([grant.appId, grant.installationId, grant.privateKey], ['1', '2', 'pem'])
    return Promise.resolve({ accessToken: `minted ${minted}`, expiresAt: now + 60 * minuteMs })
  }
  const options = { mint, now: () => now }
  const none: Adapter['refresh'] = () => Promise.reject(new Error('nothing to refresh'))
  const both = [await start(none, options), await start(none, options)]
  const ask = async (service: TestService) =>
    await (await service.callerFor(id, { deadline: deadlineIn(60_000, now) })).token()
  const askAll = async () =>
    new Set(await Promise.all(both.flatMap((each) => Array.from({ length: 20 }, () => ask(each)))))
  assert.deepEqual(await askAll(), new Set(['minted 1']))
  now += 59.5 * minuteMs
  assert.deepEqual(await askAll(), new Set(['minted 2']))
  assert.equal(minted, 2)
})

test('an account that was connected anew is the one that the next mutation writes to', async () => {
  await seed(store, { credential: { kind: 'key', key: 'old account' } })
  const used: string[] = []
  const adapter = fakeAdapter({
    write: async (mutation, caller) => {
      used.push(await caller.token())
      return accept(mutation)
    },
  })
  const service = await testService(url, adapter)
  services.push(service)
  await post(service, update())
  await seed(store, { credential: { kind: 'key', key: 'new account' } })
  await post(service, update())
  assert.deepEqual(used, ['old account', 'new account'])
})

test('states that nobody comes back with do not stay', async () => {
  await seed(store, { credential: { kind: 'key', key: 'key' } })
  const authorization = {
    platform: 'salesforce',
    connectionId: id,
    given: '',
    verifier: 'verifier',
    cookieHash: '',
    redirectUri: '',
    tokenUrl: '',
    clientId: '',
    anyAccount: false,
  } as const
  const count = async () => {
    const [row] = await store.sql`select count(*)::int as count from sluice_store.oauth_states`
    return Number(row?.['count'])
  }
  for (let number = 0; number < authorizationsMax + 5; number++) {
    await saveAuthorization(store, authorization, { state: `state ${number}`, waitMs: 60_000 })
  }
  assert.equal(await count(), authorizationsMax)
  await saveAuthorization(store, authorization, { state: 'short', waitMs: 1 })
  await store.sql`update sluice_store.oauth_states set expires_at = now() - interval '1 second'`
  await saveAuthorization(store, authorization, { state: 'last', waitMs: 60_000 })
  await until(async () => await count() === 1)
})
