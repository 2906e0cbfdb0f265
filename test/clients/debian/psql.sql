-- psql as its users write scripts for it: variables, \gset, \gexec, a fetch count.

\pset format unaligned
\pset tuples_only on
\set QUIET on
\getenv tag CLIENT
select json_build_object('step', 'client', 'version', :'VERSION_NAME');

insert into salesforce.contacts (first_name, last_name, email)
  values ('Paul', 'Atreides', 'paul@' || :'tag' || '.example') returning id, name \gset
select json_build_object('step', 'insert', 'id', :'id', 'name', :'name');

update salesforce.contacts set title = 'Duke' where id = :'id' returning title \gset
\set rows :ROW_COUNT
select json_build_object('step', 'update', 'rows', :rows, 'title', :'title');

-- the other fields of an error are text for people: \errverbose prints them
insert into salesforce.contacts (last_name, email) values ('Atreides', :'tag');
select json_build_object(
  'step', 'refused', 'sqlstate', :'LAST_ERROR_SQLSTATE', 'message', :'LAST_ERROR_MESSAGE');
\errverbose

begin;
insert into public.local_notes (body) values (:'tag');
insert into salesforce.contacts (last_name, email) values ('Kynes', 'chani@' || :'tag' || '.example');
rollback;
select json_build_object('step', 'rollback',
  'contacts', (select count(*) from salesforce.contacts where email = 'chani@' || :'tag' || '.example'),
  'notes', (select count(*) from public.local_notes where body = :'tag'));

with made as (
  insert into salesforce.contacts (last_name, email) values ('Kynes', 'kynes@' || :'tag' || '.example')
  returning id
) insert into public.local_notes (contact_id, body) select id, :'tag' from made;
\set rows :ROW_COUNT
select json_build_object('step', 'chain', 'rows', :rows, 'joined', (
  select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
  where n.body = :'tag'));

-- \gexec: each row of the result is a statement
select format('insert into salesforce.contacts (last_name, email) values (%L, %L)',
  name, name || '@' || :'tag' || '.example')
from unnest('{stilgar,jamis,harah}'::text[]) as name \gexec
select json_build_object('step', 'batch', 'rows', count(*)) from salesforce.contacts
where email in ('stilgar@' || :'tag' || '.example', 'jamis@' || :'tag' || '.example',
  'harah@' || :'tag' || '.example');

\set FETCH_COUNT 1000
select id from public.readings \g |awk '{ n++; s += $1 } END { printf "{\"step\":\"cursor\",\"rows\":%d,\"sum\":%d}\n", n, s }'
\unset FETCH_COUNT

delete from salesforce.contacts where id = :'id';
\set rows :ROW_COUNT
select json_build_object('step', 'delete', 'rows', :rows, 'left',
  (select count(*) from salesforce.contacts where id = :'id'));
