// Goal: a person finds in their own Postgres what Sluice does there, and nothing that is not theirs to see. Method: psql
// and the views, as an ordinary role, on every Postgres there is; and one mutation through the whole listener.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import {
  type About,
  applyRows,
  encodeTicketRows,
  ensureTable,
  installDatabase,
  keepTables,
  noteFilled,
} from '../../src/database/index.ts'
import { catalogue } from '../../src/mutation/fault.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { createStage } from '../help/stage.ts'
import { runPsql } from '../journeys/psql.ts'
import {
  close,
  column,
  contacts,
  type Fixture,
  issues,
  makeFixture,
  refused,
  servers,
  type Session,
  type Started,
  startServer,
  ticketKey,
} from './fixture.ts'

/** A table of every kind of column, and of limits that are not those of its platform. */
const prices: SyncedTable = {
  syncId: 'sync_p',
  platform: 'stripe',
  schema: 'stripe',
  name: 'prices',
  object: 'price',
  rowsMax: { update: 5 },
  refuses: {
    delete: { detail: "Stripe's prices cannot be deleted.", hint: 'Set active to false.' },
  },
  columns: [
    column('id', 'text', { insertable: false, updatable: false }),
    column('currency', 'text', { updatable: false, required: true }),
    column('active', 'boolean', { insertable: false }),
    column('nickname', 'text'),
  ],
}

/** Commits a mutation as the engine does, with what it notes. */
async function mutate(
  session: Session,
  { about, email = 'new@a.co' }: { about?: About; email?: string } = {},
): Promise<string> {
  const id = randomUUID()
  const row = { ordinal: 1, id: id.slice(0, 18), values: { email } }
  await session.run('begin')
  const rows = encodeTicketRows(contacts, 'insert', [row], { about })
  await session.open('apply', { mutationId: id, rows })
  await session.run(`insert into salesforce.contacts (email) values ('x')`)
  await close(session, { operation: 'insert', rows: 1, id })
  await session.run('commit')
  return id
}

const accepted: About = { outcome: 'accepted', login: 'demo', requests: 2, durationMs: 41.6 }

for (const server of servers) {
  describe(`Postgres ${server.name}`, () => {
    let started: Started
    let fixture: Fixture
    before(async () => {
      started = await startServer(server)
      fixture = await makeFixture(started)
      await ensureTable(fixture.owner.sql, prices, { role: fixture.role })
    })
    after(async () => {
      await fixture?.end()
      await started?.stop()
    })
    commentTests(() => fixture)
    tablesTests(() => fixture)
    mutationsTests(() => fixture)
    errorsTests(() => fixture)
  })
}

function commentTests(fixture: () => Fixture): void {
  test('\\d+ names the fields of the API and what may be written', async () => {
    const url = fixture().url.replace('postgres:postgres@', `${fixture().role}:client@`)
    const shown = await runPsql(
      url,
      '\\pset format unaligned\n\\d+ stripe.prices\n\\dt+ stripe.*\n',
    )
    const last = (name: string) =>
      shown.split('\n').find((line) => line.startsWith(`${name}|`))?.split('|').at(-1)
    assert.equal(last('id'), 'id (read-only)')
    assert.equal(last('currency'), 'currency (insert only, required)')
    assert.equal(last('active'), 'active (update only)')
    assert.equal(last('nickname'), 'nickname')
    assert.ok(
      shown.includes(
        '|stripe object price, sync sync_p. Most rows per statement: INSERT 100, UPDATE 5. ' +
          "DELETE is refused: Stripe's prices cannot be deleted. Set active to false.\n",
      ),
      shown,
    )
  })

  test('\\d+ tells what the views are', async () => {
    const shown = await runPsql(
      fixture().url,
      '\\pset format unaligned\n\\dv+ sluice.*\n\\d+ sluice.mutations\n\\d+ sluice.tables\n\\d+ sluice.errors\n',
    )
    assert.match(shown, /sluice\|mutations\|view\|.*\|What was written through Sluice/)
    assert.match(shown, /sluice\|tables\|view\|.*\|The synced tables of this database/)
    assert.match(shown, /sluice\|errors\|view\|.*\|Every error of Sluice/)
    assert.equal(shown.match(/security_barrier=true/g)?.length, 3, shown)
  })
}

