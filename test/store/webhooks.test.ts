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
  noteWebhookFailure,
  readWebhook,
  requestCollect,
  saveWebhook,
  saveWebhookSecret,
} from '../../src/store/webhooks.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { seed, testStore } from './help.ts'

let cluster: TestCluster
let store: Store
const syncId = 'sync_test01'
const registration = { secret: 'whsec_secret', state: { id: 'we_1' }, renewAt: null }
const publicUrl = 'https://sluice.example'
const url = 'https://sluice.example/webhooks/salesforce/sync_test01'
const unheard = (leaseMs = 60_000) =>
  claimUnheard(store, { platforms: ['salesforce'], publicUrl, leaseMs })

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
  const claim = () => claimWebhook(store, { leaseMs: 60_000 })
  await saveWebhook(store, { syncId, url, registration })
  assert.equal(await claim(), null)
  await requestCollect(store, syncId)
  assert.equal((await claim())?.collect, true)
  assert.equal(await claim(), null, 'another process has it')
  const renewAt = Date.now() - 1
  await saveWebhook(store, { syncId, url, registration: { ...registration, renewAt } })
  const due = await claim()
  assert.equal(due?.collect, false)
  assert.equal(due?.registration?.renewAt, renewAt)
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
