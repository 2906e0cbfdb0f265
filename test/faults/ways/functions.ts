// Ways: functions that write, wherever Postgres calls one, and mutations whose own expressions write.

import { functionsSql, type Way, write } from './way.ts'

/** Where a function is called: each on a table of the client's own. */
const calls: readonly [name: string, ...steps: string[]][] = [
  ['SELECT', 'select {w}.f()'],
  ['FROM', 'select * from {w}.f()'],
  ['LATERAL', 'select * from {w}.other o, lateral {w}.imm(o.x)'],
  ['ROWS FROM', 'select * from rows from ({w}.f(), {w}.f())'],
  ['WHERE', 'select 1 where {w}.f() = 1'],
  ['HAVING', 'select count(*) from {w}.other having {w}.f() = 1'],
  ['ORDER BY', 'select x from {w}.other order by {w}.imm(x)'],
  ['LIMIT', 'select x from {w}.other limit {w}.f()'],
  ['CASE', 'select case when x > 0 then {w}.f() end from {w}.other'],
  ['a join', 'select 1 from {w}.other a join {w}.other b on {w}.imm(a.x) = b.x'],
  ['a window', 'select sum({w}.imm(x)) over (order by x) from {w}.other'],
  ['an aggregate FILTER', 'select count(*) filter (where {w}.yes(x)) from {w}.other'],
  ['VALUES', 'values ({w}.f())'],
  ['a subquery', 'select (select {w}.f())'],
  ['a CTE', 'with c as materialized (select {w}.f()) select * from c'],
  ['TABLESAMPLE', 'select * from {w}.other tablesample bernoulli ({w}.f())'],
  ['an INSERT into another table', 'insert into {w}.other values (5, {w}.f())'],
  ['an UPDATE of another table', 'update {w}.other set y = {w}.f()'],
  ['a DELETE of another table', 'delete from {w}.other where y = {w}.f()'],
  ['RETURNING of another table', 'update {w}.other set y = 0 returning {w}.f()'],
  [
    'ON CONFLICT of another table',
    'insert into {w}.other values (1, 1) on conflict (x) do update set y = {w}.f()',
  ],
  [
    'CALL',
    `create procedure {w}.p() language plpgsql as $$ begin ${write}; end $$`,
    'call {w}.p()',
  ],
  [
    'CALL that commits',
    `create procedure {w}.p() language plpgsql as $$ begin ${write}; commit; end $$`,
    'call {w}.p()',
  ],
  [
    'CALL with an argument',
    'create procedure {w}.p(x int) language sql as $$ select x $$',
    'call {w}.p({w}.f())',
  ],
  ['DO', `do $$ begin ${write}; end $$`],
  ['DO in single quotes', `do 'begin update {t} set last_name = ''evil''; end'`],
  [
    'DO that EXECUTEs',
    `do $$ begin execute 'upd' || 'ate {t} set last_name = ' || quote_literal('evil'); end $$`,
  ],
  ['DO … USING', `do $$ begin execute 'update {t} set last_name = $1' using 'evil'; end $$`],
  ['DO that commits', `do $$ begin ${write}; commit; end $$`],
  [
    'DO with RETURNING',
    `do $$ declare r record; begin for r in ${write} returning * loop end loop; end $$`,
  ],
  ['EXECUTE', 'prepare p as select {w}.f()', 'execute p'],
  ['EXECUTE with an argument', 'prepare p (int) as select $1', 'execute p ({w}.f())'],
  ['EXPLAIN ANALYZE', 'explain analyze select {w}.f()'],
  ['CREATE TABLE AS', 'create table {w}.made as select {w}.f()'],
  ['SELECT INTO', 'select {w}.f() into {w}.made'],
  ['CREATE TABLE AS EXECUTE', 'prepare p as select {w}.f()', 'create table {w}.made as execute p'],
  ['a view', 'create view {w}.v as select {w}.f()', 'select * from {w}.v'],
  ['a materialized view', 'create materialized view {w}.m as select {w}.f()'],
  [
    'REFRESH MATERIALIZED VIEW',
    'create materialized view {w}.m as select {w}.f() with no data',
    'refresh materialized view {w}.m',
  ],
  [
    'a default',
    'create table {w}.d (x int, y int default {w}.f())',
    'insert into {w}.d values (1)',
  ],
  ['ADD COLUMN with a default', 'alter table {w}.other add column z int default {w}.f()'],
  ['ALTER COLUMN … USING', 'alter table {w}.other alter column y type bigint using {w}.imm(y)'],
  ['a check', 'create table {w}.d (x int check ({w}.yes(x)))', 'insert into {w}.d values (1)'],
  ['ADD CHECK', 'alter table {w}.other add check ({w}.yes(x))'],
  [
    'VALIDATE CONSTRAINT',
    'alter table {w}.other add constraint c check ({w}.yes(x)) not valid',
    'alter table {w}.other validate constraint c',
  ],
  ['a domain', 'create domain {w}.dom as int check ({w}.yes(value))', 'select 1::{w}.dom'],
  [
    'a domain in JSON',
    'create domain {w}.dom as int check ({w}.yes(value))',
    'create type {w}.c as (x {w}.dom)',
    `select * from json_populate_record(null::{w}.c, '{"x":1}')`,
  ],
  [
    'a generated column',
    'create table {w}.d (x int, y int generated always as ({w}.imm(x)) stored)',
    'insert into {w}.d values (1)',
  ],
  ['an index', 'create index on {w}.other ({w}.imm(x))'],
  ['a partial index', 'create index on {w}.other (x) where {w}.yes(x)'],
  [
    'an index, at INSERT',
    'create table {w}.d (x int)',
    'create index on {w}.d ({w}.imm(x))',
    'insert into {w}.d values (1)',
  ],
  [
    'REINDEX',
    'create table {w}.d (x int)',
    'create index i on {w}.d ({w}.imm(x))',
    'insert into {w}.d values (1)',
    'reindex table {w}.d',
  ],
  [
    'ANALYZE',
    'create table {w}.d (x int)',
    'create index i on {w}.d ({w}.imm(x))',
    'insert into {w}.d values (1)',
    'analyze {w}.d',
  ],
  [
    'an exclusion',
    'create table {w}.d (x int, exclude using btree ({w}.imm(x) with =))',
    'insert into {w}.d values (1)',
  ],
  [
    'a partition key',
    'create table {w}.d (x int) partition by list ({w}.imm(x))',
    'create table {w}.d1 partition of {w}.d for values in (1)',
    'insert into {w}.d values (1)',
  ],
  [
    'a partition bound',
    'create table {w}.d (x int) partition by list (x)',
    'create table {w}.d1 partition of {w}.d for values in ({w}.imm(1))',
    'select {w}.f()',
  ],
  [
    'a policy',
    'alter table {w}.other enable row level security',
    'alter table {w}.other force row level security',
    'create policy p on {w}.other using ({w}.yes(x))',
    'select * from {w}.other',
  ],
  [
    'an operator',
    'create operator {w}.@@@ (leftarg = int, rightarg = int, procedure = {w}.two)',
    'select 1 operator({w}.@@@) 1',
  ],
  [
    'an operator in another statement',
    'create operator {w}.= (leftarg = int, rightarg = text, procedure = {w}.twotext)',
    'set search_path to {w}, pg_catalog',
    `select 1 = 'x'::text`,
  ],
  [
    'a cast',
    'create type {w}.own as (x int)',
    'create cast ({w}.own as text) with function {w}.towned({w}.own) as implicit',
    'select row(1)::{w}.own::text',
  ],
  [
    'an aggregate',
    'create aggregate {w}.agg (int) (sfunc = {w}.two, stype = int, initcond = 0)',
    'select {w}.agg(x) from {w}.other',
  ],
  [
    'a range type',
    `create type {w}.r as range (subtype = int, subtype_diff = {w}.diff)`,
    'create table {w}.d (r {w}.r)',
    'select {w}.f()',
  ],
  [
    'a shadow of a system function',
    'create function {w}.lower(text) returns text language plpgsql as $$ begin update {t} set last_name = $a$evil$a$; return $1; end $$',
    'set search_path to {w}, pg_catalog',
    `select lower('X')`,
  ],
  ['a cursor', 'begin', 'declare c cursor for select {w}.f()', 'fetch all from c', 'commit'],
  [
    'a cursor that is held',
    'begin',
    'declare c cursor with hold for select {w}.f()',
    'commit',
    'fetch all from c',
  ],
  [
    'a scrolling cursor',
    'begin',
    'declare c scroll cursor for select {w}.imm(x) from {w}.other',
    'fetch last from c',
    'commit',
  ],
  ['COPY of a query', 'copy (select {w}.f()) to stdout'],
  [
    'a COPY with WHERE',
    'create table {w}.d (x int default {w}.f(), y int)',
    'insert into {w}.d (y) select 1',
  ],
  [
    'SECURITY DEFINER',
    `create function {w}.sd() returns void language sql security definer as $$ ${write} $$`,
    'select {w}.sd()',
  ],
  [
    'a function with a body of SQL',
    `create function {w}.sq() returns void language sql as $$ ${write} $$`,
    'select {w}.sq()',
  ],
  [
    'a function with BEGIN ATOMIC',
    `create function {w}.at() returns void begin atomic ${write}; end`,
    'select {w}.at()',
  ],
  [
    'a function that returns rows',
    `create function {w}.rows() returns setof text language sql as $$ ${write} returning id $$`,
    'select * from {w}.rows()',
  ],
  [
    'a function with settings',
    `create function {w}.st() returns void language sql set search_path to {schema} as $$ update {table} set last_name = 'evil' $$`,
    'select {w}.st()',
  ],
  [
    'a polymorphic function',
    `create function {w}.po(anyelement) returns anyelement language plpgsql as $$ begin ${write}; return $1; end $$`,
    'select {w}.po(1)',
  ],
  [
    'a variadic function',
    `create function {w}.va(variadic int[]) returns int language plpgsql as $$ begin ${write}; return 1; end $$`,
    'select {w}.va(1, 2)',
  ],
  [
    'a recursive function',
    `create function {w}.re(n int) returns int language plpgsql as $$ begin if n > 0 then return {w}.re(n - 1); end if; ${write}; return 1; end $$`,
    'select {w}.re(5)',
  ],
  ['an event of the session: DISCARD', 'select {w}.f()', 'discard all'],
]

