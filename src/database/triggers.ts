// Room database: the trigger functions of every synced table, as SQL. They run as the owner and believe nothing but the
// tickets: what the session's settings say can at most mix up rows of one and the same mutation.

import { ownerClause, planClause } from './functions.ts'

/** Names that sort after a person's, since triggers fire in the order of their names. */
export const triggerNames = {
  before: '~sluice_before',
  afterInsert: '~sluice_after_insert',
  afterUpdate: '~sluice_after_update',
  afterDelete: '~sluice_after_delete',
  truncate: '~sluice_truncate',
} as const

// A session may have asked for fewer digits of a float8 than there are.
const exactClause = 'set extra_float_digits = 1'

// A listener knows the tables of syncs that are paused no more, so what is written to one comes here.
const refuse = `raise exception 'mutations on a synced table must go through Sluice' using
      errcode = 'SL002', schema = tg_table_schema, table = tg_table_name,
      hint = coalesce(
        (
          select format('Its sync, %s, is paused: resume it first (sluice syncs resume --sync %1$s).', s.sync_id)
          from sluice.synced s
          where s.schema_name = tg_table_schema and s.table_name = tg_table_name and s.phase = 'paused'
        ),
        'Connect through the proxy and write the table directly, in a statement of its own of at most 512 KiB.'
      )`

const ticket =
  `select t.mode, t.mutation, t.rows_max, t.seal, t.target, t.operation, t.nulls, t.upsert
  into ticket
  from sluice.tickets t
  where t.pid = pg_backend_pid() and t.xid = pg_current_xact_id_if_assigned()`

/** What the mutation does not change: another table, another operation. An upsert inserts and updates. */
const elsewhere = `tg_relid <> ticket.target
      or (tg_op <> ticket.operation and (tg_op <> 'UPDATE' or ticket.upsert is null))`

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
    if ${elsewhere} then
      return null;
    end if;
    if tg_op = 'INSERT' then
      ordinal := set_config('sluice.ordinal', (current_setting('sluice.ordinal')::int + 1)::text, true);
      select r.op, r.row, r.keep into planned from sluice.ticket_rows r
      where r.pid = pg_backend_pid() and r.key = ordinal::text;
    elsif ticket.upsert is not null then -- what was to be inserted has come here just before
      select r.op, r.row, r.keep, r.id into planned from sluice.ticket_rows r
      where r.pid = pg_backend_pid() and r.key = current_setting('sluice.ordinal');
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
    if tg_op = 'UPDATE' and ticket.upsert is not null then
      before := to_jsonb(old);
      new := jsonb_populate_record(jsonb_populate_record(new, ticket.nulls), fields);
      if to_jsonb(new) -> ticket.upsert is distinct from before -> ticket.upsert then
        return null; -- no conflict: an UPDATE of somebody's function
      elsif planned.keep is not null and old.id::text = planned.id then
        select jsonb_object_agg(k, before -> k) into fields from unnest(planned.keep) k;
        return jsonb_populate_record(new, fields);
      end if;
      return new;
    elsif tg_op = 'INSERT' then -- one after the other takes half the time of putting the two together
      return jsonb_populate_record(jsonb_populate_record(new, ticket.nulls), fields);
    elsif planned.keep is not null then
      before := to_jsonb(old);
      select coalesce(jsonb_object_agg(k, before -> k), '{}') || fields into fields
      from unnest(planned.keep) k;
    end if;
    return jsonb_populate_record(new, fields);
  elsif ticket.mode = 'sync' then
    if pg_trigger_depth() > 1 then -- somebody's trigger that has heard of what we write: as in apply, left alone
      return null;
    elsif tg_op = 'DELETE' then
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

/** The longest DETAIL of a report, in bytes, short of the row that goes past it: each report wakes the listener. */
const reportBytesMax = 65_536

// A column may be called as anything here is: hence `r.*`, which is never a column, and the variable's whole name.
// Old and new rows of an UPDATE stand in the two tables in the same order. Should they ever not, a row is paired with one
// of another id, and a plan that changes an id is refused.
const changedSql = {
  insert:
    `select row_number() over () as at, r.id::text as id, row_to_json(r.*)::text as new, null as old
        from sluice_new r limit sluice_block.most`,
  update: `select at, o.id, n.new, o.old
        from (
          select row_number() over () as at, row_to_json(r.*)::text as new from sluice_new r limit sluice_block.most
        ) n join (
          select row_number() over () as at, r.id::text as id, row_to_json(r.*)::text as old
          from sluice_old r limit sluice_block.most
        ) o using (at)`,
  delete:
    `select row_number() over () as at, r.id::text as id, null as new, row_to_json(r.*)::text as old
        from sluice_old r limit sluice_block.most`,
} as const

// Neither separator can stand in JSON: within strings control characters are escaped, and outside they are no space.
const reportLoop = (operation: keyof typeof changedSql) => {
  const placeholder = operation === 'insert' ? `left(c.id, 1) = '-'` : 'false'
  return `
      for report in
        select string_agg(p.part, '' order by p.at) as parts
        from (
          select w.at, w.part, sum(octet_length(w.part)) over (order by w.at) / ${reportBytesMax} as chunk
          from (
            select c.at, concat(
              e'\\x1e', case when ${placeholder} then right(c.id, 6)::int else planned + c.at end,
              e'\\x1f', case when ${placeholder} then 'null' else to_json(c.id)::text end,
              e'\\x1f', coalesce(c.new, 'null'), e'\\x1f', coalesce(c.old, 'null')
            ) as part
            from (${changedSql[operation]}) c
          ) w
        ) p
        group by p.chunk order by p.chunk
      loop
        raise info 'plan' using errcode = 'SLPLN', detail = case
          when pg_client_encoding() in ('UTF8', 'SQL_ASCII') then head || report.parts
          -- not every program reads another encoding as Postgres writes it, which lacks characters too
          else encode(convert_to(head || report.parts, 'UTF8'), 'hex') end;
      end loop;`
}

// Each row is looked up by its key: whatever is less plain may become a scan of all rows that this session ever had here.
const doneSql = (changed: 'sluice_new' | 'sluice_old') =>
  `delete from sluice.ticket_rows d where d.ctid = any(array(
        select r.at from ${changed} c cross join lateral (
          select q.ctid as at from sluice.ticket_rows q where q.pid = pg_backend_pid() and q.id = c.id::text offset 0
        ) r
      ))`

const afterSql = `
create or replace function sluice.after_statement() returns trigger
language plpgsql ${ownerClause} ${planClause} ${exactClause} as $$
<<sluice_block>>
declare
  ticket record;
  report record;
  head text;
  planned int;
  changed int;
  most int;
begin
  ${ticket};
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
    if tg_op = 'INSERT' then${reportLoop('insert')}
    elsif tg_op = 'UPDATE' then${reportLoop('update')}
    else${reportLoop('delete')}
    end if;
  elsif ticket.mode = 'apply' then
    if ${elsewhere} then
      return null;
    elsif tg_op = 'DELETE' then
      ${doneSql('sluice_old')};
    else
      ${doneSql('sluice_new')};
    end if;
  else
    if tg_op = 'DELETE' then
      perform from sluice_old limit 1;
    else
      perform from sluice_new limit 1;
    end if;
    if found then
      ${refuse};
    end if;
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
  perform from sluice.applied a where a.id = new.mutation;
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
