// Goal: EXPLAIN of a mutation, and any mutation under sluice.dry_run, say what the platform would be sent, and send and keep
// nothing. Method: node-postgres and raw frames through a real listener to a real Postgres; the service is played.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { fault } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { forecastLines } from '../../src/session/forecast.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { bytesOf } from '../help/golden.ts'
import { acceptAll, createStage, rawClient, type Stage, withClient } from '../help/stage.ts'

const insert = `insert into salesforce.contacts (last_name) values ('a'), ('b') returning last_name`

describe('what a mutation would do', () => {
  let stage: Stage
  /** What the service was asked. */
  const asked: Mutation[] = []
  before(async () => {
    stage = await createStage()
    const { quote } = stage
    stage.quote = (mutation) => {
      asked.push(mutation)
      return quote(mutation)
    }
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    asked.length = 0
    stage.carry = acceptAll()
    await stage.empty()
  })
  const count = async (table = 'salesforce.contacts'): Promise<number> => {
    const [row] = await stage.sql.unsafe(`select count(*)::int as count from ${table}`)
    return Number(row?.['count'])
  }
  const error = async (work: Promise<unknown>): Promise<pg.DatabaseError> => {
    try {
      await work
    } catch (thrown) {
      return thrown as pg.DatabaseError
    }
    assert.fail('it was accepted')
  }
  const plan = ({ rows }: pg.QueryResult): string[] =>
    (rows as Record<string, string>[]).map((row) => row['QUERY PLAN'] ?? '')
  const noticesOf = (client: pg.Client): { message?: string; detail?: string }[] => {
    const notices: { message?: string; detail?: string }[] = []
    client.on('notice', ({ message, detail }) =>
      notices.push({
        ...(message === undefined ? {} : { message }),
        ...(detail === undefined ? {} : { detail }),
      }))
    return notices
  }
  const lines = [
    'Sluice: insert of 2 rows of Contact at salesforce, in 1 request',
    '  POST /composite (2 rows)',
    '  Quota: 1 of 100 requests a day',
  ]

  test('EXPLAIN gives Postgres’s plan, then the requests, in both protocols and in a block', async () => {
    await withClient(stage, async (client) => {
      const simple = await client.query(`explain (costs off) ${insert}`)
      assert.equal(simple.command, 'EXPLAIN')
      const [first, ...rest] = plan(simple)
      assert.equal(first, 'Insert on contacts')
      assert.deepEqual(rest.slice(-3), lines)
      const text =
        'explain insert into salesforce.contacts (last_name) select $1 || i from generate_series(1, $2::int) i'
      const extended = await client.query(text, ['n', 2])
      assert.deepEqual(plan(extended).slice(-3), lines)
      assert.deepEqual(asked[1]?.rows.map(({ values }) => values), [{ last_name: 'n1' }, {
        last_name: 'n2',
      }])
      await client.query('begin')
      assert.deepEqual(plan(await client.query(`explain ${insert}`)).slice(-3), lines)
      await client.query('commit')
    })
    assert.equal(stage.sent.length, 0)
    assert.equal(await count(), 0)
  })

  test('EXPLAIN of EXECUTE plans what was prepared', async () => {
    await withClient(stage, async (client) => {
      await client.query(
        `prepare p (text) as insert into salesforce.contacts (last_name) values ($1), ('b')`,
      )
      for (const before of ['select 1', 'begin']) {
        await client.query(before)
        assert.deepEqual(plan(await client.query(`explain execute p ('a')`)).slice(-3), lines)
      }
    })
    assert.equal(stage.sent.length, 0)
  })

  test('EXPLAIN in a format that is no text, and in several statements', async () => {
    await withClient(stage, async (client) => {
      const notices = noticesOf(client)
      const { rows } = await client.query(`explain (format json) ${insert}`)
      assert.ok(Array.isArray((rows[0] as Record<string, unknown>)['QUERY PLAN']))
      assert.equal(rows.length, 1)
      assert.deepEqual(notices, [{
        message: `${lines[0] ?? ''}. Nothing was sent or kept.`,
        detail: 'POST /composite (2 rows)\nQuota: 1 of 100 requests a day',
      }])
      const results = await client.query(
        `select 1; explain ${insert}`,
      ) as unknown as pg.QueryResult[]
      assert.deepEqual(plan(results[1] as pg.QueryResult).slice(-3), lines)
    })
    assert.equal(stage.sent.length, 0)
  })

  test('EXPLAIN where no row would change, where writing is not allowed, and of what is refused', async () => {
    await withClient(stage, async (client) => {
      const nothing = plan(await client.query('explain delete from salesforce.contacts'))
      assert.equal(nothing.at(-1), 'Sluice: no row would change, so salesforce would hear nothing')
      await client.query('begin read only')
      assert.deepEqual(plan(await client.query(`explain ${insert}`)).slice(-3), lines)
      await client.query('rollback')
      const many =
        `explain insert into salesforce.contacts (last_name) select 'n' from generate_series(1, 201)`
      assert.equal((await error(client.query(many))).code, '54000')
      const nosuch = await error(
        client.query('explain insert into salesforce.contacts (nosuch) values (1)'),
      )
      assert.deepEqual([nosuch.code, nosuch.position], ['42703', '42'])
      const analyze = await error(client.query(`explain analyze ${insert}`))
      assert.equal(analyze.code, '0A000')
      assert.match(analyze.hint ?? '', /dry_run/)
    })
    assert.equal(stage.sent.length, 0)
  })

  test('under dry_run the rows come back as planned, a NOTICE says what, and nothing is kept', async () => {
    await withClient(stage, async (client) => {
      const notices = noticesOf(client)
      await client.query('set sluice.dry_run = on')
      const inserted = await client.query(insert)
      assert.deepEqual([inserted.command, inserted.rowCount, inserted.rows], [
        'INSERT',
        2,
        [{ last_name: 'a' }, { last_name: 'b' }],
      ])
      assert.equal(notices[0]?.message, `${lines[0] ?? ''}. Nothing was sent or kept.`)
      const prepared = await client.query(
        'insert into salesforce.contacts (last_name) values ($1) returning last_name',
        ['c'],
      )
      assert.deepEqual(prepared.rows, [{ last_name: 'c' }])
      assert.equal(await count(), 0)
      await client.query('set sluice.dry_run = off')
      await client.query(insert)
      await client.query('set sluice.dry_run = 1')
      const updated = await client.query(
        `update salesforce.contacts set email = 'x' where last_name = 'a' returning email, last_name`,
      )
      assert.deepEqual(updated.rows, [{ email: 'x', last_name: 'a' }])
      const deleted = await client.query('delete from salesforce.contacts')
      assert.equal(deleted.rowCount, 2)
      assert.equal((await client.query('delete from salesforce.contacts where false')).rowCount, 0)
      assert.match(notices.at(-1)?.message ?? '', /no row would change/)
      await client.query('reset sluice.dry_run')
    })
    assert.equal(stage.sent.length, 1)
    assert.equal(await count(), 2)
    const written = await stage.sql`select from salesforce.contacts where email is not null`
    assert.equal(written.length, 0)
  })

  test('SET LOCAL holds for its transaction, on the second connection too', async () => {
    await withClient(stage, async (client) => {
      await client.query('begin')
      await client.query('set local sluice.dry_run = on')
      assert.equal((await client.query(insert)).rowCount, 2)
      await client.query('commit')
      assert.equal(stage.sent.length, 0)
      await client.query('begin')
      assert.equal((await client.query(insert)).rowCount, 2)
      await client.query('rollback')
    })
    assert.equal(stage.sent.length, 1)
  })

  test('other writes of the statement are not kept either, and a COPY is rehearsed like any other', async () => {
    const client = await rawClient(stage.through())
    try {
      const answer = async (...messages: Uint8Array[]) => {
        client.send(...messages)
        return (await client.until('ZG')).map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join(
          '',
        )
      }
      await answer(encodeQuery('set sluice.dry_run = yes'))
      const chained =
        `with made as (insert into salesforce.contacts (last_name) values ('x') returning id)
        insert into public.local_notes select id from made`
      assert.equal(await answer(encodeQuery(chained)), 'NCZ')
      assert.equal(await count('public.local_notes'), 0)
      await answer(encodeQuery('copy salesforce.contacts (last_name) from stdin'))
      const data = Uint8Array.of(0x64, 0, 0, 0, 6, ...bytesOf('x\n'))
      assert.equal(await answer(data, Uint8Array.of(0x63, 0, 0, 0, 4)), 'NCZ')
    } finally {
      client.destroy()
    }
    assert.equal(stage.sent.length, 0)
    assert.equal(await count(), 0)
  })

  test('what would be refused is refused, and a value that is no boolean is none', async () => {
    await withClient(stage, async (client) => {
      await client.query('set sluice.dry_run = on')
      const readOnly = await error(
        client.query(`insert into salesforce.contacts (name) values ('x')`),
      )
      assert.equal(readOnly.code, '428C9')
      const typed = await error(
        client.query(`insert into salesforce.contacts (score) values ('x')`),
      )
      assert.equal(typed.code, '22P02')
      await client.query(`set sluice.dry_run = 'perhaps'`)
      const wrong = await error(client.query(insert))
      assert.deepEqual([wrong.code, wrong.message], [
        '22023',
        'invalid value for parameter "sluice.dry_run": "perhaps"',
      ])
    })
    assert.equal(stage.sent.length, 0)
    assert.equal(await count(), 0)
  })

  test('a service that does not answer is told, and the connection goes on', async () => {
    const { quote } = stage
    stage.quote = () => Promise.reject(fault('service_unreachable'))
    try {
      await withClient(stage, async (client) => {
        assert.equal((await error(client.query(`explain ${insert}`))).code, '58030')
        await client.query('begin')
        assert.equal((await error(client.query(`explain ${insert}`))).code, '58030')
        assert.equal((await error(client.query('select 1'))).code, '25P02')
        await client.query('rollback')
        assert.equal((await client.query('select 1')).rowCount, 1)
      })
    } finally {
      stage.quote = quote
    }
  })

  test('many requests are told in few lines', () => {
    const mutation: Mutation = {
      id: '',
      syncId: '',
      schema: 's',
      table: 't',
      operation: 'update',
      rows: [{ ordinal: 1, id: 'a', values: {} }],
    }
    const request = (path: string) => ({ method: 'POST', path, rows: 1 })
    const { table } = stage
    const requests = [request('/a'), request('/a'), request('/b')]
    assert.deepEqual(forecastLines({ mutation, table, quote: { requests, charges: [] } }), [
      'Sluice: update of 1 row of Contact at salesforce, in 3 requests',
      '  2 × POST /a (1 row each)',
      '  POST /b (1 row)',
    ])
    const many = Array.from({ length: 100 }, (_, at) => request(`/${at}`))
    const told = forecastLines({ mutation, table, quote: { requests: many, charges: [] } })
    assert.equal(told.length, 22)
    assert.equal(told.at(-1), '  and 80 others')
    assert.deepEqual(forecastLines({ mutation, table, quote: null }), [
      'Sluice: update of 1 row of Contact at salesforce',
    ])
  })
})
