// Goal: of a statement that the platform took in part, the rows that it took are in the table, the others are as they
// were, and the client hears which are which. Method: a real listener and a real Postgres; the played service refuses,
// loses or does not send rows by their last name.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import pg from 'pg'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, PlannedRow } from '../../src/mutation/mutation.ts'
import { outcomeOf, type RowResult } from '../../src/platforms/outcome.ts'
import { acceptAll, type Stage, withClient } from '../help/stage.ts'
import { stageHooks } from '../help/stage-hooks.ts'

const place = { platform: 'stripe', schema: 'salesforce', table: 'contacts' } as const

/** Rows whose `email` says so are refused, unknown or not sent; the others are accepted as `acceptAll` does. */
function takesSome(stage: Stage): void {
  const accept = acceptAll()
  stage.carry = async (mutation, options) => {
    const fate = (row: PlannedRow) => row.values['email'] ?? ''
    const taken = { ...mutation, rows: mutation.rows.filter((row) => !isFate(fate(row))) }
    const outcome = await accept(taken, options)
    assert.equal(outcome.state, 'accepted')
    const written = outcome.state === 'accepted' ? outcome.rows : []
    const results: RowResult[] = [
      ...written.map((row) => ({ state: 'written', ...row } as const)),
      ...mutation.rows.filter((row) => isFate(fate(row))).map((row) => resultOf(row, fate(row))),
    ]
    return outcomeOf(mutation, results, place)
  }
}

const isFate = (email: string) => ['refused', 'unknown', 'unsent'].includes(email)

function resultOf({ ordinal }: PlannedRow, fate: string): RowResult {
  if (fate === 'unsent') return { state: 'unsent', ordinal }
  if (fate === 'unknown') {
    return { state: 'unknown', ordinal, fault: faultData('outcome_unknown', place) }
  }
  const detail = 'Key (email)=(refused) is not a valid email address.'
  return {
    state: 'refused',
    ordinal,
    fault: faultData('validation_error', { ...place, column: 'email', detail }),
  }
}

async function failure(promise: Promise<unknown>): Promise<pg.DatabaseError> {
  const thrown = await promise.then(() => undefined, (error: unknown) => error)
  assert.ok(
    thrown instanceof pg.DatabaseError,
    `it must fail in Postgres's words: ${String(thrown)}`,
  )
  return thrown
}

