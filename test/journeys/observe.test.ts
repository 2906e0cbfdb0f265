// Goal: the figures of both processes are exactly what was done, one mutation can be followed through both logs by its id
// and its trace, and /readyz tells the truth. Method: a service and a listener of our own, a scripted load, and scrapes
// before and after it, read by the format's grammar.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../help/cluster.ts'
import { type Exposed, readExposition } from '../help/exposition.ts'
import { metricsOf } from '../help/readme-metrics.ts'
import { type Parts, startParts, until } from '../help/system.ts'

const token = 'figures for the test'

let parts: Parts
let monitorPort: number
const listenerEnv = () => ({
  SLUICE_LISTENER_HTTP_PORT: String(monitorPort),
  SLUICE_LOG_LEVEL: 'debug',
})

before(async () => {
  monitorPort = await freePort()
  parts = await startParts({
    env: { SLUICE_RECOVERY_AFTER_MS: '3600000', SLUICE_INQUIRY_WAIT_MS: '60000' },
  })
  await Promise.all([parts.listener.terminate(), parts.service.terminate()])
  await parts.service.start({ SLUICE_METRICS_TOKEN: token, SLUICE_LOG_LEVEL: 'debug' })
  await startListener(listenerEnv())
})
after(() => parts?.stop())
beforeEach(async () => {
  await parts.clearMischief()
  await parts.clearExchanges()
})

type Process = 'listener' | 'service'

