// Upserts: Postgres decides which rows meet others, the platform what becomes of them; and unique indexes that stand in
// nobody's way.

import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import {
  applyRows,
  encodeIds,
  ensureTable,
  lockKeysSql,
  proposedSql,
} from '../../../src/database/index.ts'
import type { OutcomeRow } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import {
  clear,
  close,
  column,
  contacts,
  inTransaction,
  mutationId,
  openApply,
  refused,
  rowsOf,
  seed,
  type Session,
  ticketKey,
} from '../fixture.ts'
import type { Context } from './context.ts'

const keyed: SyncedTable = {
  ...contacts,
  columns: contacts.columns.map((one) => one.name === 'email' ? { ...one, upsert: 'unique' } : one),
}
const target = '"salesforce"."contacts"'
const text = (values: string) =>
  `insert into salesforce.contacts (email, name) values ${values}
  on conflict (email) do update set name = excluded.name returning id, email, amount, name`

const answer = (ordinal: number, id: string, values: OutcomeRow['values']): OutcomeRow => ({
  ordinal,
  id,
  values,
})

/** The platform has answered these rows to the statement. */
async function upsert(
  session: Session,
  values: string,
  rows: OutcomeRow[],
): Promise<{ tag: string; result: unknown[]; missed: number }> {
  await session.run('begin isolation level repeatable read')
  try {
    await openApply(session, { operation: 'insert', rows, upsertBy: 'email' })
    const result = await session.run(text(values))
    const missed = await close(session, { operation: 'insert', rows: rows.length })
    await session.run('commit')
    const { command, count } = result
    return { tag: `${command} ${count}`, result: [...result], missed }
  } catch (error) {
    await session.run('rollback')
    throw error
  }
}

