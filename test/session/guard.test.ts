// Goal: a listener takes so much of everything and no more, says so to whoever is beyond, and goes on. Method: a listener
// with small limits on a real Postgres; each is reached exactly, then passed by one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { createLog, silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import { faultData } from '../../src/mutation/fault.ts'
import { type ListenerOptions } from '../../src/session/listener.ts'
import { createListenerMetrics } from '../../src/session/listener-metrics.ts'
import type { BackendMessage } from '../../src/wire/backend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { encodeStartupMessage } from '../../src/wire/startup.ts'
import { encodeQuery, flush, sync } from '../../src/wire/frontend.ts'
import { bind, execute, parse } from '../help/golden.ts'
import { readExposition } from '../help/exposition.ts'
import { Knock, type Refused, refusedBy } from '../help/knock.ts'
import { createStage, type Stage } from '../help/stage.ts'
import { until } from '../help/system.ts'
import { tellsTimers, timersOf } from '../help/tcp.ts'

type Options = Partial<Omit<ListenerOptions, 'service'>>

async function withStage(
  options: Options,
  work: (stage: Stage, knock: () => Promise<Knock>) => Promise<void>,
): Promise<void> {
  const stage = await createStage(options)
  const knocks: Knock[] = []
  try {
    await work(stage, async () => {
      const knock = await Knock.connect({ port: stage.listener.port })
      knocks.push(knock)
      return knock
    })
  } finally {
    for (const knock of knocks) knock.close()
    await stage.close()
  }
}

const demo = { user: 'demo.sync_stage1', password: 'demo' }

/** A client that is logged in. */
async function enter(knock: () => Promise<Knock>): Promise<Knock> {
  const client = await knock()
  assert.equal(await client.login(demo), null)
  return client
}

/** What a query is answered with: an error, or null. */
async function ask(client: Knock, sql: string): Promise<Refused | null> {
  client.send(encodeQuery(sql))
  for (const message of await client.until('ReadyForQuery')) {
    if (message.type === 'ErrorResponse') return refusedBy(message.fields)
  }
  return null
}

/** Types of messages that matter here: replies are `1`, `2`, … as on the wire, an error is `E`, ReadyForQuery `Z`. */
function tagOf(message: BackendMessage | null): string {
  if (message?.type === 'Other') return String.fromCharCode(message.tag)
  return message?.type === 'ErrorResponse' ? 'E' : message?.type === 'ReadyForQuery' ? 'Z' : '?'
}

const backends = async ({ sql, role }: Stage): Promise<number> =>
  (await sql`select from pg_stat_activity where usename = ${role}`).length

test('the startup packet: as long as the limit, and one byte longer', async () => {
  await withStage({ limits: { startupBytesMax: 200 } }, async (_, knock) => {
    const packet = (size: number) => {
      const bare = encodeStartupMessage({
        major: 3,
        minor: 0,
        parameters: [['user', demo.user], ['application_name', '']],
      })
      const name = 'x'.repeat(size - (bare.length - 4))
      return encodeStartupMessage({
        major: 3,
        minor: 0,
        parameters: [['user', demo.user], ['application_name', name]],
      })
    }
    const fits = await knock()
    assert.equal(packet(200).length, 204)
    fits.send(packet(200))
    assert.equal((await fits.message())?.type, 'AuthenticationSASL')
    const over = await knock()
    over.send(packet(201))
    assert.equal(await over.message(), null, 'closed without a word, as Postgres does')
  })
})

test('a message: as long as the limit, and one byte longer, whether it is looked into or not', async () => {
  await withStage({ limits: { messageBytesMax: 2_048 } }, async (stage, knock) => {
    for (const sql of [`select '`, `insert into salesforce.contacts (last_name) values ('`]) {
      const end = sql.endsWith(`('`) ? `')` : `'`
      const query = (size: number) => sql + 'x'.repeat(size - 5 - sql.length - end.length) + end
      const client = await enter(knock)
      assert.equal(await ask(client, query(2_048)), null)
      client.send(encodeQuery(query(2_049)))
      const last = await client.message()
      assert.ok(last?.type === 'ErrorResponse')
      assert.deepEqual(refusedBy(last.fields), {
        code: '54000',
        message: 'a message of 2049 bytes is too long',
        detail: 'This listener takes at most 2048 bytes.',
        hint: undefined,
      })
      assert.equal(await client.message(), null)
    }
    assert.equal(stage.sent.length, 1)
    await until('no backend is left', async () => await backends(stage) === 0)
  })
})

