// Goal: every text means one thing to Sluice: nothing, a mutation, or a form that is refused. Method: a table of texts,
// with a resolver in place of Postgres.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { type Classified, classify } from '../../src/session/classify.ts'

const table = (schema: string, name: string): SyncedTable => ({
  syncId: 'sync_x',
  platform: 'salesforce',
  schema,
  name,
  object: name,
  columns: [],
})
const tables = new Map(
  [table('salesforce', 'contacts'), table('salesforce', 'accounts'), table('hubspot', 'contacts')]
    .map((one) => [`${one.schema}.${one.name}`, one]),
)

const views = new Map(
  [...tables.values()].filter(({ name }) => name === 'accounts')
    .map((one) => ['public.firms', one] as const),
)

const say = async (
  text: string,
  { path = {}, prepared = [] }: { path?: Record<string, string>; prepared?: string[] } = {},
): Promise<Classified> =>
  await classify(text, {
    standardConformingStrings: true,
    tables,
    views,
    prepared: new Set(prepared),
    resolve: (name) => Promise.resolve(path[name] ?? null),
  })

const short = (classified: Classified): string => {
  switch (classified.kind) {
    case 'pass':
      return 'pass'
    case 'mutation': {
      const { table, setColumns, form } = classified
      const as = form.kind === 'plain'
        ? ''
        : form.kind === 'copy'
        ? ' copy'
        : ` explain ${form.start}-${form.end} ${form.rows ? 'rows' : 'notice'}`
      return `mutation ${table.schema}.${table.name} ${setColumns?.join() ?? '-'}${as}`
    }
    case 'several':
      return `several ${classified.statements.length}`
    case 'refuse':
      return `refuse ${classified.fault.data.message}`
    case 'prepare':
      return `prepare ${classified.name}: ${short(classified.inner)}`
    case 'execute':
      return `execute ${classified.name}`
  }
}

