# ruby-pg as its users write it.
require 'json'
require 'pg'

TAG = ENV.fetch('CLIENT')

def say(step, **seen)
  puts JSON.generate({ step: step, **seen })
  $stdout.flush
end

db = PG.connect
db.type_map_for_results = PG::BasicTypeMapForResults.new(db)
say 'client', version: PG::VERSION

insert = 'insert into salesforce.contacts (first_name, last_name, email)
  values ($1, $2, $3) returning id, name'
count = ->(query, value) { db.exec_params(query, [value])[0]['count'] }
by_email = 'select count(*) from salesforce.contacts where email = $1'

paul = db.exec_params(insert, ['Paul', 'Atreides', "paul@#{TAG}.example"])[0]
say 'insert', id: paul['id'], name: paul['name']

db.prepare('rename', 'update salesforce.contacts set title = $1 where id = $2 returning title')
updated = db.exec_prepared('rename', ['Duke', paul['id']])
say 'update', rows: updated.cmd_tuples, title: updated[0]['title']

begin
  db.exec_params(insert, ['Paul', 'Atreides', TAG])
rescue PG::CheckViolation => e
  say 'refused',
      sqlstate: e.result.error_field(PG::Result::PG_DIAG_SQLSTATE),
      message: e.result.error_field(PG::Result::PG_DIAG_MESSAGE_PRIMARY),
      detail: e.result.error_field(PG::Result::PG_DIAG_MESSAGE_DETAIL),
      column: e.result.error_field(PG::Result::PG_DIAG_COLUMN_NAME)
end

begin
  db.transaction do
    db.exec_params('insert into public.local_notes (body) values ($1)', [TAG])
    db.exec_params(insert, ['Chani', 'Kynes', "chani@#{TAG}.example"])
    raise 'changed my mind'
  end
rescue RuntimeError
  say 'rollback',
      contacts: count.call(by_email, "chani@#{TAG}.example"),
      notes: count.call('select count(*) from public.local_notes where body = $1', TAG)
end

chained = db.exec_params(
  'with made as (
     insert into salesforce.contacts (last_name, email) values ($1, $2) returning id
   ) insert into public.local_notes (contact_id, body) select id, $3 from made',
  ['Kynes', "kynes@#{TAG}.example", TAG]
)
joined = count.call(
  'select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
   where n.body = $1', TAG
)
say 'chain', rows: chained.cmd_tuples, joined: joined

# a batch of libpq: three statements in a pipeline, one Sync
ids = []
db.enter_pipeline_mode
%w[stilgar jamis harah].each do |name|
  db.send_query_params('insert into salesforce.contacts (last_name, email) values ($1, $2) returning id',
                       [name, "#{name}@#{TAG}.example"])
end
db.pipeline_sync
while (result = db.get_result || db.get_result)
  break if result.result_status == PG::PGRES_PIPELINE_SYNC

  ids << result[0]['id']
end
db.exit_pipeline_mode
say 'batch', rows: ids.uniq.size

seen = { rows: 0, sum: 0 }
db.transaction do
  db.exec('declare all_readings cursor for select id, value from public.readings')
  loop do
    rows = db.exec('fetch 1000 from all_readings')
    break if rows.ntuples.zero?

    seen[:rows] += rows.ntuples
    seen[:sum] += rows.column_values(0).sum
  end
end
say 'cursor', **seen

removed = db.exec_params('delete from salesforce.contacts where id = $1', [paul['id']])
say 'delete', rows: removed.cmd_tuples, left: count.call(by_email, "paul@#{TAG}.example")

db.close
