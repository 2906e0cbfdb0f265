// What every client must have seen, and what must be so afterwards in the table and at the sandbox.

import assert from 'node:assert/strict'
import { type System, writesOf } from '../help/system.ts'
import type { Client } from './clients.ts'

/** One JSON line of a client's script: the step, and what the client saw. */
export type Seen = Readonly<Record<string, unknown>> & { readonly step: string }

const readingsMax = 50_000
/** The writes of the scenario besides the batch: insert, update, refused, rollback, chain, delete. */
const requestsBesidesBatch = 6

/** Makes public.readings, the table of 50,000 rows that the clients read through a cursor. */
export async function prepareReadings(system: System): Promise<void> {
  await system
    .sql`create table if not exists public.readings (id int primary key, value text not null)`
  await system.sql`
    insert into public.readings select n, 'reading ' || n from generate_series(1, ${readingsMax}::int) n
    on conflict do nothing`
  await system.sql`grant select on public.readings to public`
}

/** Asserts that the client saw all that it should, in the order of the scenario. */
export function assertSeen(
  client: Client,
  seen: readonly Seen[],
  { errors }: { errors: string },
): void {
  const { name } = client
  assert.match(String(seen[0]?.['id']), /^003\w{15}$/)
  const refusal = {
    sqlstate: '23514',
    message: 'salesforce validation error',
    detail: `Key (email)=(${name}) is not a valid email address.`,
    column: 'email',
  }
  for (const field of client.hides) Reflect.deleteProperty(refusal, field)
  assert.deepEqual(seen, [
    { step: 'insert', id: seen[0]?.['id'], name: 'Paul Atreides' },
    { step: 'update', rows: 1, title: 'Duke' },
    { step: 'refused', ...refusal },
    { step: 'rollback', contacts: 1, notes: 0 },
    { step: 'chain', rows: 1, joined: 1 },
    { step: 'batch', rows: 3 },
    { step: 'cursor', rows: readingsMax, sum: readingsMax * (readingsMax + 1) / 2 },
    { step: 'delete', rows: 1, left: 0 },
  ])
  for (const text of client.shows) assert.ok(errors.includes(text), `standard error has ${text}`)
}

/**
 * Asserts that the records which the client left are at the sandbox, once each, and in the table, and that no more was
 * sent than its statements. The exchanges must have been cleared before the client ran.
 */
export async function assertLeft(client: Client, system: System): Promise<void> {
  const domain = `@${client.name}.example`
  const expected = ['chani', 'harah', 'jamis', 'kynes', 'stilgar'].map((name) => name + domain)
  const records = (await system.records('contacts')).map((record) => String(record['Email']))
  assert.deepEqual(
    records.filter((email) => email.endsWith(domain)).toSorted(),
    expected,
  )
  const rows = await system.sql<{ email: string }[]>`
    select email from salesforce.contacts where email like ${`%${domain}`} order by email collate "C"`
  assert.deepEqual(rows.map(({ email }) => email), expected)
  const writes = writesOf(await system.exchanges())
  assert.deepEqual(
    { requests: writes.length },
    { requests: requestsBesidesBatch + client.batchRequests },
  )
}
