// Goal: a login ends in a session or in one clear error, in time, and no server gets a password it must not see. Method:
// a real Postgres with every way of authentication, and scripted servers that lie, stall and break off.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import postgres from 'postgres'
import { parseGuard } from '../../src/lib/addresses.ts'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import type { Cluster } from '../../src/lib/cluster.ts'
import { createLog, silentLog } from '../../src/lib/log.ts'
import type { DatabaseAddress } from '../../src/mutation/config.ts'
import { Fault } from '../../src/mutation/fault.ts'
import {
  cancelDatabase,
  DatabaseRefused,
  loginDatabase,
  loginFrameSizeMax,
  loginSizeMax,
} from '../../src/session/login.ts'
import type { DatabaseLink, LoginOptions } from '../../src/session/login.ts'
import { authenticate } from '../../src/session/login-authenticate.ts'
import { isLoopback, reasonOf } from '../../src/session/login-dial.ts'
import * as backend from '../../src/wire/backend.ts'
import type { BackendMessage } from '../../src/wire/backend.ts'
import { createFrameReader } from '../../src/wire/frames.ts'
import { decodeSASLInitialResponse, encodeQuery } from '../../src/wire/frontend.ts'
import {
  finishScramServer,
  makeVerifier,
  parseVerifier,
  startScramServer,
} from '../../src/wire/scram.ts'
import { sslRequest } from '../../src/wire/startup.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { freePort, startTestCluster } from '../help/cluster.ts'

const certificate = selfSignedCertificate({ hosts: ['localhost'], days: 1 })
let cluster: Cluster

before(async () => {
  cluster = await startTestCluster({
    hba: [
      'hostnossl all tlsonly all reject',
      'host all trusty all trust',
      'host all clear all password',
      'host all hashed all md5',
      'host all all all scram-sha-256',
    ],
  })
  const owner = statSync(cluster.dataDir)
  for (const [name, text] of [['server.crt', certificate.cert], ['server.key', certificate.key]]) {
    const path = join(cluster.dataDir, name ?? '')
    writeFileSync(path, text ?? '', { mode: 0o600 })
    chownSync(path, owner.uid, owner.gid)
  }
  const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(`create role trusty login`)
    await sql.unsafe(`create role clear login password 'pw clear é'`)
    await sql.unsafe(`create role scrammed login password 'pw scram \u2168'`)
    await sql.unsafe(`create role tlsonly login password 'pw tls'`)
    await sql.unsafe(`set password_encryption = 'md5'`)
    await sql.unsafe(`create role hashed login password 'pw md5 é'`)
    await sql.unsafe(`alter system set ssl = on`)
    await sql.unsafe(`select pg_reload_conf()`)
    while ((await sql`show ssl`)[0]?.['ssl'] !== 'on');
  } finally {
    await sql.end()
  }
})
after(() => cluster.stop())

const address = (more: Partial<DatabaseAddress> = {}): DatabaseAddress => ({
  host: '127.0.0.1',
  port: cluster.port,
  database: 'postgres',
  user: 'scrammed',
  password: 'pw scram \u2168',
  sslmode: 'disable',
  ...more,
})

const login = (where: DatabaseAddress, more: Partial<LoginOptions> = {}) =>
  loginDatabase(where, { parameters: new Map(), waitMs: 60_000, log: silentLog, ...more })

/** The messages of one simple query on a link, up to ReadyForQuery. */
async function query(link: DatabaseLink, sql: string): Promise<BackendMessage[]> {
  const reader = createFrameReader({ sizeMax: 1_000_000 })
  const messages: BackendMessage[] = []
  reader.push(link.rest)
  link.socket.write(encodeQuery(sql))
  await new Promise<void>((resolve, reject) => {
    link.socket.on('close', () => reject(new Error('closed')))
    link.socket.on('data', (chunk: Uint8Array) => {
      reader.push(chunk)
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        const message = backend.decodeBackend(frame)
        messages.push(message)
        if (message.type === 'ReadyForQuery') resolve()
      }
    })
    link.socket.resume()
  })
  return messages
}

