// Goal: a Postgres that lies, floods, falls silent or goes away never wedges the listener and never has a client wait for
// ever; what the client hears is true. Method: between the listener and a real Postgres stands somebody who does it at a
// moment of the test's choice, while another client goes on working.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { deadlineIn, remainingMs, withDeadline } from '../../src/lib/deadline.ts'
import * as backend from '../../src/wire/backend.ts'
import { acceptAll, createStage, type Stage } from '../help/stage.ts'

/** What Postgres may take over a step of a mutation here. */
const stepWaitMs = 1_000
/** What a client may wait at most. */
const answerWaitMs = 60_000

/** What the one in between does with the server's side of the conversation from the moment on. */
type Deed = (client: Socket) => void

const frame = (tag: string, length: number, body = '') => {
  const head = Buffer.alloc(5)
  head.writeUInt8(tag.charCodeAt(0), 0)
  head.writeInt32BE(length, 1)
  return Buffer.concat([head, Buffer.from(body)])
}

const notice = backend.encodeNoticeResponse([['S', 'NOTICE'], ['C', '00000'], [
  'M',
  'x'.repeat(1000),
]])
const flood = (bytes: Uint8Array): Deed => (client) => {
  const many = Buffer.concat(Array.from({ length: 100 }, () => bytes))
  const pour = () => {
    while (!client.destroyed && client.write(many));
  }
  client.on('drain', pour)
  pour()
}
const say = (...bytes: Uint8Array[]): Deed => (client) => void client.write(Buffer.concat(bytes))

