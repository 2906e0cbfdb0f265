// Goal: every form that cannot be a mutation is refused with a fault that names it and the way round, in both protocols, in
// and out of a transaction block; nothing is sent, nothing is written, and the connection goes on. Method: a table of forms
// through a real listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { refusedForms } from '../../src/session/refused.ts'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

const itself = /^Send the INSERT, UPDATE or DELETE itself\./

/** [statement, SQLSTATE, what the message says, what the hint says] */
const forms: readonly (readonly [string, string, RegExp, RegExp])[] = [
  [
    'merge into salesforce.contacts c using (select 1) s on true when matched then delete',
    '0A000',
    /^MERGE is not supported/,
    /for each branch/,
  ],
  [
    `with m as (insert into public.plain values (9) returning id) merge into salesforce.contacts c using m on true when matched then delete`,
    '0A000',
    /^MERGE is not supported/,
    /for each branch/,
  ],
  ['truncate salesforce.contacts', '0A000', /^TRUNCATE is not supported/, /DELETE/],
  ['truncate public.plain, salesforce.contacts', '0A000', /^TRUNCATE is not supported/, /DELETE/],
  [
    `insert into salesforce.contacts (last_name) values ('x') on conflict (id) do update set email = 'y'`,
    '0A000',
    /^this form of ON CONFLICT DO UPDATE is not supported/,
    /SET column = EXCLUDED\.column\. Or: UPDATE the row; then INSERT/,
  ],
  [
    `with a as (insert into salesforce.contacts (last_name) values ('x') returning id) delete from salesforce.contacts`,
    '0A000',
    /^two mutations in one statement/,
    /one statement for each/,
  ],
  [
    `update salesforce.contacts set email = 'x' where current of c`,
    '0A000',
    /^WHERE CURRENT OF is not supported/,
    /WHERE id =/,
  ],
  [
    'delete from salesforce.contacts where current of c',
    '0A000',
    /^WHERE CURRENT OF/,
    /WHERE id =/,
  ],
  ['explain analyze delete from salesforce.contacts', '0A000', /^EXPLAIN ANALYZE/, /dry_run/],
  [
    'explain (analyze, buffers) delete from salesforce.contacts',
    '0A000',
    /^EXPLAIN ANALYZE/,
    /without ANALYZE/,
  ],
  [
    `copy salesforce.contacts (last_name) from '/tmp/rows.csv'`,
    '0A000',
    /^COPY FROM a file or program/,
    /FROM STDIN/,
  ],
  [
    `copy salesforce.contacts (last_name) from program 'cat'`,
    '0A000',
    /^COPY FROM a file or program/,
    /FROM STDIN/,
  ],
  [
    'copy (delete from salesforce.contacts returning id) to stdout',
    '0A000',
    /^COPY of what a mutation returns/,
    /RETURNING/,
  ],
  ...['create table made as', 'create view made as', 'declare made cursor for'].map((head) =>
    [
      `${head} with d as (delete from salesforce.contacts returning id) select id from d`,
      '0A000',
      /^a mutation inside CREATE TABLE AS, CREATE VIEW or DECLARE CURSOR is not supported/,
      /the mutation itself, with RETURNING/,
    ] as const
  ),
  ...[
    `do $$ begin delete from salesforce.contacts; end $$`,
    `do $$ begin execute 'delete from ' || 'salesforce.contacts'; end $$`,
    'call public.clear()',
    'select public.clear_all()',
    'insert into public.ruled values (1)',
    'insert into public.triggered values (1)',
    'delete from public.parents',
  ].map((text) => [text, 'SL002', /must go through Sluice/, itself] as const),
]

