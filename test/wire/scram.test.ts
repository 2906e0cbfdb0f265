// Goal: SCRAM-SHA-256 as RFC 7677 and Postgres have it, and no trust without proof. Method: the RFC's example, a real
// Postgres's verifier, and both sides against liars.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import { saslprep } from '../../src/wire/saslprep.ts'
import {
  finishScramServer,
  hashMD5Password,
  makeNonce,
  makeVerifier,
  mockVerifier,
  parseVerifier,
  scramSizeMax,
  startScramServer,
} from '../../src/wire/scram.ts'
import type { ScramVerifier } from '../../src/wire/scram.ts'
import {
  proveScramClient,
  scramIterationsMax,
  startScramClient,
  verifyScramServer,
} from '../../src/wire/scram-client.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'
import { testCluster } from '../help/cluster.ts'
import type { TestCluster } from '../help/cluster.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
const parsed = (text: string): ScramVerifier => {
  const verifier = parseVerifier(text)
  assert.ok(verifier !== null, text)
  return verifier
}
const violation = (message: string, detail?: string) => (error: unknown) => {
  assert.ok(error instanceof ProtocolViolation, String(error))
  assert.deepEqual([error.message, error.detail], [message, detail])
  return true
}

let cluster: TestCluster
before(async () => {
  cluster = await testCluster()
})
after(() => cluster.stop())

