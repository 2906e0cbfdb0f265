// Goal: behind a proxy the client is who the proxy says, for every purpose, and nobody else may say so; an allowlist holds
// for whoever that is, before a password is looked at, and while a session lasts. Method: clients of several addresses of
// 127/8, with and without a PROXY header, at a listener that takes 127.0.0.2 for its proxy.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import { createLog } from '../../src/lib/log.ts'
import type { ListenerOptions } from '../../src/session/listener.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { Knock, type KnockOptions, type Refused, refusedBy } from '../help/knock.ts'
import { binaryHeader, v4Body, v6Body } from '../help/proxy.ts'
import { createStage, type Stage } from '../help/stage.ts'
import { until } from '../help/system.ts'

const proxy = '127.0.0.2'
const tls = selfSignedCertificate({ hosts: ['localhost'], days: 1 })
const demo = { user: 'demo.sync_stage1', password: 'demo' }

interface Event {
  readonly event: string
  readonly client?: string
  readonly reason?: string
}

async function withStage(
  work: (
    stage: Stage,
    deps: { knock: (options: Omit<KnockOptions, 'port'>) => Promise<Knock>; events: Event[] },
  ) => Promise<void>,
  options: Partial<Omit<ListenerOptions, 'service'>> = {},
): Promise<void> {
  const events: Event[] = []
  const write = (line: string) => void events.push(JSON.parse(line) as Event)
  const log = createLog({ level: 'info', write })
  const stage = await createStage({ log, tls, proxyFrom: [`${proxy}/32`], ...options })
  const knocks: Knock[] = []
  try {
    await work(stage, {
      events,
      knock: async (from) => {
        const knock = await Knock.connect({ port: stage.listener.port, ...from })
        knocks.push(knock)
        return knock
      },
    })
  } finally {
    for (const knock of knocks) knock.close()
    await stage.close()
  }
}

const allow = (stage: Stage, ranges: readonly string[]) => {
  stage.config = { ...stage.config, allow: ranges }
}

const textHeader = (address: string) => {
  const version = address.includes(':') ? 6 : 4
  const other = version === 6 ? '::1' : '127.0.0.1'
  return Buffer.from(`PROXY TCP${version} ${address} ${other} 40000 6432\r\n`)
}

