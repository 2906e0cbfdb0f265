// Goal: a statement of the HTTP door means what it means at the SQL door, ends, and leaves nothing behind. Method: a real
// Postgres, a platform that the test plays, and looks at both.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { silentLog } from '../../src/lib/log.ts'
import { Fault, faultData } from '../../src/mutation/fault.ts'
import {
  type StatementAnswer,
  StatementFailed,
  type Statements,
} from '../../src/mutation/statement.ts'
import { createInside, type InsideLimits } from '../../src/session/inside.ts'
import { acceptAll, createStage, type Stage } from '../help/stage.ts'
import { until } from '../help/stage-hooks.ts'

interface RunOptions {
  readonly params?: readonly (string | null)[]
  readonly mutationId?: string
  readonly signal?: AbortSignal
}

describe('inside', () => {
  let stage: Stage
  let statements: Statements

  const open = (limits: Partial<InsideLimits> = {}): Statements =>
    createInside({
      log: silentLog,
      limits,
      service: {
        send: async (mutation, options) => {
          stage.sent.push(mutation)
          return await stage.carry(mutation, options)
        },
        applied: (id) => void stage.applied.push(id),
        quote: (mutation) => stage.quote(mutation),
      },
    })
  const run = (sql: string, options: RunOptions = {}): Promise<StatementAnswer> =>
    statements.run(stage.config, {
      sql,
      parameters: () => options.params ?? [],
      mutationId: options.mutationId ?? randomUUID(),
      signal: options.signal ?? new AbortController().signal,
    })
  const failing = async (work: Promise<unknown>): Promise<Fault> => {
    const error = await work.then(() => assert.fail('it did not fail'), (reason: unknown) => reason)
    assert.ok(error instanceof Fault, String(error))
    return error
  }
  const count = async () => (await stage.sql`select from salesforce.contacts`).length
  const backends = async () =>
    (await stage.sql`select pid from pg_stat_activity where application_name = 'sluice http'
      and datname = current_database()`).length

  const sleeping = async () =>
    (await stage.sql<{ pid: number }[]>`select pid from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`).map(({ pid }) => pid)

  before(async () => {
    stage = await createStage()
  })
  after(() => stage?.close())
  beforeEach(async () => {
    statements = open()
    stage.carry = acceptAll()
    stage.sent.length = 0
    stage.applied.length = 0
    await stage.empty()
  })
  afterEach(() => statements.close({ graceMs: 30_000 }))

  test('a mutation goes to the platform first, under the id it was given, and RETURNING has its answer', async () => {
    const mutationId = randomUUID()
    const answer = await run(
      'insert into salesforce.contacts (first_name, last_name) values ($1, $2) returning id, name',
      { params: ['Paul', 'Atreides'], mutationId },
    )
    assert.equal(answer.command, 'INSERT')
    assert.equal(answer.rowCount, 1)
    assert.deepEqual(answer.rows, [['003000000000000001', 'Paul Atreides']])
    assert.deepEqual(answer.fields.map(({ name }) => name), ['id', 'name'])
    assert.equal(answer.sent?.mutation.id, mutationId)
    assert.equal(answer.sent?.outcome?.state, 'accepted')
    assert.deepEqual(stage.sent.map(({ id }) => id), [mutationId])
    await until(() => stage.applied.includes(mutationId))
    assert.equal(await count(), 1)
  })

  test('a refusal comes with all of its fault, and nothing is written', async () => {
    stage.carry = () =>
      Promise.resolve({
        state: 'refused',
        fault: faultData('validation_error', { platform: 'salesforce', column: 'email', row: 1 }),
      })
    const error = await failing(run(`insert into salesforce.contacts (email) values ('x')`))
    assert.ok(error instanceof StatementFailed)
    assert.equal(error.code, 'validation_error')
    assert.equal(error.data.row, 1)
    assert.equal(error.sent?.outcome?.state, 'refused')
    assert.equal(await count(), 0)
  })

  test('an error of Postgres keeps its SQLSTATE and words', async () => {
    const error = await failing(run(`select 1 / $1::int`, { params: ['0'] }))
    assert.equal(error.code, 'database_refused')
    assert.equal(error.data.sqlstate, '22012')
    assert.equal(error.data.message, 'division by zero')
    assert.equal((await failing(run('selekt'))).data.sqlstate, '42601')
    assert.equal((await failing(run('select 1; select 2'))).data.sqlstate, '42601')
  })

  test('what a statement leaves in its session is gone for the next one, in the same session', async () => {
    const pid = (await run('select pg_backend_pid()')).rows[0]?.[0]
    await run(`set search_path = salesforce`)
    await run('create temporary table leftover (id int)')
    const path = await run(`select current_setting('search_path'), pg_backend_pid()::text as pid`)
    assert.deepEqual(path.rows, [['"$user", public', pid ?? null]])
    assert.equal((await failing(run('select * from leftover'))).data.sqlstate, '42P01')
  })

  test('a transaction block, COPY and an empty text are refused, and the next statement runs', async () => {
    for (const sql of ['begin', 'copy public.plain from stdin', 'copy public.plain to stdout']) {
      assert.equal((await failing(run(sql))).code, 'form_not_supported', sql)
    }
    assert.equal((await failing(run('-- nothing'))).code, 'bad_request')
    assert.deepEqual((await run('select 1 as one')).rows, [['1']])
  })

  test('two columns of one name are refused before anything runs', async () => {
    const sql = `insert into salesforce.contacts (last_name) values ('A') returning id, id`
    assert.equal((await failing(run(sql))).code, 'bad_request')
    assert.equal(stage.sent.length, 0)
  })

  test('a result larger than is taken is refused; one of a statement that has written is cut', async () => {
    statements = open({ rowsMax: 10 })
    const sql = 'select generate_series(1, 1000000) as n'
    assert.equal((await failing(run(sql))).code, 'result_too_large')
    assert.equal((await run('select generate_series(1, 10) as n')).rows.length, 10)
    const written = await run(`with made as (
        insert into salesforce.contacts (last_name) values ('A') returning id)
      select n from made, generate_series(1, 50) n`)
    assert.equal(written.truncated, true)
    assert.equal(written.rows.length, 10)
    assert.equal(written.sent?.outcome?.state, 'accepted')
    assert.equal(await count(), 1)
  })

  test('a client that goes away before anything is sent stops the statement', async () => {
    const gone = new AbortController()
    const work = failing(run('select pg_sleep(60)', { signal: gone.signal }))
    await until(async () => (await sleeping()).length === 1)
    gone.abort()
    assert.equal((await work).code, 'statement_cancelled')
    await until(async () => await backends() === 0)
  })

  test('a client that goes away when the platform has the mutation stops nothing', async () => {
    const gone = new AbortController()
    const accept = acceptAll()
    stage.carry = async (mutation, options) => {
      gone.abort()
      return await accept(mutation, options)
    }
    const answer = await run(`insert into salesforce.contacts (last_name) values ('A')`, {
      signal: gone.signal,
    })
    assert.equal(answer.rowCount, 1)
    assert.equal(await count(), 1)
  })

  test('a statement that takes too long is cancelled', async () => {
    statements = open({ statementWaitMs: 300 })
    let told: unknown
    // a cancel that comes before its statement is none: on a slow machine another one is needed
    for (let tries = 0; tries < 10 && !(told instanceof Fault); tries++) {
      told = await run('select pg_sleep(6)').catch((error: unknown) => error)
    }
    assert.ok(told instanceof Fault, String(told))
    assert.equal(told.code, 'statement_timed_out')
  })

  test('statements wait for a session in turn, at most so long, and at most so many', async () => {
    statements = open({ perSyncMax: 1, waitersMax: 1, waitMs: 100 })
    const gone = new AbortController()
    const first = failing(run('select pg_sleep(60)', { signal: gone.signal }))
    const second = failing(run('select 2'))
    assert.equal((await failing(run('select 3'))).code, 'too_many_connections')
    assert.equal((await second).code, 'too_many_connections')
    await until(async () => (await sleeping()).length === 1)
    gone.abort()
    await first
    statements = open({ perSyncMax: 1 })
    const answers = await Promise.all([1, 2, 3].map((n) => run(`select ${n} as n`)))
    assert.deepEqual(answers.map(({ rows }) => rows[0]?.[0]), ['1', '2', '3'])
  })

  test('a session that died without a use is replaced unseen', async () => {
    await run('select 1 as one')
    await stage.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'sluice http' and datname = current_database()`
    assert.deepEqual((await run('select 2 as two')).rows, [['2']])
  })

  test('a statement whose connection Postgres ends is told in the words of Postgres', async () => {
    const work = failing(run('select pg_sleep(60)'))
    await until(async () => (await sleeping()).length === 1)
    for (const pid of await sleeping()) await stage.sql`select pg_terminate_backend(${pid})`
    const { data } = await work
    assert.equal(data.sqlstate, '57P01', 'Postgres has said why')
  })

  test('a table of another sync is refused, also to an EXPLAIN, and nothing is sent or written', async () => {
    const config = { ...stage.config, id: 'sync_other1' }
    for (const verb of ['', 'explain ']) {
      const error = await failing(statements.run(config, {
        sql: `${verb}insert into salesforce.contacts (last_name) values ('Foreign')`,
        parameters: () => [],
        mutationId: randomUUID(),
        signal: new AbortController().signal,
      }))
      assert.deepEqual([error.code, error.data.table], ['not_permitted', 'contacts'], verb)
      assert.match(error.message, /not of sync "sync_other1", nothing was sent/)
      if (error instanceof StatementFailed) assert.equal(error.sent, null)
    }
    assert.deepEqual(stage.sent, [])
    assert.equal(await count(), 0)
  })

  test('a database that ends the session as it begins is unreachable: nothing was sent', async () => {
    // AuthenticationOk, BackendKeyData, ReadyForQuery
    const ready = '520000000800000000' + '4b0000000c0000000100000002' + '5a0000000549'
    const greeting = Buffer.from(ready, 'hex')
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(greeting))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const config = { ...stage.config, database: { ...stage.config.database, port } }
    for (let round = 0; round < 5; round++) {
      const error = await failing(statements.run(config, {
        sql: 'select 1',
        parameters: () => [],
        mutationId: randomUUID(),
        signal: new AbortController().signal,
      }))
      assert.equal(error.code, 'database_unreachable')
      assert.match(error.data.hint ?? '', /^Try again/)
    }
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })

  test('a database that refuses the login is said to be unreachable', async () => {
    const config = { ...stage.config, database: { ...stage.config.database, password: 'wrong' } }
    const error = await failing(statements.run(config, {
      sql: 'select 1',
      parameters: () => [],
      mutationId: randomUUID(),
      signal: new AbortController().signal,
    }))
    assert.equal(error.code, 'database_unreachable')
    assert.match(error.data.hint ?? '', /^Try again/)
  })
})
