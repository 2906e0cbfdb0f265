// Goal: workers/sync.ts fills and follows every table of all platforms, whatever is done to its processes. Method: the
// sandbox, a real store and database, workers as processes of their own that are killed and stopped; in the end the
// tables are compared with the platforms' records, field by field, by a mapping of this file's own.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { freePort, type TestCluster, testCluster } from '../help/cluster.ts'
import { readExposition } from '../help/exposition.ts'
import { areQuiet, eventually, type Mirror, startMirror, startSyncWorker } from '../help/mirror.ts'
import { metricsOf } from '../help/readme-metrics.ts'

let cluster: TestCluster
let mirror: Mirror
const workers: ReturnType<typeof startSyncWorker>[] = []

function startWorker(env: Record<string, string>): ReturnType<typeof startSyncWorker> {
  const worker = startSyncWorker(mirror, env)
  workers.push(worker)
  return worker
}

type Record_ = Readonly<Record<string, unknown>>
type Fields = Readonly<Record<string, string | null>>

before(async () => {
  cluster = await testCluster()
  mirror = await startMirror(cluster)
  await mirror.add('salesforce', ['Contact', 'Account', 'Lead', 'Opportunity', 'Project__c'])
  await mirror.add('stripe', ['customers', 'products', 'prices', 'coupons'])
  await mirror.add('airtable', ['*'])
  await mirror.add('github', ['issues', 'labels', 'milestones'])
  await mirror.add('hubspot', ['contacts', 'companies'])
})
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.kill('SIGKILL')
    await worker.exited
  }
})
after(async () => {
  await mirror?.close()
  await cluster?.stop()
})

async function control(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(mirror.sandbox.url + path, init)
  const text = await response.text()
  assert.ok(response.ok, `${path}: ${response.status} ${text}`)
  return text
}

const textOf = (value: unknown) =>
  value === undefined || value === null || value === '' ? null : String(value as string)
const member = (record: Record_, name: string) => record[name] as Record_ | undefined

interface Compared {
  readonly platform: string
  readonly records: string
  readonly table: string
  readonly columns: readonly string[]
  readonly fieldsOf: (record: Record_) => Fields
}

const compared: readonly Compared[] = [
  {
    platform: 'salesforce',
    records: 'contacts',
    table: 'salesforce.contacts',
    columns: ['id', 'first_name', 'last_name', 'email'],
    fieldsOf: (r) => ({
      id: textOf(r['Id']),
      first_name: textOf(r['FirstName']),
      last_name: textOf(r['LastName']),
      email: textOf(r['Email']),
    }),
  },
  {
    platform: 'stripe',
    records: 'customers',
    table: 'stripe.customers',
    columns: ['id', 'email', 'name'],
    fieldsOf: (r) => ({ id: textOf(r['id']), email: textOf(r['email']), name: textOf(r['name']) }),
  },
  {
    platform: 'airtable',
    records: 'contacts',
    table: 'airtable.contacts',
    columns: ['id', 'name', 'email'],
    fieldsOf: (r) => ({
      id: textOf(r['id']),
      name: textOf(member(r, 'fields')?.['Name']),
      email: textOf(member(r, 'fields')?.['Email']),
    }),
  },
  {
    platform: 'hubspot',
    records: 'contacts',
    table: 'hubspot.contacts',
    columns: ['id', 'email', 'firstname'],
    fieldsOf: (r) => ({
      id: textOf(r['id']),
      email: textOf(member(r, 'properties')?.['email']),
      firstname: textOf(member(r, 'properties')?.['firstname']),
    }),
  },
]

const inOrder = (rows: readonly Fields[]) => rows.map((row) => JSON.stringify(row)).sort()

async function assertEqualTables(): Promise<void> {
  for (const { platform, records, table, columns, fieldsOf } of compared) {
    const all = JSON.parse(await control(`/_records/${platform}/${records}`)) as Record_[]
    const theirs = all.filter((r) => r['IsDeleted'] !== true && r['archived'] !== true).map(
      fieldsOf,
    )
    const found = await mirror.sql.unsafe(
      `select ${columns.map((name) => `${name}::text`).join(', ')} from ${table}`,
    )
    const ours = found.map((row) =>
      Object.fromEntries(columns.map((name) => [name, textOf(row[name])]))
    )
    assert.ok(theirs.length > 0, `${table}: nothing to compare`)
    assert.deepEqual(inOrder(ours), inOrder(theirs), table)
  }
}