const get = (process: Process, path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${process === 'listener' ? monitorPort : parts.servicePort}${path}`, {
    headers,
    signal: AbortSignal.timeout(60_000),
  })

async function scrape(process: Process): Promise<Exposed> {
  const response = await get(process, '/metrics', { authorization: `Bearer ${token}` })
  assert.equal(response.status, 200)
  return readExposition(await response.text())
}

/** Status 0: nobody answers there, as when a process has begun with its other door. */
async function ready(process: Process): Promise<{ status: number; notReady: string[] }> {
  const response = await get(process, '/readyz').catch(() => null)
  if (response === null) return { status: 0, notReady: [] }
  const { notReady = [] } = await response.json() as { notReady?: string[] }
  return { status: response.status, notReady }
}

/** Starts the listener, until both its doors are open. */
async function startListener(env: Readonly<Record<string, string>>): Promise<void> {
  await parts.listener.start(env)
  await until('its other door', async () => (await ready('listener')).status !== 0)
}

async function withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: parts.url(), connectionTimeoutMillis: 60_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** What each series of a metric that counts has gone up by, where it has. */
function changes(name: string, before: Exposed, after: Exposed): Record<string, number> {
  const found = after.series.filter((one) => one.name === name).map(({ labels, value }) => {
    const key = Object.values(labels).join(' ') || 'all'
    return [key, value - (before.value(name, labels) ?? 0)] as const
  })
  return Object.fromEntries(found.filter(([, change]) => change !== 0))
}

async function refused(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(() => null, (thrown: unknown) => thrown)
  assert.ok(error instanceof pg.DatabaseError, `no error of Postgres: ${String(error)}`)
  return error.code
}

/** Three inserts of one row, one of two, an update and a delete are taken; the rest is not. */
async function load(client: pg.Client): Promise<void> {
  await client.query('select 1')
  await client.query('select $1::int', [2])
  const insert = 'insert into salesforce.contacts (last_name, email) values ($1, $2) returning id'
  const { rows: [first] } = await client.query(insert, ['Observed', 'a@dune.co'])
  await client.query(insert, ['Observed', 'b@dune.co'])
  await client.query(`insert into salesforce.contacts (last_name) values ('Two'), ('Three')`)
  assert.equal(await refused(client.query(insert, ['Observed', 'no address'])), '23514')
  assert.equal(await refused(client.query('truncate salesforce.contacts')), '0A000')
  assert.equal(
    await refused(client.query(`insert into salesforce.contacts (no_such) values (1)`)),
    '42703',
  )
  await client.query(`update salesforce.contacts set title = 'Seen' where id = $1`, [first.id])
  await client.query('delete from salesforce.contacts where id = $1', [first.id])
  await client.query(`explain delete from salesforce.contacts where last_name = 'Two'`)
  await client.query('set sluice.dry_run = on')
  await client.query(`delete from salesforce.contacts where last_name = 'Two'`)
  await client.query('set sluice.dry_run = off')
  await parts.mischief({ kind: 'expire-token' })
  await client.query(insert, ['Observed', 'c@dune.co'])
}

test('the figures of both processes are what was done, exactly', async () => {
  await withClient(async (client) => {
    await client.query(`delete from salesforce.contacts where id = 'nobody'`)
    await parts.clearExchanges()
    const [listener0, service0] = [await scrape('listener'), await scrape('service')]
    await load(client)
    await until(
      'the service to hear that all is applied',
      async () =>
        (await scrape('service')).value('sluice_recovery_backlog', { kind: 'not_applied' }) === 0,
    )
    const [listener1, service1] = [await scrape('listener'), await scrape('service')]
    const ofListener = (name: string) => changes(name, listener0, listener1)
    const ofService = (name: string) => changes(name, service0, service1)

    // two reads, and the SET before and after the dry run
    assert.deepEqual(ofListener('sluice_statements_total'), {
      passed: 4,
      insert: 6,
      update: 1,
      delete: 1,
      explain: 1,
      dry_run: 1,
    })
    assert.deepEqual(ofListener('sluice_faults_total'), {
      validation_error: 1,
      form_not_supported: 1,
    })
    const taken = { 'salesforce insert': 4, 'salesforce update': 1, 'salesforce delete': 1 }
    const phases = ofListener('sluice_statement_phase_seconds_count')
    for (const [key, count] of Object.entries(taken)) {
      assert.equal(phases[`apply ${key}`], count, key)
      assert.equal(phases[`send ${key}`], key.includes('insert') ? count + 1 : count, key)
    }
    assert.deepEqual(ofService('sluice_mutations_total'), {
      'salesforce insert accepted': 4,
      'salesforce insert refused': 1,
      'salesforce update accepted': 1,
      'salesforce delete accepted': 1,
    })
    assert.deepEqual(ofService('sluice_mutation_faults_total'), { validation_error: 1 })
    assert.deepEqual(ofService('sluice_token_refreshes_total'), { 'salesforce refreshed': 1 })
    assert.deepEqual(ofService('sluice_mutation_phase_seconds_count'), {
      'turn salesforce insert': 5,
      'turn salesforce update': 1,
      'turn salesforce delete': 1,
      'platform salesforce insert': 5,
      'platform salesforce update': 1,
      'platform salesforce delete': 1,
    })
    const requests = (await parts.exchanges()).filter(({ platform, url }) =>
      platform === 'salesforce' && !url.includes('/oauth2/')
    )
    const statuses = Object.groupBy(requests, ({ status }) => `salesforce ${String(status)[0]}xx`)
    assert.deepEqual(
      ofService('sluice_platform_requests_total'),
      Object.fromEntries(Object.entries(statuses).map(([key, list]) => [key, list?.length])),
    )
    assert.equal(ofService('sluice_platform_requests_total')['salesforce 4xx'], 1)
    assert.deepEqual(ofService('sluice_bucket_wait_seconds_count'), {
      'salesforce mutation': requests.length,
    })
    assert.deepEqual(ofService('sluice_platform_request_seconds_count'), {
      salesforce: requests.length,
    })
    assert.equal(ofListener('sluice_sessions_opened_total')['all'], undefined)
    assert.equal(service1.value('sluice_mutations_under_way'), 0)
  })
})

test('a lost reply is counted as inquired about, and as settled where that was found out', async () => {
  await withClient(async (client) => {
    const before = await scrape('service')
    await parts.mischief({ kind: 'lost-reply' })
    const { rowCount } = await client.query(
      `insert into salesforce.contacts (last_name, email) values ('Doubtful', 'doubt@dune.co')`,
    )
    assert.equal(rowCount, 1)
    const after = await scrape('service')
    assert.deepEqual(changes('sluice_inquiries_total', before, after), { 'answer settled': 1 })
    assert.equal(changes('sluice_platform_requests_total', before, after)['salesforce lost'], 1)
    assert.deepEqual(changes('sluice_mutations_total', before, after), {
      'salesforce insert accepted': 1,
    })
  })
})

test('connections are counted by what they do, and by why they were refused', async () => {
  const before = await scrape('listener')
  const states = async () => {
    const exposed = await scrape('listener')
    const counts = exposed.series.filter(({ name }) => name === 'sluice_connections')
    return Object.fromEntries(
      counts.filter(({ value }) => value > 0).map(({ labels, value }) => [labels['state'], value]),
    )
  }
  await until('the last client to have gone', async () => Object.keys(await states()).length === 0)
  await withClient(async (first) => {
    await until('it to be idle', async () => JSON.stringify(await states()) === '{"idle":1}')
    await first.query('begin')
    await until('its block', async () => JSON.stringify(await states()) === '{"transaction":1}')
    await withClient(async (second) => {
      const [row] = (await second.query('select pg_backend_pid() as pid')).rows as { pid: number }[]
      const asleep = second.query('select pg_sleep(120)')
      asleep.catch(() => {})
      await until(
        'the sleeper to be seen',
        async () => JSON.stringify(await states()) === '{"transaction":1,"active":1}',
      )
      await parts.sql`select pg_cancel_backend(${row?.pid ?? 0})`
      await assert.rejects(asleep, /canceling statement/)
    })
    await first.query('commit')
  })
  const wrong = new pg.Client({ connectionString: parts.url().replace(':demo@', ':wrong@') })
  wrong.on('error', () => {})
  await assert.rejects(wrong.connect(), /password authentication failed/)
  const nowhere = new pg.Client({ connectionString: parts.url().replace('/demo?', '/nowhere?') })
  nowhere.on('error', () => {})
  await assert.rejects(nowhere.connect(), /does not exist/)
  const after = await until('all to be counted', async () => {
    const now = await scrape('listener')
    const counts = changes('sluice_connections_refused_total', before, now)
    return Object.values(counts).reduce((sum, count) => sum + count, 0) >= 2 ? now : null
  })
  assert.deepEqual(changes('sluice_sessions_opened_total', before, after), { all: 2 })
  assert.deepEqual(changes('sluice_connections_accepted_total', before, after), { all: 4 })
  assert.deepEqual(changes('sluice_connections_refused_total', before, after), {
    password: 1,
    database_name: 1,
  })
})

for (const process of ['listener', 'service'] as const) {
  test(`the ${process} tells every metric that it has, and no more series than it says`, async () => {
    const exposed = await scrape(process)
    const abouts = metricsOf(process)
    assert.deepEqual([...exposed.names].sort(), abouts.map(({ name }) => name).sort())
    for (const { name, type, help, labels, seriesMax } of abouts) {
      assert.equal(exposed.types.get(name), type)
      assert.equal(exposed.helps.get(name), help)
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      const own = exposed.series.filter((one) => suffixes.some((end) => one.name === name + end))
      assert.ok(own.length <= seriesMax, `${name} has ${own.length} series`)
      for (const { labels: told } of own) {
        const { le: _le, ...rest } = told
        assert.deepEqual(Object.keys(rest).sort(), Object.keys(labels).sort(), name)
      }
    }
  })
}

test('the figures of the service are for who has the token, and hold no secret', async () => {
  assert.equal((await get('service', '/metrics')).status, 401)
  assert.equal((await get('service', '/metrics', { authorization: 'Bearer x' })).status, 401)
  const { keys, listenerKey } = JSON.parse(
    readFileSync(join(parts.dataDir, 'secrets.json'), 'utf8'),
  ) as Record<string, string>
  for (const process of ['listener', 'service'] as const) {
    const response = await get(process, '/metrics', { authorization: `Bearer ${token}` })
    const text = await response.text()
    for (const secret of [keys, listenerKey, token, 'sandbox', 'contacts', 'sync_salesforce']) {
      assert.ok(!text.includes(secret ?? '?'), `${process}: ${secret}`)
    }
  }
})

interface Line {
  readonly level: string
  readonly event: string
  readonly [field: string]: unknown
}

/** The lines of one process that hold the text and have come whole: what grep finds. */
function grep(process: Process, text: string): Line[] {
  return parts[process].output().split('\n')
    .filter((line) => line.includes(text) && line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line)
}

/** The last mutation that is at its end, by the log of a process. */
const lastEnded = (process: Process) => grep(process, '"mutation.done"').at(-1)?.['mutation']

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const comment = `/*action='x',traceparent='00-${traceId}-00f067aa0ba902b7-01'*/`

test('one mutation is followed by its id through both processes, in its trace', async () => {
  await withClient((client) =>
    client.query(`insert into salesforce.contacts (last_name) values ('Traced') ${comment}`)
  )
  const [row] = await parts.store`
    select id from sluice_store.mutations order by received_at desc limit 1`
  const id = String(row?.['id'])
  await until(
    'the apply to be told',
    () =>
      grep('service', id).at(-1)?.event === 'mutation.applied' &&
      grep('listener', id).at(-1)?.event === 'mutation.done',
  )
  const listener = grep('listener', id)
  const service = grep('service', id)
  assert.deepEqual(listener.map(({ level, event }) => `${level} ${event}`), [
    'debug mutation.received',
    'debug mutation.planned',
    'debug mutation.sent',
    'debug mutation.answered',
    'debug mutation.applied',
    'info mutation.done',
  ])
  const steps = service.filter(({ event }) => event.startsWith('mutation.'))
  assert.deepEqual(steps.map(({ level, event }) => `${level} ${event}`), [
    'debug mutation.received',
    'debug mutation.sending',
    'info mutation.done',
    'debug mutation.applied',
  ])
  const adapter = service.filter(({ event }) => event === 'salesforce.answered')
  assert.ok(adapter.length >= 1, 'the adapter says what the platform answered')
  const done = [listener.at(-1), steps[2]]
  assert.deepEqual(
    done.map((line) => [line?.['state'], line?.['operation'], line?.['rows'], line?.['table']]),
    [['committed', 'insert', 1, 'salesforce.contacts'], [
      'accepted',
      'insert',
      1,
      'salesforce.contacts',
    ]],
  )
  for (const field of ['planMs', 'sendMs', 'applyMs', 'totalMs']) {
    assert.equal(typeof done[0]?.[field], 'number', field)
  }
  const traced = [...listener, ...steps.slice(0, 3), ...adapter]
  assert.deepEqual([...new Set(traced.map((line) => line['trace_id']))], [traceId])
  const spans = [listener, steps.slice(0, 3)].map((lines) => [
    ...new Set(lines.map((line) => String(line['span_id']))),
  ])
  assert.deepEqual(spans.map((list) => list.length), [1, 1], 'one span in each process')
  assert.equal(new Set([...spans.flat(), '00f067aa0ba902b7']).size, 3, 'each span is a new one')
  const told = (await parts.exchanges()).filter((one) => JSON.stringify(one).includes(traceId))
  assert.deepEqual(told, [], 'the platform does not hear of the trace')
})

test('a refused mutation says in both logs which fault it was', async () => {
  const before = { listener: lastEnded('listener'), service: lastEnded('service') }
  await withClient(async (client) => {
    const bad = `insert into salesforce.contacts (last_name, email) values ('Refused', 'x')`
    assert.equal(await refused(client.query(`-- traceparent=garbage\n${bad}`)), '23514')
  })
  for (const process of ['listener', 'service'] as const) {
    await until('the line to come', () => lastEnded(process) !== before[process])
    const line = grep(process, '"mutation.done"').at(-1)
    assert.deepEqual([line?.['state'], line?.['fault']], ['refused', 'validation_error'], process)
    assert.equal(line?.['trace_id'], undefined)
  }
})

test('a prepared statement is in the trace of its text, and its comment does not hide it', async () => {
  const text = `${comment.replace('4bf9', 'aaaa')} update salesforce.contacts set title = $1
    where last_name = 'Traced' -- traceparent='00-${'b'.repeat(32)}-00f067aa0ba902b7-01'`
  const before = lastEnded('listener')
  await withClient((client) => client.query({ name: 'traced', text, values: ['Dr'] }))
  await until('the line to come', () => lastEnded('listener') !== before)
  const line = grep('listener', '"mutation.done"').at(-1)
  assert.deepEqual(
    [line?.['trace_id'], line?.['state'], line?.['operation']],
    [traceId.replace('4bf9', 'aaaa'), 'committed', 'update'],
  )
})

test('the HTTP door takes the trace of the request', async () => {
  const trace = '11111111111111111111111111111111'
  const response = await fetch(
    `http://127.0.0.1:${parts.servicePort}/v1/syncs/sync_salesforce/tables/contacts/records`,
    {
      method: 'POST',
      headers: {
        authorization: 'Bearer sluice_demo_salesforce',
        traceparent: `00-${trace}-2222222222222222-00`,
      },
      body: JSON.stringify({ records: [{ last_name: 'By HTTP' }] }),
    },
  )
  assert.equal(response.status, 201)
  const { mutation } = await response.json() as { mutation: { id: string } | string }
  const id = typeof mutation === 'string' ? mutation : mutation.id
  await until(
    'the apply to be told',
    () =>
      grep('service', id).some(({ event, level, ...line }) =>
        event === 'mutation.applied' && level === 'debug' && line['applyMs'] === undefined
      ) && grep('service', id).filter(({ event }) => event === 'mutation.done').length >= 2,
  )
  const done = grep('service', id).filter(({ event }) => event === 'mutation.done')
  assert.deepEqual(done.map((line) => `${line.level} ${String(line['state'])}`).sort(), [
    'debug committed',
    'info accepted',
  ])
  assert.deepEqual(done.map((line) => line['trace_id']), [trace, trace])
})

