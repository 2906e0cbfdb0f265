// Room database: the doors of the sync process, as SQL: who may write a table now, which rows a pass has seen, and what
// sluice.tables shows. Each checks that mode `sync` is open, which only a right mac can have brought about.

import { ownerClause } from './functions.ts'

/** SQLSTATE when another process has taken the table with a greater fence. */
export const fencedState = 'SLFEN'

/** Rows of `sluice.seen` that one statement forgets. */
const forgottenRowsMax = 20_000

const ofTarget = `from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = target and s.schema_name = n.nspname and s.table_name = c.relname`

/** The doors; made again they replace themselves. */
export const syncingSql = `
-- Takes the table, or checks that it is still taken: until the transaction ends nobody else can take it. Gives the fence
-- that it had.
create or replace function sluice.fence(mutation uuid, target regclass, fence bigint) returns bigint
language plpgsql ${ownerClause} as $$
#variable_conflict use_variable
declare
  taken record;
begin
  perform sluice.check_ticket('sync', mutation);
  select s.fence as held into taken
  from sluice.synced s join pg_namespace n on n.nspname = s.schema_name
    join pg_class c on c.relnamespace = n.oid and c.relname = s.table_name
  where c.oid = target for update of s;
  if not found then
    raise exception 'not a table of a sync: %', target using errcode = '42809';
  elsif taken.held > fence then
    raise exception 'another process has taken the table' using errcode = '${fencedState}';
  elsif taken.held is distinct from fence then
    update sluice.synced s set fence = fence.fence ${ofTarget};
  end if;
  return taken.held;
end
$$;

-- Notes ids that a pass has brought.
create or replace function sluice.see(mutation uuid, target regclass, ids text[]) returns void
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  perform sluice.check_synced(target);
  insert into sluice.seen (place, id) select see.target, i from unnest(ids) i on conflict do nothing;
end
$$;

-- Of these ids those that no page has brought, in the same order.
create or replace function sluice.unseen(mutation uuid, target regclass, ids text[]) returns text[]
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  return array(
    select i.id from unnest(ids) with ordinality i(id, at)
    where not exists (select from sluice.seen s where s.place = unseen.target and s.id = i.id) order by i.at
  );
end
$$;

-- Forgets some of what a pass has seen, and of what was seen of tables that are gone. Gives whether that was all.
create or replace function sluice.forget(mutation uuid, target regclass) returns bool
language plpgsql ${ownerClause} as $$
declare
  places oid[];
  forgotten int;
begin
  perform sluice.check_ticket('sync', mutation);
  -- from each place to the next one, however many rows there are of each
  with recursive known(place) as (
    (select s.place from sluice.seen s order by s.place limit 1)
    union all
    select (select s.place from sluice.seen s where s.place > k.place order by s.place limit 1)
    from known k where k.place is not null
  )
  select coalesce(array_agg(k.place), '{}') into places from known k
  where k.place = forget.target
    or k.place is not null and not exists (select from pg_class c where c.oid = k.place);
  delete from sluice.seen s where s.ctid = any (array(
    select f.ctid from sluice.seen f where f.place = any (places)
    limit ${forgottenRowsMax} for update skip locked));
  get diagnostics forgotten = row_count;
  return forgotten < ${forgottenRowsMax};
end
$$;

-- What sluice.tables shows; what is not a member stays.
create or replace function sluice.show(mutation uuid, target regclass, shown jsonb) returns void
language plpgsql ${ownerClause} as $$
begin
  perform sluice.check_ticket('sync', mutation);
  update sluice.synced s set
    phase = case when shown ? 'phase' then shown ->> 'phase' else s.phase end,
    rows_done = case when shown ? 'rows_done' then (shown ->> 'rows_done')::bigint else s.rows_done end,
    rows_total = case when shown ? 'rows_total' then (shown ->> 'rows_total')::bigint else s.rows_total end,
    filled_at = case when shown ? 'filled' then clock_timestamp() else s.filled_at end,
    fresh_at = case when shown ? 'fresh_at' then to_timestamp((shown ->> 'fresh_at')::float8 / 1000) else s.fresh_at end,
    agreement = case when shown ? 'agreement' then (shown ->> 'agreement')::float8 else s.agreement end,
    problem = case when shown ? 'problem' then shown ->> 'problem' else s.problem end
  ${ofTarget};
end
$$;
`
