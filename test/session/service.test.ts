// Goal: whatever the mutation service does, the listener knows the configuration it can know, sends a mutation never
// twice under two ids, and tells the outcome that it can prove. Method: a small HTTP server that answers as told.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Fault, faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { readiness } from '../../src/session/health.ts'
import { startListener } from '../../src/session/listener.ts'
import { createService, type Service } from '../../src/session/service.ts'
import { freePort } from '../help/cluster.ts'
import { Knock } from '../help/knock.ts'
import { until } from '../help/stage-hooks.ts'

interface Heard {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
type Answer = (response: ServerResponse, heard: Heard, socket: Socket) => void

let server: Server
let http: Http
let service: Service
let heard: Heard[]
let answers: Answer[]
let now = 1_000_000
/** The machine may stand still for longer than a listener waits. */
const waitMinMs = 60_000

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer => (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
const hangUp: Answer = (_response, _heard, socket) => socket.destroy()

before(async () => {
  server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      heard.push(one)
      const answer = answers.shift() ?? json(500, 'no answer is left')
      answer(response, one, request.socket)
    })
  })
  server.keepAliveTimeout = 0 // no connection ends by itself while the machine stands still
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const connect = (port: number): Service =>
  createService({
    url: `http://127.0.0.1:${port}`,
    listenerKey: 'key',
    http,
    log: silentLog,
    now: () => now,
    waitMinMs,
  })

beforeEach(() => {
  heard = []
  answers = []
  http = createHttp()
  service = connect((server.address() as AddressInfo).port)
})
afterEach(() => http.close())

const config = {
  id: 'sync_a',
  state: 'active',
  database: { host: 'h', port: 5432, database: 'd', user: 'u', password: 'p', sslmode: 'disable' },
  ticketKey: 'a2V5',
  users: {},
  tables: [],
}
const mutation: Mutation = {
  id: '7b0c3a3e-1111-4222-8333-444455556666',
  syncId: 'sync_a',
  schema: 'salesforce',
  table: 'contacts',
  operation: 'delete',
  rows: [{ ordinal: 1, id: '001', values: {} }],
}
const accepted: Outcome = { state: 'accepted', rows: [{ ordinal: 1, id: '001', values: null }] }
const send = () => service.send(mutation, { waitMs: 1_000 })
const codeOf = (outcome: Outcome): string =>
  outcome.state === 'accepted' ? 'accepted' : `${outcome.state} ${outcome.fault.code}`
const hintOf = (outcome: Outcome): string | undefined =>
  outcome.state === 'accepted' ? undefined : outcome.fault.hint

test('a configuration is asked for with the key, kept fresh for seconds, then asked for by its etag', async () => {
  answers = [
    json(200, config, { etag: '"1"' }),
    json(304, ''),
    json(200, { ...config, state: 'disabled' }),
  ]
  assert.deepEqual(await service.findSync('sync_a'), config)
  assert.equal(heard[0]?.url, '/internal/syncs/sync_a')
  assert.equal(heard[0]?.headers.authorization, 'Bearer key')
  assert.equal(heard[0]?.headers['if-none-match'], undefined)
  now += 2_999
  const kept = await service.findSync('sync_a')
  assert.equal(heard.length, 1)
  now += 1
  assert.equal(await service.findSync('sync_a'), kept, 'the very same object after 304')
  assert.equal(heard[1]?.headers['if-none-match'], '"1"')
  now += 3_000
  assert.equal((await service.findSync('sync_a'))?.state, 'disabled')
  assert.equal(heard.length, 3)
})

test('who asks at the same time shares one request', async () => {
  answers = [json(200, config)]
  await Promise.all(Array.from({ length: 20 }, () => service.findSync('sync_a')))
  assert.equal(heard.length, 1)
})

test('an unknown sync is null, and may be made later', async () => {
  answers = [json(404, { fault: faultData('not_found') }), json(200, config)]
  assert.equal(await service.findSync('sync_a'), null)
  now += 3_000
  assert.equal((await service.findSync('sync_a'))?.id, 'sync_a')
})

