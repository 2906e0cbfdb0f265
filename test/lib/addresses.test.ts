// Goal: nothing is connected to that is not allowed, whatever it is called and whatever its name stands for a moment
// later. Method: every special range at its edges, real sockets, and names that change their address.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  AddressNotAllowed,
  anyAddress,
  baseUrlFlaw,
  checkLiteral,
  guardAddresses,
  guardedLookup,
  isPublicAddress,
  parseAddress,
  parseGuard,
  parseRange,
  type Resolve,
} from '../../src/lib/addresses.ts'
import { createHttp, type Http, HttpFailure } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Fault } from '../../src/mutation/fault.ts'
import { loginDatabase } from '../../src/session/login.ts'
import { runsOf } from '../help/property.ts'

const inside = [
  '0.0.0.0',
  '0.255.255.255',
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.100.100.200',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '168.63.129.16',
  '169.254.0.0',
  '169.254.169.254',
  '169.254.255.255',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.0',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.7',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:169.254.169.254',
  '::FFFF:A9FE:A9FE',
  '0:0:0:0:0:ffff:10.0.0.1',
  '64:ff9b::127.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:1ff:ffff::',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:a9fe:a9fe::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '[::1]',
]

const outside = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.1',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
  '2001:200::',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '[2606:4700:4700::1111]',
]

test('what is not on the public internet is refused, at the edges of every range', () => {
  const guard = guardAddresses([])
  for (const address of inside) {
    assert.equal(isPublicAddress(address), false, address)
    assert.equal(guard.allows(address), false, address)
    assert.throws(() => checkLiteral(guard, address), AddressNotAllowed, address)
  }
  for (const address of outside) {
    assert.equal(isPublicAddress(address), true, address)
    assert.equal(guard.allows(address), true, address)
    checkLiteral(guard, address)
  }
})

test('what is no address is not allowed as one', () => {
  const guard = guardAddresses(['0.0.0.0/0', '::/0'])
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '01.2.3.4', '0x7f.1', '1:2', ':::']) {
    assert.equal(parseAddress(text), null, text)
    assert.equal(guard.allows(text), false, text)
  }
})

test('what is no range, or takes in more than it seems to, is refused', () => {
  const bad = [
    '10.0.0.0/8/24',
    '10.0.0.0/8/',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '2001:db8::/32/64',
    '2001:db8::/129',
    '::ffff:10.0.0.0/8',
    '::ffff:0:0/95',
    '::ffff:0:0/0',
    '/8',
    '',
  ]
  for (const text of bad) assert.throws(() => parseRange(text), RangeError, text)
  const good: [string, number][] = [
    ['10.0.0.0/8', 104],
    ['0.0.0.0/0', 96],
    ['::ffff:0:0/96', 96],
    ['::ffff:10.0.0.0/104', 104],
    ['::/0', 0],
  ]
  for (const [text, bits] of good) assert.equal(parseRange(text).bits, bits, text)
})

test('a guard that allows all of IPv6 allows no more of IPv4', () => {
  const guard = guardAddresses(['::/0'])
  assert.ok(guard.allows('fd00::1'))
  for (const address of ['10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1']) {
    assert.equal(guard.allows(address), false, address)
  }
})

test('IPv6 is read as the runtime writes it', () => {
  const group = fc.integer({ min: 0, max: 0xffff })
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const text = groups.map((one) => one.toString(16)).join(':')
      const short = new URL(`http://[${text}]/`).hostname
      const bytes = Uint8Array.from(groups.flatMap((one) => [one >> 8, one & 0xff]))
      assert.deepEqual(parseAddress(text), bytes)
      assert.deepEqual(parseAddress(short), bytes, short)
    }),
    runsOf(),
  )
})

