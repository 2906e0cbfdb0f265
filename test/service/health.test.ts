// Goal: the service says that it is ready when it would carry out a mutation, and else what is missing; its figures are in
// the format. Method: a service on a real store, whose parts are taken away one by one.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import { createServiceMetrics } from '../../src/service/metrics.ts'
import { newestMigration } from '../../src/store/migrations.ts'
import { announce } from '../../src/store/presence.ts'
import { openStore } from '../../src/store/store.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { readExposition } from '../help/exposition.ts'
import { keyring, seed, testStore, update } from '../store/help.ts'
import { fakeAdapter, headers, post, type TestService, testService, until } from './help.ts'

const cluster = await testCluster()
let url: string
let service: TestService
let held = true

const registry = createMetrics({ log: silentLog })
const watched = { registry, metrics: createServiceMetrics(registry), token: 'figures' }

before(async () => {
  url = await cluster.createDatabase()
  const store = await testStore(url)
  await seed(store)
  await store.close()
  const presence = {
    get held() {
      return held
    },
  }
  service = await testService(url, fakeAdapter(), { presence, watched })
})
after(async () => {
  await service?.close()
  await cluster.stop()
})

interface Ready {
  readonly notReady: readonly string[]
  readonly checks: Readonly<Record<string, string>>
}

/** Asks again while it cannot be found out in time: a machine may stand still for as long. */
const ready = async (asked: TestService = service): Promise<Ready> => {
  let found = await askReady(asked)
  await until(async () => {
    if (!found.notReady.includes('readiness')) return true
    found = await askReady(asked)
    return false
  })
  return found
}

const askReady = async (asked: TestService): Promise<Ready> => {
  const response = await asked.app.request('/readyz')
  const { notReady = [], checks } = await response.json() as {
    notReady?: string[]
    checks: Record<string, string>
  }
  assert.equal(response.status, notReady.length === 0 ? 200 : 503)
  return { notReady, checks }
}

test('a service that has all it needs is ready', async () => {
  assert.deepEqual(await ready(), {
    notReady: [],
    checks: { store: 'ok', migrations: 'ok', presence: 'ok', draining: 'ok' },
  })
  const inside = await service.app.request('/internal/ready', { headers })
  assert.equal(inside.status, 200)
  assert.equal((await service.app.request('/internal/ready')).status, 401)
})

test('without the newest step of the schema it is not; with a newer one it is', async () => {
  const { sql } = service.store
  const [row] =
    await sql`delete from sluice_store.migrations where id = ${newestMigration} returning name`
  try {
    const { notReady, checks } = await ready()
    assert.deepEqual(notReady, ['migrations'])
    assert.equal(checks['migrations'], `${newestMigration - 1} of ${newestMigration}`)
    await sql`insert into sluice_store.migrations (id, name) values (${
      newestMigration + 1
    }, 'later')`
    assert.deepEqual((await ready()).notReady, [])
  } finally {
    await sql`delete from sluice_store.migrations where id > ${newestMigration}`
    await sql`insert into sluice_store.migrations (id, name) values (${newestMigration}, ${
      row?.['name']
    })`
  }
})

test('a process whose presence is lost is not ready', async () => {
  held = false
  assert.deepEqual((await ready()).notReady, ['presence'])
  const inside = await service.app.request('/internal/ready', { headers })
  assert.equal(inside.status, 503)
  assert.deepEqual(await inside.json(), { notReady: ['presence'] })
  held = true
})

test('a presence says that it is held, and that it is not once its session is cut', async () => {
  const store = openStore({ url, keyring, connectionsMax: 2 })
  const presence = await announce(store, { name: 'watched', log: silentLog })
  try {
    assert.equal(presence.held, true)
    await store.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = ${`sluice presence ${presence.service}`} and datname = current_database()`
    await until(() => !presence.held)
    await until(() => presence.held)
  } finally {
    await Promise.allSettled([presence.leave(), store.close()])
  }
})

test('a service that is about to end is not ready, and goes on working', async () => {
  const ending = await testService(url, fakeAdapter())
  try {
    ending.warn()
    assert.deepEqual((await ready(ending)).notReady, ['draining'])
    assert.equal((await post(ending, update())).body.state, 'accepted')
  } finally {
    await ending.close()
  }
})

test('without its store it is not ready, and up', async () => {
  const gone = await testService(url, fakeAdapter())
  await gone.close()
  const { notReady, checks } = await ready(gone)
  assert.deepEqual(notReady, ['store', 'migrations'])
  assert.equal(checks['store'], 'unreachable')
  assert.equal((await gone.app.request('/healthz')).status, 200)
  const closed = openStore({
    url: `postgres://x@127.0.0.1:${await freePort()}/x`,
    keyring,
    waitMs: 1_000,
  })
  await closed.close()
})

test('the figures are for who has the token, and count what was done', async () => {
  assert.equal((await service.app.request('/metrics')).status, 401)
  const scrape = async () => {
    const response = await service.app.request('/metrics', {
      headers: { authorization: 'Bearer figures' },
    })
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    return readExposition(await response.text())
  }
  const before = await scrape()
  const of = (exposed: typeof before) =>
    exposed.value('sluice_mutations_total', {
      platform: 'salesforce',
      operation: 'update',
      state: 'accepted',
    }) ?? 0
  const mutation = update()
  assert.equal((await post(service, mutation)).body.state, 'accepted')
  assert.equal((await post(service, mutation)).body.state, 'accepted')
  let after = await scrape()
  // what is not looked up within two seconds is left out
  await until(async () => {
    if (after.value('sluice_recovery_backlog', { kind: 'not_applied' }) !== undefined) return true
    after = await scrape()
    return false
  })
  assert.equal(of(after) - of(before), 1)
  const replayed = { platform: 'salesforce', operation: 'update', state: 'replayed' }
  assert.equal(after.value('sluice_mutations_total', replayed), 1)
  assert.ok((after.value('sluice_recovery_backlog', { kind: 'not_applied' }) ?? 0) >= 1)
  assert.equal(after.value('sluice_mutations_under_way'), 0)
  assert.ok((after.value('sluice_journal_bytes') ?? 0) > 0)
})

test('each step of a mutation is in the log under its id, in its trace', async () => {
  const mutation = update()
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const response = await service.app.request('/internal/mutations', {
    method: 'POST',
    headers: { ...headers, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    body: JSON.stringify({ mutation, waitMs: 60_000 }),
  })
  assert.equal(response.status, 200)
  const applied = await service.app.request('/internal/applied', {
    method: 'POST',
    headers,
    body: JSON.stringify({ ids: [mutation.id] }),
  })
  assert.equal(applied.status, 200)
  const lines = service.lines.filter((line) => line.includes(mutation.id))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(lines.map(({ level, event }) => `${String(level)} ${String(event)}`), [
    'debug mutation.received',
    'debug mutation.sending',
    'info mutation.done',
    'debug mutation.applied',
  ])
  const [received, , done] = lines
  assert.equal(done?.['trace_id'], traceId)
  assert.match(String(done?.['span_id']), /^[0-9a-f]{16}$/)
  assert.notEqual(done?.['span_id'], '00f067aa0ba902b7')
  assert.equal(done?.['span_id'], received?.['span_id'])
  assert.equal(done?.['state'], 'accepted')
})
