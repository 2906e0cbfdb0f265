// The five modes × INSERT, UPDATE, DELETE, TRUNCATE, as an ordinary role.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { planSeal } from '../../../src/database/index.ts'
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
  ticketKey,
} from '../fixture.ts'
import type { Context } from './context.ts'

const insert = `insert into salesforce.contacts (email, amount) values ('new@a.co', 1.50)`
const update = `update salesforce.contacts set email = 'changed@a.co' where id = '003A'`
const remove = `delete from salesforce.contacts where id = '003A'`
const first = ['(003A,a@a.co,10.00,Ada)', '(003B,b@a.co,20.00,Bob)']

export function modesSuite(context: Context): void {
  beforeEach(async () => {
    await clear(context.fixture.client)
    await seed(
      context.fixture.client,
      contacts,
      `('003A', 'a@a.co', 10.00, 'Ada'), ('003B', 'b@a.co', 20.00, 'Bob')`,
    )
    await context.fixture.owner.run('delete from sluice.applied')
  })

  test('none: every write is refused and says which table and what to do', async () => {
    const { client, owner } = context.fixture
    for (const session of [client, owner]) {
      for (const text of [insert, update, remove]) {
        const error = await refused(
          session.run(text),
          'SL002',
          'mutations on a synced table must go through Sluice',
        )
        assert.equal(error['schema_name'], 'salesforce')
        assert.equal(error['table_name'], 'contacts')
        assert.match(String(error['hint']), /^Connect through the proxy/)
      }
    }
    await refused(owner.run('truncate salesforce.contacts'), 'SL002')
    await refused(client.run('truncate salesforce.contacts'), '42501') // it has no such privilege
    assert.deepEqual(await rowsOf(client), first)
  })

  test('none: a statement that touches no row is Postgres as ever', async () => {
    const { client } = context.fixture
    const done = await client.run(`update salesforce.contacts set email = 'x' where id = 'nobody'`)
    assert.equal(done.count, 0)
  })

  test('lock: nothing changes and the row stays locked until the transaction ends', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect('owner')
    await client.run('begin')
    await client.open('lock')
    assert.equal((await client.run(insert)).count, 0)
    assert.equal((await client.run(remove)).count, 0)
    assert.equal((await client.run(update)).count, 0)
    const nowait = (id: string) =>
      other.run(`select from salesforce.contacts where id = '${id}' for update nowait`)
    await refused(nowait('003A'), '55P03')
    await nowait('003B')
    await client.run('commit')
    await nowait('003A')
    assert.deepEqual(await rowsOf(client), first)
  })

  test('plan: an INSERT is reported with a placeholder for its id and nothing is kept', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(insert)
      assert.equal(planned, 1)
      assert.deepEqual(reports, [{
        schema: 'salesforce',
        table: 'contacts',
        operation: 'insert',
        ordinal: 1,
        id: null,
        row: { id: null, email: 'new@a.co', amount: '1.50' },
        before: null,
        seal: planSeal(ticketKey, { mutationId, pid: client.pid }),
      }])
      assert.deepEqual(await rowsOf(client), first)
    })
  })

  test('plan: an UPDATE is reported with the row before and after', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(
        `update salesforce.contacts set amount = amount + 1`,
      )
      assert.equal(planned, 2)
      assert.deepEqual(reports.map((report) => ({ ...report, seal: undefined })), [
        {
          schema: 'salesforce',
          table: 'contacts',
          operation: 'update',
          ordinal: 1,
          id: '003A',
          row: { id: '003A', email: 'a@a.co', amount: '11.00', name: 'Ada' },
          before: { id: '003A', email: 'a@a.co', amount: '10.00', name: 'Ada' },
          seal: undefined,
        },
        {
          schema: 'salesforce',
          table: 'contacts',
          operation: 'update',
          ordinal: 2,
          id: '003B',
          row: { id: '003B', email: 'b@a.co', amount: '21.00', name: 'Bob' },
          before: { id: '003B', email: 'b@a.co', amount: '20.00', name: 'Bob' },
          seal: undefined,
        },
      ])
      assert.deepEqual(await rowsOf(client), first)
    })
  })

  test('plan: a DELETE is reported with the row as it was', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(remove)
      assert.equal(planned, 1)
      assert.equal(reports[0]?.operation, 'delete')
      assert.equal(reports[0]?.id, '003A')
      assert.deepEqual(reports[0]?.before, {
        id: '003A',
        email: 'a@a.co',
        amount: '10.00',
        name: 'Ada',
      })
      assert.deepEqual(await rowsOf(client), first)
    })
  })

  test('plan: an id that the statement gave is reported, not replaced', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports } = await client.plan(
        `insert into salesforce.contacts (id, email) values ('003X', 'x'), (default, 'y')`,
      )
      assert.deepEqual(reports.map(({ id, ordinal }) => [id, ordinal]), [['003X', 1], [null, 2]])
    })
  })

  test('plan: an id that looks like a placeholder is refused', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const error = await refused(
        client.plan(`insert into salesforce.contacts (id, email) values ('-1', 'x')`),
        '428C9',
      )
      assert.equal(error['column_name'], 'id')
    })
  })

  test('plan: beyond rows_max + 1 rows are counted and no longer reported', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(
        `insert into salesforce.contacts (email) select g::text from generate_series(1, 10) g`,
        { rowsMax: 3 },
      )
      assert.equal(planned, 10)
      assert.deepEqual(reports.map(({ ordinal }) => ordinal), [1, 2, 3, 4])
    })
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(`delete from salesforce.contacts`, {
        rowsMax: 0,
      })
      assert.deepEqual([reports.length, planned], [1, 2])
    })
  })

  test('plan: reports arrive whatever client_min_messages says', async () => {
    const { client } = context.fixture
    await client.run(`set client_min_messages = error`)
    await inTransaction(client, async () => {
      assert.equal((await client.plan(remove)).reports.length, 1)
    })
    await client.run(`reset client_min_messages`)
  })

  test('plan: it cannot be committed', async () => {
    const { client } = context.fixture
    await client.run('begin')
    await client.open('plan')
    await client.run(insert)
    await refused(client.run('commit'), 'SLOPN', 'a plan cannot be committed')
    assert.deepEqual(await rowsOf(client), first)
    assert.equal((await client.run('select 1 as one'))[0]?.['one'], 1)
  })

  test('plan: two sessions that plan inserts do not wait for each other', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    await other.run(`set lock_timeout = '60s'`)
    await client.run('begin')
    await client.open('plan')
    await client.run(insert)
    await other.run('begin')
    assert.equal((await other.plan(insert)).planned, 1)
    await other.run('rollback')
    await client.run('rollback')
  })

  test("apply: INSERT holds the platform's row", async () => {
    const { client } = context.fixture
    await client.run('begin')
    await openApply(client, {
      operation: 'insert',
      rows: [{
        ordinal: 1,
        id: '003C',
        values: { id: '003C', email: 'NEW@a.co', amount: '1.5', name: 'New' },
      }],
    })
    const done = await client.run(`${insert} returning *`)
    assert.deepEqual([...done], [{ id: '003C', email: 'NEW@a.co', amount: '1.5', name: 'New' }])
    assert.equal(await close(client, { operation: 'insert', rows: 1 }), 0)
    await client.run('commit')
    assert.deepEqual(await rowsOf(client), [...first, '(003C,NEW@a.co,1.5,New)'])
  })

  test("apply: UPDATE holds the platform's row and leaves a row alone that was not planned", async () => {
    const { client } = context.fixture
    await client.run('begin')
    await openApply(client, {
      operation: 'update',
      rows: [{
        ordinal: 1,
        id: '003B',
        values: { id: '003B', email: 'B@a.co', amount: '99', name: 'Bob' },
      }],
    })
    const done = await client.run(
      `update salesforce.contacts set email = 'mine' returning id, email`,
    )
    assert.deepEqual([...done], [{ id: '003B', email: 'B@a.co' }])
    assert.equal(await close(client, { operation: 'update', rows: 1 }), 0)
    await client.run('commit')
    assert.deepEqual(await rowsOf(client), [first[0], '(003B,B@a.co,99,Bob)'])
  })

  test('apply: DELETE removes what was planned and nothing else', async () => {
    const { client } = context.fixture
    await client.run('begin')
    await openApply(client, {
      operation: 'delete',
      rows: [{ ordinal: 1, id: '003A', values: null }],
    })
    assert.equal((await client.run(`delete from salesforce.contacts`)).count, 1)
    assert.equal(await close(client, { operation: 'delete', rows: 1 }), 0)
    await client.run('commit')
    assert.deepEqual(await rowsOf(client), [first[1]])
  })

  test('apply: other operations, other tables and rows without a number are left alone', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      await openApply(client, {
        operation: 'insert',
        rows: [{ ordinal: 1, id: '7', values: { email: 'p' } }],
      })
      assert.equal((await client.run(update)).count, 0)
      assert.equal((await client.run(remove)).count, 0)
      assert.equal((await client.run(`insert into github.issues (title) values ('t')`)).count, 0)
      assert.equal((await client.run(insert)).count, 1)
      assert.equal((await client.run(insert)).count, 0)
    })
  })

  test('apply: rows planned for an UPDATE are neither deleted nor inserted', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      const rows = [{ ordinal: 1, id: '003A', values: { email: 'x' } }]
      await openApply(client, { operation: 'update', rows })
      assert.equal((await client.run(remove)).count, 0)
      assert.equal((await client.run(insert)).count, 0)
      assert.equal((await client.run(update)).count, 1)
    })
  })

  test('apply: it cannot be committed without close', async () => {
    const { client } = context.fixture
    await client.run('begin')
    await openApply(client, {
      operation: 'delete',
      rows: [{ ordinal: 1, id: '003A', values: null }],
    })
    await client.run(remove)
    await refused(
      client.run('commit'),
      'SLOPN',
      `mutation ${mutationId} was applied and not closed`,
    )
    assert.deepEqual(await rowsOf(client), first)
  })

  test('apply: after close the mode is none', async () => {
    const { client } = context.fixture
    await client.run('begin')
    await openApply(client, {
      operation: 'delete',
      rows: [{ ordinal: 1, id: '003A', values: null }],
    })
    await client.run(remove)
    await close(client, { operation: 'delete', rows: 1 })
    await refused(client.run(insert), 'SL002')
    await client.run('rollback')
  })

  test('sync: everything passes', async () => {
    const { client, owner } = context.fixture
    await client.run('begin')
    await client.open('sync')
    await client.run(`insert into salesforce.contacts (id, email) values ('003S', 's')`)
    await client.run(update)
    await client.run(`delete from salesforce.contacts where id = '003B'`)
    await client.run('commit')
    assert.deepEqual(await rowsOf(client), ['(003A,changed@a.co,10.00,Ada)', '(003S,s,,)'])
    await owner.run('begin')
    await owner.open('sync')
    await owner.run('truncate salesforce.contacts')
    await owner.run('commit')
    assert.deepEqual(await rowsOf(client), [])
  })

  test('TRUNCATE is refused in every mode but sync', async () => {
    const { owner } = context.fixture
    for (const mode of ['lock', 'plan', 'apply'] as const) {
      await inTransaction(owner, async () => {
        if (mode === 'apply') await openApply(owner, { operation: 'delete', rows: [] })
        else await owner.open(mode)
        const error = await refused(owner.run('truncate salesforce.contacts'), '0A000')
        assert.equal(error['hint'], 'Use DELETE.')
      })
    }
    assert.deepEqual(await rowsOf(owner), first)
  })

  test('a mode ends with its transaction', async () => {
    const { client } = context.fixture
    for (const end of ['commit', 'rollback']) {
      await client.run('begin')
      await client.open('sync')
      await client.run(end)
      await refused(client.run(insert), 'SL002')
    }
  })

  test('ROLLBACK TO brings back the mode of before', async () => {
    const { client } = context.fixture
    await inTransaction(client, async () => {
      await client.run('savepoint none')
      await client.open('lock')
      await client.run('savepoint lock')
      await client.open('plan')
      assert.equal((await client.run(insert)).count, 1)
      await client.run('rollback to lock')
      assert.equal((await client.run(insert)).count, 0)
      await client.run('rollback to none')
      await refused(client.run(insert), 'SL002')
    })
  })
}
