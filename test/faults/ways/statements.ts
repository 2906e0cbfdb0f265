// Ways: forms of statements, and texts that a reader of SQL may read wrongly.

import { type Way, write } from './way.ts'

const heard = (name: string, ...steps: NonNullable<Way['steps']>): Way => ({
  name,
  steps,
  through: 'heard',
})

const forms: readonly Way[] = [
  heard('INSERT', `insert into {t} (last_name) values ('evil')`),
  heard('UPDATE', write),
  heard('DELETE', 'delete from {t}'),
  heard('INSERT … SELECT', `insert into {t} (last_name) select 'evil'`),
  heard(
    'INSERT … SELECT from itself',
    `insert into {t} (last_name) select 'evil' from {t} limit 1`,
  ),
  heard('INSERT of TABLE', `insert into {t} (last_name) table {w}.names`),
  heard('INSERT … DEFAULT VALUES', 'insert into {t} default values'),
  heard(
    'INSERT … ON CONFLICT DO NOTHING',
    `insert into {t} (last_name) values ('evil') on conflict do nothing`,
  ),
  heard('INSERT under an alias', `insert into {t} as x (last_name) values ('evil') returning x.id`),
  heard('INSERT … OVERRIDING', `insert into {t} (last_name) overriding user value values ('evil')`),
  heard('UPDATE ONLY', `update only {t} set last_name = 'evil'`),
  heard('UPDATE of a table and its children', `update {t} * set last_name = 'evil'`),
  heard('UPDATE … FROM', `update {t} x set last_name = 'evil' from {w}.names where x.id <> ''`),
  heard(
    'UPDATE of several columns at once',
    `update {t} set (last_name, email) = (select 'evil', 'e@vil')`,
  ),
  heard('DELETE … USING', 'delete from {t} x using {w}.names where x.id <> $$$$'),
  heard('DELETE … RETURNING', 'delete from {t} returning *'),
  heard('a CTE that updates', `with x as (${write} returning *) select * from x`),
  heard('a CTE that nobody reads', `with x as (${write}) select 1`),
  heard(
    'a recursive CTE before',
    `with recursive x(n) as (values (1) union all select n + 1 from x where n < 3)
    update {t} set last_name = 'evil' from x where n = 1`,
  ),
  heard(
    'a CTE that updates another table first',
    `with x as (update {w}.names set name = 'n' returning name)
    update {t} set last_name = 'evil' from x`,
  ),
  heard(
    'a CTE of many',
    `with ${
      Array.from({ length: 300 }, (_, n) => `c${n} as (select ${n} as n)`).join(', ')
    } update {t} set last_name = 'evil' where (select n from c299) = 299`,
  ),
  {
    name: 'two changes in two CTEs',
    steps: [`with a as (update {t} set last_name = 'evil' where id = '003A'),
      b as (delete from {t} where id = '003B') select 1`],
    through: 'refused',
    throughStates: ['0A000'],
  },
  {
    name: 'INSERT … ON CONFLICT DO UPDATE',
    steps: [`insert into {t} (id, last_name) values ('003A', 'evil')
      on conflict (id) do update set last_name = excluded.last_name`],
    through: 'either',
    throughStates: ['0A000', '428C9'],
  },
  {
    name: 'MERGE that updates',
    steps: [`merge into {t} x using (values ('003A')) v(id) on x.id = v.id
      when matched then update set last_name = 'evil'`],
    through: 'either',
    throughStates: ['0A000'],
    since: 15,
  },
  {
    name: 'MERGE that inserts and deletes',
    steps: [`merge into {t} x using (values ('003A'), ('none')) v(id) on x.id = v.id
      when matched then delete when not matched then insert (last_name) values ('evil')`],
    through: 'either',
    throughStates: ['0A000'],
    since: 15,
  },
  {
    name: 'TRUNCATE',
    steps: ['truncate {t}'],
    through: 'refused',
    states: ['42501', 'SL002', '0A000'],
  },
  {
    name: 'TRUNCATE … CASCADE',
    steps: ['truncate only {t} restart identity cascade'],
    through: 'refused',
    states: ['42501', 'SL002', '0A000'],
  },
  {
    name: 'UPDATE … WHERE CURRENT OF',
    steps: [
      'begin',
      'declare c cursor for select * from {t} for update',
      'fetch 1 from c',
      `update {t} set last_name = 'evil' where current of c`,
      'commit',
    ],
    through: 'refused',
    throughStates: ['0A000', '55P03', '34000', '25P02'],
  },
  {
    name: 'EXPLAIN ANALYZE',
    steps: [`explain analyze ${write}`],
    through: 'refused',
    throughStates: ['0A000'],
  },
  {
    name: 'EXPLAIN (ANALYZE) of a CTE',
    steps: [
      `explain (analyze, buffers, timing off) with x as (${write} returning 1) select * from x`,
    ],
    through: 'refused',
    throughStates: ['0A000'],
  },
  {
    name: 'EXPLAIN ANALYZE EXECUTE',
    steps: [`prepare p as ${write}`, 'explain analyze execute p'],
    through: 'either',
    throughStates: ['SL002', '0A000'],
  },
  heard(
    'PREPARE and EXECUTE',
    `prepare p (text) as update {t} set last_name = $1`,
    `execute p ('evil')`,
  ),
  {
    name: 'PREPARE by one search_path, EXECUTE by another',
    steps: [
      'create table {w}.{table} (like {t})',
      'set search_path to {w}',
      `prepare p as update {table} set last_name = 'evil'`,
      'set search_path to {schema}',
      'execute p',
    ],
    through: 'refused',
  },
  heard(
    'a name by search_path',
    'set search_path to {w}, {schema}, public',
    `update {table} set last_name = 'evil'`,
  ),
  heard(
    'a name by set_config',
    `select set_config('search_path', '{schema}', false)`,
    `update {table} set last_name = 'evil'`,
  ),
  heard(
    'a name by SET LOCAL',
    'begin',
    'set local search_path to {schema}',
    `update {table} set last_name = 'evil'`,
    'commit',
  ),
  heard(
    'a temporary table that shadowed and is gone',
    'create temp table {table} (last_name text)',
    'drop table {table}',
    'set search_path to {schema}',
    `update {table} set last_name = 'evil'`,
  ),
  heard('a block that is committed', 'begin', write, 'commit'),
  heard(
    'a savepoint that is rolled back',
    'begin',
    'savepoint a',
    write,
    'rollback to a',
    write,
    'commit',
  ),
  heard(
    'a savepoint that is released',
    'begin',
    'savepoint a',
    write,
    'release a',
    'commit and chain',
    'commit',
  ),
  heard(
    'START TRANSACTION READ WRITE',
    'start transaction isolation level serializable, read write',
    write,
    'commit',
  ),
  heard(
    'locks before it',
    'select pg_advisory_lock(7)',
    'begin',
    'select pg_advisory_xact_lock(8)',
    write,
    'commit',
  ),
  {
    name: 'LOCK TABLE before it',
    steps: ['begin', 'lock table {t} in row exclusive mode', write, 'commit'],
    through: 'heard',
  },
  {
    name: 'a transaction that is prepared',
    steps: ['begin', write, `prepare transaction '{w}'`, `commit prepared '{w}'`],
    through: 'heard',
  },
  {
    name: 'COPY … TO of a change',
    steps: [`copy (${write} returning id) to stdout`],
    through: 'refused',
    throughStates: ['0A000', 'SL002'],
  },
  {
    name: 'COPY … FROM PROGRAM',
    steps: [`copy {t} (last_name) from program 'echo evil'`, write],
    through: 'heard',
    states: ['SL002'],
  },
]

