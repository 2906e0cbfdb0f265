// Goal: whatever stops under the sync process, it goes on where it was, and nothing is lost. Method: a Postgres of this file's
// own, with the store and the customer's database in it, that is restarted in the middle; a worker as a process of its own;
// a store that does not answer when a table is let go.

import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { type Cluster, startCluster } from '../../src/lib/cluster.ts'
import { fault } from '../../src/mutation/fault.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Store } from '../../src/store/store.ts'
import { freePort } from '../help/cluster.ts'
import {
  areQuiet,
  eventually,
  type Mirror,
  startMirror,
  startSyncWorker,
  takeAway,
} from '../help/mirror.ts'
import { createModelPlatform } from '../help/model-platform.ts'

let folder: string
let options: Parameters<typeof startCluster>[0]
let cluster: Cluster
let mirror: Mirror

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-restart-'))
  chmodSync(folder, 0o755)
  const port = await freePort()
  options = { dataDir: join(folder, 'data'), port, password: 'postgres' }
  cluster = await startCluster(options)
  let count = 0
  const url = (name: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${name}`
  mirror = await startMirror({
    port,
    url,
    stop: () => Promise.resolve(),
    createDatabase: async () => {
      const name = `restart_${++count}`
      const sql = postgres(url('postgres'), { max: 1 })
      await sql.unsafe(`create database ${name}`)
      await sql.end()
      return url(name)
    },
  })
  await mirror.add('salesforce', ['Contact'])
  await mirror.add('stripe', ['customers'])
})
after(async () => {
  await mirror?.close()
  await cluster?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

async function restart(mode: 'fast' | 'immediate'): Promise<void> {
  await cluster.stop(mode)
  cluster = await startCluster(options)
}

/** The store may be away. */
const states = () => mirror.states().catch(() => [])

async function seed(path: string, count: number): Promise<void> {
  const body = JSON.stringify({ count })
  const response = await fetch(`${mirror.sandbox.url}/_seed/${path}`, { method: 'POST', body })
  assert.ok(response.ok, await response.text())
}

async function idsAt(path: string): Promise<string[]> {
  const response = await fetch(`${mirror.sandbox.url}/_records/${path}`)
  const records = await response.json() as Record<string, unknown>[]
  return records.filter((record) => record['IsDeleted'] !== true)
    .map((record) => String(record['Id'] ?? record['id'])).sort()
}

async function idsIn(table: string): Promise<string[]> {
  return (await mirror.sql.unsafe(`select id from ${table}`)).map(({ id }) => String(id)).sort()
}

test('a table that could not be let go, since the store was down, is worked on again when its lease is over', async () => {
  const model = createModelPlatform({ everyMs: 50 })
  let down = true
  let refused = 0
  const { store } = mirror
  const failing: Store = {
    ...store,
    ask: async (what, work) => {
      if (!down || what !== 'Letting go of a table') return await store.ask(what, work)
      refused += 1
      throw fault('service_unreachable')
    },
  }
  const engine = mirror.engine({
    adapterFor: (platform) => platform === 'salesforce' ? model.adapter : adapterFor(platform),
    store: failing,
    leaseMs: 600_000,
    sliceMs: 200,
    lookMs: 50,
  })
  // of both tables, once each
  await eventually(() => Promise.resolve(refused), { holds: (count) => count === 2 })
  down = false
  const held = await mirror.states()
  assert.deepEqual(held.map(({ owner }) => owner), ['test', 'test'], 'they are still claimed')
  model.set('003000000000001AAA', { last_name: 'later', email: 'later@dune.co' })
  await takeAway(mirror)
  await eventually(async () => {
    const [row] = await mirror.sql`select email from salesforce.contacts where last_name = 'later'`
    return row?.['email'] as unknown
  }, { holds: (email) => email === 'later@dune.co' })
  await engine.drain({ waitMs: 60_000 })
})

test('Postgres is restarted under a backfill, the store and the tables with it, and every table is filled', async () => {
  await mirror.store.sql`delete from sluice_store.table_states`
  await seed('salesforce/contacts', 30_000)
  await seed('stripe/customers', 1_500)
  const env = { SLUICE_SYNC_LEASE_MS: '2000', SLUICE_POLL_MS: '1000', SLUICE_LOG_LEVEL: 'info' }
  const worker = startSyncWorker(mirror, env)
  try {
    for (const mode of ['immediate', 'fast'] as const) {
      const rows = (found: Awaited<ReturnType<typeof states>>) =>
        found.reduce((sum, { pass }) => sum + (pass?.rows ?? 0), 0)
      const from = rows(await states())
      await eventually(states, {
        holds: (found) =>
          rows(found) > from ||
          (found.length > 0 && found.every(({ filledAt }) => filledAt !== null)),
        waitMs: 120_000,
      })
      await restart(mode)
    }
    await eventually(states, { holds: areQuiet, waitMs: 240_000, everyMs: 250 })
    assert.deepEqual(await idsIn('salesforce.contacts'), await idsAt('salesforce/contacts'))
    assert.deepEqual(await idsIn('stripe.customers'), await idsAt('stripe/customers'))
    worker.kill('SIGTERM')
    assert.equal(await worker.exited, 0)
  } finally {
    worker.kill('SIGKILL')
    await worker.exited
  }
})