test('only the service’s own word says that a sync is gone: a 404 of something on the way does not', async () => {
  answers = [json(200, config), json(404, ''), json(404, '<html>'), json(404, {})]
  const known = await service.findSync('sync_a')
  for (let index = 0; index < 3; index++) {
    now += 3_000
    assert.equal(await service.findSync('sync_a'), known)
  }
  answers = [json(404, { fault: faultData('not_found') })]
  now += 3_000
  assert.equal(await service.findSync('sync_a'), null)
})

test('ids that anybody makes up push no configuration out', async () => {
  answers = [json(200, config)]
  assert.equal((await service.findSync('sync_a'))?.id, 'sync_a')
  const none = json(404, { fault: faultData('not_found') })
  for (let batch = 0; batch < 110; batch += 1) {
    answers = Array.from({ length: 100 }, () => none)
    const ids = answers.map((_, index) => `sync_made_up_${batch}_${index}`)
    await Promise.all(ids.map((id) => service.findSync(id)))
  }
  now += 3_000
  answers = [hangUp, hangUp]
  assert.equal((await service.findSync('sync_a'))?.id, 'sync_a', 'known while the service is down')
})

test('while the service is down or talks nonsense, the last configuration counts', async () => {
  answers = [
    json(200, config),
    hangUp,
    json(503, 'down'),
    json(200, '<html>'),
    json(200, {}),
    json(200, []),
  ]
  const known = await service.findSync('sync_a')
  for (let index = 0; index < 5; index++) {
    now += 3_000
    assert.equal(await service.findSync('sync_a'), known)
  }
  assert.equal(heard.length, 6)
})

test('a configuration that was never known is service_unreachable', async () => {
  for (const answer of [hangUp, json(500, ''), json(200, 'null'), json(401, {})]) {
    answers = [answer]
    await assert.rejects(
      service.findSync('sync_b'),
      (error: unknown) => error instanceof Fault && error.code === 'service_unreachable',
    )
  }
})

test('a service that is silent counts as down after the time of who asks', async () => {
  const isUnreachable = (error: unknown) =>
    error instanceof Fault && error.code === 'service_unreachable'
  const silent: Answer = () => {}
  answers = [silent]
  await assert.rejects(service.findSync('sync_b', { waitMs: 30 }), isUnreachable)
  await until(() => heard.length === 1) // not the next answer, if it comes late
  answers = [json(200, config)]
  const known = await service.findSync('sync_a', { waitMs: 60_000 })
  assert.equal(known?.id, 'sync_a')
  now += 3_000
  answers = [silent]
  assert.equal(await service.findSync('sync_a', { waitMs: 30 }), known)
  await until(() => heard.length === 3)
  server.closeAllConnections() // the requests are under way yet
})

test('a login hears that the service is silent, however short the time for it is', async () => {
  const mute = createServer(() => {})
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const service = connect((mute.address() as AddressInfo).port)
  const enter = async (handshakeWaitMs: number): Promise<string | undefined> => {
    const listener = await startListener({
      host: '127.0.0.1',
      port: 0,
      tlsRequired: false,
      connectionsMax: 10,
      handshakeWaitMs,
      mockSecret: Buffer.from('mock'),
      service,
      log: silentLog,
    })
    const client = await Knock.connect({ port: listener.port })
    try {
      const refused = await client.login({ user: 'demo.sync_a', password: 'demo' })
      return refused?.code
    } catch {
      return undefined
    } finally {
      client.close()
      await listener.close({ graceMs: 1_000 })
    }
  }
  try {
    // a slow machine may let the time pass
    let code: string | undefined
    for (let tries = 0; tries < 10 && code === undefined; tries += 1) {
      code = await enter([1_000, 3_000][tries] ?? 6_000)
    }
    assert.equal(code, '58030')
  } finally {
    mute.closeAllConnections()
    mute.close()
    await once(mute, 'close')
  }
})

