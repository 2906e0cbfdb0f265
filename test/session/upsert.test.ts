// Goal: an upsert is carried out where one request means the same, and every other is refused with the hint that leads out.
// Method: texts, among them what mappers write, for tables with columns of each kind.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Column, Platform, SyncedTable } from '../../src/mutation/table.ts'
import { tableKey } from '../../src/mutation/table.ts'
import { type Classified, classify } from '../../src/session/classify.ts'
import { upsertRecipe } from '../../src/session/upsert.ts'

const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  field: name,
  type: 'text',
  insertable: true,
  updatable: true,
  required: false,
  ...more,
})
const fixed = { insertable: false, updatable: false }

const table = (platform: Platform): SyncedTable => ({
  syncId: 'sync_upsert1',
  platform,
  schema: platform,
  name: 'contacts',
  object: 'Contact',
  columns: [
    column('id', fixed),
    column('email', { upsert: 'unique' }),
    column('Code', { upsert: 'loose' }),
    column('name'),
    column('score'),
    column('made', fixed),
    column('source', { updatable: false }),
  ],
})
const tables = new Map<string, SyncedTable>(
  (['salesforce', 'stripe', 'github'] as const).map((platform) => [
    tableKey(platform, 'contacts'),
    table(platform),
  ]),
)
const { columns } = table('salesforce')
tables.set('salesforce.old', {
  ...table('salesforce'),
  columns: columns.map(({ upsert: _none, ...column }) => column),
})
const views = new Map([['public.people', table('salesforce')]])

const say = (text: string): Promise<Classified> =>
  classify(text, {
    standardConformingStrings: true,
    tables,
    views,
    prepared: new Set(),
    resolve: (name) => Promise.resolve(name === 'contacts' ? 'salesforce.contacts' : null),
  })

/** The column it goes by and the columns that are sent; or why it is refused, and what to do. */
const short = (classified: Classified): string => {
  const inner = classified.kind === 'prepare' ? classified.inner : classified
  if (inner.kind === 'mutation') {
    return `${inner.operation} by ${inner.upsert?.by}: ${inner.upsert?.columns.join()}`
  }
  assert.equal(inner.kind, 'refuse')
  const { sqlstate, message, detail, hint, table } = inner.fault.data
  assert.deepEqual([sqlstate, detail, table], ['0A000', 'Nothing was sent.', 'contacts'])
  assert.ok(hint !== undefined && hint.endsWith(upsertRecipe), hint)
  return `${message}: ${hint.replace(upsertRecipe, '').replace(/ Or: $/, '')}`
}

const head = 'insert into salesforce.contacts (email, name, score) values ($1, $2, $3) on conflict'

test('what one request carries out is a mutation by that column', async () => {
  const cases: [text: string, expected: string][] = [
    [
      `${head} (email) do update set name = excluded.name, score = excluded.score returning *`,
      'insert by email: email,name,score',
    ],
    [
      `${head} (email) do update set (score, name) = (EXCLUDED.score, excluded."name")`,
      'insert by email: email,name,score',
    ],
    [
      `prepare p as ${head} ("email") do update set name = excluded.name, score = excluded.score`,
      'insert by email: email,name,score',
    ],
    [
      `insert into contacts ("Code", own) select 'x', 'y' on conflict ("Code") do update set own = excluded.own`,
      'insert by Code: Code,own',
    ],
    // TypeORM, Drizzle: the whole entity, what has no value as DEFAULT
    [
      `INSERT INTO "salesforce"."contacts" AS "Contact"("id", "email", "name", "score") VALUES (DEFAULT, $1, $2, DEFAULT), (DEFAULT, $3, $4, DEFAULT) ON CONFLICT ( "email" ) DO UPDATE SET "email" = EXCLUDED."email", "name" = EXCLUDED."name" RETURNING "id"`,
      'insert by email: email,name',
    ],
    // a column that is not inserted is set to what it would have been
    [
      `insert into contacts (email) values ('a') on conflict (email) do update set score = excluded.score`,
      'insert by email: email,score',
    ],
    [
      `insert into contacts (email) values ('a') on conflict (email) do update set email = excluded.email`,
      'insert by email: email',
    ],
    // Postgres's own words come at the plan: it is not updatable
    [
      `insert into contacts (email, id) values ('a', 'b') on conflict (email) do update set id = excluded.id`,
      'insert by email: email,id',
    ],
  ]
  for (const [text, expected] of cases) assert.equal(short(await say(text)), expected, text)
})

