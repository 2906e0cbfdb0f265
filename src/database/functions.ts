// Room database: the doors of schema sluice, as SQL. An ordinary role may call them; each checks the mac, or a ticket
// that only a right mac can have brought about, before it does anything.

import { quoteLiteral } from '../lib/quote.ts'

/** The comment on a unique index of ours. */
export const uniqueAbout = 'Sluice: the platform holds no value twice'

/** What a function that runs as the owner needs so that nothing of the caller's stands in for something of Postgres. */
export const ownerClause = 'security definer set search_path = pg_catalog, pg_temp'

/** A planner that finds these tables empty would scan them; within a statement they fill up. */
export const planClause = "set enable_seqscan = off set plan_cache_mode = 'force_generic_plan'"

const helpersSql = `
create or replace function sluice.mac(message text) returns text
language sql ${ownerClause} as $$
  select encode(sha256(s.opad || sha256(s.ipad || convert_to(message, 'UTF8'))), 'hex') from sluice.secret s
$$;

create or replace function sluice.is_synced(target regclass) returns bool
language sql ${ownerClause} as $$
  select exists (
    select from pg_trigger t
    where t.tgrelid = target and t.tgfoid = 'sluice.before_row()'::regprocedure and t.tgenabled = 'A'
  )
$$;

create or replace function sluice.check_synced(target regclass) returns void
language plpgsql ${ownerClause} as $$
begin
  if target is null or not sluice.is_synced(target) then
    raise exception 'not a synced table: %', coalesce(target::text, 'null') using errcode = '42809';
  end if;
end
$$;

create or replace function sluice.check_ticket(mode text, mutation uuid) returns void
language plpgsql ${ownerClause} ${planClause} as $$
begin
  perform from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned()
    and t.mode = check_ticket.mode and t.mutation = check_ticket.mutation;
  if not found then
    raise exception 'ticket is not valid' using errcode = '42501';
  end if;
end
$$;
`

const waySql = `
-- The columns of which the platform holds no value twice: those of our own unique indexes, and that of an upsert.
create or replace function sluice.keys(target regclass, upsert text) returns text[]
language sql ${ownerClause} as $$
  select array(
    select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = target and i.indisunique and i.indnkeyatts = 1 and not i.indisprimary and not a.attnotnull
      and (a.attname = upsert or obj_description(i.indexrelid, 'pg_class') = ${
  quoteLiteral(uniqueAbout)
})
  )
$$;

-- A row that another row of the table keeps from its key would fail. The platform says whose the key is, so the row that
-- still has it here is out of date: it loses it until it is read again.
create or replace function sluice.vacate(target regclass, rows jsonb, keys text[]) returns void
language plpgsql ${ownerClause} ${planClause} as $$
declare
  key text;
begin
  foreach key in array keys loop
    execute format(
      'update only %1$s t set %2$I = null from jsonb_populate_recordset(null::%1$s, $1) p'
      ' where t.%2$I = p.%2$I and t.id <> p.id', target, key
    ) using rows;
  end loop;
end
$$;

create or replace function sluice.make_room(
  mutation uuid, target regclass, rows jsonb, upsert text
) returns void
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  perform sluice.check_synced(target);
  perform sluice.vacate(target, rows, sluice.keys(target, upsert));
end
$$;

-- Before an upsert: where the platform's record is in the table under another key than the platform has it, ON CONFLICT
-- would not find it, and its id would be there twice. It gets its key, and whoever has that key here loses it.
create or replace function sluice.make_way(target regclass, upsert text) returns void
language plpgsql ${ownerClause} ${planClause} as $$
declare
  planned text := format(
    'sluice.ticket_rows r cross join lateral jsonb_populate_record(null::%1$s, r.row) p'
    ' where r.pid = pg_backend_pid() and p.%2$I is not null', target, upsert
  );
begin
  execute format(
    'update only %1$s t set %2$I = null from %3$s and t.%2$I = p.%2$I and t.id <> p.id'
    ' and exists (select from only %1$s o where o.id = p.id and o.%2$I is distinct from p.%2$I)',
    target, upsert, planned
  );
  execute format(
    'update only %1$s t set %2$I = p.%2$I from %3$s and t.id = p.id and t.%2$I is distinct from p.%2$I',
    target, upsert, planned
  );
end
$$;
`

