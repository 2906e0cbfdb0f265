// Goal: an address is who it is in whatever form it comes, and is in the ranges that it is in. Method: tables.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import {
  addressKey,
  mayConnect,
  namedAfter,
  plainAddress,
  readRanges,
} from '../../src/session/peer.ts'

test('an IPv4 address in its IPv6 form is the same address, and a zone is none of it', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('::FFFF:c000:0201'), '192.0.2.1')
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  assert.equal(plainAddress(''), '')
})

test('who is counted as one: an IPv4 address, the /56 of an IPv6 address', () => {
  assert.equal(addressKey('192.0.2.1'), addressKey('::ffff:192.0.2.1'))
  assert.notEqual(addressKey('192.0.2.1'), addressKey('192.0.2.2'))
  assert.equal(addressKey('2001:db8:1:200::4'), addressKey('2001:DB8:1:2ff:ffff::1'))
  assert.notEqual(addressKey('2001:db8:1:200::1'), addressKey('2001:db8:1:300::1'))
})

test('an allowlist of IPv4 and IPv6 ranges: the edges, and one past them', () => {
  const allow = [
    '10.1.0.0/16',
    '192.0.2.7',
    '2001:db8:5::/48',
    '198.51.100.128/25',
    '203.0.113.9/32',
  ]
  const inside = [
    '10.1.0.0',
    '10.1.255.255',
    '::ffff:10.1.2.3',
    '::ffff:a01:203',
    '192.0.2.7',
    '2001:db8:5::',
    '2001:db8:5:ffff:ffff:ffff:ffff:ffff',
    '198.51.100.128',
    '198.51.100.255',
    '203.0.113.9',
  ]
  const outside = [
    '10.0.255.255',
    '10.2.0.0',
    '::ffff:10.2.0.0',
    '192.0.2.6',
    '192.0.2.8',
    '2001:db8:4:ffff::',
    '2001:db8:6::',
    '198.51.100.127',
    '203.0.113.8',
    '::1',
    '::10.1.2.3', // not the mapped form
    'not an address',
    '',
  ]
  assert.deepEqual(inside.filter((address) => !mayConnect(allow, address)), [])
  assert.deepEqual(outside.filter((address) => mayConnect(allow, address)), [])
})

test('all of IPv4 is not all of IPv6', () => {
  const [v4, v6] = [readRanges(['0.0.0.0/0']), readRanges(['::/0'])]
  assert.deepEqual([v4.has('192.0.2.1'), v4.has('::ffff:192.0.2.1'), v4.has('2001:db8::1')], [
    true,
    true,
    false,
  ])
  assert.deepEqual([v6.has('192.0.2.1'), v6.has('::ffff:192.0.2.1'), v6.has('2001:db8::1')], [
    false,
    false,
    true,
  ])
  for (const range of ['::/1', '::/80', '::fffe:0:0/95']) {
    assert.equal(readRanges([range]).has('192.0.2.1'), false, range)
  }
  assert.ok(readRanges(['::ffff:192.0.2.0/120']).has('192.0.2.1'))
})

test('without a list everybody may connect; a list that cannot be read, or is empty, allows nobody', () => {
  assert.ok(mayConnect(undefined, '192.0.2.1'))
  assert.ok(mayConnect(undefined, ''))
  assert.ok(!mayConnect([], '192.0.2.1'))
  for (const text of ['10.0.0.0/33', '10.0.0/8', 'example.com', '::/129', '', '10.0.0.0/-1']) {
    assert.throws(() => readRanges([text]), RangeError, text)
    assert.ok(!mayConnect(['0.0.0.0/0', text], '192.0.2.1'), text)
  }
})

test('application_name ends with the address, and is cut before it is', () => {
  const peer = { address: '192.0.2.1', port: 40_000 }
  const name = (given: Record<string, string>) =>
    namedAfter(peer, new Map(Object.entries(given))).get('application_name')
  assert.equal(name({}), '192.0.2.1:40000')
  assert.equal(name({ application_name: 'psql' }), 'psql - 192.0.2.1:40000')
  const cut = name({ application_name: 'é'.repeat(60) }) ?? ''
  assert.ok(Buffer.byteLength(cut) <= 63 && cut.endsWith('é - 192.0.2.1:40000'), cut)
})
