// Goal: webhooks are looked after though some platforms do not answer, and nothing that comes meanwhile is lost. Method: a real
// store; a platform that answers when the test says so.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { fault } from '../../src/mutation/fault.ts'
import type { Platform } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Adapter, Caller, Registration, Webhooks } from '../../src/platforms/platform.ts'
import type { Store } from '../../src/store/store.ts'
import {
  dropWebhook,
  noteWebhookFailure,
  readWebhook,
  requestCollect,
  saveWebhook,
  saveWebhookSecret,
  type Webhook,
} from '../../src/store/webhooks.ts'
import { endWebhook } from '../../src/sync/drop-webhook.ts'
import { type HookingDeps, tendWebhooks } from '../../src/sync/hooking.ts'
import { createHookLooks } from '../../src/sync/hooking-look.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { eventually } from '../help/mirror.ts'
import { seed, testStore } from '../store/help.ts'

const [slow, quick] = ['sync_slow01', 'sync_test02']
const publicUrl = 'https://sluice.example'
const urlOf = (syncId: string) => `${publicUrl}/webhooks/salesforce/${syncId}`
const registration = { secret: 'made', state: { seen: 0 }, renewAt: null }

let cluster: TestCluster
let store: Store
/** What the platform does in this test. */
let platform: Partial<Webhooks>

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store, { id: slow })
  await seed(store, { id: quick })
})
beforeEach(async () => {
  for (const syncId of [slow, quick]) {
    await saveWebhook(store, { syncId, url: urlOf(syncId), registration, objects: ['Contact'] })
  }
  await store.sql`update sluice_store.webhooks set fetched = pings, due_at = 'infinity'`
})
after(async () => {
  await store?.close()
  await cluster?.stop()
})

/** A caller that knows whose it is. */
const callers = new WeakMap<Caller, string>()
const callerFor = (connectionId: string) => {
  const caller = {} as Caller
  callers.set(caller, connectionId)
  return Promise.resolve(caller)
}
const isSlow = (caller: Caller) => callers.get(caller) === `connection of ${slow}`

function adapterOf(name: Platform): Adapter {
  const real = adapterFor(name)
  const { follow } = real
  if (name !== 'salesforce' || follow === undefined) return real
  const receive: Webhooks['receive'] = () => ({ kind: 'refused', why: 'not in this test' })
  return { ...real, follow: { ...follow, webhooks: { receive, ...platform } } }
}

function deps(): HookingDeps {
  return {
    store,
    log: silentLog,
    adapterFor: adapterOf,
    callerFor,
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    publicUrl,
    signal: new AbortController().signal,
  }
}

function tend(): Promise<void> {
  return tendWebhooks(deps())
}

/** A gate that opens when it is told. */
function createGate(): { open: () => void; passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: () => resolve(), passed: promise }
}

const webhookIs = (syncId: string, holds: (webhook: Webhook | null) => boolean) =>
  eventually(() => readWebhook(store, syncId), { holds })
const seenOf = (webhook: Webhook | null) => webhook?.registration?.state['seen']
const counted = ({ state, ...rest }: Registration): Registration => ({
  ...rest,
  state: { seen: Number(state['seen']) + 1 },
})

test('a platform that does not answer keeps no other connection waiting', async () => {
  const gate = createGate()
  platform = {
    collect: async (given, _tables, caller) => {
      if (isSlow(caller)) await gate.passed
      return { touched: [], registration: counted(given), more: false }
    },
  }
  await requestCollect(store, slow)
  const pass = tend()
  try {
    await eventually(async () => {
      const [row] = await store.sql`
        select leased_until > now() as held from sluice_store.webhooks where id = ${slow}`
      return row?.['held']
    }, { holds: (held) => held === true })
    await requestCollect(store, quick)
    const done = await webhookIs(quick, (webhook) => seenOf(webhook) === 1)
    assert.equal(done?.collect, false)
    assert.equal(seenOf(await readWebhook(store, slow)), 0)
  } finally {
    gate.open()
    await pass
  }
  assert.equal(seenOf(await readWebhook(store, slow)), 1)
})

test('a ping that comes while one is being fetched is fetched too, and one that was refused stays', async () => {
  let calls = 0
  platform = {
    collect: async (given) => {
      calls += 1
      if (calls === 1) await requestCollect(store, quick)
      if (calls === 3) throw fault('unreachable', { message: 'not now' })
      return { touched: [], registration: counted(given), more: false }
    },
  }
  await requestCollect(store, quick)
  await tend()
  assert.equal(calls, 2)
  await requestCollect(store, quick)
  await tend()
  const refused = await readWebhook(store, quick)
  assert.deepEqual([calls, refused?.collect, refused?.failure], [3, true, 'not now'])
})

