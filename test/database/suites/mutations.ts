// Whole mutations: plan, lock, apply, close; what Postgres makes of the forms that people write.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { encodeIds, lockSql } from '../../../src/database/index.ts'
import type { PlanReport } from '../../../src/database/index.ts'
import type { OutcomeRow } from '../../../src/mutation/mutation.ts'
import type { Operation } from '../../../src/mutation/table.ts'
import {
  clear,
  close,
  contacts,
  inTransaction,
  mutationId,
  openApply,
  refused,
  rowsOf,
  seed,
  type Session,
} from '../fixture.ts'
import type { Context } from './context.ts'

const target = '"salesforce"."contacts"'
const second = 'aaaaaaaa-0000-4000-8000-000000000002'

/** A platform that gives ids and writes every address in capitals. */
function accept(reports: readonly PlanReport[]): OutcomeRow[] {
  return reports.map(({ ordinal, id, row }) => ({
    ordinal,
    id: id ?? `003N${ordinal}`,
    values: { ...row, id: id ?? `003N${ordinal}`, email: row['email']?.toUpperCase() ?? null },
  }))
}

/** Everything that the engine does for one statement; gives its result and what it had missed. */
async function mutate(
  session: Session,
  text: string,
  options: {
    rows?: (reports: readonly PlanReport[]) => OutcomeRow[]
    between?: () => Promise<void>
  } = {},
): Promise<{ result: Record<string, unknown>[]; count: number; missed: number }> {
  await session.run('begin isolation level repeatable read')
  try {
    await session.open('lock')
    const { reports } = await session.plan(text)
    const operation: Operation = reports[0]?.operation ?? 'insert'
    if (operation !== 'insert') {
      const ids = reports.map(({ id }) => id ?? '')
      const [row] = await session.run(lockSql, [target, encodeIds(ids), mutationId])
      assert.equal(row?.['lock'], ids.length)
    }
    await options.between?.()
    const rows = (options.rows ?? accept)(reports)
    await openApply(session, { operation, rows })
    const result = await session.run(text)
    const missed = await close(session, { operation, rows: rows.length })
    await session.run('commit')
    return { result: [...result], count: result.count, missed }
  } catch (error) {
    await session.run('rollback')
    throw error
  }
}

