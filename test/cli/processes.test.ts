// Goal: `sluice` is each of the processes, with their exit codes and their heed of signals; and a mutation that is sent
// again reaches the platform once, and the table. Method: the whole system in processes of its own, on the sandbox.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { parseKeyring } from '../../src/store/seal.ts'
import { openStore } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { freePort } from '../help/cluster.ts'
import { mute } from '../help/mute.ts'
import { startSystem, type System, until } from '../help/system.ts'
import { root, sluice, sluiceWords } from './ran.ts'

const aKey = `k1:${randomBytes(32).toString('base64')}`

let system: System

before(async () => {
  const env = { SLUICE_PLATFORMS: 'salesforce', SLUICE_SANDBOX_LIMITS: '0', SLUICE_SYNC: 'once' }
  system = await startSystem({ env })
})
after(() => system?.stop())

test('a process that lacks its configuration ends at once, not with 0, and says what it lacks', async () => {
  const url = 'postgres://a:secret-of-pg@127.0.0.1:1/none'
  const lacks: [string, Record<string, string>, string][] = [
    ['listener', {}, 'SLUICE_LISTENER_KEY is not set'],
    ['listener', { SLUICE_LOG_LEVEL: 'loud' }, 'SLUICE_LOG_LEVEL must be '],
    ...['service', 'sync'].flatMap((name): [string, Record<string, string>, string][] => [
      [name, {}, 'SLUICE_STORE_URL is not set'],
      [name, { SLUICE_STORE_URL: url }, 'SLUICE_KEYS is not set'],
      [name, { SLUICE_STORE_URL: url, SLUICE_KEYS: 'k1:short' }, 'SLUICE_KEYS: Cannot read key 1'],
      [
        name,
        { SLUICE_STORE_URL: url.slice(9), SLUICE_KEYS: aKey },
        'SLUICE_STORE_URL is not like ',
      ],
      [
        name,
        { SLUICE_STORE_URL: `${url}:`, SLUICE_KEYS: aKey, SLUICE_STORE_CONNECTIONS: 'x' },
        'SLUICE_STORE_CONNECTIONS must be ',
      ],
      [name, { SLUICE_LOG_LEVEL: 'loud' }, 'SLUICE_LOG_LEVEL must be '],
    ]),
  ]
  for (const [name, env, words] of lacks) {
    const { code, err } = await sluice([name], { env })
    assert.equal(code, 2, `${name}: ${err}`)
    assert.ok(err.startsWith(words), err)
    assert.match(err, /^[^\n]+\n$/, 'one line')
    assert.doesNotMatch(err, /secret-of-pg/)
  }
})

test('a process that does not find its store ends with 1 and one line that says where it looked, why, and what to do', async () => {
  const stores = [
    // nobody listens there; a free port may be somebody's soon
    ['127.0.0.1:1/none', 'connect ECONNREFUSED 127.0.0.1:1'],
    [
      `127.0.0.1:${system.databasePort}/none`,
      'password authentication failed for user "nobody" (28P01)',
    ],
  ]
  for (const name of ['service', 'sync']) {
    for (const [place, why] of stores) {
      const url =
        `postgres://nobody:secret-of-pg@${place}?sslmode=disable&options=-c%20a.b%3Dhidden`
      const { code, out, err } = await sluice([name], {
        env: { SLUICE_STORE_URL: url, SLUICE_KEYS: aKey },
      })
      const hint = 'Look at SLUICE_STORE_URL: host, port, database, user, password, sslmode.'
      assert.equal(err, `the store at ${place} is unreachable: ${why}. ${hint}\n`)
      assert.deepEqual([code, out], [1, ''])
    }
  }
})

test('and so does one, and a command, where somebody takes its connection and says nothing', async () => {
  const silent = await mute()
  const { host, port } = silent.address
  const url = `postgres://nobody:secret-of-pg@${host}:${port}/none?sslmode=disable`
  try {
    const env = { SLUICE_STORE_URL: url, SLUICE_KEYS: aKey }
    await Promise.all(['service', 'sync', 'migrate', 'state'].map(async (name) => {
      const { code, err } = await sluice([name], { env })
      const [said, hint] = err.split(/[.\n] ?(?=Look at SLUICE_STORE_URL)/)
      const place = `the store at ${host}:${port}/none`
      assert.equal(said, `${place} is unreachable: it has not answered in time`, name)
      assert.match(hint ?? '', /^Look at [^\n]+\n$/)
      assert.equal(code, 1)
    }))
  } finally {
    silent.close()
  }
})

