// Goal: what a read brings is written where nothing newer is, and nowhere else; whoever lost the table writes nothing.
// Method: a real store and a real customer's database; mutations as they leave the journal and the rows at each step.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type postgres from 'postgres'
import { applyRows } from '../../src/database/index.ts'
import type { Values } from '../../src/mutation/mutation.ts'
import { isBefore, momentOf } from '../../src/sync/writer-moment.ts'
import type { Mark, TableWriter } from '../../src/sync/writing.ts'
import { testCluster } from '../help/cluster.ts'
import { type Ground, makeGround, record, until, whys } from './writer-help.ts'

const cluster = await testCluster()
let ground: Ground
let writer: TableWriter

before(async () => {
  ground = await makeGround(cluster)
})

after(async () => {
  await writer?.close()
  await ground?.close()
  await cluster.stop()
})

let fence = 0

beforeEach(async () => {
  await writer?.close()
  const { owner, store, table, ticketKey } = ground
  const rows = Object.keys(await ground.rows()).map((id) => ({ id, values: {} }))
  await applyRows(owner, { table, operation: 'delete', rows, ticketKey })
  await store.sql`delete from sluice_store.mutations`
  writer = await ground.open(String(++fence))
})

type Row = ReturnType<typeof record>

async function put(rows: Row[], mark?: Mark) {
  return await writer.write({ mark: mark ?? await writer.mark(), rows, gone: [] })
}

async function remove(gone: string[], mark?: Mark) {
  return await writer.write({ mark: mark ?? await writer.mark(), rows: [], gone })
}

/** Runs work while another session has a transaction open. */
async function beside(work: (session: postgres.ReservedSql) => Promise<void>): Promise<void> {
  const session = await ground.owner.reserve()
  try {
    await session.unsafe('begin')
    await work(session)
  } finally {
    await session.unsafe('rollback')
    session.release()
  }
}

/** Changes a row as a mutation does, in the transaction of this session. */
async function change(session: postgres.ReservedSql, id: string, values: Values): Promise<void> {
  const sql = {
    begin: (work: (tx: unknown) => unknown) => work(session),
  } as unknown as postgres.Sql
  const { table, ticketKey } = ground
  await applyRows(sql, { table, operation: 'upsert', rows: [{ id, values }], ticketKey })
}

test('rows are inserted, changed, and left alone where they are equal', async () => {
  assert.deepEqual(await put([record('1', 'a'), record('2', null)]), {
    changed: 2,
    removed: 0,
    later: [],
  })
  const { changed } = await put([record('1', 'a'), record('2', 'b'), record('3', 'c')])
  assert.equal(changed, 2)
  assert.deepEqual(await ground.rows(), { 1: 'a', 2: 'b', 3: 'c' })
})

test('a row that was changed since the mark is newer, and the next read writes it', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  const mark = await writer.mark()
  await ground.commit('1', { email: 'mutation' })
  assert.deepEqual(whys(await put([record('1', 'page'), record('2', 'page')], mark)), {
    1: 'newer',
  })
  assert.deepEqual(await ground.rows(), { 1: 'mutation', 2: 'page' })
  await put([record('1', 'page')])
  assert.deepEqual(await ground.rows(), { 1: 'page', 2: 'page' })
})

test('a transaction that began before the mark and ended after it is newer', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  let mark: Mark | undefined
  await beside(async (session) => {
    await change(session, '2', { email: 'begun before' })
    await ground.commit('3', { email: 'begun later, and over' })
    mark = await writer.mark()
    await change(session, '1', { email: 'begun before' })
    await session.unsafe('commit')
  })
  const written = await put([record('1', 'page'), record('2', 'page')], mark)
  assert.deepEqual(whys(written), { 1: 'newer', 2: 'newer' })
  assert.deepEqual(await ground.rows(), {
    1: 'begun before',
    2: 'begun before',
    3: 'begun later, and over',
  })
})

test('so is what its subtransactions wrote, of which a snapshot does not tell', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  let mark: Mark | undefined
  await beside(async (session) => {
    await session.unsafe("select from salesforce.contacts where id = '2' for update; savepoint s")
    await change(session, '1', { email: 'nested' })
    await ground.commit('3', { email: 'begun later, and over' })
    mark = await writer.mark()
    await session.unsafe('release s; commit')
  })
  assert.deepEqual(whys(await put([record('1', 'page')], mark)), { 1: 'newer' })
  assert.deepEqual(await ground.rows(), { 1: 'nested', 2: 'a', 3: 'begun later, and over' })
})