async function cell(link: DatabaseLink, sql: string): Promise<string> {
  const row = (await query(link, sql)).find((message) => message.type === 'DataRow')
  assert.ok(row?.type === 'DataRow')
  return Buffer.from(row.values[0] ?? []).toString()
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail('no error'), (error: unknown) => error)
  assert.ok(error instanceof Fault, String(error))
  assert.equal(error.code, 'database_unreachable')
  assert.doesNotMatch(JSON.stringify(error.data), /pw /)
  assert.match(error.data.hint ?? '', /^[A-Z].*\.$/, 'it says what to do')
  return error.data.detail ?? ''
}

test('every way of authentication leads to a session that answers', async () => {
  const users: Partial<DatabaseAddress>[] = [
    { user: 'trusty', password: '' },
    { user: 'clear', password: 'pw clear é' },
    { user: 'hashed', password: 'pw md5 é' },
    { user: 'scrammed' },
  ]
  for (const user of users) {
    for (const sslmode of ['disable', 'require'] as const) {
      const link = await login(address({ ...user, sslmode }))
      assert.equal(link.socket.listenerCount('data'), 0)
      assert.equal(await cell(link, 'select current_user'), user.user)
      assert.equal(
        await cell(link, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'),
        sslmode === 'require' ? 't' : 'f',
      )
      assert.equal(await cell(link, 'select pg_backend_pid()'), String(link.key?.pid))
      link.socket.destroy()
    }
  }
})

test('parameters go to the server, user and database are those of the address', async () => {
  const parameters = new Map([
    ['user', 'demo.sync_a'],
    ['database', 'elsewhere'],
    ['application_name', 'my app'],
    ['options', '-c statement_timeout=4321'],
    ['client_encoding', 'LATIN1'],
  ])
  const link = await login(address(), { parameters })
  assert.equal(link.parameters.get('application_name'), 'my app')
  assert.equal(link.parameters.get('client_encoding'), 'LATIN1')
  assert.equal(link.parameters.get('session_authorization'), 'scrammed')
  assert.equal(await cell(link, 'show statement_timeout'), '4321ms')
  assert.equal(await cell(link, 'select current_database()'), 'postgres')
  link.socket.destroy()
})

test('the greeting is the messages of ParameterStatus as they came', async () => {
  const link = await login(address())
  const reader = createFrameReader({ sizeMax: 100_000 })
  reader.push(link.greeting)
  const seen = new Map<string, string>()
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    const message = backend.decodeBackend(frame)
    assert.ok(message.type === 'ParameterStatus')
    seen.set(message.name, message.value)
  }
  assert.equal(reader.rest().length, 0)
  assert.deepEqual(seen, link.parameters)
  assert.ok(seen.has('server_version'))
  link.socket.destroy()
})

test('a refusal of the server is handed on as it is', async () => {
  const refused: [Partial<DatabaseAddress>, string, string][] = [
    [{ password: 'wrong' }, '28P01', 'password authentication failed for user "scrammed"'],
    [{ user: 'clear' }, '28P01', 'password authentication failed for user "clear"'],
    [{ user: 'hashed' }, '28P01', 'password authentication failed for user "hashed"'],
    [{ database: 'nowhere' }, '3D000', 'database "nowhere" does not exist'],
  ]
  for (const [more, sqlstate, message] of refused) {
    const error = await login(address(more)).then(() => assert.fail(), (error: unknown) => error)
    assert.ok(error instanceof DatabaseRefused, String(error))
    assert.deepEqual([error.fields.get('C'), error.message], [sqlstate, message])
    const frame = backend.decodeBackend({ tag: error.frame[0] ?? 0, bytes: error.frame })
    assert.ok(frame.type === 'ErrorResponse')
    assert.deepEqual(frame.fields, error.fields)
  }
})

test('verify-full wants a certificate that is trusted and that of the host', async () => {
  const verify = { sslmode: 'verify-full', user: 'tlsonly', password: 'pw tls' } as const
  const trusted = { ...verify, sslrootcert: certificate.cert }
  const link = await login(address({ ...trusted, host: 'localhost' }))
  assert.equal(await cell(link, 'select 1'), '1')
  link.socket.destroy()
  const wrongHost = await faultOf(login(address({ ...trusted, host: '127.0.0.1' })))
  assert.match(wrongHost, /^Cannot connect to 127\.0\.0\.1:\d+: TLS failed: .*127\.0\.0\.1/)
  const untrusted = await faultOf(login(address({ ...verify, host: 'localhost' })))
  assert.match(untrusted, /^Cannot connect to localhost:\d+: TLS failed: .+/)
  const other = selfSignedCertificate({ hosts: ['localhost'], days: 1 }).cert
  const forged = await faultOf(
    login(address({ ...trusted, host: 'localhost', sslrootcert: other })),
  )
  assert.match(forged, /^Cannot connect to localhost:\d+: TLS failed: .+/)
})