function tablesTests(fixture: () => Fixture): void {
  const listed = async (session: Session, name: string) =>
    (await session.run('select * from sluice.tables where table_name = $1', [name]))[0]

  test('sluice.tables tells limits, refusals and state', async () => {
    const { client, owner } = fixture()
    assert.deepEqual(await listed(client, 'prices'), {
      sync: 'sync_p',
      platform: 'stripe',
      schema_name: 'stripe',
      table_name: 'prices',
      api_object: 'price',
      columns: 4,
      insert_rows: 100,
      update_rows: 5,
      delete_rows: 0,
      insert_refused: null,
      update_refused: null,
      delete_refused: "Stripe's prices cannot be deleted. Set active to false.",
      state: 'filling',
      filled_at: null,
      last_mutation_at: null,
      rows: '0',
      rows_done: null,
      rows_total: null,
      progress: null,
      fresh_at: null,
      seconds_behind: null,
      agreement: null,
      problem: null,
    })
    const begun = new Date()
    await noteFilled(client.sql, { table: prices, ticketKey, waitMs: 10_000 })
    const filled = await listed(client, 'prices')
    assert.equal(filled?.['state'], 'ready')
    assert.ok(begun <= (filled?.['filled_at'] as Date))
    await owner.run('alter table stripe.prices disable trigger "~sluice_before"')
    assert.equal((await listed(client, 'prices'))?.['state'], 'unguarded')
    await ensureTable(owner.sql, prices)
    assert.deepEqual(await listed(client, 'prices'), filled, 'set up again it is as it was')
  })

  test('sluice.tables tells when the table was last written', async () => {
    const { client } = fixture()
    const begun = new Date()
    await mutate(client)
    assert.ok(begun <= ((await listed(client, 'contacts'))?.['last_mutation_at'] as Date))
    assert.equal((await listed(client, 'issues'))?.['last_mutation_at'], null)
  })

  test('only who holds the key can say that a table is filled', async () => {
    const { client } = fixture()
    const wrong = new Uint8Array(32)
    const options = { table: issues, ticketKey: wrong, waitMs: 10_000 }
    await refused(noteFilled(client.sql, options), '42501')
    await client.run('begin')
    await client.open('lock')
    await refused(
      client.run(`select sluice.filled('${randomUUID()}', 'github.issues')`),
      '42501',
    )
    await client.run('rollback')
    assert.equal((await listed(client, 'issues'))?.['state'], 'filling')
  })

  test('a table that changes, leaves its sync, goes or comes back is listed as it is', async () => {
    const { client, owner } = fixture()
    const plans = { ...prices, name: 'plans', object: 'plan' }
    await ensureTable(owner.sql, plans, { role: fixture().role })
    await noteFilled(client.sql, { table: plans, ticketKey, waitMs: 10_000 })
    const { refuses: _, ...free } = plans
    await ensureTable(owner.sql, { ...free, columns: plans.columns.slice(0, 2) })
    const changed = await listed(client, 'plans')
    assert.deepEqual(
      [
        changed?.['columns'],
        changed?.['delete_rows'],
        changed?.['delete_refused'],
        changed?.['state'],
      ],
      [2, 100, null, 'ready'],
    )
    await ensureTable(owner.sql, { ...plans, object: 'product' })
    assert.equal((await listed(client, 'plans'))?.['state'], 'filling', 'another object')
    await keepTables(owner.sql, { syncId: 'sync_p', tables: [prices] })
    assert.equal(await listed(client, 'plans'), undefined)
    assert.notEqual(await listed(client, 'prices'), undefined)
    const insert = `insert into stripe.plans (nickname) values ('x')`
    await refused(client.run(insert), 'SL002')
    await ensureTable(owner.sql, plans)
    await owner.run(`update sluice.synced set phase = 'paused' where table_name = 'plans'`)
    for (const text of [insert, 'truncate stripe.plans']) {
      const { hint } = await refused(owner.run(text), 'SL002')
      assert.match(
        String(hint),
        /^Its sync, sync_p, is paused: resume it first .*--sync sync_p\)\.$/,
      )
    }
    await owner.run(`update sluice.synced set phase = 'following' where table_name = 'plans'`)
    assert.match(String((await refused(client.run(insert), 'SL002'))['hint']), /^Connect through/)
    await noteFilled(client.sql, { table: plans, ticketKey, waitMs: 10_000 })
    await owner.run('drop table stripe.plans')
    assert.equal(await listed(owner, 'plans'), undefined)
    await ensureTable(owner.sql, plans)
    assert.equal((await listed(owner, 'plans'))?.['state'], 'filling', 'a new table is empty')
  })
}

