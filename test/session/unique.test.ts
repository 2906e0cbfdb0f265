// Goal: where a table that may be behind its platform refuses a value, the client hears Postgres's own error and the way out.
// Method: node-postgres through a real listener, with a unique index of ours and one of somebody else's.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type pg from 'pg'
import { uniqueAbout } from '../../src/database/functions.ts'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

const errorOf = (work: Promise<unknown>): Promise<pg.DatabaseError> =>
  work.then(() => assert.fail('it was accepted'), (thrown: unknown) => thrown as pg.DatabaseError)

describe('a value that the table has already', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    await stage.sql.unsafe(`create unique index ours on salesforce.contacts (email);
      comment on index salesforce.ours is '${uniqueAbout}';
      create unique index theirs on salesforce.contacts (last_name)`)
  })
  after(() => stage.close())
  beforeEach(async () => {
    await stage.empty()
    stage.carry = acceptAll()
    await withClient(
      stage,
      (client) =>
        client.query(`insert into salesforce.contacts (email, last_name) values ('a@x', 'A')`),
    )
    stage.sent.length = 0
  })

  test('is refused with a hint where the index is ours, in every form', async () => {
    const insert = `insert into salesforce.contacts (email) values ('a@x')`
    const texts = [insert, `explain ${insert}`, `select 1; ${insert}`, `begin; ${insert}`]
    await withClient(stage, async (client) => {
      for (const text of texts) {
        const error = await errorOf(client.query(text))
        assert.equal(error.code, '23505')
        assert.equal(error.message, 'duplicate key value violates unique constraint "ours"')
        assert.equal(error.detail, 'Key (email)=(a@x) already exists.')
        assert.deepEqual([error.schema, error.table, error.constraint], [
          'salesforce',
          'contacts',
          'ours',
        ])
        assert.match(
          error.hint ?? '',
          /^Another row has the value\. If no record at salesforce has it any more, the table is behind: an INSERT with ON CONFLICT \("email"\) DO UPDATE .*; else try again .*\. Nothing was sent\.$/,
        )
        await client.query('rollback')
      }
    })
    assert.deepEqual(stage.sent, [])
  })

  test('an UPDATE whose rows get in each other’s way is not told to be an INSERT', async () => {
    await withClient(stage, async (client) => {
      await client.query(`insert into salesforce.contacts (email, last_name) values ('b@x', 'B')`)
      stage.sent.length = 0
      const error = await errorOf(client.query(`update salesforce.contacts set email = 'c@x'`))
      assert.equal(error.code, '23505')
      assert.match(
        error.hint ?? '',
        /^Another row has the value\. If .*, the table is behind: try again .*\. Nothing was sent\.$/,
      )
      assert.doesNotMatch(error.hint ?? '', /INSERT/)
    })
    assert.deepEqual(stage.sent, [])
  })

  test('and what the hint says works: the row that is behind gives way to what the platform has', async () => {
    const values = { email: 'a@x', last_name: 'B' }
    const rows = [{ ordinal: 1, id: '003000000000000777', values }]
    stage.carry = () => Promise.resolve({ state: 'accepted', rows })
    await withClient(stage, (client) =>
      client.query(
        `insert into salesforce.contacts (email, last_name) values ('a@x', 'B')
          on conflict (email) do update set last_name = excluded.last_name`,
      ))
    assert.equal(stage.sent[0]?.upsertBy, 'email')
    const found = await stage.sql`
      select email, last_name from salesforce.contacts order by last_name`
    assert.deepEqual(found.map((row) => ({ ...row })), [values])
  })

  test('is refused in the words of Postgres alone where the index is somebody else’s', async () => {
    await withClient(stage, async (client) => {
      const error = await errorOf(
        client.query(`insert into salesforce.contacts (last_name) values ('A')`),
      )
      assert.deepEqual([error.code, error.constraint, error.hint], ['23505', 'theirs', undefined])
    })
  })

  test('in another encoding the hint can be read too', async () => {
    await withClient(stage, async (client) => {
      await client.query(`set client_encoding = 'LATIN1'`)
      const error = await errorOf(
        client.query(`insert into salesforce.contacts (email) values ('a@x')`),
      )
      assert.match(error.hint ?? '', /^[\x20-\x7e]+$/)
    })
  })
})