test('a cancel ends the statement of the session with that key, in the clear and over TLS', async () => {
  for (const sslmode of ['disable', 'require', 'verify-full'] as const) {
    const where = address({ sslmode, host: 'localhost', sslrootcert: certificate.cert })
    const link = await login(where)
    const running = query(link, 'select pg_sleep(60)')
    assert.ok(link.key !== null)
    await waitForSleep(link.key.pid)
    await cancelDatabase(where, link.key, { waitMs: 60_000 })
    const failed = (await running).find((message) => message.type === 'ErrorResponse')
    assert.ok(failed?.type === 'ErrorResponse')
    assert.equal(failed.fields.get('C'), '57014')
    link.socket.destroy()
  }
})

test('a cancel goes where a login may go, and nowhere else', async () => {
  let connections = 0
  const liar = await startLiar((_peer, raw) => {
    connections += 1
    raw.destroy()
  })
  const cancel = (allowed: string, remoteAddress?: string) =>
    cancelDatabase(liar.address, {
      pid: 1,
      secret: Buffer.alloc(4),
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
    }, { waitMs: 60_000, approach: { guard: parseGuard(allowed) } })
  try {
    assert.match(await faultOf(cancel('')), /not allowed|not on the public internet/)
    assert.match(await faultOf(cancel('', '127.0.0.1')), /not allowed|not on the public internet/)
    assert.equal(connections, 0)
    await cancel('127.0.0.1')
    assert.equal(connections, 1)
  } finally {
    await liar.close()
  }
})

async function waitForSleep(pid: number): Promise<void> {
  const sql = postgres(cluster.url('postgres'), { max: 1 })
  try {
    const asleep = () =>
      sql`select 1 from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`
    while ((await asleep()).length === 0);
  } finally {
    await sql.end()
  }
}

test('what cannot be reached is named with host, port and reason', async () => {
  const port = await freePort()
  const refused = await faultOf(login(address({ port })))
  assert.equal(refused, `Cannot connect to 127.0.0.1:${port}: connection refused.`)
  const unknown = await faultOf(login(address({ host: 'no-such-host.invalid', port: 5432 })))
  assert.match(
    unknown,
    /^Cannot connect to no-such-host\.invalid:5432: host name (not found|cannot be looked up at present)\.$/,
  )
  const cancel = cancelDatabase(address({ port }), { pid: 1, secret: Buffer.alloc(4) }, {
    waitMs: 60_000,
  })
  assert.equal(await faultOf(cancel), `Cannot connect to 127.0.0.1:${port}: connection refused.`)
})

test('an error without a message has words all the same', () => {
  assert.equal(
    reasonOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })),
    'connection refused',
  )
  assert.equal(reasonOf(new Error('')), 'unknown reason')
  assert.equal(reasonOf(new Error('strange')), 'strange')
})

// Servers that follow a script.

interface Peer {
  readonly socket: Duplex
  /** The next packet without a type: StartupMessage or SSLRequest. */
  packet(): Promise<Buffer>
  /** The next message of the client. */
  message(): Promise<Buffer>
}

function peerOf(socket: Duplex): Peer {
  let buffered = Buffer.alloc(0)
  let wake = () => {}
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk])
    wake()
  })
  socket.on('error', () => {})
  const take = async (headSize: number) => {
    const whole = () =>
      buffered.length >= headSize + 4 &&
      buffered.length >= headSize + buffered.readInt32BE(headSize)
    while (!whole()) await new Promise<void>((resolve) => wake = resolve)
    const size = headSize + buffered.readInt32BE(headSize)
    const taken = buffered.subarray(0, size)
    buffered = buffered.subarray(size)
    return taken
  }
  return { socket, packet: () => take(0), message: () => take(1) }
}

