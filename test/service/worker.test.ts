// Goal: the process starts, ends when told to, finishes what it began, and says what it left when it was killed.
// Method: the worker as a child process, the sandbox as its platform.

import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { after, afterEach, before, test } from 'node:test'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { saveDatabase } from '../../src/store/databases.ts'
import { saveListenerKey } from '../../src/store/keys.ts'
import { presenceClass } from '../../src/store/presence.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { saveSync } from '../../src/store/syncs.ts'
import { freePort, testCluster } from '../help/cluster.ts'
import { address, contacts, update } from '../store/help.ts'
import { startLink } from '../store/link.ts'
import { type Answer, headers, listenerKey, until } from './help.ts'

type Worker = ChildProcessByStdio<Writable, null, Readable> & {
  lines: string[]
  url: string
  /** Its exit code, or null when a signal ended it. (Deno sets `signalCode` as soon as a signal is sent.) */
  exited: Promise<number | null>
}

const keys = `test:${randomBytes(32).toString('base64')}`
const cluster = await testCluster()
const workers = new Set<Worker>()
let storeUrl: string
let store: Store
let sandbox: Sandbox
let http: Http
let record: { id: string }

before(async () => {
  storeUrl = await cluster.createDatabase()
  store = openStore({ url: storeUrl, keyring: parseKeyring(keys), connectionsMax: 4 })
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
})

afterEach(async () => {
  for (const worker of workers) {
    worker.kill('SIGKILL')
    await worker.exited
  }
  workers.clear()
})

after(async () => {
  await Promise.allSettled([store?.close(), http?.close(), sandbox?.close()])
  await cluster.stop()
})

function start(port: number, more: Record<string, string> = {}): Worker {
  const flags = process.versions['deno'] === undefined ? [] : ['run', '-A', '--no-check']
  const child = spawn(process.execPath, [...flags, 'workers/mutations.ts'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {
      ...process.env,
      SLUICE_STORE_URL: storeUrl,
      SLUICE_KEYS: keys,
      SLUICE_SERVICE_PORT: String(port),
      SLUICE_PRIVATE_ADDRESSES: 'allow',
      ...more,
    },
  })
  const worker: Worker = Object.assign(child, {
    lines: [],
    url: `http://127.0.0.1:${port}`,
    exited: new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code))),
  })
  let rest = ''
  child.stderr.on('data', (chunk: Uint8Array) => {
    const lines = (rest + new TextDecoder().decode(chunk)).split('\n')
    rest = lines.pop() ?? ''
    worker.lines.push(...lines)
  })
  workers.add(worker)
  return worker
}

async function ready(more: Record<string, string> = {}): Promise<Worker> {
  const worker = start(await freePort(), more)
  const ask = () => http.send({ method: 'GET', url: `${worker.url}/readyz`, waitMs: 2_000 })
  await until(() => {
    assert.equal(worker.exitCode, null, worker.lines.join('\n'))
    return ask().then(({ status }) => status === 200, () => false)
  }, 120_000)
  return worker
}

/** One sync of the sandbox's contacts, and one record of it. */
async function seedSandbox(): Promise<void> {
  const baseUrl = sandbox.platformUrl('salesforce')
  await saveListenerKey(store, { id: 'test', key: listenerKey })
  const credential = { kind: 'key', key: 'sandbox' } as const
  await saveConnection(store, { id: 'acme', platform: 'salesforce', baseUrl, credential })
  await saveDatabase(store, { id: 'demo', address }, { random: randomBytes })
  const fields: Record<string, string> = {
    id: 'Id',
    email: 'Email',
    name: 'Name',
    created_at: 'CreatedDate',
  }
  const columns = contacts().columns.map((column) => ({
    ...column,
    field: fields[column.name] ?? column.field,
  }))
  const table = { ...contacts(), columns }
  await saveSync(store, {
    id: 'sync_test01',
    connectionId: 'acme',
    databaseId: 'demo',
    schema: 'salesforce',
    tables: [table],
    users: [],
  })
  const page = await adapterFor('salesforce').page(table, null, {
    baseUrl,
    settings: {},
    http,
    deadline: { at: Date.now() + 60_000 },
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {}, error() {}, with: () => assert.fail() },
    token: () => Promise.resolve('sandbox'),
  })
  record = page.rows[0] ?? assert.fail('the sandbox has no contact')
}

function edit(email: string) {
  return update({ rows: [{ ordinal: 1, id: record.id, values: { email } }] })
}

async function send(worker: Worker, mutation: ReturnType<typeof edit>): Promise<Answer> {
  const body = JSON.stringify({ mutation, waitMs: 60_000 })
  const url = `${worker.url}/internal/mutations`
  const answer = await http.send({ method: 'POST', url, headers, body, waitMs: 90_000 })
  return JSON.parse(answer.body) as Answer
}

