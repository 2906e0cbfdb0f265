-- What version 1 of Sluice left in a database: schema sluice, and one synced table. As it was; never to be changed.
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


create or replace function sluice.before_row() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' set extra_float_digits = 1 as $$
declare
  ticket record;
  planned record;
  ordinal int;
  before jsonb;
  fields jsonb;
begin
  select t.mode, t.mutation, t.rows_max, t.seal, t.target, t.operation, t.nulls into ticket
  from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned();
  if ticket.mode = 'plan' then
    if tg_op = 'INSERT' then
      ordinal := set_config('sluice.ordinal', (current_setting('sluice.ordinal')::int + 1)::text, true);
      if ordinal > 999999 then
        raise exception 'too many rows for one statement' using
          errcode = '54000', schema = tg_table_schema, table = tg_table_name;
      end if;
      if new.id is null then
        -- with the pid: two sessions that plan must not wait for each other's placeholders
        new.id := '-' || pg_backend_pid() || lpad(ordinal::text, 6, '0');
      elsif left(new.id::text, 1) = '-' then -- would be taken for a placeholder
        raise exception 'column is read-only' using
          errcode = '428C9', schema = tg_table_schema, table = tg_table_name, column = 'id';
      end if;
    elsif tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  elsif ticket.mode = 'apply' then
    if tg_relid <> ticket.target or tg_op <> ticket.operation then
      return null;
    end if;
    if tg_op = 'INSERT' then
      ordinal := set_config('sluice.ordinal', (current_setting('sluice.ordinal')::int + 1)::text, true);
      select r.op, r.row, r.keep into planned from sluice.ticket_rows r
      where r.pid = pg_backend_pid() and r.key = ordinal::text;
    else
      select r.op, r.row, r.keep into planned from sluice.ticket_rows r
      where r.pid = pg_backend_pid() and r.key = old.id::text;
    end if;
    if not found then
      return null;
    elsif tg_op = 'DELETE' then
      return old;
    elsif planned.op = 'delete' then -- gone at the platform: close() deletes it
      return null;
    end if;
    fields := planned.row;
    if tg_op = 'INSERT' then -- one after the other takes half the time of putting the two together
      return jsonb_populate_record(jsonb_populate_record(new, ticket.nulls), fields);
    elsif planned.keep is not null then
      before := to_jsonb(old);
      select coalesce(jsonb_object_agg(k, before -> k), '{}') || fields into fields
      from unnest(planned.keep) k;
    end if;
    return jsonb_populate_record(new, fields);
  elsif ticket.mode = 'sync' then
    if tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  elsif ticket.mode = 'lock' then
    return null;
  end if;
  raise exception 'mutations on a synced table must go through Sluice' using
      errcode = 'SL002', schema = tg_table_schema, table = tg_table_name,
      hint = 'Connect through the proxy and write the table directly, in a statement of its own.';
end
$$;


create or replace function sluice.after_statement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' set extra_float_digits = 1 as $$
declare
  ticket record;
  report record;
  head text;
  planned int;
  changed int;
  most int;
