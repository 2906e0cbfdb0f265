// Goal: a cancel request finds its session at whichever listener of the region it arrives, and what is not a listener of
// ours, is old, or hangs does no harm. Method: two and three real listeners on one Postgres and one service, their HTTP
// ports on real sockets, a relay in front that deals connections out to them in turn.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { withDeadline } from '../../src/lib/deadline.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { createMetrics } from '../../src/lib/metrics.ts'
import { startMonitor } from '../../src/lib/monitor.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Outcome } from '../../src/mutation/mutation.ts'
import { allowanceEveryMs, allowanceMax } from '../../src/session/cancelling-allowance.ts'
import { Cancelling, type CancelResult, cancelResults } from '../../src/session/cancelling.ts'
import { createListenerMetrics } from '../../src/session/listener-metrics.ts'
import { type Listener, startListener } from '../../src/session/listener.ts'
import { createAddresses, keepMs, parsePeers, peersMax } from '../../src/session/peers-addresses.ts'
import { createPeersDoor } from '../../src/session/peers-door.ts'
import {
  openQuestion,
  type Question,
  questionBytesMax,
  questionKey,
  questionPath,
  type Sealed,
  sealQuestion,
  type SessionKey,
  skewMs,
} from '../../src/session/peers-question.ts'
import { createPeers, type Peers, peersTransport } from '../../src/session/peers.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { encodeCancelRequest } from '../../src/wire/startup.ts'
import { freePort } from '../help/cluster.ts'
import { readExposition } from '../help/exposition.ts'
import { keepOutput, registerSecrets } from '../help/secrets.ts'
import { createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'
import { until } from '../help/stage-hooks.ts'

const sealKey = questionKey('a secret that the listeners of one region share')
const insert = `insert into salesforce.contacts (last_name) values ('C') returning last_name`

/** The machine may stand still for longer than a listener waits for its peers: then a cancel is lost. */
const patienceMs = 30_000
const patientTransport = { ...peersTransport, connectWaitMs: patienceMs }

interface Member {
  readonly listener: Listener
  /** Of its HTTP port. */
  readonly origin: string
  /** Requests that it has dealt with, by what became of them. */
  counts(): Promise<Partial<Record<CancelResult, number>>>
  close(): Promise<void>
}

interface Region {
  readonly stage: Stage
  readonly members: readonly Member[]
  /** Where all of them look for sessions. */
  readonly origins: string[]
}

const ends: (() => unknown)[] = []
after(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Listeners that are each other's peers, on the database and the service of one stage, whose own listener is not used. */
async function startRegion(count: number): Promise<Region> {
  const stage = await createStage()
  ends.push(() => stage.close())
  const origins: string[] = []
  const members: Member[] = []
  for (let index = 0; index < count; index++) {
    const member = await startMember(stage, () => Promise.resolve(origins))
    ends.push(() => member.close())
    members.push(member)
    origins.push(member.origin)
  }
  return { stage, members, origins }
}

async function startMember(
  stage: Stage,
  origins: () => Promise<readonly string[]>,
): Promise<Member> {
  const registry = createMetrics({ log: silentLog })
  const metrics = createListenerMetrics(registry)
  const http = createHttp(patientTransport)
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 100,
    handshakeWaitMs: 30_000,
    mockSecret: randomBytes(32),
    service: stage.service,
    peers: createPeers({ origins, sealKey, http, log: silentLog, waitMs: patienceMs }),
    metrics,
    log: silentLog,
  })
  const answer = createPeersDoor({
    sealKey,
    cancel: (key) => listener.cancel(key),
    count: (result) => metrics.cancels.add({ result }),
    log: silentLog,
    now: Date.now,
  })
  const monitor = await startMonitor({
    metrics: registry,
    ready: () => Promise.resolve({ checks: {}, notReady: [] }),
    log: silentLog,
  }, {
    host: '127.0.0.1',
    port: 0,
    takes: { path: questionPath, bytesMax: questionBytesMax, answer },
  })
  return {
    listener,
    origin: `http://127.0.0.1:${monitor.port}`,
    counts: async () => {
      const shown = readExposition(await registry.expose())
      const counts = cancelResults.map((result) =>
        [result, shown.value('sluice_cancels_total', { result }) ?? 0] as const
      )
      return Object.fromEntries(counts.filter(([, count]) => count > 0))
    },
    close: async () => {
      await listener.close({ graceMs: 5_000 })
      await http.close()
      await monitor.close()
    },
  }
}