const openSql = `
create or replace function sluice.open(
  mode text, mutation uuid, mac text, rows_max int, rows jsonb default null
) returns void
language plpgsql ${ownerClause} ${planClause} as $$
#variable_conflict use_variable
declare
  upsert text := rows ->> 'upsert';
  expected text := sluice.mac(concat(mode, ':', mutation, ':', pg_backend_pid()));
  place regclass;
begin
  -- compared by digest, so that the time it takes says nothing about the mac
  if mac is null or sha256(convert_to(mac, 'UTF8')) <> sha256(convert_to(expected, 'UTF8')) then
    raise exception 'ticket is not valid' using errcode = '42501';
  end if;
  if mutation is null or rows_max is null or mode is null
    or mode not in ('lock', 'plan', 'apply', 'sync') or (mode = 'apply') <> (rows is not null) then
    raise exception 'cannot open mode %', coalesce(quote_literal(mode), 'null') using errcode = '22023';
  end if;
  if mode = 'apply' then
    perform from sluice.applied a where a.id = mutation;
    if found then
      raise exception 'mutation % has already been applied', mutation using errcode = 'SLDUP';
    end if;
    place := format('%I.%I', rows ->> 'schema', rows ->> 'table')::regclass;
    perform sluice.check_synced(place);
    delete from sluice.ticket_rows r where r.pid = pg_backend_pid();
    insert into sluice.ticket_rows (pid, key, id, op, row, keep)
    select pg_backend_pid(), e.key, e.value ->> 'id', e.value ->> 'op', e.value -> 'row',
      case when e.value ? 'keep' then array(select jsonb_array_elements_text(e.value -> 'keep')) end
    from jsonb_each(rows -> 'rows') e
    on conflict do nothing;
  end if;
  insert into sluice.tickets (
    pid, xid, mode, mutation, rows_max, seal, target, operation, nulls, about, upsert
  )
  values (
    pg_backend_pid(), pg_current_xact_id(), case when upsert is null then mode else 'sync' end, mutation, rows_max,
    case mode when 'plan' then sluice.mac(concat('seal:', mutation, ':', pg_backend_pid())) end,
    place, upper(rows ->> 'operation'), rows -> 'nulls', rows -> 'about', upsert
  )
  on conflict (pid) do update set
    xid = excluded.xid, mode = excluded.mode, mutation = excluded.mutation, rows_max = excluded.rows_max,
    seal = excluded.seal, target = excluded.target, operation = excluded.operation,
    nulls = excluded.nulls, about = excluded.about, upsert = excluded.upsert;
  if upsert is not null then
    perform sluice.make_way(place, upsert);
    update sluice.tickets t set mode = 'apply' where t.pid = pg_backend_pid();
  end if;
  perform set_config('sluice.ordinal', '0', true), set_config('sluice.planned', '0', true);
end
$$;

-- Runs as the caller, and with the caller's search_path: what SET CONSTRAINTS fires may be functions of the caller's.
create or replace function sluice.planned() returns pg_catalog.int4
language plpgsql as $$
declare
  names pg_catalog.text;
begin
  select pg_catalog.string_agg(distinct pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') into names
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.connamespace
  where c.condeferrable and n.nspname operator(pg_catalog.<>) 'sluice'
    and not pg_catalog.pg_is_other_temp_schema(n.oid)
    and pg_catalog.has_schema_privilege(n.oid, 'usage');
  if names is not null then
    execute pg_catalog.concat('set constraints ', names, ' immediate');
  end if;
  return pg_catalog.current_setting('sluice.planned')::pg_catalog.int4;
end
$$;
`

const lockSql = `
create or replace function sluice.lock(target regclass, ids text[], mutation uuid) returns int
language plpgsql ${ownerClause} as $$
declare
  id_type text;
  found_count int;
begin
  perform sluice.check_ticket('lock', mutation);
  perform sluice.check_synced(target);
  -- without the length: a cast to varchar(18) would cut an id that is longer and lock another row
  select format_type(a.atttypid, null) into id_type
  from pg_attribute a where a.attrelid = target and a.attname = 'id';
  execute format(
    'select count(*) from (select from only %s where id = any($1::%s[]) order by id for update) locked',
    target, id_type
  ) into found_count using ids;
  return found_count;
end
$$;
`

const lockKeysSql = `
-- Two upserts of one key that the table does not have go one after the other: no row can be locked for it. Whoever had to
-- wait starts over, since its snapshot is older than what it waited for. Without regard to case, as platforms are.
create or replace function sluice.lock_keys(target regclass, upsert text, keys text[], mutation uuid) returns void
language plpgsql ${ownerClause} as $$
declare
  place bigint;
  waited bool := false;
begin
  perform sluice.check_ticket('lock', mutation);
  perform sluice.check_synced(target);
  for place in
    select distinct hashtextextended(concat('sluice:', target::oid, ':', upsert, ':', lower(k)), 0)
    from unnest(keys) k order by 1
  loop
    if not pg_try_advisory_xact_lock(place) then
      waited := true;
      perform pg_advisory_xact_lock(place);
    end if;
  end loop;
  if waited then
    raise exception 'could not serialize access due to concurrent update' using errcode = '40001';
  end if;
end
$$;
`