begin
  select t.mode, t.mutation, t.rows_max, t.seal, t.target, t.operation, t.nulls into ticket
  from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned();
  if ticket.mode = 'sync' then
    return null;
  elsif ticket.mode = 'plan' then
    if tg_op = 'DELETE' then
      select count(*) into changed from sluice_old;
    else
      select count(*) into changed from sluice_new;
    end if;
    planned := current_setting('sluice.planned')::int;
    perform set_config('sluice.planned', (planned + changed)::text, true);
    most := greatest(ticket.rows_max + 1 - planned, 0);
    head := concat(
      '{"schema":', to_json(tg_table_schema), ',"table":', to_json(tg_table_name),
      ',"op":"', lower(tg_op), '","seal":"', ticket.seal, '"}'
    );
    if tg_op = 'INSERT' then
      for report in
        select string_agg(p.part, '' order by p.at) as parts
        from (
          select w.at, w.part, sum(octet_length(w.part)) over (order by w.at) / 65536 as chunk
          from (
            select c.at, concat(
              e'\x1e', case when left(c.id, 1) = '-' then right(c.id, 6)::int else planned + c.at end,
              e'\x1f', case when left(c.id, 1) = '-' then 'null' else to_json(c.id)::text end,
              e'\x1f', coalesce(c.new, 'null'), e'\x1f', coalesce(c.old, 'null')
            ) as part
            from (select row_number() over () as at, r.id::text as id, row_to_json(r)::text as new, null as old
        from sluice_new r limit most) c
          ) w
        ) p
        group by p.chunk order by p.chunk
      loop
        raise info 'plan' using errcode = 'SLPLN', detail = head || report.parts;
      end loop;
    elsif tg_op = 'UPDATE' then
      for report in
        select string_agg(p.part, '' order by p.at) as parts
        from (
          select w.at, w.part, sum(octet_length(w.part)) over (order by w.at) / 65536 as chunk
          from (
            select c.at, concat(
              e'\x1e', case when false then right(c.id, 6)::int else planned + c.at end,
              e'\x1f', case when false then 'null' else to_json(c.id)::text end,
              e'\x1f', coalesce(c.new, 'null'), e'\x1f', coalesce(c.old, 'null')
            ) as part
            from (select at, o.id, n.new, o.old
        from (
          select row_number() over () as at, row_to_json(r)::text as new from sluice_new r limit most
        ) n join (
          select row_number() over () as at, r.id::text as id, row_to_json(r)::text as old
          from sluice_old r limit most
        ) o using (at)) c
          ) w
        ) p
        group by p.chunk order by p.chunk
      loop
        raise info 'plan' using errcode = 'SLPLN', detail = head || report.parts;
      end loop;
    else
      for report in
        select string_agg(p.part, '' order by p.at) as parts
        from (
          select w.at, w.part, sum(octet_length(w.part)) over (order by w.at) / 65536 as chunk
          from (
            select c.at, concat(
              e'\x1e', case when false then right(c.id, 6)::int else planned + c.at end,
              e'\x1f', case when false then 'null' else to_json(c.id)::text end,
              e'\x1f', coalesce(c.new, 'null'), e'\x1f', coalesce(c.old, 'null')
            ) as part
            from (select row_number() over () as at, r.id::text as id, null as new, row_to_json(r)::text as old
        from sluice_old r limit most) c
          ) w
        ) p
        group by p.chunk order by p.chunk
      loop
        raise info 'plan' using errcode = 'SLPLN', detail = head || report.parts;
      end loop;
    end if;
  elsif ticket.mode = 'apply' then
    if tg_relid <> ticket.target or tg_op <> ticket.operation then
      return null;
    elsif tg_op = 'DELETE' then
      delete from sluice.ticket_rows d where d.ctid = any(array(
        select r.at from sluice_old c cross join lateral (
          select q.ctid as at from sluice.ticket_rows q where q.pid = pg_backend_pid() and q.id = c.id::text offset 0
        ) r
      ));
    else
      delete from sluice.ticket_rows d where d.ctid = any(array(
        select r.at from sluice_new c cross join lateral (
          select q.ctid as at from sluice.ticket_rows q where q.pid = pg_backend_pid() and q.id = c.id::text offset 0
        ) r
      ));
    end if;
  else
    if tg_op = 'DELETE' then
      perform from sluice_old limit 1;
    else
      perform from sluice_new limit 1;
    end if;
    if found then
      raise exception 'mutations on a synced table must go through Sluice' using
      errcode = 'SL002', schema = tg_table_schema, table = tg_table_name,
      hint = 'Connect through the proxy and write the table directly, in a statement of its own.';
    end if;
  end if;
  return null;
end
$$;


create or replace function sluice.before_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' as $$
declare
  ticket record;
begin
  select t.mode, t.mutation, t.rows_max, t.seal, t.target, t.operation, t.nulls into ticket
  from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned();
  if ticket.mode = 'sync' then
    return null;
  elsif ticket.mode in ('lock', 'plan', 'apply') then
    raise exception 'this form of statement is not supported on a synced table' using
      errcode = '0A000', schema = tg_table_schema, table = tg_table_name, hint = 'Use DELETE.';
  end if;
  raise exception 'mutations on a synced table must go through Sluice' using
      errcode = 'SL002', schema = tg_table_schema, table = tg_table_name,
      hint = 'Connect through the proxy and write the table directly, in a statement of its own.';
end
$$;


create or replace function sluice.refuse_unfinished() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.mode = 'plan' then
    raise exception 'a plan cannot be committed' using errcode = 'SLOPN';
  end if;
  perform from sluice.mutations m where m.id = new.mutation;
  if not found then
    raise exception 'mutation % was applied and not closed', new.mutation using errcode = 'SLOPN';
  end if;
  return null;
end
$$;
drop trigger if exists unfinished on sluice.tickets;
create constraint trigger unfinished after insert or update on sluice.tickets
deferrable initially deferred for each row when (new.mode in ('plan', 'apply'))
execute function sluice.refuse_unfinished();
alter table sluice.tickets enable always trigger unfinished;


create or replace function sluice.mac(message text) returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select encode(sha256(s.opad || sha256(s.ipad || convert_to(message, 'UTF8'))), 'hex') from sluice.secret s
$$;

create or replace function sluice.is_synced(target regclass) returns bool
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from pg_trigger t
    where t.tgrelid = target and t.tgfoid = 'sluice.before_row()'::regprocedure and t.tgenabled = 'A'
  )
$$;

create or replace function sluice.check_synced(target regclass) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if target is null or not sluice.is_synced(target) then
    raise exception 'not a synced table: %', coalesce(target::text, 'null') using errcode = '42809';
  end if;
end
$$;

