// Goal: strangers at the webhooks' address keep no delivery of a platform out. Method: the routes behind a real server, a real
// store, and strangers who come from another address of this machine.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { silentLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Webhooks } from '../../src/platforms/platform.ts'
import { faultFor, problemResponse } from '../../src/service/problem.ts'
import { createFlood } from '../../src/service/webhooks-flood.ts'
import { addWebhooks } from '../../src/service/webhooks.ts'
import type { Store } from '../../src/store/store.ts'
import { saveWebhookSecret } from '../../src/store/webhooks.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { eventually } from '../help/mirror.ts'
import { seed, testStore } from '../store/help.ts'

const syncId = 'sync_test01'
const path = `/webhooks/salesforce/${syncId}`

let cluster: TestCluster
let store: Store
let url: string
/** Where a body may only take a moment. */
let hastyUrl: string
const servers: ReturnType<typeof createAdaptorServer>[] = []
/** It stands still: so how busy the machine is does not matter. */
let clock = Date.now()
/** The store was asked so often for a sync's webhook. */
let asked = 0

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  await seed(store)
  await saveWebhookSecret(store, { syncId, secret: 'right' })
  url = await serve({ bodyWaitMs: 120_000 })
  hastyUrl = await serve({ bodyWaitMs: 100 })
})
after(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  await store?.close()
  await cluster?.stop()
})

async function serve(options: { bodyWaitMs: number }): Promise<string> {
  const receive: Webhooks['receive'] = ({ headers, registration }) =>
    headers.get('x-secret') === registration.secret
      ? { kind: 'heard', id: null, touched: [], look: [], collect: false }
      : { kind: 'refused', why: 'not the secret' }
  const real = adapterFor('salesforce')
  const { follow } = real
  assert.ok(follow)
  const adapter = { ...real, follow: { ...follow, webhooks: { receive } } }
  const counting: Store = {
    ...store,
    ask: (what, work) => {
      if (what === 'Reading the webhook') asked += 1
      return store.ask(what, work)
    },
  }
  const app = new Hono()
  app.onError((error) => problemResponse(faultFor(error, { log: silentLog, newId: () => 'id' })))
  addWebhooks(app, {
    store: counting,
    adapterFor: () => adapter,
    log: silentLog,
    now: () => clock,
    publicUrl: 'https://sluice.example',
    ...options,
  })
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function deliver(secret: string, { to = path, bytes = 2 } = {}): Promise<number> {
  const headers = { 'x-secret': secret }
  const answer = await fetch(url + to, { method: 'POST', headers, body: 'x'.repeat(bytes) })
  await answer.body?.cancel()
  return answer.status
}

/** Sends headers and no body. `status`: null while there is no answer. */
function hold(to: string, { base = url } = {}) {
  const port = Number(new URL(base).port)
  const socket: Socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  let told = ''
  const status = new Promise<number | null>((resolve) => {
    socket.on('data', (chunk) => {
      told += String(chunk)
      const found = /^HTTP\/1\.1 (\d+)/.exec(told)
      if (found !== null) resolve(Number(found[1]))
    })
    socket.on('close', () => resolve(null))
    socket.on('error', () => resolve(null))
  })
  socket.write(`POST ${to} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n`)
  return { status, close: () => socket.destroy() }
}

test('who sends no body for a sync that there is not is answered at once, and takes no place', async () => {
  const strangers = Array.from({ length: 100 }, () => hold('/webhooks/salesforce/sync_nope00'))
  try {
    const answers = await Promise.all(strangers.map(({ status }) => status))
    assert.deepEqual(new Set(answers), new Set([404]))
    assert.equal(await deliver('right'), 200)
  } finally {
    for (const each of strangers) each.close()
  }
})

test('who sends no body for a sync that there is takes a few places, and not those of others', async () => {
  const strangers = Array.from({ length: 80 }, () => hold(path))
  try {
    // those that have no place are told so; when all of them are, the places are taken
    let turned = 0
    for (const { status } of strangers) void status.then((code) => code === 429 && turned++)
    await eventually(() => Promise.resolve(turned), { holds: (count) => count === 64 })
    assert.equal(await deliver('right'), 200)
  } finally {
    for (const each of strangers) each.close()
  }
})

test('a body that does not come is not waited for', async () => {
  const stranger = hold(path, { base: hastyUrl })
  try {
    assert.equal(await stranger.status, 408)
  } finally {
    stranger.close()
  }
})

test('bad signatures do not keep the good ones out, though they come by the same address', async () => {
  const answers = new Set<number>()
  for (let at = 0; at < 120; at++) answers.add(await deliver('wrong'))
  assert.deepEqual(answers, new Set([401]))
  assert.equal(await deliver('right'), 200)
  // what costs more than any other request is not looked at, for a while
  assert.equal(await deliver('wrong', { bytes: 300 * 1024 }), 429)
  assert.equal(await deliver('right'), 200)
})

test('who asks for syncs that there are not makes the store be asked only so often', async () => {
  const before = asked
  const ids = Array.from({ length: 300 }, (_, at) => `/webhooks/salesforce/sync_none${at}`)
  const answers: number[] = []
  for (const to of ids) answers.push(await deliver('right', { to }))
  assert.ok(answers.includes(404) && answers.includes(503), [...new Set(answers)].join())
  const looked = answers.filter((status) => status === 404).length
  assert.deepEqual([looked, asked - before], [50, 50])
  assert.equal(await deliver('right'), 200)
})

test('another secret is heeded at once', async () => {
  await saveWebhookSecret(store, { syncId, secret: 'other' })
  clock += 2_000 // who floods us does not make us ask at every delivery
  assert.equal(await deliver('other'), 200)
  assert.equal(await deliver('right'), 401)
})

test('a sync that is told of too often has to wait, others and other addresses do not', () => {
  let now = 0
  const flood = createFlood({ now: () => now })
  const [one, other] = ['192.0.2.1', '192.0.2.2'].map((address) => ({ syncId: 'a', address }))
  assert.ok(one && other)
  for (let at = 0; at < 500; at++) flood.heard(one)
  assert.equal(flood.enter(other), 'many')
  assert.equal(flood.enter({ ...other, syncId: 'b' }), 'in')
  now += 1_000
  assert.equal(flood.enter(other), 'in')
  for (let at = 0; at < 50; at++) flood.refused(one)
  assert.deepEqual([one, other].map((from) => flood.suspects(from)), [true, false])
  for (let at = 0; at < 50; at++) flood.missed('2001:db8::1')
  const addresses = ['2001:db8::2', '2001:db9::1', '192.0.2.1', '::ffff:192.0.2.1']
  assert.deepEqual(addresses.map((address) => flood.mayMiss(address)), [false, true, true, true])
})

test('places that were left are free again, and all there are is bounded', () => {
  const flood = createFlood({ now: () => 0 })
  const froms = Array.from(
    { length: 80 },
    (_, at) => ({ syncId: `s${at}`, address: `10.0.0.${at}` }),
  )
  const entered = froms.map((from) => flood.enter(from))
  assert.equal(entered.filter((each) => each === 'in').length, 64)
  assert.equal(entered.at(-1), 'all')
  for (const from of froms.slice(0, 64)) flood.leave(from)
  assert.deepEqual(new Set(froms.slice(0, 64).map((from) => flood.enter(from))), new Set(['in']))
  const crowded = createFlood({ now: () => 0 })
  const same = Array.from({ length: 40 }, (_, at) => ({ syncId: 's', address: `10.0.0.${at}` }))
  assert.equal(same.filter((from) => crowded.enter(from) === 'in').length, 32)
})
