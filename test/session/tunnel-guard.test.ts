// Goal: behind a bastion private addresses are reached, and nothing that is the bastion itself or the host it runs on,
// however it is written.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anyAddress, guardAddresses } from '../../src/lib/addresses.ts'
import { behindFlaw } from '../../src/session/tunnel-guard.ts'

const internet = guardAddresses([])
const bastion = 'bastion.example.com'

test('private addresses and names of the network behind it may be reached', () => {
  const hosts = ['10.0.0.5', '172.16.3.1', '192.168.1.1', '100.64.0.1', 'fd12::5', '8.8.8.8', 'db']
  const names = [
    'db.internal',
    'DB-1.example.com.',
    '_pg.svc.cluster.local',
    '10-0-0-5.ip.internal',
  ]
  for (const host of [...hosts, ...names, '2600:1f18::1']) {
    assert.equal(behindFlaw(host, { guard: internet, bastion }), null, host)
  }
})

test('the bastion itself, its link, its host and its metadata may not', () => {
  const addresses = ['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.169.254', '168.63.129.16', '::1']
  const more = [
    '::',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '64:ff9b:1:ffff::1',
  ]
  const rest = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '224.0.0.1', '255.255.255.255']
  const names = ['localhost', 'LOCALHOST.', 'a.localhost', 'ip6-loopback', 'localhost.localdomain']
  const cloud = ['metadata.google.internal', 'metadata', 'instance-data', '2002:7f00:1::']
  for (const host of [...addresses, ...more, ...rest, ...names, ...cloud]) {
    assert.notEqual(behindFlaw(host, { guard: internet, bastion }), null, host)
    assert.equal(
      behindFlaw(host, { guard: anyAddress, bastion }),
      null,
      `${host}, where all is allowed`,
    )
  }
})

test('what only a resolver takes for an address, and what is no host, may never', () => {
  const odd = [
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '017700000001',
    '127.0.0.01',
    '1.2',
  ]
  for (const host of [...odd, '', '/var/run/postgresql', 'a b', '-x', 'db,other', 'db\0', 'dü']) {
    assert.notEqual(behindFlaw(host, { guard: anyAddress, bastion }), null, host)
  }
})

test('what the guard allows may be reached: a range, or a name that stands for one', () => {
  const local = guardAddresses(['127.0.0.0/8'])
  assert.equal(behindFlaw('127.0.0.1', { guard: local, bastion }), null)
  assert.equal(behindFlaw('localhost', { guard: local, bastion }), null)
  assert.notEqual(behindFlaw('169.254.169.254', { guard: local, bastion }), null)
  assert.notEqual(behindFlaw('metadata', { guard: local, bastion }), null)
})

test("the bastion's own host may not, by its name or by its address, unless this machine is allowed", () => {
  const own: readonly (readonly [host: string, bastion: string])[] = [
    ['bastion.example.com', bastion],
    ['BASTION.example.com.', bastion],
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:0::9', '2001:DB8::9'],
  ]
  for (const [host, bastion] of own) {
    assert.equal(behindFlaw(host, { guard: internet, bastion }), 'is the bastion itself', host)
    assert.equal(behindFlaw(host, { guard: anyAddress, bastion }), null, host)
  }
  assert.equal(behindFlaw('203.0.113.10', { guard: internet, bastion: '203.0.113.9' }), null)
  assert.equal(behindFlaw('db.example.com', { guard: internet, bastion }), null)
})
