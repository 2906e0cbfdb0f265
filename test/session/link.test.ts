// Goal: whatever becomes of the client, of Postgres and of the connections between them, a mutation has one outcome, and
// a client that is still there hears it. Method: a real listener and a real Postgres; connections are cut and backends
// ended at every stage of a mutation, which the played service holds up as long as the test wants.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'node:test'
import pg from 'pg'
import { faultData } from '../../src/mutation/fault.ts'
import type { Outcome } from '../../src/mutation/mutation.ts'
import { createLog } from '../../src/lib/log.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import {
  encodeBind,
  encodeExecute,
  encodeParse,
  encodeQuery,
  sync,
} from '../../src/wire/frontend.ts'
import {
  acceptAll,
  createStage,
  type RawClient,
  rawClient,
  type Stage,
  withClient,
} from '../help/stage.ts'
import { stageHooks, until } from '../help/stage-hooks.ts'

const insert = `insert into salesforce.contacts (last_name) values ('L') returning last_name`

/** A service that is reached and answers when the test says so. */
function heldService(stage: Stage) {
  const accept = stage.carry
  let reached = (): void => {}
  let answer: (outcome: 'accept' | Outcome) => void = () => {}
  const called = new Promise<void>((resolve) => reached = resolve)
  const said = new Promise<'accept' | Outcome>((resolve) => answer = resolve)
  stage.carry = async (mutation, options) => {
    reached()
    const outcome = await said
    return outcome === 'accept' ? await accept(mutation, options) : outcome
  }
  return { called, answer: (outcome: 'accept' | Outcome) => answer(outcome) }
}

const letters = (frames: readonly Uint8Array[]): string =>
  frames.map((bytes) => String.fromCharCode(bytes[0] ?? 0)).join('')

const errorsOf = (frames: readonly Uint8Array[]) =>
  frames.filter((bytes) => bytes[0] === 0x45).map((bytes) => {
    const message = decodeBackend({ tag: 0x45, bytes })
    assert.equal(message.type, 'ErrorResponse')
    return message.type === 'ErrorResponse' ? message.fields : new Map<string, string>()
  })

