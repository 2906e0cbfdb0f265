// Goal: a cancel, or a timeout, before anything was sent leaves nothing done and says 57014; afterwards the true outcome
// is told. Method: CancelRequests through the listener at every stage of a mutation.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type pg from 'pg'
import { faultData } from '../../src/mutation/fault.ts'
import type { Outcome } from '../../src/mutation/mutation.ts'
import { encodeCancelRequest } from '../../src/wire/startup.ts'
import {
  encodeBind,
  encodeExecute,
  encodeParse,
  encodeQuery,
  sync,
} from '../../src/wire/frontend.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import {
  acceptAll,
  createStage,
  type RawClient,
  rawClient,
  type Stage,
  withClient,
} from '../help/stage.ts'
import { stageHooks, until } from '../help/stage-hooks.ts'

const insert = `insert into salesforce.contacts (last_name) values ('C') returning last_name`

describe('cancel', () => {
  let stage: Stage
  const connectRaw = stageHooks({ use: (made) => stage = made })

  /** As libpq does: resolves when the listener has closed the connection, that is, has passed it on. */
  const cancel = async ({ key }: RawClient) => {
    const socket = connect(stage.listener.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'connect')
    assert.ok(key)
    socket.write(encodeCancelRequest(key.pid, key.secret))
    if (!socket.closed) await once(socket, 'close')
  }
  const codes = (frames: readonly Uint8Array[]): string[] =>
    frames.map((bytes) => {
      const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
      if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
      return message.type === 'ReadyForQuery' ? message.status : String.fromCharCode(bytes[0] ?? 0)
    })
  const waitsForLock = () =>
    until(async () => {
      const waiting = await stage.sql`select from pg_stat_activity
        where usename = ${stage.role} and wait_event_type = 'Lock'`
      return waiting.length > 0
    })
  const count = async () => (await stage.sql`select from salesforce.contacts`).length

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
      const status = inBlock ? 'E' : 'I'
      const start = async () => {
        const client = await connectRaw()
        if (!inBlock) return client
        client.send(encodeQuery('begin'))
        await client.until('Z')
        return client
      }
      const goesOn = async (client: RawClient) => {
        if (inBlock) {
          client.send(encodeQuery('rollback'))
          await client.until('Z')
        }
        client.send(encodeQuery(insert))
        assert.deepEqual(codes(await client.until('Z')), ['T', 'D', 'C', 'I'])
        client.destroy()
      }

      test(`${shape}${inBlock ? ' in a block' : ''}: during the plan nothing is sent`, async () => {
        const client = await start()
        await stage.sql.begin(async (sql) => {
          await sql`lock table salesforce.contacts in exclusive mode`
          client.send(...messages)
          await waitsForLock()
          await cancel(client)
          assert.deepEqual(codes(await client.until('Z')).slice(-2), ['57014', status])
        })
        assert.equal(stage.sent.length, 0)
        await goesOn(client)
        assert.equal(await count(), 1)
      })

      test(`${shape}${inBlock ? ' in a block' : ''}: a mutation that waits for its turn is given up`, async () => {
        const client = await start()
        const waits = new Promise<Outcome>((resolve) => {
          stage.cancel = (id) => {
            assert.equal(id, stage.sent[0]?.id)
            resolve({ state: 'refused', fault: faultData('statement_cancelled') })
          }
        })
        stage.carry = () => waits
        client.send(...messages)
        await until(() => stage.sent.length > 0)
        await cancel(client)
        assert.deepEqual(codes(await client.until('Z')).slice(-2), ['57014', status])
        assert.equal(stage.applied.length, 0)
        stage.carry = acceptAll()
        await goesOn(client)
        assert.equal(await count(), 1)
      })

      test(`${shape}${inBlock ? ' in a block' : ''}: once it is sent the true outcome is told`, async () => {
        const accept = stage.carry
        let reached = (): void => {}
        let answer = (): void => {}
        const called = new Promise<void>((resolve) => reached = resolve)
        const said = new Promise<void>((resolve) => answer = resolve)
        stage.carry = async (mutation, options) => {
          reached()
          await said
          return await accept(mutation, options)
        }
        const client = await start()
        client.send(...messages)
        await called
        await cancel(client)
        answer()
        const told = codes(await client.until('Z'))
        assert.deepEqual(told.slice(-3), ['D', 'C', inBlock ? 'T' : 'I'])
        assert.equal(stage.applied.length, 1)
        await goesOn(client)
        assert.equal(await count(), 2)
      })
    }
  }

  test('a cancel that comes at any moment leaves either everything or nothing', async () => {
    const client = await connectRaw()
    let written = 0
    for (let round = 0; round < 120; round++) {
      const inBlock = round % 2 === 1
      if (inBlock) {
        client.send(encodeQuery('begin'))
        await client.until('Z')
      }
      client.send(encodeQuery(insert))
      for (let turns = 0; turns < round; turns++) {
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      await cancel(client)
      const told = codes(await client.until('Z'))
      if (told.includes('C')) written += 1
      else assert.deepEqual(told, ['57014', inBlock ? 'E' : 'I'])
      if (!inBlock) continue
      client.send(encodeQuery('rollback'))
      await client.until('Z')
    }
    client.destroy()
    assert.equal(stage.sent.length, written)
    assert.equal(stage.applied.length, written)
    assert.equal(await count(), written)
  })

  test('a cancel reaches a statement that is no mutation', async () => {
    const client = await connectRaw()
    client.send(encodeQuery('select pg_sleep(60)'))
    await until(async () =>
      (await stage.sql`select from pg_stat_activity where pid = ${
        client.key?.pid ?? 0
      } and wait_event = 'PgSleep'`)
        .length === 1
    )
    await cancel(client)
    assert.deepEqual(codes(await client.until('Z')), ['T', '57014', 'I'])
    client.destroy()
  })

  test('a cancel with a wrong secret does nothing', async () => {
    const client = await connectRaw()
    const pid = client.key?.pid ?? 0
    await stage.sql.begin(async (sql) => {
      await sql`lock table salesforce.contacts in exclusive mode`
      client.send(encodeQuery(insert))
      await waitsForLock()
      const wrong: RawClient = { ...client, key: { pid, secret: new Uint8Array(4) } }
      await cancel(wrong)
    })
    assert.deepEqual(codes(await client.until('Z')), ['T', 'D', 'C', 'I'])
    client.destroy()
  })

  test('statement_timeout during the plan is Postgres’s own error and nothing is sent', async () => {
    await withClient(stage, async (client) => {
      for (const inBlock of [false, true]) {
        if (inBlock) await client.query('begin')
        await client.query('set statement_timeout = 1000')
        await stage.sql.begin(async (sql) => {
          await sql`lock table salesforce.contacts in exclusive mode`
          const thrown = await client.query(insert).catch((error: pg.DatabaseError) => error)
          assert.ok(thrown instanceof Error)
          assert.equal(thrown.code, '57014')
          assert.equal(thrown.message, 'canceling statement due to statement timeout')
        })
        if (inBlock) await client.query('rollback')
      }
    })
    assert.equal(stage.sent.length, 0)
  })

  test('statement_timeout is the time that the platform gets, and is no reason not to apply what it accepted', async () => {
    // a sequence is not rolled back: the second call is the apply
    await stage.sql.unsafe(`
      create sequence public.calls; grant all on public.calls to ${stage.role};
      create function public.slow() returns trigger language plpgsql as $$ begin
        if nextval('public.calls') % 2 = 0 then perform pg_sleep(1.5); end if; return new; end $$;
      create trigger slow before insert on salesforce.contacts for each row execute function public.slow()`)
    const waits: number[] = []
    const accept = stage.carry
    stage.carry = (mutation, options) => {
      waits.push(options.waitMs)
      return accept(mutation, options)
    }
    try {
      await withClient(stage, async (client) => {
        let done: pg.QueryResult | null = null
        for (let tries = 0; tries < 10 && done === null; tries++) {
          await client.query('reset statement_timeout')
          await stage.sql`select setval('public.calls', 1, false)`
          await client.query('set statement_timeout = 1000')
          // on a slow machine the plan may take longer: then nothing was sent
          done = await client.query(insert).catch((error: pg.DatabaseError) => {
            assert.deepEqual([error.code, waits], ['57014', []])
            return null
          })
        }
        assert.equal(done?.rowCount, 1)
        assert.deepEqual(waits, [1_000])
        const shown = await client.query('show statement_timeout')
        assert.deepEqual(shown.rows, [{ statement_timeout: '1s' }])
      })
    } finally {
      await stage.sql.unsafe(
        'drop trigger slow on salesforce.contacts; drop function public.slow(); drop sequence public.calls',
      )
    }
  })
})

