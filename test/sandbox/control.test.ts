// Goal: the control endpoints log, disturb and show what they say. Method: real sockets.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { after, beforeEach, test } from 'node:test'
import { withDeadline } from '../../src/lib/deadline.ts'
import { createDeliveries } from '../../src/sandbox/deliveries.ts'
import { createExchangeLog, type Exchange } from '../../src/sandbox/exchanges.ts'
import { createMischiefBox } from '../../src/sandbox/mischief.ts'
import type { SandboxPlatform } from '../../src/sandbox/platform.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { listen } from '../../src/sandbox/server.ts'
import { api, ask, exchanges, makeContact, query } from './client.ts'

const sandbox = await startSandbox({ port: 0 })
beforeEach(() => sandbox.reset())
after(() => sandbox.close())

const refresh = (body = 'grant_type=refresh_token&client_id=sandbox&refresh_token=sandbox') =>
  ask(sandbox, '/salesforce/services/oauth2/token', {
    method: 'POST',
    body,
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })

const mischief = (body: object) => ask(sandbox, '/_mischief', { method: 'POST', body })

const heardWaitMs = 60_000

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + heardWaitMs
  while (!await condition()) {
    assert.ok(Date.now() < end, `${what}: not within ${heardWaitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Waits until so many exchanges are logged. */
const heard = (at: Sandbox, count = 1): Promise<void> =>
  until(`${count} exchanges`, async () => (await exchanges(at)).length >= count)

const countNamed = async (name: string): Promise<number> =>
  (await query(sandbox, `SELECT COUNT() FROM Contact WHERE LastName = '${name}'`)).json.totalSize

test('an exchange is logged with its texts as they were sent', async () => {
  const body = '{ "LastName" : "Ümläut" }'
  const answer = await api(sandbox, '/sobjects/Contact?x=%20', { method: 'POST', body })
  const [entry, ...more] = await exchanges(sandbox)
  assert.deepEqual(more, [])
  assert.equal(entry.platform, 'salesforce')
  assert.equal(entry.method, 'POST')
  assert.equal(entry.url, '/salesforce/services/data/v60.0/sobjects/Contact?x=%20')
  assert.equal(entry.requestHeaders.authorization, 'Bearer sandbox')
  assert.equal(entry.requestBody, body)
  assert.equal(entry.status, 201)
  assert.equal(entry.responseHeaders['sforce-limit-info'], 'api-usage=1/15000')
  assert.equal(entry.responseBody, answer.text)
})

test('token exchanges are logged, control endpoints are not, and DELETE empties the log', async () => {
  await refresh()
  await ask(sandbox, '/_records/salesforce/contacts')
  assert.deepEqual((await exchanges(sandbox)).map((entry) => entry.url), [
    '/salesforce/services/oauth2/token',
  ])
  assert.equal((await ask(sandbox, '/_exchanges', { method: 'DELETE' })).status, 204)
  assert.deepEqual(await exchanges(sandbox), [])
})

test('the log drops its oldest entries beyond its bound and says how many', () => {
  const entry = (url: string): Exchange => ({
    platform: 'p',
    method: 'GET',
    url,
    requestHeaders: {},
    requestBody: 'x'.repeat(1000),
    status: 200,
    responseHeaders: {},
    responseBody: '',
  })
  const log = createExchangeLog(10_000)
  for (let count = 1; count <= 3000; count++) log.add(entry(`/${count}`))
  const lines = log.lines().split('\n').filter(Boolean).map((line) => JSON.parse(line).url)
  assert.deepEqual(lines, ['/2997', '/2998', '/2999', '/3000'])
  assert.equal(log.dropped, 2996)
  log.clear()
  assert.equal(log.dropped, 0)
})

test('drop closes the socket and nothing is written', async () => {
  await mischief({ platform: 'salesforce', kind: 'drop' })
  await assert.rejects(makeContact(sandbox, { LastName: 'Dropped' }))
  assert.equal(await countNamed('Dropped'), 0)
  const [entry] = await exchanges(sandbox)
  assert.equal(entry.status, 0)
  assert.equal(entry.requestBody, '{"LastName":"Dropped"}')
})

test('lost-reply closes the socket after the record was written', async () => {
  await mischief({ platform: 'salesforce', kind: 'lost-reply' })
  await assert.rejects(makeContact(sandbox, { LastName: 'Lost' }))
  assert.equal(await countNamed('Lost'), 1)
  assert.equal((await exchanges(sandbox))[0].status, 0)
})

test('429 is answered as Salesforce answers it, as many times as asked', async () => {
  await mischief({ platform: 'salesforce', kind: '429', times: 2 })
  for (let count = 0; count < 2; count++) {
    const answer = await api(sandbox, '/sobjects/Contact', {
      method: 'POST',
      body: { LastName: 'X' },
    })
    assert.equal(answer.status, 403)
    assert.deepEqual(answer.json, [
      { message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' },
    ])
  }
  assert.equal(await countNamed('X'), 0)
})

test('500 is answered as Salesforce answers it', async () => {
  await mischief({ platform: 'salesforce', kind: 500 })
  const answer = await api(sandbox, '/limits')
  assert.equal(answer.status, 500)
  assert.equal(answer.json[0].errorCode, 'UNKNOWN_EXCEPTION')
})

test('latency makes one answer late', async () => {
  await mischief({ platform: 'salesforce', kind: 'latency', latencyMs: 120 })
  const start = performance.now()
  await api(sandbox, '/limits')
  const lateMs = performance.now() - start
  assert.ok(lateMs >= 115, `${lateMs} ms`)
  assert.deepEqual((await ask(sandbox, '/_mischief')).json, [])
})

test('what latency holds back is answered when the mischief is cleared', async () => {
  await ask(sandbox, '/_exchanges', { method: 'DELETE' })
  await mischief({ platform: 'salesforce', kind: 'latency', latencyMs: 600_000 })
  const held = api(sandbox, '/limits')
  held.catch(() => {}) // told below
  await heard(sandbox)
  await ask(sandbox, '/_mischief', { method: 'DELETE' })
  assert.equal((await withDeadline(held, { waitMs: heardWaitMs, what: 'The answer' })).status, 200)
})

test('one that cannot be answered keeps no answer of another back', async () => {
  const box = createMischiefBox()
  let asked = 0
  const broken: SandboxPlatform = {
    name: 'broken',
    isOAuth: () => false,
    handle: () => ({ status: 200, headers: ++asked === 1 ? { 'x-bad': 'a\nb' } : {}, body: '' }),
    refuse: () => ({ status: 500, headers: {}, body: '' }),
    expireTokens: () => {},
    reset: () => {},
    records: () => null,
  }
  const { port, close } = await listen({
    port: 0,
    host: '127.0.0.1',
    latencyMs: 0,
    platforms: [broken],
    log: createExchangeLog(),
    mischief: box,
    control: () => null,
  })
  try {
    box.add({
      platform: 'broken',
      kind: 'latency',
      times: 2,
      latencyMs: 600_000,
      target: 'api',
    })
    const answers = Promise.all([1, 2].map(() => ask({ port } as Sandbox, '/broken/')))
    answers.catch(() => {}) // told below
    await until('both requests', () => asked === 2)
    box.clear()
    const told = await withDeadline(answers, { waitMs: heardWaitMs, what: 'The answers' })
    assert.deepEqual(told.map(({ status }) => status).toSorted((a, b) => a - b), [200, 500])
  } finally {
    await close()
  }
})

test('a sandbox made with latency is always late, whatever is cleared, and closes with an answer outstanding', async () => {
  const slow = await startSandbox({ port: 0, latencyMs: 600_000 })
  try {
    let answers = 0
    const asked = [1, 2].map(() => assert.rejects(api(slow, '/limits').then(() => answers += 1)))
    await heard(slow, 2)
    const mischief = { platform: 'salesforce', kind: 'latency', latencyMs: 600_000 }
    await ask(slow, '/_mischief', { method: 'POST', body: mischief })
    asked.push(assert.rejects(api(slow, '/limits').then(() => answers += 1)))
    await heard(slow, 3)
    await ask(slow, '/_mischief', { method: 'DELETE' })
    for (let count = 0; count < 3; count += 1) await exchanges(slow)
    assert.equal(answers, 0)
    await slow.close()
    await withDeadline(Promise.all(asked), { waitMs: heardWaitMs, what: 'The end of the requests' })
  } finally {
    await slow.close()
  }
})

test('expire-token kills the tokens issued so far, but never the one for people', async () => {
  const token = (await refresh()).json.access_token
  assert.equal((await api(sandbox, '/limits', { token })).status, 200)
  await mischief({ platform: 'salesforce', kind: 'expire-token' })
  const answer = await api(sandbox, '/limits', { token })
  assert.equal(answer.status, 401)
  assert.deepEqual(answer.json, [
    { message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' },
  ])
  assert.equal((await api(sandbox, '/limits')).status, 200)
})

test('mischief passes token exchanges by unless it is meant for them', async () => {
  await mischief({ platform: 'salesforce', kind: '500' })
  assert.equal((await refresh()).status, 200)
  await mischief({ platform: 'salesforce', kind: '429', target: 'oauth' })
  const refused = await refresh('grant_type=refresh_token&client_id=sandbox&refresh_token=x')
  assert.deepEqual(refused.json, {
    error: 'invalid_grant',
    error_description: 'login rate exceeded',
  })
  await mischief({ platform: 'salesforce', kind: 'drop', target: 'oauth' })
  await assert.rejects(refresh())
  assert.equal((await ask(sandbox, '/_mischief')).json.length, 1)
})

test('pending mischief is shown with what is left of it, and DELETE clears it', async () => {
  await mischief({ platform: 'salesforce', kind: '429', times: 3 })
  await api(sandbox, '/limits')
  assert.deepEqual((await ask(sandbox, '/_mischief')).json, [
    { platform: 'salesforce', kind: '429', times: 2, latencyMs: 0, target: 'api' },
  ])
  await ask(sandbox, '/_mischief', { method: 'DELETE' })
  assert.equal((await api(sandbox, '/limits')).status, 200)
})

test('mischief that makes no sense is refused with a reason', async () => {
  for (
    const [body, reason] of [
      [{ platform: 'nowhere', kind: 'drop' }, '"platform" must be one of salesforce'],
      [{ platform: 'salesforce', kind: 'fire' }, '"kind" must be one of latency, 429'],
      [{ platform: 'salesforce', kind: 'drop', times: 0 }, '"times" must be from 1'],
      [{ platform: 'salesforce', kind: 'drop', target: 'all' }, '"target" must be'],
      ['{', 'Unexpected end-of-input'],
    ] as const
  ) {
    const answer = await ask(sandbox, '/_mischief', { method: 'POST', body })
    assert.equal(answer.status, 400)
    assert.ok(answer.json.error.includes(reason), answer.text)
  }
})

test('records are shown by table or by object, whole, without the deleted ones', async () => {
  const { json } = await ask(sandbox, '/_records/salesforce/contacts')
  assert.equal(json.length, 20)
  assert.equal(json[0].Name, 'Paul Atreides')
  assert.equal(json[0].Email_Domain__c, 'atreides.example')
  await api(sandbox, `/sobjects/Contact/${json[0].Id}`, { method: 'DELETE' })
  const rest = await ask(sandbox, '/_records/salesforce/Contact')
  assert.equal(rest.json.length, 19)
  assert.equal((await ask(sandbox, '/_records/salesforce/projects')).json.length, 2)
  assert.equal((await ask(sandbox, '/_records/salesforce/nothing')).status, 404)
  assert.equal((await ask(sandbox, '/_records/nowhere/contacts')).status, 404)
})

test('reset brings the seed back, always the same', async () => {
  const before = (await ask(sandbox, '/_records/salesforce/contacts')).text
  assert.ok(!before.includes('paul@dune.co'))
  await makeContact(sandbox)
  assert.equal((await ask(sandbox, '/_reset', { method: 'POST' })).status, 204)
  assert.equal((await ask(sandbox, '/_records/salesforce/contacts')).text, before)
  assert.deepEqual(await exchanges(sandbox), [])
})

test('after a reset no webhook of before is called any more, and those after it are', async () => {
  const called: string[] = []
  const server = createServer((request, response) => {
    called.push(request.url ?? '')
    request.resume()
    if (request.url === '/after') response.end() // the others wait in vain
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const deliveries = createDeliveries()
  const send = (path: string) =>
    deliveries.send('p', { url: `${origin}${path}`, headers: {}, body: '' })
  try {
    for (const path of ['/under-way', '/waiting']) send(path)
    await until('the first call', () => called.length === 1)
    deliveries.clear()
    send('/after')
    await until('the end of the last', () => deliveries.ended().length > 0)
    assert.deepEqual(called, ['/under-way', '/after'])
    assert.deepEqual(deliveries.ended().map(({ url, status }) => [url, status]), [
      [`${origin}/after`, 200],
    ])
  } finally {
    await deliveries.close()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  send('/closed')
  assert.equal(called.length, 2)
})

test('an unknown platform or control endpoint is not found', async () => {
  assert.equal((await ask(sandbox, '/nowhere/x')).status, 404)
  assert.equal((await ask(sandbox, '/_nothing')).status, 404)
  assert.throws(() => sandbox.platformUrl('nowhere'), RangeError)
})

test('connections are kept alive', async () => {
  const socket = connect({ port: sandbox.port, host: '127.0.0.1' })
  const request = 'GET /_mischief HTTP/1.1\r\nhost: x\r\n\r\n'
  let text = ''
  socket.setEncoding('utf8')
  for (let count = 1; count <= 2; count++) {
    socket.write(request)
    while (text.split('[]').length <= count) {
      text += await new Promise<string>((resolve) => socket.once('data', resolve))
    }
  }
  socket.destroy()
  assert.equal(text.split('HTTP/1.1 200').length, 3)
})

test('a port that is taken is an error', async () => {
  await assert.rejects(startSandbox({ port: sandbox.port }), /EADDRINUSE|in use/i)
})