// RFC 7677, section 3
const example = {
  password: 'pencil',
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

test('the server answers the example of RFC 7677 as printed there', async () => {
  const verifier = parsed(await makeVerifier(example.password, { salt: example.salt }))
  const server = startScramServer(bytes(example.clientFirst), {
    verifier,
    nonce: example.serverNonce,
  })
  assert.equal(server.serverFirst, example.serverFirst)
  assert.equal(finishScramServer(server, bytes(example.clientFinal)), example.serverFinal)
})

test('a changed bit of the proof is a wrong password, a changed nonce or header a violation', async () => {
  const verifier = parsed(await makeVerifier(example.password, { salt: example.salt }))
  const server = startScramServer(bytes(example.clientFirst), {
    verifier,
    nonce: example.serverNonce,
  })
  const finish = (from: string, to: string) =>
    finishScramServer(server, bytes(example.clientFinal.replace(from, to)))
  assert.equal(finish('p=dH', 'p=eH'), null)
  assert.throws(
    () => finish('FIlj', 'FIlk'),
    violation('invalid SCRAM response', 'Nonce does not match.'),
  )
  assert.throws(
    () => finish('c=biws', 'c=eSws'),
    violation('unexpected SCRAM channel-binding attribute in client-final-message'),
  )
  for (const [from, to] of [['VQ=', 'VQ'], [',p=dHzb', ',p='], ['p=dH', 'p=*H']] as const) {
    assert.throws(
      () => finish(from, to),
      violation('malformed SCRAM message', 'Malformed proof in client-final-message.'),
    )
  }
})

test('a verifier is what Postgres would have stored for the password', async () => {
  const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
  try {
    for (
      const password of ['demo', 'ünïcödé', 'Ⅸ \u00a0\u00ad', '\u0627\u0031', 'a\u200bb', '🦑']
    ) {
      const role = `scram_${process.pid}`
      await sql.unsafe(`create role ${role} password '${password}'`)
      const [row] = await sql`select rolpassword from pg_authid where rolname = ${role}`
      await sql.unsafe(`drop role ${role}`)
      const stored = String(row?.['rolpassword'])
      const { salt, iterations } = parsed(stored)
      assert.equal(await makeVerifier(password, { salt, iterations }), stored, password)
    }
  } finally {
    await sql.end()
  }
})

test('SASLprep maps, normalises, and leaves alone what it would forbid', () => {
  // RFC 4013, section 3
  assert.equal(saslprep('I\u00adX'), 'IX')
  assert.equal(saslprep('user'), 'user')
  assert.equal(saslprep('\u00aa'), 'a')
  assert.equal(saslprep('\u2168'), 'IX')
  assert.equal(saslprep('\u00aa\u0007'), '\u00aa\u0007')
  assert.equal(saslprep('\u0627\u0031'), '\u0627\u0031')
  assert.equal(saslprep('\u00ad'), '\u00ad')
})

test('text that is no verifier is none', () => {
  const key = Buffer.alloc(32).toString('base64')
  const short = Buffer.alloc(31).toString('base64')
  assert.ok(parseVerifier(`SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}`) !== null)
  for (
    const text of [
      '',
      'secret',
      'md5d41d8cd98f00b204e9800998ecf8427e',
      `SCRAM-SHA-256$0:c2FsdA==$${key}:${key}`,
      `SCRAM-SHA-256$-1:c2FsdA==$${key}:${key}`,
      `SCRAM-SHA-256$4096:salt$${key}:${short}`,
      `SCRAM-SHA-256$4096:c2FsdA$${key}:${key}`,
      `SCRAM-SHA-256$4096:c2FsdA==$${key}`,
      `SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}:x`,
      `SCRAM-SHA-1$4096:c2FsdA==$${key}:${key}`,
    ]
  ) assert.equal(parseVerifier(text), null, text)
})

test('channel binding, another identity, extensions and nonsense are refused', async () => {
  const verifier = parsed(await makeVerifier('x'))
  const start = (text: string | Uint8Array) => () =>
    startScramServer(typeof text === 'string' ? bytes(text) : text, { verifier, nonce: 'abc' })
  startScramServer(bytes('y,,n=,r=x'), { verifier, nonce: 'abc' })
  const malformed = (detail: string) => violation('malformed SCRAM message', detail)
  assert.throws(
    start('p=tls-server-end-point,,n=,r=x'),
    malformed(
      'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
    ),
  )
  assert.throws(
    start('n,a=root,n=,r=x'),
    violation('client uses authorization identity, but it is not supported'),
  )
  assert.throws(
    start('n,,m=ext,n=,r=x'),
    violation('client requires an unsupported SCRAM extension'),
  )
  assert.throws(start('n,,n='), malformed('Attribute "r" expected.'))
  assert.throws(start('n,,r=x'), malformed('Attribute "n" expected.'))
  assert.throws(start('n,,n=,r='), violation('non-printable characters in SCRAM nonce'))
  assert.throws(start('n,,n=,r=é'), violation('non-printable characters in SCRAM nonce'))
  assert.throws(start('x,,n=,r=x'), malformed('Unexpected channel-binding flag.'))
  assert.throws(start(''), malformed('The message is empty.'))
  assert.throws(start('n,,n=,r=\0'), malformed('Message length does not match input length.'))
  const long = (size: number) => `n,,n=,r=${'x'.repeat(size - 8)}`
  start(long(scramSizeMax))()
  assert.throws(start(long(scramSizeMax + 1)), malformed('The message is too long.'))
})

test('a name that is not UTF-8 does not spoil the signature', async () => {
  const verifier = parsed(await makeVerifier('pw'))
  const clientFirst = Buffer.from('n,,n=caf\xe9,r=abc', 'latin1')
  const server = startScramServer(clientFirst, { verifier, nonce: 'def' })
  assert.equal(Buffer.from(server.clientFirstBare, 'latin1').compare(clientFirst.subarray(3)), 0)
})

test('client and server understand each other, and a wrong password is noticed', async () => {
  const verifier = parsed(await makeVerifier('right'))
  for (const password of ['right', 'wrong']) {
    const client = startScramClient(makeNonce())
    const server = startScramServer(bytes(client.clientFirst), { verifier, nonce: makeNonce() })
    const proof = await proveScramClient(client, {
      serverFirst: bytes(server.serverFirst),
      password,
    })
    const serverFinal = finishScramServer(server, bytes(proof.clientFinal))
    assert.equal(serverFinal !== null, password === 'right')
    if (serverFinal !== null) assert.equal(verifyScramServer(proof, bytes(serverFinal)), true)
  }
})

test('a mock verifier is the same for the same name, another for another, and fits nothing', async () => {
  const secret = bytes('secret')
  const mock = mockVerifier('a.sync_x', secret)
  assert.deepEqual(mockVerifier('a.sync_x', secret), mock)
  assert.notDeepEqual(mockVerifier('b.sync_x', secret).salt, mock.salt)
  assert.notDeepEqual(mockVerifier('a.sync_x', bytes('other')).salt, mock.salt)
  assert.deepEqual([mock.salt.length, mock.iterations], [16, 4096])
  const client = startScramClient('abc')
  const server = startScramServer(bytes(client.clientFirst), { verifier: mock, nonce: 'def' })
  const proof = await proveScramClient(client, {
    serverFirst: bytes(server.serverFirst),
    password: '',
  })
  assert.equal(finishScramServer(server, bytes(proof.clientFinal)), null)
})

test('a client refuses a hostile first message', async () => {
  const client = startScramClient('abc')
  const prove = (serverFirst: string) =>
    proveScramClient(client, { serverFirst: bytes(serverFirst), password: 'x' })
  await prove('r=abcd,s=c2FsdA==,i=1')
  await assert.rejects(
    prove(`r=abcd,s=c2FsdA==,i=${scramIterationsMax + 1}`),
    violation(
      'invalid SCRAM response',
      'The server asks for 1000001 iterations, more than 1000000.',
    ),
  )
  for (const nonce of ['abc', 'xyz', 'ab', 'xabcd']) {
    await assert.rejects(
      prove(`r=${nonce},s=c2FsdA==,i=1`),
      violation('invalid SCRAM response', 'Nonce does not match.'),
    )
  }
  for (
    const text of [
      'r=abcd,s=c2FsdA==,i=0',
      'r=abcd,s=c2FsdA==,i=-1',
      'r=abcd,s=c2FsdA==,i=99999999999',
      'r=abcd,s=,i=1',
      'r=abcd,i=1',
      'm=x,r=abcd,s=c2FsdA==,i=1',
      'r=abcd,s=c2FsdA==,i=1,x=y',
      'nonsense',
    ]
  ) {
    await assert.rejects(
      prove(text),
      violation('malformed SCRAM message', 'The first message of the server is not valid.'),
    )
  }
})

test('the most iterations do not keep the event loop waiting', async () => {
  const client = startScramClient('abc')
  let turns = 0
  const timer = setInterval(() => turns += 1, 1)
  await proveScramClient(client, {
    serverFirst: bytes(`r=abcd,s=c2FsdA==,i=${scramIterationsMax}`),
    password: 'x',
  })
  clearInterval(timer)
  assert.ok(turns > 10, `${turns} turns of the event loop meanwhile`)
})

test('a server that does not know the password is not believed', async () => {
  const client = startScramClient('abc')
  const proof = await proveScramClient(client, {
    serverFirst: bytes('r=abcd,s=c2FsdA==,i=10'),
    password: 'x',
  })
  const right = Buffer.from(proof.serverSignature).toString('base64')
  assert.equal(verifyScramServer(proof, bytes(`v=${right}`)), true)
  const wrong = Buffer.alloc(32).toString('base64')
  assert.equal(verifyScramServer(proof, bytes(`v=${wrong}`)), false)
  assert.equal(verifyScramServer(proof, bytes('v=AAAA')), false)
  for (const text of ['', 'v=', 'v=*', 'x', 'e=other-error']) {
    assert.throws(() => verifyScramServer(proof, bytes(text)), ProtocolViolation, text)
  }
})

test('the md5 answer is what Postgres computes', async () => {
  const sql = postgres(cluster.url('postgres'), { max: 1 })
  try {
    const [row] = await sql`select 'md5' ||
      md5(convert_to(md5('sécret' || 'user'), 'UTF8') || '\\x01020380'::bytea) as answer`
    const salt = Uint8Array.of(1, 2, 3, 0x80)
    assert.equal(hashMD5Password({ user: 'user', password: 'sécret', salt }), row?.['answer'])
  } finally {
    await sql.end()
  }
})
