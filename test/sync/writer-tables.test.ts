// Goal: what people add to a synced table lives on and works; keys that change hands never make a batch fail, nor take one
// from what is newer; what recovery writes is read again. Method: a real store and a real customer's database.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { recover } from '../../src/sync/recovery.ts'
import type { TableWriter } from '../../src/sync/writing.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts } from '../store/help.ts'
import { type Ground, makeGround, record, syncId, whys } from './writer-help.ts'

const cluster = await testCluster()
const plain = contacts(syncId)
/** Of an email the platform has none twice; records are addressed by their names too. */
const table = {
  ...plain,
  keyColumns: ['name'],
  columns: plain.columns.map((one) =>
    one.name === 'email' ? { ...one, upsert: 'unique' as const } : one
  ),
}
let ground: Ground
let writer: TableWriter
let fence = 0

before(async () => {
  ground = await makeGround(cluster, table)
})

after(async () => {
  await ground?.close()
  await cluster.stop()
})

async function fresh(rows: ReturnType<typeof record>[]): Promise<void> {
  writer = await ground.open(String(++fence))
  const mark = await writer.mark()
  const gone = Object.keys(await ground.rows())
  await writer.write({ mark, rows: [], gone })
  await put(rows)
}

const put = async (rows: ReturnType<typeof record>[], mark = writer.mark()) =>
  await writer.write({ mark: await mark, rows, gone: [] })

test('triggers, indexes, views and columns that people have added live on and work', async () => {
  const { owner } = ground
  await owner.unsafe(`
    alter table salesforce.contacts add column note text default 'none';
    create index on salesforce.contacts (name);
    create view public.mine as select id, note from salesforce.contacts;
    create table public.heard (what text, id text);
    create function public.hear() returns trigger language plpgsql as $$
      begin insert into public.heard values (tg_op, coalesce(new.id, old.id)); return coalesce(new, old); end $$;
    grant insert on public.heard to public;
    create trigger hear after insert or update or delete on salesforce.contacts
      for each row execute function public.hear();
    alter table salesforce.contacts enable always trigger hear`)
  await fresh([record('1', 'a'), record('2', 'b')])
  await owner.unsafe('truncate public.heard')
  // a person writes what is theirs as the owner can
  await owner.unsafe(`alter table salesforce.contacts disable trigger all;
    update salesforce.contacts set note = 'mine' where id = '1';
    alter table salesforce.contacts enable trigger all;
    alter table salesforce.contacts enable always trigger hear`)
  for (const name of ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']) {
    await owner.unsafe(`alter table salesforce.contacts enable always trigger "~sluice_${name}"`)
  }
  const { changed } = await put([record('1', 'new'), record('2', 'b'), record('3', 'c')])
  await writer.write({ mark: await writer.mark(), rows: [], gone: ['2'] })
  assert.equal(changed, 2)
  assert.deepEqual([...await owner`select * from public.heard order by what, id`], [
    { what: 'DELETE', id: '2' },
    { what: 'INSERT', id: '3' },
    { what: 'UPDATE', id: '1' },
  ])
  assert.deepEqual([...await owner`select * from public.mine order by id`], [
    { id: '1', note: 'mine' },
    { id: '3', note: 'none' },
  ])
  await owner.unsafe('drop trigger hear on salesforce.contacts')
  await writer.close()
})

test('keys change hands within a batch, and whoever else has one loses it and is named', async () => {
  await fresh([record('1', 'a'), record('2', 'b'), record('3', 'c')])
  const written = await put([record('1', 'b'), record('2', 'c')])
  assert.deepEqual(await ground.rows(), { 1: 'b', 2: 'c', 3: null })
  assert.deepEqual(written, {
    changed: 2,
    removed: 0,
    later: [{ ref: { id: '3', keys: {} }, why: 'newer' }],
  })
  await writer.close()
})

test('of two records with one key in a batch, the first has had another since', async () => {
  await fresh([])
  const written = await put([record('1', 'a'), record('2', 'a')])
  assert.deepEqual(await ground.rows(), { 1: null, 2: 'a' })
  assert.deepEqual(written.later, [{ ref: { id: '1', keys: { name: 'Name 1' } }, why: 'newer' }])
  await writer.close()
})

test('a key is not taken from what is newer, nor from what a mutation holds', async () => {
  await fresh([record('1', 'a'), record('2', 'b'), record('3', 'c')])
  const mark = await writer.mark()
  await ground.commit('2', { email: 'x' })
  const session = await ground.owner.reserve()
  await session.unsafe("begin; select from salesforce.contacts where id = '3' for update")
  const written = await put(
    [record('1', 'x'), record('4', 'c'), record('5', 'e')],
    Promise.resolve(mark),
  )
  await session.unsafe('rollback')
  session.release()
  assert.deepEqual(whys(written), { 1: 'newer', 4: 'held' })
  assert.deepEqual(await ground.rows(), { 1: 'a', 2: 'x', 3: 'c', 5: 'e' })
  await writer.close()
})

test('references have the key columns, as the table has them', async () => {
  await fresh([record('1', 'a')])
  assert.deepEqual(await writer.refs(['1', '2']), [
    { id: '1', keys: { name: 'Name 1' } },
    { id: '2', keys: {} },
  ])
  const [row] = await writer.sample(1)
  assert.deepEqual(row?.ref, { id: '1', keys: { name: 'Name 1' } })
  await writer.close()
})

test('what recovery writes may be older than what was read since, and is read again', async () => {
  await fresh([record('1', 'a')])
  const rows = [{ ordinal: 1, id: '1', values: { email: 'mutation' } }]
  const mutation = await ground.begin({ operation: 'update', rows })
  await ground.accept(mutation, [{ id: '1', values: { email: 'mutation', name: 'Name 1' } }])
  // its listener died; then somebody changed the record at the platform, and a page brought it
  await put([record('1', 'later still')])
  const { store, journal } = ground
  await recover({ store, journal, log: silentLog, afterMs: 0 })
  assert.deepEqual(await ground.rows(), { 1: 'mutation' })
  const hints = await store.sql`select record_id, keys from sluice_store.hints`
  assert.deepEqual([...hints], [{ record_id: '1', keys: { name: 'Name 1' } }])
  await writer.close()
})

test('recovery that dies between the rows and the hints notes them the next time', async () => {
  await fresh([record('1', 'a')])
  const { store, journal } = ground
  await store.sql`delete from sluice_store.hints`
  const rows = [{ ordinal: 1, id: '1', values: { email: 'mutation' } }]
  const mutation = await ground.begin({ operation: 'update', rows })
  await ground.accept(mutation, [{ id: '1', values: { email: 'mutation' } }])
  await ground
    .owner`insert into sluice.applied (id, sync_id, schema_name, table_name, operation, rows, outcome)
    values (${mutation.id}, ${syncId}, 'salesforce', 'contacts', 'update', 1, 'recovered')`
  await recover({ store, journal, log: silentLog, afterMs: 0 })
  assert.equal((await store.sql`select from sluice_store.hints`).count, 1)
  await writer.close()
})