test('an old transaction that is still open makes nothing else newer', async () => {
  await put([record('1', 'a')])
  await beside(async (session) => {
    await session.unsafe('select pg_current_xact_id()')
    await put([record('1', 'b')])
    assert.deepEqual(whys(await put([record('1', 'c')])), {})
  })
  assert.deepEqual(await ground.rows(), { 1: 'c' })
})

test('moments are told apart across the wraparound of the numbers that rows have', () => {
  const wrap = 2n ** 32n
  const moment = momentOf(`${wrap - 5n}:${wrap + 10n}:${wrap - 5n},${wrap + 3n}`, '4294967291,7')
  assert.equal(moment, `${wrap + 10n}:${wrap - 5n},${wrap + 3n},${wrap + 7n}`)
  assert.equal(isBefore(String(wrap + 7n), moment), false)
  assert.equal(isBefore(String(wrap + 8n), moment), true)
  assert.equal(isBefore(String(wrap + 10n), moment), false)
  assert.equal(isBefore('3', moment), true)
})

test('a row that a mutation holds is not waited for, and nothing else waits', async () => {
  await put([record('1', 'a'), record('2', 'a'), record('3', 'a')])
  await beside(async (session) => {
    await session.unsafe("select from salesforce.contacts where id in ('1', '2') for update")
    const rows = [record('1', 'page'), record('2', 'a'), record('3', 'page')]
    assert.deepEqual(whys(await put(rows)), { 1: 'held' }, '2 is as it should be')
    assert.deepEqual(whys(await remove(['2', '3'])), { 2: 'held' })
  })
  assert.deepEqual(await ground.rows(), { 1: 'a', 2: 'a' })
})

test('a record that a mutation under way may have made is left to the mutation', async () => {
  const mark = await writer.mark()
  const mutation = await ground.begin({})
  const fresh = { created_at: new Date().toISOString() }
  const rows = [record('new', 'a', fresh), record('old', 'a')]
  assert.deepEqual(whys(await put(rows, mark)), { new: 'inserting' }, 'old was made long before')
  await ground.accept(mutation, [{ id: 'made', values: { email: 'm' } }])
  assert.deepEqual(whys(await put([record('made', 'page', fresh), ...rows], mark)), {
    made: 'inserting',
  })
  await ground.commit('made', { email: 'm' })
  await ground.journal.applied([mutation.id])
  assert.deepEqual(whys(await put([record('made', 'page', fresh)], mark)), { made: 'newer' })
  assert.deepEqual(await ground.rows(), { made: 'm', new: 'a', old: 'a' })
})

test('a record that waits for one mutation does not wait for those that were sent later', async () => {
  const first = await ground.begin({})
  const row = record('new', 'a', { created_at: new Date().toISOString() })
  assert.deepEqual(whys(await put([row])), { new: 'inserting' })
  await ground.begin({})
  assert.deepEqual(whys(await put([row])), { new: 'inserting' })
  await ground.accept(first, [{ id: 'other', values: {} }])
  assert.deepEqual(whys(await put([row])), {}, 'the second one was sent after the record was read')
})

test('a mutation that is not sent has made nothing, and of an upsert the key tells', async () => {
  const fresh = { created_at: new Date().toISOString() }
  await ground.begin({}, 'received')
  const values = { email: 'A@x.org' }
  const rows = [{ ordinal: 1, id: null, values }]
  await ground.begin({ upsertBy: 'email', rows }, 'received')
  const written = await put([record('1', 'a@x.org', fresh), record('2', 'b@x.org', fresh)])
  assert.deepEqual(whys(written), { 1: 'inserting' })
})

test('a record that was deleted since the mark does not come back, one deleted before may', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  const early = await writer.mark()
  const rows = [{ ordinal: 1, id: '1', values: {} }]
  const mutation = await ground.begin({ operation: 'delete', rows })
  await ground.accept(mutation, [{ id: '1', values: null }])
  await ground.commit('1', null)
  assert.deepEqual(whys(await put([record('1', 'a')])), { 1: 'inserting' }, 'not applied yet')
  await ground.journal.applied([mutation.id])
  assert.deepEqual(whys(await put([record('1', 'a')], early)), { 1: 'newer' })
  assert.deepEqual(await ground.rows(), { 2: 'a' })
  assert.deepEqual(whys(await put([record('1', 'again')])), {})
})