test('every other form is refused, and the hint says what to change', async () => {
  const form = 'this form of ON CONFLICT DO UPDATE is not supported on a synced table'
  const target = 'The platform finds a record by one column: write ON CONFLICT (column).'
  const value = 'The platform writes the same values whether the record is new or not: write ' +
    'SET column = EXCLUDED.column.'
  const where = 'The platform updates every record that it finds: leave out WHERE.'
  const view = 'Write to the table itself: a view may name its columns otherwise.'
  const full = 'name = excluded.name, score = excluded.score'
  const cases: [text: string, expected: string][] = [
    [`${head} on constraint x do update set ${full}`, `${form}: ${target}`],
    [`${head} (email, name) do update set ${full}`, `${form}: ${target}`],
    [`${head} (lower(email)) do update set ${full}`, `${form}: ${target}`],
    [`${head} (email) where name > '' do update set ${full}`, `${form}: ${target}`],
    // Prisma
    [
      `INSERT INTO "salesforce"."contacts" ("email","name") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "name" = $3 WHERE ("salesforce"."contacts"."email" = $4 AND 1=1) RETURNING "salesforce"."contacts"."id"`,
      `${form}: ${where}`,
    ],
    [`${head} (email) do update set name = $4, score = excluded.score`, `${form}: ${value}`],
    // Django's update_or_create in bulk, ActiveRecord with `updated_at`
    [
      `${head} (email) do update set name = excluded.name`,
      `${form}: The platform writes every column that it is given: add "score" = EXCLUDED."score" to SET.`,
    ],
    [
      `${head} (email) do update set email = excluded.email`,
      `${form}: The platform writes every column that it is given: add "name" = EXCLUDED."name", "score" = EXCLUDED."score" to SET.`,
    ],
    [
      `insert into contacts (email, source) values ('a', 'b') on conflict (email) do update set email = excluded.email`,
      `${form}: The platform writes every column that it is given: add "source" = EXCLUDED."source" to SET.`,
    ],
    [
      `insert into contacts values ('a') on conflict (email) do update set ${full}`,
      `${form}: Write out the columns of the INSERT.`,
    ],
    [
      `insert into contacts (name) values ('a') on conflict (email) do update set name = excluded.name`,
      `${form}: Give column "email" a value in the INSERT.`,
    ],
    [
      `insert into public.people (email) values ('a') on conflict (email) do update set email = excluded.email`,
      `${form}: ${view}`,
    ],
    // Sequelize, by the primary key
    [
      `INSERT INTO "salesforce"."contacts" ("id","email") VALUES ($1,$2) ON CONFLICT ("id") DO UPDATE SET "id"=EXCLUDED."id","email"=EXCLUDED."email"`,
      'salesforce does not find records by column "id": It finds them by email, Code.',
    ],
    [
      `insert into salesforce.old (email) values ('a') on conflict (email) do update set email = excluded.email`,
      'salesforce does not find records by column "email": It finds them by no column of the table. A sync that an older Sluice has set up: set it up again.',
    ],
    [
      `insert into stripe.contacts (email) values ('a') on conflict (email) do update set email = excluded.email`,
      'stripe has no upsert: ',
    ],
    [
      `insert into github.contacts (email) values ('a') on conflict (email) do update set name = 'x' where true`,
      'github has no upsert: ',
    ],
  ]
  for (const [text, expected] of cases) assert.equal(short(await say(text)), expected, text)
})