const texts: readonly Way[] = [
  heard('upper case and quotes', 'UPDATE "{schema}"."{table}" SET "last_name" = \'evil\''),
  heard('mixed case', "uPdAtE {t} sEt last_name = 'evil'"),
  heard('a comment for every space', `update/**/{t}/* */set/*'*/last_name/*"*/=/*$$*/'evil'`),
  heard('nested comments', `/* /* insert */ select */ update {t} set last_name = 'evil'`),
  heard('a line comment before', `-- select 1;\nupdate {t} set last_name = 'evil' -- end`),
  heard('a comment that ends at a carriage return', `--select\rupdate {t} set last_name = 'evil'`),
  heard('a comment with a quote', `/* ' */ update {t} set last_name = 'evil' /* ' */`),
  heard('an operator that begins a comment', `update {t} set last_name = 'evil' where 1 =/* */1`),
  heard('dollar quotes', "update {t} set last_name = $a$evil; $$ -- ' $a$"),
  heard('dollar quotes beside a name', `update {t} set last_name = $é$evil$é$`),
  heard('an escape string', `update {t} set last_name = E'evil\\'; select 1; --'`),
  heard('a string over two lines', `update {t} set last_name = 'e'\n  'vil'`),
  heard('a string and a comment over two lines', `update {t} set last_name = 'e' -- '\n 'vil'`),
  heard('a Unicode string', `update {t} set last_name = U&'\\0065vil'`),
  heard(
    'a Unicode string with another escape',
    `update {t} set last_name = U&'!0065vil' UESCAPE '!'`,
  ),
  heard('a national string', `update {t} set last_name = N'evil'`),
  heard('quoted quotes', `update {t} set last_name = '''evil''; '`),
  heard(
    'a quoted identifier with a quote',
    `update {t} as "a""b" set last_name = 'evil' where "a""b".id <> ''`,
  ),
  heard('a parameter beside a name', {
    text: 'update {t} set last_name=$1 where id<>$2',
    values: ['evil', ''],
  }),
  heard('empty statements around', `;;; ${write} ;;;`),
  heard('a form feed and a vertical tab', `\f\v\t${write}`),
  heard('several statements, the last of them', `select 1; select ';'; ${write}`),
  heard('several statements, the first of them', `${write}; select 1`),
  heard('several statements with BEGIN and COMMIT', `begin; ${write}; commit; select 1`),
  heard('a statement with a long name before it', `select 1 as "${'x'.repeat(63)}"; ${write}`),
  {
    name: 'more than is looked into',
    steps: [`update {t} set last_name = 'evil' /* ${'x'.repeat(600_000)} */`],
    through: 'refused',
    throughStates: ['54000'],
  },
  {
    name: 'more statements than are looked into',
    steps: [`${'select 1;'.repeat(1_500)} ${write}`],
    through: 'refused',
    throughStates: ['54000'],
  },
  heard('a Unicode identifier', `update {unicode} set last_name = 'evil'`),
]

export const statementWays: readonly Way[] = [...forms, ...texts].map((way) => ({
  ...way,
  setup: ['create table {w}.names (name text)', `insert into {w}.names values ('evil')`],
}))
