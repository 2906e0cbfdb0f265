// Ways: what a client may make in the database, or may try to: views, rules, triggers, tables beside the table, and
// changes of the table itself.

import { functionsSql, type Way, write } from './way.ts'

const owners = ['42501']

/** Only the owner of a table may do these; on the plain twin the client is the owner. */
const altering: readonly Way[] = [
  [
    'CREATE TRIGGER',
    `create function {w}.new() returns trigger language plpgsql as $$ begin new.last_name = 'evil'; return new; end $$`,
    'create trigger "~~z" before update on {t} for each row execute function {w}.new()',
    `update {t} set email = 'evil'`,
  ],
  [
    'CREATE RULE … DO INSTEAD',
    `create rule r as on delete to {t} do instead update {t} set last_name = 'evil'`,
    'delete from {t}',
  ],
  ['DISABLE TRIGGER ALL', 'alter table {t} disable trigger all', write],
  ['DISABLE TRIGGER USER', 'alter table {t} disable trigger user', write],
  ['ENABLE REPLICA TRIGGER', 'alter table {t} enable replica trigger all', write],
  ['DROP TRIGGER', 'drop trigger if exists "~sluice_before" on {t} cascade', write],
  [
    'RENAME TO',
    'alter table {t} rename to {table}_old',
    'create table {t} (id text, last_name text)',
  ],
  [
    'RENAME COLUMN',
    'alter table {t} rename column last_name to surname',
    'alter table {t} rename column first_name to last_name',
  ],
  ['SET SCHEMA', 'alter table {t} set schema {w}'],
  [
    'a swap',
    'begin',
    'alter table {t} rename to {table}_old',
    'create table {t} (like {w}.other)',
    'commit',
  ],
  ['ALTER COLUMN … TYPE … USING', `alter table {t} alter column last_name type text using 'evil'`],
  ['ADD COLUMN … DEFAULT', `alter table {t} add column evil text default 'evil'`],
  ['DROP COLUMN', 'alter table {t} drop column last_name'],
  [
    'SET DEFAULT',
    `alter table {t} alter column last_name set default 'evil'`,
    'insert into {t} (email) values ($$e$$)',
  ],
  ['ADD GENERATED', `alter table {t} add column evil text generated always as ('evil') stored`],
  ['DROP TABLE', 'drop table {t}'],
  ['DROP TABLE CASCADE', 'drop table {t} cascade', 'create table {t} (id text)'],
  ['DROP SCHEMA CASCADE', 'drop schema {schema} cascade'],
  ['ALTER SCHEMA RENAME', 'alter schema {schema} rename to {w}_moved'],
  [
    'INHERIT',
    'create table {w}.parent (id varchar(18) not null)',
    'alter table {t} inherit {w}.parent',
    `delete from {w}.parent`,
  ],
  [
    'a child table',
    'create table {w}.child () inherits ({t})',
    `insert into {w}.child (id, last_name) values ('003X', 'evil')`,
  ],
  [
    'ATTACH PARTITION',
    'create table {w}.part (like {t}) partition by list (id)',
    'alter table {w}.part attach partition {t} default',
    `update {w}.part set last_name = 'evil'`,
  ],
  [
    'a policy',
    'alter table {t} enable row level security',
    `create policy p on {t} using (true)`,
    write,
  ],
  ['a constraint that calls a function', 'alter table {t} add check ({w}.yes(1))', write],
  ['OWNER TO and back', 'alter table {t} owner to current_user', write],
  ['SET UNLOGGED', 'alter table {t} set unlogged', write],
  ['REASSIGN OWNED', 'reassign owned by postgres to current_user', write],
  ['DROP OWNED', 'drop owned by postgres', write],
  [
    'a foreign key with a cascade',
    'create table {w}.company (id text primary key)',
    `alter table {t} add foreign key (email) references {w}.company (id) on delete cascade`,
    write,
  ],
  ['IMPORT into the schema', `create view {schema}.evil as select 1`, write],
  ['CREATE STATISTICS', 'create statistics {w}.s on id, email from {t}', write],
].map(([name = '', ...steps]): Way => {
  const last = /^(update|delete from|insert into) \{t\}/.test(steps.at(-1) ?? '')
  return {
    name: `the owner's: ${name}`,
    setup: functionsSql,
    steps,
    through: last ? 'heard' : 'refused',
    states: ['SL002', ...owners, '2BP01', '3F000', '42P01', '42P07', '42703', '42809'],
  }
})

const outside: readonly Way[] = [
  ['CREATE EXTENSION dblink', 'create extension dblink', write],
  ['CREATE EXTENSION postgres_fdw', 'create extension postgres_fdw', write],
  ['CREATE EXTENSION file_fdw', 'create extension file_fdw', write],
  [
    'CREATE EVENT TRIGGER',
    `create function {w}.e() returns event_trigger language plpgsql as 'begin end'`,
    'create event trigger {w}_e on ddl_command_end execute function {w}.e()',
    write,
  ],
  [
    'CREATE SUBSCRIPTION',
    `create subscription {w}_s connection 'dbname=postgres' publication p`,
    write,
  ],
  [
    'CREATE PUBLICATION',
    'create publication {w}_p for table {t}',
    write,
    'drop publication if exists {w}_p',
  ],
  ['CREATE LANGUAGE', 'create language plpython3u', write],
  ['CREATE CAST', 'create cast (text as bytea) without function', write],
  [
    'an operator class',
    'create operator class {w}.c for type text using btree as function 1 bttextcmp(text, text)',
    write,
  ],
  ['large objects', `select lo_import('/etc/passwd')`, write],
  ['files', `select pg_read_file('postgresql.conf')`, write],
  ['NOTIFY', 'listen {w}', `notify {w}, 'x'`, write],
].map(([name = '', ...steps]): Way => ({
  name: `from outside: ${name}`,
  steps,
  through: 'heard',
}))

