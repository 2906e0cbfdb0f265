// Goal: where Sluice cannot make a webhook, a person sets it up at the platform, gives its secret, and deliveries are heard from
// then on; everybody sees where it stands. Method: the service's own routes over HTTP, deliveries signed here.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Hono } from 'hono'
import { silentLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { faultFor, problemResponse } from '../../src/service/problem.ts'
import { addWebhooks } from '../../src/service/webhooks.ts'
import { readSync } from '../../src/store/syncs.ts'
import { dropWebhook, saveWebhook } from '../../src/store/webhooks.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { webhookLine } from '../../src/sync/setup-status.ts'
import {
  forgetWebhookSecret,
  readWebhookStatus,
  setWebhookSecret,
} from '../../src/sync/setup-webhook.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { eventually, type Mirror, startMirror } from '../help/mirror.ts'

let cluster: TestCluster
let mirror: Mirror
let deps: AdminDeps
const app = new Hono()
const publicUrl = 'https://sluice.example'
const ended: string[] = []
/** What somebody else does between the end of a webhook and what comes after it. */
let onceEnded: (() => Promise<unknown>) | null = null

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  await mirror.add('hubspot', ['contacts'])
  await mirror.add('stripe', ['customers'])
  await mirror.add('airtable', ['*'])
  await mirror.add('salesforce', ['Contact'])
  const { store } = mirror
  const endWebhook = async (syncId: string) => {
    ended.push(syncId)
    await dropWebhook(store, syncId)
    await onceEnded?.()
    onceEnded = null
  }
  deps = { store, adapterFor, publicUrl, endWebhook } as unknown as AdminDeps
  app.onError((error) => problemResponse(faultFor(error, { log: silentLog, newId: () => 'id' })))
  addWebhooks(app, { store, adapterFor, log: silentLog, now: Date.now, publicUrl })
})
after(async () => {
  await mirror?.close()
  await cluster?.stop()
})

async function deliver(secret: string): Promise<number> {
  const path = '/webhooks/hubspot/sync_hubspot'
  const at = String(Date.now())
  const event = { objectId: 7, subscriptionType: 'contact.creation', eventId: 1, subscriptionId: 1 }
  const body = JSON.stringify([{ ...event, occurredAt: Date.now(), attemptNumber: 0 }])
  const signed = createHmac('sha256', secret).update(`POST${publicUrl}${path}${body}${at}`)
  const response = await app.request(path, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-hubspot-signature-v3': signed.digest('base64'),
      'x-hubspot-request-timestamp': at,
    },
  })
  return response.status
}

async function status(syncId: string) {
  return await readWebhookStatus(deps, await readSync(mirror.store, syncId))
}

test('deliveries are heard once their secret is known, and another secret takes its place', async () => {
  const webhook = await status('sync_hubspot')
  assert.ok(webhook)
  assert.deepEqual(webhook, {
    address: `${publicUrl}/webhooks/hubspot/sync_hubspot`,
    state: 'none',
    byItself: false,
    heardAt: null,
    problem: null,
  })
  assert.match(webhookLine(webhook, Date.now()), /webhook-secret/)
  assert.equal(await deliver('the app'), 404)
  const given = await setWebhookSecret(deps, { syncId: 'sync_hubspot', secret: ' the app\n' })
  assert.deepEqual(given, { address: webhook.address })
  // that there is none is believed for some seconds
  await eventually(() => deliver('the app'), { holds: (code) => code === 200, everyMs: 250 })
  assert.equal(await deliver('a stranger'), 401)
  await setWebhookSecret(deps, { syncId: 'sync_hubspot', secret: 'another' })
  await eventually(() => deliver('another'), { holds: (code) => code === 200, everyMs: 250 })
  assert.equal(await deliver('the app'), 401)
  const after = await status('sync_hubspot')
  assert.equal(after?.state, 'pasted')
  assert.notEqual(after?.heardAt, null)
  assert.doesNotMatch(webhookLine(after as never, Date.now()), /another/)
  const hints = await mirror.store.sql`select record_id from sluice_store.hints
    where sync_id = 'sync_hubspot'`
  assert.deepEqual(hints.map(({ record_id }) => record_id as unknown), ['7'])
})

test('one that Sluice has made is not given up for a secret, unless it is to be, and comes back', async () => {
  const make = () =>
    saveWebhook(mirror.store, {
      syncId: 'sync_stripe',
      url: `${publicUrl}/webhooks/stripe/sync_stripe`,
      registration: { secret: 'whsec_made', state: { id: 'we_1' }, renewAt: null },
      objects: ['customers'],
    })
  await make()
  assert.equal((await status('sync_stripe'))?.state, 'made')
  const given = { syncId: 'sync_stripe', secret: 'whsec_mine' }
  await assert.rejects(
    setWebhookSecret(deps, given),
    /Sluice has made the webhook at stripe itself/,
  )
  await assert.rejects(forgetWebhookSecret(deps, 'sync_stripe'), /nobody has given the secret/)
  assert.deepEqual(ended, [])
  assert.equal((await status('sync_stripe'))?.state, 'made')
  // the sync process makes another one at that very moment: it ends too
  onceEnded = make
  await setWebhookSecret(deps, { ...given, force: true })
  assert.deepEqual(ended, ['sync_stripe', 'sync_stripe'])
  assert.equal((await status('sync_stripe'))?.state, 'pasted')
  assert.deepEqual(await forgetWebhookSecret(deps, 'sync_stripe'), { byItself: true })
  assert.equal((await status('sync_stripe'))?.state, 'none')
})

test('what would be of no use is refused in words', async () => {
  const give = (syncId: string, secret = 's') => setWebhookSecret(deps, { syncId, secret })
  await assert.rejects(give('sync_airtable'), /can only be made by Sluice/)
  await assert.rejects(give('sync_salesforce'), /has no webhooks/)
  await assert.rejects(give('sync_nobody'), /not found/)
  await assert.rejects(give('sync_hubspot', ' '), /empty/)
  assert.equal(await status('sync_salesforce'), null)
})

test('where nobody has told how platforms reach us, the path is shown', async () => {
  deps = { ...deps, publicUrl: null }
  assert.equal((await status('sync_hubspot'))?.address, '/webhooks/hubspot/sync_hubspot')
})