const closeSql = `
create or replace function sluice.put(target regclass, id text, op text, fields jsonb) returns void
language plpgsql ${ownerClause} as $$
declare
  upsert text;
  names text;
  sets text;
begin
  if op = 'delete' then
    execute format(
      'delete from only %s where id = $1::%s', target,
      (select format_type(a.atttypid, null) from pg_attribute a where a.attrelid = target and a.attname = 'id')
    ) using id;
    return;
  end if;
  select t.upsert into upsert from sluice.tickets t where t.pid = pg_backend_pid();
  perform sluice.vacate(target, jsonb_build_array(fields), sluice.keys(target, upsert));
  select string_agg(quote_ident(a.attname), ', '),
    string_agg(format('%1$I = excluded.%1$I', a.attname), ', ')
  into names, sets
  from pg_attribute a
  where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and fields ? a.attname;
  execute format(
    'insert into %1$s (%2$s) select %2$s from jsonb_populate_record(null::%1$s, $1)'
    ' on conflict (id) do update set %3$s', target, names, sets
  ) using fields;
end
$$;

create or replace function sluice.close(
  mutation uuid, sync_id text, target regclass, operation text, rows int
) returns int
language plpgsql ${ownerClause} ${planClause} as $$
#variable_conflict use_variable
declare
  missed record;
  missed_count int := 0;
  about jsonb;
begin
  perform sluice.check_ticket('apply', mutation);
  select t.about into about from sluice.tickets t
  where t.pid = pg_backend_pid() and t.target = target::oid and t.operation = upper(operation);
  if not found then
    raise exception 'mutation % is of another table or operation', mutation using errcode = '22023';
  end if;
  update sluice.tickets t set mode = 'sync' where t.pid = pg_backend_pid();
  for missed in
    select r.id, r.op, case when t.upsert is null then coalesce(t.nulls, '{}') else '{}' end || r.row as row
    from sluice.ticket_rows r join sluice.tickets t on t.pid = r.pid where r.pid = pg_backend_pid()
  loop
    perform sluice.put(target, missed.id, missed.op, missed.row);
    missed_count := missed_count + 1;
  end loop;
  delete from sluice.ticket_rows r where r.pid = pg_backend_pid();
  perform sluice.note(mutation, sync_id, target, operation, rows, about);
  update sluice.tickets t set mode = 'none' where t.pid = pg_backend_pid();
  return missed_count;
end
$$;

create or replace function sluice.note(
  mutation uuid, sync_id text, target regclass, operation text, rows int, about jsonb
) returns void
language plpgsql ${ownerClause} as $$
begin
  insert into sluice.applied (
    id, sync_id, schema_name, table_name, operation, rows, outcome, requests, duration_ms, login,
    database_user, database_role, application_name
  )
  select
    note.mutation, note.sync_id, n.nspname, c.relname, note.operation, note.rows,
    coalesce(note.about ->> 'outcome', 'accepted'), (note.about ->> 'requests')::int,
    (note.about ->> 'duration_ms')::int, note.about ->> 'login',
    session_user, coalesce(nullif(current_setting('role'), 'none'), session_user),
    nullif(current_setting('application_name'), '')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = note.target;
exception when unique_violation then
  raise exception 'mutation % has already been applied', mutation using errcode = 'SLDUP';
end
$$;

create or replace function sluice.record(
  mutation uuid, sync_id text, target regclass, operation text, rows int
) returns bool
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  perform sluice.check_synced(target);
  perform sluice.note(mutation, sync_id, target, operation, rows, '{"outcome": "recovered"}');
  return true;
exception when sqlstate 'SLDUP' then
  return false;
end
$$;

create or replace function sluice.filled(mutation uuid, target regclass) returns void
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  update sluice.synced s set filled_at = clock_timestamp()
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = target and s.schema_name = n.nspname and s.table_name = c.relname;
end
$$;
`

/** All doors, in an order in which they can be made; made again they replace themselves. */
export const functionsSql = [helpersSql, waySql, openSql, lockSql, lockKeysSql, closeSql].join('\n')