test('what is pasted while Sluice looks after a webhook stays', async () => {
  let collects = 0
  platform = {
    collect: async (given) => {
      collects += 1
      // once: the ping still counts, and what is pasted is collected for too
      if (collects === 1) await saveWebhookSecret(store, { syncId: quick, secret: 'pasted' })
      return { touched: [], registration: counted(given), more: collects === 1 }
    },
  }
  await requestCollect(store, quick)
  await tend()
  const { registration: kept, url } = await readWebhook(store, quick) ?? {}
  assert.deepEqual([kept?.secret, url], ['pasted', null])
})

test('what is pasted while Sluice makes a webhook stays, and the one that was made goes', async () => {
  const gone: unknown[] = []
  platform = {
    register: async ({ secret }) => {
      await saveWebhookSecret(store, { syncId: quick, secret: 'pasted' })
      return { secret, state: { made: true }, renewAt: null }
    },
    unregister: ({ state }) => {
      gone.push(state)
      return Promise.resolve()
    },
  }
  const objects = ['Contact', 'Gone']
  await saveWebhook(store, { syncId: quick, url: urlOf(quick), registration, objects })
  await tend()
  const { registration: kept, url } = await readWebhook(store, quick) ?? {}
  assert.deepEqual([kept?.secret, url], ['pasted', null])
  assert.deepEqual(gone, [{ made: true }])
})

test('what the platform is given is known before it is, counts as not made, and is what it is given again', async () => {
  const given: string[] = []
  const fails = [true, false]
  platform = {
    takesSecret: true,
    register: async ({ secret }) => {
      const now = await readWebhook(store, quick)
      assert.deepEqual([now?.promised, now?.registration], [secret, null])
      given.push(secret)
      if (fails.shift()) throw fault('not_permitted', { message: 'not you' })
      return { secret, state: { made: true }, renewAt: null }
    },
    renew: () => Promise.reject(new Error('there is nothing yet to be renewed')),
    unregister: () => Promise.reject(new Error('there is nothing yet to be taken away')),
  }
  await dropWebhook(store, quick)
  await tend()
  const refused = await readWebhook(store, quick)
  assert.deepEqual([refused?.registration, refused?.failure, refused?.tries], [null, 'not you', 1])
  await store.sql`update sluice_store.webhooks set due_at = now() where id = ${quick}`
  await tend()
  const made = await readWebhook(store, quick)
  assert.equal(made?.registration?.secret, given[0])
  assert.deepEqual([given[1], made?.promised, made?.failure], [given[0], null, null])
})

test('a secret that is pasted, or an end, leaves nothing of one that was not made', async () => {
  platform = {
    takesSecret: true,
    register: () => Promise.reject(fault('not_permitted', { message: 'not you' })),
    unregister: () => Promise.reject(new Error('there is nothing yet to be taken away')),
  }
  await dropWebhook(store, quick)
  await tend()
  const before = await readWebhook(store, quick)
  assert.ok(before?.promised)
  assert.ok(await saveWebhookSecret(store, { syncId: quick, secret: 'pasted', before }))
  const pasted = await readWebhook(store, quick)
  assert.deepEqual([pasted?.registration?.secret, pasted?.promised, pasted?.url], [
    'pasted',
    null,
    null,
  ])
  await dropWebhook(store, quick)
  await tend()
  assert.ok((await readWebhook(store, quick))?.promised)
  await endWebhook({ ...deps(), callerFor }, quick)
  assert.equal(await readWebhook(store, quick), null)
})

test('one that is renewed while its sync is dropped, or a secret pasted, goes', async () => {
  const gone: unknown[] = []
  const ends = [
    () => dropWebhook(store, quick),
    () => saveWebhookSecret(store, { syncId: quick, secret: 'pasted' }),
  ]
  for (const end of ends) {
    platform = {
      renew: async (given) => {
        await end()
        return { ...given, state: { renewed: true }, renewAt: null }
      },
      unregister: ({ state }) => {
        gone.push(state)
        return Promise.resolve()
      },
    }
    const due = { ...registration, renewAt: Date.now() - 60_000 }
    await saveWebhook(store, { syncId: quick, url: urlOf(quick), registration: due })
    await tend()
  }
  assert.deepEqual(gone, [{ renewed: true }, { renewed: true }])
})