test('what this writer has removed since the mark does not come back either', async () => {
  await put([record('1', 'a')])
  const early = await writer.mark()
  assert.equal((await remove(['1', '9'])).removed, 1)
  assert.deepEqual(whys(await put([record('1', 'a'), record('2', 'a')], early)), { 1: 'newer' })
  assert.deepEqual(whys(await put([record('1', 'again')])), {})
})

test('only what has not changed since the mark is removed', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  const mark = await writer.mark()
  await ground.commit('1', { email: 'mutation' })
  const written = await remove(['1', '2'], mark)
  assert.deepEqual([written.removed, whys(written)], [1, { 1: 'newer' }])
  assert.deepEqual(await ground.rows(), { 1: 'mutation' })
})

test('a row that is inserted after the table was looked at is not overwritten', async () => {
  const mark = await writer.mark()
  await beside(async (session) => {
    // the writer has looked, and waits for the fence
    await session.unsafe('select from sluice.synced for update')
    const writing = put([record('1', 'page'), record('2', 'page')], mark)
    await until(async () => (await waiting()) > 0)
    await ground.commit('1', { email: 'mutation' })
    await session.unsafe('commit')
    assert.deepEqual(whys(await writing), { 1: 'newer' })
  })
  assert.deepEqual(await ground.rows(), { 1: 'mutation', 2: 'page' })
})

