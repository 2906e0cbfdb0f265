// Goal: a mutation in every protocol shape reaches the service once, and the database afterwards. Method: node-postgres
// through a real listener to a real Postgres; only the mutation service is played.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type pg from 'pg'
import { fault } from '../../src/mutation/fault.ts'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

describe('mutations through the listener', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.applied.length = 0
    stage.carry = acceptAll()
    const [tickets] = await stage.sql`select count(*)::int as count from sluice.ticket_rows`
    assert.equal(tickets?.['count'], 0)
    await stage.empty()
  })
  const rows = () => stage.sql`select * from salesforce.contacts order by id`
  const error = async (work: Promise<unknown>): Promise<pg.DatabaseError> => {
    try {
      await work
    } catch (thrown) {
      return thrown as pg.DatabaseError
    }
    assert.fail('it was accepted')
  }

  test('a simple insert is sent once, committed and returned as the platform has it', async () => {
    await withClient(stage, async (client) => {
      const result = await client.query(
        `insert into salesforce.contacts (first_name, last_name) values ('Paul', 'Atreides') returning id, name`,
      )
      assert.equal(result.command, 'INSERT')
      assert.equal(result.rowCount, 1)
      assert.deepEqual(result.rows, [{ id: '003000000000000001', name: 'Paul Atreides' }])
    })
    assert.equal(stage.sent.length, 1)
    assert.deepEqual(stage.sent[0]?.rows, [
      { ordinal: 1, id: null, values: { first_name: 'Paul', last_name: 'Atreides' } },
    ])
    assert.deepEqual(stage.applied, [stage.sent[0]?.id])
    assert.equal((await rows())[0]?.['name'], 'Paul Atreides')
  })

  test('the extended protocol carries parameters, unnamed and named', async () => {
    await withClient(stage, async (client) => {
      const text =
        'insert into salesforce.contacts (last_name, score, tags) values ($1, $2, $3) returning id, score'
      const first = await client.query(text, ['One', '12345678901234567890.123456789', [
        'a',
        'b"c',
      ]])
      assert.deepEqual(first.rows, [{
        id: '003000000000000001',
        score: '12345678901234567890.123456789',
      }])
      for (const name of ['Two', 'Three']) {
        const result = await client.query({ name: 'ins', text, values: [name, null, null] })
        assert.equal(result.rowCount, 1)
      }
    })
    assert.equal(stage.sent.length, 3)
    assert.deepEqual(stage.sent[0]?.rows[0]?.values, {
      last_name: 'One',
      score: '12345678901234567890.123456789',
      tags: '["a","b\\"c"]',
    })
    assert.equal((await rows()).length, 3)
  })

  test('update and delete find their rows and leave the others', async () => {
    await withClient(stage, async (client) => {
      await client.query(
        `insert into salesforce.contacts (last_name, email) values ('A', 'a@x.org'), ('B', 'b@x.org'), ('C', 'c@x.org')`,
      )
      const updated = await client.query(
        `update salesforce.contacts set first_name = $1 where email <> 'c@x.org'`,
        ['Z'],
      )
      assert.equal(updated.command, 'UPDATE')
      assert.equal(updated.rowCount, 2)
      const deleted = await client.query(
        `delete from salesforce.contacts where email = 'a@x.org' returning last_name`,
      )
      assert.equal(deleted.command, 'DELETE')
      assert.deepEqual(deleted.rows, [{ last_name: 'A' }])
    })
    assert.equal(stage.sent.length, 3)
    assert.deepEqual(stage.sent[1]?.rows.map((row) => row.values), [{ first_name: 'Z' }, {
      first_name: 'Z',
    }])
    assert.deepEqual((await rows()).map((row) => row['name']), ['Z B', 'C'])
  })

  test('what a function writes within a mutation of the same table and operation is part of it, and nothing else is', async () => {
    await stage.sql.unsafe(`
      create function public.adds() returns text language sql as $$
        insert into salesforce.contacts (last_name) values ('of the function') returning '!' $$;
      create function public.removes() returns text language sql as $$
        delete from salesforce.contacts returning '!' $$`)
    try {
      await withClient(stage, async (client) => {
        const result = await client.query(
          `insert into salesforce.contacts (last_name) select 'x' || public.adds()`,
        )
        assert.deepEqual([result.command, result.rowCount], ['INSERT', 1])
        const other = await error(client.query(
          `insert into salesforce.contacts (last_name) select 'x' || public.removes()`,
        ))
        assert.deepEqual([other.code, other.message.slice(0, 13)], ['0A000', 'two mutations'])
      })
      const both = new Set(['of the function', 'x!'])
      const sent = stage.sent.map(({ rows }) =>
        new Set(rows.map(({ values }) => values['last_name']))
      )
      assert.deepEqual(sent, [both])
      assert.deepEqual(stage.sent[0]?.rows.length, 2)
      assert.deepEqual(new Set((await rows()).map((row) => row['name'])), both)
    } finally {
      await stage.sql.unsafe('drop function public.adds(), public.removes()')
    }
  })

  test('nothing matches: nothing is sent and the tag is Postgres’s', async () => {
    await withClient(stage, async (client) => {
      const result = await client.query(
        `update salesforce.contacts set email = 'x' where id = 'none'`,
      )
      assert.equal(result.rowCount, 0)
      const inserted = await client.query(
        `insert into salesforce.contacts (last_name) select body from public.local_notes returning id`,
      )
      assert.deepEqual(inserted.rows, [])
    })
    assert.equal(stage.sent.length, 0)
  })

  test('a refusal is a Postgres error and nothing changed', async () => {
    const data = fault('validation_error', {
      platform: 'salesforce',
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
      schema: 'salesforce',
      table: 'contacts',
      column: 'email',
    }).data
    stage.carry = () => Promise.resolve({ state: 'refused', fault: data })
    await withClient(stage, async (client) => {
      for (const values of [undefined, ['pauldune.co']]) {
        const literal = values === undefined ? `'pauldune.co'` : '$1'
        const text = `insert into salesforce.contacts (last_name, email) values ('P', ${literal})`
        const thrown = await error(
          values === undefined ? client.query(text) : client.query(text, values),
        )
        assert.equal(thrown.message, 'salesforce validation error')
        assert.equal(thrown.code, '23514')
        assert.equal(thrown.detail, data.detail)
        assert.equal(thrown.column, 'email')
        assert.equal(thrown.table, 'contacts')
        assert.equal(thrown.schema, 'salesforce')
      }
      assert.equal((await client.query('select 1 as one')).rows[0].one, 1)
    })
    assert.equal((await rows()).length, 0)
    assert.equal(stage.applied.length, 0)
  })

  test('inside a transaction block the row stays after ROLLBACK, other tables’ writes do not', async () => {
    await withClient(stage, async (client) => {
      await client.query('begin')
      await client.query(`insert into public.local_notes (body) values ('gone')`)
      const inserted = await client.query(
        'insert into salesforce.contacts (last_name) values ($1) returning id',
        ['Stays'],
      )
      assert.equal(inserted.rowCount, 1)
      const seen = await client.query('select last_name from salesforce.contacts')
      assert.deepEqual(seen.rows, [{ last_name: 'Stays' }])
      await client.query('rollback')
      assert.equal((await client.query('select * from public.local_notes')).rowCount, 0)
    })
    assert.deepEqual((await rows()).map((row) => row['last_name']), ['Stays'])
  })

  test('a refusal inside a transaction block leaves it aborted, in both protocols', async () => {
    stage.carry = () =>
      Promise.resolve({
        state: 'refused',
        fault: fault('validation_error', { platform: 'salesforce' }).data,
      })
    await withClient(stage, async (client) => {
      for (const values of [undefined, []] as const) {
        await client.query('begin')
        const text = `insert into salesforce.contacts (last_name) values ('x')`
        assert.equal(
          (await error(client.query({ text, ...(values ? { values: [...values] } : {}) }))).code,
          '23514',
        )
        assert.equal((await error(client.query('select 1'))).code, '25P02')
        assert.equal((await error(client.query(text))).code, '25P02')
        await client.query('rollback')
        assert.equal((await client.query('select 1')).rowCount, 1)
      }
    })
  })

  test('a lock of the client’s own transaction is reported at once', async () => {
    await withClient(stage, async (client) => {
      await client.query(`insert into salesforce.contacts (last_name) values ('L')`)
      await client.query('begin')
      await client.query('select * from salesforce.contacts for update')
      const started = performance.now()
      const thrown = await error(client.query(`update salesforce.contacts set email = 'e'`))
      assert.equal(thrown.code, '55P03')
      assert.ok(thrown.hint)
      assert.ok(performance.now() - started < 60_000) // not when the plan's own time is up
      await client.query('rollback')
      assert.equal((await client.query(`update salesforce.contacts set email = 'e'`)).rowCount, 1)
    })
    assert.equal(stage.sent.length, 2)
  })

  test('a CTE writes the new id into another table in the same statement', async () => {
    await withClient(stage, async (client) => {
      const result = await client.query(`with made as (
        insert into salesforce.contacts (last_name) values ('Chained') returning id
      ) insert into public.local_notes select id, 'hello' from made`)
      assert.equal(result.rowCount, 1)
    })
    const [note] = await stage.sql`select * from public.local_notes`
    assert.equal(note?.['contact_id'], '003000000000000001')
    assert.equal(stage.sent.length, 1)
  })

  test('ON CONFLICT DO NOTHING sends only the row that is new', async () => {
    await stage.sql.unsafe(
      'create unique index if not exists contacts_email on salesforce.contacts (email)',
    )
    await withClient(stage, async (client) => {
      await client.query(
        `insert into salesforce.contacts (last_name, email) values ('A', 'a@x.org')`,
      )
      const result = await client.query(`insert into salesforce.contacts (last_name, email)
        values ('A2', 'a@x.org'), ('B', 'b@x.org') on conflict do nothing returning email`)
      assert.deepEqual(result.rows, [{ email: 'b@x.org' }])
    })
    assert.equal(stage.sent[1]?.rows.length, 1)
    assert.deepEqual((await rows()).map((row) => row['last_name']), ['A', 'B'])
  })

  test('PREPARE and EXECUTE in SQL, in and out of a transaction', async () => {
    await withClient(stage, async (client) => {
      await client.query(
        `prepare p (text) as insert into salesforce.contacts (last_name) values ($1) returning id`,
      )
      assert.equal((await client.query(`execute p('One')`)).rowCount, 1)
      assert.equal((await client.query(`execute p('Two')`)).command, 'INSERT')
      await client.query('begin')
      assert.equal((await client.query(`execute p('Three')`)).rowCount, 1)
      await client.query('rollback')
      await client.query('deallocate p; ')
      await client.query('prepare p as select 1 as one')
      assert.deepEqual((await client.query('execute p')).rows, [{ one: 1 }])
    })
    assert.equal((await rows()).length, 3)
    assert.equal(stage.sent.length, 3)
  })

  test('too many rows, a read-only column, upsert and other forms are refused before anything is sent', async () => {
    await withClient(stage, async (client) => {
      const many = await error(client.query(
        `insert into salesforce.contacts (last_name) select 'n' || i from generate_series(1, 201) i`,
      ))
      assert.equal(many.code, '54000')
      assert.match(many.message, /201 rows.*200/)
      const readOnly = await error(
        client.query(`insert into salesforce.contacts (last_name, name) values ('a', 'b')`),
      )
      assert.equal(readOnly.code, '428C9')
      assert.equal(readOnly.column, 'name')
      const id = await error(
        client.query(`insert into salesforce.contacts (id, last_name) values ('x', 'b')`),
      )
      assert.equal(id.code, '428C9')
      await client.query(`insert into salesforce.contacts (id, last_name) values (default, 'b')`)
      stage.sent.length = 0
      const upsert = await error(client.query(
        `insert into salesforce.contacts (last_name) values ('b') on conflict (id) do update set email = 'x'`,
      ))
      assert.equal(upsert.code, '0A000')
      assert.match(upsert.hint ?? '', /UPDATE the row; then INSERT/)
      const two = await error(
        client.query(
          `with a as (insert into salesforce.contacts (last_name) values ('b') returning id)
        update salesforce.contacts set email = 'x' where id in (select id from a)`,
        ),
      )
      assert.equal(two.code, '0A000')
      for (
        const text of [
          'truncate salesforce.contacts',
          `merge into salesforce.contacts c using (select 1) s on false when not matched then insert (last_name) values ('m')`,
          `copy salesforce.contacts (last_name) from '/tmp/file'`,
          `copy (delete from salesforce.contacts returning id) to stdout`,
          `delete from salesforce.contacts where current of c`,
          `select 1; truncate salesforce.contacts`,
          `explain analyze delete from salesforce.contacts`,
        ]
      ) {
        assert.equal((await error(client.query(text))).code, '0A000', text)
      }
      const hidden = await error(
        client.query(`do $$ begin delete from salesforce.contacts; end $$`),
      )
      assert.equal(hidden.code, 'SL002')
    })
    assert.equal(stage.sent.length, 0)
    assert.equal((await rows()).length, 1)
  })

  test('a constraint that waits for COMMIT is found broken before anything is sent', async () => {
    await stage.sql.unsafe(`create table public.known (name text primary key);
      alter table salesforce.contacts add constraint known foreign key (last_name)
        references public.known deferrable initially deferred`)
    try {
      await withClient(stage, async (client) => {
        const thrown = await error(
          client.query(`insert into salesforce.contacts (last_name) values ('nobody')`),
        )
        assert.equal(thrown.code, '23503')
        assert.equal(thrown.constraint, 'known')
      })
      assert.equal(stage.sent.length, 0)
    } finally {
      await stage.sql.unsafe(`alter table salesforce.contacts drop constraint known;
        drop table public.known`)
    }
  })

  test('unqualified names follow search_path', async () => {
    await withClient(stage, async (client) => {
      await client.query('set search_path = salesforce, public')
      const result = await client.query(
        `insert into contacts (last_name) values ('Path') returning id`,
      )
      assert.equal(result.rowCount, 1)
      await client.query(`set search_path = public; create table public.contacts (last_name text)`)
      await client.query(`insert into contacts (last_name) values ('Local')`)
      await client.query('drop table public.contacts')
    })
    assert.equal(stage.sent.length, 1)
  })

  test('an error of Postgres in the statement is passed on as it is', async () => {
    await withClient(stage, async (client) => {
      const thrown = await error(
        client.query(`insert into salesforce.contacts (nosuch) values ('a')`),
      )
      assert.equal(thrown.code, '42703')
      assert.equal(thrown.position, '34')
      const typed = await error(
        client.query(`insert into salesforce.contacts (score) values ($1)`, ['abc']),
      )
      assert.equal(typed.code, '22P02')
    })
    assert.equal(stage.sent.length, 0)
  })
})