/** As libpq does: resolves when the listener has closed the connection, without a word. */
async function cancelAt(port: number, { pid, secret }: SessionKey): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const heard: Uint8Array[] = []
  socket.on('error', () => {}).on('data', (chunk: Uint8Array) => heard.push(chunk))
  await once(socket, 'connect')
  socket.write(encodeCancelRequest(pid, secret))
  if (!socket.closed) await once(socket, 'close')
  assert.deepEqual(heard, [])
}

function codes(frames: readonly Uint8Array[]): string[] {
  return frames.map((bytes) => {
    const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
    if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
    return message.type === 'ReadyForQuery' ? message.status : String.fromCharCode(bytes[0] ?? 0)
  })
}

const keyOf = ({ key }: RawClient): SessionKey => key ?? assert.fail('no key')
const unknownKey: SessionKey = { pid: 1, secret: Uint8Array.of(1, 2, 3, 4) }

/** Listens, and keeps what it is given until the tests are over. */
async function listenBare(take: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    take(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** A port where nobody listens. */
async function deadOrigin(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

for (const count of [2, 3]) {
  describe(`${count} listeners`, () => {
    let region: Region
    const clients: RawClient[] = []
    before(async () => {
      region = await startRegion(count)
    })
    const member = (index: number): Member => region.members[index] ?? assert.fail('no member')
    const connectAt = async (index: number): Promise<RawClient> => {
      const { port } = member(index).listener
      const client = await rawClient({ ...region.stage.through(), port })
      clients.push(client)
      return client
    }
    const sleeps = async (client: RawClient): Promise<void> => {
      client.send(encodeQuery('select pg_sleep(60)'))
      await until(async () =>
        (await region.stage.sql`select from pg_stat_activity
          where pid = ${keyOf(client).pid} and wait_event = 'PgSleep'`).length === 1
      )
    }
    /** A relay in front of all, which deals connections out in turn. */
    const deal = async () => {
      let taken = 0
      const port = await listenBare((socket) => {
        const to = connect(member(taken++ % count).listener.port, '127.0.0.1')
        to.on('error', () => {})
        socket.pipe(to).on('close', () => socket.destroy())
        to.pipe(socket).on('close', () => to.destroy())
      })
      return { port, taken: () => taken }
    }
    afterEach(async () => {
      for (const client of clients.splice(0)) client.destroy()
      await until(() => region.members.every(({ listener }) => listener.sessions === 0))
    })

    test('a cancel that arrives at the last one reaches a query at the first', async () => {
      const client = await connectAt(0)
      const before = await Promise.all(region.members.map((each) => each.counts()))
      await sleeps(client)
      await cancelAt(member(count - 1).listener.port, keyOf(client))
      assert.deepEqual(codes(await client.until('Z')), ['T', '57014', 'I'])
      assert.deepEqual(before, region.members.map(() => ({})))
      const counts = await Promise.all(region.members.map((each) => each.counts()))
      const between = Array.from({ length: count - 2 }, () => ({}))
      assert.deepEqual(counts, [{ for_peer: 1 }, ...between, { elsewhere: 1 }])
      client.send(encodeQuery('select 1'))
      assert.deepEqual(codes(await client.until('Z')), ['T', 'D', 'C', 'I'])
    })

    test('a mutation that waits for its turn is given up, and nothing is applied', async () => {
      const { stage } = region
      const client = await connectAt(count - 1)
      const carry = stage.carry
      const cancelled: string[] = []
      const waits = new Promise<Outcome>((resolve) => {
        stage.cancel = (id) => {
          cancelled.push(id)
          resolve({ state: 'refused', fault: faultData('statement_cancelled') })
        }
      })
      stage.carry = () => waits
      client.send(encodeQuery(insert))
      await until(() => stage.sent.length > 0)
      await cancelAt(member(0).listener.port, keyOf(client))
      assert.deepEqual(codes(await client.until('Z')).slice(-2), ['57014', 'I'])
      assert.deepEqual(cancelled, stage.sent.map(({ id }) => id))
      assert.equal(stage.applied.length, 0)
      stage.carry = carry
    })

    test('a driver’s own cancel through a relay that deals connections out in turn', async () => {
      const relay = await deal()
      const { user, password, database } = region.stage.through()
      const sql = postgres({
        host: '127.0.0.1',
        port: relay.port,
        user: String(user),
        pass: String(password),
        database: String(database),
        max: 1,
        onnotice: () => {},
        fetch_types: false,
      })
      try {
        const [row] = await sql`select pg_backend_pid() as pid`
        const query = sql`select pg_sleep(60)`
        const failed = assert.rejects(query.execute(), { code: '57014' })
        await until(async () =>
          (await region.stage.sql`select from pg_stat_activity
            where pid = ${Number(row?.['pid'])} and wait_event = 'PgSleep'`).length === 1
        )
        query.cancel()
        await failed
        assert.equal(relay.taken(), 2)
      } finally {
        await sql.end()
      }
    })

    test('Ctrl-C in psql, through the same relay', async () => {
      const relay = await deal()
      const { user, password, database } = region.stage.through()
      const url = `postgres://${String(user)}:${
        String(password)
      }@127.0.0.1:${relay.port}/${database}`
      const psql = spawn('psql', ['-X', '-c', 'select pg_sleep(60) as of_psql', url], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let told = ''
      psql.stderr.setEncoding('utf8').on('data', (chunk: string) => told += chunk)
      const closed = new Promise<number | null>((done) => psql.once('close', done))
      await until(async () =>
        (await region.stage.sql`select from pg_stat_activity
          where usename = ${region.stage.role} and wait_event = 'PgSleep'
          and query like '%of_psql'`).length === 1
      )
      process.kill(psql.pid ?? assert.fail('no psql'), 'SIGINT')
      const code = await withDeadline(closed, { waitMs: 60_000, what: 'The end of psql' })
      assert.equal(code, 1)
      assert.match(
        told,
        /^(Cancel request sent\n)?ERROR: {2}canceling statement due to user request/,
      )
      assert.equal(relay.taken(), 2)
    })

    test('peers that are down or hang do not keep a cancel from its session', async () => {
      const hung = await listenBare(() => {})
      const own = region.origins.splice(0)
      region.origins.push(`http://127.0.0.1:${hung}`, await deadOrigin(), ...own)
      try {
        const client = await connectAt(0)
        await sleeps(client)
        await cancelAt(member(1).listener.port, keyOf(client))
        assert.deepEqual(codes(await client.until('Z')), ['T', '57014', 'I'])
      } finally {
        region.origins.splice(0, region.origins.length, ...own)
      }
    })

    test('one that leads nowhere is asked of each once, and none asks another', async () => {
      const taken: string[] = []
      const own = region.origins.splice(0)
      const counted = own.map(async (origin) => {
        const port = await listenBare((socket) => {
          const to = connect(Number(new URL(origin).port), '127.0.0.1')
          to.on('error', () => {})
          socket.once('data', (chunk: Uint8Array) => {
            taken.push(origin)
            to.write(chunk)
            socket.pipe(to)
          })
          to.pipe(socket)
        })
        return `http://127.0.0.1:${port}`
      })
      region.origins.push(...await Promise.all(counted))
      const before = await member(0).counts()
      try {
        await cancelAt(member(0).listener.port, unknownKey)
        assert.deepEqual(taken.toSorted(), own.toSorted())
        const { nowhere = 0 } = await member(0).counts()
        assert.equal(nowhere, (before.nowhere ?? 0) + 1)
      } finally {
        region.origins.splice(0, region.origins.length, ...own)
      }
    })
  })
}

/** A door on a socket, to which one session is known. */
async function openDoor({ now = Date.now }: { now?: () => number } = {}) {
  const key: SessionKey = { pid: 77, secret: randomBytes(256) }
  const cancelled: SessionKey[] = []
  const counted: string[] = []
  const answer = createPeersDoor({
    sealKey,
    cancel: (asked) => {
      if (asked.pid !== key.pid || !key.secret.every((byte, at) => byte === asked.secret[at])) {
        return null
      }
      cancelled.push(asked)
      return Promise.resolve()
    },
    count: (result) => counted.push(result),
    log: silentLog,
    now,
  })
  const monitor = await startMonitor({
    metrics: createMetrics({ log: silentLog }),
    ready: () => Promise.resolve({ checks: {}, notReady: [] }),
    log: silentLog,
  }, {
    host: '127.0.0.1',
    port: 0,
    takes: { path: questionPath, bytesMax: questionBytesMax, answer },
  })
  ends.push(() => monitor.close())
  const origin = `http://127.0.0.1:${monitor.port}`
  const post = async ({ body, authorization }: Sealed, path = questionPath): Promise<number> => {
    const response = await fetch(origin + path, {
      method: 'POST',
      body,
      headers: { authorization, connection: 'close' },
    })
    assert.equal(await response.text(), path === questionPath ? '' : nothingText)
    return response.status
  }
  return { key, cancelled, counted, origin, post }
}

const nothingText = 'There is /healthz, /readyz and /metrics.\n'
const question = (key: SessionKey, more: Partial<Question> = {}): Question => ({
  id: crypto.randomUUID(),
  atMs: Date.now(),
  key,
  ...more,
})

test('a secret of 256 bytes (protocol 3.2) arrives whole, and one that is too long is none', async () => {
  const { key, cancelled, post } = await openDoor()
  assert.equal(await post(sealQuestion(question(key), sealKey)), 200)
  assert.deepEqual(cancelled.map(({ secret }) => [...secret]), [[...key.secret]])
  const other = { pid: 77, secret: randomBytes(256) }
  assert.equal(await post(sealQuestion(question(other), sealKey)), 404)
  const long = { pid: 77, secret: randomBytes(257) }
  assert.equal(await post(sealQuestion(question(long), sealKey)), 401)
  assert.equal(cancelled.length, 1)
})

test('who has not the secret learns nothing: neither of a session that is there nor of one that is not', async () => {
  const { key, cancelled, counted, post } = await openDoor()
  const right = sealQuestion(question(key), sealKey)
  const wrong: Sealed[] = [
    sealQuestion(question(key), questionKey('another secret, as long as the one that is right')),
    { ...right, authorization: '' },
    { ...right, authorization: right.authorization.replace('SHA256', 'SHA512') },
    { ...right, authorization: right.authorization.slice(0, -8) },
    { ...right, body: right.body.replace('"pid":77', '"pid":78') },
    { ...right, body: `${right.body} ` },
    sealQuestion(question(unknownKey), questionKey('another secret')),
  ]
  for (const sealed of wrong) assert.equal(await post(sealed), 401)
  assert.deepEqual(counted, wrong.map(() => 'peer_refused'))
  assert.deepEqual(cancelled, [])
  assert.equal(await post(right), 200, 'the session was there all the time')
})

test('clocks may be a minute apart, and no more', async () => {
  let now = 1_000_000_000
  const { key, cancelled, post } = await openDoor({ now: () => now })
  const atMs = now
  const ask = () => post(sealQuestion(question(key, { atMs }), sealKey))
  for (const apart of [-skewMs, skewMs]) {
    now = atMs + apart
    assert.equal(await ask(), 200)
  }
  for (const apart of [-skewMs - 1, skewMs + 1]) {
    now = atMs + apart
    assert.equal(await ask(), 401)
  }
  assert.equal(cancelled.length, 2)
})

test('what was overheard cancels nothing a second time, for as long as it would be taken', async () => {
  let now = 1_000_000_000
  const { key, cancelled, post } = await openDoor({ now: () => now })
  const sealed = sealQuestion(question(key, { atMs: now + skewMs }), sealKey)
  assert.deepEqual(await Promise.all([post(sealed), post(sealed), post(sealed)]), [200, 200, 200])
  now += 2 * skewMs
  assert.equal(await post(sealed), 200)
  // another makes the door forget what is old: not this one yet
  assert.equal(await post(sealQuestion(question(unknownKey, { atMs: now }), sealKey)), 404)
  assert.equal(await post(sealed), 200)
  now += 1
  assert.equal(await post(sealed), 401)
  assert.equal(cancelled.length, 1)
})

test('so many are remembered and no more: then nothing is cancelled, and later it is again', async () => {
  let now = 1_000_000_000
  let cancels = 0
  const answer = createPeersDoor({
    sealKey,
    cancel: () => {
      cancels += 1
      return Promise.resolve()
    },
    count: () => {},
    log: silentLog,
    now: () => now,
  })
  const ask = () => answer(sealQuestion(question(unknownKey, { atMs: now }), sealKey))
  while (await ask() === 200);
  assert.equal(cancels, 10_000)
  now += 2 * skewMs
  assert.equal(await ask(), 503)
  now += 1
  assert.equal(await ask(), 200)
})

test('the door is a POST of its own: other paths, methods and long bodies do nothing', async () => {
  const { key, cancelled, counted, origin, post } = await openDoor()
  const sealed = sealQuestion(question(key), sealKey)
  assert.equal(await post(sealed, '/other'), 404)
  const get = await fetch(origin + questionPath, {
    headers: { authorization: sealed.authorization, connection: 'close' },
  })
  assert.deepEqual([get.status, await get.text()], [404, nothingText])
  const long = { ...sealed, body: sealed.body + ' '.repeat(questionBytesMax) }
  assert.equal(await post(long), 413)
  assert.deepEqual([cancelled, counted], [[], []])
  assert.equal(await post(sealed), 200)
})

test('what is sealed opens only with its key, whatever it says', () => {
  const at = { sealKey, nowMs: 5 }
  const asked = question(unknownKey, { atMs: 5 })
  assert.deepEqual(openQuestion(sealQuestion(asked, sealKey), at), asked)
  for (const secret of [new Uint8Array(0), new Uint8Array(257)]) {
    const odd = sealQuestion({ ...asked, key: { pid: 1, secret } }, sealKey)
    assert.equal(openQuestion(odd, at), null)
  }
})

const peersAt = (
  origins: readonly string[],
  more: { waitMs?: number; askingMax?: number } = {},
) => {
  const http = createHttp(peersTransport)
  ends.push(() => http.close())
  const where = () => Promise.resolve(origins)
  return createPeers({ origins: where, sealKey, http, log: silentLog, ...more })
}

test('a peer that hangs is waited for no longer than the bound, and nothing is left of the question', async () => {
  const open = new Set<Socket>()
  const port = await listenBare((socket) => {
    open.add(socket.resume())
    socket.on('close', () => open.delete(socket))
  })
  const peers = peersAt([`http://127.0.0.1:${port}`], { waitMs: 150 })
  const start = performance.now()
  assert.equal(await peers.ask(unknownKey), 'nowhere')
  const took = performance.now() - start
  assert.ok(took >= 145 && took < 30_000, String(took))
  await until(() => open.size === 0)
})

test('more questions than the bound are dropped, and asked again once there is room', async () => {
  const port = await listenBare((socket) => socket.resume())
  const peers = peersAt([`http://127.0.0.1:${port}`], { waitMs: 300, askingMax: 2 })
  const asks = [1, 2, 3].map(() => peers.ask(unknownKey))
  assert.deepEqual(await Promise.all(asks), ['nowhere', 'nowhere', 'dropped'])
  assert.equal(await peers.ask(unknownKey), 'nowhere')
})

test('no peer, or none that is up, is nowhere, at once', async () => {
  const waitMs = 60_000
  assert.equal(await peersAt([], { waitMs }).ask(unknownKey), 'nowhere')
  const dead = [await deadOrigin(), await deadOrigin()]
  const start = performance.now()
  assert.equal(await peersAt(dead, { waitMs }).ask(unknownKey), 'nowhere')
  assert.ok(performance.now() - start < 30_000)
})

test('a peer with another secret refuses, and no other answer counts as found', async () => {
  const { origin, cancelled, key } = await openDoor()
  const http = createHttp(patientTransport)
  ends.push(() => http.close())
  const warned: string[] = []
  const log = { ...silentLog, warn: (event: string) => void warned.push(event) }
  const origins = () => Promise.resolve([origin])
  const other = questionKey('a secret of another deployment')
  const peers = createPeers({ origins, sealKey: other, http, log, waitMs: patienceMs })
  assert.equal(await peers.ask(key), 'nowhere')
  assert.deepEqual([cancelled, warned], [[], ['peer_refuses']])
})

describe('who sends many that lead nowhere', () => {
  /** A listener without sessions whose peers answer as the test says. */
  const create = (answer: Awaited<ReturnType<Peers['ask']>> = 'nowhere') => {
    let now = 0
    const state = { answer, asked: 0 }
    const counts: Partial<Record<CancelResult, number>> = {}
    const cancelling = new Cancelling({
      cancel: () => null,
      peers: {
        ask: () => {
          state.asked += 1
          return Promise.resolve(state.answer)
        },
      },
      count: (result) => counts[result] = (counts[result] ?? 0) + 1,
      log: silentLog,
      now: () => now,
    })
    const send = async (times: number, address = '192.0.2.1') => {
      const passes = Array.from({ length: times }, () => cancelling.pass(unknownKey, { address }))
      await Promise.all(passes)
    }
    return { state, counts, send, pass: (ms: number) => void (now += ms) }
  }

  test('is held back, and has one more each second; another address is not', async () => {
    const { state, counts, send, pass } = create()
    await send(allowanceMax + 5)
    assert.deepEqual(counts, { nowhere: allowanceMax, held_back: 5 })
    pass(allowanceEveryMs - 1)
    await send(1)
    assert.equal(counts.held_back, 6)
    pass(1)
    await send(2)
    assert.deepEqual(counts, { nowhere: allowanceMax + 1, held_back: 7 })
    await send(1, '192.0.2.2')
    assert.equal(state.asked, allowanceMax + 2)
  })

  test('has the /56 of its IPv6 address held back', async () => {
    const { counts, send } = create()
    await send(allowanceMax, '2001:db8::1')
    await send(1, '2001:db8:0:ff::1')
    assert.equal(counts.held_back, 1)
    await send(1, '2001:db8:0:100::1')
    assert.equal(counts.nowhere, allowanceMax + 1)
  })

  test('is not whose requests find their sessions, or are dropped unasked', async () => {
    for (const answer of ['elsewhere', 'dropped'] as const) {
      const { counts, send } = create(answer)
      for (let round = 0; round < 3; round++) await send(allowanceMax)
      assert.deepEqual(counts, { [answer]: 3 * allowanceMax })
    }
  })
})

test('a cancel for a session that is here asks nobody, and one the database does not take is counted', async () => {
  const counts: CancelResult[] = []
  const outcomes = [() => Promise.resolve(), () => Promise.reject(new Error('x')), () => null]
  for (const cancel of outcomes) {
    const cancelling = new Cancelling({
      cancel,
      peers: null,
      count: (result) => counts.push(result),
      log: silentLog,
      now: () => 0,
    })
    await cancelling.pass(unknownKey, { address: '192.0.2.1' })
  }
  assert.deepEqual(counts, ['here', 'failed', 'nowhere'])
})

describe('the addresses of the peers', () => {
  const create = (text: string, found: Record<string, string[]>) => {
    let now = 0
    const asked: string[] = []
    const origins = createAddresses({
      names: parsePeers(text),
      log: silentLog,
      now: () => now,
      resolve: (host) => {
        asked.push(host)
        const addresses = found[host]
        return addresses === undefined
          ? Promise.reject(new Error('ENOTFOUND'))
          : Promise.resolve(addresses)
      },
    })
    return { origins, asked, pass: (ms: number) => void (now += ms) }
  }

  test('are all that a name stands for, each once, IPv6 in brackets', async () => {
    const { origins, asked } = create('iad.internal:9090, [fdaa::9]:9091, 10.0.0.2:80', {
      'iad.internal': ['fdaa::3', '10.0.0.1', 'fdaa::3'],
    })
    assert.deepEqual(await origins(), [
      'http://[fdaa::3]:9090',
      'http://10.0.0.1:9090',
      'http://[fdaa::9]:9091',
      'http://10.0.0.2:80',
    ])
    assert.deepEqual(asked, ['iad.internal'])
  })

  test('are at most so many', async () => {
    const many = Array.from({ length: peersMax + 1 }, (_, index) => `10.0.0.${index}`)
    const { origins } = create('a:1', { a: many })
    assert.equal((await origins()).length, peersMax)
  })

  test('are asked for once in ten seconds, and by all who wait together', async () => {
    const found: Record<string, string[]> = { a: ['10.0.0.1'] }
    const { origins, asked, pass } = create('a:1,a:2', found)
    await Promise.all([origins(), origins()])
    found['a'] = ['10.0.0.2']
    pass(keepMs - 1)
    assert.deepEqual(await origins(), ['http://10.0.0.1:1', 'http://10.0.0.1:2'])
    pass(1)
    assert.deepEqual(await origins(), ['http://10.0.0.2:1', 'http://10.0.0.2:2'])
    assert.equal(asked.length, 2)
  })

  test('are those of before while the name cannot be asked, and it is not asked every time', async () => {
    const found: Record<string, string[]> = { a: ['10.0.0.1'] }
    const { origins, asked, pass } = create('a:1,gone:1', found)
    assert.deepEqual(await origins(), ['http://10.0.0.1:1'])
    delete found['a']
    pass(keepMs)
    assert.deepEqual(await origins(), ['http://10.0.0.1:1'])
    assert.deepEqual(await origins(), ['http://10.0.0.1:1'])
    assert.deepEqual(asked, ['a', 'gone', 'a', 'gone'])
  })

  test('are not waited for when the name never answers, while the others are known', async () => {
    let asked = 0
    const origins = createAddresses({
      names: parsePeers('hangs:1,10.0.0.1:2'),
      log: silentLog,
      now: () => 0,
      resolve: () => {
        asked += 1
        return new Promise<never>(() => {})
      },
    })
    assert.deepEqual(await Promise.all([origins(), origins()]), [
      ['http://10.0.0.1:2'],
      ['http://10.0.0.1:2'],
    ])
    assert.equal(asked, 1)
  })

  test('are the system’s', async () => {
    const log = silentLog
    const origins = createAddresses({ names: parsePeers('localhost:9'), log, now: () => 0 })
    let found: readonly string[] = []
    // a name that takes longer than a second is not waited for
    await until(async () => (found = await origins()).length > 0)
    assert.ok(found.includes('http://127.0.0.1:9') || found.includes('http://[::1]:9'))
  })

  test('are refused when they are not a host and a port', () => {
    for (const text of ['a', 'a:', 'a:0', 'a:65536', ':1', 'fdaa::1:1', '[a]:1', 'http://a:1']) {
      assert.throws(() => parsePeers(text), RangeError, text)
    }
    assert.deepEqual(parsePeers(' a.b:1 ,, [::1]:2'), [{ host: 'a.b', port: 1 }, {
      host: '::1',
      port: 2,
    }])
  })
})

describe('the workers', () => {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
  const secret = randomBytes(32).toString('base64')
  registerSecrets(secret)
  /** Starts workers/listener.ts on this runtime; it ends with us, since its stdin does. */
  const startWorker = (env: Readonly<Record<string, string>>) => {
    const path = join(root, 'workers/listener.ts')
    const args = 'Deno' in globalThis ? ['run', '--quiet', '--no-check', '-A', path] : [path]
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: {
        PATH,
        HOME,
        SLUICE_EXIT_WITH_STDIN: '1',
        SLUICE_LOG_LEVEL: 'debug',
        SLUICE_PRIVATE_ADDRESSES: 'allow',
        SLUICE_LISTENER_KEY: 'of the test',
        SLUICE_LISTENER_HOST: '127.0.0.1',
        ...env,
      },
    })
    let text = ''
    child.stdin.on('error', () => {})
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      keepOutput(chunk)
      text += chunk
    })
    const closed = new Promise<number | null>((done) => child.once('close', done))
    const ended = async (): Promise<number | null> =>
      await withDeadline(closed, { waitMs: 60_000, what: 'The end of a worker' })
        .catch((error: unknown) => {
          child.kill('SIGKILL')
          throw error
        })
    const stop = async (): Promise<number | null> => {
      child.stdin.end()
      return await ended()
    }
    return { output: () => text, ended, stop }
  }

  test('pass a cancel on by the names in SLUICE_PEERS, which may lead to themselves and to nobody', async () => {
    const stage = await createStage()
    const service = createHttpServer((request, response) => {
      const asked = request.url === `/internal/syncs/${stage.config.id}`
      response.writeHead(asked ? 200 : 503, { 'content-type': 'application/json' })
      response.end(asked ? JSON.stringify(stage.config) : '')
    })
    await new Promise<void>((done) => service.listen(0, '127.0.0.1', done))
    const ports = [await freePort(), await freePort()]
    const httpPorts = [await freePort(), await freePort()]
    const workers = ports.map((port, index) =>
      startWorker({
        SLUICE_SERVICE_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
        SLUICE_LISTENER_PORT: String(port),
        SLUICE_LISTENER_HTTP_PORT: String(httpPorts[index]),
        SLUICE_PEERS: httpPorts.map((at) => `localhost:${at}`).join(','),
        SLUICE_PEERS_SECRET: secret,
      })
    )
    try {
      await until(() => workers.every((worker) => worker.output().includes('"listening"')))
      const [here = 0, there = 0] = ports
      const client = await rawClient({ ...stage.through(), port: here })
      client.send(encodeQuery('select pg_sleep(60)'))
      await until(async () =>
        (await stage.sql`select from pg_stat_activity
          where pid = ${keyOf(client).pid} and wait_event = 'PgSleep'`).length === 1
      )
      // a peer that takes longer than two seconds is not heard: then one sends it again, as with any Postgres
      await until(async () => {
        await cancelAt(there, keyOf(client))
        const response = await fetch(`http://127.0.0.1:${httpPorts[1]}/metrics`, {
          headers: { connection: 'close' },
        })
        const shown = readExposition(await response.text())
        return (shown.value('sluice_cancels_total', { result: 'elsewhere' }) ?? 0) >= 1
      })
      assert.deepEqual(codes(await client.until('Z')), ['T', '57014', 'I'])
      client.destroy()
      assert.match(workers[1]?.output() ?? '', /"cancel_request".*"elsewhere"/)
    } finally {
      const codes = await Promise.all(workers.map((worker) => worker.stop()))
      await new Promise((done) => {
        service.close(done)
        service.closeAllConnections()
      })
      await stage.close()
      assert.deepEqual(codes, [0, 0])
    }
  })

  test('do not start with peers that cannot be asked, and say what is missing', async () => {
    const whole = {
      SLUICE_PEERS: 'localhost:1',
      SLUICE_PEERS_SECRET: secret,
      SLUICE_LISTENER_HTTP_PORT: '0',
    }
    const wrong = [
      [{ SLUICE_PEERS_SECRET: '' }, 'SLUICE_PEERS needs SLUICE_PEERS_SECRET'],
      [{ SLUICE_PEERS_SECRET: 'x'.repeat(31) }, 'SLUICE_PEERS_SECRET has fewer than 32 characters'],
      [{ SLUICE_LISTENER_HTTP_PORT: '' }, 'SLUICE_PEERS needs SLUICE_LISTENER_HTTP_PORT'],
      [{ SLUICE_PEERS: 'localhost' }, 'SLUICE_PEERS: not a host and a port: "localhost"'],
    ] as const
    for (const [change, words] of wrong) {
      const worker = startWorker({ ...whole, ...change })
      const code = await worker.ended()
      assert.equal(code, 2, worker.output())
      assert.ok(worker.output().startsWith(words), worker.output())
    }
  })
})