const more = [
  `create function {w}.two(a int, b int) returns int language plpgsql immutable as $$ begin perform {w}.f(); return a; end $$`,
  `create function {w}.twotext(a int, b text) returns bool language plpgsql as $$ begin ${write}; return true; end $$`,
  `create function {w}.diff(a int, b int) returns float8 language sql immutable as $$ select (a - b)::float8 $$`,
]

const called: readonly Way[] = calls.map(([name, ...steps]) => {
  const cast = name === 'a cast'
  const own = cast
    ? [
      steps[0] ?? '',
      `create function {w}.towned({w}.own) returns text language plpgsql as $$ begin ${write}; return $a$x$a$; end $$`,
    ]
    : []
  return {
    name: `a function that writes, in ${name}`,
    setup: [...functionsSql, ...more, ...own],
    steps: cast ? steps.slice(1) : steps,
    through: 'refused',
    ...(name === 'a function with BEGIN ATOMIC' ? { since: 14 } : {}),
  }
})

const quiet: readonly Way[] = [
  {
    name: 'DO that swallows the error',
    steps: [`do $$ begin ${write}; exception when others then null; end $$`],
    through: 'nothing',
    direct: 'nothing',
  },
  {
    name: 'a function that swallows the error',
    setup: [`create function {w}.q() returns void language plpgsql as $$
      begin ${write}; exception when others then null; end $$`],
    steps: ['select {w}.q()'],
    through: 'nothing',
    direct: 'nothing',
  },
  {
    name: 'DO that tries every row by itself',
    steps: [`do $$ declare r record; begin for r in select id from {t} loop
      begin update {t} set last_name = 'evil' where id = r.id; exception when others then null; end;
    end loop; end $$`],
    through: 'nothing',
    direct: 'nothing',
  },
]

