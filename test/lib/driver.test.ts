// Goal: a question has its own answer, whatever became of the connection before. Method: a relay cuts the way to a real Postgres
// after a row, and after an error; then the pool is asked something else.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { ownAnswers } from '../../src/lib/driver.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { createLedger, startRelay } from '../help/relay.ts'

let cluster: TestCluster
before(async () => {
  cluster = await testCluster()
})
after(() => cluster?.stop())

/** A pool of one connection, cut once after the first such message of Postgres. */
async function withCut(label: string, work: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const ledger = createLedger()
  const of = (action: { way: string; label: string }) =>
    action.way === 'back' && action.label === label
  const relay = await startRelay({
    link: 'database',
    target: cluster.port,
    protocol: 'postgres',
    ledger,
  })
  const url = new URL(await cluster.createDatabase())
  url.port = String(relay.port)
  const sql = ownAnswers(postgres(url.href, {
    max: 1,
    connect_timeout: 60,
    fetch_types: false,
    onnotice: () => {},
  }))
  try {
    await sql`select 1`
    ledger.restart({ at: 1, deed: 'cut-after', of })
    await work(sql)
    assert.ok(ledger.struck, 'it was cut')
  } finally {
    await sql.end({ timeout: 5 })
    await relay.close()
  }
}

const rowsOf = (rows: Iterable<unknown> = []) => [...rows]

for (
  const [name, ask] of Object.entries({
    'a statement with parameters': async (sql: postgres.Sql) =>
      rowsOf(await sql`select n as row from generate_series(1, ${2}::int) n order by n`),
    'one without': async (sql: postgres.Sql) =>
      rowsOf(await sql`select n as row from generate_series(1, 2) n order by n`),
    'a text that is sent as it is': async (sql: postgres.Sql) =>
      rowsOf(await sql.unsafe('select 1 as row union all select 2 order by 1')),
    'the first of several statements': async (sql: postgres.Sql) =>
      rowsOf((await sql.unsafe('select 1 as row union all select 2 order by 1; select 3'))[0]),
    'one in a transaction': async (sql: postgres.Sql) =>
      rowsOf(await sql.begin((sql) => sql`select n as row from generate_series(1, 2) n`)),
  })
) {
  test(`a connection lost in the middle of rows leaves no gaps in the next answer: ${name}`, async () => {
    await withCut('D', async (sql) => {
      await assert.rejects(sql`select n from generate_series(1, 3) n`, /CONNECTION|ECONNRESET/)
      assert.deepEqual(await ask(sql), [{ row: 1 }, { row: 2 }])
      assert.deepEqual(await ask(sql), [{ row: 1 }, { row: 2 }])
    })
  })
}

test('rows as lists, and none at all, are as they are', async () => {
  await withCut('D', async (sql) => {
    await assert.rejects(sql`select n from generate_series(1, 3) n`, /CONNECTION|ECONNRESET/)
    assert.deepEqual(rowsOf(await sql`select 1, ${2}::int`.values()), [[1, 2]])
    assert.deepEqual(rowsOf(await sql`select 1 where false`), [])
    assert.equal((await sql`select 1 from generate_series(1, 3)`).count, 3)
  })
})

test('an error whose connection was lost is not told to whoever asks next', async () => {
  await withCut('E', async (sql) => {
    await sql`create table once (id int primary key)`
    await sql`insert into once values (1)`
    await assert.rejects(sql`insert into once values (${1})`, /CONNECTION|ECONNRESET/)
    const next = sql`select ${5}::int as row`.then(rowsOf)
    // it may be told that the connection was lost, since it was not sent then; but not what another is refused for
    const told = await next.catch(({ code }: { code: unknown }) => code)
    assert.ok(told === 'CONNECTION_CLOSED' || Array.isArray(told), String(told))
    assert.deepEqual(rowsOf(await sql`select ${5}::int as row`), [{ row: 5 }])
  })
})

test('an error of its own passes', async () => {
  await withCut('E', async (sql) => {
    await assert.rejects(sql`select ${1}::int / 0`, /CONNECTION|ECONNRESET/)
    await sql`select 1`.catch(() => {})
    await assert.rejects(sql`select ${1}::int / 0`, { code: '22012' })
    await assert.rejects(sql`select nothing`, { code: '42703' })
    await assert.rejects(sql.unsafe('select nothing'), { code: '42703' })
  })
})
