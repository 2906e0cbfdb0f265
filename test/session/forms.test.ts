// Goal: a mutation is recognised and carried out however it is named and written, and what comes back is Postgres's own.
// Method: each statement straight to Postgres on a twin of the synced table, and through a real listener on the synced table
// itself; the answers must agree, and one mutation must have been sent.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { createStage, type Stage } from '../help/stage.ts'

/** Rows that are there already come in the order in which they lie, and two tables are not tidied up at one time. */
function inOrder(command: string, rows: Record<string, unknown>[]): Record<string, unknown>[] {
  if (command === 'INSERT') return rows
  return rows.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
}

/** Statements in turn; TABLE stands for the table, and each is one mutation unless it says otherwise. */
interface Script {
  readonly steps: readonly (string | readonly [text: string, values: readonly unknown[]])[]
  /** Mutations that are sent; one for each step when absent. */
  readonly sent?: number
  /** The least major version of the server. */
  readonly since?: number
}

const scripts: Record<string, Script> = {
  'names: aliases, ONLY, quotes, case, comments': {
    steps: [
      `INSERT INTO TABLE AS c (last_name) VALUES ('a') RETURNING c.last_name`,
      `insert/* c */into--x\n "schema"."NAME"(last_name)values('b')returning"last_name"`,
      `update only TABLE as c set email = c.last_name || '@x' where c.last_name = 'a' returning c.*`,
      `update TABLE * set score = 1 where last_name = 'b' returning score`,
      `delete from only (TABLE) where last_name = 'b' returning last_name`,
      `delete from TABLE c using (values ('a')) v(n) where c.last_name = v.n returning v.n, c.email`,
    ],
  },
  'inserts: defaults, several rows, OVERRIDING, SELECT, TABLE': {
    steps: [
      `insert into TABLE (last_name, email, score) values ('a', default, 1), (default, 'b@x', default) returning last_name, email, score`,
      `insert into TABLE (id, last_name) values (default, 'c') returning last_name`,
      `insert into TABLE (last_name) overriding user value values ('d') returning last_name`,
      `insert into TABLE (last_name, score) select 'e' || i, i from generate_series(1, 3) i returning last_name, score`,
      `insert into TABLE (last_name, email) (select body, contact_id from public.local_notes order by body limit 2) returning *`,
      `insert into TABLE (last_name, email) table public.local_notes`,
      `insert into TABLE (last_name) select last_name || '2' from TABLE where score > 1 order by score returning last_name`,
      [
        `insert into TABLE (last_name, seen, tags) values ($1, $2, $3) returning last_name, seen, tags`,
        [
          'f',
          '2026-01-02T03:04:05.678901Z',
          ['x', 'y "z"'],
        ],
      ],
    ],
  },
  'updates: FROM, sub-selects, row assignments, arrays, expressions': {
    steps: [
      `insert into TABLE (last_name, score) values ('a', 1), ('b', 2), ('c', 3)`,
      `update TABLE c set email = n.body from public.local_notes n where n.body = c.last_name returning c.last_name, c.email, n.contact_id`,
      `update TABLE set (first_name, score) = (select body, 7 from public.local_notes where body = last_name) where last_name = 'a' returning first_name, score`,
      `update TABLE set (first_name, email) = row('x', 'y'), score = score * 1.5 + 0.10 where last_name = 'b' returning first_name, email, score`,
      `update TABLE set tags = array[last_name, 'z'], email = default where last_name in ('a', 'c') returning last_name, tags, email`,
      `update TABLE set tags[2] = 'second' where last_name = 'a' returning tags`,
      [
        `update TABLE set first_name = $1 where last_name = any($2) returning last_name, first_name`,
        ['p', [
          'a',
          'b',
        ]],
      ],
    ],
  },
  'deletes: USING, sub-selects, all': {
    steps: [
      `insert into TABLE (last_name, score) values ('a', 1), ('b', 2), ('c', 3)`,
      `delete from TABLE c using public.local_notes n where n.body = c.last_name and n.body = 'a' returning c.last_name, n.*`,
      `delete from TABLE where score = (select max(score) from TABLE) returning last_name`,
      `delete from TABLE returning last_name, score`,
    ],
  },
  'CTEs: read-only, writing elsewhere, the mutation inside': {
    steps: [
      `with n as (select body from public.local_notes) insert into TABLE (last_name) select body from n returning last_name`,
      `with made as (insert into TABLE (last_name) values ('m') returning last_name) select 'made ' || last_name as text from made`,
      `with made as (insert into TABLE (last_name) values ('n') returning last_name), noted as (insert into public.local_notes select 'x', last_name from made returning body) select * from noted, made`,
      `with gone as (delete from public.local_notes where body = 'n' returning body) update TABLE set email = gone.body from gone where last_name = gone.body returning last_name, email`,
      `with recursive r(i) as (select 1 union all select i + 1 from r where i < 3) insert into TABLE (last_name, score) select 'r', i from r returning score`,
      `with d as materialized (delete from TABLE where last_name = 'r' returning score) select sum(score) from d`,
    ],
  },
  'ON CONFLICT DO NOTHING, with a target and without': {
    steps: [
      `insert into TABLE (last_name, email) values ('a', 'a@x'), ('b', 'b@x')`,
      `insert into TABLE (last_name, email) values ('a2', 'a@x'), ('c', 'c@x') on conflict do nothing returning last_name`,
      `insert into TABLE (last_name, email) values ('b2', 'b@x'), ('d', 'd@x') on conflict (email) do nothing returning last_name`,
      `insert into TABLE (last_name, email) values ('b2', 'b@x') on conflict (email) do nothing returning last_name`,
    ],
    sent: 3,
  },
  'RETURNING: expressions, sub-selects, renamed columns': {
    steps: [
      `insert into TABLE (last_name, score) values ('a', 1.50) returning upper(last_name) as "Upper", score + 1 as next, (select count(*) from public.local_notes) as notes, last_name = 'a' as same`,
      `update TABLE set score = 2 returning score::int, null as nothing, tableoid is not null as there`,
    ],
  },
  'RETURNING OLD and NEW': {
    steps: [
      `insert into TABLE (last_name, score) values ('a', 1) returning old.last_name as before, new.last_name as after`,
      `update TABLE set score = score + 1 returning old.score as before, new.score as after, last_name`,
      `delete from TABLE returning with (old as o) o.score`,
    ],
    since: 18,
  },
}

