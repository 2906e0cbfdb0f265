// What an ordinary role might try in order to write what the platform has not accepted.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import {
  closeSql,
  encodeTicketRows,
  lockSql,
  openSql,
  recordSql,
  ticketMac,
} from '../../../src/database/index.ts'
import {
  clear,
  close,
  contacts,
  inTransaction,
  mutationId,
  openApply,
  refused,
  rowsOf,
  seed,
  ticketKey,
} from '../fixture.ts'
import type { Context } from './context.ts'

const insert = `insert into salesforce.contacts (email) values ('new')`
const target = '"salesforce"."contacts"'
const first = ['(003A,a@a.co,10.00,Ada)']

export function forgerySuite(context: Context): void {
  beforeEach(async () => {
    await clear(context.fixture.client)
    await context.fixture.owner.run('delete from sluice.applied')
    await seed(context.fixture.client, contacts, `('003A', 'a@a.co', 10.00, 'Ada')`)
  })

  test('no setting opens a mode', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      for (const name of ['mode', 'ticket', 'ordinal', 'planned', 'sync', 'mutation']) {
        await client.run(`select set_config('sluice.${name}', 'sync', true)`)
      }
      await refused(client.run(insert), 'SL002')
    })
  })

  test('a wrong mac opens nothing and says nothing more', async () => {
    const { client } = context.fixture
    const good = ticketMac(ticketKey, { mode: 'sync', mutationId, pid: client.pid })
    const wrong = [
      '',
      good.slice(0, -1),
      good + '0',
      good.toUpperCase() === good ? good.toLowerCase() : good.toUpperCase(),
      ticketMac(ticketKey.slice(1), { mode: 'sync', mutationId, pid: client.pid }),
      ticketMac(ticketKey, { mode: 'plan', mutationId, pid: client.pid }),
      ticketMac(ticketKey, { mode: 'sync', mutationId, pid: client.pid + 1 }),
      ticketMac(ticketKey, {
        mode: 'sync',
        mutationId: mutationId.replace('a', 'b'),
        pid: client.pid,
      }),
    ]
    for (const mac of wrong) {
      await client.run('begin')
      const error = await refused(client.open('sync', { mac }), '42501', 'ticket is not valid')
      assert.equal(error['detail'], undefined)
      await client.run('rollback')
    }
    await refused(client.run(openSql, ['sync', mutationId, null, '0', null]), '42501')
    await refused(client.run(openSql, [null, null, good, '0', null]), '42501')
  })

  test('parameters that make no sense are refused even with a right mac', async () => {
    const { client } = context.fixture
    const open = (mode: string, rowsMax: string | null, rows: string | null) => {
      const mac = ticketMac(ticketKey, { mode: mode as 'sync', mutationId, pid: client.pid })
      return client.run(openSql, [mode, mutationId, mac, rowsMax, rows])
    }
    await refused(open('none', '0', null), '22023')
    await refused(open('plan', null, null), '22023')
    await refused(open('apply', '0', null), '22023')
    await refused(open('plan', '0', '{}'), '22023')
    await client.run('create table own.plain (id text primary key)')
    const rows = encodeTicketRows({ ...contacts, schema: 'own', name: 'plain' }, 'insert', [])
    await refused(open('apply', '0', rows), '42809', 'not a synced table: own.plain')
    await refused(open('apply', '0', rows.replace('plain', 'gone')), '42P01')
  })

  test('a ticket of another backend opens nothing here', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    const mac = ticketMac(ticketKey, { mode: 'sync', mutationId, pid: client.pid })
    await client.open('sync')
    await refused(other.open('sync', { mac }), '42501')
    await client.run('begin')
    await client.open('sync')
    await refused(other.run(insert), 'SL002')
    await client.run('rollback')
  })

  test('the doors other than open need an open mode', async () => {
    const { client } = context.fixture
    await refused(client.run(lockSql, [target, '{003A}', mutationId]), '42501')
    await refused(client.run(closeSql, [mutationId, 's', target, 'insert', '0']), '42501')
    await refused(client.run(recordSql, [mutationId, 's', target, 'insert', '0']), '42501')
    await client.run('begin')
    await client.open('lock')
    await client.run('commit')
    await refused(client.run(lockSql, [target, '{003A}', mutationId]), '42501')
    await inTransaction(client, async () => {
      await client.open('plan')
      await client.run('savepoint s')
      await refused(client.run(lockSql, [target, '{003A}', mutationId]), '42501')
      await client.run('rollback to s')
      await refused(client.run(closeSql, [mutationId, 's', target, 'insert', '0']), '42501')
    })
    await inTransaction(client, async () => {
      await client.open('lock')
      await client.run('create table own.other_rows (id text primary key)')
      await refused(client.run(lockSql, ['own.other_rows', '{x}', mutationId]), '42809')
    })
  })

  test('schema sluice can neither be read nor written nor replaced', async () => {
    const { client } = context.fixture
    const attempts = [
      'select * from sluice.secret',
      'select * from sluice.tickets',
      'select * from sluice.ticket_rows',
      'select * from sluice.applied',
      'select * from sluice.synced',
      'select * from sluice.faults',
      `insert into sluice.tickets values (pg_backend_pid(), pg_current_xact_id(), 'sync', '${mutationId}', 0)`,
      `update sluice.tickets set mode = 'sync'`,
      'delete from sluice.applied',
      'truncate sluice.tickets',
      `select sluice.mac('x')`,
      `select sluice.put('${target}', '003A', 'delete', null)`,
      `select sluice.note('${mutationId}', 's', '${target}', 'insert', 1, null)`,
      `select sluice.filled('${mutationId}', '${target}')`,
      'create table sluice.mine ()',
      `create or replace function sluice.before_row() returns trigger language plpgsql as 'begin return new; end'`,
      `create function sluice.mac(int) returns text language sql as $$ select 'x' $$`,
      'alter function sluice.before_row() reset all',
      'drop function sluice.before_row() cascade',
      'drop trigger unfinished on sluice.tickets',
      'alter table salesforce.contacts disable trigger all',
      'alter table salesforce.contacts disable trigger "~sluice_before"',
      'drop trigger "~sluice_before" on salesforce.contacts',
      `create trigger "~~last" before insert on salesforce.contacts for each row execute function suppress_redundant_updates_trigger()`,
      'create rule r as on insert to salesforce.contacts do instead nothing',
      'create table own.child () inherits (salesforce.contacts)',
      'set session_replication_role = replica',
    ]
    for (const text of attempts) await refused(client.run(text), '42501')
  })

  test('a trigger function of ours does nothing on a table of somebody else', async () => {
    const { client } = context.fixture
    await client.run('create table own.decoy (id text)')
    await refused(
      client.run(
        `create trigger t before insert on own.decoy for each row execute function sluice.before_row()`,
      ),
      '42501',
    )
  })

  test('functions inside the statement cannot write what was not planned', async () => {
    const { client } = context.fixture
    await client.run(
      `create or replace function own.evil(what text) returns text language plpgsql as $$
      begin
        insert into salesforce.contacts (id, email) values ('003E', 'evil');
        update salesforce.contacts set email = 'evil' where id = '003A';
        delete from salesforce.contacts where id = '003A';
        return what;
      end $$`,
    )
    await client.run('begin')
    await openApply(client, {
      operation: 'insert',
      rows: [{ ordinal: 1, id: '003N', values: { email: 'NEW' } }],
    })
    await client.run(`insert into salesforce.contacts (email) values (own.evil('new'))`)
    assert.equal(await close(client, { operation: 'insert', rows: 1 }), 0)
    await client.run('commit')
    // the first INSERT took the planned row, as the platform has it; nothing else was written
    assert.deepEqual(await rowsOf(client), [...first, '(003N,NEW,,)'])
  })

  test('functions inside the statement cannot open another mode', async () => {
    const { client } = context.fixture
    const mac = ticketMac(ticketKey, { mode: 'plan', mutationId, pid: client.pid })
    await client.run(`create or replace function own.reopen() returns text language plpgsql as $$
      begin
        perform sluice.open('sync', '${mutationId}', '${mac}', 0, null);
        return 'opened';
      exception when insufficient_privilege then
        perform set_config('sluice.ordinal', '0', true);
        insert into salesforce.contacts (id, email) values ('003E', 'evil');
        return 'refused';
      end $$`)
    await client.run('begin')
    await openApply(client, {
      operation: 'update',
      rows: [{ ordinal: 1, id: '003A', values: { email: 'A', amount: '1', name: 'A' } }],
    })
    await client.run(`update salesforce.contacts set email = own.reopen()`)
    await close(client, { operation: 'update', rows: 1 })
    await client.run('commit')
    assert.deepEqual(await rowsOf(client), ['(003A,A,1,A)'])
  })

  test('resetting the ordinal gives a planned row twice, and Postgres refuses that', async () => {
    const { client } = context.fixture
    await client.run(`create or replace function own.again() returns text language sql volatile as
      $$ select set_config('sluice.ordinal', '0', true) $$`)
    await client.run('begin')
    await openApply(client, {
      operation: 'insert',
      rows: [
        { ordinal: 1, id: '003N', values: { email: 'one' } },
        { ordinal: 2, id: '003O', values: { email: 'two' } },
      ],
    })
    await refused(
      client.run(`insert into salesforce.contacts (email) values (own.again()), (own.again())`),
      '23505',
    )
    await client.run('rollback')
  })

  test('a function that closes early only ends the transaction', async () => {
    const { client } = context.fixture
    await client.run(`create or replace function own.closing() returns text language plpgsql as $$
      begin
        perform sluice.close('${mutationId}', 'x', '${target}', 'insert', 1);
        return 'closed';
      end $$`)
    await client.run('begin')
    await openApply(client, {
      operation: 'insert',
      rows: [{ ordinal: 1, id: '003N', values: { email: 'NEW' } }],
    })
    await refused(
      client.run(`insert into salesforce.contacts (email) values (own.closing())`),
      'SL002',
    )
    await client.run('rollback')
    await client.run('begin')
    await openApply(client, {
      operation: 'insert',
      rows: [{ ordinal: 1, id: '003N', values: { email: 'NEW' } }],
    })
    await refused(
      client.run(`insert into salesforce.contacts (email) values ('x') returning own.closing()`),
      'SL002',
    )
    await client.run('rollback')
    assert.deepEqual(await rowsOf(client), first)
  })

  test('a report that a function makes up does not carry the seal', async () => {
    const { client } = context.fixture
    await client.run(`create or replace function own.liar() returns text language plpgsql as $$
      begin
        raise info 'plan' using errcode = 'SLPLN', detail = '{"schema":"salesforce","table":"contacts",'
          '"op":"delete","seal":""}' || e'\\x1e1\\x1f"003A"\\x1fnull\\x1f{"id":"003A"}';
        return 'x';
      end $$`)
    await inTransaction(client, async () => {
      const { reports } = await client.plan(
        `insert into salesforce.contacts (email) values (own.liar())`,
      )
      assert.deepEqual(reports.map(({ operation, seal }) => [operation, seal.length]), [
        ['delete', 0],
        ['insert', 64],
      ])
    })
  })

  test('temporary tables, types and search_path stand in for nothing of ours', async () => {
    const { client } = context.fixture
    const evil = await context.fixture.connect()
    const setup = [
      'create schema if not exists own',
      `create temp table tickets as select pg_backend_pid() as pid, pg_current_xact_id() as xid,
        'sync'::text as mode, '${mutationId}'::uuid as mutation, 0 as rows_max, ''::text as seal, 0::oid as target, ''::text as operation`,
      'create temp table secret (ipad bytea, opad bytea)',
      'create temp table pg_attribute (attrelid oid)',
      'create temp table pg_class (oid oid)',
      "create type pg_temp.uuid as enum ('x')",
      "create type pg_temp.text as enum ('x')",
      "create type pg_temp.int4 as enum ('x')",
      "create type pg_temp.jsonb as enum ('x')",
      "create type pg_temp.regclass as enum ('x')",
      `create function own.always(pg_catalog.bytea, pg_catalog.bytea) returns pg_catalog.bool language sql as 'select false'`,
      `create operator own.<> (leftarg = pg_catalog.bytea, rightarg = pg_catalog.bytea, function = own.always)`,
      `create function own.same(pg_catalog.text, pg_catalog.text) returns pg_catalog.bool language sql as 'select true'`,
      `create operator own.= (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = own.same)`,
      `create function own.same8(pg_catalog.xid8, pg_catalog.xid8) returns pg_catalog.bool language sql as 'select true'`,
      `create operator own.= (leftarg = pg_catalog.xid8, rightarg = pg_catalog.xid8, function = own.same8)`,
      `create function own.sha256(pg_catalog.bytea) returns pg_catalog.bytea language sql as $$ select 'x'::pg_catalog.bytea $$`,
      `create function own.pg_backend_pid() returns pg_catalog.int4 language sql as 'select 1'`,
      `create function own.jsonb_populate_record(anyelement, pg_catalog.jsonb) returns anyelement language sql as 'select $1'`,
      `create function own.set_config(pg_catalog.text, pg_catalog.text, pg_catalog.bool) returns pg_catalog.text language sql as $$ select 'evil'::pg_catalog.text $$`,
    ]
    await evil.run('begin')
    await evil.run(`set local check_function_bodies = off`)
    for (const text of setup) await evil.run(text)
    await evil.run('set local search_path = pg_temp, own, pg_catalog')
    await evil.run('savepoint s')
    await refused(evil.run(insert), 'SL002')
    await evil.run('rollback to s')
    await refused(evil.open('sync', { mac: 'x' }), '42501')
    await evil.run('rollback to s')
    // and with a right ticket everything still works
    await evil.open('lock')
    const [row] = await evil.run(lockSql, [target, '{003A}', mutationId])
    assert.equal(row?.['lock'], 1)
    assert.equal((await evil.plan(insert)).planned, 1)
    await openApply(evil, {
      operation: 'insert',
      rows: [{ ordinal: 1, id: '003N', values: { email: 'NEW' } }],
    })
    await evil.run(insert)
    await close(evil, { operation: 'insert', rows: 1 })
    const written = await evil.run(
      `select email from salesforce.contacts order by id operator(pg_catalog.||) ''::pg_catalog.text`,
    )
    assert.deepEqual([...written].map((one) => one['email']), ['a@a.co', 'NEW'])
    await evil.run('rollback')
    assert.deepEqual(await rowsOf(client), first)
  })

  test('the mac is in no view of the server', async () => {
    const { client, owner } = context.fixture
    await client.run('begin')
    await client.open('sync')
    const mac = ticketMac(ticketKey, { mode: 'sync', mutationId, pid: client.pid })
    const seen = await owner.run(
      `select query from pg_stat_activity where pid = ${client.pid}`,
    )
    assert.match(String(seen[0]?.['query']), /sluice\.open/)
    assert.ok(!String(seen[0]?.['query']).includes(mac))
    await client.run('rollback')
  })

  test('another role of the same session may open as well: the mac counts, not the role', async () => {
    const { client, owner, role } = context.fixture
    const other = `${role}_other`
    await owner.run(`create role ${other}; grant ${other} to ${role}`)
    await client.run(`set role ${other}`)
    await client.run('begin')
    await client.open('lock')
    await client.run('rollback')
    await client.run('reset role')
  })
}
