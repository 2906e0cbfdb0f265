// Room store: how turns are taken from the buckets, as the store's third migration makes it: the functions behind
// `takeTurns`. One question takes a bounded time, since it holds the buckets against everybody else.

/** What comes so soon, in milliseconds, is firm from the beginning. */
const firmMs = 100

/** When so many requests were looked at in one question, the jobs behind them are left for the next. */
const requestsMax = 100

/** So long a question waits for a bucket that others hold, in milliseconds; it fails before the store's own deadline. */
const lockWaitMs = 4_000

/**
 * The first grain from \`start\` on in which u units may be taken: no n grains in a row would then hold more than lim,
 * and no other slot be nearer than \`spacing\` (null: no matter). Slots after that grain count as well: they are promised.
 * \`only_firm\`: what is merely promised does not count, since it gives way.
 */
const freeGrain = `
  create function sluice_store.free_grain(
    b bigint, start bigint, u integer, lim integer, n bigint, spacing integer,
    only_firm boolean
  ) returns bigint language plpgsql as $$
  declare
    k bigint := start;
    found_at bigint;
    used bigint;
  begin
    loop
      select max(grain) into found_at from sluice_store.slots
        where bucket = b and grain > k - spacing and grain < k + spacing
          and (firm > 0 or not only_firm);
      if found_at is not null then
        k := found_at + spacing;
        continue;
      end if;
      select coalesce(sum(case when only_firm then firm else units end), 0) into used
        from sluice_store.slots where bucket = b and grain > k - n and grain <= k;
      if used + u > lim then
        select f.grain + n into k from (
          select grain,
            sum(case when only_firm then firm else units end) over (order by grain) as freed
          from sluice_store.slots where bucket = b and grain > k - n and grain <= k
        ) f where f.freed >= used + u - lim order by f.grain limit 1;
        continue;
      end if;
      select max(w.grain) into found_at from (
        select grain, sum(case when only_firm then firm else units end)
          over (order by grain range between n - 1 preceding and current row) as load
        from sluice_store.slots where bucket = b and grain > k - n and grain < k + n
      ) w where w.grain > k and w.load + u > lim;
      if found_at is null then
        return k;
      end if;
      k := found_at + 1;
    end loop;
  end $$;`

/** Gives units back that were taken in a grain and not used; f of them were firm. */
const giveUnits = `
  create function sluice_store.give_units(b bigint, at bigint, u integer, f integer)
  returns void language plpgsql as $$
  begin
    delete from sluice_store.slots where bucket = b and grain = at and units <= u;
    if not found then
      update sluice_store.slots set units = units - u, firm = greatest(0, least(units - u, firm - f))
        where bucket = b and grain = at;
    end if;
  end $$;`

/**
 * The jobs of one connection, in their order. A job: {leadMs, waitMs, background, confirm, back, requests}. back:
 * [[spec, grain, units, firm, to]], given back first; to: what they were used in instead, or null. requests: for each the charges [[spec, units]]; spec: index in specs.
 * Every request gets the earliest moment, leadMs from now or later, at which all its charges can be had; when one of them
 * comes later than waitMs from now the job takes nothing. A job in the background takes what it can have at once, leaves a
 * part to others, and takes nothing that somebody waits for. The first request that is late decides, also for all later
 * jobs that begin with the same requests: they come no sooner, so nobody looks for their moments.
 *
 * A moment far ahead is a promise: it keeps the place in the line and tells how long it will be. Shortly before, it is
 * confirmed: the job gives it back and takes, beside what is firm only, the earliest moment that there is; that one is
 * firm. So one that leaves late does not lose its place: those who come after it leave as much later.
 *
 * Gives {now, epoch, jobs}; of each job {moments, firms} or {waitMs, spec}: how long it would have been at least, and the
 * bucket; or null: there were enough before it, ask again. Throws 55P03 when others hold a bucket for too long.
 */
