// Goal: what a server says is read and written exactly. Method: round trips, every truncation, bytes of the manual.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as backend from '../../src/wire/backend.ts'
import { encodeFault } from '../../src/wire/fault.ts'
import { ProtocolViolation } from '../../src/wire/violation.ts'
import { encodeMessage } from '../../src/wire/writer.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const decode = (bytes: Uint8Array) => backend.decodeBackend({ tag: bytes[0] ?? 0, bytes })
const bytes = (text: string) => Uint8Array.from(Buffer.from(text))

const field = {
  name: 'id',
  tableOid: 4_000_000_000,
  columnNumber: -1,
  typeOid: 25,
  typeSize: -1,
  typeModifier: -1,
  format: 1,
}

const cases: [Uint8Array, unknown][] = [
  [backend.authenticationOk, { type: 'AuthenticationOk' }],
  [backend.authenticationCleartextPassword, { type: 'AuthenticationCleartextPassword' }],
  [
    backend.encodeAuthenticationMD5Password(bytes('salt')),
    { type: 'AuthenticationMD5Password', salt: bytes('salt') },
  ],
  [
    backend.encodeAuthenticationSASL(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']),
    { type: 'AuthenticationSASL', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] },
  ],
  [
    backend.encodeParameterStatus('TimeZone', 'Asia/Kolkata'),
    { type: 'ParameterStatus', name: 'TimeZone', value: 'Asia/Kolkata' },
  ],
  [
    backend.encodeBackendKeyData(-7, new Uint8Array(256).fill(9)),
    { type: 'BackendKeyData', pid: -7, secret: new Uint8Array(256).fill(9) },
  ],
  [backend.encodeReadyForQuery('I'), { type: 'ReadyForQuery', status: 'I' }],
  [backend.encodeReadyForQuery('T'), { type: 'ReadyForQuery', status: 'T' }],
  [backend.encodeReadyForQuery('E'), { type: 'ReadyForQuery', status: 'E' }],
  [
    backend.encodeErrorResponse([['S', 'ERROR'], ['C', '42P01'], ['M', 'gone'], ['P', '15']]),
    {
      type: 'ErrorResponse',
      fields: new Map([['S', 'ERROR'], ['C', '42P01'], ['M', 'gone'], ['P', '15']]),
    },
  ],
  [
    backend.encodeNoticeResponse([['V', 'INFO'], ['D', 'é']]),
    { type: 'NoticeResponse', fields: new Map([['V', 'INFO'], ['D', 'é']]) },
  ],
  [backend.encodeCommandComplete('INSERT 0 1'), { type: 'CommandComplete', tag: 'INSERT 0 1' }],
  [
    backend.encodeParameterDescription([23, 4_000_000_000]),
    { type: 'ParameterDescription', parameterTypes: [23, 4_000_000_000] },
  ],
  [
    backend.encodeNegotiateProtocolVersion({ major: 3, minor: 2, options: ['_pq_.a', '_pq_.b'] }),
    { type: 'NegotiateProtocolVersion', major: 3, minor: 2, options: ['_pq_.a', '_pq_.b'] },
  ],
  [
    encodeMessage('A', (writer) => writer.int32(5).cstring('channel').cstring('payload')),
    { type: 'NotificationResponse', pid: 5, channel: 'channel', payload: 'payload' },
  ],
]

test('messages survive a round trip, and no truncation or byte too many is accepted', () => {
  for (const [message, expected] of cases) {
    assert.deepEqual(decode(message), expected)
    const free = ['BackendKeyData'].includes((expected as { type: string }).type) // ends in bytes of any number
    for (let size = 5; size < message.length && !free; size += 1) {
      assert.throws(() => decode(message.subarray(0, size)), ProtocolViolation, hex(message))
    }
    if (!free) assert.throws(() => decode(Buffer.concat([message, bytes('x')])), ProtocolViolation)
  }
})