export function mutationsSuite(context: Context): void {
  beforeEach(async () => {
    const { client, owner } = context.fixture
    await clear(client)
    await owner.run('delete from sluice.applied')
    await seed(
      client,
      contacts,
      `('003A', 'a@a.co', 10.00, 'Ada'), ('003B', 'b@a.co', 20.00, 'Bob')`,
    )
  })

  test('INSERT … RETURNING gives the rows of the platform', async () => {
    const { client, owner } = context.fixture
    const { result, missed } = await mutate(
      client,
      `insert into salesforce.contacts (email) values ('x@a.co'), (lower('Y@A.CO')) returning id, email`,
    )
    assert.deepEqual(result, [{ id: '003N1', email: 'X@A.CO' }, { id: '003N2', email: 'Y@A.CO' }])
    assert.equal(missed, 0)
    const noted = await owner.run(
      `select id, sync_id, schema_name, table_name, operation, rows from sluice.applied`,
    )
    assert.deepEqual([...noted], [{
      id: mutationId,
      sync_id: 'sync_a',
      schema_name: 'salesforce',
      table_name: 'contacts',
      operation: 'insert',
      rows: 2,
    }])
    for (const table of ['tickets where mode <> $$none$$', 'ticket_rows']) {
      assert.equal((await owner.run(`select * from sluice.${table}`)).count, 0)
    }
  })

  test('INSERT … SELECT takes the rows in order', async () => {
    const { client } = context.fixture
    await mutate(
      client,
      `insert into salesforce.contacts (email, name)
      select 'copy of ' || email, name from salesforce.contacts order by id desc`,
    )
    assert.deepEqual((await rowsOf(client)).slice(2), [
      '(003N1,"COPY OF B@A.CO",,Bob)',
      '(003N2,"COPY OF A@A.CO",,Ada)',
    ])
  })

  test('ON CONFLICT DO NOTHING: a row that is skipped keeps its number', async () => {
    const { client, owner } = context.fixture
    await owner.run('create unique index email_once on salesforce.contacts (lower(email))')
    try {
      const { result } = await mutate(
        client,
        `insert into salesforce.contacts (email) values ('one'), ('A@a.co'), ('three'), ('three')
        on conflict do nothing returning id, email`,
        {
          rows: (reports) => (assert.deepEqual(
            reports.map((r) => r.ordinal),
            [1, 3],
          ),
            accept(reports)),
        },
      )
      assert.deepEqual(result, [{ id: '003N1', email: 'ONE' }, { id: '003N3', email: 'THREE' }])
    } finally {
      await owner.run('drop index salesforce.email_once')
    }
  })

  test('a CTE chains the id of the platform into another table', async () => {
    const { client } = context.fixture
    await client.run(
      `create table own.notes (contact_id varchar(18) not null, body text, number int generated always as identity)`,
    )
    await mutate(
      client,
      `with made as (insert into salesforce.contacts (email) values ('n@a.co') returning id, email)
      insert into own.notes (contact_id, body) select id, 'for ' || email from made`,
    )
    const notes = await client.run('select contact_id, body from own.notes')
    assert.deepEqual([...notes], [{ contact_id: '003N1', body: 'for N@A.CO' }])
  })

  test('rows that a volatile WHERE misses the second time are applied by close', async () => {
    const { client, owner } = context.fixture
    await client.run('create sequence own.odd')
    // true for both rows the first time, for neither the second time
    await client.run(`create function own.sometimes() returns bool language sql volatile as
      $$ select nextval('own.odd') <= 2 $$`)
    const { count, missed } = await mutate(
      client,
      `update salesforce.contacts set email = 'changed@a.co' where own.sometimes()`,
    )
    assert.deepEqual([count, missed], [0, 2])
    assert.deepEqual(await rowsOf(client), [
      '(003A,CHANGED@A.CO,10.00,Ada)',
      '(003B,CHANGED@A.CO,20.00,Bob)',
    ])
    await client.run('alter sequence own.odd restart')
    await owner.run('delete from sluice.applied')
    const removed = await mutate(client, 'delete from salesforce.contacts where own.sometimes()')
    assert.deepEqual([removed.count, removed.missed], [0, 2])
    assert.deepEqual(await rowsOf(client), [])
    await client.run('alter sequence own.odd restart')
    await owner.run('delete from sluice.applied')
    const made = await mutate(
      client,
      `insert into salesforce.contacts (email) select g::text from generate_series(1, 2) g where own.sometimes()`,
    )
    assert.deepEqual([made.count, made.missed], [0, 2])
    assert.deepEqual(await rowsOf(client), ['(003N1,1,,)', '(003N2,2,,)'])
  })

  test('an insert that a unique index skips because of a value of the platform is applied by close or fails', async () => {
    const { client, owner } = context.fixture
    await owner.run('create unique index email_once on salesforce.contacts (email)')
    try {
      const text = `insert into salesforce.contacts (email) values ('new') on conflict do nothing`
      const rows = () => [{ ordinal: 1, id: '003Z', values: { email: 'a@a.co' } }]
      await refused(mutate(client, text, { rows }), '23505')
      assert.equal((await rowsOf(client)).length, 2)
    } finally {
      await owner.run('drop index salesforce.email_once')
    }
  })

  test('a row that is gone at the platform is deleted', async () => {
    const { client } = context.fixture
    const { missed } = await mutate(client, `update salesforce.contacts set name = 'x'`, {
      rows: (reports) =>
        accept(reports).map((row) => row.id === '003A' ? { ...row, values: null } : row),
    })
    assert.equal(missed, 1)
    assert.deepEqual(await rowsOf(client), ['(003B,B@A.CO,20.00,x)'])
  })

  test('rows that the platform did not accept stay as they were', async () => {
    const { client } = context.fixture
    const { count } = await mutate(client, `update salesforce.contacts set name = 'x'`, {
      rows: (reports) => accept(reports).slice(1),
    })
    assert.equal(count, 1)
    assert.deepEqual(await rowsOf(client), ['(003A,a@a.co,10.00,Ada)', '(003B,B@A.CO,20.00,x)'])
  })

  test('columns that the platform did not answer never hold what the client wrote', async () => {
    const { client } = context.fixture
    await mutate(
      client,
      `update salesforce.contacts set name = 'x', amount = 3 where id = '003A'`,
      {
        rows: () => [{ ordinal: 1, id: '003A', values: { name: 'X' } }],
      },
    )
    assert.deepEqual((await rowsOf(client))[0], '(003A,a@a.co,10.00,X)')
    await context.fixture.owner.run('delete from sluice.applied')
    await mutate(client, `insert into salesforce.contacts (name, amount) values ('x', 3)`, {
      rows: () => [{ ordinal: 1, id: '003Z', values: { name: 'X' } }],
    })
    assert.deepEqual((await rowsOf(client))[2], '(003Z,,,X)')
  })

  test('lock keeps every other session out until the end', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    await mutate(client, `update salesforce.contacts set name = 'x' where id = '003A'`, {
      between: async () => {
        await refused(
          other.run(`select from salesforce.contacts where id = '003A' for share nowait`),
          '55P03',
        )
        await other.run(`select from salesforce.contacts where id = '003B' for share nowait`)
      },
    })
    await other.run(`select from salesforce.contacts where id = '003A' for share nowait`)
  })

  test('lock raises 40001 for a row that was changed since the snapshot', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    await client.run('begin isolation level repeatable read')
    await client.open('lock')
    await client.plan(`update salesforce.contacts set name = 'x' where id = '003A'`)
    await mutate(other, `update salesforce.contacts set name = 'y' where id = '003A'`)
    await refused(client.run(lockSql, [target, encodeIds(['003A']), mutationId]), '40001')
    await client.run('rollback')
  })

  test('lock takes ids as they are: none is cut to the length of the column', async () => {
    const { client } = context.fixture
    const longest = '003456789012345678'
    await seed(client, contacts, `('${longest}')`)
    await inTransaction(client, async () => {
      await client.open('lock')
      const found = async (ids: string[]) =>
        (await client.run(lockSql, [target, encodeIds(ids), mutationId]))[0]?.['lock']
      assert.equal(await found([`${longest}X`, 'a"b\\c', '{}', 'null', '']), 0)
      assert.equal(await found(['003A', longest, 'gone']), 2)
      assert.equal(await found([]), 0)
    })
  })

  test('a mutation that is in the database already is not applied again', async () => {
    const { client } = context.fixture
    await mutate(client, `update salesforce.contacts set name = 'x' where id = '003A'`)
    await refused(
      mutate(client, `update salesforce.contacts set name = 'y' where id = '003A'`),
      'SLDUP',
      `mutation ${mutationId} has already been applied`,
    )
    assert.equal((await rowsOf(client))[0], '(003A,A@A.CO,10.00,x)')
    await inTransaction(client, async () => {
      await refused(openApply(client, { operation: 'update', rows: [] }), 'SLDUP')
    })
  })

  test('close says so when somebody else applied the mutation meanwhile', async () => {
    const { client, owner } = context.fixture
    await client.run('begin isolation level repeatable read')
    await openApply(client, { operation: 'update', rows: [] })
    await owner.run(
      `insert into sluice.applied (id, sync_id, schema_name, table_name, operation, rows, outcome)
      values ('${mutationId}', 's', 's', 't', 'update', 1, 'accepted')`,
    )
    await refused(close(client, { operation: 'update', rows: 0 }), 'SLDUP')
    await client.run('rollback')
  })

  test('close refuses another table, another operation, another mutation', async () => {
    const { client } = context.fixture
    const open = () => openApply(client, { operation: 'update', rows: [] })
    await inTransaction(client, async () => {
      await open()
      await refused(close(client, { operation: 'delete', rows: 0 }), '22023')
    })
    await inTransaction(client, async () => {
      await open()
      await refused(close(client, { operation: 'update', rows: 0, id: second }), '42501')
    })
    await inTransaction(client, async () => {
      await open()
      const table = { ...contacts, schema: 'github', name: 'issues' }
      await refused(close(client, { table, operation: 'update', rows: 0 }), '22023')
    })
  })

  test("a person's triggers, columns and generated columns on a synced table go on working", async () => {
    const { client, owner } = context.fixture
    const virtual = context.server.major >= 18
      ? `, add column half numeric generated always as (amount / 2)`
      : ''
    await owner.run(`alter table salesforce.contacts add column tag text default 'mine',
      add column domain text generated always as (split_part(email, '@', 2)) stored ${virtual}`)
    await owner.run(`create table own.seen (what text)`)
    await owner.run(`create function own.before_contact() returns trigger language plpgsql as
      $$ begin new.tag := new.tag || '!'; new.name := 'trigger'; return new; end $$`)
    await owner.run(
      `create function own.after_contact() returns trigger language plpgsql security definer as
      $$ begin insert into own.seen values (new.id || ' ' || new.email); return null; end $$`,
    )
    await owner.run(`create trigger first before insert or update on salesforce.contacts
      for each row execute function own.before_contact()`)
    await owner.run(`create trigger last after insert or update on salesforce.contacts
      for each row execute function own.after_contact()`)
    try {
      const { result } = await mutate(
        client,
        `insert into salesforce.contacts (email, amount, tag) values ('q@x.co', 4, 'hers') returning *`,
        {
          rows:
            () => [{ ordinal: 1, id: '003Q', values: { email: 'Q@X.CO', amount: '6', name: 'Q' } }],
        },
      )
      assert.deepEqual(result, [{
        id: '003Q',
        email: 'Q@X.CO',
        amount: '6',
        name: 'Q', // the platform's, not the trigger's
        tag: 'hers!',
        domain: 'X.CO',
        ...(virtual === '' ? {} : { half: '3.0000000000000000' }),
      }])
      assert.deepEqual([...await owner.run('select what from own.seen')], [{ what: '003Q Q@X.CO' }])
    } finally {
      await owner.run(
        'drop trigger first on salesforce.contacts; drop trigger last on salesforce.contacts',
      )
      await owner.run(
        `alter table salesforce.contacts drop column tag, drop column domain ${
          virtual === '' ? '' : ', drop column half'
        }`,
      )
    }
  })

  test('a deferred constraint fails in the plan, not at COMMIT', async () => {
    const { client } = context.fixture
    await client.run(`create table own.parents (id text primary key)`)
    await client.run(
      `create table own.children (parent text references own.parents deferrable initially deferred)`,
    )
    await inTransaction(client, async () => {
      await refused(
        client.plan(
          `with made as (insert into salesforce.contacts (email) values ('n') returning id)
          insert into own.children select id from made`,
        ),
        '23503',
      )
    })
  })

  test('an id that is a number is planned, applied and locked as well', async () => {
    const { client } = context.fixture
    const { issues } = await import('../fixture.ts')
    await client.run('begin')
    await client.open('lock')
    const { reports } = await client.plan(`insert into github.issues (title) values ('t')`)
    assert.deepEqual([reports[0]?.id, reports[0]?.row], [null, { id: null, title: 't' }])
    await openApply(client, {
      table: issues,
      operation: 'insert',
      rows: [{ ordinal: 1, id: '9007199254740993', values: { title: 'T' } }],
    })
    const made = await client.run(
      `insert into github.issues (title) values ('t') returning id::text`,
    )
    assert.equal(made[0]?.['id'], '9007199254740993')
    await close(client, { table: issues, operation: 'insert', rows: 1 })
    await client.run('commit')
    await inTransaction(client, async () => {
      await client.open('lock')
      const ids = encodeIds(['9007199254740993', '9007199254740992'])
      const [row] = await client.run(lockSql, ['"github"."issues"', ids, mutationId])
      assert.equal(row?.['lock'], 1)
    })
  })

  test('a plan in one statement may reach two synced tables: both are reported', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(
        `with one as (insert into salesforce.contacts (email) values ('n') returning email)
        insert into github.issues (title) select email from one`,
      )
      assert.equal(planned, 2)
      assert.deepEqual(reports.map(({ table }) => table).sort(), ['contacts', 'issues'])
    })
  })

  test('tickets are found by index, though the tables are empty between transactions', async () => {
    const { owner } = context.fixture
    await owner.run('vacuum analyze sluice.tickets, sluice.ticket_rows')
    const session = await context.fixture.connect('owner') // plans nothing before the tables are empty
    const scans = async () => {
      const stats = await session.run(
        `select relname::text, seq_scan::int from pg_stat_xact_user_tables where schemaname = 'sluice' order by 1`,
      )
      return stats.filter(({ relname }) => String(relname).startsWith('ticket'))
        .map((row) => row['seq_scan'])
    }
    await inTransaction(session, async () => {
      assert.deepEqual(await scans(), [0, 0])
      const rows = Array.from({ length: 50 }, (_, index) => ({
        ordinal: index + 1,
        id: `003R${index}`,
        values: { email: String(index) },
      }))
      const text =
        `insert into salesforce.contacts (email) select g::text from generate_series(1, 50) g`
      await session.plan(text)
      await openApply(session, { operation: 'insert', rows })
      assert.equal((await session.run(text)).count, 50)
      assert.equal(await close(session, { operation: 'insert', rows: 50 }), 0)
      assert.deepEqual(await scans(), [0, 0])
    })
  })
}
