// Goal: a table whose triggers somebody has taken away is not written past Sluice, nor is anything sent that could not be applied:
// the client hears what is wrong and what to do. Method: each way of taking them away, each kind of statement, through a real
// listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { ensureTable } from '../../src/database/index.ts'
import { acceptAll, contacts, createStage, type Stage, withClient } from '../help/stage.ts'

const table = 'salesforce.contacts'

const ways: readonly (readonly [how: string, sql: string])[] = [
  ['dropped before', `drop trigger "~sluice_before" on ${table}`],
  ['dropped after insert', `drop trigger "~sluice_after_insert" on ${table}`],
  ['dropped after update', `drop trigger "~sluice_after_update" on ${table}`],
  ['dropped after delete', `drop trigger "~sluice_after_delete" on ${table}`],
  ['disabled', `alter table ${table} disable trigger "~sluice_before"`],
  ['not ALWAYS', `alter table ${table} enable trigger "~sluice_before"`],
  [
    'all dropped',
    ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
      .map((name) => `drop trigger "~sluice_${name}" on ${table}`).join('; '),
  ],
]

const statements = [
  `insert into ${table} (last_name) values ('Paul')`,
  `insert into ${table} (id, last_name) values ('003000000000000AAA', 'Paul')`,
  `insert into ${table} (last_name, email) values ('Paul', 'p@dune.co')
    on conflict (email) do update set last_name = excluded.last_name`,
  `update ${table} set last_name = 'Paul'`,
  `delete from ${table}`,
  `delete from ${table} where false`,
  `explain update ${table} set last_name = 'Paul'`,
]

describe('a table without its triggers', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    await stage.sql.unsafe(`create unique index on ${table} (email)`)
  })
  after(() => stage.close())
  beforeEach(async () => {
    await ensureTable(stage.sql, contacts, { role: stage.role })
    await stage.empty()
    stage.carry = acceptAll()
    await withClient(
      stage,
      (client) => client.query(`insert into ${table} (last_name) values ('Leto')`),
    )
    stage.sent.length = 0
  })

  const rows = async () =>
    (await stage.sql.unsafe(`select last_name from ${table}`)).map((row) => row['last_name'])

  for (const [how, sql] of ways) {
    test(`${how}: every statement is refused, and nothing is sent or written`, async () => {
      await stage.sql.unsafe(sql)
      await withClient(stage, async (client) => {
        for (const statement of statements) {
          await assert.rejects(client.query(statement), {
            code: 'SL002',
            message: `the triggers of ${table} were taken away, nothing was sent`,
            hint: 'The owner of the sync puts them back: sluice syncs repair --sync sync_stage1',
            schema: 'salesforce',
            table: 'contacts',
          }, statement)
        }
        assert.equal((await client.query(`select 1 from ${table}`)).rowCount, 1)
        assert.deepEqual([stage.sent, await rows()], [[], ['Leto']])
        await ensureTable(stage.sql, contacts, { role: stage.role })
        await client.query(`update ${table} set last_name = 'Paul'`)
      })
      assert.deepEqual([stage.sent.length, await rows()], [1, ['Paul']])
    })
  }

  test('a trigger that no mutation needs keeps none from going on', async () => {
    await stage.sql.unsafe(`drop trigger "~sluice_truncate" on ${table}`)
    await withClient(stage, (client) => client.query(`delete from ${table}`))
    assert.deepEqual([stage.sent.length, await rows()], [1, []])
  })

  test('a table or a schema that is gone or closed is what Postgres says it is', async () => {
    const cases = [
      [
        `alter table ${table} rename to others`,
        'alter table salesforce.others rename to contacts',
        '42P01',
      ],
      ['alter schema salesforce rename to gone', 'alter schema gone rename to salesforce', '42P01'],
      [
        `revoke usage on schema salesforce from ${stage.role}`,
        `grant usage on schema salesforce to ${stage.role}`,
        '42501',
      ],
    ] as const
    for (const [take, giveBack, code] of cases) {
      await withClient(stage, async (client) => {
        await stage.sql.unsafe(take)
        try {
          await assert.rejects(client.query(`delete from ${table}`), { code })
        } finally {
          await stage.sql.unsafe(giveBack)
        }
      })
    }
    assert.deepEqual(stage.sent, [])
  })
})
