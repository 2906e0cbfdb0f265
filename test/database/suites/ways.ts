// Ways to write a table that are not an INSERT, UPDATE or DELETE on it: each meets the triggers.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { clear, contacts, inTransaction, refused, rowsOf, seed, type Session } from '../fixture.ts'
import type { Context } from './context.ts'

const first = ['(003A,a@a.co,10.00,Ada)']

export function waysSuite(context: Context): void {
  const owner = (): Session => context.fixture.owner
  const client = (): Session => context.fixture.client

  before(async () => {
    await owner().run('create schema people')
    await owner().run(`grant all on schema people to ${context.fixture.role}`)
  })

  before(() => seed(client(), contacts, `('003A', 'a@a.co', 10.00, 'Ada')`))

  test('a view', async () => {
    await client().run('create view own.a_view as select * from salesforce.contacts')
    await refused(client().run(`insert into own.a_view (email) values ('x')`), 'SL002')
    await refused(client().run(`update own.a_view set email = 'x'`), 'SL002')
    await refused(client().run(`delete from own.a_view`), 'SL002')
    await inTransaction(client(), async () => {
      const { reports } = await client().plan(`update own.a_view set email = 'x'`)
      assert.deepEqual(reports.map(({ schema, table, id }) => [schema, table, id]), [
        ['salesforce', 'contacts', '003A'],
      ])
    })
  })

  test('a rule', async () => {
    await client().run('create table own.ruled (email text)')
    await client().run(`create rule r as on insert to own.ruled do instead
      insert into salesforce.contacts (email) values (new.email)`)
    await refused(client().run(`insert into own.ruled values ('x')`), 'SL002')
  })

  test('COPY', async () => {
    const [row] = await owner().run(
      `select current_setting('data_directory') || '/copy.txt' as file`,
    )
    const file = String(row?.['file'])
    await owner().run(`copy (values ('x')) to '${file}'`)
    await refused(owner().run(`copy salesforce.contacts (email) from '${file}'`), 'SL002')
  })

  test('MERGE', async () => {
    if (context.server.major < 15) return
    await refused(
      client().run(`merge into salesforce.contacts t using (values ('003A')) v(id) on t.id = v.id
        when matched then update set email = 'x' when not matched then insert (email) values ('y')`),
      'SL002',
    )
  })

  test('INSERT … ON CONFLICT DO UPDATE', async () => {
    await refused(
      client().run(`insert into salesforce.contacts (id, email) values ('003A', 'x')
        on conflict (id) do update set email = excluded.email`),
      'SL002',
    )
  })

  test('a function, a procedure, DO, and a function of the owner', async () => {
    const write = `update salesforce.contacts set email = 'x'`
    await client().run(`create function own.writes() returns void language sql as $$ ${write} $$`)
    await client().run(`create procedure own.proc() language sql as $$ ${write} $$`)
    await owner().run(
      `create function people.definer() returns void language sql security definer as $$ ${write} $$`,
    )
    await refused(client().run('select own.writes()'), 'SL002')
    await refused(client().run('call own.proc()'), 'SL002')
    await refused(client().run(`do $do$ begin ${write}; end $do$`), 'SL002')
    await refused(client().run('select people.definer()'), 'SL002')
  })

  test("a trigger of another table's", async () => {
    await client().run('create table own.source (email text)')
    await client().run(`create function own.spread() returns trigger language plpgsql as
      $$ begin update salesforce.contacts set email = new.email; return new; end $$`)
    await client().run(
      `create trigger spread after insert on own.source for each row execute function own.spread()`,
    )
    await refused(client().run(`insert into own.source values ('x')`), 'SL002')
  })

  test('a deferred trigger that fires after close', async () => {
    await client().run('create table own.later (email text)')
    await client().run(`create function own.spread_later() returns trigger language plpgsql as
      $$ begin update salesforce.contacts set email = new.email; return new; end $$`)
    await client().run(`create constraint trigger spread after insert on own.later
      deferrable initially deferred for each row execute function own.spread_later()`)
    const { close, openApply } = await import('../fixture.ts')
    await client().run('begin')
    await openApply(client(), { operation: 'insert', rows: [] })
    await client().run(`insert into own.later values ('x')`)
    await close(client(), { operation: 'insert', rows: 0 })
    await refused(client().run('commit'), 'SL002')
  })

  test('a foreign-key cascade from an ordinary table', async () => {
    await owner().run('create table people.companies (id text primary key)')
    await owner().run(`alter table salesforce.contacts add column company text
      references people.companies on delete cascade on update cascade`)
    try {
      await owner().run(`insert into people.companies values ('c1')`)
      await clear(client())
      await seed(client(), contacts, `('003A', 'a@a.co', 10.00, 'Ada', 'c1')`)
      await refused(owner().run(`delete from people.companies`), 'SL002')
      await refused(owner().run(`update people.companies set id = 'c2'`), 'SL002')
      await refused(owner().run(`truncate people.companies cascade`), 'SL002')
      await inTransaction(owner(), async () => {
        const { reports } = await owner().plan('delete from people.companies')
        assert.deepEqual(reports.map(({ operation, id }) => [operation, id]), [['delete', '003A']])
      })
    } finally {
      await owner().run('alter table salesforce.contacts drop column company')
    }
  })

  test('session_replication_role = replica', async () => {
    await owner().run('set session_replication_role = replica')
    for (
      const text of [
        `insert into salesforce.contacts (id) values ('003R')`,
        `update salesforce.contacts set email = 'x'`,
        'delete from salesforce.contacts',
        'truncate salesforce.contacts',
      ]
    ) await refused(owner().run(text), 'SL002')
    await owner().run('begin')
    await owner().open('plan')
    await owner().run(`insert into salesforce.contacts (email) values ('x')`)
    await refused(owner().run('commit'), 'SLOPN')
    await owner().run('reset session_replication_role')
  })

  test('the parent of a partition', async () => {
    await owner().run(`create table people.part (like github.issues) partition by range (id)`)
    await owner().run(
      `alter table people.part attach partition github.issues for values from (0) to (1000000)`,
    )
    try {
      await refused(owner().run(`insert into people.part values (1, 'x')`), 'SL002')
      await inTransaction(owner(), async () => {
        await owner().open('sync')
        await owner().run(`insert into people.part values (1, 'x')`)
      })
    } finally {
      await owner().run('alter table people.part detach partition github.issues')
    }
  })

  test('the parent of an inheritance', async () => {
    await owner().run(`create table people.elders (id bigint not null, title text)`)
    await owner().run('alter table github.issues inherit people.elders')
    const { issues } = await import('../fixture.ts')
    await seed(client(), issues, `(7, 't')`)
    try {
      await refused(owner().run(`update people.elders set title = 'x'`), 'SL002')
      await refused(owner().run(`delete from people.elders`), 'SL002')
      await refused(owner().run(`truncate people.elders`), 'SL002')
    } finally {
      await owner().run('alter table github.issues no inherit people.elders')
    }
  })

  test('a prepared transaction keeps no mode', async () => {
    await client().run('begin')
    await client().open('sync')
    await client().run(`prepare transaction 'sluice_test'`)
    await refused(client().run(`update salesforce.contacts set email = 'x'`), 'SL002')
    await client().run(`rollback prepared 'sluice_test'`)
    await client().run('begin')
    await client().open('plan')
    await client().run(`insert into salesforce.contacts (email) values ('x')`)
    await refused(client().run(`prepare transaction 'sluice_test'`), 'SLOPN')
  })

  test('after all of that the row is as it was', async () => {
    assert.deepEqual(await rowsOf(client()), first)
  })
}
