// Goal: a first filling, which goes straight into the table, writes what the careful way would have, whatever is there
// already or comes and goes meanwhile. Method: as writer.test.ts, with a pass over a table that was empty at its begin.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type postgres from 'postgres'
import { applyRows, ticketMac } from '../../src/database/index.ts'
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

const pass = { xid: '0:', before: false } as const

async function put(rows: Row[], mark?: Mark) {
  return await writer.write({ mark: mark ?? await writer.mark(), rows, gone: [], pass })
}

/** Writes while the fence is held: `work` is done before the writer writes, and after it has looked at whatever it looks at. */
async function putAfter(
  rows: Row[],
  { mark, work }: { mark: Mark; work: (session: postgres.ReservedSql) => Promise<void> },
) {
  const session = await ground.owner.reserve()
  try {
    await session.unsafe('begin')
    await session.unsafe('select from sluice.synced for update')
    const writing = put(rows, mark)
    await until(async () => await waiting() > 0)
    await work(session)
    await session.unsafe('commit')
    return await writing
  } finally {
    await session.unsafe('rollback')
    session.release()
  }
}

async function waiting(): Promise<number> {
  const rows = await ground.owner`
    select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  return rows.length
}

test('rows of an empty table are inserted, and compared once one was there', async () => {
  assert.equal((await put([record('1', 'a'), record('2', null)])).changed, 2)
  const again = await put([record('2', 'b'), record('3', 'c')])
  assert.deepEqual([again.changed, whys(again)], [2, {}])
  assert.deepEqual(await ground.rows(), { 1: 'a', 2: 'b', 3: 'c' })
})

test('a row that a mutation has written since the mark stays as it is, and the others are written', async () => {
  const mark = await writer.mark()
  await ground.commit('1', { email: 'mutation' })
  const written = await put([record('1', 'page'), record('2', 'page')], mark)
  assert.deepEqual([written.changed, whys(written)], [1, { 1: 'newer' }])
  assert.deepEqual(await ground.rows(), { 1: 'mutation', 2: 'page' })
})

test('a row that a mutation has deleted just before it is written does not come back', async () => {
  await ground.commit('1', { email: 'mutation' })
  const mark = await writer.mark()
  const rows = [{ ordinal: 1, id: '1', values: {} }]
  const written = await putAfter([record('1', 'page'), record('2', 'page')], {
    mark,
    work: async () => {
      const mutation = await ground.begin({ operation: 'delete', rows })
      await ground.accept(mutation, [{ id: '1', values: null }])
      await ground.commit('1', null)
      await ground.journal.applied([mutation.id])
    },
  })
  assert.deepEqual([written.changed, whys(written)], [1, { 1: 'newer' }])
  assert.deepEqual(await ground.rows(), { 2: 'page' })
})

test('what a mutation under way may have made is left to it', async () => {
  const mark = await writer.mark()
  const mutation = await ground.begin({ operation: 'insert' })
  await ground.accept(mutation, [{ id: '1', values: { email: 'mutation' } }])
  const written = await put([record('1', 'page'), record('2', 'page')], mark)
  assert.deepEqual([written.changed, whys(written)], [1, { 1: 'inserting' }])
  assert.deepEqual(await ground.rows(), { 2: 'page' })
})

test('a value that is none of its type fails the batch, all of it, and the next one is written', async () => {
  const bad = { id: 'bad', values: { email: 'b', name: null, created_at: 'never' } }
  await assert.rejects(put([record('1', 'a'), bad as unknown as Row]), { code: '22007' })
  assert.deepEqual(await ground.rows(), {})
  assert.equal((await put([record('1', 'a')])).changed, 1)
})

test('whoever has lost the table writes nothing', async () => {
  const mark = await writer.mark()
  const second = await ground.open(String(++fence))
  await assert.rejects(put([record('1', 'late')], mark), { name: 'Fenced' })
  assert.deepEqual(await ground.rows(), {})
  await second.close()
})

test('row-level security, which keeps COPY out, does not keep rows out', async () => {
  const { owner, table: { schema, name } } = ground
  const place = `${schema}.${name}`
  await owner.unsafe(`alter table ${place} enable row level security`)
  await owner.unsafe(`create policy everybody on ${place} using (true) with check (true)`)
  try {
    assert.equal((await put([record('1', 'a')])).changed, 1)
  } finally {
    await owner.unsafe(`drop policy everybody on ${place}`)
    await owner.unsafe(`alter table ${place} disable row level security`)
  }
  assert.deepEqual(await ground.rows(), { 1: 'a' })
})

test("triggers of the owner's run with the path they know, and may leave rows out", async () => {
  const { owner, table: { schema, name } } = ground
  const place = `${schema}.${name}`
  await owner.unsafe(`
    create function public.wanted(email text) returns bool language sql as $$ select email <> 'no' $$;
    create function public.choose() returns trigger language plpgsql as $$
      begin return case when wanted(new.email) then new end; end $$;
    create trigger choose before insert on ${place} for each row execute function public.choose()`)
  try {
    assert.equal((await put([record('1', 'yes'), record('2', 'no')])).changed, 1)
  } finally {
    await owner.unsafe(`drop trigger choose on ${place}; drop function public.choose();
      drop function public.wanted(text)`)
  }
  assert.deepEqual(await ground.rows(), { 1: 'yes' })
})

/** Runs work with a trigger of the customer's. */
async function withTrigger(
  when: string,
  body: string,
  work: () => Promise<void>,
): Promise<void> {
  const { owner, table: { schema, name } } = ground
  const place = `${schema}.${name}`
  await owner.unsafe(`
    create table public.noted (query text);
    create function public.hears() returns trigger language plpgsql security definer as $$
      begin ${body}; return null; end $$;
    create trigger hears ${when} on ${place} execute function public.hears()`)
  try {
    await work()
  } finally {
    await owner.unsafe(
      `drop trigger hears on ${place}; drop function public.hears(); drop table public.noted`,
    )
  }
}

test('rows go straight into the table, by COPY', async () => {
  const note = 'insert into public.noted values (current_query())'
  await withTrigger('after insert', note, async () => {
    assert.equal((await put([record('1', 'a'), record('2', 'b')])).changed, 2)
    const noted = await ground.owner.unsafe('select query from public.noted')
    assert.match(noted.map(({ query }) => String(query)).join(), /^copy /)
  })
})

test('a trigger that refuses the statement before its first row fails the batch, and nothing else', async () => {
  await withTrigger('before insert', `raise 'frozen' using errcode = '55000'`, async () => {
    for (let n = 0; n < 5; n++) await assert.rejects(put([record('1', 'a')]), { code: '55000' })
  })
  assert.equal((await put([record('1', 'a')])).changed, 1)
})

test('rows of an INSERT that is being applied in another order are left to it', async () => {
  const rows = ['1', '2'].map((id) => ({ id, values: { email: 'mutation' } }))
  const mutation = await ground.begin({ operation: 'insert' })
  await ground.accept(mutation, rows)
  const mark = await writer.mark()
  const session = await ground.owner.reserve()
  try {
    // as while it is applied: one row is there for nobody else yet
    await session.unsafe('begin')
    const [own] = await session.unsafe('select pg_backend_pid() as pid')
    const { table: { schema, name }, ticketKey } = ground
    const ticket = { mode: 'sync', mutationId: mutation.id, pid: Number(own?.['pid']) } as const
    const mac = ticketMac(ticketKey, ticket)
    await session.unsafe(`select sluice.open('sync', $1, $2, 0)`, [mutation.id, mac])
    await session.unsafe(`insert into ${schema}.${name} (id, email) values ('1', 'mutation')`)
    const written = await put([record('2', 'page'), record('1', 'page')], mark)
    assert.deepEqual(whys(written), { 1: 'inserting', 2: 'inserting' })
  } finally {
    await session.unsafe('rollback')
    session.release()
  }
})
