// Goal: how a writer's work ends: a connection that is lost is the database's trouble and not the table's, what others do at
// the moment passes; what a pass has seen is forgotten in bounded steps, whatever else there is. Method: a real database whose
// sessions are ended, and a table of seen ids with many rows.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { withDeadline } from '../../src/lib/deadline.ts'
import { troubleOf } from '../../src/sync/troubles.ts'
import { reserveSession } from '../../src/sync/writer-session.ts'
import { testCluster } from '../help/cluster.ts'
import { type Ground, makeGround, record, syncId, until } from './writer-help.ts'

const cluster = await testCluster()
let ground: Ground
let fence = 0

before(async () => {
  ground = await makeGround(cluster)
})
after(async () => {
  await ground?.close()
  await cluster.stop()
})

const kindOf = (error: unknown) => {
  const table = { syncId, name: 'contacts', object: 'Contact' }
  return troubleOf(error, { table, connectionId: 'acme', databaseId: 'demo', now: 0 }).kind
}

test('a connection that is lost is a trouble of the database, whatever is asked afterwards', async () => {
  const writer = await ground.open(String(++fence))
  const mark = await writer.mark()
  const sessions = async () =>
    (await ground.owner`select pid from pg_stat_activity where usename <> current_user
      and datname = current_database()`).map((row) => Number(row['pid']))
  await ground.owner`select pg_terminate_backend(p) from unnest(${await sessions()}::int[]) p`
  await until(async () => (await sessions()).length === 0)
  for (let times = 0; times < 2; times++) {
    const asked = [
      () => writer.mark(),
      () => writer.write({ mark, rows: [record('1', 'a')], gone: [] }),
      () => writer.write({ mark, rows: [], gone: ['1'] }),
      () => writer.begin(),
      () => writer.estimate(),
      () => writer.sample(1),
      () => writer.show({ problem: null }),
    ]
    for (const ask of asked) {
      const error: unknown = await ask().then(() => null, (cause: unknown) => cause)
      assert.equal(kindOf(error), 'database', String(error))
    }
  }
  await writer.close()
})

test('what waits for its turn hears at once that the connection is lost', async () => {
  const session = await reserveSession(ground.sql)
  // the driver keeps back what comes after a statement that it does not know yet
  const asked = [
    session.run('select pg_sleep($1::text::float8)', ['60']),
    session.run('select $1::text as one', ['1']),
    session.run('select 2'),
    session.copy('copy pg_temp.nothing from stdin', '1\n'),
  ].map((answer) => answer.then(() => null, (cause: unknown) => cause))
  const sleeping = () =>
    ground.owner`
    select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`
  await until(async () => (await sleeping()).length === 1)
  await ground.owner`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`
  const errors = await withDeadline(Promise.all(asked), { waitMs: 40_000, what: 'Hearing of it' })
  for (const error of errors) assert.equal(kindOf(error), 'database', String(error))
  session.release()
})

test('locks, deadlocks and statements that took too long pass; what a value is not lasts', async () => {
  const kinds = async (text: string) => {
    const error: unknown = await ground.owner.unsafe(text).then(() => null, (cause) => cause)
    assert.ok(error instanceof postgres.PostgresError)
    return [error.code, kindOf(error)]
  }
  for (const code of ['55P03', '40P01', '40001', '57014', '42804']) {
    const raised = `do $$ begin raise exception 'x' using errcode = '${code}'; end $$`
    assert.deepEqual(await kinds(raised), [code, 'later'])
  }
  assert.deepEqual(await kinds('select no_such_function()'), ['42883', 'lasting'])
  assert.deepEqual(await kinds('select from no_such_table'), ['42P01', 'lasting'])
})

/** Makes so many ids seen in this place. */
const seen = async (place: string, count: number) =>
  await ground.owner.unsafe(`insert into sluice.seen (place, id)
    select ${place}, i::text from generate_series(1, ${count}) i`)

const places = async () =>
  await ground
    .owner`select place::int, count(*)::int from sluice.seen group by place order by place`

test('what a pass has seen is forgotten some at a time, with what is left of tables that are gone', async () => {
  const name = `${ground.table.schema}.${ground.table.name}`
  const [row] = await ground.owner`select ${name}::regclass::oid::int as own,
    'sluice.synced'::regclass::oid::int as other`
  const [own, other] = [Number(row?.['own']), Number(row?.['other'])]
  const writer = await ground.open(String(++fence))
  const pass = await writer.begin()
  await seen(String(own), 45_000)
  await seen('1', 10)
  await seen(String(other), 30)
  assert.equal(await writer.end(pass), false)
  const left = (await places()).reduce((sum, { count }) => sum + Number(count), 0)
  assert.equal(left, 45_000 + 10 + 30 - 20_000)
  assert.equal(await writer.end(pass), false)
  assert.equal(await writer.end(pass), true)
  assert.deepEqual([...await places()], [{ place: other, count: 30 }])
  assert.equal(await writer.end(pass), true)
  await writer.close()
})

test('a pass that begins has forgotten all that the one before has seen', async () => {
  const writer = await ground.open(String(++fence))
  await writer.write({ mark: await writer.mark(), rows: [record('7', 'a')], gone: [] })
  const name = `${ground.table.schema}.${ground.table.name}`
  await seen(`'${name}'::regclass::oid`, 45_000)
  const pass = await writer.begin()
  const unseen = await writer.unseen(pass, { after: null, rowsMax: 10 })
  assert.deepEqual(unseen.map(({ id }) => id), ['7'])
  await writer.close()
})
