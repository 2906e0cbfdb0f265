// Room database: the views of schema sluice, as SQL: what a person sees of Sluice. Every role may read them; a row speaks
// only to whoever may read the table that it speaks of. Nothing of them leads to a ticket or the secret.

import { triggerNames } from './triggers.ts'

// The relation behind schema_name and table_name of `r`, where whoever asks may read it.
const readable = `
  join pg_namespace n on n.nspname = r.schema_name
  join pg_class c on c.relnamespace = n.oid and c.relname = r.table_name
  where has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')`

const guardNames = Object.values(triggerNames)

const tablesView = `
create or replace view sluice.tables with (security_barrier) as
select r.sync_id as sync, r.platform, r.schema_name, r.table_name, r.object as api_object, r.columns,
  r.insert_rows, r.update_rows, r.delete_rows, r.insert_refused, r.update_refused, r.delete_refused,
  case
    when (
      select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgenabled = 'A'
        and t.tgname in (${guardNames.map((name) => `'${name}'`).join(', ')})
    ) < ${guardNames.length} then 'unguarded'
    when r.phase in ('failed', 'paused') then r.phase
    when r.filled_at is null then 'filling'
    else 'ready'
  end as state,
  r.filled_at,
  (
    select max(a.applied_at) from sluice.applied a
    where a.schema_name = r.schema_name and a.table_name = r.table_name
  ) as last_mutation_at,
  coalesce(nullif(greatest(c.reltuples, -1), -1)::bigint, pg_stat_get_live_tuples(c.oid)) as rows,
  r.rows_done, r.rows_total,
  case when r.rows_total > 0 then least(r.rows_done::float8 / r.rows_total, 1) end as progress,
  r.fresh_at,
  case when r.fresh_at is not null
    then greatest(extract(epoch from clock_timestamp() - r.fresh_at), 0) end::float8 as seconds_behind,
  r.agreement, r.problem
from sluice.synced r ${readable};

comment on view sluice.tables is 'The synced tables of this database that you may read';
comment on column sluice.tables.sync is 'Id of the sync that the table belongs to';
comment on column sluice.tables.api_object is 'The name of the object in the API of the platform';
comment on column sluice.tables.columns is 'How many columns mirror a field of the object';
comment on column sluice.tables.insert_rows is 'Most rows of one INSERT; 0: refused';
comment on column sluice.tables.update_rows is 'Most rows of one UPDATE; 0: refused';
comment on column sluice.tables.delete_rows is 'Most rows of one DELETE; 0: refused';
comment on column sluice.tables.insert_refused is 'Why INSERT is refused, and what to do instead';
comment on column sluice.tables.update_refused is 'Why UPDATE is refused, and what to do instead';
comment on column sluice.tables.delete_refused is 'Why DELETE is refused, and what to do instead';
comment on column sluice.tables.state is
  'ready, filling (not yet filled for the first time), failed (see problem), paused, or unguarded (a trigger of Sluice is missing: set the sync up again)';
comment on column sluice.tables.filled_at is 'When the table was last filled with all that the platform has';
comment on column sluice.tables.last_mutation_at is 'When a mutation of the table was last applied';
comment on column sluice.tables.rows is 'How many rows there are, about; null: not known yet';
comment on column sluice.tables.rows_done is 'Rows that the listing under way has brought; null: none is under way';
comment on column sluice.tables.rows_total is 'Rows that the listing under way will bring, about; null: not known';
comment on column sluice.tables.progress is 'Share of the listing under way that is done, 0 to 1; null: not known';
comment on column sluice.tables.fresh_at is 'All that happened at the platform before this moment is in the table; null: never filled';
comment on column sluice.tables.seconds_behind is 'How long ago fresh_at is, in seconds';
comment on column sluice.tables.agreement is
  'Of the rows compared with the platform lately, this share was equal, 0 to 1; null: none compared yet';
comment on column sluice.tables.problem is 'What keeps the table from being filled or followed; null: nothing';
`

const mutationsView = `
create or replace view sluice.mutations with (security_barrier) as
select r.id, r.applied_at, r.sync_id as sync, r.schema_name, r.table_name, r.operation, r.rows, r.outcome,
  r.requests, r.duration_ms, r.login, r.database_user, r.database_role, r.application_name
from sluice.applied r ${readable};

comment on view sluice.mutations is 'What was written through Sluice, of the tables that you may read';
comment on column sluice.mutations.id is 'Id of the mutation, as errors and the HTTP API have it';
comment on column sluice.mutations.applied_at is 'When the rows were written to this database, shortly before their commit';
comment on column sluice.mutations.sync is 'Id of the sync that the table belonged to';
comment on column sluice.mutations.rows is 'How many rows the platform has written';
comment on column sluice.mutations.outcome is
  'accepted, partial (the platform wrote these rows and not the others), or recovered (accepted, and applied afterwards by recovery)';
comment on column sluice.mutations.requests is 'How many requests were made to the platform; null: not known';
comment on column sluice.mutations.duration_ms is
  'How long the platform took, the wait for its turn included, in milliseconds; null: not known';
comment on column sluice.mutations.login is
  'The login at Sluice, without the sync; null: over HTTP, or recovered';
comment on column sluice.mutations.database_user is 'The user of this database that was logged in (session_user)';
comment on column sluice.mutations.database_role is 'The role that the user had taken (SET ROLE), else the user';
comment on column sluice.mutations.application_name is 'What the client called itself';
`

const errorsView = `
create or replace view sluice.errors with (security_barrier) as
select f.fault, f.sqlstate, f.http, f.blame, f.retry, replace(f.message, '{platform}', '<platform>') as message, f.about
from sluice.faults f;

comment on view sluice.errors is 'Every error of Sluice that a client can meet';
comment on column sluice.errors.fault is 'Its name, as the HTTP API has it';
comment on column sluice.errors.message is 'Its words; <platform> stands for the name of the platform';
comment on column sluice.errors.http is 'Status over HTTP';
comment on column sluice.errors.blame is 'Whose doing it is: client, platform, credential, quota, database, service';
comment on column sluice.errors.retry is
  'Can the same statement succeed later: no, later, or look (it may already have: look before you send it again)';
comment on column sluice.errors.about is 'When it happens, and what to do';
`

/** The views; made again they replace themselves, so a later version may only add columns at the end. */
export const viewsSql = [tablesView, mutationsView, errorsView].join('\n')