describe('every form of a mutation', () => {
  let stage: Stage
  let major = 0
  let ids = 0
  before(async () => {
    stage = await createStage()
    const { role } = stage
    await stage.sql.unsafe(
      `create schema twin; create table twin.contacts (like salesforce.contacts including all);
      alter table twin.contacts alter column id set default 'x' || substr(md5(random()::text), 1, 16);
      create unique index on twin.contacts (email);
      create unique index on salesforce.contacts (email);
      grant usage on schema twin to ${role}; grant all on twin.contacts to ${role}`,
    )
    const [row] = await stage.sql`select current_setting('server_version_num')::int as version`
    major = Math.floor(Number(row?.['version']) / 10_000)
    // a platform that computes nothing, so that the twin is one
    stage.carry = (mutation) =>
      Promise.resolve({
        state: 'accepted',
        rows: mutation.rows.map(({ ordinal, id, values }) => ({
          ordinal,
          id: id ?? `003${String(++ids).padStart(15, '0')}`,
          values: mutation.operation === 'delete' ? null : values,
        })),
      })
  })
  after(() => stage.close())
  beforeEach(async () => {
    await stage.empty()
    await stage.sql`delete from twin.contacts`
    stage.sent.length = 0
  })

  const notes = `delete from public.local_notes;
    insert into public.local_notes values ('1', 'a'), ('2', 'b'), ('3', 'other')`

  const play = async (
    { steps }: Script,
    { config, schema, inBlock }: { config: pg.ClientConfig; schema: string; inBlock: boolean },
  ): Promise<unknown[]> => {
    await stage.sql.unsafe(notes)
    const client = new pg.Client(config)
    await client.connect()
    try {
      const answers: unknown[] = []
      for (const step of steps) {
        const [template, values] = typeof step === 'string' ? [step, undefined] : step
        const text = template.replaceAll('"schema"."NAME"', `"${schema}"."contacts"`)
          .replaceAll('TABLE', `${schema}.contacts`)
        if (inBlock) await client.query('begin')
        const result = values === undefined
          ? await client.query(text)
          : await client.query(text, [...values])
        if (inBlock) await client.query('commit')
        const { command, rowCount, fields } = result
        const rows = result.rows as Record<string, unknown>[]
        answers.push({
          command,
          rowCount,
          fields: fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
          rows: inOrder(command, rows.map(({ id: _id, ...row }) => row)),
        })
      }
      return answers
    } finally {
      await client.end()
    }
  }

  for (const [name, script] of Object.entries(scripts)) {
    for (const inBlock of [false, true]) {
      test(`${name}${inBlock ? ', in a transaction block' : ''}`, async (context) => {
        if (major < (script.since ?? 0)) return context.skip(`needs Postgres ${script.since ?? ''}`)
        const expected = await play(script, { config: stage.direct(), schema: 'twin', inBlock })
        const actual = await play(script, {
          config: stage.through(),
          schema: 'salesforce',
          inBlock,
        })
        for (const [index, step] of script.steps.entries()) {
          assert.deepEqual(actual[index], expected[index], String(step))
        }
        assert.equal(stage.sent.length, script.sent ?? script.steps.length)
        const columns = 'first_name, last_name, email, score, tags, seen'
        const held = (schema: string) =>
          stage.sql.unsafe(`select ${columns} from ${schema}.contacts order by ${columns}`)
        assert.deepEqual([...await held('salesforce')], [...await held('twin')])
      })
    }
  }

  test('an unqualified name is what search_path makes of it, also in mixed case', async () => {
    const client = new pg.Client(stage.through())
    await client.connect()
    try {
      await client.query('set search_path = salesforce')
      await client.query(`insert into CONTACTS (LAST_NAME) values ('a')`)
      await client.query(`insert into "contacts" ("last_name") values ('b')`)
      await client.query('begin')
      await client.query('set local search_path = salesforce')
      await client.query(`update Contacts set email = 'c' where last_name = 'b'`)
      await client.query('commit')
      const wrong = client.query(`insert into "CONTACTS" (last_name) values ('c')`)
      await assert.rejects(wrong, { code: '42P01' })
    } finally {
      await client.end()
    }
    assert.equal(stage.sent.length, 3)
  })
})
