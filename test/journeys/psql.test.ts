// Goal: the promised session with psql, statement by statement, with and without TLS. Method: the real psql, the whole
// system; after each step the table equals the sandbox's records and the log of exchanges holds what was promised.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startSystem, type System, writesOf } from '../help/system.ts'
import { assertMirrors, recordsIn } from './mirror.ts'
import { requirePsql, runPsql, runSteps } from './psql.ts'

let system: System

before(async () => {
  requirePsql()
  system = await startSystem()
  // for `on conflict do nothing`: the field is an external id at the platform, unique there too
  await system.sql`create unique index on salesforce.contacts (external_id__c)`
})
after(() => system?.stop())
beforeEach(() => system.clearExchanges())

const idPattern = /^ ?(003[0-9A-Za-z]{15})( |$)/gm

/** What psql printed with the ids masked, and the ids. */
function masked(output: string): { output: string; ids: string[] } {
  const ids = [...output.matchAll(idPattern)].map(([, id = '']) => id)
  return { output: output.replaceAll(idPattern, ' <id>$2'), ids }
}

/** Asserts how many records each write request held since the last look, and that the table mirrors the sandbox. */
async function assertSent(...counts: number[]): Promise<void> {
  const writes = writesOf(await system.exchanges())
  assert.deepEqual(writes.map((exchange) => recordsIn(exchange).length), counts)
  await assertMirrors(system)
  await system.clearExchanges()
}

