// applyRows: for the sync process and recovery, as an ordinary role.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { beforeEach, test } from 'node:test'
import { applyRows } from '../../../src/database/index.ts'
import {
  clear,
  close,
  contacts,
  inTransaction,
  openApply,
  refused,
  rowsOf,
  seed,
  ticketKey,
} from '../fixture.ts'
import type { Context } from './context.ts'

const upsert = { table: contacts, operation: 'upsert', ticketKey } as const
const remove = { table: contacts, operation: 'delete', ticketKey } as const

export function rowsSuite(context: Context): void {
  beforeEach(async () => {
    await clear(context.fixture.client)
    await seed(context.fixture.client, contacts, `('003A', 'a@a.co', 10.00, 'Ada')`)
  })

  test('upsert inserts and updates by id and leaves columns alone that a row does not have', async () => {
    const { client } = context.fixture
    const changed = await applyRows(client.sql, {
      ...upsert,
      rows: [
        { id: '003A', values: { email: 'A', nonsense: 'x' } },
        { id: '003B', values: { email: 'b', amount: '1.10', name: null } },
        { id: '003C', values: {} },
      ],
    })
    assert.equal(changed, 3)
    assert.deepEqual(await rowsOf(client), ['(003A,A,10.00,Ada)', '(003B,b,1.10,)', '(003C,,,)'])
  })

  test('a row that is as given already is not written again', async () => {
    const { client } = context.fixture
    const version = async () => (await client.run('select xmin::text from salesforce.contacts'))[0]
    const before = await version()
    const same = { id: '003A', values: { email: 'a@a.co', amount: '10.00', name: 'Ada' } }
    assert.equal(await applyRows(client.sql, { ...upsert, rows: [same] }), 0)
    assert.deepEqual(await version(), before)
    const finer = { id: '003A', values: { amount: '10.000' } }
    assert.equal(await applyRows(client.sql, { ...upsert, rows: [finer] }), 1)
    assert.deepEqual(await rowsOf(client), ['(003A,a@a.co,10.000,Ada)'])
  })

  test('of rows with the same id the last one counts', async () => {
    const { client } = context.fixture
    const rows = ['1', '2', '3'].map((amount) => ({ id: '003A', values: { amount } }))
    assert.equal(await applyRows(client.sql, { ...upsert, rows }), 1)
    assert.deepEqual(await rowsOf(client), ['(003A,a@a.co,3,Ada)'])
  })

  test('delete removes by id and counts what was there', async () => {
    const { client } = context.fixture
    const rows = ['003A', 'gone', 'a"b'].map((id) => ({ id, values: null }))
    assert.equal(await applyRows(client.sql, { ...remove, rows }), 1)
    assert.deepEqual(await rowsOf(client), [])
  })

  test('more rows than go in one statement are one transaction', async () => {
    const { client } = context.fixture
    const rows = Array.from({ length: 1201 }, (_, index) => ({
      id: `003R${index}`,
      values: { email: String(index) },
    }))
    assert.equal(await applyRows(client.sql, { ...upsert, rows }), 1201)
    const bad = [...rows, { id: '003Z', values: { name: 'x'.repeat(81) } }]
      .map((row) => ({ ...row, values: { ...row.values, email: 'other' } }))
    await refused(applyRows(client.sql, { ...upsert, rows: bad }), '22001')
    const [row] = await client.run(
      `select count(*)::int as n from salesforce.contacts where email = 'other'`,
    )
    assert.equal(row?.['n'], 0)
    assert.equal(await applyRows(client.sql, { ...remove, rows }), 1201)
  })

  test('no rows are no work', async () => {
    const { client } = context.fixture
    assert.equal(await applyRows(client.sql, { ...upsert, rows: [] }), 0)
  })

  test('a mutation is applied once, by whoever comes first', async () => {
    const { client, owner } = context.fixture
    const mutationId = randomUUID()
    const rows = [{ id: '003A', values: { email: 'first' } }]
    const again = [{ id: '003A', values: { email: 'second' } }]
    assert.equal(await applyRows(client.sql, { ...upsert, rows, mutationId, syncId: 'sync_x' }), 1)
    assert.equal(await applyRows(client.sql, { ...upsert, rows: again, mutationId }), 0)
    assert.deepEqual(await rowsOf(client), ['(003A,first,10.00,Ada)'])
    const noted = await owner.run(
      `select sync_id, schema_name, table_name, operation, rows from sluice.applied where id = '${mutationId}'`,
    )
    assert.deepEqual([...noted], [{
      sync_id: 'sync_x',
      schema_name: 'salesforce',
      table_name: 'contacts',
      operation: 'upsert',
      rows: 1,
    }])
  })

  test('recovery and the engine at the same time: one of them applies', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    const mutationId = randomUUID()
    await client.run('begin isolation level repeatable read')
    await openApply(client, {
      operation: 'update',
      id: mutationId,
      rows: [{ ordinal: 1, id: '003A', values: { email: 'engine', amount: '1', name: 'E' } }],
    })
    await client.run(`update salesforce.contacts set email = 'x'`)
    await close(client, { operation: 'update', rows: 1, id: mutationId })
    const rows = [{ id: '003A', values: { email: 'recovery' } }]
    const recovery = applyRows(other.sql, { ...upsert, rows, mutationId })
    const waiting = async () => {
      const watcher = context.fixture.owner
      const [row] = await watcher.run(
        `select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = ${other.pid}`,
      )
      return row?.['waits'] === true
    }
    const until = Date.now() + 60_000
    while (!await waiting()) {
      assert.ok(Date.now() < until, 'recovery never waited for the engine')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await client.run('commit')
    assert.equal(await recovery, 0)
    assert.deepEqual(await rowsOf(client), ['(003A,engine,1,E)'])
  })

  test('it waits for a lock no longer than it was told', async () => {
    const { client } = context.fixture
    const other = await context.fixture.connect()
    await inTransaction(client, async () => {
      await client.run('select from salesforce.contacts for update')
      const rows = [{ id: '003A', values: { email: 'x' } }]
      const start = Date.now()
      await refused(applyRows(other.sql, { ...upsert, rows, waitMs: 50 }), '57014')
      assert.ok(Date.now() - start < 60_000)
    })
    assert.deepEqual(await rowsOf(client), ['(003A,a@a.co,10.00,Ada)'])
  })

  test('a wrong key writes nothing', async () => {
    const { client } = context.fixture
    const rows = [{ id: '003A', values: { email: 'x' } }]
    const wrong = new Uint8Array(32)
    await refused(applyRows(client.sql, { ...upsert, rows, ticketKey: wrong }), '42501')
    assert.deepEqual(await rowsOf(client), ['(003A,a@a.co,10.00,Ada)'])
  })
}