test('what a session makes us keep has a bound, and closing a statement gives room', async () => {
  const limits = { bufferedBytesMax: 4_096 }
  await withStage({ limits }, async (stage, knock) => {
    const client = await enter(knock)
    const sql = (size: number) => {
      const text = `insert into salesforce.contacts (last_name) values ($1) --`
      return text + '-'.repeat(size - text.length)
    }
    const types = async (...messages: Uint8Array[]) => {
      client.send(...messages, sync)
      const answer = await client.until('ReadyForQuery')
      const error = answer.find((message) => message.type === 'ErrorResponse')
      return error?.type === 'ErrorResponse' ? refusedBy(error.fields) : null
    }
    assert.equal(await types(parse(sql(1_500), 'a')), null)
    assert.equal(await types(parse(sql(1_500), 'b')), null)
    const refused = await types(parse(sql(1_500), 'c'))
    assert.equal(refused?.code, '54000')
    assert.match(refused?.message ?? '', /portals of this session take more than 4096 bytes/)
    assert.equal(refused?.detail, 'Nothing was sent.')
    // the session goes on with what it has, and with new ones in place of old ones
    assert.equal(await types(bind(['one'], { s: 'a' }), execute()), null)
    const close = encodeMessage('C', (writer) => writer.int8(0x53).cstring('b'))
    assert.equal(await types(close), null)
    assert.equal(await types(parse(sql(1_500), 'c')), null)
    assert.equal(await types(bind(['two'], { s: 'c' }), execute()), null)
    assert.equal(stage.sent.length, 2)
  })
})

test('messages that are held back until a mutation runs are bounded in bytes', async () => {
  await withStage({}, async (stage, knock) => {
    const client = await enter(knock)
    const tags = async (count: number) => {
      const found: string[] = []
      while (found.length < count) found.push(tagOf(await client.message()))
      return found
    }
    const text = `insert into salesforce.contacts (last_name) values ($1)`
    client.send(parse(text, 's'), flush)
    assert.deepEqual(await tags(1), ['1'])
    // answered before there is an Execute or a Flush: they were not held
    const big = 'x'.repeat(600_000)
    client.send(bind([big], { s: 's' }), bind([big], { s: 's' }))
    assert.deepEqual(await tags(2), ['2', '2'])
    client.send(execute(), sync)
    await client.until('ReadyForQuery')
    assert.equal(stage.sent[0]?.rows[0]?.values['last_name'], big)
  })
})

test('sessions in all, and of one sync: at the limit, one past it, and again when one has gone', async () => {
  const cases: [Options, string][] = [
    [{ connectionsMax: 2 }, 'sorry, too many clients already'],
    [{ limits: { connectionsPerSyncMax: 2 } }, 'too many connections for sync "sync_stage1"'],
  ]
  for (const [options, words] of cases) {
    await withStage(options, async (stage, knock) => {
      const [first, second] = [await enter(knock), await enter(knock)]
      const refused = await (await knock()).login(demo)
      assert.deepEqual([refused?.code, refused?.message], ['53300', words])
      // only whoever knows the password is told
      const stranger = await (await knock()).login({ ...demo, password: 'wrong' })
      assert.equal(stranger?.code, '28P01')
      assert.equal(await ask(first, 'select 1'), null)
      second.close()
      await until('a place is free', () => stage.listener.sessions === 1)
      const third = await enter(knock)
      assert.equal(await ask(third, 'select 1'), null)
    })
  }
})

test('a session that the database refuses leaves its place', async () => {
  await withStage({ connectionsMax: 1 }, async (stage, knock) => {
    await stage.sql.unsafe(`alter role ${stage.role} connection limit 0`)
    for (let count = 0; count < 3; count += 1) {
      const refused = await (await knock()).login(demo)
      assert.match(refused?.message ?? '', /too many connections for role/)
    }
    await stage.sql.unsafe(`alter role ${stage.role} connection limit -1`)
    await enter(knock)
  })
})

test('connections that are not logged in, in all and of one address, do not keep a client out', async () => {
  const cases: [Options['limits'], string][] = [
    [{ unauthenticatedMax: 3 }, 'sorry, too many clients already'],
    [{ unauthenticatedPerAddressMax: 3 }, 'too many connections that are not logged in yet'],
  ]
  for (const [limits = {}, words] of cases) {
    let clock = 0
    const options = { limits, connectionsMax: 1, handshakeWaitMs: 120_000, now: () => clock }
    await withStage(options, async (stage, knock) => {
      const session = await enter(knock) // it is no longer one of them
      const idle = [await knock(), await knock(), await knock()]
      const fourth = await knock()
      const told = await fourth.message()
      assert.ok(told?.type === 'ErrorResponse')
      const { code, message } = refusedBy(told.fields)
      assert.deepEqual([code, message], ['53300', words])
      assert.equal(await fourth.message(), null)
      session.close()
      await until('the session has gone', () => stage.listener.sessions === 0)
      // once they have had a second, whoever has waited longest makes room
      clock += 1_000
      await enter(knock)
      assert.equal(await idle[0]?.message(), null)
      assert.deepEqual(idle.map(({ closed }) => closed), [true, false, false])
    })
  }
})