async function waiting(): Promise<number> {
  const [row] = await ground.owner`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  return Number(row?.['count'])
}

test('a mark is taken while a batch is being written, which is newer then', async () => {
  await put([record('1', 'a'), record('2', 'a')])
  await beside(async (session) => {
    await session.unsafe('select from sluice.synced for update')
    const writing = put([record('1', 'b')])
    await until(async () => (await waiting()) > 0)
    const marking = writer.mark()
    await session.unsafe('commit')
    const [mark] = await Promise.all([marking, writing])
    const written = await put([record('1', 'read before b'), record('2', 'c')], mark)
    assert.deepEqual(whys(written), { 1: 'newer' })
    assert.deepEqual(await ground.rows(), { 1: 'b', 2: 'c' })
  })
  const big = Array.from({ length: 3_000 }, (_, at) => record(String(at), 'big'))
  const writing = put(big)
  const marks = await Promise.all(Array.from({ length: 20 }, () => writer.mark()))
  assert.ok(marks.every(({ xid }) => /^\d+:/.test(xid)))
  await writing
})

test('whoever takes the table waits for the transaction under way, and ends all later ones', async () => {
  const mark = await writer.mark()
  await beside(async (session) => {
    await session.unsafe('select from sluice.synced for update')
    const writing = put([record('1', 'first')], mark)
    await until(async () => (await waiting()) === 1)
    const opening = ground.open(String(++fence))
    await until(async () => (await waiting()) === 2)
    await session.unsafe('commit')
    await writing
    const second = await opening
    await assert.rejects(put([record('1', 'late')], mark), { name: 'Fenced' })
    await assert.rejects(writer.show({ problem: 'late' }), { name: 'Fenced' })
    await assert.rejects(ground.open(String(fence - 1)), { name: 'Fenced' })
    assert.deepEqual(await ground.rows(), { 1: 'first' })
    await second.close()
  })
})

test('a value that is none of its type fails the batch, all of it, and the next one is written', async () => {
  const bad = { id: 'bad', values: { email: 'b', name: null, created_at: 'never' } }
  for (const count of [1, 2_000]) { // by COPY too
    const good = Array.from({ length: count }, (_, at) => record(String(at), 'a'))
    await assert.rejects(put([...good, bad as unknown as Row]), { code: '22007' })
    assert.deepEqual(await ground.rows(), {})
    assert.equal((await put([record('1', 'a')])).changed, 1)
    await remove(['1'])
  }
})

test('when its connection is lost, everything fails that is asked of the writer, and nothing else', async () => {
  const pid = async () =>
    (await ground.owner`select pid from pg_stat_activity where usename <> 'postgres'
      and datname = current_database()`).map((row) => Number(row['pid']))
  // the pool may give out one that it does not know to be lost yet
  const reopen = async () =>
    await until(async () => {
      const opened = await ground.open(String(++fence)).catch(() => null)
      writer = opened ?? writer
      return opened !== null
    })
  const gone = async () => (await pid()).length === 0
  await ground.owner`select pg_terminate_backend(p) from unnest(${await pid()}::int[]) p`
  await until(gone)
  await assert.rejects(writer.mark(), Error)
  await assert.rejects(put([record('1', 'a')], { xid: '1:', at: 'now' }), Error)
  await writer.close()
  await reopen()
  const held = beside(async (session) => {
    await session.unsafe('select from sluice.synced for update')
    const writing = put([record('1', 'a')])
    writing.catch(() => {}) // looked at below
    await until(async () => (await waiting()) === 1)
    await ground.owner`select pg_terminate_backend(p) from unnest(${await pid()}::int[]) p`
    await assert.rejects(writing, Error)
  })
  await held
  await writer.close()
  await reopen()
  assert.equal((await put([record('1', 'a')])).changed, 1)
})

test('a pass knows what no page has had, in the order of ids and beyond a window', async () => {
  const ids = Array.from({ length: 30 }, (_, at) => `r${String(at).padStart(3, '0')}`)
  await put(ids.map((id) => record(id, 'a')))
  const pass = await writer.begin()
  assert.equal(pass.before, true)
  const mark = await writer.mark()
  await writer.write({ mark, rows: ids.slice(0, 10).map((id) => record(id, 'a')), gone: [], pass })
  assert.deepEqual(await writer.see(pass, ['r011', 'r012', 'new']), ['new'])
  await ground.commit('r010', { email: 'changed since' })
  await ground.commit('zz', { email: 'made since' })
  const first = await writer.unseen(pass, { after: null, rowsMax: 5 })
  assert.deepEqual(first.map(({ id }) => id), ids.slice(13, 18))
  const rest = await writer.unseen(pass, { after: 'r017', rowsMax: 500 })
  assert.deepEqual(rest.map(({ id }) => id), ids.slice(18))
  await writer.end(pass)
  assert.equal((await writer.unseen(pass, { after: null, rowsMax: 500 })).length, 29)
})

test('a pass over an empty table has nothing to look for', async () => {
  const pass = await writer.begin()
  await put([record('1', 'a')])
  assert.equal(pass.before, false)
  assert.deepEqual(await writer.unseen(pass, { after: null, rowsMax: 5 }), [])
})

test('a sample, an estimate and references tell of the rows as they are', async () => {
  await put([record('1', 'a'), record('2', null)])
  assert.equal(await writer.estimate(), 2)
  const rows = await writer.sample(5)
  const emails = Object.fromEntries(rows.map(({ ref, values }) => [ref.id, values['email']]))
  assert.deepEqual(emails, { 1: 'a', 2: null })
  assert.equal(rows[0]?.values['created_at'], '2026-01-05T08:00:00+00:00')
  assert.equal((await writer.sample(1)).length, 1)
  assert.deepEqual(await writer.refs(['2', '9']), [{ id: '2', keys: {} }, { id: '9', keys: {} }])
})

test('sluice.tables shows how far the table is, and what is wrong', async () => {
  const shown = async () => (await ground.owner`select * from sluice.tables`)[0]
  await writer.show({ phase: 'backfill', rowsDone: 5, rowsTotal: 20 })
  const filling = await shown()
  assert.deepEqual([filling?.['state'], filling?.['progress']], ['filling', 0.25])
  await writer.show({ phase: 'failed', problem: 'the credential is refused' })
  const failed = await shown()
  assert.deepEqual([failed?.['state'], failed?.['problem'], failed?.['progress']], [
    'failed',
    'the credential is refused',
    0.25,
  ])
  const freshAt = Date.now() - 90_000
  const more = {
    rowsDone: null,
    rowsTotal: null,
    problem: null,
    agreement: 0.99,
    filled: true,
  } as const
  await writer.show({ phase: 'following', freshAt, ...more })
  const ready = await shown()
  assert.deepEqual([
    ready?.['state'],
    ready?.['problem'],
    ready?.['progress'],
    ready?.['agreement'],
  ], [
    'ready',
    null,
    null,
    0.99,
  ])
  const behind = Number(ready?.['seconds_behind'])
  assert.ok(behind >= 90 && behind < 300, String(behind))
})
