// Goal: whoever may make functions and operators in the customer's database runs nothing as the owner through the sync
// process or through what looks at the database; the owner's own triggers find what they look for; "written" is on disk.
// Method: a role with CREATE on public plants what would fit our statements better than Postgres's own; the writer then does
// all that it can do, as the owner.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { tableFlaw } from '../../src/database/index.ts'
import { readColumns } from '../../src/database/columns.ts'
import { silentLog } from '../../src/lib/log.ts'
import { readFacts } from '../../src/sync/checks-database.ts'
import { checkRole } from '../../src/sync/checks-role.ts'
import { dropRole, grantRole, makeRole } from '../../src/sync/setup-role.ts'
import { openWriter } from '../../src/sync/writer.ts'
import type { TableWriter } from '../../src/sync/writing.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts } from '../store/help.ts'
import { type Ground, makeGround, record, syncId } from './writer-help.ts'

const cluster = await testCluster()
const plain = contacts(syncId)
const table = {
  ...plain,
  keyColumns: ['name'],
  columns: plain.columns.map((one) =>
    one.name === 'email' ? { ...one, upsert: 'unique' as const } : one
  ),
}
let ground: Ground
let planter: postgres.Sql
let role: string
/** One connection, so that the search path of the database counts. */
let owner: postgres.Sql
let fence = 0

before(async () => {
  ground = await makeGround(cluster, table)
  const url = new URL(ground.url)
  const name = url.pathname.slice(1)
  role = `planter_${name}`
  await ground.owner.unsafe(`
    create role ${role} login password 'planter';
    grant usage, create on schema public to ${role};
    create table public.ran (what text, who text);
    grant insert, select on public.ran to public`)
  url.username = role
  url.password = 'planter'
  planter = postgres(url.href, { max: 1, onnotice: () => {} })
  owner = postgres(cluster.url(name), { max: 2, onnotice: () => {}, fetch_types: false })
})

after(async () => {
  await planter?.end({ timeout: 2 })
  await owner?.end({ timeout: 2 })
  await ground?.close()
  await cluster.stop()
})

const open = async (): Promise<TableWriter> =>
  await openWriter({
    sql: owner,
    table,
    ticketKey: ground.ticketKey,
    fence: String(++fence),
    store: ground.store,
    log: silentLog,
    now: Date.now,
  })

/** A function that tells when somebody else runs it, and then does what was meant. */
function planted(name: string, given: string, { gives, meant }: { gives: string; meant: string }) {
  return `create function public.${name}(${given}) returns ${gives} language plpgsql as $$
    begin
      if current_user <> '${role}' then insert into public.ran select '${name}', current_user; end if;
      return ${meant};
    end $$`
}

function operator(name: string, sign: string, [left, right]: [string, string]): string[] {
  return [
    planted(name, `a ${left}, b ${right}`, {
      gives: 'bool',
      meant: `a::text operator(pg_catalog.${sign}) b::text`,
    }),
    `create operator public.${sign} (leftarg = ${left}, rightarg = ${right}, function = public.${name})`,
  ]
}

const plants = [
  ...operator('same', '=', ['varchar', 'varchar']),
  ...operator('other', '<>', ['varchar', 'varchar']),
  ...operator('less', '<', ['varchar', 'varchar']),
  ...operator('more', '>', ['varchar', 'varchar']),
  ...operator('same_oid', '=', ['oid', 'regclass']),
  ...operator('same_int', '=', ['oid', 'int']),
  planted('unnest', 'a text[]', {
    gives: 'setof text',
    meant: 'query select pg_catalog.unnest(a)',
  }),
  planted('to_json', 'a text[]', { gives: 'json', meant: 'pg_catalog.to_json(a)' }),
  planted('array_to_json', 'a text[]', { gives: 'json', meant: 'pg_catalog.array_to_json(a)' }),
  planted('quote_ident', 'a name', { gives: 'text', meant: 'pg_catalog.quote_ident(a)' }),
  planted('col_description', 'a oid, b int2', {
    gives: 'text',
    meant: 'pg_catalog.col_description(a, b::int)',
  }),
  planted('has_database_privilege', 'a text, b name, c text', {
    gives: 'bool',
    meant: 'pg_catalog.has_database_privilege(a, b::text, c)',
  }),
  planted('has_database_privilege', 'a name, b text', {
    gives: 'bool',
    meant: 'pg_catalog.has_database_privilege(a::text, b)',
  }),
]

const ran = async () =>
  await ground.owner`select distinct what, who from public.ran order by what, who`