interface Liar {
  readonly address: DatabaseAddress
  /** Resolves once a connection of the client has closed. */
  readonly gone: Promise<void>
  close(): Promise<void>
}

async function startLiar(
  script: (peer: Peer, raw: Socket) => Promise<void> | void,
  host = '127.0.0.1',
): Promise<Liar> {
  const sockets = new Set<Socket>()
  let left = () => {}
  const gone = new Promise<void>((resolve) => left = resolve)
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => left())
    void script(peerOf(socket), socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    address: address({ port: (server.address() as AddressInfo).port }),
    gone,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The detail of the fault that a login meets with such a server, without the address; the client must hang up. */
async function lied(
  script: (peer: Peer, raw: Socket) => Promise<void> | void,
  more: { address?: Partial<DatabaseAddress>; options?: Partial<LoginOptions> } = {},
): Promise<string> {
  const liar = await startLiar(script)
  try {
    const detail = await faultOf(login({ ...liar.address, ...more.address }, more.options))
    await liar.gone
    return detail.replace(/^Cannot connect to 127\.0\.0\.1:\d+: /, '')
  } finally {
    await liar.close()
  }
}

/** Answers the SCRAM exchange of a client as the real server would, up to the proof. */
async function scram(peer: Peer): Promise<{ final: string | null }> {
  await peer.packet()
  peer.socket.write(backend.encodeAuthenticationSASL(['SCRAM-SHA-256']))
  const initial = decodeSASLInitialResponse({ tag: 0x70, bytes: await peer.message() })
  const verifier = parseVerifier(await makeVerifier('pw scram \u2168'))
  assert.ok(verifier !== null && initial.data !== null)
  const server = startScramServer(initial.data, { verifier, nonce: 'server' })
  peer.socket.write(backend.encodeAuthenticationSASLContinue(server.serverFirst))
  return { final: finishScramServer(server, (await peer.message()).subarray(5)) }
}

const ready = Buffer.concat([
  backend.authenticationOk,
  backend.encodeReadyForQuery('I'),
])

test('a server that does not prove itself is refused', async () => {
  const unproven = 'the server did not prove that it knows the password.'
  const wrong = Buffer.alloc(32).toString('base64')
  assert.equal(
    await lied(async (peer) => {
      await scram(peer)
      peer.socket.write(Buffer.concat([backend.encodeAuthenticationSASLFinal(`v=${wrong}`), ready]))
    }),
    unproven,
  )
  assert.equal(
    await lied(async (peer) => {
      await scram(peer)
      peer.socket.write(ready)
    }),
    unproven,
  )
  assert.equal(
    await lied(async (peer) => {
      await peer.packet()
      peer.socket.write(backend.encodeAuthenticationSASL(['SCRAM-SHA-256']))
      await peer.message()
      peer.socket.write(ready)
    }),
    unproven,
  )
})

test('a scripted server that tells the truth is believed, whatever is in its notices', async () => {
  const notice = backend.encodeNoticeResponse([['S', 'WARNING'], ['M', 'old']])
  const liar = await startLiar(async (peer) => {
    const { final } = await scram(peer)
    peer.socket.write(Buffer.concat([
      backend.encodeAuthenticationSASLFinal(final ?? ''),
      backend.authenticationOk,
      notice,
      backend.encodeParameterStatus('a', 'b'),
      backend.encodeReadyForQuery('I'),
      Buffer.from('early'),
    ]))
  })
  try {
    const link = await login(liar.address)
    assert.equal(link.key, null)
    assert.equal(Buffer.from(link.rest).toString(), 'early')
    assert.deepEqual(
      Buffer.from(link.greeting),
      Buffer.concat([notice, backend.encodeParameterStatus('a', 'b')]),
    )
    link.socket.destroy()
  } finally {
    await liar.close()
  }
})

test('absurd work and messages out of turn are refused', async () => {
  const start = (...messages: Uint8Array[]) => async (peer: Peer) => {
    await peer.packet()
    peer.socket.write(Buffer.concat(messages))
  }
  assert.equal(
    await lied(async (peer) => {
      await peer.packet()
      peer.socket.write(backend.encodeAuthenticationSASL(['SCRAM-SHA-256']))
      const initial = (await peer.message()).toString('latin1')
      const nonce = initial.slice(initial.indexOf('r=') + 2)
      peer.socket.write(
        backend.encodeAuthenticationSASLContinue(`r=${nonce}x,s=c2FsdA==,i=2000000000`),
      )
    }),
    'the server does not keep to the protocol: invalid SCRAM response: ' +
      'The server asks for 2000000000 iterations, more than 1000000.',
  )
  const outOfTurn = 'the server does not keep to the protocol: unexpected authentication message.'
  assert.equal(await lied(start(backend.encodeAuthenticationSASLFinal('v=AAAA'))), outOfTurn)
  assert.equal(await lied(start(backend.encodeAuthenticationSASLContinue('r=a'))), outOfTurn)
  const salt = backend.encodeAuthenticationMD5Password(Buffer.from('salt'))
  assert.equal(await lied(start(salt, salt)), outOfTurn)
  assert.equal(
    await lied(start(backend.encodeAuthenticationSASL(['SCRAM-SHA-256-PLUS']))),
    'the server does not offer SCRAM-SHA-256.',
  )
  assert.equal(
    await lied(start(encodeMessage('R', (writer) => writer.int32(7)))),
    'the server asks for an authentication method that is not supported (7).',
  )
  assert.equal(
    await lied(start(backend.encodeReadyForQuery('I'))),
    'the server does not keep to the protocol: unexpected message during authentication.',
  )
  assert.equal(
    await lied(start(backend.authenticationOk, backend.encodeCommandComplete('X'))),
    'the server does not keep to the protocol: unexpected message before ReadyForQuery.',
  )
  assert.equal(
    await lied(start(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))),
    'the server does not keep to the protocol: invalid message length.',
  )
})