test('a cancel for the client, or for its own lock, asks the guard before it reaches the database', async () => {
  const asked: string[] = []
  const guard = { inside: true, allows: (address: string) => asked.push(address) > 0 }
  const stage = await createStage({ approach: { guard } })
  try {
    await withClient(stage, async (client) => {
      const each = asked.length // questions of one connection, that of the login
      assert.ok(each > 0)
      await client.query(insert)
      asked.length = 0
      await client.query('begin')
      await client.query('select from salesforce.contacts for update')
      const update = client.query(`update salesforce.contacts set email = 'x'`)
      await assert.rejects(update, { code: '55P03' })
      assert.equal(asked.length, 2 * each, 'for the side connection, and for the cancel on it')
      await client.query('rollback')
    })
    const client = await rawClient(stage.through())
    asked.length = 0
    client.send(encodeQuery('select pg_sleep(60)'))
    await until(async () =>
      (await stage.sql`select from pg_stat_activity
        where usename = ${stage.role} and wait_event = 'PgSleep'`).length > 0
    )
    const socket = connect(stage.listener.port, '127.0.0.1')
    assert.ok(client.key)
    socket.resume().write(encodeCancelRequest(client.key.pid, client.key.secret))
    await once(socket, 'close')
    const [error] = await client.until('E')
    assert.ok(error !== undefined)
    assert.equal(asked[0], '127.0.0.1')
    client.destroy()
  } finally {
    await stage.close()
  }
})
