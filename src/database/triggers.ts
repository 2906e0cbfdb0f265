// Room database: the trigger functions of every synced table, as SQL. They run as the owner and believe nothing but the
// tickets: what the session's settings say can at most mix up rows of one and the same mutation.

import { ownerClause, planClause } from './functions.ts'

/** Names that sort after a person's, since triggers fire in the order of their names. */
export const triggerNames = {
  before: '~sluice_before',
  after: '~sluice_after',
  truncate: '~sluice_truncate',
} as const

// A session may have asked for fewer digits of a float8 than there are.
const exactClause = 'set extra_float_digits = 1'

const refuse = `raise exception 'mutations on a synced table must go through Sluice' using
      errcode = 'SL002', schema = tg_table_schema, table = tg_table_name,
      hint = 'Connect through the proxy and write the table directly, in a statement of its own.'`

const ticket =
  `select t.mode, t.mutation, t.rows_max, t.seal, t.target, t.operation, t.nulls into ticket
  from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned()`

const beforeSql = `
create or replace function sluice.before_row() returns trigger
language plpgsql ${ownerClause} ${planClause} ${exactClause} as $$
declare
  ticket record;
  planned record;
  ordinal int;
  before jsonb;
  fields jsonb;
begin
  ${ticket};
  if ticket.mode = 'plan' then
    if tg_op = 'INSERT' then
      ordinal := current_setting('sluice.ordinal')::int + 1;
      perform set_config('sluice.ordinal', ordinal::text, true);
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
      ordinal := current_setting('sluice.ordinal')::int + 1;
      perform set_config('sluice.ordinal', ordinal::text, true);
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
    if tg_op = 'INSERT' then
      fields := coalesce(ticket.nulls, '{}') || fields;
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
  ${refuse};
end
$$;
`

const afterSql = `
create or replace function sluice.after_row() returns trigger
language plpgsql ${ownerClause} ${planClause} ${exactClause} as $$
declare
  ticket record;
  n int;
  given text;
begin
  ${ticket};
  if ticket.mode = 'plan' then
    n := current_setting('sluice.planned')::int + 1;
    perform set_config('sluice.planned', n::text, true);
    if n > ticket.rows_max + 1 then
      return null;
    end if;
    if tg_op = 'INSERT' then
      given := new.id::text;
      if left(given, 1) = '-' then
        n := right(given, 6)::int;
        given := null;
      end if;
    else
      given := old.id::text;
    end if;
    raise info 'plan' using errcode = 'SLPLN', detail = concat(
      '{"schema":', to_json(tg_table_schema), ',"table":', to_json(tg_table_name),
      ',"op":"', lower(tg_op), '","n":', n, ',"seal":"', ticket.seal,
      '","id":', coalesce(to_json(given)::text, 'null'),
      ',"new":', case tg_op when 'DELETE' then 'null' else row_to_json(new)::text end,
      ',"old":', case tg_op when 'INSERT' then 'null' else row_to_json(old)::text end, '}'
    );
  elsif ticket.mode = 'apply' then
    if tg_relid = ticket.target and tg_op = ticket.operation then
      if tg_op = 'DELETE' then
        delete from sluice.ticket_rows r where r.pid = pg_backend_pid() and r.id = old.id::text;
      else
        delete from sluice.ticket_rows r where r.pid = pg_backend_pid() and r.id = new.id::text;
      end if;
    end if;
  elsif ticket.mode is distinct from 'sync' then
    ${refuse};
  end if;
  return null;
end
$$;
`

const truncateSql = `
create or replace function sluice.before_truncate() returns trigger
language plpgsql ${ownerClause} ${planClause} as $$
declare
  ticket record;
begin
  ${ticket};
  if ticket.mode = 'sync' then
    return null;
  elsif ticket.mode in ('lock', 'plan', 'apply') then
    raise exception 'this form of statement is not supported on a synced table' using
      errcode = '0A000', schema = tg_table_schema, table = tg_table_name, hint = 'Use DELETE.';
  end if;
  ${refuse};
end
$$;
`

// What opened a plan must roll it back, and what opened an apply must close it: COMMIT refuses anything else.
const unfinishedSql = `
create or replace function sluice.refuse_unfinished() returns trigger
language plpgsql ${ownerClause} as $$
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
`

/** The trigger functions and the guard of COMMIT; made again they replace themselves. */
export const triggersSql = [beforeSql, afterSql, truncateSql, unfinishedSql].join('\n')
