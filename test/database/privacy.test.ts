// Goal: the views of schema sluice show nobody what they may not see, and take no writes. Method: an ordinary role that
// may read one of two tables tries what there is to try, on every Postgres there is.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import postgres from 'postgres'
import { applyRows, ensureTable, installDatabase } from '../../src/database/index.ts'
import {
  contacts,
  type Fixture,
  issues,
  makeDatabase,
  makeFixture,
  refused,
  servers,
  type Session,
  type Started,
  startServer,
  ticketKey,
} from './fixture.ts'

const views = ['tables', 'mutations', 'errors']

for (const server of servers) {
  describe(`Postgres ${server.name}`, () => {
    let started: Started
    let fixture: Fixture
    before(async () => {
      started = await startServer(server)
      fixture = await makeFixture(started)
      for (const table of [contacts, issues]) {
        const rows = [{ id: '1', values: {} }]
        const options = { table, operation: 'upsert', rows, ticketKey } as const
        await applyRows(fixture.owner.sql, { ...options, mutationId: randomUUID() })
      }
      await fixture.owner.run(`revoke select on github.issues from ${fixture.role}`)
    })
    after(async () => {
      await fixture?.end()
      await started?.stop()
    })
    readingTests(() => fixture)
    writingTests(() => fixture)
    installingTests(() => started)
  })
}

async function seen(session: Session): Promise<string[]> {
  const rows = await session.run(
    `select distinct table_name from sluice.mutations
    union all select table_name from sluice.tables order by 1`,
  )
  return rows.map((row) => String(row['table_name']))
}

function readingTests(fixture: () => Fixture): void {
  test('a role sees the tables that it may read, and their mutations, and no others', async () => {
    const { client, owner, role } = fixture()
    assert.deepEqual(await seen(owner), ['contacts', 'contacts', 'issues', 'issues'])
    assert.deepEqual(await seen(client), ['contacts', 'contacts'])
    await owner.run(`revoke usage on schema salesforce from ${role}`)
    assert.deepEqual(await seen(client), [])
    await owner.run(`grant usage on schema salesforce to ${role}`)
  })

  test('the role that was taken counts, and a role with nothing reads the errors alone', async () => {
    const { client, owner, role } = fixture()
    await owner.run(`create role ${role}_none; grant ${role}_none to ${role}`)
    await client.run(`set role ${role}_none`)
    assert.deepEqual(await seen(client), [])
    assert.ok((await client.run('select * from sluice.errors')).count > 0)
    await client.run('reset role')
  })

  test('a condition of the role is not shown what it may not see', async () => {
    const { client } = fixture()
    await client.run(`create function own.spy(text) returns bool language plpgsql cost 0.000001 as
      $$ begin raise notice '%', $1; return true; end $$`)
    client.notices.length = 0
    await client.run(`select from sluice.mutations where own.spy(table_name)`)
    await client.run(`select from sluice.tables where own.spy(table_name)`)
    assert.deepEqual(new Set(client.notices.map(({ message }) => message)), new Set(['contacts']))
  })

  test('functions, operators and tables of the role stand in for nothing', async () => {
    const { client } = fixture()
    await client.run(`create schema fake; create table fake.pg_class (like pg_class);
      create function fake.has_table_privilege(oid, text) returns bool language sql as 'select true';
      create function fake.has_schema_privilege(oid, text) returns bool language sql as 'select true';
      create function fake.same(oid, oid) returns bool language sql as 'select true';
      create operator fake.= (leftarg = oid, rightarg = oid, function = fake.same);
      create temporary table synced (table_name text); create temporary table applied (id uuid)`)
    await client.run('set search_path = fake, pg_temp, pg_catalog')
    assert.deepEqual(await seen(client), ['contacts', 'contacts'])
    await client.run('reset search_path')
  })

  test('nothing behind the views can be read, and no view leads to a secret', async () => {
    const { client, owner } = fixture()
    for (const table of ['applied', 'synced', 'faults', 'secret', 'tickets', 'ticket_rows']) {
      await refused(client.run(`select * from sluice.${table}`), '42501')
    }
    const read = await owner.run(
      `select distinct d.refobjid::regclass::text as name
      from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      where r.ev_class in (${views.map((view) => `'sluice.${view}'::regclass`).join(', ')})
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
        and d.refobjid::regclass::text like 'sluice.%' order by 1`,
    )
    assert.deepEqual(
      read.map(({ name }) => name),
      ['sluice.applied', 'sluice.faults', 'sluice.synced'],
    )
  })
}

function writingTests(fixture: () => Fixture): void {
  test('no role but the owner can write to a view, or put another in its place', async () => {
    const { client } = fixture()
    for (const view of views) {
      const name = `sluice.${view}`
      for (
        const [text, states] of [
          // 55000, 0A000: Postgres says that the view, or a column, takes no writes before it looks at the privileges
          [`insert into ${name} select * from ${name}`, ['42501', '55000', '0A000']],
          [`delete from ${name}`, ['42501', '55000']],
          [`truncate ${name}`, ['42809']],
          [`drop view ${name}`, ['42501']],
          [`create or replace view ${name} as select 1 as one`, ['42501']],
          [`alter view ${name} reset (security_barrier)`, ['42501']],
          [`alter view ${name} rename to mine`, ['42501']],
          [`create rule r as on insert to ${name} do instead nothing`, ['42501']],
          [`comment on view ${name} is 'mine'`, ['42501']],
        ] as const
      ) {
        const error = await client.run(text).then(() => undefined, (thrown: unknown) => thrown)
        const { code } = error as { code?: string }
        assert.ok(states.some((state) => state === code), `${text}: ${code ?? 'no error'}`)
      }
    }
  })
}

function installingTests(started: () => Started): void {
  test('what the installing role finds first in its search_path stands in for nothing', async () => {
    const { url } = await makeDatabase(started())
    const sql = postgres(url, {
      max: 1,
      onnotice: () => {},
      connection: { search_path: 'evil, pg_catalog' },
    })
    try {
      await sql.unsafe(`create schema evil;
        create function evil.has_table_privilege(oid, text) returns bool language sql as 'select true';
        create table evil.pg_class (like pg_catalog.pg_class)`)
      await installDatabase(sql, { ticketKey })
      await ensureTable(sql, contacts)
      const used = await sql`
        select distinct d.refobjid::regclass::text as name
        from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        where d.refobjid::regclass::text like 'evil.%' or d.refobjid in (
          select oid from pg_proc where pronamespace = 'evil'::regnamespace)`
      assert.deepEqual([...used], [])
      assert.equal((await sql`select from sluice.tables`).count, 1)
    } finally {
      await sql.end()
    }
  })
}
