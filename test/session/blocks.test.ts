// Goal: a mutation keeps to what a session has set: its transaction's mode, its role and its policies, its time limits; and
// savepoints around it mean what they say. Method: node-postgres and raw frames through a real listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import type { Outcome } from '../../src/mutation/mutation.ts'
import { fault } from '../../src/mutation/fault.ts'
import { acceptAll, createStage, type Stage, withClient } from '../help/stage.ts'

const insert = (name: string): string =>
  `insert into salesforce.contacts (last_name) values ('${name}')`

describe('a mutation in its session and transaction', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
    const { role } = stage
    await stage.sql.unsafe(`
      create role ${role}_clerk;
      grant ${role}_clerk to ${role};
      grant usage on schema salesforce to ${role}_clerk;
      grant select, insert, update, delete on salesforce.contacts to ${role}_clerk`)
  })
  after(async () => {
    const { role } = stage
    await stage.sql.unsafe(`drop owned by ${role}_clerk; drop role ${role}_clerk`)
    await stage.close()
  })
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
  })
  const error = async (work: Promise<unknown>): Promise<pg.DatabaseError> => {
    try {
      await work
    } catch (thrown) {
      return thrown as pg.DatabaseError
    }
    assert.fail('it was accepted')
  }
  const names = async (): Promise<string[]> =>
    (await stage.sql`select last_name from salesforce.contacts order by 1`)
      .map((row) => String(row['last_name']))

  test('savepoints: the mutation stays, the others’ writes go', async () => {
    await withClient(stage, async (client) => {
      await client.query('begin')
      await client.query('insert into public.plain values (1)')
      await client.query('savepoint s')
      await client.query('insert into public.plain values (2)')
      await client.query(insert('stays'))
      await client.query('rollback to s')
      await client.query('release s')
      const { rows } = await client.query('select id from public.plain')
      assert.deepEqual(rows, [{ id: 1 }])
      await client.query('delete from public.plain')
      await client.query('commit')
    })
    assert.deepEqual(await names(), ['stays'])
  })

  test('after a refusal ROLLBACK TO a savepoint makes the block usable again', async () => {
    const data = fault('validation_error', { platform: 'salesforce' }).data
    stage.carry = () => Promise.resolve({ state: 'refused', fault: data })
    await withClient(stage, async (client) => {
      await client.query('begin')
      await client.query('savepoint s')
      assert.equal((await error(client.query(insert('no')))).code, '23514')
      assert.equal((await error(client.query(insert('no')))).code, '25P02')
      await client.query('rollback to s')
      stage.carry = acceptAll()
      await client.query(insert('yes'))
      await client.query('commit')
    })
    assert.equal(stage.sent.length, 2)
    assert.deepEqual(await names(), ['yes'])
  })

  test('READ ONLY refuses it in Postgres’s words, which name the verb; nothing is sent', async () => {
    await withClient(stage, async (client) => {
      await client.query(insert('a'))
      stage.sent.length = 0
      const verbs: readonly [text: string, verb: string][] = [
        [insert('b'), 'INSERT'],
        [`update salesforce.contacts set email = 'x'`, 'UPDATE'],
        ['delete from salesforce.contacts', 'DELETE'],
        [`with d as (delete from salesforce.contacts returning id) select * from d`, 'SELECT'],
      ]
      const check = async (text: string, verb: string, values?: unknown[]) => {
        const thrown = await error(
          values === undefined ? client.query(text) : client.query(text, values),
        )
        const message = `cannot execute ${verb} in a read-only transaction`
        assert.deepEqual([thrown.code, thrown.message], ['25006', message])
      }
      for (const [text, verb] of verbs) {
        await client.query('begin read only')
        await check(text, verb)
        await client.query('rollback')
        await client.query('set default_transaction_read_only = on')
        await check(text, verb)
        await check(text, verb, [])
        await client.query('set default_transaction_read_only = off')
      }
      await client.query('begin isolation level serializable read only deferrable')
      await check(insert('b'), 'INSERT')
      await client.query('rollback')
      assert.equal((await client.query(insert('b'))).rowCount, 1)
    })
    assert.equal(stage.sent.length, 1)
  })

  test('in a serializable or repeatable-read block it is carried out, and not seen there', async () => {
    await withClient(stage, async (client) => {
      for (const level of ['repeatable read', 'serializable', 'serializable deferrable']) {
        await client.query(`begin isolation level ${level}`)
        const before = await client.query('select count(*) from salesforce.contacts')
        const { rowCount } = await client.query(`${insert(level)} returning id`)
        assert.equal(rowCount, 1)
        const seen = await client.query('select count(*) from salesforce.contacts')
        assert.deepEqual(seen.rows, before.rows)
        await client.query('commit')
      }
    })
    assert.equal((await names()).length, 3)
  })

  test('a temporary table in a block is told of, with the way round', async () => {
    await withClient(stage, async (client) => {
      await client.query(`create temp table "Some names" as select 'a' as name`)
      const text = 'insert into salesforce.contacts (last_name) select name from "Some names"'
      assert.equal((await client.query(text)).rowCount, 1)
      for (const values of [undefined, []]) {
        await client.query('begin')
        const thrown = await error(client.query({ text, ...(values ? { values } : {}) }))
        assert.equal(thrown.code, '0A000')
        assert.match(thrown.message, /temporary table "Some names"/)
        assert.match(thrown.hint ?? '', /outside a transaction block/)
        await client.query('rollback')
      }
      await client.query('begin')
      const other = await error(client.query(text.replace('Some names', 'nosuch')))
      assert.equal(other.code, '42P01')
      await client.query('rollback')
    })
    assert.equal(stage.sent.length, 1)
  })

  test('the role’s policies hold in plan and in apply, on both connections', async () => {
    await stage.sql.unsafe(`alter table salesforce.contacts enable row level security;
      create policy mine on salesforce.contacts using (last_name <> 'secret') with check (email is distinct from 'no')`)
    try {
      await withClient(stage, async (client) => {
        await client.query(insert('open'))
        await client.query(`set role ${stage.role}_clerk`)
        for (const block of ['select 1', 'begin']) {
          stage.sent.length = 0
          await client.query(block)
          assert.equal((await client.query(insert('also'))).rowCount, 1)
          const checked = await error(
            client.query(`insert into salesforce.contacts (last_name, email) values ('x', 'no')`),
          )
          assert.equal(checked.code, '42501')
          if (block === 'begin') await client.query('rollback')
          assert.equal(stage.sent.length, 1)
        }
        // superuser writes past the policy, as the sync process would
        await stage.sql.unsafe(`alter table salesforce.contacts disable trigger all;
          insert into salesforce.contacts (id, last_name) values ('003secret', 'secret')`)
        await stage.sql.unsafe(
          ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
            .map((when) =>
              `alter table salesforce.contacts enable always trigger "~sluice_${when}"`
            )
            .join(';'),
        )
        stage.sent.length = 0
        await client.query('begin')
        assert.equal((await client.query(`update salesforce.contacts set score = 1`)).rowCount, 3)
        await client.query('commit')
        assert.equal((await client.query('delete from salesforce.contacts')).rowCount, 3)
        assert.ok(stage.sent.every(({ rows }) => rows.every(({ id }) => id !== '003secret')))
      })
      assert.deepEqual(await names(), ['secret'])
    } finally {
      await stage.sql.unsafe(
        `drop policy mine on salesforce.contacts; alter table salesforce.contacts disable row level security`,
      )
    }
  })

  test('a role that may not write is refused by Postgres before anything is sent', async () => {
    await stage.sql.unsafe(`revoke insert on salesforce.contacts from ${stage.role}_clerk`)
    await withClient(stage, async (client) => {
      await client.query(`set role ${stage.role}_clerk`)
      assert.equal((await error(client.query(insert('x')))).code, '42501')
      await client.query('begin')
      assert.equal((await error(client.query(insert('x')))).code, '42501')
      await client.query('rollback')
    })
    await stage.sql.unsafe(`grant insert on salesforce.contacts to ${stage.role}_clerk`)
    assert.equal(stage.sent.length, 0)
  })

  test('statement_timeout bounds the wait for the platform and is told as a time limit to it', async () => {
    const waits: number[] = []
    const accept = acceptAll()
    stage.carry = (mutation, options) => {
      waits.push(options.waitMs)
      return accept(mutation, options)
    }
    await withClient(stage, async (client) => {
      await client.query(`set statement_timeout = '40s'`)
      await client.query(insert('a'))
      await client.query('begin')
      await client.query(`set local statement_timeout = '30s'`)
      await client.query(insert('b'))
      await client.query('commit')
    })
    assert.deepEqual(waits, [40_000, 30_000])
  })

  test('lock_timeout and statement_timeout end a wait for a row before anything is sent', async () => {
    await withClient(stage, async (client) => {
      await client.query(insert('locked'))
      stage.sent.length = 0
      await stage.sql.begin(async (holder) => {
        await holder`select from salesforce.contacts for update`
        const update = `update salesforce.contacts set email = 'x'`
        for (const block of ['select 1', 'begin']) {
          await client.query(block)
          await client.query(`set lock_timeout = '50ms'`)
          assert.equal((await error(client.query(update))).code, '55P03')
          if (block === 'begin') await client.query('rollback')
          await client.query('reset lock_timeout')
          await client.query(block)
          // it holds for what undoes it, too
          await client.query(`set statement_timeout = '1s'`)
          assert.equal((await error(client.query(update))).code, '57014')
          if (block === 'begin') await client.query('rollback')
          await client.query('reset statement_timeout')
        }
      })
      assert.equal(stage.sent.length, 0)
      assert.equal((await client.query(`update salesforce.contacts set email = 'x'`)).rowCount, 1)
    })
  })

  test('idle_in_transaction_session_timeout does not end a session that waits for the platform', async () => {
    let alive: boolean | null = null
    const slow = acceptAll()
    const attempt = () =>
      withClient(stage, async (client) => {
        await stage.empty()
        const pid = (await client.query('select pg_backend_pid() as pid')).rows[0].pid
        await client.query(`set idle_in_transaction_session_timeout = '1s'`)
        stage.carry = async (mutation, options): Promise<Outcome> => {
          // longer than the limit, by the database's own clock
          await stage.sql`select pg_sleep(1.5)`
          alive = (await stage.sql`select from pg_stat_activity where pid = ${pid}`).length === 1
          return await slow(mutation, options)
        }
        await client.query('begin')
        const first = await client.query(insert('a'))
        const { rows } = await client.query('show idle_in_transaction_session_timeout')
        await client.query('commit')
        const second = await client.query(insert('b'))
        return { counts: [first.rowCount, second.rowCount], rows, names: await names() }
      })
    let found: unknown
    for (let tries = 0; tries < 10; tries++) {
      let ended = false
      found = await attempt().catch((error: unknown) => {
        ended = true
        return error
      })
      assert.notEqual(alive, false, 'it ended while the platform worked')
      // on a slow machine it may run out between two statements, as it is meant to
      if (!ended) break
    }
    assert.deepEqual(found, {
      counts: [1, 1],
      rows: [{ idle_in_transaction_session_timeout: '1s' }],
      names: ['a', 'b'],
    })
  })
})
