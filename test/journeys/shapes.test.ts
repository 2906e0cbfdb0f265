// Goal: EXPLAIN, dry_run, \copy and several statements work against the real service and platform sandbox, as a person types
// them. Method: the real psql, the whole system; the log of exchanges says what the platform heard.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { startSystem, type System, writesOf } from '../help/system.ts'
import { assertMirrors, recordsIn } from './mirror.ts'
import { requirePsql, runPsql } from './psql.ts'

let system: System

before(async () => {
  requirePsql()
  system = await startSystem()
})
after(() => system?.stop())
beforeEach(() => system.clearExchanges())

const run = (script: string) => runPsql(system.url(), script)

/** Asserts how many records each write request held, and that the table mirrors the sandbox. */
async function assertSent(...counts: number[]): Promise<void> {
  const writes = writesOf(await system.exchanges())
  assert.deepEqual(writes.map((exchange) => recordsIn(exchange).length), counts)
  await assertMirrors(system)
}

test('EXPLAIN tells endpoint, requests, rows and quota, and sends nothing', async () => {
  const output = await run(
    `explain (costs off) insert into salesforce.contacts (last_name) values ('A'), ('B');\n`,
  )
  assert.match(output, /^ Insert on contacts/m)
  assert.match(output, /^ Sluice: insert of 2 rows of Contact at salesforce, in 1 request$/m)
  assert.match(output, /^ {3}POST \/services\/data\/v\S+\/composite \(2 rows\)$/m)
  assert.match(output, /^ {3}Quota: 1 of \d+ API requests in 24 hours/m)
  await assertSent()
})

test('under dry_run the rows come back and a NOTICE tells the rest; nothing is sent', async () => {
  const output = await run(`set sluice.dry_run = on;
    insert into salesforce.contacts (last_name) values ('A') returning last_name;
    select count(*) from salesforce.contacts where last_name = 'A';\n`)
  assert.match(output, /NOTICE: {2}Sluice: insert of 1 row of Contact at salesforce, in 1 request/)
  assert.match(output, /DETAIL: {2}POST/)
  assert.match(output, /^ A$/m)
  assert.match(output, /^ {5}0$/m)
  await assertSent()
})

test('\\copy is one request for all its rows', async () => {
  const output = await run(`\\copy salesforce.contacts (first_name, last_name) from stdin
Paul\tAtreides
Duncan\tIdaho
\\.
`)
  assert.equal(output.trim(), 'COPY 2')
  await assertSent(2)
})

test('several statements in one string are as many requests as there are mutations', async () => {
  const output = await run(
    `select 1 as one\\; insert into salesforce.contacts (last_name) values ('Batched') returning last_name\\; update salesforce.contacts set email = 'batched@x.org' where last_name = 'Batched'\\; insert into public.local_notes (body) values ('three');
    select body from public.local_notes;\n`,
  )
  assert.match(output, /^ Batched$/m)
  assert.match(output, /^ three$/m)
  await assertSent(1, 1)
})
