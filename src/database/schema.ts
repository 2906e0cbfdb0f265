// Room database: the tables of schema sluice, as SQL. Only the owner may touch them: no function of a client's, whatever
// it runs inside, can write a ticket or read the secret.

/** Step 1. Tickets live for one transaction, so they are unlogged: a crash may forget them. */
export const tablesSql = `
create schema if not exists sluice;
revoke all on schema sluice from public;

create table sluice.version (version int primary key, installed_at timestamptz not null default now());

create table sluice.secret (
  one bool primary key default true check (one),
  ipad bytea not null,
  opad bytea not null
);

create table sluice.mutations (
  id uuid primary key,
  sync_id text not null,
  schema_name text not null,
  table_name text not null,
  operation text not null,
  rows int not null,
  applied_at timestamptz not null default now()
);
create index on sluice.mutations (applied_at);

create unlogged table sluice.tickets (
  pid int primary key,
  xid xid8 not null,
  mode text not null,
  mutation uuid not null,
  rows_max int not null,
  seal text,
  target oid,
  operation text,
  nulls jsonb -- what an insert's row does not say
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

create unlogged table sluice.ticket_rows (
  pid int not null,
  key text not null,
  id text not null,
  op text not null,
  row jsonb,
  keep text[],
  primary key (pid, key),
  unique (pid, id)
) with (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
alter table sluice.ticket_rows alter column row set storage external;

comment on schema sluice is 'Sluice: mutations of synced tables go to the platform first';
comment on table sluice.mutations is 'Mutations that are in this database';
`

/**
 * Step 2: what people may see. `applied` was `mutations`, the name of a view now. A column that comes with a constant
 * default needs no rewrite, however many rows there are.
 */
export const catalogSql = `
alter table sluice.mutations rename to applied;
alter table sluice.applied
  add column outcome text not null default 'accepted',
  add column requests int,
  add column duration_ms int,
  add column login text,
  add column database_user text,
  add column database_role text,
  add column application_name text;
alter table sluice.applied
  alter column outcome drop default,
  alter column applied_at set default clock_timestamp();
create index on sluice.applied (schema_name, table_name, applied_at);
comment on table sluice.applied is 'Mutations that are in this database';

alter table sluice.tickets add column about jsonb; -- what is noted with the mutation

create table sluice.synced (
  schema_name text not null,
  table_name text not null,
  sync_id text not null,
  platform text not null,
  object text not null,
  columns int not null,
  insert_rows int not null,
  update_rows int not null,
  delete_rows int not null,
  insert_refused text,
  update_refused text,
  delete_refused text,
  filled_at timestamptz,
  primary key (schema_name, table_name)
);
comment on table sluice.synced is 'Tables of the syncs of this database';

create table sluice.faults (
  fault text primary key,
  sqlstate text not null,
  http int not null,
  blame text not null,
  retry text not null,
  message text not null,
  about text not null
);
comment on table sluice.faults is 'The catalogue of errors';

drop function if exists sluice.note(uuid, text, regclass, text, int);
`

/** Step 3: the column that an upsert goes by. */
export const upsertSql = `
alter table sluice.tickets add column upsert text;
`

/**
 * Step 4: the sync process. `seen` is logged: after a crash an empty one would make everything look unseen.
 */
export const syncingTablesSql = `
alter table sluice.synced
  add column fence bigint,
  add column phase text,
  add column rows_done bigint,
  add column rows_total bigint,
  add column fresh_at timestamptz,
  add column agreement float8,
  add column problem text;

create table sluice.seen (
  place oid not null,
  id text not null,
  primary key (place, id)
);
comment on table sluice.seen is 'Rows that the passes under way have seen';
`

/** Step 5: the words of refusals, and of `sluice.errors`, alone. */
export const wordsSql = `
comment on table sluice.faults is 'The catalogue of errors; {platform} stands for the name of the platform';
`

/** Who may do what. The mac, not the grant, keeps the doors: a session may have changed its role. */
export const grantsSql = `
revoke all on all tables in schema sluice from public;
revoke all on all functions in schema sluice from public;
do $$
declare
  granted record;
begin
  -- a database may give new tables and functions to other roles of itself (ALTER DEFAULT PRIVILEGES)
  for granted in
    select distinct 'table' as kind, c.oid::regclass::text as name, a.grantee::regrole as role
    from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace = 'sluice'::regnamespace and a.grantee not in (0, c.relowner)
    union
    select distinct 'function', p.oid::regprocedure::text, a.grantee::regrole
    from pg_proc p, aclexplode(p.proacl) a
    where p.pronamespace = 'sluice'::regnamespace and a.grantee not in (0, p.proowner)
    union
    select 'schema', 'sluice', a.grantee::regrole
    from pg_namespace n, aclexplode(n.nspacl) a
    where n.nspname = 'sluice' and a.grantee not in (0, n.nspowner)
  loop
    execute format('revoke all on %s %s from %s', granted.kind, granted.name, granted.role);
  end loop;
end
$$;
grant usage on schema sluice to public;
grant execute on function
  sluice.open(text, uuid, text, int, jsonb),
  sluice.lock(regclass, text[], uuid),
  sluice.lock_keys(regclass, text, text[], uuid),
  sluice.make_room(uuid, regclass, jsonb, text),
  sluice.close(uuid, text, regclass, text, int),
  sluice.record(uuid, text, regclass, text, int),
  sluice.filled(uuid, regclass),
  sluice.fence(uuid, regclass, bigint),
  sluice.see(uuid, regclass, text[]),
  sluice.unseen(uuid, regclass, text[]),
  sluice.forget(uuid, regclass),
  sluice.show(uuid, regclass, jsonb),
  sluice.prune(uuid, text[], bigint, uuid[], int),
  sluice.planned()
to public;
grant select on sluice.tables, sluice.mutations, sluice.errors to public;
`
