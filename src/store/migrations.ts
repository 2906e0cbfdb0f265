// Room store: the schema `sluice_store`, as numbered steps. A step that has been released is never changed.

import type postgres from 'postgres'
import { bucketSchema } from './bucket-schema.ts'
import type { Store } from './store.ts'
import { syncSchema } from './sync-schema.ts'

interface Migration {
  readonly id: number
  readonly name: string
  readonly sql: string
}

/** One key for all processes that migrate one store. */
const lockKey = 7_582_391_044

export const migrations: readonly Migration[] = [
  {
    id: 1,
    name: 'connections, databases, syncs, keys',
    sql: `
      create table sluice_store.connections (
        id text primary key,
        platform text not null,
        base_url text not null,
        kind text not null check (kind in ('oauth', 'key')),
        state text not null default 'active' check (state in ('active', 'revoked')),
        credential bytea not null,
        key_id text not null,
        token_url text,
        client_id text,
        lease text,
        lease_until timestamptz,
        updated_at timestamptz not null default now(),
        check (kind = 'key' or (token_url is not null and client_id is not null))
      );
      create table sluice_store.databases (
        id text primary key,
        address bytea not null,
        key_id text not null,
        updated_at timestamptz not null default now()
      );
      create table sluice_store.syncs (
        id text primary key,
        connection_id text not null references sluice_store.connections,
        database_id text not null references sluice_store.databases,
        schema_name text not null,
        state text not null default 'active' check (state in ('active', 'disabled')),
        version bigint not null default 1,
        updated_at timestamptz not null default now(),
        unique (database_id, schema_name)
      );
      create index on sluice_store.syncs (connection_id);
      create table sluice_store.tables (
        sync_id text not null references sluice_store.syncs on delete cascade,
        name text not null,
        object text not null,
        columns jsonb not null,
        primary key (sync_id, name)
      );
      create table sluice_store.users (
        sync_id text not null references sluice_store.syncs on delete cascade,
        name text not null,
        verifier text not null,
        primary key (sync_id, name)
      );
      create table sluice_store.listener_keys (
        id text primary key,
        sha256 bytea not null unique check (length(sha256) = 32),
        created_at timestamptz not null default now(),
        revoked_at timestamptz
      );`,
  },
  {
    id: 2,
    name: 'journal',
    // request and outcome are json, not jsonb: kept to the byte, and a platform may answer what jsonb cannot hold;
    // external, since compressing them takes longer than writing them, while a client waits
    sql: `
      create table sluice_store.services (
        id integer generated always as identity primary key,
        name text not null,
        started_at timestamptz not null default now()
      );
      create table sluice_store.mutations (
        id uuid primary key,
        sync_id text not null,
        schema_name text not null,
        table_name text not null,
        operation text not null check (operation in ('insert', 'update', 'delete')),
        rows integer not null check (rows > 0),
        request json not null,
        request_hash bytea not null,
        state text not null
          check (state in ('received', 'sent', 'accepted', 'refused', 'unknown', 'applied')),
        outcome json,
        service integer not null,
        received_at timestamptz not null default now(),
        sent_at timestamptz,
        answered_at timestamptz,
        applied_at timestamptz,
        check ((outcome is null) = (state in ('received', 'sent')))
      );
      alter table sluice_store.mutations
        alter column request set storage external, alter column outcome set storage external;
      create index mutations_open on sluice_store.mutations (state, received_at)
        where state in ('received', 'sent', 'accepted', 'unknown');
      create index mutations_by_sync on sluice_store.mutations (sync_id, received_at);`,
  },
  {
    id: 3,
    name: 'settings, traits, buckets',
    sql: `
      alter table sluice_store.connections add column settings jsonb not null default '{}'
        check (jsonb_typeof(settings) = 'object');
      alter table sluice_store.tables add column traits jsonb not null default '{}'
        check (jsonb_typeof(traits) = 'object');
      ${bucketSchema}`,
  },
  {
    id: 4,
    name: 'tokens, idempotency keys',
    sql: `
      create table sluice_store.tokens (
        id text primary key,
        sync_id text not null references sluice_store.syncs on delete cascade,
        name text not null,
        sha256 bytea not null unique check (length(sha256) = 32),
        created_at timestamptz not null default now(),
        last_used_at timestamptz,
        revoked_at timestamptz
      );
      create index on sluice_store.tokens (sync_id);
      create table sluice_store.idempotency_keys (
        sync_id text not null references sluice_store.syncs on delete cascade,
        key text not null check (length(key) between 1 and 255),
        request_hash bytea not null,
        mutation_id uuid not null,
        service integer not null,
        begun_at timestamptz not null default now(),
        answered_at timestamptz,
        status integer,
        content_type text,
        body text,
        primary key (sync_id, key),
        check ((answered_at is null) = (status is null)),
        check ((answered_at is null) = (body is null))
      );
      alter table sluice_store.idempotency_keys alter column body set storage external;
      create index on sluice_store.idempotency_keys (begun_at);`,
  },
  {
    id: 5,
    name: 'oauth apps and states, installations',
    // the moments of a credential stand beside it, so that what is due is found without opening it; what a state is
    // bound to, the browser's cookie too, is sealed in its details; one that nobody comes back with expires
    sql: `
      alter table sluice_store.connections
        drop constraint connections_kind_check,
        drop constraint connections_check,
        add constraint connections_kind_check check (kind in ('oauth', 'key', 'app')),
        add constraint connections_oauth_check
          check (kind <> 'oauth' or (token_url is not null and client_id is not null)),
        add column account text,
        add column obtained_at timestamptz,
        add column expires_at timestamptz;
      create table sluice_store.oauth_apps (
        id text primary key,
        client_id text not null,
        secret bytea not null,
        key_id text not null,
        authorize_url text,
        token_url text,
        updated_at timestamptz not null default now()
      );
      create table sluice_store.oauth_states (
        id text primary key,
        connection_id text not null references sluice_store.connections on delete cascade,
        details bytea not null,
        key_id text not null,
        made_at timestamptz not null default now(),
        expires_at timestamptz not null
      );
      create index on sluice_store.oauth_states (connection_id);
      create index on sluice_store.oauth_states (expires_at);`,
  },
  {
    id: 6,
    name: 'inquiries',
    // next_inquiry_at: something of the outcome is in doubt, and this is when it is inquired about again; while an inquiry
    // is under way, when its lease ends. What was in doubt before is looked at once more, for a day after it was sent.
    sql: `
      alter table sluice_store.mutations
        add column inquired_at timestamptz,
        add column inquiries integer not null default 0,
        add column next_inquiry_at timestamptz;
      update sluice_store.mutations set next_inquiry_at = now()
        where state = 'unknown' and sent_at > now() - interval '1 day';
      create index mutations_in_doubt on sluice_store.mutations (next_inquiry_at)
        where next_inquiry_at is not null;`,
  },
  {
    id: 7,
    name: 'allowlists',
    // ranges of addresses from which clients of the sync may connect; null: from anywhere
    sql: `
      alter table sluice_store.syncs add column allow text[]
        check (cardinality(allow) between 1 and 1000);`,
  },
  {
    id: 8,
    name: 'listener keys for some syncs',
    // null: for all
    sql: `alter table sluice_store.listener_keys add column syncs text[]
      check (cardinality(syncs) between 1 and 1000);`,
  },
  {
    id: 9,
    name: 'inquiries about rows',
    // what was in doubt in some rows only, before there were inquiries. Looked for in the text, since Postgres cannot take
    // apart JSON that its own text cannot hold; what only looks like it, the first inquiry finds known.
    sql: `
      update sluice_store.mutations set next_inquiry_at = now()
        where state in ('accepted', 'applied') and next_inquiry_at is null and inquiries = 0
          and sent_at > now() - interval '1 day' and outcome::text like '%"state":"partial"%'
          and outcome::text like '%"state":"unknown"%';`,
  },
  { id: 10, name: 'the sync process', sql: syncSchema },
  {
    id: 11,
    name: 'what a sync was asked for, administrators',
    // selection: which objects and fields were asked for; {}: the tables that there are, with all their fields. retired:
    // columns that the table still has and that are written no more
    sql: `
      alter table sluice_store.syncs add column selection jsonb not null default '{}'
        check (jsonb_typeof(selection) = 'object');
      alter table sluice_store.tables add column retired jsonb not null default '[]'
        check (jsonb_typeof(retired) = 'array');
      create table sluice_store.admin_tokens (
        id text primary key,
        name text not null,
        sha256 bytea not null unique check (length(sha256) = 32),
        created_at timestamptz not null default now(),
        last_used_at timestamptz,
        revoked_at timestamptz
      );`,
  },
  {
    id: 12,
    name: 'who sent a mutation',
    sql: `alter table sluice_store.mutations add column made_by text;`,
  },
  {
    id: 13,
    name: 'tables that are paused',
    sql: `alter table sluice_store.table_states drop constraint table_states_phase_check,
      add constraint table_states_phase_check
        check (phase in ('waiting', 'backfill', 'following', 'failed', 'paused'));`,
  },
  {
    id: 14,
    name: 'webhooks: pings are counted, who looks after one holds it',
    sql: `alter table sluice_store.webhooks
        add column version bigint not null default 0,
        add column pings bigint not null default 0,
        add column fetched bigint not null default 0,
        add column leased_until timestamptz;
      update sluice_store.webhooks set pings = 1 where collect;
      alter table sluice_store.webhooks drop column collect;`,
  },
  {
    id: 15,
    name: 'why records wait, and since when the platform is known to have them',
    // unproven: polls that have to go well before the platform may refuse a cursor once more
    sql: `
      alter table sluice_store.hints
        add column why text,
        add column known_at timestamptz;
      alter table sluice_store.table_states add column unproven integer not null default 0;`,
  },
  {
    id: 16,
    name: 'the fence that a database has confirmed last',
    sql: `alter table sluice_store.table_states add column confirmed bigint;`,
  },
  {
    id: 17,
    name: 'limits as the platforms tell them',
    sql: `alter table sluice_store.buckets add column told bigint;`,
  },
]

