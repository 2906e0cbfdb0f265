// Room store: the tables and functions of the buckets, as the store's third migration makes them. Time is the store's
// own, in whole milliseconds since 1970, and is counted in grains: a unit taken in grain k counts in every grain before
// k + n, n being the rule's window and margin in grains.

import { bucketTurns } from './bucket-turns.ts'

/** No wait for a turn is longer, in milliseconds: two minutes and a half, and a little more. */
const aheadMaxMs = 160_000

/** A rule's bucket, its slots, and the shares of processes in what may be under way at one time. */
const tables = `
  create table sluice_store.buckets (
    id bigint generated always as identity primary key,
    connection_id text not null references sluice_store.connections on delete cascade,
    rule text not null,
    key text not null,
    grain_ms bigint not null check (grain_ms > 0),
    blocked_until bigint not null default 0,
    blocked_for bigint not null default 0,
    epoch bigint not null default 0,
    full_before bigint not null default 0,
    full_for integer not null default 0,
    purged bigint not null default 0,
    unique (connection_id, rule, key)
  );
  create table sluice_store.slots (
    bucket bigint not null references sluice_store.buckets on delete cascade,
    grain bigint not null,
    units integer not null check (units > 0),
    firm integer not null check (firm between 0 and units),
    primary key (bucket, grain)
  );
  create table sluice_store.shares (
    bucket bigint not null references sluice_store.buckets on delete cascade,
    holder text not null,
    units integer not null check (units >= 0),
    wanting boolean not null,
    until bigint not null,
    primary key (bucket, holder)
  );
  create function sluice_store.clock_ms() returns bigint language sql volatile
    return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;`

/**
 * Locks the buckets, in the order given (which is the same everywhere), and makes those that are not there yet. A bucket
 * whose grains have another length now keeps what it holds.
 *
 * When the clock has gone back, what a bucket holds lies further ahead than anybody can have put it, and would keep all
 * waiting until the clock is there again. Then a block lasts as long as it was made for, turns further ahead than anybody
 * waits are dropped, and whoever holds a promise has to ask again.
 */
const lockBuckets = `
  create function sluice_store.lock_buckets(conn text, specs jsonb)
  returns setof sluice_store.buckets language plpgsql as $$
  declare
    spec jsonb;
    b sluice_store.buckets;
    now_ms bigint;
    gone bigint;
    far bigint;
  begin
    for spec in select * from jsonb_array_elements(specs) loop
      select * into b from sluice_store.buckets
        where connection_id = conn and rule = spec->>'rule' and key = spec->>'key' for update;
      if not found then
        insert into sluice_store.buckets (connection_id, rule, key, grain_ms)
          values (conn, spec->>'rule', spec->>'key', (spec->>'grainMs')::bigint)
          on conflict (connection_id, rule, key) do nothing;
        select * into b from sluice_store.buckets
          where connection_id = conn and rule = spec->>'rule' and key = spec->>'key' for update;
      end if;
      if b.grain_ms <> (spec->>'grainMs')::bigint then
        with old as (delete from sluice_store.slots where bucket = b.id returning grain, units, firm)
        insert into sluice_store.slots (bucket, grain, units, firm)
          select b.id, (grain + 1) * b.grain_ms / (spec->>'grainMs')::bigint, sum(units), sum(firm)
          from old group by 2;
        update sluice_store.buckets
          set grain_ms = (spec->>'grainMs')::bigint, full_before = 0, purged = 0
          where id = b.id returning * into b;
      end if;
      now_ms := sluice_store.clock_ms();
      gone := now_ms / b.grain_ms - (spec->>'windowGrains')::bigint;
      far := (now_ms + ${aheadMaxMs}) / b.grain_ms;
      if b.purged > gone or b.full_before > far or b.blocked_until - b.blocked_for > now_ms then
        delete from sluice_store.slots where bucket = b.id and grain > far;
        update sluice_store.buckets
          set full_before = 0, purged = least(purged, gone), epoch = epoch + 1,
            blocked_until = least(blocked_until, now_ms + blocked_for)
          where id = b.id returning * into b;
      end if;
      return next b;
    end loop;
  end $$;`

/**
 * Units of a wide window for a process to use up by itself: as many as it wants, but at most a hundredth of what is left,
 * or one. Gives {now, units, grain, left, blockedUntil}; with no units: freeAt, when there may be one.
 */
const leaseUnits = `
  create function sluice_store.lease_units(conn text, spec jsonb, want integer)
  returns jsonb language plpgsql set enable_seqscan = off as $$
  declare
    b sluice_store.buckets;
    now_ms bigint;
    g bigint;
    n bigint := (spec->>'windowGrains')::bigint;
    lim integer := (spec->>'limit')::integer;
    used bigint;
    granted integer;
  begin
    perform set_config('synchronous_commit', 'off', true);
    select * into b from sluice_store.lock_buckets(conn, jsonb_build_array(spec));
    now_ms := sluice_store.clock_ms();
    g := now_ms / b.grain_ms;
    if g - n - b.purged > n / 4 then
      delete from sluice_store.slots where bucket = b.id and grain <= g - n;
      update sluice_store.buckets set purged = g - n where id = b.id;
    end if;
    select coalesce(sum(units), 0) into used
      from sluice_store.slots where bucket = b.id and grain > g - n and grain <= g;
    granted := greatest(0, least(want, lim - used, greatest(1, (lim - used) / 100)));
    if b.blocked_until > now_ms then
      granted := 0;
    end if;
    if granted > 0 then
      insert into sluice_store.slots as t (bucket, grain, units, firm)
        values (b.id, g, granted, granted) on conflict (bucket, grain) do update
          set units = t.units + excluded.units, firm = t.firm + excluded.firm;
    end if;
    return jsonb_build_object('now', now_ms, 'units', granted, 'grain', g,
      'left', greatest(0, lim - used - granted), 'blockedUntil', b.blocked_until,
      'freeAt', case when granted > 0 then now_ms else greatest(b.blocked_until,
        b.grain_ms * sluice_store.free_grain(b.id, g, 1, lim, n, null, false)) end);
  end $$;`