test('a key that the service refuses is told once, lets no session begin, and is not called a service that is down', async () => {
  const events: string[] = []
  const note = (event: string) => void events.push(event)
  const log = { ...silentLog, error: note, info: note, warn: note }
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const listener = createService({ url, listenerKey: 'key', http, log, now: () => now, waitMinMs })
  const refusal = json(401, { fault: faultData('unauthorized', { hint: 'Send Authorization: …' }) })
  const isRefused = (error: unknown) =>
    error instanceof Fault && error.code === 'listener_key_refused' &&
    error.data.hint?.includes('sluice listeners create') === true
  answers = [json(200, config), refusal, refusal, refusal, refusal, refusal]
  assert.equal((await listener.findSync('sync_a'))?.id, 'sync_a')
  now += 3_000
  await assert.rejects(listener.findSync('sync_a'), isRefused, 'a sync that was known')
  await assert.rejects(listener.findSync('sync_b'), isRefused)
  assert.equal(
    codeOf(await listener.send(mutation, { waitMs: 1_000 })),
    'refused listener_key_refused',
  )
  await assert.rejects(async () => await listener.quote?.(mutation), isRefused)
  assert.deepEqual(events, ['listener_key_refused'])
  assert.deepEqual(await listener.state?.(), { service: 'unauthorized', configured: true })
  const ready = await readiness({ service: listener, draining: () => false })
  assert.deepEqual([ready.notReady, ready.checks['service']], [['service'], 'unauthorized'])
  // what something on the way says is no word of the service’s, neither for nor against the key
  answers = [json(401, ''), json(401, '<html>'), json(502, ''), json(304, ''), refusal]
  for (const _ of answers.slice(0, 4)) {
    now += 3_000
    assert.equal((await listener.findSync('sync_a'))?.id, 'sync_a')
  }
  const own = ['listener_key_refused', 'listener_key_accepted', 'listener_key_refused']
  now += 3_000
  await assert.rejects(listener.findSync('sync_a'), isRefused)
  assert.deepEqual(events.filter((event) => event.startsWith('listener_key')), own)
})

test('a mutation is sent once with its id and deadline, and the outcome is the service’s', async () => {
  const refused: Outcome = {
    state: 'refused',
    fault: faultData('duplicate', { platform: 'stripe' }),
  }
  const unknown: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }
  for (const outcome of [accepted, refused, unknown]) {
    answers = [json(200, outcome)]
    assert.deepEqual(await send(), outcome)
  }
  assert.equal(heard.length, 3)
  assert.equal(heard[0]?.method, 'POST')
  assert.equal(heard[0]?.url, '/internal/mutations')
  assert.deepEqual(JSON.parse(heard[0]?.body ?? ''), { mutation, waitMs: 1_000 })
})

test('a problem is a refusal, unless the mutation may have been sent all the same', async () => {
  const told: Record<string, string> = {
    bad_request: 'refused bad_request',
    too_many_rows: 'refused too_many_rows',
    shutting_down: 'refused shutting_down',
    unauthorized: 'refused unauthorized',
    internal_error: 'unknown outcome_unknown',
    outcome_unknown: 'unknown outcome_unknown',
  }
  for (const [code, outcome] of Object.entries(told)) {
    answers = [json(500, { fault: faultData(code as 'bad_request') })]
    assert.equal(codeOf(await send()), outcome)
  }
})

test('a lost reply is asked for once more under the same id', async () => {
  answers = [hangUp, json(200, accepted)]
  assert.deepEqual(await send(), accepted)
  assert.equal(heard.length, 2)
  assert.equal(heard[0]?.body, heard[1]?.body)
})

test('two lost replies, or answers that are none, are an unknown outcome that names the mutation', async () => {
  const nonsense: Answer[] = [
    hangUp,
    json(200, '{'),
    json(200, { state: 'accepted', rows: [] }),
    json(200, { state: 'accepted' }),
    json(200, { state: 'refused', fault: { code: 'nonsense', sqlstate: 'x', message: 'y' } }),
    json(200, null),
    json(502, '<html>bad gateway</html>'),
    json(500, { fault: 'no' }),
  ]
  for (const answer of nonsense) {
    heard = []
    answers = [answer, answer]
    const outcome = await send()
    assert.equal(codeOf(outcome), 'unknown outcome_unknown')
    assert.ok(outcome.state === 'unknown' && outcome.fault.detail?.includes(mutation.id))
    assert.equal(heard.length, 2)
  }
})