test('connections that are not logged in have so much time', async () => {
  await withStage({ handshakeWaitMs: 300 }, async (_, knock) => {
    const start = performance.now()
    const [silent, slow] = [await knock(), await knock()]
    slow.send(Uint8Array.of(0))
    assert.deepEqual([await silent.message(), await slow.message()], [null, null])
    assert.ok(performance.now() - start > 200)
  })
})

test('mutations under way in all, and of one sync: at the limit, one past it, and again', async () => {
  const cases: [Options['limits'], RegExp][] = [
    [{ mutationsMax: 2 }, /^too many mutations under way in this listener, nothing was sent$/],
    [
      { mutationsPerSyncMax: 2 },
      /^too many mutations under way for sync "sync_stage1", nothing was sent$/,
    ],
  ]
  const insert = `insert into salesforce.contacts (last_name) values ('Idaho')`
  for (const [limits = {}, words] of cases) {
    await withStage({ limits }, async (stage, knock) => {
      const accept = stage.carry
      let release = (): void => {}
      const released = new Promise<void>((resolve) => release = resolve)
      stage.carry = async (mutation, options) => {
        await released
        return await accept(mutation, options)
      }
      const clients = [await enter(knock), await enter(knock), await enter(knock)]
      const [third] = clients.slice(2)
      assert.ok(third !== undefined)
      const running = clients.slice(0, 2).map((client) => ask(client, insert))
      await until('both are under way', () => stage.sent.length === 2)
      // simple, extended with what was held, and in a transaction block
      const refused = await ask(third, insert)
      assert.equal(refused?.code, '53400')
      assert.match(refused?.message ?? '', words)
      third.send(parse(insert, ''), bind([]), execute(), sync)
      const tags = (await third.until('ReadyForQuery')).map(tagOf).join('')
      assert.equal(tags, '12EZ')
      await ask(third, 'begin')
      assert.equal((await ask(third, insert))?.code, '53400')
      assert.equal((await ask(third, 'select 1'))?.code, '25P02')
      await ask(third, 'rollback')
      assert.equal(await ask(third, 'select 1'), null, 'reads go on')
      release()
      assert.deepEqual(await Promise.all(running), [null, null])
      assert.equal(await ask(third, insert), null)
      assert.equal(stage.sent.length, 3)
    })
  }
})

test('failed logins wait, whoever fails, and no other address does', async () => {
  const held: { client: string; waitMs: number }[] = []
  const log = createLog({
    level: 'warn',
    write: (line) => {
      const event = JSON.parse(line) as { event: string; client: string; waitMs: number }
      if (event.event === 'login_held_back') held.push(event)
    },
  })
  // a clock that stands still: nobody's turn comes by itself while a busy machine sleeps
  const throttle = { freeMax: 1, delayMaxMs: 400, now: () => 0 }
  await withStage({ throttle, log }, async (stage, knock) => {
    const from = (address: string) => Knock.connect({ port: stage.listener.port, from: address })
    const attempt = async (address: string, user: string, password: string) => {
      const client = await from(address)
      try {
        return (await client.login({ user, password }))?.code ?? 'in'
      } finally {
        client.close()
      }
    }
    assert.equal(await attempt('127.0.0.2', demo.user, 'wrong'), '28P01')
    assert.deepEqual(held, [])
    assert.equal(await attempt('127.0.0.2', 'nobody.sync_x', 'wrong'), '28P01')
    // the right password, too, is looked at only when its turn has come
    assert.equal(await attempt('127.0.0.2', demo.user, 'demo'), 'in')
    assert.deepEqual(held.map(({ client }) => client), ['127.0.0.2', '127.0.0.2'])
    assert.ok(held.every(({ waitMs }) => waitMs > 0 && waitMs <= 400))
    held.length = 0
    assert.equal(await attempt('127.0.0.3', demo.user, 'demo'), 'in')
    assert.equal(await attempt('127.0.0.2', demo.user, 'demo'), 'in', 'trusted from there now')
    assert.deepEqual(held, [])
    await enter(knock)
  })
})

/** A throttle that doubles its wait from 250 ms on, by a clock of the test: no machine is too slow for it. */
function slowTurns() {
  let clock = 0
  return {
    freeMax: 0,
    delayMaxMs: 60_000,
    now: () => clock,
    pass: (ms: number) => void (clock += ms),
  }
}