const texts: readonly [text: string, meaning: string][] = [
  ['select 1', 'pass'],
  ['', 'pass'],
  ['select * from salesforce.contacts', 'pass'],
  ['insert into public.contacts values (1)', 'pass'],
  ['insert into contacts values (1)', 'pass'],
  ['insert into salesforce.contacts values (1)', 'mutation salesforce.contacts -'],
  ['INSERT INTO "salesforce" . CONTACTS values (1) returning *;', 'mutation salesforce.contacts -'],
  ['insert into "Salesforce".contacts values (1)', 'pass'],
  ['update salesforce.contacts set a = 1, (b, c) = (2, 3)', 'mutation salesforce.contacts a,b,c'],
  ['delete from only salesforce.contacts where true', 'mutation salesforce.contacts -'],
  [
    'with a as (delete from salesforce.contacts returning id) select * from a',
    'mutation salesforce.contacts -',
  ],
  [
    'with a as (update public.contacts set x = 1 returning id) update salesforce.contacts set y = 2',
    'mutation salesforce.contacts y',
  ],
  [
    'with a as (insert into public.contacts values (1) on conflict (id) do update set x = 1) delete from hubspot.contacts',
    'mutation hubspot.contacts -',
  ],
  [
    'with a as (delete from hubspot.contacts) delete from salesforce.contacts',
    'refuse two mutations in one statement are not supported',
  ],
  [
    'insert into salesforce.contacts values (1) on conflict do nothing',
    'mutation salesforce.contacts -',
  ],
  [
    'insert into salesforce.contacts values (1) on conflict (id) do update set a = 1',
    'refuse this form of ON CONFLICT DO UPDATE is not supported on a synced table',
  ],
  [
    'merge into salesforce.contacts c using x on true when matched then delete',
    'refuse MERGE is not supported on a synced table',
  ],
  ['copy salesforce.contacts from stdin', 'mutation salesforce.contacts - copy'],
  ['copy "salesforce".contacts (a, b) from stdin csv', 'mutation salesforce.contacts - copy'],
  [
    `copy salesforce.contacts from '/tmp/x'`,
    'refuse COPY FROM a file or program is not supported on a synced table',
  ],
  [
    `copy salesforce.contacts (a) from program 'x'`,
    'refuse COPY FROM a file or program is not supported on a synced table',
  ],
  [
    'copy (insert into salesforce.contacts values (1) returning id) to stdout',
    'refuse COPY of what a mutation returns is not supported',
  ],
  [
    '/* c */ COPY(insert into salesforce.contacts values (1) returning id) to stdout',
    'refuse COPY of what a mutation returns is not supported',
  ],
  ...[
    'create table t as',
    'create view copy as',
    'declare copy cursor for',
  ].map((head) =>
    [
      `${head} with d as (delete from salesforce.contacts returning id) select id from d`,
      'refuse a mutation inside CREATE TABLE AS, CREATE VIEW or DECLARE CURSOR is not supported',
    ] as [string, string]
  ),
  [
    'update salesforce.contacts set a = 1 where current of c',
    'refuse WHERE CURRENT OF is not supported on a synced table',
  ],
  ['delete from public.contacts where current of c', 'pass'],
  ['insert into public.firms values (1)', 'mutation salesforce.accounts -'],
  ['update public.firms set x = 1', 'mutation salesforce.accounts -'],
  ['truncate public.firms', 'pass'],
  ['copy public.firms from stdin', 'pass'],
  [
    'merge into public.firms f using x on true when matched then delete',
    'refuse MERGE is not supported on a synced table',
  ],
  ['copy salesforce.contacts to stdout', 'pass'],
  ['truncate public.x, salesforce.accounts', 'refuse TRUNCATE is not supported on a synced table'],
  ['explain delete from salesforce.contacts', 'mutation salesforce.contacts - explain 8-39 rows'],
  [
    'explain (costs off, format json) delete from salesforce.contacts',
    'mutation salesforce.contacts - explain 33-64 notice',
  ],
  [
    "explain (format 'text') delete from salesforce.contacts;",
    'mutation salesforce.contacts - explain 24-55 rows',
  ],
  ['explain (generic_plan) delete from salesforce.contacts where id = $1', 'pass'],
  ['explain execute known(1)', 'execute known'],
  [
    'explain (analyze) delete from salesforce.contacts',
    'refuse EXPLAIN ANALYZE of a mutation is not supported',
  ],
  ['select 1; delete from salesforce.contacts', 'several 2'],
  ['delete from salesforce.contacts; select 1; delete from hubspot.contacts;;', 'several 3'],
  ['select 1; explain delete from salesforce.contacts', 'several 2'],
  ['set search_path = salesforce; delete from contacts', 'several 2'],
  ['prepare q as select 1; execute q', 'pass'],
  [
    'delete from salesforce.contacts; truncate salesforce.accounts',
    'refuse TRUNCATE is not supported on a synced table',
  ],
  ['select 1; delete from public.contacts', 'pass'],
  ['prepare p as delete from salesforce.contacts', 'prepare p: mutation salesforce.contacts -'],
  [
    'prepare p as insert into salesforce.contacts values (1) on conflict (id) do update set a = 1',
    'prepare p: refuse this form of ON CONFLICT DO UPDATE is not supported on a synced table',
  ],
  ['prepare p as delete from public.contacts', 'pass'],
  ['execute p', 'pass'],
  ['execute known (1)', 'execute known'],
  ['execute known; select 1', 'several 2'],
  ['prepare p as delete from salesforce.contacts; execute p', 'several 2'],
  [
    'create function f() returns void language sql as $$ delete from salesforce.contacts $$',
    'pass',
  ],
  [`select 'unclosed; delete from salesforce.contacts`, 'pass'],
]

test('every text means one thing', async () => {
  for (const [text, meaning] of texts) {
    assert.equal(short(await say(text, { prepared: ['known'] })), meaning, text)
  }
})

test('an unqualified name is what search_path makes of it', async () => {
  const text = 'delete from contacts'
  const meant = async (key: string) => short(await say(text, { path: { contacts: key } }))
  assert.equal(await meant('hubspot.contacts'), 'mutation hubspot.contacts -')
  assert.equal(await meant('salesforce.contacts'), 'mutation salesforce.contacts -')
  assert.equal(await meant('public.contacts'), 'pass')
})

test('Postgres is asked only for names that a synced table has', async () => {
  const asked: string[] = []
  await classify('delete from other; delete from contacts; delete from salesforce.contacts', {
    standardConformingStrings: true,
    tables,
    views: new Map(),
    prepared: new Set(),
    resolve: (name) => {
      asked.push(name)
      return Promise.resolve(null)
    },
  })
  assert.deepEqual(asked, ['contacts'])
})

test('a refusal has a place in the catalogue, the table and a way out', async () => {
  const classified = await say('truncate salesforce.accounts')
  assert.ok(classified.kind === 'refuse')
  const { code, sqlstate, schema, table: name, hint } = classified.fault.data
  assert.deepEqual([code, sqlstate, schema, name], [
    'form_not_supported',
    '0A000',
    'salesforce',
    'accounts',
  ])
  assert.equal(hint, 'Use DELETE.')
})
