// Goal: only a user who proves the password of an enabled sync gets a session, and everybody else hears what Postgres
// would have said, or nothing. Method: node-postgres, psql and raw sockets against a server that has only a handshake.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import pg from 'pg'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import { hasCommand } from '../../src/lib/cluster.ts'
import { withDeadline } from '../../src/lib/deadline.ts'
import { createLog, silentLog } from '../../src/lib/log.ts'
import type { SyncConfig } from '../../src/mutation/config.ts'
import { fault } from '../../src/mutation/fault.ts'
import { handshake } from '../../src/session/handshake.ts'
import { findAccount } from '../../src/session/handshake-account.ts'
import type { Handshake, HandshakeOptions } from '../../src/session/handshake.ts'
import * as backend from '../../src/wire/backend.ts'
import type { BackendMessage } from '../../src/wire/backend.ts'
import { createFrameReader } from '../../src/wire/frames.ts'
import {
  encodePasswordMessage,
  encodeQuery,
  encodeSASLInitialResponse,
  encodeSASLResponse,
  terminate,
} from '../../src/wire/frontend.ts'
import { makeVerifier, mockVerifier, parseVerifier } from '../../src/wire/scram.ts'
import { proveScramClient, startScramClient } from '../../src/wire/scram-client.ts'
import {
  encodeCancelRequest,
  encodeStartupMessage,
  gssencRequest,
  sslRequest,
} from '../../src/wire/startup.ts'
import { authenticationSizeMax } from '../../src/session/handshake-authenticate.ts'

const tls = selfSignedCertificate({ hosts: ['localhost', '127.0.0.1'], days: 1 })
const testWaitMs = 120_000
let configs: Record<string, SyncConfig> = {}

before(async () => {
  const database = {
    host: '127.0.0.1',
    port: 1,
    database: 'crm',
    user: 'u',
    password: 'p',
    sslmode: 'disable',
  } as const
  const config = (id: string, state: SyncConfig['state'], users: SyncConfig['users']) => ({
    [id]: { id, state, database, ticketKey: '', tables: [], users },
  })
  const demo = await makeVerifier('s3cret')
  configs = {
    ...config('sync_a', 'active', { demo, broken: 'nonsense' }),
    ...config('sync_off', 'disabled', { demo }),
  }
})

interface Harness {
  readonly port: number
  readonly outcomes: Handshake[]
  /** Resolves with the outcome of the next handshake. */
  readonly next: () => Promise<Handshake>
  close(): Promise<void>
}

/** A server that answers every query with one row once the handshake is done. */
async function startHarness(options: Partial<HandshakeOptions> = {}): Promise<Harness> {
  const sockets = new Set<Socket>()
  const outcomes: Handshake[] = []
  const waiters: ((outcome: Handshake) => void)[] = []
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    void handshake(socket, {
      tls,
      waitMs: 60_000,
      mockSecret: Buffer.from('mock'),
      findSync: (id) => Promise.resolve(configs[id] ?? null),
      log: silentLog,
      ...options,
    }).then((outcome) => {
      outcomes.push(outcome)
      waiters.shift()?.(outcome)
      if (outcome.kind === 'session') serve(outcome)
      if (outcome.kind === 'cancel') outcome.stream.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    outcomes,
    next: () => new Promise((resolve) => waiters.push(resolve)),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const text = {
  tableOid: 0,
  columnNumber: 0,
  typeOid: 25,
  typeSize: -1,
  typeModifier: -1,
  format: 0,
}

function serve({ stream, rest, parameters }: Extract<Handshake, { kind: 'session' }>): void {
  const reader = createFrameReader({ sizeMax: 1_000_000 })
  const answer = (chunk: Uint8Array) => {
    reader.push(chunk)
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      if (frame.tag === 0x58) stream.end()
      if (frame.tag !== 0x51) continue
      stream.write(backend.encodeRowDescription([{ ...text, name: 'database' }]))
      stream.write(backend.encodeDataRow([Buffer.from(parameters.get('database') ?? '')]))
      stream.write(backend.encodeCommandComplete('SELECT 1'))
      stream.write(backend.encodeReadyForQuery('I'))
    }
  }
  stream.write(backend.encodeParameterStatus('server_version', '18.0'))
  stream.write(backend.encodeParameterStatus('client_encoding', 'UTF8'))
  stream.write(backend.encodeBackendKeyData(1, Buffer.from('abcd')))
  stream.write(backend.encodeReadyForQuery('I'))
  stream.on('data', answer)
  answer(rest)
  stream.resume()
}

async function withHarness(
  options: Partial<HandshakeOptions>,
  use: (harness: Harness) => Promise<void>,
): Promise<void> {
  const harness = await startHarness(options)
  try {
    await withDeadline(use(harness), { waitMs: testWaitMs, what: 'the test' })
  } finally {
    await harness.close()
  }
}

interface Login {
  user?: string
  password?: string
  database?: string
  ssl?: pg.ClientConfig['ssl']
}

/** Logs in with node-postgres and gives the answer to a query, or throws its error. */
async function login(port: number, options: Login = {}): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'demo.sync_a',
    password: 's3cret',
    database: 'crm',
    ...options,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query('select 1')
    return String(rows[0].database)
  } finally {
    await client.end().catch(() => {})
  }
}