const records = (count: number, email: string) =>
  Array.from({ length: count }, (_, at) => record(String(at), `${email}${at}`))

/** All that a writer can do. */
async function useWriter(): Promise<void> {
  const writer = await open()
  await writer.write({ mark: await writer.mark(), rows: records(30, 'a'), gone: [] })
  const pass = await writer.begin()
  const some = records(20, 'b')
  await writer.write({ mark: await writer.mark(), rows: some, gone: ['25'], pass })
  await writer.write({ mark: await writer.mark(), rows: [record('1', 'b2')], gone: [] }) // a key changes hands
  await writer.see(pass, ['21', 'stranger'])
  assert.equal((await writer.unseen(pass, { after: null, rowsMax: 50 })).length, 8)
  await writer.end(pass)
  await writer.write({ mark: await writer.mark(), rows: records(1_200, 'c'), gone: [] }) // by COPY
  await writer.refs(['1', '2'])
  assert.equal((await writer.sample(5)).length, 5)
  assert.equal(await writer.estimate(), 1_200)
  await writer.show({ phase: 'following', problem: null })
  await writer.close()
}

test('what a client plants in public is run neither by the writer nor by what looks at the database', async () => {
  for (const text of plants) await planter.unsafe(text)
  // it is there, and whoever does not say what is meant runs it
  await ground.owner.unsafe(`select unnest('{a}'::text[]), 'a'::varchar = 'a'::varchar`)
  assert.deepEqual((await ran()).map(({ what }) => String(what)), ['same', 'unnest'])
  await ground.owner`truncate public.ran`

  try {
    await useWriter()
  } finally {
    assert.deepEqual([...await ran()], [])
  }

  const { user } = await readFacts(owner, table.schema)
  await checkRole(owner, { role, owner: user, schema: table.schema })
  assert.equal(await tableFlaw(owner, table), null)
  await readColumns(owner, table)
  const made = `${role}_2`
  await makeRole(owner, { name: made, verifier: 'x' })
  await grantRole(owner, { role: made, read: [] })
  await dropRole(owner, made)
  assert.deepEqual([...await ran()], [])
})

test('a role that may make functions in public is told of, and one that may not is not', async () => {
  const about = { role, owner: 'postgres', schema: table.schema }
  const found = await checkRole(owner, about)
  assert.deepEqual(found.map(({ level }) => level), ['ok', 'warn'])
  assert.match(found[1]?.hint ?? '', /^REVOKE CREATE ON SCHEMA public FROM PUBLIC, "planter_/)
  await ground.owner.unsafe(`revoke create on schema public from ${role}, public`)
  assert.deepEqual((await checkRole(owner, about)).map(({ level }) => level), ['ok'])
})

test('triggers of the owner find what is in their search path, and what is called written is on disk', async () => {
  const name = new URL(ground.url).pathname.slice(1)
  await ground.owner.unsafe(`
    alter database ${name} set synchronous_commit = off;
    create table public.heard (at text, path text, durable text);
    create function public.hear() returns trigger language plpgsql as $$
      begin
        insert into heard values (tg_name, current_setting('search_path'), current_setting('synchronous_commit'));
        return new;
      end $$;
    create trigger at_once after insert or update on ${table.schema}.${table.name}
      for each statement execute function public.hear();
    alter table ${table.schema}.${table.name} enable always trigger at_once;
    create constraint trigger at_commit after insert on ${table.schema}.${table.name}
      deferrable initially deferred for each row execute function public.hear();
    alter table ${table.schema}.${table.name} enable always trigger at_commit`)
  const fresh = postgres(cluster.url(name), { max: 1, onnotice: () => {}, fetch_types: false })
  try {
    const [{ off } = {}] = await fresh`select current_setting('synchronous_commit') as off`
    assert.equal(off, 'off')
    const options = { table, ticketKey: ground.ticketKey, store: ground.store, log: silentLog }
    const writer = await openWriter({
      ...options,
      sql: fresh,
      fence: String(++fence),
      now: Date.now,
    })
    await writer.write({ mark: await writer.mark(), rows: [record('new', 'n')], gone: [] })
    await writer.close()
    const heard = await ground
      .owner`select distinct at, path, durable from public.heard order by at`
    const path = '"$user", public'
    assert.deepEqual([...heard], [
      { at: 'at_commit', path, durable: 'on' },
      { at: 'at_once', path, durable: 'on' },
    ])
    const [{ again } = {}] = await fresh`select current_setting('search_path') as again`
    assert.equal(again, path)
  } finally {
    await fresh.end({ timeout: 2 })
  }
})
