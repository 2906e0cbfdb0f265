// Goal: a PROXY header of either version is read as its specification says, whole or not at all, and nothing behind it is
// touched. Method: headers as the specification shows them, cut at every byte; what is no header, each for its reason.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  looksProxied,
  NoProxyHeader,
  proxyHeaderMax,
  readProxyHeader,
} from '../../src/session/proxy-header.ts'
import { runsOf } from '../help/property.ts'
import { binaryHeader, v4Body, v6Body } from '../help/proxy.ts'

const text = (header: string) => Buffer.from(header, 'latin1')
const client = { address: '192.0.2.1', port: 56_324 }
const longest = `PROXY UNKNOWN ${'f'.repeat(107 - 16)}\r\n`

const valid: [string, Buffer, typeof client | null][] = [
  ['TCP4', text('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n'), client],
  ['TCP6', text('PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n'), {
    address: '2001:db8::1',
    port: 56_324,
  }],
  ['TCP6 mapped', text('PROXY TCP6 ::ffff:192.0.2.1 ::1 56324 443\r\n'), client],
  ['UNKNOWN', text('PROXY UNKNOWN\r\n'), null],
  ['UNKNOWN with more', text('PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n'), null],
  ['the longest', text(longest), null],
  ['v2 over IPv4', binaryHeader({ body: v4Body(client) }), client],
  [
    'v2 over IPv6',
    binaryHeader({ family: 0x21, body: v6Body('20010db8' + '0'.repeat(23) + '1') }),
    {
      address: '2001:db8::1',
      port: 56_324,
    },
  ],
  [
    'v2 mapped',
    binaryHeader({ family: 0x21, body: v6Body(`${'0'.repeat(20)}ffffc0000201`) }),
    client,
  ],
  // PP2_TYPE_AUTHORITY and PP2_TYPE_NOOP behind the addresses
  [
    'v2 with TLVs',
    binaryHeader({
      body: Buffer.concat([v4Body(client), Buffer.from([2, 0, 3, 0x61, 0x62, 0x63, 4, 0, 0])]),
    }),
    client,
  ],
  ['v2 LOCAL', binaryHeader({ command: 0x20, family: 0 }), null],
  ['v2 LOCAL with an address', binaryHeader({ command: 0x20, body: v4Body(client) }), null],
  ['v2 UNSPEC', binaryHeader({ family: 0, body: Buffer.alloc(5) }), null],
  [
    'v2 as long as may be',
    binaryHeader({
      body: Buffer.concat([v4Body(client), Buffer.alloc(proxyHeaderMax - 16 - 12)]),
    }),
    client,
  ],
]

for (const [name, header, peer] of valid) {
  test(`${name}: read when it is whole, wherever it was cut, and what follows is not touched`, () => {
    for (let size = 0; size < header.length; size += 1) {
      assert.equal(readProxyHeader(header.subarray(0, size)), null, `${size} bytes`)
    }
    const read = readProxyHeader(Buffer.concat([header, Buffer.from('PROXY what follows')]))
    assert.deepEqual(read, { peer, size: header.length })
  })
}

test('what is no header is refused for its reason', () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), /does not begin/],
    [text('PROXX TCP4'), /does not begin/],
    [text('GET / HTTP/1.1\r\n'), /does not begin/],
    [Buffer.from([0x16, 3, 1]), /does not begin/],
    [text(longest.replace('\r\n', 'f\r\n')), /too long/],
    [text('PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n'), /not valid/],
    [text('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 x\r\n'), /not valid/],
    [text('PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n'), /not valid/],
    [text('PROXY TCP4 ::1 ::1 56324 443\r\n'), /not valid/],
    [text('PROXY TCP6 192.0.2.1 ::1 56324 443\r\n'), /not valid/],
    [text('PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n'), /not valid/],
    [text('PROXY TCP4 192.0.2.1 198.51.100.7 0443 443\r\n'), /not valid/],
    [text('PROXY TCP4  192.0.2.1 198.51.100.7 1 2\r\n'), /not valid/],
    [text('PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n'), /not valid/],
    [text('PROXY \r\n'), /not valid/],
    [binaryHeader({ command: 0x11, body: v4Body(client) }), /version is not known/],
    [binaryHeader({ command: 0x22, body: v4Body(client) }), /command is not known/],
    [binaryHeader({ family: 0x12, body: v4Body(client) }), /not for TCP/],
    [binaryHeader({ family: 0x31, body: Buffer.alloc(216) }), /not for TCP/],
    [binaryHeader({ body: Buffer.alloc(11) }), /shorter than its addresses/],
    [binaryHeader({ family: 0x21, body: Buffer.alloc(35) }), /shorter than its addresses/],
    [binaryHeader({ body: Buffer.alloc(proxyHeaderMax - 15) }), /too long/],
    // said to be long: not waited for
    [binaryHeader({ body: Buffer.alloc(60_000) }).subarray(0, 16), /too long/],
  ]
  for (const [bytes, reason] of cases) {
    assert.throws(
      () => readProxyHeader(bytes),
      (error) => error instanceof NoProxyHeader && reason.test(error.message),
      `${reason} ${bytes.subarray(0, 40).toString('latin1')}`,
    )
  }
})

test('any bytes give a header, ask for more within the bound, or are refused', () => {
  const start = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    binaryHeader({}).subarray(0, 12),
    binaryHeader({}).subarray(0, 14),
  )
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (front, back) => {
      const bytes = Buffer.concat([front, back])
      try {
        const read = readProxyHeader(bytes)
        if (read !== null) assert.ok(read.size <= bytes.length)
      } catch (error) {
        assert.ok(error instanceof NoProxyHeader)
      }
    }),
    runsOf(),
  )
  assert.throws(() => readProxyHeader(Buffer.concat([Buffer.from('PROXY '), Buffer.alloc(101)])))
})

test('for the log, a header where none is expected is told from garbage', () => {
  assert.ok(looksProxied(text('PROXY TCP4 1.2.3.4')))
  assert.ok(looksProxied(binaryHeader({})))
  assert.ok(!looksProxied(text('POST / HTTP/1.1')))
  assert.ok(!looksProxied(Buffer.from([0xff, 0xff, 0xff, 0xff])))
})