create or replace function sluice.check_ticket(mode text, mutation uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' as $$
begin
  perform from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned()
    and t.mode = check_ticket.mode and t.mutation = check_ticket.mutation;
  if not found then
    raise exception 'ticket is not valid' using errcode = '42501';
  end if;
end
$$;


create or replace function sluice.open(
  mode text, mutation uuid, mac text, rows_max int, rows jsonb default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' as $$
#variable_conflict use_variable
declare
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
    perform from sluice.mutations m where m.id = mutation;
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
  insert into sluice.tickets (pid, xid, mode, mutation, rows_max, seal, target, operation, nulls)
  values (
    pg_backend_pid(), pg_current_xact_id(), mode, mutation, rows_max,
    case mode when 'plan' then sluice.mac(concat('seal:', mutation, ':', pg_backend_pid())) end,
    place, upper(rows ->> 'operation'), rows -> 'nulls'
  )
  on conflict (pid) do update set
    xid = excluded.xid, mode = excluded.mode, mutation = excluded.mutation, rows_max = excluded.rows_max,
    seal = excluded.seal, target = excluded.target, operation = excluded.operation,
    nulls = excluded.nulls;
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


create or replace function sluice.lock(target regclass, ids text[], mutation uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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


create or replace function sluice.put(target regclass, id text, op text, fields jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
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
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = 'force_generic_plan' as $$
#variable_conflict use_variable
declare
  missed record;
  missed_count int := 0;
begin
  perform sluice.check_ticket('apply', mutation);
  perform from sluice.tickets t
  where t.pid = pg_backend_pid() and t.target = target::oid and t.operation = upper(operation);
  if not found then
    raise exception 'mutation % is of another table or operation', mutation using errcode = '22023';
  end if;
  update sluice.tickets t set mode = 'sync' where t.pid = pg_backend_pid();
  for missed in
    select r.id, r.op, coalesce(t.nulls, '{}') || r.row as row
    from sluice.ticket_rows r join sluice.tickets t on t.pid = r.pid where r.pid = pg_backend_pid()
  loop
    perform sluice.put(target, missed.id, missed.op, missed.row);
    missed_count := missed_count + 1;
  end loop;
  delete from sluice.ticket_rows r where r.pid = pg_backend_pid();
  perform sluice.note(mutation, sync_id, target, operation, rows);
  update sluice.tickets t set mode = 'none' where t.pid = pg_backend_pid();
  return missed_count;
end
$$;

create or replace function sluice.note(
  mutation uuid, sync_id text, target regclass, operation text, rows int
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into sluice.mutations (id, sync_id, schema_name, table_name, operation, rows)
  select note.mutation, note.sync_id, n.nspname, c.relname, note.operation, note.rows
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = note.target;
exception when unique_violation then
  raise exception 'mutation % has already been applied', mutation using errcode = 'SLDUP';
end
$$;

create or replace function sluice.record(
  mutation uuid, sync_id text, target regclass, operation text, rows int
) returns bool
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform sluice.check_ticket('sync', mutation);
  perform sluice.check_synced(target);
  perform sluice.note(mutation, sync_id, target, operation, rows);
  return true;
exception when sqlstate 'SLDUP' then
  return false;
end
$$;


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
  sluice.close(uuid, text, regclass, text, int),
  sluice.record(uuid, text, regclass, text, int),
  sluice.planned()
to public;
insert into sluice.version (version) values (1);

create schema if not exists "salesforce";
create table "salesforce"."contacts" ("id" varchar(18) primary key, "email" text, "amount" numeric, "name" varchar(80));
create or replace trigger "~sluice_before" before insert or update or delete on "salesforce"."contacts" for each row execute function sluice.before_row();
alter table "salesforce"."contacts" enable always trigger "~sluice_before";
create or replace trigger "~sluice_after_insert" after insert on "salesforce"."contacts" referencing new table as sluice_new for each statement execute function sluice.after_statement();
alter table "salesforce"."contacts" enable always trigger "~sluice_after_insert";
create or replace trigger "~sluice_after_update" after update on "salesforce"."contacts" referencing old table as sluice_old new table as sluice_new for each statement execute function sluice.after_statement();
alter table "salesforce"."contacts" enable always trigger "~sluice_after_update";
create or replace trigger "~sluice_after_delete" after delete on "salesforce"."contacts" referencing old table as sluice_old for each statement execute function sluice.after_statement();
alter table "salesforce"."contacts" enable always trigger "~sluice_after_delete";
create or replace trigger "~sluice_truncate" before truncate on "salesforce"."contacts" for each statement execute function sluice.before_truncate();
alter table "salesforce"."contacts" enable always trigger "~sluice_truncate";
comment on table "salesforce"."contacts" is 'salesforce Contact';
comment on column "salesforce"."contacts"."id" is 'Id';
comment on column "salesforce"."contacts"."email" is 'Email';
comment on column "salesforce"."contacts"."amount" is 'Amount__c';
comment on column "salesforce"."contacts"."name" is 'Name';