describe('a mutation that the platform took in part', () => {
  let stage: Stage
  stageHooks({ use: (made) => stage = made })
  afterEach(async () => {
    await stage.sql.unsafe(`alter table salesforce.contacts drop constraint if exists short`)
  })

  const names = async () =>
    (await stage.sql`select last_name from salesforce.contacts order by last_name`)
      .map((row) => row['last_name'])

  test('an insert keeps the rows taken, and DETAIL says of each row what became of it', async () => {
    takesSome(stage)
    await withClient(stage, async (client) => {
      const thrown = await failure(client.query(`
        insert into salesforce.contacts (last_name, email)
        values ('A', 'a@x.org'), ('B', 'refused'), ('C', 'c@x.org'), ('D', 'unsent') returning id`))
      assert.equal(thrown.code, 'SL003')
      assert.equal(thrown.message, '2 of 4 rows written by stripe')
      assert.equal(thrown.schema, 'salesforce')
      assert.equal(thrown.table, 'contacts')
      const told = JSON.parse(thrown.detail ?? '') as Record<string, unknown>[]
      assert.deepEqual(
        told.map(({ row, state, sqlstate, column }) => [row, state, sqlstate, column]),
        [
          [1, 'written', undefined, undefined],
          [2, 'refused', '23514', 'email'],
          [3, 'written', undefined, undefined],
          [4, 'not sent', undefined, undefined],
        ],
      )
      const { rows } = await client.query('select id from salesforce.contacts order by last_name')
      assert.deepEqual(rows.map(({ id }) => id), [told[0]?.['id'], told[2]?.['id']])
    })
    assert.deepEqual(await names(), ['A', 'C'])
    assert.equal(stage.applied.length, 1)
  })

  test('an update and a delete change the rows taken and leave the others', async () => {
    await withClient(stage, async (client) => {
      await client.query(`
        insert into salesforce.contacts (last_name, first_name)
        values ('A', 'one'), ('B', 'two'), ('C', 'three')`)
      takesSome(stage)
      const updated = await failure(client.query(`
        update salesforce.contacts set first_name = 'new',
          email = case last_name when 'B' then 'refused' else 'ok' end`))
      assert.equal(updated.code, 'SL003')
      const { rows } = await client.query(
        'select first_name, email from salesforce.contacts order by last_name',
      )
      assert.deepEqual(rows, [
        { first_name: 'new', email: 'ok' },
        { first_name: 'two', email: null },
        { first_name: 'new', email: 'ok' },
      ])
      stage.carry = (mutation) =>
        Promise.resolve(outcomeOf(mutation, deleteAllButLast(mutation), place))
      const deleted = await failure(client.query('delete from salesforce.contacts'))
      assert.equal(deleted.code, 'SL003')
      assert.equal((await client.query('select from salesforce.contacts')).rowCount, 1)
    })
  })

  test('with a row in doubt the client hears 40003, and the rows taken are kept', async () => {
    takesSome(stage)
    await withClient(stage, async (client) => {
      const thrown = await failure(client.query(`
        insert into salesforce.contacts (last_name, email)
        values ('A', 'a@x.org'), ('B', 'unknown'), ('C', 'unsent')`))
      assert.equal(thrown.code, '40003')
      const told = JSON.parse(thrown.detail ?? '') as Record<string, unknown>[]
      assert.deepEqual(told.map(({ state }) => state), ['written', 'unknown', 'not sent'])
    })
    assert.deepEqual(await names(), ['A'])
  })

  test('what else the statement would have written is not there, and a block is aborted', async () => {
    takesSome(stage)
    await withClient(stage, async (client) => {
      await client.query('begin')
      const thrown = await failure(client.query(`
        with made as (insert into salesforce.contacts (last_name, email)
          values ('A', 'a@x.org'), ('B', 'refused') returning id)
        insert into public.local_notes select id, 'made' from made`))
      assert.equal(thrown.code, 'SL003')
      assert.equal((await failure(client.query('select 1'))).code, '25P02')
      await client.query('rollback')
      assert.equal((await client.query('select from public.local_notes')).rowCount, 0)
    })
    assert.deepEqual(await names(), ['A'])
  })

  test('when the rows taken cannot be written the client still hears which they are', async () => {
    takesSome(stage)
    const accept = stage.carry
    stage.carry = async (mutation, options) => {
      const outcome = await accept(mutation, options)
      await stage.sql.unsafe(
        `alter table salesforce.contacts add constraint short check (last_name <> 'A') not valid`,
      )
      return outcome
    }
    // the table is altered while the mutation waits, which holds no lock that an INSERT's plan left behind
    await withClient(stage, async (client) => {
      const thrown = await failure(client.query(`
        insert into salesforce.contacts (last_name, email) values ('A', 'a@x.org'), ('B', 'refused')`))
      assert.equal(thrown.code, 'SL003')
      assert.match(thrown.hint ?? '', /will appear in salesforce\.contacts/)
      assert.equal((await client.query('select 1')).rowCount, 1)
    })
    assert.deepEqual(await names(), [])
    assert.equal(stage.applied.length, 0)
  })
})

function deleteAllButLast({ rows }: Mutation): RowResult[] {
  return rows.map(({ ordinal, id }, i): RowResult =>
    i < rows.length - 1
      ? { state: 'written', ordinal, id: id ?? '', values: null }
      : { state: 'refused', ordinal, fault: faultData('not_permitted', place) }
  )
}