/** A platform that has so many webhooks at once, and makes another one when what is to be renewed is gone. */
function keeper({ on = {} }: { on?: { unregister?: () => Promise<void> } } = {}) {
  let made = 0
  const there = new Set(['first'])
  const idOf = ({ state }: Registration) => String(state['id'])
  const make = () => {
    there.add(`made ${++made}`)
    return { ...registration, state: { id: `made ${made}` } }
  }
  const webhooks: Partial<Webhooks> = {
    renew: (given) => Promise.resolve(there.has(idOf(given)) ? given : make()),
    unregister: async (given) => {
      there.delete(idOf(given))
      await on.unregister?.()
    },
  }
  return { there, webhooks, make }
}
const firstDue = {
  syncId: quick,
  url: urlOf(quick),
  registration: { ...registration, state: { id: 'first' }, renewAt: Date.now() - 60_000 },
  objects: ['Contact'],
}

test('one that is renewed while it is taken away at the platform is taken away too, and nothing is left', async () => {
  let ends = 0
  const unregister = async () => {
    ends += 1
    // another process, in the middle of the ending
    if (ends === 1) await tend()
  }
  const { there, webhooks } = keeper({ on: { unregister } })
  platform = webhooks
  await saveWebhook(store, firstDue)
  await endWebhook({ ...deps(), callerFor }, quick)
  assert.deepEqual([ends, [...there]], [2, []])
  assert.equal(await readWebhook(store, quick), null)
})

test('one that ends while it is made anew at the platform is taken away by whoever made it', async () => {
  const { there, webhooks, make } = keeper()
  platform = {
    ...webhooks,
    renew: async () => {
      await endWebhook({ ...deps(), callerFor }, quick)
      return make()
    },
  }
  await saveWebhook(store, firstDue)
  await tend()
  assert.deepEqual([...there], [])
  assert.equal(await readWebhook(store, quick), null)
})

test('one that others renew again and again is left to them, in words', async () => {
  const { there, webhooks } = keeper({
    on: { unregister: () => saveWebhook(store, firstDue).then(() => undefined) },
  })
  platform = webhooks
  await saveWebhook(store, firstDue)
  await assert.rejects(
    endWebhook({ ...deps(), callerFor }, quick),
    /the webhook of "sync_test02" is being changed/,
  )
  assert.deepEqual([...there], [])
  assert.notEqual(await readWebhook(store, quick), null)
})

test('one that was renewed at an address that is not its own any more goes', async () => {
  const { there, webhooks, make } = keeper()
  const url = 'https://elsewhere.example'
  platform = {
    ...webhooks,
    renew: async () => {
      const moved = { ...registration, state: { id: 'elsewhere' } }
      await saveWebhook(store, { syncId: quick, url, registration: moved, objects: ['Contact'] })
      return make()
    },
    register: () => Promise.reject(fault('unreachable', { message: 'not now' })),
  }
  await saveWebhook(store, firstDue)
  await tend()
  assert.deepEqual([...there], ['first'], 'it was for whoever moved it')
  assert.equal((await readWebhook(store, quick))?.registration?.state['id'], 'elsewhere')
})

test('one that fails after its sync was dropped is no trouble', async () => {
  const id = 'sync_gone03'
  await seed(store, { id })
  platform = {
    renew: async () => {
      await store.sql`delete from sluice_store.syncs where id = ${id}`
      throw fault('unreachable', { message: 'not now' })
    },
  }
  await saveWebhook(store, { ...firstDue, syncId: id, url: urlOf(id) })
  await tend()
  assert.equal(await readWebhook(store, id), null)
})

test('one that is gone is renewed at once, and where that fails no look makes it sooner', async () => {
  const asked: unknown[] = []
  platform = {
    isRegistered: (_registration, caller) => {
      asked.push(callers.get(caller))
      return Promise.resolve(!isSlow(caller))
    },
    renew: () => Promise.reject(fault('unreachable', { message: 'not now' })),
  }
  const lookAnew = async () => {
    await store.sql`delete from sluice_store.chores`
    await createHookLooks(deps())()
  }
  const ahead = async () => {
    const [row] = await store.sql`
      select due_at > now() as ahead from sluice_store.webhooks where id = ${slow}`
    return row?.['ahead']
  }
  await lookAnew()
  assert.equal((await readWebhook(store, slow))?.due, true)
  assert.equal(await ahead(), false)
  await tend()
  assert.equal((await readWebhook(store, slow))?.failure, 'not now')
  await lookAnew()
  assert.equal(asked.length, 4)
  assert.equal(await ahead(), true)
  // another process starts, and asks no more
  await createHookLooks(deps())()
  assert.equal(asked.length, 4)
})

test('one that is gone is renewed too where something else of it has failed', async () => {
  platform = { isRegistered: () => Promise.resolve(false) }
  await noteWebhookFailure(store, { syncId: quick, failure: 'no collecting', inMs: 3_600_000 })
  await store.sql`delete from sluice_store.chores`
  await createHookLooks(deps())()
  assert.equal((await readWebhook(store, quick))?.due, true)
})
