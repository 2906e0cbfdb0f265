// Goal: every form that cannot be a mutation is refused with a fault that names it and the way round, in both protocols, in
// and out of a transaction block; nothing is sent, nothing is written, and the connection goes on. Method: a table of forms
// through a real listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { refusedForms } from '../../src/session/refused.ts'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

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
  ...[
    `do $$ begin delete from salesforce.contacts; end $$`,
    `do $$ begin execute 'delete from ' || 'salesforce.contacts'; end $$`,
    'call public.clear()',
    'select public.clear_all()',
    'insert into public.ruled values (1)',
    'insert into public.triggered values (1)',
    'delete from public.parents',
  ].map((text) => [text, 'SL002', /must go through Sluice/, /in a statement of its own/] as const),
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

  test('a statement in several is refused by the same words before any of them runs', async () => {
    await withClient(stage, async (client) => {
      const text = `insert into public.plain values (1); ${forms[0]?.[0] ?? ''}`
      const thrown = await error(client.query(text), text)
      assert.deepEqual([thrown.code, thrown.message.slice(0, 5)], ['0A000', 'MERGE'])
    })
    assert.equal((await stage.sql`select from public.plain`).length, 0)
  })
})