test('an operator allows ranges, of either version, or everything', () => {
  const guard = parseGuard(' 10.1.0.0/16, 127.0.0.1,fd00::/8 ,192.168.0.0/31')
  const cases: [string, boolean][] = [
    ['10.1.255.255', true],
    ['10.2.0.0', false],
    ['127.0.0.1', true],
    ['::ffff:127.0.0.1', true],
    ['127.0.0.2', false],
    ['fdff::1', true],
    ['fc00::1', false],
    ['192.168.0.1', true],
    ['192.168.0.2', false],
    ['8.8.8.8', true],
  ]
  for (const [address, allowed] of cases) assert.equal(guard.allows(address), allowed, address)
  assert.equal(parseGuard('allow'), anyAddress)
  assert.equal(parseGuard('').allows('10.0.0.1'), false)
  assert.deepEqual([guard, parseGuard(''), anyAddress].map((each) => each.inside), [
    true,
    false,
    true,
  ])
  for (
    const wrong of [
      'all',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10/8',
      '1.1.1.1/1e1',
    ]
  ) {
    assert.throws(() => parseGuard(wrong), RangeError, wrong)
  }
})

test('a base URL is https, names no user, and leads where it may', () => {
  const none = parseGuard('')
  const some = parseGuard('127.0.0.0/8')
  const cases: [string, typeof none, string | null][] = [
    ['https://api.example.com', none, null],
    ['https://api.example.com/v1', none, null],
    ['http://api.example.com', none, 'is not https'],
    ['http://8.8.8.8', some, 'is not https'],
    ['http://127.0.0.1:8788/salesforce', some, null],
    ['http://sandbox.internal', some, null],
    ['http://127.0.0.1', none, 'has an address that is not allowed: 127.0.0.1'],
    ['https://169.254.169.254/latest', none, 'has an address that is not allowed: 169.254.169.254'],
    ['https://2130706433', none, 'has an address that is not allowed: 127.0.0.1'],
    ['https://0x7f.1', none, 'has an address that is not allowed: 127.0.0.1'],
    ['https://017700000001', none, 'has an address that is not allowed: 127.0.0.1'],
    ['https://[::ffff:7f00:1]', none, 'has an address that is not allowed: [::ffff:7f00:1]'],
    ['https://①②⑦.0.0.1', none, 'has an address that is not allowed: 127.0.0.1'],
    ['https://user:pw@api.example.com', none, 'has a user or a password in it'],
    ['https://api.example.com@evil.example', none, 'has a user or a password in it'],
    ['https://api.example.com?x=1', none, 'has a query or a fragment'],
    ['https://api.example.com#x', none, 'has a query or a fragment'],
    ['file:///etc/passwd', anyAddress, 'is not an address of the web'],
    ['gopher://x', anyAddress, 'is not an address of the web'],
    ['', anyAddress, 'is not an address of the web'],
  ]
  for (const [url, guard, flaw] of cases) assert.equal(baseUrlFlaw(url, guard), flaw, url)
})

let server: HttpServer
let url: (host: string) => string
let requests = 0
const https: Http[] = []

before(async () => {
  server = createServer((_, response) => {
    requests += 1
    response.end('reached')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = (host) => `http://${host}:${(server.address() as AddressInfo).port}/`
})

after(async () => {
  await Promise.all(https.map((http) => http.close()))
  server.closeAllConnections()
  server.close()
})

function guarded(allowed: string, resolve?: Resolve): Http {
  const http = createHttp({
    guard: parseGuard(allowed),
    ...(resolve === undefined ? {} : { resolve }),
  })
  https.push(http)
  return http
}

const get = (http: Http, host: string) =>
  http.send({ method: 'GET', url: url(host), waitMs: 60_000 })

async function refused(work: Promise<unknown>, pattern: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof HttpFailure, String(error))
    assert.match(error.message, pattern)
    assert.equal(error.sent, false)
    return true
  })
}

/** A name server that gives the next address each time. */
function names(...addresses: string[]): Resolve & { asked: string[] } {
  const asked: string[] = []
  const resolve: Resolve = (name, _, callback) => {
    asked.push(name)
    const address = addresses.length > 1 ? addresses.shift() : addresses[0]
    callback(null, [{ address: address ?? '', family: address?.includes(':') ? 6 : 4 }])
  }
  return Object.assign(resolve, { asked })
}