/** In a mutation, `{w}.g()` writes to another row as well: always, or the second time that it is called, when the plan is done. */
const within = (
  name: string,
  body: string,
  statement: string,
  extra: Partial<Way> = {},
): Way => ({
  name: `within a mutation: ${name}`,
  setup: [
    'create sequence {w}.calls',
    `create function {w}.g() returns text language plpgsql as $$ begin ${body} return 'evil'; end $$`,
  ],
  steps: [statement],
  through: 'either',
  throughStates: [
    '0A000',
    'SL002',
    'SL001',
    '40001',
    '54000',
    'XX000',
    '428C9',
    '42501',
    '23505',
    '22023',
    '22P02',
  ],
  ...extra,
})

const one = `update {t} set last_name = {w}.g() where id = '003A'`
const later = (what: string) => `if nextval('{w}.calls') > 1 then ${what}; end if;`

const inside: readonly Way[] = [
  within('another row', `update {t} set email = 'evil' where id = '003B';`, one),
  within('another row, later', later(`update {t} set email = 'evil' where id = '003B'`), one),
  within('the same row, later', later(`update {t} set email = 'evil' where id = '003A'`), one),
  within(
    'the same row, later, at a platform that answers little',
    later(`update {t} set email = 'evil' where id = '003A'`),
    one,
    { platform: 'sparse' },
  ),
  within('a new row', `insert into {t} (email) values ('evil');`, one),
  within('a new row, later', later(`insert into {t} (email) values ('evil')`), one),
  within('a row goes, later', later(`delete from {t} where id = '003B'`), one),
  within(
    'a row goes within a DELETE, later',
    later(`delete from {t} where id = '003B'`),
    `delete from {t} where id = '003A' and {w}.g() = 'evil'`,
  ),
  within(
    'a new row within an INSERT, later',
    later(`insert into {t} (email) values ('evil')`),
    `insert into {t} (last_name) values ({w}.g())`,
  ),
  within(
    'a new row within an INSERT, later, little answered',
    later(`insert into {t} (email, score) values ('evil', 7)`),
    `insert into {t} (last_name) values ({w}.g())`,
    { platform: 'sparse' },
  ),
  within(
    'another value, later',
    'null;',
    `update {t} set last_name = {w}.g() || nextval('{w}.calls')`,
  ),
  within(
    'another column by a row, later',
    'null;',
    `update {t} set (last_name, email) = (select {w}.g(), nextval('{w}.calls')::text)`,
    { platform: 'sparse' },
  ),
  within(
    'other rows, later',
    'null;',
    `update {t} set last_name = {w}.g() where id = case when nextval('{w}.calls') <= 2 then '003A' else '003B' end`,
  ),
  within(
    'other rows of an INSERT, later',
    'null;',
    `insert into {t} (last_name) select {w}.g() from generate_series(1, nextval('{w}.calls'))`,
  ),
  within(
    'no rows, later',
    'null;',
    `delete from {t} where id = '003A' and nextval('{w}.calls') < 2 and {w}.g() = 'evil'`,
  ),
  within(
    'ordinals',
    `perform set_config('sluice.ordinal', '5', true);`,
    `insert into {t} (last_name) values ({w}.g()), ({w}.g())`,
  ),
  within(
    'ordinals, later',
    later(`perform set_config('sluice.ordinal', '0', true)`),
    `insert into {t} (last_name) values ('a'), ({w}.g()), ({w}.g())`,
  ),
  within(
    'ordinals that are none',
    `perform set_config('sluice.ordinal', 'x', true);`,
    `insert into {t} (last_name) values ({w}.g()), ('b')`,
  ),
  within('counts', `perform set_config('sluice.planned', '-5', true);`, one),
  within('counts, of many', `perform set_config('sluice.planned', '1000000', true);`, one),
  within(
    'a report that is forged',
    `raise info 'plan' using errcode = 'SLPLN', detail =
    '{"schema":"{schema}","table":"{table}","op":"update","seal":"x"}' || e'\\x1e1\\x1f"003B"\\x1fnull\\x1fnull';`,
    one,
  ),
  within(
    'close() that is survived',
    `begin perform sluice.close('00000000-0000-0000-0000-000000000000', 's', '{t}', 'update', 1); exception when others then null; end;`,
    one,
  ),
  within(
    'open() that is survived',
    `begin perform sluice.open('sync', '00000000-0000-0000-0000-000000000000', 'x', 1); exception when others then null; end;`,
    one,
  ),
  within(
    'planned() that is survived',
    'begin perform sluice.planned(); exception when others then null; end;',
    one,
  ),
  within('another search_path', `perform set_config('search_path', '{w}', true);`, one),
  within(
    'settings that formats depend on',
    `perform set_config('extra_float_digits', '-15', true), set_config('DateStyle', 'German', true);`,
    one,
  ),
  within('a timeout', later(`perform set_config('statement_timeout', '20000', true)`), one),
  within(
    'a role',
    `begin execute 'set local role none'; exception when others then null; end;`,
    one,
  ),
  within('an error, later', later(`raise exception 'no' using errcode = 'P0001'`), one),
  within('a division by nought, later', later('perform 1 / 0'), one),
  within('TRUNCATE', `begin truncate {t}; exception when others then null; end;`, one),
  within(
    'DDL',
    `begin alter table {t} disable trigger all; exception when others then null; end;`,
    one,
  ),
  {
    name: 'within a mutation: a deferred trigger that writes at COMMIT',
    setup: functionsSql,
    steps: [
      'create constraint trigger g after insert on {w}.other deferrable initially deferred for each row execute function {w}.trg()',
      `with x as (insert into {w}.other values (7, 7) returning x)
        update {t} set email = 'e' from x where id = '003A'`,
    ],
    through: 'either',
    throughStates: ['SL002', 'SL001', '0A000'],
  },
  {
    name: 'within a mutation: a trigger of a table that a CTE writes',
    setup: functionsSql,
    steps: [
      'create trigger g after insert on {w}.other for each row execute function {w}.trg()',
      `with x as (insert into {w}.other values (7, 7) returning x)
        update {t} set email = 'e' from x where id = '003A'`,
    ],
    through: 'either',
    throughStates: ['SL002', 'SL001', '0A000'],
  },
]

/** A customer may have granted more than Sluice did: a table that refers to ours then hears of what we delete. */
const cascades: readonly Way[] = [
  ['the row goes with the statement', `delete from {t} where id = '003A'`],
  [
    'the row goes by id, since the statement misses it',
    `delete from {t} where id = case when nextval('{w}.calls') < 3 then '003A' else 'none' end`,
  ],
].map(([name = '', statement = '']): Way => ({
  name: `a cascade from the table to a trigger: ${name}`,
  owner: ['grant references on {t} to {role}'],
  ownerAfter: ['revoke references on {t} from {role}'],
  setup: [
    'create sequence {w}.calls',
    'create sequence {w}.echoes',
    'create table {w}.mine (id varchar(18) references {t} on delete cascade)',
    `insert into {w}.mine values ('003A')`,
    `create function {w}.echo() returns trigger language plpgsql as $$ begin
      if nextval('{w}.echoes') > 1 then
        update {t} set last_name = 'evil' where id = '003B';
      end if;
      return null; end $$`,
    'create trigger g after delete on {w}.mine for each row execute function {w}.echo()',
  ],
  steps: [statement],
  through: 'heard',
}))

export const functionWays: readonly Way[] = [...called, ...quiet, ...inside, ...cascades]