test('a service that cannot be reached refuses: nothing was sent', async () => {
  const nobody = connect(await freePort())
  const outcome = await nobody.send(mutation, { waitMs: 1_000 })
  assert.equal(codeOf(outcome), 'refused service_unreachable')
  assert.equal(hintOf(outcome), 'Try again; reads go on working.')
})

test('what the service says of itself is told with what goes on, or with its own hint', async () => {
  const hints = ['Try again; reads go on working.', 'Try again.']
  for (const hint of hints) {
    const own = hint === 'Try again.' ? { hint } : {}
    answers = [json(503, { fault: faultData('service_unreachable', own) })]
    const outcome = await send()
    assert.deepEqual([codeOf(outcome), hintOf(outcome)], ['refused service_unreachable', hint])
  }
})

test('lost, and then not to be reached: nobody knows', async () => {
  const other = createServer((_request, response) => {
    other.close()
    response.socket?.destroy()
  })
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const fragile = connect((other.address() as AddressInfo).port)
  assert.equal(codeOf(await fragile.send(mutation, { waitMs: 1_000 })), 'unknown outcome_unknown')
})

test('that mutations are applied is told together, and settle waits for it', async () => {
  answers = [json(200, JSON.stringify({ applied: ['a', 'b'] }))]
  service.applied('a')
  service.applied('b')
  await service.settle()
  assert.equal(heard.length, 1)
  assert.equal(heard[0]?.url, '/internal/applied')
  assert.equal(heard[0]?.method, 'POST')
  assert.deepEqual(JSON.parse(heard[0]?.body ?? ''), { ids: ['a', 'b'] })
  answers = [hangUp]
  service.applied('c')
  await service.settle()
  assert.equal(heard.length, 2)
  await service.settle()
  assert.equal(heard.length, 2)
})

test('a cancel is sent again when it has overtaken its mutation, and never throws', async () => {
  const state = (state: string) => json(200, { state })
  answers = [state('unknown'), state('cancelled')]
  await service.cancel?.('0f8fad5b-d9cb-469f-a165-70867728950e')
  const url = '/internal/mutations/0f8fad5b-d9cb-469f-a165-70867728950e/cancel'
  assert.deepEqual(heard.map(({ method, url }) => [method, url]), [['POST', url], ['POST', url]])
  assert.equal(heard[0]?.headers.authorization, 'Bearer key')
  for (const answer of [state('sent'), json(503, 'away'), hangUp]) {
    heard.length = 0
    answers = [answer]
    await service.cancel?.('0f8fad5b-d9cb-469f-a165-70867728950e')
    assert.equal(heard.length, 1)
  }
})

test('a quote is asked for with the mutation; what is no quote is a fault', async () => {
  const quote = {
    requests: [{ method: 'POST', path: '/x', rows: 1 }],
    charges: [{ about: 'requests a day', units: 1, limit: 5 }],
  }
  const problem = { fault: faultData('sync_disabled') }
  answers = [json(200, quote), json(403, problem), json(200, { requests: [] }), hangUp]
  const ask = async () => await service.quote?.(mutation)
  assert.deepEqual(await ask(), quote)
  assert.equal(heard[0]?.url, '/internal/quotes')
  assert.deepEqual(JSON.parse(heard[0]?.body ?? ''), { mutation })
  const isFault = (code: string) => (error: unknown) =>
    error instanceof Fault && error.code === code
  await assert.rejects(ask, isFault('sync_disabled'))
  for (let tries = 0; tries < 2; tries++) {
    const told = await ask().catch((error: unknown) => error)
    assert.ok(told instanceof Fault && told.code === 'service_unreachable')
    assert.equal(told.data.hint, 'Try again; reads go on working.')
  }
})
