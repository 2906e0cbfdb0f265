// Goal: whatever strangers and clients send, the listener goes on: a client works all the while, and afterwards nothing is
// left of the others, neither memory nor a connection to the database. Method: a listener in a process of its own and every
// kind of abuse, one after the other, again and again: the first times make it warm. `SLUICE_ABUSE=full`: at full size, and
// until the allocator, too, has as much as it ever takes, so that the resident memory can be compared.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { withDeadline } from '../../src/lib/deadline.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { encodeStartupMessage, sslRequest } from '../../src/wire/startup.ts'
import { Knock } from '../help/knock.ts'
import { until } from '../help/system.ts'

const full = process.env['SLUICE_ABUSE'] === 'full'
/** How many of everything; how often before anything is measured, and then. */
const size = full
  ? {
    strangers: 500,
    slow: 200,
    idle: 1_000,
    random: 200,
    resets: 200,
    short: 500,
    warm: 5,
    times: 3,
  }
  : { strangers: 60, slow: 20, idle: 1_000, random: 20, resets: 20, short: 100, warm: 1, times: 1 }

interface Look {
  readonly sessions: number
  readonly backends: number
  readonly sent: number
  readonly applied: number
  readonly heapBytes: number
  readonly rssBytes: number
}

interface Abused {
  readonly port: number
  readonly database: string
  readonly cert: string
  look(): Promise<Look>
  stop(): Promise<void>
}

const user = 'demo.sync_stage1'
/** Much longer than the two seconds that a login may take. */
const goneWaitMs = 60_000

async function startAbused(): Promise<Abused> {
  const file = join(dirname(fileURLToPath(import.meta.url)), 'abused.ts')
  const onDeno = 'Deno' in globalThis
  const args = onDeno
    ? ['run', '--quiet', '--no-check', '-A', '--v8-flags=--expose-gc', file]
    : ['--expose-gc', file]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const hear = async () => {
    const line = await withDeadline(lines.next(), { waitMs: 60_000, what: 'the listener' })
    return JSON.parse(String(line.value)) as unknown
  }
  const about = await hear() as Pick<Abused, 'port' | 'database' | 'cert'>
  return {
    ...about,
    look: async () => {
      child.stdin.write('look\n')
      return await hear() as Look
    },
    stop: async () => {
      child.stdin.end()
      const [code] = await withDeadline(exited, { waitMs: 60_000, what: 'the end of the listener' })
      assert.equal(code, 0)
    },
  }
}

let abused: Abused
/** Addresses of loopback, so that strangers are not all one. */
let addresses = 0
let guessers = 0
const nextAddress = () => `127.0.1.${1 + (addresses++ % 200)}`

before(async () => {
  abused = await startAbused()
})
after(() => abused?.stop())

/** The same sequence each time. */
let seed = 20_260
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor(seed / 2 ** 32 * below)
}
const randomBytes = (length: number) => Buffer.from(Array.from({ length }, () => random(256)))

const startup = encodeStartupMessage({ major: 3, minor: 0, parameters: [['user', user]] })
/** A byte a second, it has not come to its end when `goneWaitMs` is over. */
const longStartup = encodeStartupMessage({
  major: 3,
  minor: 0,
  parameters: [['user', user], ['application_name', 'x'.repeat(goneWaitMs / 500)]],
})

async function stranger(): Promise<Socket> {
  const socket = connect({ port: abused.port, host: '127.0.0.1', localAddress: nextAddress() })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  socket.resume()
  return socket
}

const closed = (socket: Socket) =>
  socket.destroyed ? Promise.resolve() : new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })

/** One after the other, some at a time: `work` for each. */
async function crowd(count: number, work: (index: number) => Promise<void>, atOnce = 20) {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Sends bytes and waits until the listener has closed. */
async function throwAt(bytes: Uint8Array): Promise<void> {
  const socket = await stranger()
  socket.write(bytes)
  await withDeadline(closed(socket), { waitMs: goneWaitMs, what: 'the listener to close' })
}

const abuses: Record<string, () => Promise<void>> = {
  'garbage instead of a startup packet': () =>
    crowd(size.strangers, () => throwAt(randomBytes(8 + random(300)))),
  'startup packets cut short': () =>
    crowd(size.strangers, async (index) => {
      const socket = await stranger()
      socket.write(startup.subarray(0, 1 + random(startup.length - 1)))
      if (index % 2 === 0) socket.resetAndDestroy()
      else socket.end()
      await closed(socket)
    }),
  'startup packets that are too long, or say so': () =>
    crowd(size.strangers, async (index) => {
      const length = [10_005, 65_536, 0x7fff_ffff, 0xffff_ffff][index % 4] ?? 0
      const packet = Buffer.alloc(Math.min(length, 20_000), 0x20)
      packet.writeUInt32BE(length)
      packet.writeUInt32BE(196_608, 4)
      await throwAt(packet)
    }),
  'a startup packet a byte a second': () =>
    crowd(size.slow, async () => {
      const socket = await stranger()
      let at = 0
      const timer = setInterval(() => socket.write(longStartup.subarray(at, ++at)), 1_000)
      try {
        await withDeadline(closed(socket), { waitMs: goneWaitMs, what: 'the deadline of a login' })
      } finally {
        clearInterval(timer)
      }
    }, size.slow),
  'bytes before TLS, and garbage in place of it': () =>
    crowd(size.strangers, async (index) => {
      if (index % 2 === 0) return await throwAt(Buffer.concat([sslRequest, startup]))
      const socket = await stranger()
      socket.once('data', () => socket.write(randomBytes(200)))
      socket.write(sslRequest)
      await withDeadline(closed(socket), { waitMs: goneWaitMs, what: 'the listener to close' })
    }),
  'idle connections': async () => {
    const sockets = await Promise.all(Array.from({ length: size.idle }, stranger))
    // more come than there is room for; those that are there have to go when their time is up
    const more = await Promise.all(Array.from({ length: 50 }, stranger))
    const all = [...sockets, ...more].map(closed)
    await withDeadline(Promise.all(all), { waitMs: goneWaitMs, what: 'the deadline of a login' })
  },
  'wrong passwords': async () => {
    let judged = 0
    // on a busy machine the time of all may be up before they are judged: then others come, from elsewhere
    for (let tries = 1; judged === 0; tries += 1) {
      assert.ok(tries <= 10, 'no wrong password is judged')
      const from = `127.0.3.${1 + (guessers++ % 200)}`
      await crowd(10, async () => {
        const client = await Knock.connect({ port: abused.port, from })
        const refused = await client.login({ user, password: 'wrong' }).catch(() => undefined)
        if (refused !== undefined) assert.match(refused?.code ?? '', /^(28P01|28000)$/)
        if (refused?.code === '28P01') judged += 1
        client.close()
      }, 5)
    }
  },
  'random messages after the login': () =>
    crowd(size.random, async () => {
      const client = await enter()
      for (let count = 0; count < 20; count += 1) client.send(randomMessage())
      // Postgres has ended it, or waits for more
      await Promise.race([closed(client.socket), new Promise((go) => setTimeout(go, 200))])
      client.close()
    }, 5),
  'resets in the middle of a query': () =>
    crowd(size.resets, async () => {
      const client = await enter()
      client.send(encodeQuery(`select repeat('x', 100000) from generate_series(1, 1000)`))
      await client.message()
      client.socket.resetAndDestroy()
    }, 5),
  'short connections, many at a time': () =>
    crowd(size.short, async () => {
      const client = await enter()
      client.send(encodeQuery('select 1'))
      await client.until('ReadyForQuery')
      client.close()
    }, size.short),
}

function randomMessage(): Buffer {
  const tags = 'QPBDECSHFfdcpX?\0'
  const body = randomBytes(random(200))
  const head = Buffer.alloc(5)
  head.writeUInt8(tags.charCodeAt(random(tags.length)))
  head.writeUInt32BE(random(20) === 0 ? random(2 ** 32) : body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** A client that is logged in; where there is no room it tries again, not at once. */
async function enter(): Promise<Knock> {
  for (let tries = 0; tries < 200; tries += 1) {
    const client = await Knock.connect({ port: abused.port, from: nextAddress() })
    const refused = await client.login({ user, password: 'demo' }).catch(() => undefined)
    if (refused === null) return client
    client.close()
    // it was asked to make room, or its time was up
    if (refused !== undefined) assert.equal(refused.code, '53300', JSON.stringify(refused))
    await new Promise((go) => setTimeout(go, 100 + random(Math.min(2_000, 100 * tries + 100))))
  }
  throw new Error('A client does not get in')
}

/** A client that is logged in, although a busy machine may take more time for it than a login has. */
async function connected(settings: pg.ClientConfig, triesMax = 10): Promise<pg.Client> {
  const client = new pg.Client(settings)
  client.on('error', () => {}) // what it does next fails
  try {
    await client.connect()
    return client
  } catch (error) {
    if (triesMax <= 1) throw error
    return await connected(settings, triesMax - 1)
  }
}

/** Works until it is told to stop: what it did, and its longest wait for a statement in milliseconds. */
function startWorking() {
  let over = false
  const done = { queries: 0, mutations: 0, logins: 0, longestMs: 0 }
  const timed = async (work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    done.longestMs = Math.max(done.longestMs, performance.now() - start)
  }
  const settings = {
    host: '127.0.0.1',
    port: abused.port,
    user,
    password: 'demo',
    database: abused.database,
  }
  const work = async () => {
    const client = await connected(settings)
    for (; !over; await new Promise((go) => setTimeout(go, 20))) {
      await timed(() => client.query('select 1'))
      done.queries += 1
      if (done.queries % 5 !== 0) continue
      await timed(() =>
        client.query(`insert into salesforce.contacts (last_name) values ($1)`, ['Idaho'])
      )
      done.mutations += 1
      const newcomer = await enter() // which may have to wait for a place among the others
      newcomer.close()
      done.logins += 1
    }
    await client.end()
    return done
  }
  const working = work()
  working.catch(() => {}) // told by `stop`
  return {
    stop: () => {
      over = true
      return working
    },
  }
}

/** Every abuse, one after the other, while a client works. */
async function abuseAll() {
  const worker = startWorking()
  for (const [name, abuse] of Object.entries(abuses)) {
    await withDeadline(abuse(), { waitMs: 300_000, what: name })
  }
  return await worker.stop()
}

/** When everybody has gone. */
async function quiet(): Promise<Look> {
  return await until('nothing is left', async () => {
    const look = await abused.look()
    return look.sessions === 0 && look.backends === 0 ? look : null
  }, { waitMs: 60_000 })
}

const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`

test('a client works through every kind of abuse, and nothing is left of it', async (context) => {
  const looks: Look[] = []
  let mutations = 0
  for (let round = 0; round < size.warm + size.times; round += 1) {
    const done = await abuseAll()
    mutations += done.mutations
    assert.ok(done.queries > 20 && done.mutations > 3 && done.logins > 3, JSON.stringify(done))
    assert.ok(done.longestMs < 30_000, `${done.longestMs} ms`)
    const look = await quiet()
    assert.deepEqual([look.sent, look.applied], [mutations, mutations])
    looks.push(look)
    const { heapBytes, rssBytes } = look
    context.diagnostic(
      `heap ${mib(heapBytes)}, resident ${mib(rssBytes)}, ${done.queries} queries, longest wait ${
        Math.round(done.longestMs)
      } ms`,
    )
  }
  const [warm, end] = [looks[size.warm - 1], looks.at(-1)]
  assert.ok(warm !== undefined && end !== undefined)
  assert.ok(end.heapBytes < warm.heapBytes * 1.2, 'the heap')
  if (full) assert.ok(end.rssBytes < warm.rssBytes * 1.2, 'the resident memory')
})