test('a listener is ready while it can serve, and says what is missing when it cannot', async () => {
  assert.deepEqual(await ready('listener'), { status: 200, notReady: [] })
  await withClient((client) => client.query('select 1'))
  await parts.service.kill()
  // the configuration is known: reads go on
  await until('the state of the service to be seen', async () => {
    const { checks } = await (await get('listener', '/readyz')).json() as {
      checks: Record<string, string>
    }
    return checks['service'] === 'unreachable'
  })
  assert.deepEqual(await ready('listener'), { status: 200, notReady: [] })
  await withClient((client) => client.query('select 1'))
  await parts.listener.terminate()
  await startListener(listenerEnv())
  assert.deepEqual(await ready('listener'), {
    status: 503,
    notReady: ['service', 'configuration'],
  })
  assert.equal((await get('listener', '/healthz')).status, 200)
  await parts.service.start({ SLUICE_METRICS_TOKEN: token, SLUICE_LOG_LEVEL: 'debug' })
  await until('the listener to be ready', async () => (await ready('listener')).status === 200)
})

test('a listener with a wrong key is not ready', async () => {
  await parts.listener.terminate()
  await startListener({ ...listenerEnv(), SLUICE_LISTENER_KEY: 'wrong' })
  const response = await get('listener', '/readyz')
  const { checks } = await response.json() as { checks: Record<string, string> }
  assert.deepEqual([response.status, checks['service']], [503, 'unauthorized'])
  assert.equal(await refused(withClient((client) => client.query('select 1'))), '58030')
  await until('it to be told', () => grep('listener', 'listener_key_refused').length > 0)
  const told = grep('listener', 'listener_key_refused').map(({ level, event }) => [level, event])
  assert.deepEqual(told, [['error', 'listener_key_refused']], 'once, whoever asks')
  await parts.listener.terminate()
  await startListener(listenerEnv())
})

for (const process of ['listener', 'service'] as const) {
  test(`a ${process} that is told to end is not ready at first, and works until the notice is over`, async () => {
    const part = parts[process]
    const more = process === 'listener' ? listenerEnv() : { SLUICE_METRICS_TOKEN: token }
    // a slow machine may need more than the first notice: then with one that is long enough
    for (const noticeMs of [5_000, 60_000]) {
      await part.terminate()
      await part.start({ ...more, SLUICE_DRAIN_NOTICE_MS: String(noticeMs) })
      await until('it to be ready', async () => (await ready(process)).status === 200)
      const from = performance.now()
      const ended = part.terminate()
      const late = await worksAtTheEnd(process).then(() => null, (error: unknown) => error)
      if (performance.now() - from < noticeMs) assert.ifError(late)
      assert.equal(await ended, 0)
      if (late === null) break
      if (noticeMs === 60_000) assert.ifError(late)
    }
    await part.start(more)
  })
}

async function worksAtTheEnd(process: Process): Promise<void> {
  await until('it to say that it ends', async () => {
    const { status, notReady } = await ready(process)
    return status === 503 && notReady.includes('draining')
  })
  await withClient((client) =>
    client.query(`insert into salesforce.contacts (last_name) values ('At the end')`)
  )
}