describe('forms that are refused', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    const { role } = stage
    await stage.sql.unsafe(`
      create procedure public.clear() language sql as $$ delete from salesforce.contacts $$;
      create function public.clear_all() returns void language sql as $$ delete from salesforce.contacts $$;
      create table public.ruled (n int);
      create rule also as on insert to public.ruled do also delete from salesforce.contacts;
      create table public.triggered (n int);
      create function public.on_triggered() returns trigger language plpgsql as $$ begin
        delete from salesforce.contacts; return new; end $$;
      create trigger on_triggered before insert on public.triggered for each row execute function public.on_triggered();
      create table public.parents (id text primary key);
      alter table salesforce.contacts add column parent text references public.parents on delete cascade;
      grant all on public.ruled, public.triggered, public.parents to ${role}`)
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.carry = acceptAll()
    await stage.empty()
    await stage.sql.unsafe(`insert into public.parents values ('p') on conflict do nothing;
      alter table salesforce.contacts disable trigger all;
      insert into salesforce.contacts (id, last_name, parent) values ('003', 'stays', 'p');`)
    await stage.sql.unsafe(
      ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
        .map((when) => `alter table salesforce.contacts enable always trigger "~sluice_${when}"`)
        .join(';') + '; alter table public.parents enable trigger all',
    )
    stage.sent.length = 0
  })
  const error = async (work: Promise<unknown>, text: string): Promise<pg.DatabaseError> => {
    try {
      await work
    } catch (thrown) {
      return thrown as pg.DatabaseError
    }
    assert.fail(`it was accepted: ${text}`)
  }

  for (const [text, code, message, hint] of forms) {
    test(`${code}: ${text}`, async () => {
      await withClient(stage, async (client) => {
        for (const query of [text, { text, values: [] }]) {
          for (const begin of ['select 1', 'begin']) {
            await client.query(begin)
            const thrown = await error(client.query(query), text)
            assert.equal(thrown.code, code)
            assert.match(thrown.message, message)
            assert.match(thrown.hint ?? '', hint)
            if (begin === 'begin') {
              assert.equal((await error(client.query('select 1'), text)).code, '25P02')
              await client.query('rollback')
            }
          }
        }
        assert.equal((await client.query('select 1')).rowCount, 1)
      })
      assert.equal(stage.sent.length, 0)
      const rows = await stage.sql`select last_name from salesforce.contacts`
      assert.deepEqual(rows.map((row) => row['last_name']), ['stays'])
      assert.equal((await stage.sql`select from public.plain`).length, 0)
    })
  }

  test('each form that the text shows is among them', () => {
    const told = forms.map(([, , message]) => message)
    for (const [message] of Object.values(refusedForms)) {
      assert.ok(told.some((pattern) => pattern.test(message)), message)
    }
  })

  const long = `'${'x'.repeat(600_000)}'`
  const named = `insert into salesforce.contacts (last_name) values`
  const many = `${'select 1; '.repeat(1_001)} ${named} ('x')`
  const lists = `${named} ${Array.from({ length: 26_000 }, () => `('x')`).join(',')}`
  const prepared = (text: string): pg.QueryConfig => ({ text, values: [] })
  const kept = (text: string): pg.QueryConfig => ({ name: 'kept', text, values: [] })
  const tooLong: readonly (readonly [string, string | pg.QueryConfig, RegExp])[] = [
    ['a Query', `${named} (${long})`, /524288 bytes/],
    ['a Parse', prepared(`${named} (${long})`), /524288 bytes/],
    ['a Parse under a name', kept(`${named} (${long})`), /524288 bytes/],
    ['more than 1,000 statements', many, /1000 statements/],
    ['more than 50,000 tokens', lists, /50000 tokens/],
    ['more than 50,000 tokens, prepared', prepared(lists), /50000 tokens/],
  ]
  for (const [name, query, detail] of tooLong) {
    test(`a mutation that is too long to be read is refused as that, and nothing is sent: ${name}`, async () => {
      await withClient(stage, async (client) => {
        for (const begin of ['select 1', 'begin', 'rollback; select 1']) {
          await client.query(begin)
          const thrown = await error(client.query(query), name)
          assert.equal(thrown.code, '54000')
          assert.equal(thrown.message, 'statement is too long for a mutation')
          assert.match(thrown.detail ?? '', detail)
          assert.match(thrown.detail ?? '', /Nothing was sent\.$/)
          assert.match(thrown.hint ?? '', /fewer rows or statements.*parameters.*COPY/)
          assert.equal(`${thrown.schema}.${thrown.table}`, 'salesforce.contacts')
        }
        // what comes after it is not taken for it
        const outside = await error(client.query('select public.clear_all()'), name)
        assert.equal(outside.code, 'SL002')
        assert.equal((await client.query('select 1')).rowCount, 1)
      })
      assert.equal(stage.sent.length, 0)
      assert.equal((await stage.sql`select from salesforce.contacts`).length, 1)
    })
  }

  test('a long statement that writes nothing passes with all it returns, and a function that writes is named as ever', async () => {
    await withClient(stage, async (client) => {
      const text = `select n, ${long} as long from generate_series(1, 40) n`
      for (const query of [text, prepared(text)]) {
        const { rows } = await client.query(query)
        assert.deepEqual(rows.map(({ n, long }) => [n, long.length])[39], [40, 600_000])
        const broken = await error(client.query(`select ${long}::int`), 'a cast')
        assert.equal(broken.code, '22P02')
        const outside = await error(client.query(`select public.clear_all(), ${long}`), 'a call')
        assert.equal(outside.code, 'SL002')
        assert.match(outside.detail ?? '', /^A function, DO, CALL, rule or trigger wrote to it/)
        assert.match(outside.hint ?? '', itself)
      }
      // two at once, of which the second one is too long
      const both = await Promise.allSettled([
        client.query('select 1 as one'),
        client.query(`${named} (${long})`),
        client.query('select 2 as two'),
      ])
      assert.deepEqual(both.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    })
  })

  test('where the sync is paused, a long mutation is told that, and not that it is too long', async () => {
    const phase = (word: string | null) =>
      stage.sql`update sluice.synced set phase = ${word} where table_name = 'contacts'`
    await phase('paused')
    try {
      await withClient(stage, async (client) => {
        const text = `${named} (${long})`
        for (const query of [text, prepared(text)]) {
          const thrown = await error(client.query(query), 'an insert')
          assert.equal(thrown.code, 'SL002')
          assert.match(thrown.hint ?? '', /is paused: resume it first/)
        }
      })
    } finally {
      await phase(null)
    }
  })

  test('of a statement in a form that is not read the refusal says so', async () => {
    await withClient(stage, async (client) => {
      const text = `insert into salesforce.contacts (U&"last!005fname" uescape '!') values ('x')`
      for (const query of [text, prepared(text)]) {
        const thrown = await error(client.query(query), text)
        assert.equal(thrown.code, 'SL002')
        assert.match(thrown.detail ?? '', /^The statement could not be read: .*Nothing was sent\.$/)
        assert.equal(thrown.hint, 'Write it in another way, in a statement of its own.')
      }
      await client.query('set standard_conforming_strings = off')
      const slash = `insert into salesforce.contacts (last_name) values ('a\\'; x')`
      const thrown = await error(client.query(slash), slash)
      assert.match(thrown.detail ?? '', /^The statement could not be read: a backslash stands/)
      assert.equal(thrown.hint, "Write E'…', or SET standard_conforming_strings = on.")
      await client.query(`insert into salesforce.contacts (last_name) values (E'a\\'; x')`)
      assert.equal(stage.sent.length, 1)
    })
  })

  test('what wrote where no text shows it is named, alone, in several statements and at their commit', async () => {
    const within = /^A function, DO, CALL, rule or trigger wrote to it, .*Nothing was sent\.$/
    const rule = /^A rule wrote to it, .*not known yet\. Nothing was sent\.$/
    const deferred = stage.sql.unsafe(`
      create table public.late (n int);
      grant all on public.late to ${stage.role};
      create constraint trigger late after insert on public.late deferrable initially deferred
        for each row execute function public.on_triggered()`)
    await deferred
    const cases: readonly (readonly [string, RegExp])[] = [
      [`do $$ begin delete from salesforce.contacts; end $$`, within],
      ['select public.clear_all()', within],
      ['delete from public.parents', within],
      ['insert into public.ruled values (1)', rule],
      ['insert into public.late values (1)', within],
    ]
    await withClient(stage, async (client) => {
      for (const [text, detail] of cases) {
        const batch = `insert into salesforce.contacts (last_name) values ('x'); ${text}`
        for (const query of [text, prepared(text), batch]) {
          const thrown = await error(client.query(query), text)
          assert.equal(thrown.code, 'SL002')
          assert.match(thrown.detail ?? '', detail)
          assert.match(thrown.hint ?? '', itself)
          assert.equal(`${thrown.schema}.${thrown.table}`, 'salesforce.contacts')
        }
      }
      // a cascade reaches it where the role may truncate it at all
      await stage.sql.unsafe(`grant truncate on salesforce.contacts to ${stage.role}`)
      const truncate = 'truncate public.parents cascade'
      for (const query of [truncate, prepared(truncate), `select 1; ${truncate}`]) {
        const thrown = await error(client.query(query), truncate)
        assert.deepEqual([thrown.code, thrown.table], ['SL002', 'contacts'])
        assert.match(thrown.detail ?? '', /^TRUNCATE reaches it, by CASCADE .*Nothing was sent\.$/)
        assert.match(thrown.hint ?? '', /^Use DELETE in place of TRUNCATE: first for its rows/)
      }
      await client.query('delete from salesforce.contacts')
      await client.query('delete from public.parents')
      // other errors are Postgres's own
      const own = await error(client.query(`do $$ begin raise 'SL002'; end $$`), 'a raise')
      assert.deepEqual([own.code, own.message, own.hint], ['P0001', 'SL002', undefined])
    })
  })

  test('a statement in several is refused by the same words before any of them runs', async () => {
    await withClient(stage, async (client) => {
      const text = `insert into public.plain values (1); ${forms[0]?.[0] ?? ''}`
      const thrown = await error(client.query(text), text)
      assert.deepEqual([thrown.code, thrown.message.slice(0, 5)], ['0A000', 'MERGE'])
    })
    assert.equal((await stage.sql`select from public.plain`).length, 0)
  })

  test('a row that the statement and a function in it both change', async () => {
    await stage.sql.unsafe(`
      create function public.also(name text) returns text language plpgsql as $$ begin
        if name = 'B' then
          update salesforce.contacts set email = 'function' where last_name = 'A';
        end if;
        return 'statement';
      end $$`)
    await withClient(stage, async (client) => {
      await client.query(`insert into salesforce.contacts (last_name) values ('A'), ('B')`)
      stage.sent.length = 0
      const text = `update salesforce.contacts set email = public.also(last_name)
        where last_name in ('A', 'B') returning id`
      const thrown = await error(client.query(text), text)
      assert.deepEqual([thrown.code, thrown.message, thrown.table], [
        '0A000',
        'a statement may change a row once',
        'contacts',
      ])
      assert.match(
        thrown.detail ?? '',
        /^It would change the row with the id "003\d+" twice\. Nothing was sent\.$/,
      )
      assert.match(thrown.hint ?? '', /^A function that the statement calls/)
    })
    assert.equal(stage.sent.length, 0)
    const emails = await stage.sql`select from salesforce.contacts where email is not null`
    assert.equal(emails.length, 0)
  })
})