test('messages of 64 KB are taken, longer ones and more than 1 MB altogether are not', async () => {
  const padding = (size: number) => backend.encodeNoticeResponse([['M', 'x'.repeat(size - 7)]]) // length 4, letter, NUL, NUL
  assert.equal(padding(loginFrameSizeMax).length, loginFrameSizeMax + 1)
  const liar = await startLiar(async (peer) => {
    await peer.packet()
    peer.socket.write(Buffer.concat([padding(loginFrameSizeMax), ready]))
  })
  try {
    const link = await login(liar.address)
    assert.equal(link.greeting.length, loginFrameSizeMax + 1)
    link.socket.destroy()
  } finally {
    await liar.close()
  }
  assert.equal(
    await lied(async (peer) => {
      await peer.packet()
      peer.socket.write(Buffer.concat([padding(loginFrameSizeMax + 1), ready]))
    }),
    'the server does not keep to the protocol: invalid message length.',
  )
  assert.equal(
    await lied(async (peer) => {
      await peer.packet()
      const many = Math.ceil(loginSizeMax / loginFrameSizeMax)
      for (let count = 0; count < many; count += 1) peer.socket.write(padding(loginFrameSizeMax))
    }),
    'the server sent too much during the login.',
  )
})

test('silence ends with the time given, at every step', async () => {
  const options = { waitMs: 150 }
  const encrypted = { sslmode: 'require' } as const
  assert.equal(await lied(() => {}, { options }), 'timed out.')
  assert.equal(await lied(() => {}, { options, address: encrypted }), 'timed out.')
  const afterS = async (peer: Peer) => {
    await peer.packet()
    peer.socket.write('S')
  }
  assert.equal(await lied(afterS, { options, address: encrypted }), 'timed out.')
  assert.equal(await lied(async (peer) => void await scram(peer), { options }), 'timed out.')
  const afterOk = async (peer: Peer) => {
    await peer.packet()
    peer.socket.write(backend.authenticationOk)
  }
  assert.equal(await lied(afterOk, { options }), 'timed out.')
  const liar = await startLiar(() => {})
  try {
    const cancel = cancelDatabase(liar.address, { pid: 1, secret: Buffer.alloc(4) }, {
      waitMs: 100,
    })
    assert.match(await faultOf(cancel), /: timed out\.$/)
    await liar.gone
  } finally {
    await liar.close()
  }
})

