// Ways: settings of a session, settings of ours that are forged, and doors of schema sluice that are knocked at.

import { type Way, write } from './way.ts'

const settings: readonly [name: string, value: string][] = [
  ['standard_conforming_strings', 'off'],
  ['backslash_quote', 'on'],
  ['escape_string_warning', 'off'],
  ['quote_all_identifiers', 'on'],
  ['transform_null_equals', 'on'],
  ['array_nulls', 'off'],
  ['extra_float_digits', '-15'],
  ['bytea_output', 'escape'],
  ['DateStyle', `'SQL, DMY'`],
  ['IntervalStyle', 'sql_standard'],
  ['TimeZone', `'Pacific/Chatham'`],
  ['client_encoding', 'LATIN1'],
  ['client_min_messages', 'error'],
  ['client_min_messages', 'debug5'],
  ['row_security', 'off'],
  ['check_function_bodies', 'off'],
  ['plpgsql.extra_errors', `'all'`],
  ['plan_cache_mode', 'force_generic_plan'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_deferrable', 'on'],
  ['enable_indexscan', 'off'],
  ['jit_above_cost', '0'],
  ['synchronous_commit', 'off'],
  ['constraint_exclusion', 'on'],
  ['statement_timeout', '20000'],
  ['application_name', `'sluice recovery'`],
]

const lexing: readonly Way[] = [
  {
    name: 'a backslash that ends no string',
    steps: [
      'set standard_conforming_strings to off',
      `update {t} set last_name = 'evil\\'; select 1; --'`,
    ],
    through: 'refused',
  },
  {
    name: 'an encoding whose characters hold a backslash',
    steps: ['set client_encoding to SJIS', `update {t} set last_name = 'evil'`],
    through: 'heard',
  },
]

const forged: readonly Way[] = [
  'sluice.mode',
  'sluice.ticket',
  'sluice.ordinal',
  'sluice.planned',
  'sluice.mutation',
  'sluice.sync',
  'sluice.sealed',
].map((name): Way => ({
  name: `${name} is set`,
  steps: [`select set_config('${name}', 'sync', false)`, `set ${name} to 'apply'`, write],
  through: 'heard',
}))

const doors: readonly Way[] = [
  `select sluice.open('sync', gen_random_uuid(), 'mac', 1)`,
  `select sluice.open('sync', gen_random_uuid(), null, 1)`,
  `select sluice.open('apply', gen_random_uuid(), repeat('0', 64), 1, '{"rows":{}}')`,
  `select sluice.close(gen_random_uuid(), 's', '{t}', 'update', 1)`,
  `select sluice.record(gen_random_uuid(), 's', '{t}', 'update', 1)`,
  `select sluice.lock('{t}', '{003A}', gen_random_uuid())`,
  `select sluice.filled(gen_random_uuid(), '{t}')`,
  `select sluice.put('{t}', '003A', 'upsert', '{"last_name": "evil"}')`,
  `select sluice.note(gen_random_uuid(), 's', '{t}', 'update', 1, null)`,
  `select sluice.mac('sync')`,
  `insert into sluice.tickets (pid, xid, mode, mutation, rows_max)
    values (pg_backend_pid(), pg_current_xact_id(), 'sync', gen_random_uuid(), 1)`,
  `update sluice.tickets set mode = 'sync'`,
  `update sluice.secret set ipad = opad`,
  `delete from sluice.applied`,
  `create or replace function sluice.before_row() returns trigger language plpgsql as 'begin return new; end'`,
  'drop schema sluice cascade',
  'drop function sluice.before_row() cascade',
  'alter schema sluice rename to sluiced',
  'alter function sluice.before_row() rename to after_row',
].map((knock, at): Way => ({
  name: `a door is knocked at (${at + 1}): ${knock.replaceAll(/\s+/g, ' ').slice(0, 60)}`,
  steps: ['begin', 'savepoint s', knock, 'rollback to s', write, 'commit', knock, write],
  through: 'heard',
}))

const roles: readonly Way[] = [
  'set session_replication_role to replica',
  `select set_config('session_replication_role', 'replica', false)`,
  'set role postgres',
  'set session authorization postgres',
  'grant pg_write_all_data to current_user',
  'set role pg_write_all_data',
  'alter role current_user superuser',
  'alter role current_user set session_replication_role to replica',
  'alter system set session_replication_role to replica',
  'alter database postgres set session_replication_role to replica',
  `select pg_catalog.pg_reload_conf()`,
  'grant all on {t} to public',
  'alter default privileges grant all on tables to public',
  'create role {w}_super superuser',
  "load 'plpgsql'",
].map((step): Way => ({
  name: `then the write: ${step}`,
  steps: [step, write],
  through: 'heard',
}))

const catalogues: readonly Way[] = [
  `update pg_catalog.pg_trigger set tgenabled = 'D'`,
  `delete from pg_catalog.pg_trigger where tgname like '~sluice%'`,
  `update pg_catalog.pg_class set relhastriggers = false where oid = '{t}'::regclass`,
  `update pg_catalog.pg_class set relkind = 'v' where oid = '{t}'::regclass`,
  `update pg_catalog.pg_proc set prosrc = 'begin return new; end' where proname = 'before_row'`,
  `insert into pg_catalog.pg_rewrite select * from pg_catalog.pg_rewrite limit 1`,
  `update pg_catalog.pg_attribute set attgenerated = 's' where attrelid = '{t}'::regclass`,
  `delete from pg_catalog.pg_depend`,
  "create function pg_catalog.f() returns int language sql as 'select 1'",
  'create table pg_catalog.pg_mine ()',
].map((step): Way => ({
  name: `the catalogue: ${step.replaceAll(/\s+/g, ' ').slice(0, 60)}`,
  steps: [step, write],
  through: 'heard',
}))

export const settingWays: readonly Way[] = [
  ...settings.map(([name, value]): Way => ({
    name: `${name} is ${value}`,
    steps: [`set ${name} to ${value}`, write],
    through: 'heard',
  })),
  ...lexing,
  ...forged,
  ...doors,
  ...roles,
  ...catalogues,
]