/** The same client through every kind of header. */
const headers: [string, Buffer, string][] = [
  ['version 1, IPv4', textHeader('192.0.2.1'), '192.0.2.1'],
  ['version 1, IPv6', textHeader('2001:db8::1'), '2001:db8::1'],
  [
    'version 2, IPv4',
    binaryHeader({ body: v4Body({ address: '192.0.2.1', port: 40_000 }) }),
    '192.0.2.1',
  ],
  [
    'version 2, IPv6 with TLVs',
    binaryHeader({
      family: 0x21,
      body: Buffer.concat([v6Body(`20010db8${'0'.repeat(23)}1`), Buffer.from([4, 0, 1, 0])]),
    }),
    '2001:db8::1',
  ],
  ['version 2, LOCAL', binaryHeader({ command: 0x20, family: 0 }), proxy],
  ['version 1, UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), proxy],
]

for (const [name, header, address] of headers) {
  test(`${name}: the client is ${address}, in the clear and over TLS`, async () => {
    await withStage(async (stage, { knock, events }) => {
      for (const encrypted of [false, true]) {
        allow(stage, [address])
        const client = await knock({ from: proxy, header })
        if (encrypted) await client.encrypt(tls.cert)
        assert.equal(await client.login(demo), null)
        allow(stage, ['203.0.113.0/24'])
        const other = await knock({ from: proxy, header })
        if (encrypted) await other.encrypt(tls.cert)
        assert.equal((await other.login(demo))?.code, '28P01')
        // the first one may have been told to go by now
        const refusals = events.splice(0).filter(({ event }) => event !== 'session_not_welcome')
        assert.deepEqual(refusals.map(({ event, client }) => [event, client]), [
          ['address_not_allowed', address],
          ['login_refused', address],
          ['handshake refused', address],
        ])
      }
    })
  })
}

test('a header and the first message may come in one piece, and the header byte by byte', async () => {
  await withStage(async (_, { knock }) => {
    for (const header of [textHeader('192.0.2.1'), binaryHeader({ command: 0x20, family: 0 })]) {
      const slow = await knock({ from: proxy })
      for (const byte of header) {
        await new Promise<void>((resolve) =>
          slow.socket.write(Uint8Array.of(byte), () => resolve())
        )
      }
      assert.equal(await slow.login(demo), null)
    }
  })
})

test('direct TLS may follow a header', async () => {
  await withStage(async (_, { knock }) => {
    const { connect } = await import('node:tls')
    const plain = await knock({ from: proxy, header: textHeader('192.0.2.1') })
    plain.socket.removeAllListeners('data')
    const secured = connect({
      socket: plain.socket,
      ca: tls.cert,
      servername: 'localhost',
      ALPNProtocols: ['postgresql'],
    })
    await new Promise<void>((resolve, reject) =>
      secured.once('secureConnect', resolve).once('error', reject)
    )
    assert.equal(secured.alpnProtocol, 'postgresql')
    secured.destroy()
  })
})

test('a proxy without a header is refused, whatever it sends', async () => {
  await withStage(async (_, { knock }) => {
    const cases: [Uint8Array, string][] = [
      [
        Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
        'the connection does not begin with a PROXY header',
      ],
      [Buffer.from([0x16, 3, 1, 0, 10]), 'the connection does not begin with a PROXY header'],
      [Buffer.from('PROXY TCP4 x\r\n'), 'the PROXY header is not valid'],
      [
        binaryHeader({ body: Buffer.alloc(60_000) }).subarray(0, 16),
        'the PROXY header is too long',
      ],
      [Buffer.from(`PROXY ${'x'.repeat(120)}`), 'the PROXY header is too long'],
    ]
    for (const [bytes, words] of cases) {
      const client = await knock({ from: proxy, header: bytes })
      const told = await client.message()
      assert.ok(told?.type === 'ErrorResponse')
      const { code, message } = refusedBy(told.fields)
      assert.deepEqual([code, message], ['08P01', words])
      assert.equal(await client.message(), null)
    }
  })
})

test('a header that does not come has no more time than a login', async () => {
  await withStage(async (_, { knock, events }) => {
    const silent = await knock({ from: proxy, header: Buffer.from('PROXY TCP4 192.0.2.1') })
    assert.equal(await silent.message(), null)
    assert.match(events[0]?.reason ?? '', /handshake took longer/)
  }, { handshakeWaitMs: 300 })
})

test('a header of anybody else is garbage, and the log says whose it was', async () => {
  await withStage(async (_, { knock, events }) => {
    for (const header of [textHeader('192.0.2.1'), binaryHeader({ command: 0x20, family: 0 })]) {
      const client = await knock({ from: '127.0.0.3', header })
      assert.equal(await client.message(), null)
      const [event] = events.splice(0)
      assert.equal(event?.client, '127.0.0.3')
      assert.match(event?.reason ?? '', /PROXY header of a peer that is not configured/)
    }
    const direct = await knock({ from: '127.0.0.3' })
    assert.equal(await direct.login(demo), null)
  })
})

test('connections through a proxy are counted and held back by the address of the client', async () => {
  const options = {
    limits: { unauthenticatedPerAddressMax: 2 },
    // a clock that stands still: nobody's turn comes by itself while a busy machine sleeps
    throttle: { freeMax: 0, delayMaxMs: 100, now: () => 0 },
  }
  await withStage(async (_, { knock, events }) => {
    const [one, two] = [textHeader('192.0.2.1'), textHeader('192.0.2.2')]
    const crowd = Array.from({ length: 12 }, async () => {
      const told = await (await knock({ from: proxy, header: one })).message()
      return told?.type === 'ErrorResponse' ? refusedBy(told.fields).code : assert.fail('it went')
    })
    // a third one is kept out, unless the machine stood still for so long that it has another one leave
    assert.equal(await Promise.any(crowd), '53300')
    const wrong = { ...demo, password: 'wrong' }
    assert.equal((await (await knock({ from: proxy, header: two })).login(wrong))?.code, '28P01')
    const heldBack = () => events.filter(({ event }) => event === 'login_held_back')
    assert.deepEqual(heldBack(), [])
    assert.equal((await (await knock({ from: proxy, header: two })).login(wrong))?.code, '28P01')
    assert.deepEqual(heldBack().map(({ client }) => client), ['192.0.2.2'])
    const other = await knock({ from: proxy, header: textHeader('192.0.2.3') })
    assert.equal(await other.login(demo), null)
    assert.equal(heldBack().length, 1)
  }, options)
})

/** Every message of a login that fails, and what it says. */
async function failure(client: Knock, login: { user: string; password: string }) {
  const refused = await client.login(login)
  assert.equal(await client.message(), null)
  return refused
}

test('an address outside hears what a wrong password hears, with any password and of any sync', async () => {
  await withStage(async (stage, { knock }) => {
    allow(stage, ['10.0.0.0/8', '2001:db8::/32'])
    const from = (address: string) => knock({ from: proxy, header: textHeader(address) })
    const heard: (Refused | null)[] = []
    for (
      const [user, password] of [
        [demo.user, 'demo'],
        [demo.user, 'wrong'],
        ['nobody.sync_stage1', 'x'],
        ['demo.sync_unknown', 'x'],
      ] as const
    ) {
      const refused = await failure(await from('192.0.2.1'), { user, password })
      assert.equal(refused?.message, `password authentication failed for user "${user}"`)
      heard.push({ ...refused, message: '' } as Refused)
    }
    const hint = 'The password is wrong, or the sync takes no connections from 192.0.2.1.'
    for (const each of heard) {
      assert.deepEqual(each, { code: '28P01', message: '', detail: undefined, hint })
    }
    assert.equal(await (await from('10.255.255.255')).login(demo), null)
    assert.equal(await (await from('2001:db8:ffff::')).login(demo), null)
    assert.equal(await (await from('::ffff:10.0.0.1')).login(demo), null)
    assert.equal((await (await from('11.0.0.0')).login(demo))?.code, '28P01')
    assert.equal((await (await from('2001:db9::')).login(demo))?.code, '28P01')
  })
})

test('a list that changes ends the sessions it no longer allows: a mutation is finished first', async () => {
  await withStage(async (stage, { knock }) => {
    const accept = stage.carry
    let release = (): void => {}
    const released = new Promise<void>((resolve) => release = resolve)
    stage.carry = async (mutation, options) => {
      await released
      return await accept(mutation, options)
    }
    const enter = async (address: string) => {
      const client = await knock({ from: proxy, header: textHeader(address) })
      assert.equal(await client.login(demo), null)
      return client
    }
    const [idle, busy, welcome] = [
      await enter('192.0.2.1'),
      await enter('192.0.2.2'),
      await enter('10.0.0.1'),
    ]
    busy.send(encodeQuery(`insert into salesforce.contacts (last_name) values ('Idaho')`))
    await until('the mutation is sent', () => stage.sent.length === 1)
    allow(stage, ['10.0.0.0/8'])
    const last = await idle.message()
    assert.ok(last?.type === 'ErrorResponse')
    assert.deepEqual(refusedBy(last.fields), {
      code: '57P01',
      message: 'terminating connection due to administrator command',
      detail: 'The sync takes no connections from this address any more.',
      hint: undefined,
    })
    assert.equal(await idle.message(), null)
    release()
    const answer = await busy.until('ErrorResponse')
    assert.deepEqual(answer.map(({ type }) => type), [
      'CommandComplete',
      'ReadyForQuery',
      'ErrorResponse',
    ])
    assert.equal(await busy.message(), null)
    assert.equal((await stage.sql`select from salesforce.contacts`).length, 1)
    welcome.send(encodeQuery('select 1'))
    assert.equal((await welcome.until('ReadyForQuery')).at(-1)?.type, 'ReadyForQuery')
    await until('one session to be left', () => stage.listener.sessions === 1)
  })
})