const deeds: Readonly<Record<string, Deed>> = {
  'falls silent': () => {},
  'closes': (client) => client.end(),
  'resets': (client) => client.resetAndDestroy(),
  'says a negative length': say(frame('D', -1)),
  'says a length of nought': say(frame('Z', 0)),
  'says a length of three': say(frame('C', 3)),
  'says a huge length and no more': say(frame('D', 0x7fff_fff0, 'x'.repeat(100))),
  'says half a message': say(frame('D', 1_000, 'x')),
  'speaks HTTP': say(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  'speaks of nothing that was asked': say(
    backend.encodeCommandComplete('SELECT 1'),
    backend.encodeReadyForQuery('I'),
  ),
  'is ready too soon': say(backend.encodeReadyForQuery('I')),
  'is ready in a state that there is none of': say(frame('Z', 5, '?')),
  'says a row that is none': say(frame('D', 6, '\xff\xff'), backend.encodeReadyForQuery('T')),
  'floods notices': flood(notice),
  'floods parameters': flood(backend.encodeParameterStatus('application_name', 'x'.repeat(1000))),
  'floods rows': flood(frame('D', 6, '\0\0')),
  'floods reports': flood(
    backend.encodeNoticeResponse([
      ['S', 'INFO'],
      ['C', 'SLPLN'],
      ['M', 'plan'],
      [
        'D',
        '{"schema":"salesforce","table":"contacts","op":"update","seal":"x"}\x1e1\x1f"a"\x1fnull\x1fnull',
      ],
    ]),
  ),
  'asks for a password': say(backend.authenticationCleartextPassword),
  'asks for data': say(frame('G', 7, '\0\0\0')),
  'ends with an error': say(
    backend.encodeErrorResponse([['S', 'FATAL'], ['V', 'FATAL'], ['C', '57P01'], ['M', 'bye']]),
  ),
}

/** Stands between: passes everything on until `moment` has been said by the listener, then does the deed. */
interface Between {
  readonly port: number
  set(moment: RegExp, deed: Deed): void
  clear(): void
  readonly struck: boolean
  close(): void
}

async function startBetween(target: number): Promise<Between> {
  const sockets = new Set<Socket>()
  let plan: { moment: RegExp; deed: Deed } | null = null
  let struck = false
  const server: Server = createServer((near) => {
    const far = connect({ port: target, host: '127.0.0.1' })
    let evil = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    near.on('data', (chunk: Buffer) => {
      if (evil) return
      if (plan !== null && plan.moment.test(chunk.toString('latin1'))) {
        evil = struck = true
        far.destroy()
        return plan.deed(near)
      }
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => void (evil || near.write(chunk)))
    near.on('close', () => far.destroy())
    far.on('close', () => void (evil || near.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    set: (moment, deed) => {
      plan = { moment, deed }
      struck = false
    },
    clear: () => void (plan = null),
    get struck() {
      return struck
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

let stage: Stage
let between: Between
/** Another client, whose connection is left alone. */
let other: pg.Client
const accepting = acceptAll()

before(async () => {
  stage = await createStage({ approach: { stepWaitMs } })
  between = await startBetween(stage.config.database.port)
  const { database } = stage.config
  stage.config = { ...stage.config, database: { ...database, port: between.port } }
  other = new pg.Client(stage.through())
  await other.connect()
})
after(async () => {
  await other?.end()
  between?.close()
  await stage.close()
})

interface Heard {
  readonly code: string
  readonly message: string
  readonly detail: string
}

/** Runs a statement; the error, or what stands for a connection that was lost without a word. */
async function run(sql: string, block = false): Promise<Heard> {
  const client = new pg.Client(stage.through())
  client.on('error', () => {})
  const work = async () => {
    await client.connect()
    await client.query('select 1')
    if (block) await client.query('begin')
    await client.query(sql)
  }
  try {
    await withDeadline(work(), { waitMs: answerWaitMs, what: 'an answer' })
    return { code: '', message: '', detail: '' }
  } catch (error) {
    const { code = 'lost', message, detail = '' } = error as Partial<Heard> & Error
    return { code, message, detail }
  } finally {
    client.end().catch(() => {})
  }
}

async function othersGoOn(): Promise<void> {
  const { rows } = await withDeadline(other.query('select 1 as one'), {
    waitMs: 60_000,
    what: 'another client',
  })
  assert.deepEqual(rows, [{ one: 1 }])
}

const insert = `insert into salesforce.contacts (last_name) values ('A') returning id`
const planning = /sluice\.open[^]*\0plan|sluice\.open[^]*\x04plan/
const applying = /sluice\.open[^]*\x05apply/

/** A login waits fifteen seconds for what follows these; login.test.ts has that with less. */
const waits = [
  'falls silent',
  'says a huge length and no more',
  'says half a message',
  'asks for a password',
]

const strikesMax = 10

/**
 * Runs the statement until the deed was done in it: a machine that stands still for longer than a step may take looks like
 * a Postgres that is silent, and then it does not come to it.
 */
async function strike(
  { name, moment, block = false }: { name: string; moment: RegExp; block?: boolean },
): Promise<Heard> {
  const deed = deeds[name]
  assert.ok(deed)
  for (let strikes = 0; strikes < strikesMax; strikes++) {
    stage.sent.length = 0
    stage.carry = accepting
    between.set(moment, deed)
    const running = run(insert, block)
    await othersGoOn()
    const heard = await running
    between.clear()
    if (between.struck) return heard
  }
  assert.fail(`Postgres never ${name}`)
}

for (const [name, deed] of Object.entries(deeds)) {
  for (const block of [false, true]) {
    const where = block ? 'on the connection of a block' : 'on the own connection'
    test(`planning, ${where}: Postgres ${name}`, async () => {
      const { code, message } = await strike({ name, moment: planning, block })
      assert.equal(stage.sent.length, 0)
      // the words of a connection that ends, or SQLSTATEs that say that nothing was sent
      const allowed = ['58030', '57014', '57P01', '0A000', 'lost']
      assert.ok(allowed.includes(code), `${code} ${message}`)
      if (code === 'lost') assert.match(message, /terminated/)
      await othersGoOn()
    })
  }

  test(`applying: Postgres ${name}`, async () => {
    const { code, message, detail } = await strike({ name, moment: applying })
    assert.equal(stage.sent.length, 1)
    assert.equal(code, 'SL001', `${code} ${message}`)
    assert.match(detail, /1 row was accepted by salesforce/)
    await othersGoOn()
  })

  test(`logging in: Postgres ${name}`, async () => {
    if (waits.includes(name)) return
    between.set(/user\0/, deed)
    const { code, message } = await run('select 1')
    between.clear()
    assert.ok(between.struck)
    assert.ok(['58030', '57P01'].includes(code), `${code} ${message}`)
    await othersGoOn()
  })
}

test('after all of that the listener has as many sessions as there are clients', async () => {
  const deadline = deadlineIn(60_000)
  while (stage.listener.sessions > 1 && remainingMs(deadline) > 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(stage.listener.sessions, 1)
})
