// Goal: nobody keeps others out of the console, whoever he is and wherever he comes from; whoever is logged out sees nothing
// more, live or not. Method: the service on a real store, in this process; bodies that are sent slowly.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createReading } from '../../src/console/reading.ts'
import { withDeadline } from '../../src/lib/deadline.ts'
import { FormError } from '../../src/console/visit.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { adminToken, Agent, consoleStage, csrfOf, type Stage } from './help.ts'

let cluster: TestCluster
let stage: Stage
/** The answers that are held back: for how long, and what lets one go. */
const held: { ms: number; letGo: () => void }[] = []

const holdBack = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((letGo) => {
    held.push({ ms, letGo })
    signal.addEventListener('abort', () => letGo())
    if (signal.aborted) letGo()
  })

const comeWaitMs = 60_000

/** Waits until the condition holds. */
async function come(condition: () => boolean): Promise<void> {
  const end = Date.now() + comeWaitMs
  while (!condition()) {
    assert.ok(Date.now() < end, `It did not come about in ${comeWaitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

before(async () => {
  cluster = await testCluster()
  stage = await consoleStage(cluster, { holdBack })
})
after(async () => {
  await stage?.close()
  await cluster?.stop()
})

test('wrong tokens are answered late, and a right one of the same address at once', async () => {
  const address = '198.51.100.77'
  const guesser = new Agent(stage.app, address)
  for (let tries = 0; tries < 5; tries++) {
    const response = await guesser.logIn(`sluice_admin_wrong_${tries}`)
    assert.equal(response.status, 401)
    assert.match(await response.text(), /no administrator’s token/)
  }
  assert.deepEqual(held.map(({ ms }) => ms), [], 'these at once')
  let answered = 0
  const late = [6, 7, 8].map(async (tries) => {
    const response = await new Agent(stage.app, address).logIn(`sluice_admin_wrong_${tries}`)
    answered += 1
    return response.status
  })
  await come(() => held.length === 3)
  assert.deepEqual(held.map(({ ms }) => ms), [250, 500, 1_000])
  assert.equal(answered, 0, 'the wrong ones wait')
  const owner = await new Agent(stage.app, address).logIn()
  assert.equal(owner.status, 303, 'whoever has the token comes in')
  assert.deepEqual([answered, held.length], [0, 3], 'before they are answered')
  for (const { letGo } of held.splice(0)) letGo()
  assert.deepEqual(await Promise.all(late), [401, 401, 401])
})

test('a login that waits is answered when the service drains', async () => {
  const own = await consoleStage(cluster, { holdBack })
  try {
    const wrong = () => new Agent(own.app).logIn('sluice_admin_wrong')
    for (let tries = 0; tries < 5; tries++) await wrong()
    const late = Promise.all(Array.from({ length: 6 }, wrong))
    await come(() => held.length === 6)
    await own.drain() // nobody else lets them go
    const answers = await withDeadline(late, { waitMs: comeWaitMs, what: 'The answers' })
    assert.deepEqual(answers.map(({ status }) => status), Array<number>(6).fill(401))
  } finally {
    held.length = 0
    await own.close()
  }
})

test('without anything else a timer holds a wrong token back, and no longer', async () => {
  const own = await consoleStage(cluster)
  try {
    const wrong = () => new Agent(own.app).logIn('sluice_admin_wrong')
    for (let tries = 0; tries < 5; tries++) await wrong()
    const began = performance.now()
    assert.equal((await wrong()).status, 401)
    const tookMs = performance.now() - began
    assert.ok(tookMs > 245, `${tookMs} ms`)
  } finally {
    await own.close()
  }
})

test('behind a trusted proxy the login counts whom the proxy names, and a stranger names nobody', async () => {
  const own = await consoleStage(cluster, {
    httpProxies: { from: ['10.0.0.0/8'], header: 'x-forwarded-for' },
  })
  try {
    const addresses = () =>
      own.lines.map((line) =>
        JSON.parse(line) as { event?: string; msg?: string; address?: string }
      )
        .flatMap(({ address }) => address === undefined ? [] : [address])
    const fail = async (socket: string, told: string) => {
      const agent = new Agent(own.app, socket)
      const page = await (await agent.get('/console/login')).text()
      const form = { csrf: csrfOf(page), token: 'sluice_admin_wrong', next: '' }
      const response = await agent.post('/console/login', form, { 'x-forwarded-for': told })
      assert.equal(response.status, 401)
      return addresses().at(-1)
    }
    assert.equal(await fail('10.1.2.3', '203.0.113.1, 198.51.100.5'), '198.51.100.5')
    assert.equal(await fail('::ffff:10.1.2.3', '2001:db8:1:203::7'), '20010db8000102::/56')
    assert.equal(await fail('10.1.2.3', 'nobody'), '10.1.2.3')
    assert.equal(await fail('192.0.2.8', '198.51.100.5'), '192.0.2.8', 'it is no proxy of ours')
  } finally {
    await own.close()
  }
})

test('the login reads a short form only', async () => {
  const agent = new Agent(stage.app, '198.51.100.90')
  const page = await (await agent.get('/console/login')).text()
  const form = { csrf: csrfOf(page), token: adminToken, next: 'x'.repeat(9_000) }
  assert.equal((await agent.post('/console/login', form)).status, 403)
  assert.equal((await agent.post('/console/login', { ...form, next: '' })).status, 303)
})

/** A form of which the end never comes; `ended` when nobody reads it any more. */
function endless(): { request: Request; ended: Promise<void> } {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('token=')),
    cancel: () => resolve(),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' }
  return { request: new Request('http://localhost/', init), ended }
}

test('forms of strangers are read for so long, so many at once, and the oldest makes room', async () => {
  const quick = createReading({ waitMs: 20 })
  const slow = endless()
  await assert.rejects(quick.read(slow.request), FormError)
  await slow.ended

  const reading = createReading({ max: 2, waitMs: 60_000 })
  const forms = [endless(), endless(), endless()]
  const readings = forms.map(({ request }) => reading.read(request))
  for (const each of readings) each.catch(() => {}) // told below
  const [first] = readings
  await assert.rejects(first ?? Promise.resolve(), FormError)
  await forms[0]?.ended
  // those that are left make room for forms that come at once
  const whole = (token: string) =>
    new Request('http://localhost/', { method: 'POST', body: new URLSearchParams({ token }) })
  for (const token of ['a', 'b']) {
    assert.equal((await reading.read(whole(token))).get('token'), token)
  }
  await assert.rejects(readings[1] ?? Promise.resolve(), FormError)
  const last = [reading.read(whole('c')), reading.read(whole('d'))]
  assert.deepEqual((await Promise.all(last)).map((form) => form.get('token')), ['c', 'd'])
  await assert.rejects(readings[2] ?? Promise.resolve(), FormError)
})

test('what is sent live ends with the session: at logout, and after its twelve hours', async () => {
  const read = async (agent: Agent) => {
    const response = await agent.get('/console/mutations/live')
    const reader = response.body?.getReader()
    assert.equal((await reader?.read())?.done, false)
    return async () => {
      while ((await reader?.read())?.done === false) { /* to its end */ }
    }
  }
  const leaver = new Agent(stage.app)
  const other = new Agent(stage.app)
  for (const agent of [leaver, other]) await agent.logIn()
  // a stream ends by itself after ten minutes: this one is not as old when its session ends
  stage.now += 12 * 60 * 60_000 - 60_000
  const [ofLeaver, ofOther] = [await read(leaver), await read(other)]
  const csrf = csrfOf(await (await leaver.get('/console/errors')).text())
  assert.equal((await leaver.post('/console/logout', { csrf })).status, 303)
  let ended = false
  const over = ofOther().then(() => ended = true)
  await withDeadline(ofLeaver(), { waitMs: comeWaitMs, what: 'Ending the stream at logout' })
  assert.equal(ended, false, 'the other session goes on')
  stage.now += 120_000
  await withDeadline(over, { waitMs: comeWaitMs, what: 'Ending the stream with its session' })
  stage.now = Date.now()
})
