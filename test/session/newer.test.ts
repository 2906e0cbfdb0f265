// Goal: what the platform answered is never written over what somebody else has written since. Method: node-postgres
// through a real listener; while the platform is asked, another client changes the very record that it will name.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type pg from 'pg'
import type { OutcomeRow, Values } from '../../src/mutation/mutation.ts'
import { stageHooks } from '../help/stage-hooks.ts'
import { acceptAll, type Carry, type Stage, withClient } from '../help/stage.ts'

const first = `insert into salesforce.contacts (email, first_name) values ('a@x', 'old')`
const upsert = `insert into salesforce.contacts (email, first_name) values ('A@x', 'upsert')
  on conflict (email) do update set first_name = excluded.first_name`

describe('what is newer', () => {
  let stage: Stage
  stageHooks({ use: (made) => stage = made })
  before(() => stage.sql.unsafe('create unique index on salesforce.contacts (email)'))

  const errorOf = (work: Promise<unknown>): Promise<pg.DatabaseError | null> =>
    work.then(() => null, (thrown: unknown) => thrown as pg.DatabaseError)
  const names = async (): Promise<unknown[]> => {
    const rows = await stage.sql`select first_name from salesforce.contacts order by id`
    return rows.map((row) => row['first_name'])
  }
  /** The platform takes A@x for a@x: it answers the record that is in the table. `meanwhile` comes before its answer. */
  const answer = (values: Values, meanwhile: () => Promise<unknown>): Carry => {
    const others = acceptAll()
    return async (mutation, options) => {
      if (mutation.upsertBy === undefined) return await others(mutation, options)
      await meanwhile()
      const [row] = await stage.sql`select id from salesforce.contacts where email = 'a@x'`
      const id = String(row?.['id'] ?? known)
      const rows: OutcomeRow[] = [{ ordinal: 1, id, values }]
      return { state: 'accepted', rows }
    }
  }
  let known = ''
  /** Runs the upsert while the other statement is carried out by another client. */
  const race = async (values: Values, other: string): Promise<pg.DatabaseError | null> =>
    await withClient(stage, async (client) =>
      await withClient(stage, async (second) => {
        await client.query(first)
        known = String((await stage.sql`select id from salesforce.contacts`)[0]?.['id'])
        stage.carry = answer(values, () => second.query(other))
        return await errorOf(client.query(upsert))
      }))

  for (const email of ['a@x', 'A@x']) {
    test(`an UPDATE sent later stands, where the platform's record has the key ${email}`, async () => {
      const error = await race(
        { email, first_name: 'upsert' },
        `update salesforce.contacts set first_name = 'update' where email = 'a@x'`,
      )
      assert.equal(error?.code, 'SL001')
      assert.match(error.hint ?? '', /will appear/)
      assert.deepEqual(await names(), ['update'])
      const upserted = stage.sent.find(({ upsertBy }) => upsertBy !== undefined)
      assert.ok(upserted !== undefined && !stage.applied.includes(upserted.id))
    })

    test(`a DELETE sent later stands, where the platform's record has the key ${email}`, async () => {
      const error = await race(
        { email, first_name: 'upsert' },
        `delete from salesforce.contacts where email = 'a@x'`,
      )
      assert.equal(error?.code, 'SL001')
      assert.deepEqual(await names(), [])
    })
  }

  test('with nothing newer, the record that the platform has found gets the values', async () => {
    const error = await race({ email: 'a@x', first_name: 'upsert' }, 'select 1')
    assert.equal(error, null)
    assert.deepEqual(await names(), ['upsert'])
    assert.equal(stage.applied.length, 2)
  })

  test('a statement that fails the second time is written by id before its locks are given up', async () => {
    await stage.sql.unsafe(`create sequence public.runs;
      grant usage on sequence public.runs to public;
      create function public.once() returns trigger language plpgsql as $$ begin
        if nextval('public.runs') = 2 then raise exception 'not again'; end if; return new; end $$;
      create trigger once before update on salesforce.contacts for each row execute function public.once()`)
    try {
      await withClient(stage, async (client) => {
        await client.query(first)
        const error = await errorOf(
          client.query(`update salesforce.contacts set first_name = 'new'`),
        )
        assert.equal(error?.code, 'SL001')
        assert.match(error.detail ?? '', /then: not again\.$/)
        assert.match(error.hint ?? '', /The rows are in salesforce\.contacts/)
        assert.deepEqual(await names(), ['new'])
        assert.equal(stage.applied.length, 2)
      })
    } finally {
      await stage.sql.unsafe(
        'drop trigger once on salesforce.contacts; drop function public.once()',
      )
    }
  })
})