test('sluice service is the service, and ends by SIGTERM with 0', async () => {
  const { keys } = secrets()
  const port = await freePort()
  const [program = '', ...args] = sluiceWords(['service'])
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      SLUICE_STORE_URL: storeUrl(),
      SLUICE_KEYS: keys,
      SLUICE_SERVICE_PORT: String(port),
      SLUICE_PRIVATE_ADDRESSES: 'allow',
    },
  })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => err += chunk)
  const ended = new Promise<number | null>((done) => child.once('close', done))
  try {
    await until('the service is ready', async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
      await response?.body?.cancel()
      return response?.status === 200
    }, { waitMs: 180_000 })
    process.kill(child.pid ?? 0, 'SIGTERM') // child.kill on Deno forgets the exit code
    assert.equal(await ended, 0, err)
  } finally {
    child.kill('SIGKILL')
  }
})

test('a mutation that is sent again is written once at the platform and in the table, however often it is asked for', async () => {
  const id = await refusedInsert('again@dune.co')
  const env = {
    SLUICE_DATA_DIR: system.dataDir,
    SLUICE_DATABASE_PORT: String(system.databasePort),
    SLUICE_SERVICE_URL: `http://127.0.0.1:${system.servicePort}`,
  }
  const both = await Promise.all(
    [1, 2].map(() => sluice(['mutations', 'retry', id, '--yes'], { env })),
  )
  const told = both.map(({ out, err }) => out + err).join('\n')
  assert.match(told, /Sent again and written, as mutation [0-9a-f-]{36}\./)
  const again = await sluice(['mutations', 'retry', id, '--yes'], { env })
  assert.equal(again.code, 1)
  assert.match(again.out, /the same record was inserted later, by mutation/)
  const records = await system.records('contacts')
  assert.equal(records.filter((record) => record['Email'] === 'again@dune.co').length, 1)
  const rows = await system.sql`
    select last_name from salesforce.contacts where email = 'again@dune.co'`
  assert.deepEqual(rows.map((row) => row['last_name']), ['Again'])
  // that it is applied, the journal is told after the answer
  const states = await until('the journal to be told', async () => {
    const { out } = await sluice(['mutations', 'list', '--text', 'again@dune.co', '--json'], {
      env,
    })
    const all = (JSON.parse(out) as { state: string }[]).map(({ state }) => state)
    return all.includes('accepted') ? null : all
  })
  assert.deepEqual(states, ['applied', 'refused'])
})

function secrets(): { keys: string } {
  return JSON.parse(readFileSync(join(system.dataDir, 'secrets.json'), 'utf8')) as { keys: string }
}

function storeUrl(): string {
  return `postgres://postgres:postgres@127.0.0.1:${system.databasePort}/sluice_store`
}

/** An insert that the platform has refused since a record was locked, as the journal has it. */
async function refusedInsert(email: string): Promise<string> {
  const store = openStore({ url: storeUrl(), keyring: parseKeyring(secrets().keys) })
  try {
    const { version } = await readSync(store, 'sync_salesforce')
    const journal = createJournal(store, { service: 1 })
    const mutation = {
      id: crypto.randomUUID(),
      syncId: 'sync_salesforce',
      schema: 'salesforce',
      table: 'contacts',
      operation: 'insert',
      rows: [{ ordinal: 1, id: null, values: { last_name: 'Again', email } }],
    } as const
    await journal.begin(mutation, {
      hash: requestHash(mutation),
      syncVersion: version,
      state: 'sent',
    })
    const fault = faultData('row_locked', { platform: 'salesforce' })
    await journal.settle(mutation.id, { state: 'refused', fault })
    return mutation.id
  } finally {
    await store.close()
  }
}
