// Goal: a webhook is in the table within two seconds; pings are collected, registrations made, kept, and made anew where
// the platform has them no more. Method: the sandbox
// calls the service's own routes over HTTP; an engine and the chores run in this process.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { AddressInfo } from 'node:net'
import type { Deadline } from '../../src/lib/deadline.ts'
import { createLog, silentLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { faultFor, problemResponse } from '../../src/service/problem.ts'
import { addWebhooks } from '../../src/service/webhooks.ts'
import { readWebhook } from '../../src/store/webhooks.ts'
import { readSync } from '../../src/store/syncs.ts'
import { lookAtWebhook } from '../../src/sync/doctor-webhook.ts'
import type { AdminDeps } from '../../src/sync/setup-request.ts'
import { startTending, type Tending, type TendingDeps } from '../../src/sync/tending.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { areQuiet, eventually, type Mirror, startMirror } from '../help/mirror.ts'

let cluster: TestCluster
let mirror: Mirror
let server: ReturnType<typeof createAdaptorServer>
let tending: Tending
let publicUrl: string

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  const app = new Hono()
  // the server says where it is before the routes are asked for anything
  server = createAdaptorServer({ fetch: (request) => app.fetch(request) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { store } = mirror
  app.onError((error) => problemResponse(faultFor(error, { log: silentLog, newId: () => 'id' })))
  addWebhooks(app, { store, adapterFor, log: silentLog, now: Date.now, publicUrl })
  await mirror.add('stripe', ['customers'])
  await mirror.add('airtable', ['*'])
  mirror.engine({ lookMs: 200 })
  tending = startTending(tendingDeps())
  await eventually(() => mirror.states(), { holds: areQuiet, waitMs: 120_000 })
})
after(async () => {
  await tending?.stop({ waitMs: 60_000 })
  await mirror?.close()
  await new Promise((resolve) => server?.close(resolve))
  await cluster?.stop()
})

function tendingDeps(): TendingDeps {
  return {
    store: mirror.store,
    log: silentLog,
    adapterFor,
    callerFor: (id, options) => mirror.callers.callerFor(id, options),
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    publicUrl,
    reconcile: () =>
      Promise.resolve({ changed: false, later: [], notes: [], added: {}, refill: {} }),
    reconcileEveryMs: 600_000,
  }
}

/** Nobody looks at the platform of himself for a long time. */
async function quieten(): Promise<void> {
  await eventually(() => mirror.states(), {
    holds: (states) => states.every(({ owner }) => owner === null),
  })
  await mirror.store.sql`
    update sluice_store.table_states set polled_at = now() + interval '1 hour',
      scanned_at = now() + interval '1 hour', due_at = now() + interval '1 hour'`
}

async function at(path: string, init: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(mirror.sandbox.url + path, init)
  const body = await response.text()
  assert.ok(response.ok, body)
  return JSON.parse(body) as Record<string, unknown>
}

const registered = (syncId: string) =>
  eventually(() => readWebhook(mirror.store, syncId), {
    holds: (webhook) => webhook?.registration !== null && webhook !== null,
  })

test('a change at Stripe is in the table within two seconds of it', async () => {
  const webhook = await registered('sync_stripe')
  assert.equal(webhook?.url, `${publicUrl}/webhooks/stripe/sync_stripe`)
  await quieten()
  const headers = {
    authorization: 'Bearer sandbox',
    'content-type': 'application/x-www-form-urlencoded',
  }
  const body = 'email=hooked%40dune.co'
  const { id } = await at('/stripe/v1/customers', { method: 'POST', headers, body })
  await eventually(async () => {
    const [row] = await mirror.sql`select email from stripe.customers where id = ${String(id)}`
    return row?.['email']
    // a machine that is busy with other tests may take longer; without the webhook it would be an hour
  }, { holds: (email) => email === 'hooked@dune.co', waitMs: 60_000 })
  assert.ok((await readWebhook(mirror.store, 'sync_stripe'))?.heardAt)
})

test('a ping of Airtable makes the sync process fetch what it stands for', async () => {
  await registered('sync_airtable')
  await quieten()
  const caller = await mirror.callers.callerFor('connection_airtable', {
    deadline: { at: Date.now() + 30_000 },
  })
  const headers = {
    authorization: `Bearer ${await caller.token()}`,
    'content-type': 'application/json',
  }
  const { id } = await at('/airtable/v0/appSandbox0000001/tblContacts000000', {
    method: 'POST',
    headers,
    body: JSON.stringify({ fields: { Name: 'Pinged' } }),
  })
  await eventually(async () => {
    const [row] = await mirror.sql`select name from airtable.contacts where id = ${String(id)}`
    return row?.['name']
  }, { holds: (name) => name === 'Pinged' })
})

test('who is not the platform is refused, what there is not is not found, and neither leaves a trace', async () => {
  const hints = async () => (await mirror.states()).reduce((sum, { hints }) => sum + hints, 0)
  // of the tests before this one
  await eventually(hints, { holds: (count) => count === 0 })
  const post = (path: string, init: RequestInit = {}) =>
    fetch(publicUrl + path, { method: 'POST', body: '{}', ...init })
  const forged = await post('/webhooks/stripe/sync_stripe', {
    headers: { 'stripe-signature': 't=1,v1=00' },
  })
  assert.equal(forged.status, 401)
  const strangers = [
    '/webhooks/stripe/sync_nope00',
    '/webhooks/github/sync_stripe',
    '/webhooks/x/y',
  ]
  const answers = await Promise.all(strangers.map(async (path) => {
    const answer = await post(path)
    return `${answer.status} ${await answer.text()}`
  }))
  assert.ok(answers.every((each) => each.startsWith('404')), answers[0])
  assert.equal(new Set(answers).size, 1)
  const long = await post('/webhooks/stripe/sync_stripe', { body: 'x'.repeat(5 * 1024 * 1024 + 1) })
  assert.equal(long.status, 413)
  assert.equal((await fetch(`${publicUrl}/webhooks/stripe/sync_nope00`)).status, 200)
  assert.equal(await hints(), 0)
})

test('a delivery that comes again does no harm, and one that cannot be kept is not taken', async () => {
  const sent = JSON.parse(
    await (await fetch(`${mirror.sandbox.url}/_deliveries`)).text(),
  ) as { url: string; headers: Record<string, string>; body: string; status: number }[]
  const delivery = sent.find(({ url, status }) =>
    url.endsWith('/stripe/sync_stripe') && status === 200
  )
  assert.ok(delivery)
  const again = () =>
    fetch(delivery.url, { method: 'POST', headers: delivery.headers, body: delivery.body })
  assert.equal((await again()).status, 200)
  const [before] = await mirror.store.sql`select count(*)::int as n from sluice_store.deliveries`
  assert.equal((await again()).status, 200)
  const [after] = await mirror.store.sql`select count(*)::int as n from sluice_store.deliveries`
  assert.equal(after?.['n'], before?.['n'])
})

test('a webhook that the platform has no more is made anew by a sync process that starts', async () => {
  const before = await registered('sync_stripe')
  // the one that works already would see it first at times
  await tending.stop({ waitMs: 60_000 })
  const endpoint = String(before?.registration?.state['endpoint'])
  const headers = { authorization: 'Bearer sandbox' }
  const path = `/stripe/v1/webhook_endpoints/${endpoint}`
  await at(path, { method: 'DELETE', headers })
  const sync = await readSync(mirror.store, 'sync_stripe')
  const deps = {
    adapterFor,
    now: Date.now,
    store: mirror.store,
    publicUrl,
    callerFor: (id: string, options: { deadline: Deadline }) =>
      mirror.callers.callerFor(id, options),
  }
  const told = () => lookAtWebhook(deps as unknown as AdminDeps, { sync, ask: true })
  assert.match((await told())[0]?.about ?? '', /^is not at stripe any more/)
  // a look that is due later than an hour from now is not what finds it
  await mirror.store.sql`
    update sluice_store.chores set due_at = now() + interval '1 day' where chore = 'webhook'`
  const lines: string[] = []
  const another = startTending({
    ...tendingDeps(),
    log: createLog({ level: 'info', write: (line) => void lines.push(line) }),
  })
  try {
    const now = await eventually(() => readWebhook(mirror.store, 'sync_stripe'), {
      holds: (webhook) => webhook?.registration?.state['endpoint'] !== endpoint,
    })
    assert.notEqual(now?.registration?.secret, before?.registration?.secret)
    assert.equal((await told())[0]?.level, 'ok')
    assert.equal(lines.filter((line) => line.includes('sync.webhook_gone')).length, 1)
  } finally {
    await another.stop({ waitMs: 60_000 })
    tending = startTending(tendingDeps())
  }
  // looked at and in order: again in about an hour
  const [chore] = await mirror.store.sql`
    select extract(epoch from due_at - now())::int as s from sluice_store.chores
    where sync_id = 'sync_stripe' and chore = 'webhook'`
  const inS = Number(chore?.['s'])
  assert.ok(inS > 40 * 60 && inS < 80 * 60, `${inS} s`)
})

test('GitHub calls a webhook while it is made, and is heard at once', async () => {
  await mirror.add('github', ['labels'])
  const webhook = await eventually(() => readWebhook(mirror.store, 'sync_github'), {
    holds: (now) => now !== null && now.registration !== null && now.heardAt !== null,
    waitMs: 120_000,
  })
  const hooks = webhook?.registration?.state['hooks']
  assert.ok(Array.isArray(hooks) && hooks.length > 0)
  interface Ended {
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly status: number
    readonly tries: number
  }
  const ended = async () =>
    JSON.parse(await (await fetch(`${mirror.sandbox.url}/_deliveries`)).text()) as Ended[]
  const pings = await eventually(
    async () =>
      (await ended()).filter(({ url, headers }) =>
        url.endsWith('/github/sync_github') && Object.values(headers).includes('ping')
      ),
    { holds: (all) => all.length === hooks.length },
  )
  assert.deepEqual([...new Set(pings.map(({ status, tries }) => `${status} ${tries}`))], ['200 1'])
})