for (const tls of [true, false]) {
  const who = tls ? 'tls' : 'plain'
  const url = () => tls ? system.tlsUrl() : system.url()
  const run = (script: string) => runPsql(url(), script)

  describe(`psql with sslmode=${tls ? 'require' : 'disable'}`, () => {
    test('the session is encrypted, or not', async () => {
      const output = await run('\\conninfo\n')
      assert.equal(/SSL connection \(protocol: TLSv1\.3/.test(output), tls, output)
      await assertSent()
    })

    test('reads send nothing', async () => {
      const output = await run(`select count(*) > 0 as some from salesforce.contacts;\n`)
      assert.equal(output, ' some\n------\n t\n(1 row)\n\n')
      assert.deepEqual(await system.exchanges(), [])
    })

    test('insert returning gives the id and the computed fields of the platform', async () => {
      const output = await run(`insert into salesforce.contacts (first_name, last_name, email)
        values ('Paul', 'Atreides', 'paul.${who}@dune.co') returning id, name, email_domain__c;\n`)
      const { output: text, ids: [id = ''] } = masked(output)
      assert.equal(
        text,
        `         id         |     name      | email_domain__c
--------------------+---------------+-----------------
 <id> | Paul Atreides | dune.co
(1 row)

INSERT 0 1
`,
      )
      const record = (await system.records('contacts')).find((each) => each['Id'] === id)
      assert.equal(record?.['Email'], `paul.${who}@dune.co`)
      await assertSent(1)
    })

    test('200 rows are one request; 201 are refused and nothing is sent', async () => {
      const insert = (count: number) =>
        `insert into salesforce.contacts (last_name, email)
          select 'Fremen ' || n, 'fremen' || n || '.${who}@dune.co' from generate_series(1, ${count}) n
          returning id;\n`
      const { output, ids } = masked(await run(insert(200)))
      assert.equal(new Set(ids).size, 200)
      assert.match(output, /\n\(200 rows\)\n\nINSERT 0 200\n$/)
      await assertSent(200)

      const refused = await run(`\\set VERBOSITY verbose\n${insert(201)}`)
      assert.equal(
        refused,
        `ERROR:  54000: too many rows for one statement: 201 rows, but salesforce takes 200 in one insert
DETAIL:  Nothing was sent.
HINT:  Split the statement into parts of at most 200 rows.
SCHEMA NAME:  salesforce
TABLE NAME:  contacts
`,
      )
      assert.deepEqual(await system.exchanges(), [])
      await assertSent()

      const where = `where email like 'fremen%.${who}@dune.co'`
      assert.equal(
        await run(`update salesforce.contacts set title = 'Fedaykin' ${where};\n`),
        'UPDATE 200\n',
      )
      await assertSent(200)
      assert.equal(await run(`delete from salesforce.contacts ${where};\n`), 'DELETE 200\n')
      await assertSent(200)
    })

    test('update by id and by email, delete by email', async () => {
      const [first = ''] = masked(
        await run(`insert into salesforce.contacts (last_name, email)
          values ('Idaho', 'duncan.${who}@dune.co'), ('Halleck', 'gurney.${who}@dune.co')
          returning id;\n`),
      ).ids
      await assertSent(2)
      const updates = [
        `update salesforce.contacts set first_name = 'Duncan' where id = '${first}'`,
        `update salesforce.contacts set first_name = 'Gurney' where email = 'gurney.${who}@dune.co'`,
      ]
      for (const update of updates) {
        assert.equal(await run(`${update};\n`), 'UPDATE 1\n')
        await assertSent(1)
      }
      assert.equal(
        await run(`select name from salesforce.contacts
          where email like '%.${who}@dune.co' and last_name in ('Idaho', 'Halleck') order by 1;\n`),
        '      name\n----------------\n Duncan Idaho\n Gurney Halleck\n(2 rows)\n\n',
      )
      assert.deepEqual(await system.exchanges(), [])
      assert.equal(
        await run(`delete from salesforce.contacts where email = 'duncan.${who}@dune.co'
          returning first_name;\n`),
        ' first_name\n------------\n Duncan\n(1 row)\n\nDELETE 1\n',
      )
      await assertSent(1)
    })

    test('an invalid email is an error in the words of Postgres, and nothing changed', async () => {
      const before = await system.records('contacts')
      const insert = `insert into salesforce.contacts (first_name, last_name, email)
        values ('Paul', 'Atreides', 'pauldune.co') returning id;`
      const [plain, verbose] = await runSteps(url(), [
        insert,
        `\\set VERBOSITY verbose\n${insert}`,
      ])
      const detail = 'DETAIL:  Key (email)=(pauldune.co) is not a valid email address.\n'
      assert.equal(plain, `ERROR:  salesforce validation error\n${detail}`)
      assert.equal(
        verbose,
        `ERROR:  23514: salesforce validation error\n${detail}SCHEMA NAME:  salesforce
TABLE NAME:  contacts
COLUMN NAME:  email
CONSTRAINT NAME:  INVALID_EMAIL_ADDRESS
`,
      )
      assert.deepEqual(await system.records('contacts'), before)
      await assertSent(1, 1) // the platform is who knows
    })

    test('one bad row of many: no row is written', async () => {
      const before = await system.records('contacts')
      const output = await run(`insert into salesforce.contacts (last_name, email)
        select 'Mentat ' || n, case n when 7 then 'hawat' else 'mentat' || n || '@dune.co' end
        from generate_series(1, 10) n;\n`)
      assert.equal(
        output,
        'ERROR:  salesforce validation error\n' +
          'DETAIL:  Key (email)=(hawat) is not a valid email address. Row 7 of 10.\n',
      )
      assert.deepEqual(await system.records('contacts'), before)
      await assertSent(10)
    })

    test('no match: no call, and the tag of Postgres', async () => {
      const output = await run(`update salesforce.contacts set title = 'x' where email = 'nobody';
delete from salesforce.contacts where id = '003000000000000AAA';
insert into salesforce.contacts (last_name) select 'x' where false;\n`)
      assert.equal(output, 'UPDATE 0\nDELETE 0\nINSERT 0 0\n')
      assert.deepEqual(await system.exchanges(), [])
      await assertSent()
    })

    test('what Postgres refuses never reaches the platform', async () => {
      const output = await run(`\\set VERBOSITY sqlstate
insert into salesforce.contacts (last_name, nothing) values ('a', 'b');
insert into salesforce.contacts (last_name, birthdate) values ('a', 'no date');
update salesforce.contacts set name = 'computed' where email = 'paul.${who}@dune.co';
insert into salesforce.contacts (id, last_name) values ('mine', 'a');
truncate salesforce.contacts;
insert into salesforce.contacts (last_name) values ('a') on conflict (id) do update set title = 'x';
do $$ begin update salesforce.contacts set title = 'x'; end $$;\n`)
      assert.equal(
        output,
        ['42703', '22007', '428C9', '428C9', '0A000', '0A000', 'SL002']
          .map((state) => `ERROR:  ${state}\n`).join(''),
      )
      assert.deepEqual(await system.exchanges(), [])
      await assertSent()
    })

    test('a mutation escapes the transaction: ROLLBACK leaves the row, and undoes the rest', async () => {
      const note = `escape ${who}`
      const output = await run(`begin;
insert into public.local_notes values ('x', '${note}');
insert into salesforce.contacts (last_name, email) values ('Kynes', 'kynes.${who}@dune.co');
rollback;
select count(*) from salesforce.contacts where email = 'kynes.${who}@dune.co';
select count(*) from public.local_notes where body = '${note}';\n`)
      const count = (number: number) => ` count\n-------\n     ${number}\n(1 row)\n\n`
      assert.equal(
        output,
        `BEGIN\nINSERT 0 1\nINSERT 0 1\nROLLBACK\n${count(1)}${count(0)}`,
      )
      await assertSent(1)
    })

    test('a mutation refused in a transaction block aborts the block', async () => {
      const output = await run(`\\set VERBOSITY sqlstate
begin;
insert into salesforce.contacts (last_name, email) values ('Kynes', 'kynes');
select 1;
commit;\n`)
      assert.equal(output, 'BEGIN\nERROR:  23514\nERROR:  25P02\nROLLBACK\n')
      await assertSent(1)
    })

    test('insert … select from a temporary table', async () => {
      const output = await run(`create temporary table incoming (who text, mail text);
insert into incoming values ('Jessica', 'jessica.${who}@dune.co'), ('Alia', 'alia.${who}@dune.co');
insert into salesforce.contacts (first_name, last_name, email)
  select who, 'Atreides', mail from incoming order by who;\n`)
      assert.equal(output, 'CREATE TABLE\nINSERT 0 2\nINSERT 0 2\n')
      const names = writesOf(await system.exchanges()).flatMap(recordsIn)
      assert.deepEqual(names.map((record) => record['FirstName']), ['Alia', 'Jessica'])
      await assertSent(2)
    })

    test('on conflict do nothing sends only the row that is new', async () => {
      const insert = (...names: string[]) =>
        `insert into salesforce.contacts (last_name, external_id__c) values ${
          names.map((name) => `('${name}', '${name}.${who}')`).join(', ')
        } on conflict do nothing returning last_name;\n`
      const there = await run(insert('Stilgar'))
      assert.equal(there, ' last_name\n-----------\n Stilgar\n(1 row)\n\nINSERT 0 1\n')
      await assertSent(1)
      const output = await run(insert('Stilgar', 'Chani'))
      assert.equal(output, ' last_name\n-----------\n Chani\n(1 row)\n\nINSERT 0 1\n')
      const [record, ...others] = writesOf(await system.exchanges()).flatMap(recordsIn)
      assert.equal(record?.['External_Id__c'], `Chani.${who}`)
      assert.deepEqual(others, [])
      await assertSent(1)
      assert.equal(
        await run(insert('Stilgar', 'Chani')),
        ' last_name\n-----------\n(0 rows)\n\nINSERT 0 0\n',
      )
      assert.deepEqual(await system.exchanges(), [])
      await assertSent()
    })

    test('a CTE writes the new id into a table of one’s own in the same statement', async () => {
      const [insert, noted] = await runSteps(url(), [
        `with made as (
  insert into salesforce.contacts (last_name, email) values ('Mapes', 'mapes.${who}@dune.co')
  returning id
) insert into public.local_notes select id, 'shadout ${who}' from made;`,
        `select c.last_name from salesforce.contacts c join public.local_notes n on n.contact_id = c.id
  where n.body = 'shadout ${who}';`,
      ])
      assert.equal(insert, 'INSERT 0 1\n')
      assert.equal(noted, ' last_name\n-----------\n Mapes\n(1 row)\n\n')
      await assertSent(1)
    })

    test('the same insert twice through PREPARE and EXECUTE is two records', async () => {
      const execute = `execute made ('Tuek', 'tuek.${who}@dune.co');`
      const [prepared, first, second, deallocated] = (await runSteps(url(), [
        `prepare made as insert into salesforce.contacts (last_name, email)
          values ($1, $2) returning id;`,
        execute,
        execute,
        'deallocate made;',
      ])).map(masked)
      assert.equal(prepared?.output, 'PREPARE\n')
      const table = '         id\n--------------------\n <id>\n(1 row)\n\nINSERT 0 1\n'
      assert.equal(first?.output, table)
      assert.equal(second?.output, table)
      assert.notEqual(first?.ids[0], second?.ids[0])
      assert.equal(deallocated?.output, 'DEALLOCATE\n')
      await assertSent(1, 1)
    })
  })
}