describe('a mutation whose connections break', () => {
  let stage: Stage
  const connect = stageHooks({ use: (made) => stage = made })

  const rows = async () =>
    (await stage.sql`select last_name from salesforce.contacts`).map((row) => row['last_name'])
  const kill = async (client: RawClient) => {
    await stage.sql`select pg_terminate_backend(${client.key?.pid ?? 0})`
    await until(async () =>
      (await stage.sql`select from pg_stat_activity where pid = ${client.key?.pid ?? 0}`).length ===
        0
    )
  }
  const shapes = {
    'a simple query': [encodeQuery(insert)],
    'the extended protocol': [
      encodeParse({ name: '', sql: insert }),
      encodeBind({ portal: '', statement: '' }),
      encodeExecute({ portal: '' }),
      sync,
    ],
  }

  for (const [shape, messages] of Object.entries(shapes)) {
    for (const inBlock of [false, true]) {
      const where = `${shape}${inBlock ? ' in a block' : ''}`

      test(`${where}: a client that vanishes while the platform works leaves a finished mutation`, async () => {
        const service = heldService(stage)
        const client = await connect()
        if (inBlock) {
          client.send(encodeQuery('begin'))
          await client.until('Z')
        }
        client.send(...messages)
        await service.called
        client.destroy()
        service.answer('accept')
        await until(() => stage.applied.length === 1)
        assert.deepEqual(await rows(), ['L'])
        await until(() => stage.listener.sessions === 0)
      })

      test(`${where}: a client that vanishes during the plan has nothing sent, or all of it`, async () => {
        const client = await connect()
        if (inBlock) {
          client.send(encodeQuery('begin'))
          await client.until('Z')
        }
        client.send(...messages)
        client.destroy()
        await until(() => stage.listener.sessions === 0)
        assert.equal((await rows()).length, stage.sent.length)
        assert.equal(stage.applied.length, stage.sent.length)
      })
    }

    test(`${shape}: Postgres gone before anything was sent is an error that says so`, async () => {
      const client = await connect()
      await stage.sql.begin(async (sql) => {
        // the plan of an UPDATE waits for this lock
        await sql`lock table salesforce.contacts in access exclusive mode`
        client.send(...messages)
        await until(async () => {
          const waits = await stage.sql`
            select from pg_stat_activity where pid = ${
            client.key?.pid ?? 0
          } and wait_event_type = 'Lock'`
          return waits.length === 1
        })
        await kill(client)
      })
      const frames = await client.until('Z')
      const [fatal, more] = errorsOf(frames)
      assert.equal(fatal?.get('C'), '57P01')
      assert.equal(fatal?.get('V'), 'FATAL')
      assert.equal(more, undefined)
      assert.equal(await client.next(), null)
      assert.equal(stage.sent.length, 0)
    })

    test(`${shape}: Postgres gone while the platform works: the client hears what the platform said`, async () => {
      const outcomes: readonly ['accept' | Outcome, string][] = [
        ['accept', 'SL001'],
        [
          { state: 'refused', fault: faultData('validation_error', { platform: 'salesforce' }) },
          '23514',
        ],
        [
          { state: 'unknown', fault: faultData('outcome_unknown', { platform: 'salesforce' }) },
          '40003',
        ],
      ]
      for (const [outcome, sqlstate] of outcomes) {
        const service = heldService(stage)
        const client = await connect()
        client.send(...messages)
        await service.called
        await kill(client)
        service.answer(outcome)
        const frames = await client.until('Z')
        const [told, fatal] = errorsOf(frames)
        assert.equal(told?.get('C'), sqlstate)
        assert.equal(fatal?.get('C'), '57P01')
        assert.equal(fatal?.get('V'), 'FATAL')
        assert.equal(await client.next(), null)
        assert.equal(stage.applied.length, 0)
        assert.deepEqual(await rows(), [])
      }
    })
  }

  test('Postgres gone at any moment: what was sent is told, what was not sent is not', async () => {
    for (let round = 0; round < 80; round++) {
      stage.sent.length = 0
      await stage.empty()
      const client = await connect()
      client.send(...(round % 2 === 0 ? shapes['a simple query'] : shapes['the extended protocol']))
      for (let turns = 0; turns < round / 2; turns++) {
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      await stage.sql`select pg_terminate_backend(${client.key?.pid ?? 0})`
      const frames = await client.until('!')
      const codes = errorsOf(frames).map((fields) => fields.get('C'))
      const complete = letters(frames).includes('C')
      assert.equal(complete || codes.includes('SL001'), stage.sent.length === 1, codes.join())
      if (complete) assert.deepEqual(await rows(), ['L'])
      if (stage.sent.length === 0) assert.deepEqual(await rows(), [])
    }
  })

  test('a client gone at any moment: what was sent is in the database', async () => {
    for (let round = 0; round < 80; round++) {
      const client = await connect()
      if (round % 4 > 1) {
        client.send(encodeQuery('begin'))
        await client.until('Z')
      }
      client.send(...(round % 2 === 0 ? shapes['a simple query'] : shapes['the extended protocol']))
      for (let turns = 0; turns < round / 2; turns++) {
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      // however slow the database is, some come so far
      if (round > 75) await until(() => stage.sent.length > 0)
      client.destroy()
    }
    await until(() => stage.listener.sessions === 0)
    assert.equal(stage.applied.length, stage.sent.length)
    assert.equal((await rows()).length, stage.sent.length)
    assert.ok(stage.sent.length > 0)
  })

  test('a client that does not read what its mutation returns, and goes, has it committed all the same', async () => {
    const client = await connect()
    client.socket.pause()
    client.send(encodeQuery(`with made as (${insert})
      select repeat('x', 1000000) from made, generate_series(1, 200)`))
    await until(async () => {
      const [row] = await stage.sql`
        select wait_event from pg_stat_activity where pid = ${client.key?.pid ?? 0}`
      return stage.sent.length === 1 && row?.['wait_event'] === 'ClientWrite'
    })
    client.destroy()
    await until(() => stage.applied.length === 1)
    assert.deepEqual(await rows(), ['L'])
  })

  test('what a client sends ahead of its mutation’s end is read up to a bound, and answered afterwards', async () => {
    const service = heldService(stage)
    const client = await connect()
    client.send(encodeQuery(insert))
    await service.called
    const count = 400
    for (let index = 0; index < count; index++) {
      client.send(encodeQuery(`select ${index} as n, length('${'a'.repeat(65_000)}')`))
    }
    // no more is taken while the mutation runs: the rest stays here, once the buffers on the way are full
    let left = -1
    await until(async () => {
      const same = left === client.socket.writableLength
      left = client.socket.writableLength
      await stage.sql`select pg_sleep(0.2)`
      return same
    })
    assert.ok(left > 10_000_000, `${left} bytes are left`)
    service.answer('accept')
    assert.equal(letters(await client.until('Z')), 'TDCZ')
    for (let index = 0; index < count; index++) {
      const row = (await client.until('Z')).find((bytes) => bytes[0] === 0x44)
      assert.ok(row)
      assert.ok(Buffer.from(row).includes(String(index)))
    }
    client.destroy()
  })

  test('on the slow path, too, a database that does not read slows the client down', async () => {
    const client = await connect()
    const [parse, bind, execute] = shapes['the extended protocol']
    assert.ok(parse && bind && execute)
    // a mutation without Sync: the session looks at every frame
    client.send(parse, bind, execute)
    await client.until('C')
    await stage.sql.begin(async (sql) => {
      await sql`lock table public.plain in exclusive mode`
      const note = 'insert into public.plain values (1, $1) on conflict do nothing'
      client.send(
        encodeParse({ name: 'note', sql: note, parameterTypes: [25] }),
        encodeBind({ portal: '', statement: 'note', parameters: [null] }),
        encodeExecute({ portal: '' }),
      )
      const big = encodeBind({
        portal: '',
        statement: 'note',
        parameters: [new Uint8Array(65_000).fill(97)],
      })
      let accepted = 0
      for (; client.socket.writableLength < 8_388_608 && accepted < 2_000; accepted++) {
        client.send(big)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      assert.ok(accepted < 2_000, 'the listener took everything')
    })
    client.send(sync)
    const frames = await client.until('Z')
    assert.equal(letters(frames).at(-1), 'Z')
    assert.deepEqual(errorsOf(frames), [])
    client.destroy()
    await stage.sql`delete from public.plain`
  })

  test('in a block, a client connection that Postgres ends does not stop the mutation', async () => {
    const service = heldService(stage)
    const client = await connect()
    client.send(encodeQuery('begin'))
    await client.until('Z')
    client.send(encodeQuery(insert))
    await service.called
    await kill(client)
    service.answer('accept')
    const frames = await client.until('!')
    assert.equal(letters(frames), 'TDCZE')
    assert.equal(errorsOf(frames)[0]?.get('C'), '57P01')
    assert.deepEqual(await rows(), ['L'])
    assert.equal(stage.applied.length, 1)
  })

  test('a second connection that Postgres ends is an error, and the client’s own goes on', async () => {
    const side = async () =>
      (await stage.sql`
        select pid from pg_stat_activity
        where usename = ${stage.role} order by backend_start`).at(-1)
        ?.['pid']
    const client = await connect()
    client.send(encodeQuery('begin'))
    await client.until('Z')
    // after it was sent
    const service = heldService(stage)
    client.send(encodeQuery(insert))
    await service.called
    const pid = await side()
    assert.notEqual(pid, client.key?.pid)
    await stage.sql`select pg_terminate_backend(${pid})`
    await until(async () =>
      (await stage.sql`select from pg_stat_activity where pid = ${pid}`).length === 0
    )
    service.answer('accept')
    const told = await client.until('Z')
    assert.equal(errorsOf(told)[0]?.get('C'), 'SL001')
    assert.deepEqual(told.at(-1)?.at(-1), 'E'.charCodeAt(0))
    client.send(encodeQuery('rollback'))
    await client.until('Z')
    // before
    stage.carry = acceptAll()
    stage.sent.length = 0
    client.send(encodeQuery('begin'))
    await client.until('Z')
    await stage.sql.begin(async (sql) => {
      await sql`lock table salesforce.contacts in access exclusive mode`
      client.send(encodeQuery(insert))
      let waiting: number | undefined
      await until(async () => {
        const [row] = await stage.sql`
          select pid from pg_stat_activity
          where usename = ${stage.role} and wait_event_type = 'Lock'`
        waiting = row?.['pid'] as number | undefined
        return waiting !== undefined
      })
      await stage.sql`select pg_terminate_backend(${waiting ?? 0})`
    })
    const frames = await client.until('Z')
    assert.equal(errorsOf(frames)[0]?.get('C'), '58030')
    assert.match(errorsOf(frames)[0]?.get('M') ?? '', /nothing was sent/)
    assert.equal(errorsOf(frames)[0]?.get('H'), 'Roll back, and try again.')
    client.send(encodeQuery('rollback'), encodeQuery('select 1'))
    assert.equal(letters([...await client.until('Z'), ...await client.until('Z')]), 'CZTDCZ')
    client.destroy()
    assert.equal(stage.sent.length, 0)
  })

  test('a role without a second connection is told why its mutation cannot run in a block', async () => {
    await until(async () =>
      (await stage.sql`select from pg_stat_activity where usename = ${stage.role}`).length === 0
    )
    const client = await connect()
    await stage.sql.unsafe(`alter role ${stage.role} connection limit 1`)
    try {
      client.send(encodeQuery('begin'))
      await client.until('Z')
      client.send(encodeQuery(insert))
      const frames = await client.until('Z')
      const [told] = errorsOf(frames)
      assert.equal(told?.get('C'), '58030')
      assert.equal(told?.get('V'), 'ERROR')
      assert.match(told?.get('D') ?? '', /too many connections for role/)
      client.send(encodeQuery('rollback'))
      assert.equal(letters(await client.until('Z')), 'CZ')
      client.send(encodeQuery(insert))
      assert.equal(letters(await client.until('Z')), 'TDCZ')
    } finally {
      await stage.sql.unsafe(`alter role ${stage.role} connection limit -1`)
      client.destroy()
    }
  })

  test('idle_in_transaction_session_timeout does not end a client whose mutation waits', async () => {
    let alive: boolean | null = null
    const accept = acceptAll()
    const attempt = (inBlock: boolean) =>
      withClient(stage, async (client) => {
        const pid = (await client.query('select pg_backend_pid() as pid')).rows[0].pid
        await client.query(`set idle_in_transaction_session_timeout = '1s'`)
        stage.carry = async (mutation, options) => {
          // longer than the limit, by the database's own clock
          await stage.sql`select pg_sleep(1.5)`
          alive = (await stage.sql`select from pg_stat_activity where pid = ${pid}`).length === 1
          return await accept(mutation, options)
        }
        if (inBlock) await client.query('begin')
        const { rowCount } = await client.query(insert)
        const { rows } = await client.query('show idle_in_transaction_session_timeout')
        if (inBlock) await client.query('commit')
        return { rowCount, rows }
      })
    for (const inBlock of [false, true]) {
      let found: unknown
      for (let tries = 0; tries < 10; tries++) {
        let ended = false
        found = await attempt(inBlock).catch((error: unknown) => {
          ended = true
          return error
        })
        assert.notEqual(alive, false, 'it ended while its mutation waited')
        // on a slow machine it may run out between two statements, as it is meant to
        if (!ended) break
      }
      const rows = [{ idle_in_transaction_session_timeout: '1s' }]
      assert.deepEqual(found, { rowCount: 1, rows })
    }
  })

  test('notifications and settings that change reach the client while its mutation runs', async () => {
    const service = heldService(stage)
    const client = await connect()
    client.send(encodeQuery('listen during'))
    await client.until('Z')
    client.send(encodeQuery(insert))
    await service.called
    await stage.sql`select pg_notify('during', 'hello')`
    service.answer('accept')
    const frames = await client.until('Z')
    assert.match(letters(frames), /^(A?TDCZ|TA?DCZ|TDA?CZ|TDCA?Z)$/)
    if (!letters(frames).includes('A')) assert.equal(letters(await client.until('A')), 'A')
    client.send(encodeQuery('begin; unlisten during'))
    await client.until('Z')
    client.send(
      encodeQuery(
        `with made as (${insert}) select set_config('application_name', 'changed', false) from made`,
      ),
    )
    assert.equal(
      letters(await client.until('Z')),
      'TDCZ',
      'on the second connection, whose settings are its own',
    )
    client.send(encodeQuery('rollback'))
    await client.until('Z')
    client.send(
      encodeQuery(
        `with made as (${insert}) select set_config('application_name', 'changed', false) from made`,
      ),
    )
    assert.match(letters(await client.until('Z')), /S/)
    client.destroy()
  })

  test('notices of the user’s triggers come once, from the run that counts', async () => {
    await stage.sql.unsafe(`
      create function public.chatter() returns trigger language plpgsql as
        $$ begin raise notice '% %', tg_name, new.last_name; return new; end $$;
      create trigger chat before insert on salesforce.contacts for each row execute function public.chatter();
      create constraint trigger late after insert on salesforce.contacts deferrable initially deferred
        for each row execute function public.chatter()`)
    try {
      for (const inBlock of [false, true]) {
        const client = new pg.Client(stage.through())
        await client.connect()
        const heard: (string | undefined)[] = []
        client.on('notice', (notice) => heard.push(notice.message))
        if (inBlock) await client.query('begin')
        await client.query(insert)
        await client.query(`insert into salesforce.contacts (last_name) values ($1)`, ['M'])
        await client.end()
        assert.deepEqual(heard, ['chat L', 'late L', 'chat M', 'late M'])
      }
    } finally {
      await stage.sql.unsafe(
        `drop trigger chat on salesforce.contacts; drop trigger late on salesforce.contacts;
        drop function public.chatter()`,
      )
    }
  })

  test('closing the listener waits for the mutation, then tells the client', async () => {
    const own = await createStage()
    const service = heldService(own)
    const clients: RawClient[] = []
    const connectOwn = async () => {
      const client = await rawClient(own.through())
      clients.push(client)
      return client
    }
    try {
      const busy = await connectOwn()
      const idle = await connectOwn()
      busy.send(encodeQuery(insert))
      await service.called
      const closed = own.listener.close({ graceMs: 60_000 })
      const [fatal] = errorsOf(await idle.until('Z'))
      assert.equal(fatal?.get('C'), '57P01')
      assert.equal(await idle.next(), null)
      service.answer('accept')
      const frames = await busy.until('!')
      assert.equal(letters(frames), 'TDCZE')
      assert.equal(errorsOf(frames)[0]?.get('C'), '57P01')
      await closed
      assert.equal(own.applied.length, 1)
    } finally {
      service.answer('accept')
      for (const client of clients) client.destroy()
      await own.close()
    }
  })

  test('closing the listener waits neither for a client that looks at nothing, nor says that it was cut', async () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', write: (line) => void lines.push(line) })
    const own = await createStage({ log })
    try {
      const clients = [await rawClient(own.through()), await rawClient(own.through())]
      for (const { socket } of clients) socket.pause()
      clients[0]?.send(encodeQuery('select 1')) // answered, and the answer not read
      await until(async () =>
        (await own.sql`select from pg_stat_activity
          where usename = ${own.role} and query = 'select 1' and state = 'idle'`).length === 1
      )
      const startedAt = performance.now()
      await own.listener.close({ graceMs: 120_000 })
      const tookMs = performance.now() - startedAt
      assert.ok(tookMs < 25_000, `${tookMs} ms`)
      assert.ok(!lines.some((line) => line.includes('sessions_cut')), lines.join())
      for (const client of clients) {
        client.socket.resume()
        const frames = await client.until('!')
        assert.equal(errorsOf(frames)[0]?.get('C'), '57P01')
        client.destroy()
      }
    } finally {
      await own.close()
    }
  })

  test('where a mutation outlasts the grace, the listener says how many sessions were cut', async () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', write: (line) => void lines.push(line) })
    const own = await createStage({ log })
    const service = heldService(own)
    const clients: RawClient[] = []
    try {
      const busy = await rawClient(own.through())
      clients.push(busy)
      const idle = await rawClient(own.through())
      clients.push(idle)
      idle.socket.pause()
      busy.send(encodeQuery(insert))
      await service.called
      const closed = own.listener.close({ graceMs: 300 })
      await until(() => lines.some((line) => line.includes('sessions_cut')))
      const cut = lines.map((line) => JSON.parse(line))
        .find(({ event }) => event === 'sessions_cut')
      assert.equal(cut.sessions, 1)
      service.answer('accept')
      await closed
    } finally {
      service.answer('accept')
      for (const client of clients) client.destroy()
      await own.close()
    }
  })

  test('closing the listener in the middle of an answer waits for its end', async () => {
    const own = await createStage()
    const clients: RawClient[] = []
    try {
      const client = await rawClient(own.through())
      clients.push(client)
      client.send(encodeQuery(`select repeat('x', 100000) from generate_series(1, 200)`))
      await client.next()
      const closed = own.listener.close({ graceMs: 60_000 })
      const frames = await client.until('!')
      assert.match(letters(frames), /^D{200}CZE$/)
      await closed
    } finally {
      for (const client of clients) client.destroy()
      await own.close()
    }
  })

  test('bytes that are no protocol end the session without a word, as Postgres does', async () => {
    for (const garbage of ['Q\0\0\0\0', 'Q\xff\xff\xff\xff']) {
      const client = await connect()
      client.socket.write(garbage, 'latin1')
      assert.equal(await client.next(), null)
    }
  })
})
