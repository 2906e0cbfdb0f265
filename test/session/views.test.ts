// Goal: an updatable view over a synced table is written to as the table is; any other view is left to Postgres and the
// triggers. Method: node-postgres through a real listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

describe('views over a synced table', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    const { role } = stage
    await stage.sql.unsafe(`
      create schema other;
      create view public.people as select id, last_name as surname, email as mail, score from salesforce.contacts
        where email is not null or last_name <> 'hidden';
      create view public.rich as select * from public.people where score > 10 with cascaded check option;
      create view other."People" as select * from salesforce.contacts;
      create view public.counts as select last_name, count(*) from salesforce.contacts group by 1;
      create view public.notes as select * from public.local_notes
        where contact_id in (select id from salesforce.contacts);
      create view public.joined as select c.id, n.body from salesforce.contacts c join public.local_notes n on n.contact_id = c.id;
      grant usage on schema other to ${role};
      grant all on public.people, public.rich, other."People", public.counts, public.notes, public.joined to ${role}`)
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
  })
  const rows = () => stage.sql`select last_name, email from salesforce.contacts order by last_name`
  const error = async (work: Promise<unknown>): Promise<pg.DatabaseError> => {
    try {
      await work
    } catch (thrown) {
      return thrown as pg.DatabaseError
    }
    assert.fail('it was accepted')
  }

  test('insert, update and delete through a view, in both protocols and in a block', async () => {
    await withClient(stage, async (client) => {
      const inserted = await client.query(
        `insert into people (surname, mail) values ('a', 'a@x'), ('b', 'b@x') returning id, surname`,
      )
      assert.deepEqual(inserted.rows.map((row: { surname: string }) => row.surname), ['a', 'b'])
      const updated = await client.query('update public.people set mail = $1 where surname = $2', [
        'new',
        'a',
      ])
      assert.equal(updated.rowCount, 1)
      await client.query('begin')
      assert.equal((await client.query(`delete from people where surname = 'b'`)).rowCount, 1)
      await client.query('rollback')
    })
    assert.deepEqual(stage.sent.map(({ schema, table, operation }) => [schema, table, operation]), [
      ['salesforce', 'contacts', 'insert'],
      ['salesforce', 'contacts', 'update'],
      ['salesforce', 'contacts', 'delete'],
    ])
    assert.deepEqual(stage.sent[1]?.rows[0]?.values, { email: 'new' })
    assert.deepEqual([...await rows()], [{ last_name: 'a', email: 'new' }])
  })

  test('a view over a view, a quoted name, and a CHECK OPTION that Postgres keeps', async () => {
    await withClient(stage, async (client) => {
      await client.query(`insert into rich (surname, mail, score) values ('r', 'r@x', 11)`)
      const checked = await error(
        client.query(`insert into rich (surname, mail, score) values ('p', 'p@x', 9)`),
      )
      assert.equal(checked.code, '44000')
      await client.query(`insert into other."People" (last_name) values ('q')`)
      await client.query(`set search_path = other`)
      await client.query(`update "People" set last_name = 'qq' where last_name = 'q'`)
    })
    assert.equal(stage.sent.length, 3)
  })

  test('a view that is made, changed or dropped is known at once to its session', async () => {
    await withClient(stage, async (client) => {
      await client.query(`insert into public.plain values (1)`) // the views are known by now
      await client.query(`create view public.fresh as select * from salesforce.contacts`)
      assert.equal((await client.query(`insert into fresh (last_name) values ('f')`)).rowCount, 1)
      await client.query(`drop view fresh; create table fresh (last_name text)`)
      assert.equal((await client.query(`insert into fresh (last_name) values ('f')`)).rowCount, 1)
      await client.query('drop table fresh')
      await client.query(`create temp view mine as select * from salesforce.contacts`)
      assert.equal((await client.query(`insert into mine (last_name) values ('m')`)).rowCount, 1)
      await client.query('delete from public.plain')
    })
    assert.equal(stage.sent.length, 2)
  })

  test('a mutation that needs what its own transaction has made is refused in words that say so', async () => {
    await withClient(stage, async (client) => {
      const view = 'create view public.brand_new as select * from salesforce.contacts'
      const insert = `insert into brand_new (last_name) values ('n')`
      await client.query('select 1')
      const whole = await error(client.query(`${view}; ${insert}`))
      await client.query(`begin; ${view}`)
      const inBlock = await error(client.query({ text: insert, values: [] }))
      await client.query('rollback')
      await client.query('begin; create table public.brand_new_names as select 1 as name')
      const table = await error(client.query(
        'insert into salesforce.contacts (last_name) select name from public.brand_new_names',
      ))
      await client.query('rollback')
      for (const { code, message, hint = '' } of [whole, inBlock, table]) {
        assert.deepEqual([code, message.startsWith('"brand_new')], ['0A000', true])
        assert.match(hint, /Commit first/)
      }
      const missing = await error(client.query('select * from brand_new'))
      assert.equal(missing.code, '42P01')
      await client.query(`${view}; select 1`)
      assert.equal((await client.query(insert)).rowCount, 1)
      await client.query('drop view brand_new')
    })
    assert.equal(stage.sent.length, 1)
  })

  test('a view over another table is Postgres’s own business, though it asks a synced one', async () => {
    await withClient(stage, async (client) => {
      await client.query(`insert into salesforce.contacts (last_name) values ('x')`)
      await client.query(
        `insert into public.local_notes select id, 'old' from salesforce.contacts`,
      )
      await client.query('begin')
      assert.equal((await client.query(`update notes set body = 'new'`)).rowCount, 1)
      await client.query('rollback')
      assert.deepEqual((await client.query('select body from local_notes')).rows, [{ body: 'old' }])
      assert.equal((await error(client.query(`insert into counts values ('x', 1)`))).code, '55000')
      assert.equal((await error(client.query('delete from joined'))).code, '55000')
      assert.equal((await error(client.query('truncate people'))).code, '42809')
      assert.equal((await error(client.query('copy people from stdin'))).code, '42809')
    })
    assert.equal(stage.sent.length, 1)
  })

  test('forms that are refused on the table are refused on a view', async () => {
    await withClient(stage, async (client) => {
      for (
        const text of [
          'merge into people p using (select 1) s on true when matched then delete',
          `insert into people (id, surname) values ('1', 'x') on conflict (id) do update set surname = 'y'`,
          'explain analyze delete from people',
          'with d as (delete from people returning id) delete from salesforce.contacts',
        ]
      ) {
        assert.equal((await error(client.query(text))).code, '0A000', text)
      }
      // a trigger of the view's is a function that writes
      await stage.sql.unsafe(`
        create function public.write_through() returns trigger language plpgsql as $$ begin
          insert into salesforce.contacts (last_name) values (new.id); return new; end $$;
        create trigger write_through instead of insert on public.joined for each row
          execute function public.write_through()`)
      assert.equal(
        (await error(client.query(`insert into joined (id) values ('x')`))).code,
        'SL002',
      )
    })
    assert.equal(stage.sent.length, 0)
  })

  test('EXPLAIN and several statements know views too', async () => {
    await withClient(stage, async (client) => {
      const { rows: lines } = await client.query(
        `explain insert into people (surname) values ('x')`,
      )
      assert.match(
        String((lines as Record<string, string>[]).map((row) => row['QUERY PLAN'])),
        /insert of 1 row of Contact/,
      )
      await client.query(`select 1; insert into people (surname) values ('y')`)
    })
    assert.equal(stage.sent.length, 1)
  })
})