function mutationsTests(fixture: () => Fixture): void {
  const noted = async (session: Session, id: string) =>
    (await session.run('select * from sluice.mutations where id = $1', [id]))[0]

  test('sluice.mutations tells what was written, when, by whom, and what it took', async () => {
    const { client, role } = fixture()
    await client.run(`set application_name = 'nightly import'`)
    const begun = new Date()
    const id = await mutate(client, { about: accepted })
    const { applied_at: at, ...row } = await noted(client, id) ?? {}
    assert.ok(begun <= (at as Date))
    assert.deepEqual(row, {
      id,
      sync: 'sync_a',
      schema_name: 'salesforce',
      table_name: 'contacts',
      operation: 'insert',
      rows: 1,
      outcome: 'accepted',
      requests: 2,
      duration_ms: 42,
      login: 'demo',
      database_user: role,
      database_role: role,
      application_name: 'nightly import',
    })
  })

  test('a mutation is applied at its end, not when its transaction began', async () => {
    const { client } = fixture()
    const id = randomUUID()
    await client.run('begin')
    const row = { ordinal: 1, id: id.slice(0, 18), values: {} }
    await client.open('apply', {
      mutationId: id,
      rows: encodeTicketRows(contacts, 'insert', [row]),
    })
    await close(client, { operation: 'insert', rows: 1, id })
    const [noted] = await client.run(
      'select applied_at > now() as later from sluice.mutations where id = $1',
      [id],
    )
    await client.run('commit')
    assert.equal(noted?.['later'], true)
  })

  test('a role that was taken is told besides the user', async () => {
    const { client, owner, role } = fixture()
    const taken = `${role}_taken`
    await owner.run(`create role ${taken}; grant ${taken} to ${role};
      grant usage on schema salesforce to ${taken}; grant all on salesforce.contacts to ${taken}`)
    await client.run(`set role ${taken}`)
    const id = await mutate(client, {
      about: { outcome: 'partial', login: null, requests: null, durationMs: 0 },
    })
    await client.run('reset role; reset application_name')
    const row = await noted(client, id)
    assert.deepEqual(
      [row?.['database_user'], row?.['database_role'], row?.['outcome'], row?.['duration_ms']],
      [role, taken, 'partial', 0],
    )
    assert.deepEqual([row?.['login'], row?.['requests']], [null, null])
  })

  test('an engine that tells nothing is noted all the same', async () => {
    const { client, role } = fixture()
    const row = await noted(client, await mutate(client))
    assert.deepEqual(
      [row?.['outcome'], row?.['login'], row?.['requests'], row?.['duration_ms']],
      ['accepted', null, null, null],
    )
    assert.equal(row?.['database_user'], role)
  })

  test('what recovery applies is what the mutation was', async () => {
    const { client } = fixture()
    const mutationId = randomUUID()
    await applyRows(client.sql, {
      table: contacts,
      operation: 'upsert',
      rows: [{ id: '003R', values: { email: 'r@a.co' } }],
      ticketKey,
      mutationId,
      noted: { operation: 'update', rows: 2 },
    })
    const row = await noted(client, mutationId)
    assert.deepEqual([row?.['operation'], row?.['rows'], row?.['outcome']], [
      'update',
      2,
      'recovered',
    ])
  })
}

function errorsTests(fixture: () => Fixture): void {
  test('sluice.errors is the catalogue, in every role', async () => {
    const { client } = fixture()
    const rows = await client.run('select * from sluice.errors order by fault')
    const expected = Object.entries(catalogue).map(([fault, entry]) => ({
      fault,
      ...entry,
      message: entry.message.replace('{platform}', '<platform>'),
    }))
    assert.deepEqual(
      [...rows],
      expected.toSorted((a, b) => a.fault < b.fault ? -1 : 1),
    )
  })

  test('an error that was renamed or reworded is so after the next setup', async () => {
    const { client, owner } = fixture()
    const before = await client.run('select * from sluice.errors order by fault')
    await owner.run(`update sluice.faults set message = 'old words' where fault = 'duplicate';
      insert into sluice.faults values ('gone', '00000', 1, 'client', 'no', 'gone', 'gone');
      delete from sluice.faults where fault = 'record_gone'`)
    await installDatabase(owner.sql, { ticketKey })
    assert.deepEqual([...await client.run('select * from sluice.errors order by fault')], [
      ...before,
    ])
  })
}

test('through the listener: the login, what the service counted, and how long it took', async () => {
  const stage = await createStage()
  const client = new pg.Client({ ...stage.through(), application_name: 'psql' })
  try {
    const accept = stage.carry
    stage.carry = async (mutation, options) => {
      const outcome = await accept(mutation, options)
      assert.equal(outcome.state, 'accepted')
      return { ...outcome, requests: 3 }
    }
    await client.connect()
    await client.query(`insert into salesforce.contacts (last_name) values ('a'), ('b')`)
    for (const sql of ['begin', `update salesforce.contacts set last_name = 'c'`, 'rollback']) {
      await client.query(sql)
    }
    const { rows } = await client.query(
      `select operation, rows, outcome, requests, duration_ms between 0 and 60000 as took,
        login, database_user, application_name from sluice.mutations order by applied_at`,
    )
    const what = {
      rows: 2,
      outcome: 'accepted',
      requests: 3,
      took: true,
      login: 'demo',
      database_user: stage.role,
      application_name: 'psql',
    }
    assert.deepEqual(rows, [
      { operation: 'insert', ...what },
      { operation: 'update', ...what },
    ])
  } finally {
    await client.end()
    await stage.close()
  }
})