test('a server that goes away is named as such, at every step', async () => {
  const during = 'the server closed the connection during the login.'
  const encrypted = { address: { sslmode: 'require' } } as const
  const end = (peer: Peer) => void peer.socket.end()
  assert.equal(await lied(async (peer) => (await peer.packet(), end(peer))), during)
  assert.equal(await lied(async (peer) => (await scram(peer), end(peer))), during)
  assert.equal(
    await lied(async (peer) => {
      await peer.packet()
      peer.socket.end(backend.authenticationOk)
    }),
    during,
  )
  assert.equal(
    await lied(async (peer) => (await peer.packet(), end(peer)), encrypted),
    'the server closed the connection when asked for TLS.',
  )
  assert.match(
    await lied(async (peer) => {
      await peer.packet()
      peer.socket.end('S')
    }, encrypted),
    /^TLS failed: .+\.$/,
  )
  assert.match(
    await lied(async (peer, raw) => {
      await peer.packet()
      raw.resetAndDestroy()
    }),
    /^(connection reset by the server|the server closed the connection during the login)\.$/,
  )
})

test('a server without TLS is refused when TLS is asked for, and never hears the user', async () => {
  for (const sslmode of ['require', 'verify-full'] as const) {
    let heard = Buffer.alloc(0)
    const detail = await lied(async (peer, raw) => {
      raw.on('data', (chunk: Buffer) => heard = Buffer.concat([heard, chunk]))
      await peer.packet()
      peer.socket.write('N')
    }, { address: { sslmode } })
    assert.equal(detail, `the server does not support TLS, but sslmode is ${sslmode}.`)
    assert.deepEqual(heard, Buffer.from(sslRequest))
  }
  const answer = (text: string | Uint8Array) =>
    lied(async (peer) => {
      await peer.packet()
      peer.socket.write(text)
    }, { address: { sslmode: 'require' } })
  assert.equal(
    await answer(backend.encodeErrorResponse([['M', 'sorry']])),
    'the server gave no valid answer when asked for TLS.',
  )
  // CVE-2021-23222
  assert.equal(
    await answer(Buffer.concat([Buffer.from('S'), ready])),
    'received unencrypted data after SSL response.',
  )
})

test('a password is sent in the clear over TLS', async () => {
  const liar = await startLiar(async (peer, raw) => {
    await peer.packet()
    raw.removeAllListeners('data')
    raw.write('S')
    const secured = peerOf(new TLSSocket(raw, { isServer: true, ...certificate }))
    await secured.packet()
    secured.socket.write(backend.authenticationCleartextPassword)
    assert.equal((await secured.message()).subarray(5).toString(), 'pw scram \u2168\0')
    secured.socket.write(ready)
  })
  try {
    const link = await login({ ...liar.address, sslmode: 'require' })
    link.socket.destroy()
  } finally {
    await liar.close()
  }
})

test('a password is sent neither in the clear nor as md5 to another machine, unless that is allowed', async () => {
  const authenticateWith = (
    type: 'AuthenticationCleartextPassword' | 'AuthenticationMD5Password',
    clearAllowed: boolean,
  ) =>
    authenticate({ at: 'start' }, {
      message: type === 'AuthenticationMD5Password'
        ? { type, salt: Uint8Array.of(1, 2, 3, 4) }
        : { type },
      options: {
        address: address({ password: 'pw' }),
        clearAllowed,
        proofRequired: true,
        random: randomBytes,
      },
    })
  const allowed = await authenticateWith('AuthenticationCleartextPassword', true)
  assert.deepEqual(Buffer.from(allowed.reply ?? []).subarray(5), Buffer.from('pw\0'))
  const hashed = await authenticateWith('AuthenticationMD5Password', true)
  assert.match(Buffer.from(hashed.reply ?? []).subarray(5).toString(), /^md5[0-9a-f]{32}\0$/)
  await assert.rejects(authenticateWith('AuthenticationMD5Password', false), {
    name: 'DialFailure',
    message: /^the server asks for the password as md5, .*nothing proves that it is the right one/,
  })
  await assert.rejects(authenticateWith('AuthenticationCleartextPassword', false), {
    message:
      'the server asks for the password in clear text, and nothing proves that it is the right one',
  })
  for (const here of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(here), true, here)
  }
  for (const there of ['10.0.0.1', '::ffff:10.0.0.1', '::2', '127.evil.example', '', undefined]) {
    assert.equal(isLoopback(there), false, there)
  }
})

