// Goal: the first packet is read as Postgres reads it, within Postgres's limit. Method: bytes, at limit and limit + 1.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import {
  cancelKeySizeMax,
  decodeStartup,
  encodeCancelRequest,
  encodeStartupMessage,
  gssencRequest,
  sslRequest,
  startupSize,
  startupSizeMax,
} from '../../src/wire/startup.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'
import { encodeMessage } from '../../src/wire/writer.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const refuses = (bytes: Uint8Array, message: string, sqlstate = '08P01') =>
  assert.throws(() => decodeStartup(bytes), (error: unknown) => {
    assert.ok(error instanceof ProtocolViolation)
    assert.deepEqual([error.message, error.sqlstate], [message, sqlstate])
    return true
  })

test('the requests have the bytes of the manual', () => {
  assert.equal(hex(sslRequest), '00000008' + '04d2162f')
  assert.equal(hex(gssencRequest), '00000008' + '04d21630')
  assert.equal(
    hex(encodeCancelRequest(258, Uint8Array.of(1, 2, 3, 4))),
    '00000010' + '04d2162e' + '00000102' + '01020304',
  )
  assert.equal(
    hex(encodeStartupMessage({ major: 3, minor: 0, parameters: [['user', 'a']] })),
    '00000010' + '00030000' + '7573657200' + '6100' + '00',
  )
  assert.deepEqual(decodeStartup(sslRequest), { type: 'SSLRequest' })
  assert.deepEqual(decodeStartup(gssencRequest), { type: 'GSSENCRequest' })
})

test('a StartupMessage gives its parameters, and the options of the protocol apart', () => {
  const bytes = encodeStartupMessage({
    major: 3,
    minor: 9,
    parameters: [
      ['user', 'demo.sync_a'],
      ['application_name', 'é'],
      ['_pq_.some', '1'],
      ['user', 'last.sync_b'],
      ['options', ''],
    ],
  })
  assert.deepEqual(decodeStartup(bytes), {
    type: 'StartupMessage',
    major: 3,
    minor: 9,
    parameters: new Map([['user', 'last.sync_b'], ['application_name', 'é'], ['options', '']]),
    options: ['_pq_.some'],
  })
})

test('the length is known from four bytes on and bounded as in Postgres', () => {
  assert.equal(startupSize(Uint8Array.of(0, 0, 0)), undefined)
  const header = (size: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    return bytes
  }
  assert.equal(startupSize(header(8)), 8)
  assert.equal(startupSize(header(startupSizeMax + 4)), 10_004)
  for (const size of [startupSizeMax + 5, 7, 0, -1, 0x16030100]) {
    assert.throws(() => startupSize(header(size)), { message: 'invalid length of startup packet' })
  }
})

test('other versions are refused in the words of Postgres', () => {
  const version = (major: number, minor: number) =>
    encodeStartupMessage({ major, minor, parameters: [['user', 'a']] })
  const words = (version: string) =>
    `unsupported frontend protocol ${version}: server supports 3.0 to 3.2`
  refuses(version(2, 0), words('2.0'), '0A000')
  refuses(version(4, 1), words('4.1'), '0A000')
  refuses(version(65_535, 65_535), words('65535.65535'), '0A000')
})

test('a StartupMessage without its end is refused at every length', () => {
  const whole = encodeStartupMessage({
    major: 3,
    minor: 0,
    parameters: [['user', 'demo'], ['database', 'd']],
  })
  const layout = 'invalid startup packet layout: expected terminator as last byte'
  for (let size = 8; size < whole.length; size += 1) {
    const cut = Buffer.from(whole.subarray(0, size))
    cut.writeInt32BE(size)
    refuses(cut, layout)
  }
  const longer = Buffer.concat([whole, Buffer.from([0])])
  longer.writeInt32BE(longer.length)
  refuses(longer, layout)
  refuses(whole.subarray(0, 20), 'incomplete startup packet')
})

test('a CancelRequest may bear a key of 1 to 256 bytes', () => {
  for (const size of [1, 4, 32, cancelKeySizeMax]) {
    const secret = new Uint8Array(size).fill(7)
    assert.deepEqual(decodeStartup(encodeCancelRequest(-5, secret)), {
      type: 'CancelRequest',
      pid: -5,
      secret,
    })
  }
  const words = 'invalid length of cancel key in cancel request packet'
  refuses(encodeCancelRequest(1, new Uint8Array(0)), words)
  refuses(encodeCancelRequest(1, new Uint8Array(cancelKeySizeMax + 1)), words)
  refuses(
    encodeMessage(null, (writer) => writer.int32(80877102)),
    'invalid length of cancel request packet',
  )
})
