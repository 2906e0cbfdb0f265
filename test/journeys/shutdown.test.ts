// Goal: a signal to `npm start` loses nothing: what is under way is finished and committed, idle clients are told, and no
// process is left. Method: the whole system; its Postgres is started again afterwards to see what was committed.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import postgres from 'postgres'
import { startCluster } from '../../src/lib/cluster.ts'
import { freePort } from '../help/cluster.ts'
import { startSystem, type System, until, writesOf } from '../help/system.ts'
import { assertMirrors } from './mirror.ts'

async function withSystem(work: (system: System) => Promise<void>): Promise<void> {
  const system = await startSystem()
  try {
    await work(system)
  } finally {
    await system.stop() // asserts that the exit code is 0, that no process is left, that the ports are free
  }
}

/** A client, and the error that ended its connection. */
async function connect(system: System): Promise<{ client: pg.Client; ended: Promise<Error> }> {
  const client = new pg.Client({ connectionString: system.url() })
  const ended = new Promise<Error>((resolve) => client.on('error', resolve))
  await client.connect()
  return { client, ended }
}

/** The platform answers its next request when its mischief is cleared, not before. */
async function hold(system: System): Promise<void> {
  await system.mischief({ kind: 'latency', latencyMs: 600_000 })
}

/** What the database of a system that has been stopped holds. */
async function committed(system: System, query: string): Promise<postgres.Row[]> {
  const cluster = await startCluster({
    dataDir: join(system.dataDir, 'postgres'),
    port: await freePort(),
    password: 'postgres',
  })
  const sql = postgres(cluster.url('demo'), { max: 1 })
  try {
    return [...await sql.unsafe(query)]
  } finally {
    await sql.end()
    await cluster.stop()
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: a mutation under way is committed and answered, idle clients get 57P01`, async () => {
    await withSystem(async (system) => {
      const [idle, inBlock, mutating] = await Promise.all([
        connect(system),
        connect(system),
        connect(system),
      ])
      await inBlock.client.query('begin')
      await inBlock.client.query(`insert into public.local_notes values ('x', 'uncommitted')`)
      await system.clearExchanges()
      await hold(system)
      const work = mutating.client.query(
        `insert into salesforce.contacts (last_name) values ('Last Words') returning id, name`,
      )
      await until(
        'the platform to hear of the mutation',
        async () => writesOf(await system.exchanges()).length > 0,
      )
      const records = await system.records('contacts')
      const ending = system.terminate(signal)

      for (const { ended } of [idle, inBlock]) {
        const error = await ended
        assert.ok(error instanceof pg.DatabaseError, String(error))
        assert.equal(error.code, '57P01')
        assert.equal(error.severity, 'FATAL')
      }
      await system.clearMischief()
      const { rows: [row], command, rowCount } = await work
      assert.deepEqual([command, rowCount, row.name], ['INSERT', 1, 'Last Words'])
      assert.equal((await mutating.ended as pg.DatabaseError).code, '57P01')
      assert.equal(await ending, 0)

      assert.ok(records.some((record) => record['Id'] === row.id))
      const rows = await committed(
        system,
        `select id, (select count(*)::int from public.local_notes) as notes
          from salesforce.contacts where last_name = 'Last Words'`,
      )
      assert.deepEqual(rows, [{ id: row.id, notes: 0 }])
    })
  })
}

test('a mutation refused during the shutdown is told its error', async () => {
  await withSystem(async (system) => {
    const { client, ended } = await connect(system)
    await hold(system)
    const work = client.query(
      `insert into salesforce.contacts (last_name, email) values ('Bad', 'bad')`,
    ).then(() => null, (error: unknown) => error)
    await until(
      'the platform to hear of the mutation',
      async () => writesOf(await system.exchanges()).length > 0,
    )
    const idle = await connect(system)
    const ending = system.terminate()
    await idle.ended // it has begun to end
    await system.clearMischief()
    const error = await work
    assert.ok(error instanceof pg.DatabaseError, String(error))
    assert.equal(error.code, '23514')
    assert.equal((await ended as pg.DatabaseError).code, '57P01')
    assert.equal(await ending, 0)
  })
})

test('it starts again on its own data, and fills the tables anew from the platform', async () => {
  await withSystem(async (first) => {
    const [{ count } = { count: 0 }] = await first.sql<{ count: number }[]>`
      select count(*)::int from salesforce.contacts`
    assert.ok(count > 0)
    const insert =
      `insert into salesforce.contacts (last_name) values ('Second Life') returning name`
    assert.equal((await withQuery(first, insert)).rowCount, 1)
    assert.equal(await first.terminate(), 0)
    const second = await startSystem({ dataDir: first.dataDir })
    try {
      // the sandbox has forgotten the row
      const all = 'select count(*)::int from salesforce.contacts'
      assert.deepEqual((await withQuery(second, all)).rows, [{ count }])
      assert.deepEqual((await withQuery(second, insert)).rows, [{ name: 'Second Life' }])
      await assertMirrors(second)
    } finally {
      await second.stop()
    }
  })
})

async function withQuery(system: System, query: string): Promise<pg.QueryResult> {
  const { client } = await connect(system)
  try {
    return await client.query(query)
  } finally {
    await client.end()
  }
}

test('taken ports are named, and nothing is started', async () => {
  await withSystem(async (system) => {
    await assert.rejects(
      startSystem({ env: { SLUICE_LISTENER_PORT: String(system.listenerPort) } }),
      new RegExp(`ended with 2:\\s+Port ${system.listenerPort} is taken: set SLUICE_LISTENER_PORT`),
    )
  })
})