export function upsertsSuite(context: Context): void {
  before(async () => {
    const { owner, role } = context.fixture
    await owner.run('alter table salesforce.contacts add column own text')
    await ensureTable(owner.sql, keyed, { role })
  })
  beforeEach(async () => {
    const { client, owner } = context.fixture
    await clear(client)
    await owner.run('delete from sluice.applied')
    await seed(
      client,
      contacts,
      `('003A', 'a@a.co', 10.00, 'Ada', 'x'), ('003B', 'b@a.co', 20.00, 'Bob', 'y')`,
    )
  })
  const held = () => rowsOf(context.fixture.client)

  test('a plan reports what was inserted and what was met, in its order', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      await client.run('savepoint counted')
      const { reports, planned } = await client.plan(
        text(`('b@a.co', '1'), ('n@a.co', '2'), ('a@a.co', '3'), ('m@a.co', '4')`),
      )
      assert.equal(planned, 4)
      assert.deepEqual(
        reports.map(({ operation, ordinal, id, row }) => [operation, ordinal, id, row['name']]),
        [
          ['update', 1, '003B', '1'],
          ['update', 2, '003A', '3'],
          ['insert', 2, null, '2'],
          ['insert', 4, null, '4'],
        ],
      )
      await client.open('plan')
      await client.run(text(`('b@a.co', '1'), ('n@a.co', '2')`))
      const [row] = await client.run(proposedSql)
      assert.equal(row?.['current_setting'], 2)
    })
  })

  test('two rows with one key, and a key that is nobody’s, are Postgres’s own matter', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      await client.open('plan')
      await refused(client.run(text(`('n@a.co', '1'), ('n@a.co', '2')`)), '21000')
    })
  })

  test('rows made and rows changed come out as the platform has them, in one tag', async () => {
    const { client, owner } = context.fixture
    const { tag, result, missed } = await upsert(
      client,
      `('n@a.co', 'n'), ('b@a.co', 'b'), ('a@a.co', 'a')`,
      [
        answer(1, '003N', { email: 'n@a.co', name: 'N', amount: '1.5' }),
        answer(2, '003B', { email: 'b@a.co', name: 'B', amount: null }),
        answer(3, '003A', { email: 'a@a.co', name: 'A', amount: '3' }),
      ],
    )
    assert.deepEqual([tag, missed], ['INSERT 3', 0])
    assert.deepEqual(result, [
      { id: '003N', email: 'n@a.co', amount: '1.5', name: 'N' },
      { id: '003B', email: 'b@a.co', amount: null, name: 'B' },
      { id: '003A', email: 'a@a.co', amount: '3', name: 'A' },
    ])
    assert.deepEqual(await held(), [
      '(003A,a@a.co,3,A,x)',
      '(003B,b@a.co,,B,y)',
      '(003N,n@a.co,1.5,N,)',
    ])
    const [noted] = await owner.run('select operation, rows from sluice.applied')
    assert.deepEqual(noted, { operation: 'insert', rows: 3 })
  })

  test('a column that the platform did not answer is as it was, and null in a new row', async () => {
    const { client } = context.fixture
    await upsert(client, `('a@a.co', 'never'), ('n@a.co', 'never')`, [
      answer(1, '003A', { email: 'a@a.co' }),
      answer(2, '003N', { email: 'n@a.co' }),
    ])
    assert.deepEqual(await held(), [
      '(003A,a@a.co,10.00,Ada,x)',
      '(003B,b@a.co,20.00,Bob,y)',
      '(003N,n@a.co,,,)',
    ])
  })

  test('a record that only the platform had comes in under its id', async () => {
    const { client } = context.fixture
    const { tag, result } = await upsert(client, `('old@a.co', 'o')`, [
      answer(1, '003OLD', { email: 'old@a.co', name: 'O', amount: '7' }),
    ])
    assert.equal(tag, 'INSERT 1')
    assert.deepEqual(result, [{ id: '003OLD', email: 'old@a.co', amount: '7', name: 'O' }])
  })

  test('a record that was made anew at the platform takes the place of the row', async () => {
    const { client } = context.fixture
    const { tag, result, missed } = await upsert(client, `('a@a.co', 'again')`, [
      answer(1, '003X', { email: 'a@a.co', name: 'Again' }),
    ])
    assert.deepEqual([tag, missed], ['INSERT 1', 0])
    assert.deepEqual(result, [{ id: '003X', email: 'a@a.co', amount: null, name: 'Again' }])
    assert.deepEqual(await held(), ['(003B,b@a.co,20.00,Bob,y)', '(003X,a@a.co,,Again,x)'])
  })

  test('where the row must stay, for rows that refer to it, the record is written by id', async () => {
    const { client, owner, role } = context.fixture
    await owner.run(`create table own.refers (contact text references salesforce.contacts (id));
      grant insert on own.refers to ${role}; insert into own.refers values ('003A')`)
    try {
      const row = answer(1, '003X', { email: 'a@a.co', name: 'Again' })
      await refused(upsert(client, `('a@a.co', 'again')`, [row]), '23503')
      await client.run('begin')
      await openApply(client, { operation: 'insert', rows: [row], upsertBy: 'email' })
      assert.equal(await close(client, { operation: 'insert', rows: 1 }), 1)
      await client.run('commit')
      assert.deepEqual(await held(), [
        '(003A,,10.00,Ada,x)',
        '(003B,b@a.co,20.00,Bob,y)',
        '(003X,a@a.co,,Again,)',
      ])
    } finally {
      await owner.run('drop table own.refers')
    }
  })

  test('a key that has gone to another record at the platform goes here too', async () => {
    const { client, owner } = context.fixture
    const moved = await upsert(client, `('c@a.co', 'c')`, [
      answer(1, '003A', { email: 'c@a.co', name: 'C' }),
    ])
    assert.deepEqual([moved.tag, moved.missed], ['INSERT 1', 0])
    assert.deepEqual((await held())[0], '(003A,c@a.co,10.00,C,x)')
    await owner.run('delete from sluice.applied')
    // 003A has what 003B has here, and 003B has nothing that the statement speaks of
    const taken = await upsert(client, `('b@a.co', 'b')`, [
      answer(1, '003A', { email: 'b@a.co', name: 'B' }),
    ])
    assert.deepEqual([taken.tag, taken.missed], ['INSERT 1', 0])
    assert.deepEqual(await held(), ['(003A,b@a.co,10.00,B,x)', '(003B,,20.00,Bob,y)'])
  })

  test('two records that have changed keys at the platform change them here', async () => {
    const { client } = context.fixture
    const { tag, result, missed } = await upsert(client, `('a@a.co', '1'), ('b@a.co', '2')`, [
      answer(1, '003B', { email: 'a@a.co', name: 'One' }),
      answer(2, '003A', { email: 'b@a.co', name: 'Two' }),
    ])
    assert.deepEqual([tag, missed], ['INSERT 2', 0])
    assert.deepEqual(result, [
      { id: '003B', email: 'a@a.co', amount: '20.00', name: 'One' },
      { id: '003A', email: 'b@a.co', amount: '10.00', name: 'Two' },
    ])
  })

  test('a key that the platform writes in its own way is met as it has it', async () => {
    const { client } = context.fixture
    const { tag, result, missed } = await upsert(client, `('A@A.CO', 'a')`, [
      answer(1, '003A', { email: 'a@a.co', name: 'A' }),
    ])
    assert.deepEqual([tag, missed], ['INSERT 1', 0])
    assert.deepEqual(result, [{ id: '003A', email: 'a@a.co', amount: '10.00', name: 'A' }])
    assert.equal((await held()).length, 2)
  })

  test('a row that the platform did not answer is left alone', async () => {
    const { client } = context.fixture
    const { tag } = await upsert(client, `('a@a.co', 'never'), ('b@a.co', 'b')`, [
      answer(2, '003B', { email: 'b@a.co', name: 'B' }),
    ])
    assert.equal(tag, 'INSERT 1')
    assert.deepEqual(await held(), ['(003A,a@a.co,10.00,Ada,x)', '(003B,b@a.co,20.00,B,y)'])
  })

  test('an UPDATE that a function makes meanwhile changes nothing', async () => {
    const { client } = context.fixture
    await client.run(`create function own.sly() returns text language sql volatile as
      $$update salesforce.contacts set name = 'sly' where id = '003B' returning 'a'$$`)
    try {
      await client.run('begin')
      const rows = [answer(1, '003A', { email: 'a@a.co', name: 'A' })]
      await openApply(client, { operation: 'insert', rows, upsertBy: 'email' })
      await client.run(text(`('a@a.co', own.sly())`))
      await close(client, { operation: 'insert', rows: 1 })
      await client.run('commit')
      assert.deepEqual(await held(), ['(003A,a@a.co,10.00,A,x)', '(003B,b@a.co,20.00,Bob,y)'])
    } finally {
      await client.run('rollback; drop function own.sly()')
    }
  })

  test('upserts of one key go one after the other, of others they do not wait', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    const lock = async (session: Session, keys: string[]) => {
      await session.run('begin isolation level repeatable read')
      await session.open('lock')
      await session.run(lockKeysSql, [target, 'email', encodeIds(keys), mutationId])
    }
    try {
      await lock(client, ['n@a.co', 'm@a.co'])
      await lock(other, ['o@a.co'])
      await other.run('rollback')
      let waited = false
      const second = refused(lock(other, ['M@a.co']).finally(() => waited = true), '40001')
      await waiting(client, other.pid)
      assert.equal(waited, false)
      await client.run('rollback')
      await second
      await other.run('rollback')
      await lock(other, ['m@a.co'])
      await other.run('rollback')
      await client.run('begin')
      await client.open('plan')
      await refused(client.run(lockKeysSql, [target, 'email', '{x}', mutationId]), '42501')
    } finally {
      await client.run('rollback')
      await other.end()
    }
  })

  test('the platform’s rows are written whatever keys other rows still have', async () => {
    const { client } = context.fixture
    const write = (rows: { id: string; values: Record<string, string | null> }[]) =>
      applyRows(client.sql, { table: keyed, operation: 'upsert', rows, ticketKey })
    await write([{ id: '003A', values: { email: 'b@a.co' } }, {
      id: '003B',
      values: { email: 'a@a.co' },
    }])
    assert.deepEqual(await held(), ['(003A,b@a.co,10.00,Ada,x)', '(003B,a@a.co,20.00,Bob,y)'])
    await write([{ id: '003C', values: { email: 'a@a.co', name: 'C' } }])
    assert.deepEqual((await held()).slice(1), ['(003B,,20.00,Bob,y)', '(003C,a@a.co,,C,)'])
    // what cannot be: a page in which a value stands twice
    await write([{ id: '003D', values: { email: 'd@a.co' } }, {
      id: '003E',
      values: { email: 'd@a.co' },
    }])
    assert.deepEqual((await held()).slice(3), ['(003D,,,,)', '(003E,d@a.co,,,)'])
  })

  test('an index that a person has made takes no key from anybody', async () => {
    const { client, owner } = context.fixture
    await owner.run('create unique index on salesforce.contacts (name)')
    try {
      const rows = [{ id: '003C', values: { name: 'Ada' } }]
      const options = { table: keyed, operation: 'upsert', rows, ticketKey } as const
      await refused(applyRows(client.sql, options), '23505')
      await applyRows(client.sql, { ...options, upsertBy: 'name' })
      assert.deepEqual(await held(), [
        '(003A,a@a.co,10.00,,x)',
        '(003B,b@a.co,20.00,Bob,y)',
        '(003C,,,Ada,)',
      ])
    } finally {
      await owner.run('drop index salesforce.contacts_name_idx')
    }
  })

  test('what the platform holds once has a unique index, made once and dropped when it is no longer so', async () => {
    const { owner } = context.fixture
    const table = (name: string, upsert: 'unique' | 'loose'): SyncedTable => ({
      ...contacts,
      name,
      columns: [column('id', 'text'), column('Key', 'text', { upsert }), column('a', 'text')],
    })
    const indexes = async (name: string) => {
      const rows = await owner.run(
        `select indexdef from pg_indexes where tablename = $1::text and indexname !~ 'pkey' order by 1`,
        [name],
      )
      return rows.map((row) => String(row['indexdef']).replace(/^.*USING/, 'USING'))
    }
    await ensureTable(owner.sql, table('once', 'unique'))
    assert.deepEqual(await indexes('once'), ['USING btree ("Key")'])
    await ensureTable(owner.sql, table('once', 'unique'))
    assert.deepEqual(await indexes('once'), ['USING btree ("Key")'])
    await ensureTable(owner.sql, table('once', 'loose'))
    assert.deepEqual(await indexes('once'), [])
    await seed(owner, table('once', 'loose'), `('1', 'k', ''), ('2', 'k', '')`)
    await ensureTable(owner.sql, table('once', 'unique'))
    assert.deepEqual(
      await indexes('once'),
      [],
      'a table that is out of date is synced all the same',
    )
    await clear(owner, table('once', 'loose'))
    await owner.run('create unique index theirs on salesforce.once ("Key")')
    await ensureTable(owner.sql, table('once', 'unique'))
    await ensureTable(owner.sql, table('once', 'loose'))
    assert.deepEqual(await indexes('once'), ['USING btree ("Key")'], 'a person’s index stays')
  })
}

/** Until the backend waits for a lock. */
async function waiting(session: Session, pid: number): Promise<void> {
  const until = Date.now() + 60_000
  while (Date.now() < until) {
    const [row] = await session.run(
      `select wait_event_type as waits from pg_stat_activity where pid = $1::text::int`,
      [String(pid)],
    )
    if (row?.['waits'] === 'Lock') return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.fail('nobody waits')
}