/** The platform carries the next request out and holds its answer back, until `answerNow` or for ten minutes. */
async function holdAnswer(): Promise<void> {
  const latency = { platform: 'salesforce', kind: 'latency', times: 1, latencyMs: 600_000 }
  const answer = await http.send({
    method: 'POST',
    url: `${sandbox.url}/_mischief`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(latency),
    waitMs: 60_000,
  })
  assert.ok(answer.status < 300, answer.body)
}

async function answerNow(): Promise<void> {
  await http.send({ method: 'DELETE', url: `${sandbox.url}/_mischief`, waitMs: 60_000 })
}

/** Has the platform carried it out? */
async function isHeard(email: string): Promise<boolean> {
  const url = `${sandbox.url}/_records/salesforce/contacts`
  const { body } = await http.send({ method: 'GET', url, waitMs: 60_000 })
  return body.includes(email)
}

async function isSent(id: string): Promise<boolean> {
  const [row] = await store.sql`select state from sluice_store.mutations where id = ${id}`
  return row?.['state'] === 'sent'
}

test('it migrates an empty store, answers over its socket, and ends with 0 when told to', async () => {
  const worker = await ready()
  await seedSandbox()
  assert.equal((await send(worker, edit('paul@dune.co'))).state, 'accepted')
  process.kill(worker.pid ?? 0, 'SIGTERM')
  assert.equal(await worker.exited, 0)
  await until(() => worker.lines.some((line) => line.includes('service.ended')))
})

test('told to end, it finishes the mutation that is under way and answers it', async () => {
  const worker = await ready()
  await holdAnswer()
  const mutation = edit('leto@dune.co')
  const answer = send(worker, mutation)
  await until(async () => await isSent(mutation.id) && await isHeard('leto@dune.co'))
  process.kill(worker.pid ?? 0, 'SIGTERM')
  await until(() => worker.lines.some((line) => line.includes('service.draining')))
  await answerNow()
  assert.equal((await answer).state, 'accepted')
  assert.equal(await worker.exited, 0)
})

test('killed, its successor finds out what became of it and sends nothing again', async () => {
  const killed = await ready()
  await holdAnswer()
  const mutation = edit('jessica@dune.co')
  const answer = send(killed, mutation).catch(() => 'lost')
  await until(async () => await isSent(mutation.id) && await isHeard('jessica@dune.co'))
  killed.kill('SIGKILL')
  assert.equal(await answer, 'lost')
  // Postgres may need a while to see that the process is gone
  await until(async () =>
    (await store.sql`
      select from pg_locks where locktype = 'advisory' and granted and classid = ${presenceClass}
        and database = (select oid from pg_database where datname = current_database())`)
      .count === 0
  )
  const worker = await ready()
  await until(() => worker.lines.some((line) => line.includes('journal.swept')))
  // the platform had carried it out: that is found out in the request itself, for which there are 15 seconds
  const again = await send(worker, mutation)
  assert.equal(again.state, 'accepted', worker.lines.join('\n'))
})

test('a database that goes away in the middle of a recovery does not take the service with it', async () => {
  const link = await startLink(cluster.port, { cutAt: 'pg_backend_pid' })
  const far = { port: link.port, database: 'postgres', user: 'postgres', password: 'postgres' }
  await saveDatabase(store, { id: 'demo', address: { ...address, ...far } }, {
    random: randomBytes,
  })
  try {
    const worker = await ready({ SLUICE_RECOVERY_AFTER_MS: '0' })
    assert.equal((await send(worker, edit('chani@dune.co'))).state, 'accepted')
    await until(() => {
      assert.equal(worker.exitCode, null, worker.lines.join('\n'))
      return worker.lines.some((line) => line.includes('recovery.failed'))
    }, 120_000)
    assert.equal((await send(worker, edit('stilgar@dune.co'))).state, 'accepted')
    assert.equal(worker.exitCode, null, worker.lines.join('\n'))
  } finally {
    await link.close()
  }
})

test('it ends with its standard input when it is a child', async () => {
  const worker = await ready({ SLUICE_EXIT_WITH_STDIN: '1' })
  worker.stdin.end()
  assert.equal(await worker.exited, 0)
})

test('without what it needs it ends with 2 and says what is missing', async () => {
  const worker = start(await freePort(), { SLUICE_KEYS: 'k1:short' })
  assert.equal(await worker.exited, 2)
  await until(() => worker.lines.some((line) => line.includes('Cannot read key 1')))
  assert.ok(!worker.lines.join('').includes('short'))
})
