// Goal: nothing a client does in its session makes Sluice send what it did not mean, or lose what was accepted. Method:
// node-postgres through a real listener to a real Postgres; only the mutation service is played.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { applyRows } from '../../src/database/index.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, OutcomeRow } from '../../src/mutation/mutation.ts'
import { type Carry, createStage, type Stage, withClient } from '../help/stage.ts'
import { until } from '../help/system.ts'

let stage: Stage
let platform: Carry

before(async () => {
  stage = await createStage()
  platform = stage.carry
})
after(() => stage?.close())
beforeEach(() => {
  stage.sent.length = 0
  stage.applied.length = 0
  stage.carry = platform
})

const errorOf = (work: Promise<unknown>): Promise<pg.DatabaseError> =>
  work.then(() => assert.fail('it was accepted'), (error: unknown) => error as pg.DatabaseError)

test('what a platform accepted is on disk when it is committed, whatever the session is set to', async () => {
  await withClient(stage, async (client) => {
    const insert = `insert into salesforce.contacts (last_name) values ('A')
      returning current_setting('synchronous_commit') as durable`
    await client.query('set synchronous_commit = off')
    assert.equal((await client.query(insert)).rows[0]?.durable, 'on')
    await client.query('set synchronous_commit = remote_apply')
    assert.equal((await client.query(insert)).rows[0]?.durable, 'remote_apply')
    await client.query('set synchronous_commit = off')
    assert.equal((await client.query('show synchronous_commit')).rows[0]?.synchronous_commit, 'off')
  })
})

test('a temporary table never gives way to another table of its name inside a block', async () => {
  await stage.sql`insert into public.local_notes values ('1', 'of somebody else')`
  await withClient(stage, async (client) => {
    await client.query(`create temporary table local_notes (contact_id text, body text)`)
    await client.query(`insert into local_notes values ('1', 'mine')`)
    const insert = 'insert into salesforce.contacts (last_name) select body from local_notes'
    await client.query('begin')
    const refused = await errorOf(client.query(insert))
    assert.equal(refused.code, '0A000')
    assert.match(refused.message, /temporary table "local_notes"/)
    await client.query('rollback')
    assert.deepEqual(stage.sent, [])
    await client.query('begin')
    await client.query(`insert into salesforce.contacts (last_name) values ('no table is named')`)
    await client.query('commit')
    await client.query(insert)
  })
  const names = stage.sent.map(({ rows }) => rows[0]?.values['last_name'])
  assert.deepEqual(names, ['no table is named', 'mine'])
})

test('settings of a person’s own hold inside a block, where the statement or the database asks for them', async () => {
  await stage.sql.unsafe(`create function public.tenant() returns text language sql stable
    as $$ select current_setting('app.tenant', true) $$`)
  await withClient(stage, async (client) => {
    const insert = (value: string) =>
      client.query(`insert into salesforce.contacts (last_name) values (${value})`)
    await client.query(`set app.tenant = 'acme'; set app.person = 'Päul''s'`)
    await client.query('begin')
    await client.query(`set local app.tenant = 'duneco'`)
    await insert(`current_setting('app.person', true)`)
    await insert('public.tenant()')
    await client.query('rollback')
    await client.query('begin')
    await insert('public.tenant()')
    await client.query('rollback')
    await client.query('reset app.tenant')
    await client.query('begin')
    await insert(`coalesce(nullif(public.tenant(), ''), 'none')`)
    await client.query('rollback')
  })
  const names = stage.sent.map(({ rows }) => rows[0]?.values['last_name'])
  assert.deepEqual(names, ["Päul's", 'duneco', 'acme', 'none'])
})

test('a session ends when its sync has moved to another database, and nothing is written to the old one', async () => {
  const { config } = stage
  try {
    await withClient(stage, async (client) => {
      await client.query('select 1')
      const ended = new Promise<pg.DatabaseError>((resolve) =>
        client.on('error', (error) => resolve(error as pg.DatabaseError))
      )
      stage.config = { ...config, database: { ...config.database, database: 'elsewhere' } }
      assert.equal((await ended).code, '57P01')
    })
  } finally {
    stage.config = config
  }
  assert.deepEqual(stage.sent, [])
})

test('what recovery has applied while the platform was waited for is told as written', async () => {
  stage.carry = async (mutation, options) => {
    const outcome = await platform(mutation, options)
    assert.equal(outcome.state, 'accepted')
    if (outcome.state === 'accepted') await recovered(mutation, outcome.rows)
    return outcome
  }
  await withClient(stage, async (client) => {
    const error = await errorOf(
      client.query(`insert into salesforce.contacts (last_name) values ('Recovered')`),
    )
    assert.equal(error.code, 'SL001')
    assert.match(error.message, /but the statement failed in the database/)
    assert.match(error.hint ?? '', /The rows are in salesforce\.contacts/)
    const { rows } = await client.query(
      `select count(*)::int as count from salesforce.contacts where last_name = 'Recovered'`,
    )
    assert.equal(rows[0]?.count, 1)
  })
})