const takeTurns = `
  create function sluice_store.take_turns(conn text, specs jsonb, jobs jsonb)
  returns jsonb language plpgsql set enable_seqscan = off as $$
  declare
    b sluice_store.buckets[];
    lims integer[];
    ns bigint[];
    spacings integer[];
    befores bigint[] := '{}';
    fors integer[] := '{}';
    kept_befores bigint[];
    kept_fors integer[];
    results jsonb := '[]';
    lates jsonb := '[]';
    late jsonb;
    searched integer := 0;
    now_ms bigint;
    total bigint;
    job jsonb;
    requests jsonb;
    at integer;
    request jsonb;
    charge jsonb;
    background boolean;
    confirm boolean;
    firm boolean;
    firms boolean[];
    wait_max bigint;
    soonest bigint;
    moments bigint[];
    taken bigint[];
    moved boolean;
    busy boolean;
    slowest integer;
    i integer;
    u integer;
    lim integer;
    s bigint;
    g bigint;
    k bigint;
    j integer;
  begin
    perform set_config('synchronous_commit', 'off', true);
    perform set_config('lock_timeout', '${lockWaitMs}', true);
    b := array(select t from sluice_store.lock_buckets(conn, specs) t);
    select array_agg((e->>'limit')::integer order by o),
        array_agg((e->>'windowGrains')::bigint order by o),
        array_agg((e->>'spacing')::integer order by o)
      into lims, ns, spacings from jsonb_array_elements(specs) with ordinality as t(e, o);
    for i in 1 .. coalesce(array_length(b, 1), 0) loop
      befores[i] := b[i].full_before;
      fors[i] := b[i].full_for;
    end loop;
    now_ms := sluice_store.clock_ms();
    for job in select * from jsonb_array_elements(jobs) loop
      requests := job->'requests';
      background := (job->>'background')::boolean;
      confirm := (job->>'confirm')::boolean;
      wait_max := case when background then 0 else (job->>'waitMs')::bigint end;
      late := null;
      if jsonb_array_length(job->'back') = 0 then
        select l into late from jsonb_array_elements(lates) l
          where (l->>'moment')::bigint > now_ms + wait_max and l->'background' = job->'background'
            and l->'confirm' = job->'confirm' and (l->>'leadMs')::bigint <= (job->>'leadMs')::bigint
            and l->'requests' = jsonb_path_query_array(requests, '$[0 to $n]',
              jsonb_build_object('n', (l->>'at')::integer - 1))
          limit 1;
      end if;
      if late is null and searched >= ${requestsMax} then
        results := results || '[null]';
        continue;
      end if;
      for charge in select * from jsonb_array_elements(job->'back') loop
        i := (charge->>0)::integer + 1;
        g := (charge->>1)::bigint;
        perform sluice_store.give_units(b[i].id, g, (charge->>2)::integer,
          (charge->>3)::integer);
        if charge->>4 is not null then
          u := (charge->>2)::integer;
          insert into sluice_store.slots as t (bucket, grain, units, firm)
            values (b[i].id, (charge->>4)::bigint, u, u)
            on conflict (bucket, grain) do update
              set units = t.units + excluded.units, firm = t.firm + excluded.firm;
        end if;
        befores[i] := least(befores[i], g);
        lates := '[]';
      end loop;
      kept_befores := befores;
      kept_fors := fors;
      firms := '{}';
      soonest := now_ms + (job->>'leadMs')::bigint;
      moments := '{}';
      taken := '{}';
      at := 0;
      for request in select * from jsonb_array_elements(requests) loop
        exit when late is not null;
        at := at + 1;
        searched := searched + 1;
        s := soonest;
        slowest := 0;
        loop
          moved := false;
          for charge in select * from jsonb_array_elements(request) loop
            i := (charge->>0)::integer + 1;
            lim := case when background then greatest(1, {backgroundLimit}) else lims[i] end;
            u := least((charge->>1)::integer, lim);
            if b[i].blocked_until > s then
              s := b[i].blocked_until;
              slowest := i;
              moved := true;
            end if;
            g := s / b[i].grain_ms;
            k := case when u >= fors[i] and not (background or confirm) then greatest(g, befores[i]) else g end;
            k := sluice_store.free_grain(b[i].id, k, u, lim, ns[i], spacings[i],
              confirm);
            if s = soonest and not (background or confirm) and (befores[i] <= g or u <= fors[i]) then
              befores[i] := k;
              fors[i] := u;
            end if;
            if k > g then
              s := k * b[i].grain_ms;
              slowest := i;
              moved := true;
            end if;
          end loop;
          exit when not moved or jsonb_array_length(request) = 1;
        end loop;
        if background and slowest = 0 then
          select count(*) > 0 into busy from jsonb_array_elements(request) c
            join sluice_store.slots on bucket = b[(c->>0)::integer + 1].id
              and grain > now_ms / b[(c->>0)::integer + 1].grain_ms;
          if busy then
            s := now_ms + 50;
            slowest := (request->0->>0)::integer + 1;
          end if;
        end if;
        if s > now_ms + wait_max then
          late := jsonb_build_object('moment', s, 'spec', slowest - 1, 'at', at,
            'background', background, 'confirm', confirm, 'leadMs', job->'leadMs',
            'requests', jsonb_path_query_array(requests, '$[0 to $n]',
              jsonb_build_object('n', at - 1)));
          lates := lates || late;
          exit;
        end if;
        firm := confirm or s <= soonest + ${firmMs};
        moments := moments || s;
        firms := firms || firm;
        for charge in select * from jsonb_array_elements(request) loop
          i := (charge->>0)::integer + 1;
          g := s / b[i].grain_ms;
          u := (charge->>1)::integer;
          insert into sluice_store.slots as t (bucket, grain, units, firm)
            values (b[i].id, g, u, case when firm then u else 0 end)
            on conflict (bucket, grain) do update
              set units = t.units + excluded.units, firm = t.firm + excluded.firm;
          taken := taken || i::bigint || g || u::bigint || case when firm then u else 0 end::bigint;
        end loop;
      end loop;
      if late is null then
        results := results || jsonb_build_array(jsonb_build_object('moments', moments,
          'firms', firms));
        continue;
      end if;
      for j in 0 .. coalesce(array_length(taken, 1), 0) / 4 - 1 loop
        perform sluice_store.give_units(b[taken[j * 4 + 1]].id, taken[j * 4 + 2],
          taken[j * 4 + 3]::integer, taken[j * 4 + 4]::integer);
      end loop;
      befores := kept_befores;
      fors := kept_fors;
      select coalesce(max(rest.units / lims[rest.spec] * ns[rest.spec] * (b[rest.spec]).grain_ms), 0)
        into g from (
          select (c->>0)::integer + 1 as spec, sum((c->>1)::bigint)::bigint as units
          from jsonb_array_elements(requests) with ordinality r(parts, o),
            jsonb_array_elements(r.parts) c
          where r.o > (late->>'at')::integer group by 1) rest;
      results := results || jsonb_build_array(jsonb_build_object(
        'waitMs', (late->>'moment')::bigint + g - now_ms, 'spec', late->'spec'));
    end loop;
    for i in 1 .. coalesce(array_length(b, 1), 0) loop
      g := now_ms / b[i].grain_ms - ns[i];
      if g - b[i].purged > ns[i] / 4 then
        delete from sluice_store.slots where bucket = b[i].id and grain <= g;
        b[i].purged := g;
      elsif befores[i] = b[i].full_before and fors[i] = b[i].full_for then
        continue;
      end if;
      update sluice_store.buckets
        set full_before = befores[i], full_for = fors[i], purged = b[i].purged where id = b[i].id;
    end loop;
    select coalesce(sum(epoch), 0) into total
      from sluice_store.buckets where connection_id = conn;
    return jsonb_build_object('now', now_ms, 'epoch', total, 'jobs', results);
  end $$;`

/** With `backgroundLimit`, SQL for the units of bucket i that are for jobs in the background. */
export function createTakeTurns(backgroundLimit: string): string {
  return takeTurns.replace('{backgroundLimit}', () => backgroundLimit)
}

/** As the third migration makes them. */
export const bucketTurns = [freeGrain, giveUnits, createTakeTurns('lims[i] * 4 / 5')].join('\n')
