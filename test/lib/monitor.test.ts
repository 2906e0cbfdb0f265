// Goal: whoever watches a process is answered in time and truly, and only who has the token reads the figures. Method: the
// server on a real socket.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { createMetrics, metricsType } from '../../src/lib/metrics.ts'
import { type MonitorServer, type Readiness, startMonitor } from '../../src/lib/monitor.ts'
import { readExposition } from '../help/exposition.ts'

let open: MonitorServer
let guarded: MonitorServer
let ready: () => Promise<Readiness>

const metrics = createMetrics({ log: silentLog })
metrics.counter({ name: 'things_total', help: 'Things.' })

before(async () => {
  const monitored = { metrics, log: silentLog, ready: () => ready() }
  const at = { host: '127.0.0.1', port: 0 }
  open = await startMonitor(monitored, at)
  guarded = await startMonitor({ ...monitored, token: 'let me see' }, at)
})
after(async () => {
  await open.close()
  await guarded.close()
})

const get = async (
  { port }: MonitorServer,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; type: string | null; body: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  const type = response.headers.get('content-type')
  return { status: response.status, type, body: await response.text() }
}

test('a process that is up says so, whatever else is the matter', async () => {
  ready = () => new Promise(() => {})
  const { status, body } = await get(open, '/healthz')
  assert.equal(status, 200)
  assert.deepEqual(JSON.parse(body), { status: 'up' })
})

test('a process that is ready says what it has looked at', async () => {
  ready = () => Promise.resolve({ checks: { store: 'ok' }, notReady: [] })
  const { status, body } = await get(open, '/readyz')
  assert.equal(status, 200)
  assert.deepEqual(JSON.parse(body), { status: 'ready', checks: { store: 'ok' } })
})

test('a process that is not ready answers 503 and names what is not', async () => {
  ready = () => Promise.resolve({ checks: { store: 'unreachable' }, notReady: ['store'] })
  const { status, body } = await get(open, '/readyz')
  assert.equal(status, 503)
  assert.deepEqual(JSON.parse(body), {
    status: 'not ready',
    notReady: ['store'],
    checks: { store: 'unreachable' },
  })
})

test('one that cannot find out, or not in time, is not ready', async () => {
  for (const cannot of [() => Promise.reject(new Error('x')), () => new Promise<never>(() => {})]) {
    ready = cannot
    const { status, body } = await get(open, '/readyz')
    assert.equal(status, 503)
    assert.deepEqual(JSON.parse(body).notReady, ['readiness'])
  }
})

test('the figures are in the format that they say', async () => {
  const { status, type, body } = await get(open, '/metrics')
  assert.equal(status, 200)
  assert.equal(type, metricsType)
  assert.equal(readExposition(body).value('things_total'), 0)
  const head = await get(open, '/metrics', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body], [200, ''])
})

test('with a token, only who shows it reads the figures; the health is for everybody', async () => {
  ready = () => Promise.resolve({ checks: {}, notReady: [] })
  for (const authorization of ['', 'Bearer let me', 'Bearer let me see more', 'Basic bGV0']) {
    const { status, body } = await get(guarded, '/metrics', { headers: { authorization } })
    assert.equal(status, 401, authorization)
    assert.doesNotMatch(body, /things_total/)
  }
  const headers = { authorization: 'Bearer let me see' }
  assert.equal((await get(guarded, '/metrics', { headers })).status, 200)
  assert.equal((await get(guarded, '/healthz')).status, 200)
  assert.equal((await get(guarded, '/readyz')).status, 200)
})

test('there is nothing else, and nothing to send', async () => {
  assert.equal((await get(open, '/other')).status, 404)
  assert.equal((await get(open, '/metrics', { method: 'POST', body: 'x' })).status, 404)
  assert.equal((await get(open, '/healthz?verbose')).status, 200)
})
