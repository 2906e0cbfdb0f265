<?php
// PDO as its users write it: prepared statements, exceptions.

$tag = getenv('CLIENT');

function say(string $step, array $seen): void
{
    echo json_encode(['step' => $step, ...$seen]), "\n";
}

$db = new PDO(
    sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE')),
    getenv('PGUSER'),
    getenv('PGPASSWORD'),
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC],
);
say('client', ['version' => PHP_VERSION]);

$count = function (string $query, string $value) use ($db): int {
    $statement = $db->prepare($query);
    $statement->execute([$value]);
    return $statement->fetchColumn();
};
$byEmail = 'select count(*) from salesforce.contacts where email = ?';

$insert = $db->prepare(
    'insert into salesforce.contacts (first_name, last_name, email)
     values (:first, :last, :email) returning id, name'
);
$insert->execute(['first' => 'Paul', 'last' => 'Atreides', 'email' => "paul@$tag.example"]);
$paul = $insert->fetch();
say('insert', $paul);

$update = $db->prepare('update salesforce.contacts set title = ? where id = ? returning title');
$update->execute(['Duke', $paul['id']]);
say('update', ['rows' => $update->rowCount(), 'title' => $update->fetchColumn()]);

try {
    $insert->execute(['first' => 'Paul', 'last' => 'Atreides', 'email' => $tag]);
} catch (PDOException $error) {
    // PDO has the fields of an error only as libpq's text
    [$sqlstate, , $text] = $error->errorInfo;
    preg_match('/^ERROR:  (.*)\nDETAIL:  (.*)$/m', $text, $found);
    say('refused', ['sqlstate' => $sqlstate, 'message' => $found[1], 'detail' => $found[2]]);
}

$db->beginTransaction();
$db->prepare('insert into public.local_notes (body) values (?)')->execute([$tag]);
$insert->execute(['first' => 'Chani', 'last' => 'Kynes', 'email' => "chani@$tag.example"]);
$db->rollBack();
say('rollback', [
    'contacts' => $count($byEmail, "chani@$tag.example"),
    'notes' => $count('select count(*) from public.local_notes where body = ?', $tag),
]);

$chain = $db->prepare(
    'with made as (
       insert into salesforce.contacts (last_name, email) values (?, ?) returning id
     ) insert into public.local_notes (contact_id, body) select id, ? from made'
);
$chain->execute(['Kynes', "kynes@$tag.example", $tag]);
say('chain', [
    'rows' => $chain->rowCount(),
    'joined' => $count(
        'select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
         where n.body = ?',
        $tag,
    ),
]);

$ids = [];
$one = $db->prepare('insert into salesforce.contacts (last_name, email) values (?, ?) returning id');
foreach (['stilgar', 'jamis', 'harah'] as $name) {
    $one->execute([$name, "$name@$tag.example"]);
    $ids[] = $one->fetchColumn();
}
say('batch', ['rows' => count(array_unique($ids))]);

$db->beginTransaction();
$db->exec('declare all_readings cursor for select id, value from public.readings');
$seen = ['rows' => 0, 'sum' => 0];
while ($rows = $db->query('fetch 1000 from all_readings')->fetchAll()) {
    $seen['rows'] += count($rows);
    $seen['sum'] += array_sum(array_column($rows, 'id'));
}
$db->commit();
say('cursor', $seen);

$delete = $db->prepare('delete from salesforce.contacts where id = ?');
$delete->execute([$paul['id']]);
say('delete', ['rows' => $delete->rowCount(), 'left' => $count($byEmail, "paul@$tag.example")]);