/**
 * A process's share in what may be under way at one time. It has \`busy\` units at work and would
 * like \`want\`. Gives {now, units, wanted, blockedUntil}: what it may have at work from now on, until \`keepMs\` from now. Never are
 * all shares together more than the limit; one that somebody else wants a part of shrinks to an equal part, or to what it
 * has at work.
 */
const shareUnits = `
  create function sluice_store.share_units(
    conn text, spec jsonb, who text, busy integer, want integer, keep_ms integer
  ) returns jsonb language plpgsql set enable_seqscan = off as $$
  declare
    b sluice_store.buckets;
    now_ms bigint;
    lim integer := (spec->>'limit')::integer;
    held integer;
    others bigint;
    holders bigint;
    wanted boolean;
    granted integer;
  begin
    perform set_config('synchronous_commit', 'off', true);
    select * into b from sluice_store.lock_buckets(conn, jsonb_build_array(spec));
    now_ms := sluice_store.clock_ms();
    delete from sluice_store.shares where bucket = b.id and (until < now_ms
      or (holder = who and want = 0 and busy = 0));
    update sluice_store.shares set until = now_ms + keep_ms -- else the clock has gone back
      where bucket = b.id and until > now_ms + greatest(keep_ms, ${aheadMaxMs});
    select coalesce(sum(units) filter (where holder <> who), 0),
        count(*) filter (where holder <> who) + 1,
        coalesce(bool_or(wanting) filter (where holder <> who), false),
        coalesce(sum(units) filter (where holder = who), 0)
      into others, holders, wanted, held from sluice_store.shares where bucket = b.id;
    granted := least(greatest(want, busy), greatest(lim - others, 0));
    if granted - held > 1 then
      granted := held + (granted - held + 1) / 2; -- the next process finds something as well
    end if;
    if wanted then
      granted := least(granted, greatest(busy, lim / holders));
    end if;
    granted := greatest(granted, busy);
    if want > 0 or busy > 0 then
      insert into sluice_store.shares (bucket, holder, units, wanting, until)
        values (b.id, who, granted, granted < want and others > 0, now_ms + keep_ms)
        on conflict (bucket, holder) do update set units = excluded.units,
          wanting = excluded.wanting, until = excluded.until;
    end if;
    return jsonb_build_object('now', now_ms, 'units', granted, 'wanted', wanted,
      'blockedUntil', b.blocked_until);
  end $$;`

/** Nothing may be taken from the bucket for so long. Whoever holds promises has to ask again. */
const blockBucket = `
  create function sluice_store.block_bucket(conn text, spec jsonb, wait_ms bigint)
  returns bigint language plpgsql as $$
  declare
    b sluice_store.buckets;
    until_ms bigint;
  begin
    select * into b from sluice_store.lock_buckets(conn, jsonb_build_array(spec));
    until_ms := sluice_store.clock_ms() + wait_ms;
    update sluice_store.buckets
      set blocked_until = greatest(blocked_until, until_ms),
        blocked_for = case when until_ms > blocked_until then wait_ms else blocked_for end,
        epoch = epoch + 1
      where id = b.id returning * into b;
    return b.blocked_until;
  end $$;`

/**
 * The platform counts fewer units left than we do: others use the account. The difference is taken from the bucket, so
 * that it comes back when the platform says, or after a whole window. Gives how many units that were.
 */
const correctBucket = `
  create function sluice_store.correct_bucket(
    conn text, spec jsonb, remaining integer, reset_ms bigint
  ) returns integer language plpgsql set enable_seqscan = off as $$
  declare
    b sluice_store.buckets;
    now_ms bigint;
    g bigint;
    n bigint := (spec->>'windowGrains')::bigint;
    used bigint;
    others bigint;
    at bigint;
  begin
    select * into b from sluice_store.lock_buckets(conn, jsonb_build_array(spec));
    now_ms := sluice_store.clock_ms();
    g := now_ms / b.grain_ms;
    select coalesce(sum(units), 0) into used
      from sluice_store.slots where bucket = b.id and grain > g - n and grain <= g;
    others := (spec->>'limit')::integer - used - remaining;
    if others <= 0 then
      return 0;
    end if;
    at := case when reset_ms is null then g
      else least(g, greatest(g - n + 2, (now_ms + reset_ms) / b.grain_ms - n + 1)) end;
    insert into sluice_store.slots as t (bucket, grain, units, firm)
      values (b.id, at, others, others) on conflict (bucket, grain) do update
        set units = t.units + excluded.units, firm = t.firm + excluded.firm;
    update sluice_store.buckets set epoch = epoch + 1 where id = b.id;
    return others;
  end $$;`

export const bucketSchema = [
  tables,
  lockBuckets,
  bucketTurns,
  leaseUnits,
  shareUnits,
  blockBucket,
  correctBucket,
].join('\n')