test('a guarded transport sends nothing to a literal address that is not allowed', async () => {
  const before = requests
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', '0', 'localhost']) {
    await refused(get(guarded(''), host), /address not allowed/)
  }
  assert.equal(requests, before)
  assert.equal((await get(guarded('127.0.0.0/8'), '127.0.0.1')).body, 'reached')
  assert.equal((await get(guarded('allow'), '127.0.0.1')).body, 'reached')
})

test('it is decided on what a name stands for when it is connected to', async () => {
  const before = requests
  const rebinding = names('127.0.0.1')
  await refused(
    get(guarded('', rebinding), 'rebinding.example'),
    /address not allowed: 127\.0\.0\.1/,
  )
  assert.deepEqual(rebinding.asked, ['rebinding.example'])
  const both: Resolve = (_name, _options, callback) =>
    callback(null, [{ address: '10.9.9.9', family: 4 }, { address: '127.0.0.1', family: 4 }])
  assert.equal((await get(guarded('127.0.0.1', both), 'both.example')).body, 'reached')
  assert.equal(requests, before + 1)
})

test('a name that changes its address is looked at again for every connection', async () => {
  const allowed = names('127.0.0.1', '169.254.169.254')
  const http = guarded('127.0.0.1', allowed)
  assert.equal((await get(http, 'changing.example')).body, 'reached')
  server.closeAllConnections()
  await refused(
    (async () => {
      for (;;) await get(http, 'changing.example')
    })().catch((error: unknown) => {
      // the connection that was kept may be closed under the first request
      if (error instanceof HttpFailure && error.sent) return get(http, 'changing.example')
      throw error
    }),
    /address not allowed: 169\.254\.169\.254/,
  )
})

test('a lookup gives allowed addresses only, one or all', async () => {
  const several: Resolve = (_name, _options, callback) =>
    callback(null, [
      { address: '::1', family: 6 },
      { address: '8.8.8.8', family: 4 },
      { address: '10.0.0.1', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ])
  const look = guardedLookup(guardAddresses([]), several)
  const all = await new Promise((resolve) => look('x', { all: true }, (...got) => resolve(got)))
  assert.deepEqual(all, [null, [
    { address: '8.8.8.8', family: 4 },
    { address: '2606:4700::1', family: 6 },
  ]])
  const one = await new Promise((resolve) => look('x', {}, (...got) => resolve(got)))
  assert.deepEqual(one, [null, '8.8.8.8', 4])
})

test('a database address is held to the same, before a byte is sent to it', async () => {
  let connections = 0
  const fake = createTcpServer((socket) => {
    connections += 1
    socket.destroy()
  })
  fake.listen(0, '127.0.0.1')
  await once(fake, 'listening')
  const { port } = fake.address() as AddressInfo
  const login = (host: string, allowed: string) =>
    loginDatabase({ host, port, database: 'd', user: 'u', password: 'p', sslmode: 'disable' }, {
      parameters: new Map(),
      waitMs: 60_000,
      log: silentLog,
      approach: { guard: parseGuard(allowed) },
    })
  try {
    for (const host of ['127.0.0.1', '::ffff:127.0.0.1', 'localhost', '2130706433', '0x7f.1']) {
      await assert.rejects(login(host, ''), (error: unknown) => {
        assert.ok(error instanceof Fault)
        assert.equal(error.code, 'database_unreachable')
        assert.match(error.data.detail ?? '', /address not allowed/, host)
        return true
      })
    }
    assert.equal(connections, 0)
    await assert.rejects(login('127.0.0.1', '127.0.0.1'), /database/)
    assert.equal(connections, 1)
  } finally {
    fake.close()
  }
})

test('a runtime asks the lookup that it is given', async () => {
  const asked = names('127.0.0.1')
  const socket = connect({
    host: 'somewhere.example',
    port: (server.address() as AddressInfo).port,
    lookup: guardedLookup(anyAddress, asked),
  })
  await once(socket, 'connect')
  assert.equal(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
  assert.deepEqual(asked.asked, ['somewhere.example'])
})