/** A raw client. */
class Raw {
  readonly socket: Socket | TLSSocket
  readonly #reader = createFrameReader({ sizeMax: 1_000_000 })
  readonly #wakers: (() => void)[] = []
  raw: Buffer = Buffer.alloc(0)
  closed = false

  constructor(socket: Socket | TLSSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.raw = Buffer.concat([this.raw, chunk])
      this.#wake()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      assert.ok(!this.closed, 'closed too soon')
      await new Promise<void>((resolve) => this.#wakers.push(resolve))
    }
  }

  /** The next message, or null when the connection is closed. */
  async message(): Promise<BackendMessage | null> {
    for (;;) {
      this.#reader.push(this.raw)
      this.raw = Buffer.alloc(0)
      const frame = this.#reader.next()
      if (frame !== undefined) return backend.decodeBackend(frame)
      if (this.closed) return null
      await new Promise<void>((resolve) => this.#wakers.push(resolve))
    }
  }

  /** SQLSTATE, message, detail of the FATAL that must come next, and nothing after it. */
  async fatal(): Promise<string[]> {
    const message = await this.message()
    assert.ok(
      message?.type === 'ErrorResponse',
      `an ErrorResponse, not ${message?.type ?? 'the end'}`,
    )
    assert.equal(message.fields.get('S'), 'FATAL')
    assert.equal(await this.message(), null)
    return ['C', 'M', 'D'].flatMap((letter) => message.fields.get(letter) ?? [])
  }
}

async function rawClient(port: number): Promise<Raw> {
  const socket = connectTcp({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  return new Raw(socket)
}

const startup = (
  parameters: Record<string, string>,
  [major = 3, minor = 0]: readonly number[] = [],
) =>
  encodeStartupMessage({
    major,
    minor,
    parameters: Object.entries(parameters),
  })
const demo = { user: 'demo.sync_a', database: 'crm' }

/** The SCRAM exchange up to the last message of the server. */
async function authenticate(raw: Raw, password: string): Promise<BackendMessage | null> {
  const offer = await raw.message()
  assert.deepEqual(offer, { type: 'AuthenticationSASL', mechanisms: ['SCRAM-SHA-256'] })
  const client = startScramClient('abcdefgh')
  raw.socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', client.clientFirst))
  const first = await raw.message()
  assert.ok(first?.type === 'AuthenticationSASLContinue')
  const proof = await proveScramClient(client, { serverFirst: first.data, password })
  raw.socket.write(encodeSASLResponse(proof.clientFinal))
  return await raw.message()
}

test('node-postgres logs in, in the clear and over TLS', async () => {
  await withHarness({}, async ({ port, outcomes }) => {
    assert.equal(await login(port), 'crm')
    assert.equal(await login(port, { ssl: { rejectUnauthorized: false } }), 'crm')
    assert.equal(await login(port, { ssl: { ca: tls.cert, servername: 'localhost' } }), 'crm')
    const sessions = outcomes.map((one) => one.kind === 'session' ? one : assert.fail(one.kind))
    assert.deepEqual(sessions.map((one) => one.encrypted), [false, true, true])
    const [first] = sessions
    assert.equal(first?.login, 'demo')
    assert.equal(first?.config, configs['sync_a'])
    assert.deepEqual(first?.protocol, { major: 3, minor: 0 })
    assert.equal(first?.parameters.get('user'), 'demo.sync_a')
    assert.equal(first?.parameters.get('database'), 'crm')
  })
})

/** psql with one query; its output and exit code. */
async function psql(conninfo: string): Promise<string> {
  const child = spawn('psql', [conninfo, '-w', '-X', '-A', '-t', '-c', 'select 1'], {
    env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => output += chunk.toString())
  child.stderr.on('data', (chunk: Buffer) => output += chunk.toString())
  await once(child, 'close')
  return output.trim()
}

if (hasCommand('psql')) {
  test('psql logs in with every sslmode, and hears why it is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-handshake-'))
    const ca = join(folder, 'ca.pem')
    writeFileSync(ca, tls.cert)
    try {
      await withHarness({}, async ({ port }) => {
        const base = `host=localhost hostaddr=127.0.0.1 port=${port} user=demo.sync_a`
        for (
          const mode of [
            'sslmode=disable',
            'sslmode=prefer',
            'sslmode=require',
            `sslmode=verify-full sslrootcert=${ca}`,
          ]
        ) {
          assert.equal(await psql(`${base} password=s3cret dbname=crm ${mode}`), 'crm', mode)
        }
        assert.equal(await psql(`${base} password=s3cret`), 'crm', 'no database')
        const wrong = await psql(`${base} password=wrong dbname=crm`)
        assert.match(wrong, /FATAL: {2}password authentication failed for user "demo\.sync_a"/)
        const other = await psql(`${base} password=s3cret dbname=nope`)
        assert.match(other, /FATAL: {2}database "nope" does not exist/)
        const off = await psql(`${base.replace('sync_a', 'sync_off')} password=s3cret dbname=crm`)
        assert.match(off, /FATAL: {2}sync is disabled\nHINT: {2}Resume the sync to connect\./)
      })
      await withHarness({ tlsRequired: true }, async ({ port }) => {
        const base = `host=127.0.0.1 port=${port} user=demo.sync_a password=s3cret dbname=crm`
        assert.equal(await psql(`${base} sslmode=require`), 'crm')
        assert.match(
          await psql(`${base} sslmode=disable`),
          /FATAL: {2}connection requires TLS\nHINT/,
        )
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test('a wrong password, an unknown name, an unknown sync and no dot are told apart by nobody', async () => {
  await withHarness({}, async ({ port, outcomes }) => {
    const users = [
      'demo.sync_a',
      'nobody.sync_a',
      'demo.sync_zzz',
      'demo',
      'demo.',
      '.sync_a',
      'demo.sync_a.x',
      'demo.../../x',
      '__proto__.sync_a',
      'constructor.sync_a',
      'broken.sync_a',
      'demo.sync_off',
    ]
    for (const user of users) {
      await assert.rejects(login(port, { user, password: 'wrong' }), {
        code: '28P01',
        message: `password authentication failed for user "${user}"`,
      })
    }
    assert.deepEqual(new Set(outcomes.map((one) => one.kind)), new Set(['closed']))
  })
})

test('an unknown user sees the same salt each time and the same form of exchange as a known one', async () => {
  await withHarness({}, async ({ port }) => {
    const firsts: string[] = []
    for (const user of ['nobody.sync_a', 'nobody.sync_a', 'other.sync_a', 'demo.sync_a']) {
      const raw = await rawClient(port)
      raw.socket.write(startup({ user }))
      await raw.message()
      raw.socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'))
      const message = await raw.message()
      assert.ok(message?.type === 'AuthenticationSASLContinue')
      firsts.push(Buffer.from(message.data).toString())
      raw.socket.destroy()
    }
    const form = /^r=abc[A-Za-z0-9+/]{24},s=([A-Za-z0-9+/]{22}==),i=4096$/
    const salts = firsts.map((first) => form.exec(first)?.[1] ?? assert.fail(first))
    assert.equal(salts[0], salts[1])
    assert.equal(new Set(salts).size, 3)
  })
})

test('the same is asked and the same work is done for every user, known or not, allowed or not', async () => {
  const users = [
    'demo.sync_a',
    'nobody.sync_a',
    'demo.sync_zzz',
    'broken.sync_a',
    'demo.sync_closed',
  ]
  const closed = { ...configs['sync_a'], id: 'sync_closed', allow: ['10.0.0.0/8'] } as SyncConfig
  for (const user of users) {
    const done: string[] = []
    const { verifier, config } = await findAccount(user, {
      address: '192.0.2.1',
      mockSecret: Buffer.from('mock'),
      log: silentLog,
      findSync: (id) => {
        done.push('findSync')
        return Promise.resolve({ ...configs, sync_closed: closed }[id] ?? null)
      },
      work: {
        mock: (...given) => {
          done.push('mock')
          return mockVerifier(...given)
        },
        parse: (text) => {
          done.push(user.startsWith('broken') ? 'parse' : `parse ${text.length}`)
          return parseVerifier(text)
        },
      },
    })
    const parse = user.startsWith('broken') ? 'parse' : 'parse 133'
    assert.deepEqual(done, ['findSync', 'mock', parse], user)
    assert.equal(config === null, user !== 'demo.sync_a', user)
    assert.deepEqual([verifier.iterations, verifier.salt.length], [4096, 16], user)
  }
})

test('a disabled sync and another database are told only to whoever knows the password', async () => {
  await withHarness({}, async ({ port }) => {
    await assert.rejects(login(port, { user: 'demo.sync_off' }), {
      code: '28000',
      message: 'sync is disabled',
      hint: 'Resume the sync to connect.',
    })
    await assert.rejects(login(port, { database: 'other' }), {
      code: '3D000',
      message: 'database "other" does not exist',
    })
    await assert.rejects(login(port, { database: 'other', password: 'wrong' }), { code: '28P01' })
    // libpq and others name the user where no database is given
    assert.equal(await login(port, { database: 'demo.sync_a' }), 'crm')
  })
})

test('no user is refused in the words of Postgres', async () => {
  await withHarness({}, async ({ port }) => {
    for (const parameters of [{}, { user: '' }, { database: 'crm' }] as Record<string, string>[]) {
      const raw = await rawClient(port)
      raw.socket.write(startup(parameters))
      assert.deepEqual(await raw.fatal(), [
        '28000',
        'no PostgreSQL user name specified in startup packet',
      ])
    }
  })
})

test('a sync that cannot be looked up is a fault, and anything unforeseen an id in the log', async () => {
  const findSync = () =>
    Promise.reject(fault('service_unreachable', { detail: 'No configuration yet.' }))
  await withHarness({ findSync }, async ({ port }) => {
    await assert.rejects(login(port), {
      code: '58030',
      message: 'mutation service is unreachable, nothing was sent',
      detail: 'No configuration yet.',
      hint: undefined,
    })
    // whoever does not go through the exchange hears nothing of it
    const raw = await rawClient(port)
    raw.socket.write(startup({ user: 'demo.sync_zzz' }))
    assert.equal((await raw.message())?.type, 'AuthenticationSASL')
    const client = startScramClient('abcdefgh')
    raw.socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', client.clientFirst))
    assert.equal((await raw.message())?.type, 'AuthenticationSASLContinue')
    raw.socket.destroy()
  })
  const lines: string[] = []
  const log = createLog({ level: 'info', write: (line) => lines.push(line) })
  const broken = () => Promise.reject(new Error('secret words'))
  await withHarness({ findSync: broken, log }, async ({ port }) => {
    const error = await login(port).then(() => assert.fail(), (error: unknown) => error)
    const { code, message, detail } = error as Record<string, string>
    assert.deepEqual([code, message], ['XX000', 'internal error'])
    const id = /under ([0-9a-f-]{36})\./.exec(detail ?? '')?.[1] ?? assert.fail(detail)
    assert.ok(lines.some((line) => line.includes(id) && line.includes('secret words')))
  })
})

test('after AuthenticationOk nothing is sent, and bytes sent early are handed on', async () => {
  await withHarness({}, async ({ port, next }) => {
    const raw = await rawClient(port)
    const outcome = next()
    raw.socket.write(startup(demo))
    await raw.message()
    const client = startScramClient('abcdefgh')
    raw.socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', client.clientFirst))
    const first = await raw.message()
    assert.ok(first?.type === 'AuthenticationSASLContinue')
    const proof = await proveScramClient(client, { serverFirst: first.data, password: 's3cret' })
    const query = encodeQuery('select 1')
    raw.socket.write(Buffer.concat([encodeSASLResponse(proof.clientFinal), query]))
    const session = await outcome
    assert.ok(session.kind === 'session')
    assert.deepEqual(Buffer.from(session.rest), Buffer.from(query))
    const types: (string | undefined)[] = []
    for (let count = 0; count < 9; count += 1) types.push((await raw.message())?.type)
    assert.deepEqual(types, [
      'AuthenticationSASLFinal',
      'AuthenticationOk',
      'ParameterStatus',
      'ParameterStatus',
      'BackendKeyData',
      'ReadyForQuery',
      'RowDescription',
      'DataRow',
      'CommandComplete',
    ])
    raw.socket.end(terminate)
  })
})

test('protocol 3.2 is spoken, a newer one and unknown options are negotiated', async () => {
  await withHarness({}, async ({ port, next }) => {
    const cases = [
      { version: [3, 0], options: {}, told: null, minor: 0 },
      { version: [3, 2], options: {}, told: null, minor: 2 },
      { version: [3, 3], options: {}, told: { minor: 2, options: [] }, minor: 2 },
      {
        version: [3, 9999],
        options: { '_pq_.x': '1' },
        told: { minor: 2, options: ['_pq_.x'] },
        minor: 2,
      },
      {
        version: [3, 0],
        options: { '_pq_.x': '1' },
        told: { minor: 0, options: ['_pq_.x'] },
        minor: 0,
      },
    ]
    for (const { version, options, told, minor } of cases) {
      const raw = await rawClient(port)
      const outcome = next()
      raw.socket.write(startup({ ...demo, ...options }, version))
      if (told !== null) {
        assert.deepEqual(await raw.message(), {
          type: 'NegotiateProtocolVersion',
          major: 3,
          ...told,
        })
      }
      assert.equal((await authenticate(raw, 's3cret'))?.type, 'AuthenticationSASLFinal')
      const session = await outcome
      assert.ok(session.kind === 'session')
      assert.deepEqual(session.protocol, { major: 3, minor })
      assert.deepEqual([...session.parameters], Object.entries(demo))
      raw.socket.destroy()
    }
  })
})

test('another major version is refused in the words of Postgres', async () => {
  await withHarness({}, async ({ port }) => {
    for (const [major, minor] of [[2, 0], [4, 0]] as const) {
      const raw = await rawClient(port)
      raw.socket.write(startup(demo, [major, minor]))
      const words = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`
      assert.deepEqual(await raw.fatal(), ['0A000', words])
    }
  })
})

async function upgrade(raw: Raw): Promise<Raw> {
  raw.socket.write(sslRequest)
  await raw.until(() => raw.raw.length > 0)
  assert.equal(raw.raw.toString(), 'S')
  raw.socket.removeAllListeners('data')
  const secured = connectTls({ socket: raw.socket, ca: tls.cert, servername: 'localhost' })
  await once(secured, 'secureConnect')
  return new Raw(secured)
}

test('SSLRequest and GSSENCRequest are answered once each', async () => {
  await withHarness({}, async ({ port }) => {
    const raw = await rawClient(port)
    raw.socket.write(gssencRequest)
    await raw.until(() => raw.raw.toString() === 'N')
    raw.raw = Buffer.alloc(0)
    const secured = await upgrade(raw)
    secured.socket.write(startup(demo))
    assert.equal((await authenticate(secured, 's3cret'))?.type, 'AuthenticationSASLFinal')
    secured.socket.destroy()

    const words = (minor: number) => [
      '0A000',
      `unsupported frontend protocol 1234.${minor}: server supports 3.0 to 3.2`,
    ]
    const twice = await upgrade(await rawClient(port))
    twice.socket.write(sslRequest)
    assert.deepEqual(await twice.fatal(), words(5679))
    const gss = await upgrade(await rawClient(port))
    gss.socket.write(gssencRequest)
    assert.deepEqual(await gss.fatal(), words(5680))
  })
})

test('without a certificate the answer is N, and tlsRequired refuses what follows in the clear', async () => {
  const findSync = (id: string) => Promise.resolve(configs[id] ?? null)
  const noTls = await startPlain({ findSync })
  try {
    const raw = await rawClient(noTls.port)
    raw.socket.write(sslRequest)
    await raw.until(() => raw.raw.toString() === 'N')
    raw.raw = Buffer.alloc(0)
    raw.socket.write(startup(demo))
    assert.equal((await authenticate(raw, 's3cret'))?.type, 'AuthenticationSASLFinal')
    raw.socket.destroy()
    const direct = await rawClient(noTls.port)
    direct.socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
    assert.equal(await direct.message(), null)
  } finally {
    await noTls.close()
  }
  await withHarness({ tlsRequired: true }, async ({ port }) => {
    const raw = await rawClient(port)
    raw.socket.write(startup(demo))
    assert.deepEqual(await raw.fatal(), ['28000', 'connection requires TLS'])
  })
})

test('a sync is looked for in a part of the time that is left, however late the client says which', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<number>()
  const findSync: HandshakeOptions['findSync'] = (_, { waitMs }) => {
    resolve(waitMs)
    return Promise.resolve(null)
  }
  const harness = await startPlain({ findSync })
  try {
    const raw = await rawClient(harness.port)
    raw.socket.write(sslRequest)
    await raw.until(() => raw.raw.toString() === 'N')
    const begun = Date.now()
    await new Promise((go) => setTimeout(go, 100))
    const lateMs = Date.now() - begun
    raw.socket.write(startup(demo))
    const waitMs = await withDeadline(asked, { waitMs: 60_000, what: 'Looking for the sync' })
    assert.ok(waitMs > 0 && waitMs <= (60_000 - lateMs) * 0.7, `${waitMs} ms`)
    raw.socket.destroy()
  } finally {
    await harness.close()
  }
})

/** A harness that has no certificate. */
async function startPlain(
  { findSync }: Pick<HandshakeOptions, 'findSync'>,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    void handshake(socket, {
      waitMs: 60_000,
      mockSecret: Buffer.from('m'),
      findSync,
      log: silentLog,
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('bytes in the clear after a request for encryption are refused (CVE-2021-23214)', async () => {
  const detail =
    'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.'
  await withHarness({}, async ({ port }) => {
    const raw = await rawClient(port)
    raw.socket.write(Buffer.concat([sslRequest, startup(demo)]))
    assert.deepEqual(await raw.fatal(), [
      '08P01',
      'received unencrypted data after SSL request',
      detail,
    ])
    const gss = await rawClient(port)
    gss.socket.write(Buffer.concat([gssencRequest, startup(demo)]))
    assert.deepEqual(await gss.fatal(), [
      '08P01',
      'received unencrypted data after GSSAPI encryption request',
      detail,
    ])
  })
})

/** A direct TLS connection with these ALPN names. */
function direct(port: number, ALPNProtocols: string[]): TLSSocket {
  return connectTls({
    host: '127.0.0.1',
    port,
    ca: tls.cert,
    servername: 'localhost',
    ALPNProtocols,
  })
}

test('direct TLS works with ALPN postgresql, and not without', async () => {
  await withHarness({}, async ({ port, next }) => {
    const outcome = next()
    const raw = new Raw(direct(port, ['postgresql']))
    await once(raw.socket, 'secureConnect')
    // an SSLRequest inside is refused with N, as Postgres does
    raw.socket.write(sslRequest)
    await raw.until(() => raw.raw.toString() === 'N')
    raw.raw = Buffer.alloc(0)
    raw.socket.write(startup(demo))
    assert.equal((await authenticate(raw, 's3cret'))?.type, 'AuthenticationSASLFinal')
    const session = await outcome
    assert.ok(session.kind === 'session' && session.encrypted)
    raw.socket.destroy()

    for (const names of [[], ['http/1.1']]) {
      const refused = next()
      const client = new Raw(direct(port, names))
      client.socket.write(startup(demo))
      assert.equal(await client.message(), null)
      assert.equal((await refused).kind, 'closed')
    }
  })
})

if (hasCommand('openssl')) {
  test('TLS 1.2 is accepted, below it is refused', async () => {
    await withHarness({}, async ({ port }) => {
      const attempt = async (version: string): Promise<string> => {
        const flags = ['-starttls', 'postgres', version, '-cipher', 'ALL:@SECLEVEL=0']
        const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...flags], {
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let output = ''
        child.stdout.on('data', (chunk: Buffer) => output += chunk.toString())
        child.stderr.on('data', (chunk: Buffer) => output += chunk.toString())
        await once(child, 'close')
        return output
      }
      assert.match(await attempt('-tls1_2'), /New, TLSv1\.2, Cipher is ECDHE-ECDSA/)
      for (const version of ['-tls1', '-tls1_1']) {
        const output = await attempt(version)
        assert.match(output, /alert (protocol version|handshake failure)/)
        assert.match(output, /Cipher is \(NONE\)/)
      }
    })
  })
}

test('a CancelRequest is handed on, in the clear and over TLS, with keys of any length', async () => {
  await withHarness({}, async ({ port, next }) => {
    const secret = Buffer.alloc(32, 5)
    for (const encrypted of [false, true]) {
      const outcome = next()
      const plain = await rawClient(port)
      const raw = encrypted ? await upgrade(plain) : plain
      raw.socket.write(encodeCancelRequest(77, secret))
      const cancel = await outcome
      assert.ok(cancel.kind === 'cancel')
      assert.equal(cancel.pid, 77)
      assert.deepEqual(Buffer.from(cancel.secret), secret)
      assert.equal(await raw.message(), null)
    }
  })
})

test('the StartupMessage may come byte by byte', async () => {
  await withHarness({}, async ({ port }) => {
    const raw = await rawClient(port)
    raw.socket.setNoDelay(true)
    for (const byte of startup(demo)) {
      await new Promise<void>((resolve) => raw.socket.write(Uint8Array.of(byte), () => resolve()))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await authenticate(raw, 's3cret'))?.type, 'AuthenticationSASLFinal')
    raw.socket.destroy()
  })
})

test('messages out of turn during authentication are refused in the words of Postgres', async () => {
  const cases: [Uint8Array, string[]][] = [
    [encodeQuery('select 1'), ['08P01', 'expected SASL response, got message type 81']],
    [
      encodeSASLInitialResponse('SCRAM-SHA-256-PLUS', 'n,,n=,r=x'),
      ['08P01', 'client selected an invalid SASL authentication mechanism'],
    ],
    [
      encodeSASLInitialResponse('SCRAM-SHA-256', 'p=tls-unique,,n=,r=x'),
      [
        '08P01',
        'malformed SCRAM message',
        'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
      ],
    ],
    [encodePasswordMessage('s3cret'), ['08P01', 'insufficient data left in message']],
    [
      encodeSASLResponse('x'.repeat(authenticationSizeMax - 3)),
      ['08P01', 'invalid message length'],
    ],
  ]
  await withHarness({}, async ({ port }) => {
    for (const [bytes, words] of cases) {
      const raw = await rawClient(port)
      raw.socket.write(startup(demo))
      assert.equal((await raw.message())?.type, 'AuthenticationSASL')
      raw.socket.write(bytes)
      assert.deepEqual(await raw.fatal(), words)
    }
  })
})

test('whoever is no client of Postgres is closed without a word', async () => {
  await withHarness({}, async ({ port, next }) => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0\0\0\x07', '\0\0\0\0', '\xff\xff\xff\xff']) {
      const outcome = next()
      const raw = await rawClient(port)
      raw.socket.write(Buffer.from(bytes, 'latin1'))
      assert.equal(await raw.message(), null, JSON.stringify(bytes))
      assert.equal((await outcome).kind, 'closed')
    }
    const outcome = next()
    const tlsGarbage = await rawClient(port)
    tlsGarbage.socket.write(Buffer.from([0x16, 3, 1, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8]))
    assert.equal((await outcome).kind, 'closed')
    await tlsGarbage.until(() => tlsGarbage.closed).catch(() => {})
  })
})

test('a client that goes away at any step leaves nothing behind', async () => {
  await withHarness({}, async ({ port, next }) => {
    const steps: ((raw: Raw) => Promise<unknown> | void)[] = [
      () => {},
      (raw) => void raw.socket.write(sslRequest.subarray(0, 3)),
      async (raw) => {
        raw.socket.write(sslRequest)
        await raw.until(() => raw.raw.length > 0)
      },
      async (raw) => {
        raw.socket.write(startup(demo))
        await raw.message()
      },
      async (raw) => {
        raw.socket.write(startup(demo))
        await raw.message()
        raw.socket.write(encodeSASLInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abc'))
        await raw.message()
      },
    ]
    for (const step of steps) {
      for (const leave of ['end', 'resetAndDestroy'] as const) {
        const outcome = next()
        const raw = await rawClient(port)
        await step(raw)
        raw.socket[leave]()
        assert.deepEqual(await outcome, { kind: 'closed' })
      }
    }
  })
})

test('the whole handshake has one deadline, whatever step it is in', async () => {
  const waitMs = 150
  const never = new Promise<null>(() => {})
  const findSync = (id: string) =>
    id === 'sync_never' ? never : Promise.resolve(configs[id] ?? null)
  await withHarness({ waitMs, findSync }, async ({ port, next }) => {
    const steps: ((raw: Raw) => Promise<unknown> | void)[] = [
      () => {},
      (raw) => void raw.socket.write(Uint8Array.of(0)),
      async (raw) => {
        raw.socket.write(sslRequest)
        // a slow machine may have let the time pass
        await raw.until(() => raw.raw.length > 0).catch(() => {})
      },
      (raw) => void raw.socket.write(startup({ user: 'demo.sync_never' })),
      (raw) => void raw.socket.write(startup(demo)),
    ]
    for (const step of steps) {
      const outcome = next()
      const start = performance.now()
      const raw = await rawClient(port)
      await step(raw)
      assert.deepEqual(await outcome, { kind: 'closed' })
      const tookMs = performance.now() - start
      assert.ok(tookMs > waitMs / 2 && tookMs < 30_000, `${tookMs} ms`)
      await raw.until(() => raw.closed).catch(() => {})
      assert.ok(raw.closed)
    }
  })
})

test('a refused client that never closes is closed all the same', async () => {
  await withHarness({ waitMs: 400 }, async ({ port, next }) => {
    const outcome = next()
    const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true })
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write(startup({ user: '' }))
    socket.resume()
    const start = performance.now()
    assert.deepEqual(await outcome, { kind: 'closed' })
    assert.ok(performance.now() - start < 30_000)
    socket.destroy()
  })
})

test('nothing that is logged holds a password or a proof', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'debug', write: (line) => lines.push(line) })
  await withHarness({ log }, async ({ port }) => {
    await login(port)
    await login(port, { password: 'wr0ng!' }).catch(() => {})
    assert.ok(lines.length > 0)
    for (const line of lines) assert.doesNotMatch(line, /s3cret|wr0ng!|p=/)
  })
})