test('an attempt whose turn would come too late is told so, and its password is not looked at', async () => {
  const registry = createMetrics({ log: silentLog })
  const metrics = createListenerMetrics(registry)
  const turns = slowTurns()
  await withStage({ handshakeWaitMs: 20_000, throttle: turns, metrics }, async (_, knock) => {
    const wrong = async () => await (await knock()).login({ ...demo, password: 'wrong' })
    for (let failures = 0; failures < 7; failures += 1) {
      turns.pass(16_000)
      assert.equal((await wrong())?.code, '28P01')
    }
    const last = await wrong()
    assert.deepEqual([last?.code, last?.message], ['28000', 'too many failed attempts to log in'])
    assert.equal(last?.hint, 'Try again in 32 s.')
    assert.equal((await (await knock()).login(demo))?.code, '28000', 'nor the right one')
    const shown = readExposition(await registry.expose())
    assert.deepEqual(
      ['password', 'throttled', 'not_allowed'].map((reason) =>
        shown.value('sluice_connections_refused_total', { reason }) ?? 0
      ),
      [7, 2, 0],
    )
  })
})

test('a client that leaves while it is held back is not judged, and leaves nothing', async () => {
  const turns = slowTurns()
  await withStage({ handshakeWaitMs: 60_000, throttle: turns }, async (stage, knock) => {
    for (let count = 0; count < 6; count += 1) {
      turns.pass(8_000)
      await (await knock()).login({ ...demo, password: 'wrong' })
    }
    const client = await knock()
    const told = client.login(demo).catch((error: unknown) => error)
    await until('it is held back', async () => {
      const other = await Knock.connect({ port: stage.listener.port, from: '127.0.0.9' })
      other.close()
      return client.socket.bytesWritten > 150
    })
    client.close()
    assert.ok(await told instanceof Error)
    assert.equal(stage.listener.sessions, 0)
  })
})

test('the database hears the client’s address in application_name where that is switched on', async () => {
  await withStage({ nameClients: true }, async (stage) => {
    const client = new pg.Client({ ...stage.through(), application_name: 'billing' })
    await client.connect()
    try {
      const { rows: [row] } = await client.query('show application_name')
      assert.match(row.application_name, /^billing - 127\.0\.0\.1:\d+$/)
    } finally {
      await client.end()
    }
  })
})

test('a listener says where it is: SHOW sluice.region, on the side connection too', async () => {
  await withStage({ region: 'iad' }, async (stage) => {
    const client = new pg.Client(stage.through())
    await client.connect()
    try {
      const { rows: [row] } = await client.query('show sluice.region')
      assert.equal(row['sluice.region'], 'iad')
      await client.query('begin')
      await client.query(
        `insert into salesforce.contacts (last_name) values (current_setting('sluice.region'))`,
      )
      assert.equal(stage.sent.at(-1)?.rows[0]?.values?.['last_name'], 'iad')
    } finally {
      await client.end()
    }
  })
})

test('closing is bounded by its grace: a mutation that does not end is cut off, and nobody new gets in', async () => {
  await withStage({}, async (stage, knock) => {
    let release = (): void => {}
    stage.carry = () =>
      new Promise((resolve) => {
        release = () => resolve({ state: 'unknown', fault: faultData('outcome_unknown') })
      })
    const client = await enter(knock)
    client.send(encodeQuery(`insert into salesforce.contacts (last_name) values ('Idaho')`))
    await until('the mutation is sent', () => stage.sent.length === 1)
    const start = performance.now()
    const closed = stage.listener.close({ graceMs: 700 })
    await assert.rejects(knock(), { code: 'ECONNREFUSED' })
    await closed
    const tookMs = performance.now() - start
    assert.ok(tookMs > 600 && tookMs < 30_000, `${tookMs} ms`)
    assert.equal(await client.message(), null)
    release()
    await until('no backend is left', async () => await backends(stage) === 0)
  })
})

test('connections that are not logged in do not hold up the closing', async () => {
  await withStage({ handshakeWaitMs: 300_000 }, async (stage, knock) => {
    const [silent, session] = [await knock(), await enter(knock)]
    const start = performance.now()
    const closed = stage.listener.close({ graceMs: 300_000 })
    const told = await session.message()
    assert.equal(told?.type === 'ErrorResponse' && refusedBy(told.fields).code, '57P01')
    assert.equal(await silent.message(), null)
    await closed
    assert.ok(performance.now() - start < 60_000)
  })
})

test(
  'client and database are probed when they are silent',
  { skip: !tellsTimers },
  async () => {
    await withStage({}, async (stage, knock) => {
      const client = await enter(knock)
      const [row] = await stage.sql`
      select client_port from pg_stat_activity where usename = ${stage.role}`
      // another timer may be on just after something was sent
      await until(
        'the client’s connection is probed',
        () => timersOf(stage.listener.port).join() === '02',
      )
      await until(
        'the connection to the database is probed',
        // a connection to elsewhere may have the same port
        () => timersOf(row?.['client_port']).includes('02'),
      )
      assert.equal(await ask(client, 'select 1'), null)
    })
  },
)