const views: readonly Way[] = [
  ['a view', 'create view {w}.v as select * from {t}'],
  ['a view of some columns', 'create view {w}.v as select id, last_name from {t} where id <> $$$$'],
  [
    'a view with security_barrier',
    'create view {w}.v with (security_barrier) as select * from {t}',
  ],
  [
    'a view WITH CHECK OPTION',
    'create view {w}.v as select * from {t} where id is not null with cascaded check option',
  ],
  ['a temporary view', 'create temp view v_{w} as select * from {t}'],
  [
    'a view on a view',
    'create view {w}.u as select * from {t}',
    'create view {w}.v as select * from {w}.u',
  ],
].flatMap(([name = '', ...steps]): Way[] => {
  const view = name === 'a temporary view' ? 'v_{w}' : '{w}.v'
  return [
    `update ${view} set last_name = 'evil'`,
    `insert into ${view} (last_name) values ('evil')`,
    `delete from ${view}`,
  ]
    .map((last) => ({
      name: `${name}: ${last.slice(0, 6)}`,
      steps: [...steps, last],
      through: 'heard',
    }))
})

const indirect: readonly Way[] = ([
  {
    name: 'a view with security_invoker',
    steps: [
      'create view {w}.v with (security_invoker) as select * from {t}',
      `update {w}.v set last_name = 'evil'`,
    ],
    through: 'heard',
    since: 15,
  },
  {
    name: 'a view with a trigger INSTEAD OF',
    steps: [
      'create view {w}.v as select 1 as x',
      'create trigger i instead of insert on {w}.v for each row execute function {w}.trg()',
      'insert into {w}.v values (2)',
    ],
    through: 'refused',
  },
  {
    name: 'a view with a rule',
    steps: [
      'create view {w}.v as select 1 as x',
      `create rule r as on insert to {w}.v do instead ${write}`,
      'insert into {w}.v values (2)',
    ],
    through: 'refused',
  },
  ...['insert into {w}.other values (3, 3)', 'update {w}.other set y = 3', 'delete from {w}.other']
    .flatMap((event): Way[] => {
      const on = event.slice(0, 6)
      return [
        ...['before', 'after'].flatMap((when) =>
          ['row', 'statement'].map((each): Way => ({
            name: `a trigger of another table: ${when} ${on}, each ${each}`,
            steps: [
              `create trigger g ${when} ${on} on {w}.other for each ${each} execute function {w}.trg()`,
              event,
            ],
            through: 'refused',
          }))
        ),
        {
          name: `a rule of another table, DO ALSO: ${on}`,
          steps: [`create rule r as on ${on} to {w}.other do also ${write}`, event],
          through: 'refused',
        },
        {
          name: `a rule of another table, DO INSTEAD: ${on}`,
          steps: [`create rule r as on ${on} to {w}.other do instead ${write}`, event],
          through: 'refused',
        },
      ]
    }),
  {
    name: 'a trigger of another table: TRUNCATE',
    steps: [
      'create trigger g after truncate on {w}.other execute function {w}.trg()',
      'truncate {w}.other',
    ],
    through: 'refused',
  },
  {
    name: 'a trigger with a WHEN that writes',
    steps: [
      `create trigger g before update on {w}.other for each row when ({w}.yes(new.x)) execute function suppress_redundant_updates_trigger()`,
      'update {w}.other set y = 3',
    ],
    through: 'refused',
  },
  {
    name: 'a deferred trigger, at COMMIT',
    steps: [
      'create constraint trigger g after insert on {w}.other deferrable initially deferred for each row execute function {w}.trg()',
      'begin',
      'insert into {w}.other values (3, 3)',
      'commit',
    ],
    through: 'refused',
  },
  {
    name: 'a deferred trigger, at SET CONSTRAINTS',
    steps: [
      'create constraint trigger g after insert on {w}.other deferrable initially deferred for each row execute function {w}.trg()',
      'begin',
      'insert into {w}.other values (3, 3)',
      'set constraints all immediate',
      'commit',
    ],
    through: 'refused',
  },
  {
    name: 'a deferred trigger, at PREPARE TRANSACTION',
    steps: [
      'create constraint trigger g after insert on {w}.other deferrable initially deferred for each row execute function {w}.trg()',
      'begin',
      'insert into {w}.other values (3, 3)',
      `prepare transaction '{w}'`,
      `commit prepared '{w}'`,
    ],
    through: 'refused',
    states: ['SL002'],
  },
  {
    name: 'a trigger below a cascade',
    steps: [
      'create table {w}.kid (x int references {w}.other on delete cascade)',
      'insert into {w}.kid values (1)',
      'create trigger g after delete on {w}.kid for each row execute function {w}.trg()',
      'delete from {w}.other where x = 1',
    ],
    through: 'refused',
  },
  {
    name: 'a trigger with transition tables',
    steps: [
      'create trigger g after update on {w}.other referencing new table as n for each statement execute function {w}.trg()',
      'update {w}.other set y = 3',
    ],
    through: 'refused',
  },
  {
    name: 'a trigger that COPY fires',
    steps: [
      'create trigger g after insert on {w}.other for each statement execute function {w}.trg()',
      'insert into {w}.other select 10, 10',
    ],
    through: 'refused',
  },
] satisfies Way[]).map((way: Way): Way => ({ ...way, setup: functionsSql }))

export const definitionWays: readonly Way[] = [...altering, ...outside, ...views, ...indirect]