test('over a network interface a server that nothing proves does not get the password, nor its md5', async () => {
  const outside = Object.values(networkInterfaces()).flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address
  if (outside === undefined) return // no network here: the test above holds the rule
  const md5 = encodeMessage('R', (writer) => writer.int32(5).int32(0x01020304))
  for (
    const [request, words] of [
      [backend.authenticationCleartextPassword, /asks for the password in clear text/],
      [md5, /asks for the password as md5/],
    ] as const
  ) {
    let answers = 0
    const script = async (peer: Peer) => {
      await peer.packet()
      peer.socket.write(request)
      await peer.message()
      answers += 1
      peer.socket.write(ready)
    }
    const liar = await startLiar(script, outside)
    try {
      const where = { ...liar.address, host: outside }
      assert.match(await faultOf(login(where)), words)
      assert.equal(answers, 0)
      const link = await login(where, { approach: { allowCleartext: true } })
      link.socket.destroy()
      assert.equal(answers, 1)
    } finally {
      await liar.close()
    }
  }
})

test('over a network interface TLS alone proves nothing: a server gets the password if its certificate is right', async () => {
  const outside = Object.values(networkInterfaces()).flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address
  if (outside === undefined) return
  const known = selfSignedCertificate({ hosts: [outside], days: 1 })
  let heard = ''
  const script = async (peer: Peer, raw: Socket) => {
    await peer.packet()
    raw.removeAllListeners('data')
    raw.write('S')
    const secured = peerOf(new TLSSocket(raw, { isServer: true, ...known }))
    await secured.packet()
    secured.socket.write(backend.authenticationCleartextPassword)
    heard = (await secured.message()).subarray(5).toString()
    secured.socket.write(ready)
  }
  const liar = await startLiar(script, outside)
  try {
    const where = { ...liar.address, host: outside }
    assert.match(
      await faultOf(login({ ...where, sslmode: 'require' })),
      /asks for the password in clear text/,
    )
    assert.match(await faultOf(login({ ...where, sslmode: 'verify-full' })), /TLS failed/)
    assert.equal(heard, '')
    const link = await login({ ...where, sslmode: 'verify-full', sslrootcert: known.cert })
    link.socket.destroy()
    assert.equal(heard, 'pw scram \u2168\0')
  } finally {
    await liar.close()
  }
})

test('a server that asks for no password is refused where there is one and nothing proves who it is', async () => {
  const ok = (proofRequired: boolean) =>
    authenticate({ at: 'start' }, {
      message: { type: 'AuthenticationOk' },
      options: { address: address(), clearAllowed: false, proofRequired, random: randomBytes },
    })
  assert.deepEqual((await ok(false)).state, { at: 'done' })
  await assert.rejects(ok(true), /asks for no password, and nothing proves/)
  const outside = Object.values(networkInterfaces()).flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address
  if (outside === undefined) return
  const liar = await startLiar(async (peer) => {
    await peer.packet()
    peer.socket.write(ready)
  }, outside)
  try {
    const where = { ...liar.address, host: outside }
    assert.match(await faultOf(login(where)), /asks for no password/)
    const link = await login({ ...where, password: '' })
    link.socket.destroy()
  } finally {
    await liar.close()
  }
})

test('an abort ends the login at once with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('the client has left')
  let connections = 0
  const liar = await startLiar(async (peer) => {
    connections += 1
    await peer.packet()
    controller.abort(reason)
  })
  try {
    await assert.rejects(login(liar.address, { signal: controller.signal }), reason)
    await liar.gone
    await assert.rejects(login(liar.address, { signal: controller.signal }), reason)
    assert.equal(connections, 1)
  } finally {
    await liar.close()
  }
})

test('no password is logged', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'debug', write: (line) => lines.push(line) })
  await login(address({ password: 'pw wrong' }), { log }).catch(() => {})
  await login(address({ port: await freePort() }), { log }).catch(() => {})
  assert.ok(lines.length >= 2)
  for (const line of lines) assert.doesNotMatch(line, /pw /)
})
