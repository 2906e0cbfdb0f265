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

const say = async (
  text: string,
  { path = {}, prepared = [] }: { path?: Record<string, string>; prepared?: string[] } = {},
): Promise<Classified> =>
  await classify(text, {
    standardConformingStrings: true,
    tables,
    prepared: new Set(prepared),
    resolve: (name) => Promise.resolve(path[name] ?? null),
  })

const short = (classified: Classified): string => {
  switch (classified.kind) {
    case 'pass':
      return 'pass'
    case 'mutation':
      return `mutation ${classified.table.schema}.${classified.table.name} ${
        classified.setColumns?.join() ?? '-'
      }`
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
    'refuse ON CONFLICT DO UPDATE is not supported on a synced table',
  ],
  [
    'merge into salesforce.contacts c using x on true when matched then delete',
    'refuse MERGE is not supported on a synced table',
  ],
  ['copy salesforce.contacts from stdin', 'refuse COPY FROM is not supported on a synced table'],
  ['copy salesforce.contacts to stdout', 'pass'],
  ['truncate public.x, salesforce.accounts', 'refuse TRUNCATE is not supported on a synced table'],
  ['explain delete from salesforce.contacts', 'pass'],
  [
    'explain (analyze) delete from salesforce.contacts',
    'refuse EXPLAIN ANALYZE of a mutation is not supported',
  ],
  [
    'select 1; delete from salesforce.contacts',
    'refuse a mutation must be the only statement of a query string',
  ],
  ['select 1; explain delete from salesforce.contacts', 'pass'],
  ['select 1; delete from public.contacts', 'pass'],
  ['prepare p as delete from salesforce.contacts', 'prepare p: mutation salesforce.contacts -'],
  [
    'prepare p as insert into salesforce.contacts values (1) on conflict (id) do update set a = 1',
    'prepare p: refuse ON CONFLICT DO UPDATE is not supported on a synced table',
  ],
  ['prepare p as delete from public.contacts', 'pass'],
  ['execute p', 'pass'],
  ['execute known (1)', 'execute known'],
  ['execute known; select 1', 'refuse a mutation must be the only statement of a query string'],
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