async function stripe(method: string, path: string, fields: Record<string, string> = {}) {
  const body = method === 'POST' ? { body: new URLSearchParams(fields).toString() } : {}
  return JSON.parse(
    await control(`/stripe/v1/${path}`, {
      method,
      headers: {
        authorization: 'Bearer sandbox',
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...body,
    }),
  ) as Record_
}

test('killed again and again, two at once, the processes fill every table, and each is the platform', async () => {
  await control('/_seed/stripe/customers', {
    method: 'POST',
    body: JSON.stringify({ count: 120 }),
  })
  await control('/_seed/salesforce/contacts', {
    method: 'POST',
    body: JSON.stringify({ count: 3_000 }),
  })
  const env = { SLUICE_SYNC_LEASE_MS: '700', SLUICE_LOG_LEVEL: 'info' }
  const steady = startWorker({ ...env, SLUICE_SYNC_TABLES_MAX: '1' })
  let customer: unknown = null
  for (let kills = 0; kills < 5; kills++) {
    const worker = startWorker(env)
    const [from] = await mirror.store.sql`select sum(fence) as sum from sluice_store.table_states`
    // something is under way when it dies
    await eventually(async () => {
      const [now] = await mirror.store.sql`select sum(fence) as sum from sluice_store.table_states`
      return { sum: Number(now?.['sum'] ?? 0), log: worker.log() }
    }, { holds: ({ sum }) => sum > Number(from?.['sum'] ?? 0) })
    if (kills % 3 === 0) customer = (await stripe('POST', 'customers', { name: `k${kills}` }))['id']
    worker.kill('SIGKILL')
    await worker.exited
  }
  await stripe('POST', `customers/${String(customer)}`, { email: 'late@dune.co' })
  const last = startWorker({ ...env, SLUICE_POLL_MS: '500' })
  await eventually(() => mirror.states(), { holds: areQuiet, waitMs: 180_000 })
  await eventually(async () => {
    const [row] = await mirror.sql`select email from stripe.customers where id = ${
      String(customer)
    }`
    return row?.['email']
  }, { holds: (email) => email === 'late@dune.co', waitMs: 120_000 })
  await assertEqualTables()
  for (const worker of [steady, last]) {
    worker.kill('SIGTERM')
    assert.equal(await worker.exited, 0)
  }
  const left = (await mirror.states()).filter(({ owner }) => owner !== null)
  assert.deepEqual(left, [], 'a process that ended in order leaves nothing claimed')
})

test('what is made, changed and deleted directly at a platform is in the table after its interval', async () => {
  const worker = startWorker({ SLUICE_POLL_MS: '300', SLUICE_LOG_LEVEL: 'info' })
  const email = async (id: string) => {
    const [row] = await mirror.sql`select email from stripe.customers where id = ${id}`
    return row === undefined ? 'none' : row['email'] as string | null
  }
  const id = String((await stripe('POST', 'customers', { email: 'made@dune.co' }))['id'])
  const become = (wanted: string) =>
    eventually(() => email(id), { holds: (seen) => seen === wanted, waitMs: 120_000 })
  await become('made@dune.co')
  await stripe('POST', `customers/${id}`, { email: 'changed@dune.co' })
  await become('changed@dune.co')
  await stripe('DELETE', `customers/${id}`)
  await become('none')
  worker.kill('SIGTERM')
  assert.equal(await worker.exited, 0)
})

test('the process tells those who watch it that it is there, that it is ready, and every metric that it has', async () => {
  const port = await freePort()
  const worker = startWorker({ SLUICE_SYNC_HTTP_PORT: String(port) })
  const look = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null)
    return { status: response?.status ?? 0, text: await response?.text() ?? '' }
  }
  await eventually(() => look('/readyz'), {
    holds: ({ status }) => status === 200,
    waitMs: 120_000,
  })
  assert.equal((await look('/healthz')).status, 200)
  const { names } = readExposition((await look('/metrics')).text)
  assert.deepEqual([...names].sort(), metricsOf('sync').map(({ name }) => name).sort())
  worker.kill('SIGTERM')
  assert.equal(await worker.exited, 0)
})

test('a process that was stopped for longer than its lease writes nothing of what it had read', async () => {
  const worker = startWorker({ SLUICE_SYNC_LEASE_MS: '600', SLUICE_POLL_MS: '100' })
  await eventually(() => mirror.states(), {
    holds: (states) => states.some(({ owner }) => owner !== null),
  })
  worker.kill('SIGSTOP')
  const other = startWorker({ SLUICE_SYNC_LEASE_MS: '600', SLUICE_POLL_MS: '300' })
  const id = String((await stripe('POST', 'customers', { email: 'once@dune.co' }))['id'])
  await stripe('POST', `customers/${id}`, { email: 'twice@dune.co' })
  await eventually(async () => {
    const [row] = await mirror.sql`select email from stripe.customers where id = ${id}`
    return row?.['email']
  }, { holds: (seen) => seen === 'twice@dune.co', waitMs: 120_000 })
  worker.kill('SIGCONT')
  worker.kill('SIGTERM')
  assert.notEqual(await worker.exited, null)
  other.kill('SIGTERM')
  assert.equal(await other.exited, 0)
  await assertEqualTables()
})
