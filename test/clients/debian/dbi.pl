# DBI with DBD::Pg as its users write it.
use strict;
use warnings;
use DBI;
use JSON::PP;

my $tag  = $ENV{CLIENT};
my $json = JSON::PP->new->canonical;
$| = 1;

sub say_step {
    my ($step, %seen) = @_;
    print $json->encode({ step => $step, %seen }), "\n";
}

my $db = DBI->connect('dbi:Pg:', $ENV{PGUSER}, $ENV{PGPASSWORD},
    { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
say_step('client', version => $DBD::Pg::VERSION->stringify);

sub count_rows {
    my ($query, @values) = @_;
    my ($count) = $db->selectrow_array($query, undef, @values);
    return 0 + $count;
}
my $by_email = 'select count(*) from salesforce.contacts where email = ?';

my $insert = $db->prepare(
    'insert into salesforce.contacts (first_name, last_name, email) values (?, ?, ?) returning id, name');
$insert->execute('Paul', 'Atreides', "paul\@$tag.example");
my ($id, $name) = $insert->fetchrow_array;
say_step('insert', id => $id, name => $name);

my $update = $db->prepare('update salesforce.contacts set title = ? where id = ? returning title');
my $rows   = $update->execute('Duke', $id);
say_step('update', rows => 0 + $rows, title => $update->fetchrow_array);
$update->finish;

eval { $insert->execute('Paul', 'Atreides', $tag) };
if ($@) {
    say_step('refused',
        sqlstate => $db->state,
        message  => $db->pg_error_field('primary'),
        detail   => $db->pg_error_field('detail'),
        column   => $db->pg_error_field('column'));
}

$db->begin_work;
$db->do('insert into public.local_notes (body) values (?)', undef, $tag);
$insert->execute('Chani', 'Kynes', "chani\@$tag.example");
$insert->finish;
$db->rollback;
say_step('rollback',
    contacts => count_rows($by_email, "chani\@$tag.example"),
    notes    => count_rows('select count(*) from public.local_notes where body = ?', $tag));

$rows = $db->do(
    'with made as (
       insert into salesforce.contacts (last_name, email) values (?, ?) returning id
     ) insert into public.local_notes (contact_id, body) select id, ? from made',
    undef, 'Kynes', "kynes\@$tag.example", $tag);
say_step('chain',
    rows   => 0 + $rows,
    joined => count_rows(
        'select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
         where n.body = ?', $tag));

my @names = qw(stilgar jamis harah);
my $one   = $db->prepare('insert into salesforce.contacts (last_name, email) values (?, ?)');
$rows = $one->execute_array({}, \@names, [map { "$_\@$tag.example" } @names]);
say_step('batch', rows => 0 + $rows);

my %seen = (rows => 0, sum => 0);
$db->begin_work;
$db->do('declare all_readings cursor for select id, value from public.readings');
while (my @page = @{ $db->selectall_arrayref('fetch 1000 from all_readings') }) {
    $seen{rows} += @page;
    $seen{sum}  += $_->[0] for @page;
}
$db->commit;
say_step('cursor', %seen);

$rows = $db->do('delete from salesforce.contacts where id = ?', undef, $id);
say_step('delete', rows => 0 + $rows, left => count_rows($by_email, "paul\@$tag.example"));

$db->disconnect;
