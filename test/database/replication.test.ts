// Goal: rows that arrive by logical replication meet the triggers too. Method: one cluster, two databases, a subscription.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { ensureTable, installDatabase } from '../../src/database/index.ts'
import { required } from '../../src/lib/assert.ts'
import type { Cluster } from '../../src/lib/cluster.ts'
import { startTestCluster } from '../help/cluster.ts'
import { contacts, ticketKey } from './fixture.ts'

let cluster: Cluster | undefined
let source: postgres.Sql | undefined
let synced: postgres.Sql | undefined

before(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'logical' } })
  const sql = postgres(cluster.url('postgres'), { max: 1 })
  await sql`create database source`
  await sql`create database synced`
  await sql.end()
  source = postgres(cluster.url('source'), { max: 1, onnotice: () => {} })
  synced = postgres(cluster.url('synced'), { max: 1, onnotice: () => {} })
})

after(async () => {
  await source?.end()
  await synced?.end()
  await cluster?.stop()
})

test('the apply worker of a subscription is refused like anybody else', async () => {
  const from = required(source, 'source')
  const to = required(synced, 'synced')
  await installDatabase(to, { ticketKey })
  await ensureTable(to, contacts)
  await from.unsafe(`create schema salesforce;
    create table salesforce.contacts (id varchar(18) primary key, email text, amount numeric, name varchar(80));
    create publication pub for table salesforce.contacts`)
  await from`select pg_create_logical_replication_slot('sub', 'pgoutput')`
  const address =
    `host=127.0.0.1 port=${cluster?.port} user=postgres password=postgres dbname=source`
  await to.unsafe(`create subscription sub connection '${address}' publication pub
    with (create_slot = false, slot_name = sub, copy_data = false)`)
  await from`insert into salesforce.contacts (id, email) values ('003A', 'x')`
  const refusals = async () => {
    const [row] = await to`select apply_error_count::int as n from pg_stat_subscription_stats`
    return Number(row?.['n'])
  }
  const until = Date.now() + 60_000
  while (await refusals() === 0 && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.ok(await refusals() > 0, 'the worker met an error')
  assert.deepEqual([...await to`select * from salesforce.contacts`], [])
  await to.unsafe(
    `alter subscription sub disable; alter subscription sub set (slot_name = none); drop subscription sub`,
  )
})
