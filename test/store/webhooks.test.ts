// Goal: webhooks are kept sealed, looked after by one process at a time; deliveries count once. Method: a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  deliveriesKeepMs,
  isDelivered,
  noteDelivery,
  pruneDeliveries,
} from '../../src/store/deliveries.ts'
import type { Store } from '../../src/store/store.ts'
import {
  claimUnheard,
  claimWebhook,
  dropWebhook,
  keepWebhook,
  noteWebhookFailure,
  readWebhook,
  requestCollect,
  saveWebhook,
  saveWebhookSecret,
  type Webhook,
} from '../../src/store/webhooks.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

let cluster: TestCluster
let store: Store
const syncId = 'sync_test01'
const registration = { secret: 'whsec_secret', state: { id: 'we_1' }, renewAt: null }
const publicUrl = 'https://sluice.example'
const url = 'https://sluice.example/webhooks/salesforce/sync_test01'
const unheard = async (leaseMs = 60_000, except: string[] = []) => {
  const options = { platforms: ['salesforce'], publicUrl, leaseMs, except }
  return (await claimUnheard(store, options))?.syncId ?? null
}
const claim = (leaseMs = 60_000, except: string[] = []) => claimWebhook(store, { leaseMs, except })

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
})
beforeEach(() => dropWebhook(store, syncId))
after(async () => {
  await store?.close()
  await cluster?.stop()
})

test('a registration comes back whole, and nothing of it stands in the store in the clear', async () => {
  await saveWebhook(store, { syncId, url, registration, objects: ['Contact'] })
  const found = await readWebhook(store, syncId)
  assert.deepEqual(found?.registration, registration)
  assert.equal(found?.url, url)
  const [row] = await store.sql`select w::text as text from sluice_store.webhooks w`
  assert.doesNotMatch(String(row?.['text']), /whsec|we_1/)
  const [bytes] = await store.sql`
    select position('whsec'::bytea in registration) as at from sluice_store.webhooks`
  assert.equal(bytes?.['at'], 0)
})

test('a webhook to be made is claimed once, again after a failure, and when the sync has other objects', async () => {
  assert.equal(
    await claimUnheard(store, { platforms: ['stripe'], publicUrl, leaseMs: 1_000 }),
    null,
  )
  const claimed = await Promise.all([unheard(), unheard()])
  assert.deepEqual(claimed.filter((each) => each !== null), [syncId])
  await noteWebhookFailure(store, { syncId, failure: 'not now', inMs: 600_000 })
  assert.equal(await unheard(), null)
  await noteWebhookFailure(store, { syncId, failure: 'not now', inMs: 0 })
  assert.equal((await readWebhook(store, syncId))?.tries, 2)
  assert.equal(await unheard(), syncId)
  await saveWebhook(store, { syncId, url, registration, objects: ['Contact'] })
  assert.equal(await unheard(), null)
  await saveWebhook(store, { syncId, url, registration, objects: ['Contact', 'Gone'] })
  assert.equal(await unheard(), syncId)
  await saveWebhook(store, { syncId, url: `${url}x`, registration, objects: ['Contact'] })
  assert.equal(await unheard(), syncId, 'it leads to another address')
  await saveWebhookSecret(store, { syncId, secret: ' pasted ' })
  assert.equal(await unheard(), null, 'what was pasted is left alone')
  assert.equal((await readWebhook(store, syncId))?.registration?.secret, 'pasted')
})

test('a webhook is due for renewal in time, and at once for a ping', async () => {
  await saveWebhook(store, { syncId, url, registration })
  assert.equal(await claim(), null)
  await requestCollect(store, syncId)
  const claimed = await claim()
  assert.deepEqual([claimed?.collect, claimed?.due], [true, false])
  assert.equal(claimed?.connectionId, `connection of ${syncId}`)
  assert.equal(await claim(), null, 'another process has it')
  await requestCollect(store, syncId)
  assert.equal(await claim(), null, 'a ping does not take it away')
  const renewAt = Date.now() - 60_000
  await saveWebhook(store, { syncId, url, registration: { ...registration, renewAt } })
  assert.equal(await claim(60_000, [`connection of ${syncId}`]), null)
  const due = await claim()
  assert.deepEqual([due?.due, due?.registration?.renewAt], [true, renewAt])
})

test('a ping counts until what it stands for was fetched, though whoever was at it has died', async () => {
  await saveWebhook(store, { syncId, url, registration })
  await requestCollect(store, syncId)
  // a lease of no length: as if its process had been killed and the time were over
  assert.equal((await claim(0))?.collect, true)
  const second = await claim(0)
  assert.equal(second?.collect, true)
  // killed in the middle, when there was more to fetch
  assert.ok(await keepWebhook(store, second, { registration, leaseMs: 0 }))
  const third = await claim()
  assert.equal(third?.collect, true)
  await requestCollect(store, syncId)
  assert.ok(await keepWebhook(store, third, { registration, leaseMs: null }))
  const fourth = await claim()
  assert.equal(fourth?.collect, true, 'one that came meanwhile is fetched too')
  assert.ok(await keepWebhook(store, fourth, { registration, leaseMs: null }))
  assert.equal(await claim(), null)
  assert.equal((await readWebhook(store, syncId))?.collect, false)
})