/**
 * Brings the store to the newest schema: each step in a transaction of its own, one process at a time. Running it again
 * does nothing. Gives the ids of the steps it took. Throws MigrationError; the steps before that one are kept.
 */
export async function migrate(store: Store): Promise<number[]> {
  const taken: number[] = []
  for (const migration of migrations) {
    try {
      if (await store.sql.begin((sql) => step(sql, migration))) taken.push(migration.id)
    } catch (cause) {
      throw new MigrationError(migration, cause)
    }
  }
  return taken
}

/** A step that failed and left nothing behind; the message has its number and what Postgres or the network says (`cause`). */
export class MigrationError extends Error {
  override name = 'MigrationError'

  constructor({ id, name }: Pick<Migration, 'id' | 'name'>, cause: unknown) {
    const words = cause instanceof Error ? cause.message : String(cause)
    const code = (cause as { code?: unknown } | null)?.code
    const known = typeof code === 'string' && !words.includes(code)
    super(`step ${id} (${name}) failed: ${known ? `${words} (${code})` : words}`, { cause })
  }
}

/** The id of the newest step that this code knows. */
export const newestMigration: number = Math.max(...migrations.map(({ id }) => id))

/** The id of the newest step that the store has taken; 0: none. Throws `service_unreachable`. */
export async function readMigration(store: Store): Promise<number> {
  const [row] = await store.ask('Reading the version of the store', (sql) =>
    sql<{ id: number }[]>`
      select coalesce(max(id), 0)::int as id from sluice_store.migrations`)
  return row?.id ?? 0
}

async function step(sql: postgres.TransactionSql, migration: Migration): Promise<boolean> {
  await sql`set local lock_timeout = '60s'`
  await sql`set local statement_timeout = '10min'`
  await sql`select pg_advisory_xact_lock(${lockKey})`
  await sql`create schema if not exists sluice_store`
  await sql`create table if not exists sluice_store.migrations (
    id integer primary key, name text not null, at timestamptz not null default now())`
  const [done] = await sql`select 1 from sluice_store.migrations where id = ${migration.id}`
  if (done !== undefined) return false
  await sql.unsafe(migration.sql)
  await sql`insert into sluice_store.migrations (id, name) values (${migration.id}, ${migration.name})`
  return true
}
