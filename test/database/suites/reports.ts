// What a plan reports when a statement has many rows, large ones, or a table that has just changed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planReportState } from '../../../src/database/index.ts'
import { clear, contacts, inTransaction, seed } from '../fixture.ts'
import type { Context } from './context.ts'

const rowCount = 300

export function reportsSuite(context: Context): void {
  test('rows of an UPDATE are reported in order, each with what it was', async () => {
    const { client, owner } = context.fixture
    await clear(owner)
    const values = Array.from({ length: rowCount }, (_, row) => `('003${row}', 'e${row}', ${row})`)
    await seed(owner, contacts, values.join(', '))
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan(
        `update salesforce.contacts set email = email || '!'`,
        { rowsMax: rowCount },
      )
      assert.equal(planned, rowCount)
      assert.deepEqual(
        reports.map((
          { ordinal, id, row, before },
        ) => [ordinal, id, row['email'], before?.['email']]),
        values.map((_, row) => [row + 1, `003${row}`, `e${row}!`, `e${row}`]),
      )
    })
    await clear(owner)
  })

  test('large rows come in several reports, small ones in one', async () => {
    const { client } = context.fixture
    const insert = (length: number) =>
      `insert into salesforce.contacts (email, amount)
      select repeat('é', ${length}), n from generate_series(1, 20) n`
    for (const [length, reportCount] of [[1, 1], [10_000, 7], [100_000, 20]] as const) {
      await inTransaction(client, async () => {
        const { reports, planned } = await client.plan(insert(length))
        assert.equal(planned, 20)
        assert.deepEqual(
          reports.map(({ ordinal, row }) => [ordinal, row['amount'], row['email']?.length]),
          reports.map((_, row) => [row + 1, String(row + 1), length]),
        )
        const notices = client.notices.filter(({ code }) => code === planReportState)
        assert.equal(notices.length, reportCount)
      })
    }
  })

  test('one statement of a function after another: each row is counted and reported once', async () => {
    const { client } = context.fixture
    await client.run(`create or replace function own.three_times() returns void language sql as $$
      insert into salesforce.contacts (email) values ('a'), ('b');
      insert into salesforce.contacts (email) values ('c');
      insert into salesforce.contacts (email) select 'd' where false;
    $$`)
    await inTransaction(client, async () => {
      const { reports, planned } = await client.plan('select own.three_times()', { rowsMax: 1 })
      assert.equal(planned, 3)
      assert.deepEqual(reports.map(({ ordinal, row }) => [ordinal, row['email']]), [
        [1, 'a'],
        [2, 'b'],
      ])
    })
  })

  test('a column that is added, or dropped, is in the next report of the same session', async () => {
    const { client, owner } = context.fixture
    const columns = async () => {
      let names: string[] = []
      await inTransaction(client, async () => {
        const { reports } = await client.plan(
          `insert into salesforce.contacts (email) values ('x')`,
        )
        names = Object.keys(reports[0]?.row ?? {}).sort()
      })
      return names
    }
    assert.deepEqual(await columns(), ['email', 'id'])
    await owner.run(`alter table salesforce.contacts add column note text default 'n'`)
    assert.deepEqual(await columns(), ['email', 'id', 'note'])
    await owner.run('alter table salesforce.contacts drop column note')
    assert.deepEqual(await columns(), ['email', 'id'])
  })
}