test('what somebody has saved meanwhile is not written over', async () => {
  await saveWebhook(store, { syncId, url, registration })
  const before = await readWebhook(store, syncId)
  assert.ok(before)
  await saveWebhookSecret(store, { syncId, secret: 'pasted' })
  const made = { url, objects: ['Contact'] }
  assert.equal(await keepWebhook(store, before, { registration, leaseMs: null }), null)
  assert.equal(await keepWebhook(store, before, { registration, leaseMs: null, made }), null)
  const now = await readWebhook(store, syncId)
  assert.deepEqual([now?.registration?.secret, now?.url], ['pasted', null])
  await dropWebhook(store, syncId)
  assert.equal(await keepWebhook(store, before, { registration, leaseMs: null }), null)
  assert.equal(await readWebhook(store, syncId), null)
})

test('what was read is forgotten, or a secret put in its place, only while it is as it was read', async () => {
  const paste = (before: Pick<Webhook, 'version'> | null) =>
    saveWebhookSecret(store, { syncId, secret: 'pasted', before })
  await saveWebhook(store, { syncId, url, registration })
  const first = await readWebhook(store, syncId)
  assert.ok(first)
  assert.equal(await paste(null), false, 'there is one')
  const renewed = await keepWebhook(store, first, { registration, leaseMs: null })
  assert.ok(renewed)
  assert.equal(await dropWebhook(store, syncId, first), false)
  assert.equal(await paste(first), false)
  assert.equal((await readWebhook(store, syncId))?.url, url)
  assert.equal(await paste(renewed), true)
  assert.equal((await readWebhook(store, syncId))?.url, null)
  const pasted = await readWebhook(store, syncId)
  assert.ok(pasted)
  assert.equal(await dropWebhook(store, syncId, pasted), true)
  assert.equal(await dropWebhook(store, syncId, pasted), false)
  assert.equal(await paste(null), true)
})

test('what was read before the webhook ended is not taken for the one that came after it', async () => {
  assert.equal(await unheard(), syncId)
  const before = await readWebhook(store, syncId)
  assert.ok(before)
  await dropWebhook(store, syncId)
  assert.equal(await unheard(), syncId)
  const made = { url, objects: ['Contact'] }
  assert.equal(await keepWebhook(store, before, { registration, leaseMs: null, made }), null)
  assert.equal((await readWebhook(store, syncId))?.registration, null)
})

test('one that is made anew leads where it was made for, and pings of the one before are still fetched', async () => {
  await saveWebhook(store, { syncId, url: `${url}x`, registration, objects: ['Contact'] })
  await requestCollect(store, syncId)
  assert.equal(await unheard(60_000, [`connection of ${syncId}`]), null)
  assert.equal(await unheard(0), syncId)
  assert.equal(await unheard(), syncId, 'whoever was at it has died')
  assert.equal(await claim(), null, 'it is being made')
  const before = await readWebhook(store, syncId)
  assert.ok(before)
  const made = { url, objects: ['Contact'] }
  const kept = await keepWebhook(store, before, { registration, leaseMs: null, made })
  assert.equal(kept?.url, url)
  assert.equal(await unheard(), null)
  assert.equal((await claim())?.collect, true)
})

test('a delivery counts once, until it is too old to come again', async () => {
  const id = 'evt_1'
  await saveWebhook(store, { syncId, url, registration })
  assert.equal(await isDelivered(store, { syncId, id }), false)
  await noteDelivery(store, { syncId, id })
  await noteDelivery(store, { syncId, id })
  await noteDelivery(store, { syncId, id: null })
  assert.equal(await isDelivered(store, { syncId, id }), true)
  assert.ok((await readWebhook(store, syncId))?.heardAt)
  assert.equal(await pruneDeliveries(store), 0)
  await store.sql`
    update sluice_store.deliveries set at = at - ${deliveriesKeepMs + 1} * interval '1 millisecond'`
  assert.equal(await pruneDeliveries(store), 1)
  assert.equal(await isDelivered(store, { syncId, id }), false)
})

test('a secret needs a sync and is not empty', async () => {
  const sync = 'sync_nope00'
  await assert.rejects(saveWebhookSecret(store, { syncId: sync, secret: 'x' }), /not found/)
  await assert.rejects(saveWebhookSecret(store, { syncId, secret: ' ' }), /empty/)
})