async function recovered({ id, syncId }: Mutation, rows: readonly OutcomeRow[]): Promise<void> {
  const ticketKey = Buffer.from(stage.config.ticketKey, 'base64')
  const { sql, table } = stage
  await applyRows(sql, {
    table,
    operation: 'upsert',
    rows,
    ticketKey,
    mutationId: id,
    syncId,
  })
}

test('an unknown outcome is 40003, leaves the row as it was and its lock free', async () => {
  await withClient(stage, async (client) => {
    await client.query(`insert into salesforce.contacts (last_name) values ('Doubt')`)
    stage.carry = () =>
      Promise.resolve({
        state: 'unknown',
        fault: faultData('outcome_unknown', { platform: 'salesforce' }),
      })
    const update = `update salesforce.contacts set last_name = 'Sure' where last_name = 'Doubt'`
    assert.equal((await errorOf(client.query(update))).code, '40003')
    await client.query('begin')
    assert.equal((await errorOf(client.query(update))).code, '40003')
    assert.equal((await errorOf(client.query('select 1'))).code, '25P02')
    await client.query('rollback')
    const locked = await stage.sql`
      select last_name from salesforce.contacts where last_name = 'Doubt' for update nowait`
    assert.equal(locked.length, 1)
    assert.equal(stage.applied.length, 1)
  })
})

test('a database connection that is ended while the platform is waited for is told as accepted, once', async () => {
  stage.carry = async (mutation, options) => {
    const outcome = await platform(mutation, options)
    await stage.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where usename = ${stage.role} and state = 'idle in transaction'`
    return outcome
  }
  const client = new pg.Client(stage.through())
  client.on('error', () => {})
  await client.connect()
  const error = await errorOf(
    client.query(`insert into salesforce.contacts (last_name) values ('Cut')`),
  )
  await client.end()
  assert.equal(error.code, 'SL001')
  assert.match(error.hint ?? '', /will appear/)
  assert.equal(stage.sent.length, 1)
  assert.deepEqual(stage.applied, [])
})

test('a cancel before the mutation is sent stops it, one after does not', async () => {
  await withClient(stage, async (client) => {
    await client.query(`insert into salesforce.contacts (last_name) values ('Cancel')`)
    const before = stage.sent.length
    const holder = await stage.sql.reserve()
    await holder`begin`
    await holder`select from salesforce.contacts where last_name = 'Cancel' for update`
    const update = `update salesforce.contacts set email = 'a@x.org' where last_name = 'Cancel'`
    const cancelled = errorOf(client.query(update))
    await until('the update to wait', async () => {
      const rows = await stage.sql`
        select from pg_stat_activity where usename = ${stage.role} and wait_event_type = 'Lock'`
      return rows.length > 0
    })
    await cancel(client)
    assert.equal((await cancelled).code, '57014')
    await holder`rollback`
    holder.release()
    assert.equal(stage.sent.length, before)
    stage.carry = async (mutation, options) => {
      await cancel(client)
      return await platform(mutation, options)
    }
    assert.equal((await client.query(update)).rowCount, 1)
  })
})

/** A CancelRequest of this client through the listener; resolves when it has been heeded. */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const socket = connect(stage.listener.port, '127.0.0.1')
  const request = Buffer.alloc(16)
  for (const [index, word] of [16, 80_877_102, processID, secretKey].entries()) {
    request.writeInt32BE(word, index * 4)
  }
  socket.on('error', () => {}).write(request)
  await once(socket, 'close')
}

test('no error shows the mac of a ticket, whatever the session asks Postgres to tell', async () => {
  await withClient(stage, async (client) => {
    await client.query(`set log_parameter_max_length_on_error = -1`)
    await client.query(`set statement_timeout = '200ms'`)
    const holder = await stage.sql.reserve()
    await holder`begin`
    await holder`lock table sluice.tickets in access exclusive mode`
    const before = stage.sent.length
    const error = await errorOf(
      client.query(`insert into salesforce.contacts (last_name) values ('Slow')`),
    )
    await holder`rollback`
    holder.release()
    assert.equal(error.code, '57014')
    assert.match(error.message, /statement timeout/)
    assert.doesNotMatch(
      [error.message, error.detail, error.where, error.hint].join(' '),
      /[0-9a-f]{64}/,
    )
    assert.equal(stage.sent.length, before)
  })
})
