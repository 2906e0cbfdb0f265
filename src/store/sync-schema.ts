// Room store: what the sync process keeps, as the store's tenth migration makes it: how far each table is, which records
// are to be read again, the webhooks of each sync, and the deliveries that have been heard.

import { createTakeTurns } from './bucket-turns.ts'

/**
 * table_states: one row for each table that a sync process has seen. `pass`, a listing under way, is json and not jsonb: it
 * is the platform's own text. `nudges` grows whenever somebody wants the table looked at, so that whoever lets go of it
 * at that moment sees that; `look` when something has changed of which nobody knows what, and `looked` follows. `fence` grows with every claim.
 *
 * `note`: what people should know of the table though it works. chores: what is done for each sync now and then.
 *
 * hints: `version` grows when a record is noted again, so that what was read before does not count for it.
 *
 * webhooks: a row without a registration is one that could not be made yet. `objects`: what it was made for.
 */
const tables = `
  create table sluice_store.table_states (
    sync_id text not null,
    name text not null,
    phase text not null default 'waiting'
      check (phase in ('waiting', 'backfill', 'following', 'failed')),
    pass json,
    follow_cursor text,
    filled_at timestamptz,
    polled_at timestamptz,
    scanned_at timestamptz,
    fresh_at timestamptz,
    failure json,
    note text,
    tries integer not null default 0,
    asked bigint not null default 0,
    sampled bigint not null default 0,
    differing bigint not null default 0,
    sampled_at timestamptz,
    wanted text,
    look bigint not null default 0,
    looked bigint not null default 0,
    due_at timestamptz not null default now(),
    nudges bigint not null default 0,
    fence bigint not null default 0,
    owner text,
    lease_until timestamptz,
    primary key (sync_id, name),
    foreign key (sync_id, name) references sluice_store.tables on delete cascade
  );
  create index on sluice_store.table_states (due_at);
  create sequence sluice_store.hint_versions;
  create table sluice_store.hints (
    sync_id text not null,
    name text not null,
    record_id text not null,
    keys json not null default '{}',
    version bigint not null default nextval('sluice_store.hint_versions'),
    noted_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    tries integer not null default 0,
    primary key (sync_id, name, record_id),
    foreign key (sync_id, name) references sluice_store.tables on delete cascade
  );
  create index on sluice_store.hints (sync_id, name, due_at);
  create table sluice_store.webhooks (
    id text primary key references sluice_store.syncs on delete cascade,
    registration bytea,
    key_id text,
    url text,
    objects text,
    renew_at timestamptz,
    collect boolean not null default false,
    heard_at timestamptz,
    failure text,
    tries integer not null default 0,
    due_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((registration is null) = (key_id is null))
  );
  create table sluice_store.chores (
    sync_id text not null references sluice_store.syncs on delete cascade,
    chore text not null,
    due_at timestamptz not null,
    primary key (sync_id, chore)
  );
  create table sluice_store.deliveries (
    sync_id text not null references sluice_store.syncs on delete cascade,
    id text not null,
    at timestamptz not null default now(),
    primary key (sync_id, id)
  );
  create index on sluice_store.deliveries (at);`

/** Work in the background takes what share its job names, where before it was four fifths always. */
const turns = `
  drop function sluice_store.take_turns(text, jsonb, jsonb);
  ${createTakeTurns(`floor(lims[i] * coalesce((job->>'share')::float8, 0.8))::integer`)}`

export const syncSchema: string = [tables, turns].join('\n')