test('rows and their description survive a round trip', () => {
  const description = decode(backend.encodeRowDescription([field, { ...field, name: 'naïve' }]))
  assert.ok(description.type === 'RowDescription')
  assert.deepEqual(
    description.fields.map((one) => ({ ...one, name: one.name.text })),
    [field, { ...field, name: 'naïve' }],
  )
  const row = decode(backend.encodeDataRow([bytes('a'), null, bytes('')]))
  assert.ok(row.type === 'DataRow')
  assert.deepEqual(row.values.map((one) => one && hex(one)), ['61', null, ''])
  const cut = backend.encodeDataRow([bytes('abc')]).subarray(0, 12)
  assert.throws(() => decode(cut), ProtocolViolation)
})

test('constant messages have the bytes of the manual', () => {
  assert.equal(hex(backend.authenticationOk), '52' + '00000008' + '00000000')
  assert.equal(hex(backend.encodeReadyForQuery('T')), '5a' + '00000005' + '54')
  assert.equal(
    [
      backend.parseComplete,
      backend.bindComplete,
      backend.closeComplete,
      backend.noData,
      backend.portalSuspended,
      backend.emptyQueryResponse,
    ].map((message) => String.fromCharCode(message[0] ?? 0) + hex(message.subarray(1))).join(' '),
    ['1', '2', '3', 'n', 's', 'I'].map((tag) => `${tag}00000004`).join(' '),
  )
  assert.equal(
    hex(backend.encodeNegotiateProtocolVersion({ major: 3, minor: 2, options: [] })),
    '76' + '0000000c' + '00030002' + '00000000',
  )
})

test('SASL data is given as it is', () => {
  const first = decode(backend.encodeAuthenticationSASLContinue('r=x'))
  assert.ok(first.type === 'AuthenticationSASLContinue')
  assert.equal(hex(first.data), hex(bytes('r=x')))
  const final = decode(backend.encodeAuthenticationSASLFinal('v=x'))
  assert.ok(final.type === 'AuthenticationSASLFinal')
  assert.equal(hex(final.data), hex(bytes('v=x')))
})

test('methods and messages that are not known are named by their code', () => {
  const gss = encodeMessage('R', (writer) => writer.int32(7))
  assert.deepEqual(decode(gss), { type: 'AuthenticationOther', code: 7 })
  assert.deepEqual(decode(backend.parseComplete), { type: 'Other', tag: 0x31 })
})

test('a transaction status that does not exist is refused', () => {
  assert.throws(
    () => decode(encodeMessage('Z', (writer) => writer.int8(0x58))),
    { message: 'invalid transaction status 88' },
  )
})

test('a fault becomes an ErrorResponse with its fields, and a NUL in it does no harm', () => {
  const encoded = encodeFault({
    sqlstate: '23514',
    message: 'Salesforce validation error',
    detail: 'Key (email)=(pau\0ldune.co) is not valid.',
    hint: 'Correct it.',
    schema: 'salesforce',
    table: 'contacts',
    column: 'email',
    constraint: 'INVALID_EMAIL_ADDRESS',
  })
  const message = decode(encoded)
  assert.ok(message.type === 'ErrorResponse')
  assert.deepEqual([...message.fields], [
    ['S', 'ERROR'],
    ['V', 'ERROR'],
    ['C', '23514'],
    ['M', 'Salesforce validation error'],
    ['D', 'Key (email)=(pau\ufffdldune.co) is not valid.'],
    ['H', 'Correct it.'],
    ['s', 'salesforce'],
    ['t', 'contacts'],
    ['c', 'email'],
    ['n', 'INVALID_EMAIL_ADDRESS'],
  ])
  const fatal = decode(encodeFault({ sqlstate: '28P01', message: 'no' }, 'FATAL'))
  assert.ok(fatal.type === 'ErrorResponse')
  assert.deepEqual([...fatal.fields.keys()], ['S', 'V', 'C', 'M'])
  assert.equal(fatal.fields.get('S'), 'FATAL')
})
